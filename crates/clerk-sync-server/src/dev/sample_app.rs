//! The sample page of `clerk-sync dev`: Clerk's users beside the table's rows, live.
//!
//! | request | does |
//! |---|---|
//! | `GET /`, `/welcome` | the page; after sign-up; readable, and its forms work, without JavaScript |
//! | `GET /assets/…` | its style, script and icon |
//! | `GET /events` | the state as JSON, again after each change (Server-Sent Events) |
//! | `GET /api/state` | the state as JSON, once |
//! | `POST /api/users` | makes a user: `{"name"?, "email"?}`; what is missing is made up; answers `{"id"}` |
//! | `PATCH /api/users/{id}` | renames: `{"name"}` |
//! | `DELETE /api/users/{id}` | deletes |
//! | `POST /api/users/{id}` | the two above for plain forms: `action=rename` or `action=delete` |
//! | `POST /api/webhooks/drop-next` | the next webhook is never sent |
//! | `POST /api/webhooks/delay-next` | the next webhook is sent later: `{"ms"?}`, 3000 unless said otherwise |
//! | `POST /api/webhooks/deliver-next` | takes back either |
//! | `POST /api/webhooks/resend-dropped` | sends again what was dropped or given up; answers `{"sent"}` |
//!
//! Bodies are JSON or plain forms; a form is answered by the page. An error is `{"error": "…"}` in words for people.

mod actions;
mod assets;
mod browser;
mod compare;
mod events;
mod feed;
mod follow;
mod guard;
mod log;
mod names;
mod page;
mod people;
mod snapshot;
mod submission;
mod users_table;
mod view;
mod words;
mod you;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, patch, post};
use clerk_auth::Authenticator;
use clerk_auth::clock::Clock;
use clerk_sync::store::Store;
use tokio::sync::Mutex;

use self::browser::{Browser, WELCOME};
use self::follow::Follow;
use super::one_host::one_host;

/// Names and addresses fit many times over.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// What the page shows and acts on.
#[derive(Debug)]
pub(crate) struct SampleApp {
    /// The emulated Clerk.
    pub(crate) clerk: clerk_emulator::Handle,
    /// Tells who is signed in in a browser.
    pub(crate) authenticator: Authenticator,
    /// Where the rows are.
    pub(crate) store: Arc<dyn Store>,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Where everything is, for people.
    pub(crate) addresses: Addresses,
}

/// The addresses as `dev` prints them.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    /// This page.
    pub(crate) app: String,
    /// The emulated Clerk.
    pub(crate) clerk: String,
    /// The public routes of clerk-sync.
    pub(crate) service: String,
    /// Its metrics and console.
    pub(crate) admin: String,
    /// The database, without its password.
    pub(crate) database: String,
}

/// What the handlers share.
#[derive(Debug)]
struct Sample {
    app: SampleApp,
    follow: Mutex<Follow>,
}

/// The page and what it calls.
pub(crate) fn router(app: SampleApp) -> Router {
    let follow = Follow::new(app.clerk.subscribe(), app.clock.now_ms());
    let sample = Arc::new(Sample { app, follow: Mutex::new(follow) });
    let address = sample.app.addresses.app.clone();
    let routes = Router::new()
        .route("/", get(show))
        .route(WELCOME, get(show))
        .route("/assets/page.css", get(assets::style))
        .route("/assets/page.js", get(assets::script))
        .route("/assets/icon.svg", get(assets::icon))
        .route("/events", get(events::stream))
        .route("/api/state", get(snapshot::state))
        .route("/api/users", post(actions::create))
        .route("/api/users/{id}", patch(actions::rename).delete(actions::delete).post(actions::form))
        .route("/api/webhooks/drop-next", post(actions::drop_next))
        .route("/api/webhooks/delay-next", post(actions::delay_next))
        .route("/api/webhooks/deliver-next", post(actions::deliver_next))
        .route("/api/webhooks/resend-dropped", post(actions::resend_dropped))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&sample), guard::guard))
        .with_state(sample);
    one_host(routes, &address)
}

async fn show(State(sample): State<Arc<Sample>>, request: Request) -> Response {
    let browser = match Browser::look(&sample.app, request.uri(), request.headers()).await {
        Ok(browser) => browser,
        Err(response) => return *response,
    };
    let view = sample.view().await;
    let page = page::page(&sample.app.addresses, &view, &browser, None);
    browser.answer(Html(page.into_string()).into_response())
}
