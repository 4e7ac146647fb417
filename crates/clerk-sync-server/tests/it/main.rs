//! The real binary, as a child process, against an emulated Clerk and real databases.
//!
//! `scripts/with-databases cargo test -p clerk-sync-server --test it`

#[cfg(test)]
mod adoption;
#[cfg(test)]
mod behind_nginx;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod conflicts;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod held_back;
#[cfg(test)]
mod hosts;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod linking;
#[cfg(test)]
mod people;
#[cfg(test)]
mod privacy;
#[cfg(test)]
mod proxies;
#[cfg(test)]
mod reconcile;
#[cfg(test)]
mod remapped;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod survival;
#[cfg(test)]
mod webhooks;
