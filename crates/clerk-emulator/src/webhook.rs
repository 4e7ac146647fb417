//! Webhooks as Svix delivers them for Clerk: signed, repeated on failure, in no promised order.

mod delivery;
mod dispatcher;
mod endpoint;
mod message;
mod queue;
mod schedule;
mod signature;

pub(crate) use delivery::DeliveryLog;
pub use delivery::{Delivery, DeliveryState};
pub(crate) use dispatcher::{DispatcherContext, run};
pub(crate) use endpoint::{Endpoint, EndpointError};
pub(crate) use message::{HttpRequest, Message, envelope};
pub(crate) use queue::Queue;
pub(crate) use signature::Signer;
