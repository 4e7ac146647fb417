//! `POST /clerk/webhooks`: every answer, and what is in the table by then.

mod answers;
mod bodies;
mod healing;
mod order;
mod outages;
mod signatures;
