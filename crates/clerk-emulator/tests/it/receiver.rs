//! A webhook receiver that keeps what it gets and answers as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::harness::Clerk;

#[derive(Clone)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }

    pub(crate) fn event_type(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }
}

type Answer = (u16, Option<(&'static str, &'static str)>);

#[derive(Clone, Default)]
struct Inbox {
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

pub(crate) struct Receiver {
    inbox: Inbox,
    address: std::net::SocketAddr,
    server: tokio::task::JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let inbox = Inbox::default();
        let router = Router::new().route("/hook", post(receive)).with_state(inbox.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { inbox, address, server }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The next request is answered so; 204 when nothing is said. Status 0 means far too late.
    pub(crate) fn answer(&self, status: u16) {
        self.inbox.answers.lock().unwrap().push_back((status, None));
    }

    pub(crate) fn answer_with(&self, status: u16, name: &'static str, value: &'static str) {
        self.inbox.answers.lock().unwrap().push_back((status, Some((name, value))));
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.inbox.received.lock().unwrap().clone()
    }

    pub(crate) fn types(&self) -> Vec<String> {
        self.received().iter().map(Received::event_type).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "a receiver that is late on purpose has to wait")]
async fn receive(State(inbox): State<Inbox>, headers: HeaderMap, body: Bytes) -> Response {
    inbox.received.lock().unwrap().push(Received { headers, body });
    let answer = inbox.answers.lock().unwrap().pop_front();
    let (status, header) = answer.unwrap_or((204, None));
    if status == 0 {
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    let mut response = StatusCode::from_u16(status).unwrap_or(StatusCode::OK).into_response();
    if let Some((name, value)) = header {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// A Clerk that sends its webhooks to a receiver.
pub(crate) async fn wired() -> (Clerk, Receiver) {
    let receiver = Receiver::start().await;
    let clerk = Clerk::start().await;
    clerk.set_webhook_url(Some(&receiver.url())).unwrap();
    (clerk, receiver)
}
