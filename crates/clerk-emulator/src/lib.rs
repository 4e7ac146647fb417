//! A local Clerk for development and tests: no keys, no internet.
//!
//! [`Emulator::start`] serves one instance of Clerk: its Backend API with real state behind it, as much of its Frontend
//! API as signing up, signing in and handshakes need, webhooks signed and repeated as Svix does for Clerk, session tokens
//! that verify, and faults on request. Clerk's own SDKs work against it unchanged once `CLERK_API_URL` and
//! `CLERK_PROXY_URL` both name it. The publishable key decides whether the Frontend API acts as in development or as in
//! production.
//!
//! What Rust code does through [`Handle`], other languages do under `/__emulator` on the same address. These paths
//! ask for no key, so the listener should be on loopback.
//!
//! | request | does |
//! |---|---|
//! | `POST /__emulator/faults` | sets one [`Fault`] or an array of them, such as `{"kind": "webhook_drop", "times": 1}`; answers `{"ids": […]}` |
//! | `GET`, `DELETE /__emulator/faults` | lists, removes all |
//! | `DELETE /__emulator/faults/{id}` | removes one |
//! | `GET /__emulator/deliveries` | the log of webhooks ([`Delivery`]), oldest first |
//! | `POST /__emulator/deliveries/{id}/resend` | sends one again under its old id |
//! | `POST /__emulator/settle` | answers the log once nothing is pending |
//! | `POST /__emulator/release` | lets go what a reorder fault holds back |
//! | `PUT /__emulator/webhook` | `{"url": …, "secrets": […]}`: where events go (`null`: nowhere), what they are signed with |
//! | `POST /__emulator/events` | `{"type": …, "data": …}`: sends any event |
//! | `POST /__emulator/session_tokens` | a token of a new session of `user_id` (optionally in `organization_id`), or of `session_id`; the rest as in [`TokenOptions`]: `authorized_party`, `expires_in_seconds`, `issued_in_seconds`, `not_before_in_seconds`, `category`, `key_id`, `version` (1, 2), `status` (`active`, `pending`), `actor`, `plan`, `features`, `claims` |
//! | `POST /__emulator/tokens` | `{"header": {…}, "claims": {…}}`: signs any token with the instance's key |
//! | `POST /__emulator/signing_key/rotate` | `{"keep_old": true}`: signs with a new key from now on; answers its `kid` |
//! | `POST /__emulator/browsers` | optionally `user_id`: makes a browser, signed in; answers its `id`, which is the dev browser id (production: the value of the cookie `__client`), and `session_id` |
//! | `PUT /__emulator/handshake` | `{"format": "nonce"}` (or `token`, `as_clerk`), `{"refresh_tokens": true}`: how handshakes are answered |
//! | `POST /__emulator/users/bulk` | `{"count": 1000000, "created_at_from": ms, "created_at_step_ms": 0, "prefix": "user"}`: makes so many users without events ([`BulkUsers`]); answers `{"created": …}` |
//! | `POST /__emulator/users/bulk_delete` | `{"ids": […], "webhooks": false}`: deletes those that are there, with or without events; answers `{"deleted": …}` |
//! | `POST /__emulator/users/bulk_change` | the same: gives them another first name and a new `updated_at`; answers `{"changed": …}` |
//! | `PUT /__emulator/lists` | `{"deleted_cursor": "continues"}` (or `refused`, `empty`), `{"inclusive_time_filters": true}`, `{"compress": false}`: how lists of users are answered |
//! | `PUT /__emulator/rate_limit` | `{"requests_per_10s": …}` |
//! | `GET /__emulator/stats` | [`Stats`]: by route and status; by class (`user_lists`, `user_counts`, `user_reads`, `instance`, `other`) how many were let in and how many answered 429; `peak_per_10s` |
//! | `POST /__emulator/reset` | empties the instance |
//!
//! Faults are of these kinds ([`FaultKind`]). Webhooks: `webhook_drop`, `webhook_delay`, `webhook_duplicate`,
//! `webhook_reorder`, `webhook_answer_lost`. Any request: `api_unavailable`, `api_disconnect`, `api_answer_lost`, `api_hang`,
//! `api_latency`, `api_too_many_requests`. Reads of a user: `user_answer`, `stale_reads`. Lists and counts of users:
//! `short_list`, `empty_list`, `repeated_page`, `vanished_cursor`, `refused_filter_with_cursor`, `surplus_rows`,
//! `shuffled_page`, `wrong_count`, and `stale_reads` with `lists`. `{"exact_path": "/v1/users", "method": "GET"}` limits any of
//! those for requests to lists alone, where `path` would take single users along.
//!
//! People sign up, in and out at `/sign-up`, `/sign-in` and `/sign-out`, plain pages that work without scripts and go on
//! to `redirect_url` (also `sign_up_force_redirect_url` and its siblings), if it is on loopback, beside
//! `clerk.<domain>`, or on an allowed origin. Their fields are `email_address`, `password`, `first_name`, `last_name`,
//! `username` and `stay`; `identifier` and `password`, or `user_id`.
//!
//! `GET /healthz` answers 200 as soon as it listens.

mod change;
mod clock;
mod config;
mod core;
mod emulator;
mod faults;
mod handle;
mod handshake;
mod http;
mod http_date;
mod id;
mod rate_limit;
mod refusal;
mod server;
mod site;
mod state;
mod stats;
mod token;
mod webhook;

pub use change::Change;
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{ConfigError, DeletedCursor, EmulatorConfig};
pub use emulator::{Emulator, StartError};
pub use faults::{ActiveFault, Fault, FaultKind};
pub use handle::Handle;
pub use handshake::HandshakeFormat;
pub use refusal::Refusal;
pub use state::bulk::BulkUsers;
pub use state::user_draft::{NewUser, UserChange};
pub use stats::{ClassStats, RouteClass, Stats};
pub use token::{SigningKey, TokenOptions};
pub use webhook::{Delivery, DeliveryState};
