//! The emulator over HTTP and through its handle.

#[cfg(test)]
mod bulk;
#[cfg(test)]
mod control;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod frontend;
#[cfg(test)]
mod handshake;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod list_faults;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod organizations;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod users;
#[cfg(test)]
mod walks;
#[cfg(test)]
mod webhooks;
