//! Stands between proxy and app: notes what the app is told, and whether the row was there by then.

use crate::harness::Database;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

pub(super) struct Ear {
    pub(super) address: SocketAddr,
    heard: Arc<Heard>,
    task: tokio::task::JoinHandle<()>,
}

struct Heard {
    app: SocketAddr,
    database: Arc<Database>,
    http: reqwest::Client,
    requests: Mutex<Vec<Told>>,
}

/// A request as the app got it.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// Whoever the app must believe is asking.
    pub(super) user: String,
    /// Whether that user's row was there when the request came.
    pub(super) row: bool,
    /// All headers that could be taken for one of clerk-sync's, however they are spelled.
    pub(super) clerk: Vec<(String, String)>,
}

impl Ear {
    pub(super) async fn before(app: SocketAddr, database: Arc<Database>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let heard = Arc::new(Heard { app, database, http, requests: Mutex::default() });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&heard));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, heard, task }
    }

    /// What was heard since the last time.
    pub(super) fn told(&self) -> Vec<Told> {
        std::mem::take(&mut self.heard.requests.lock().unwrap())
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(State(heard): State<Arc<Heard>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let clerk =
        parts.headers.iter().filter(|(name, _)| name.as_str().replace('_', "-").starts_with("x-clerk"));
    let clerk: Vec<(String, String)> =
        clerk.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let user = parts.headers.get("x-clerk-user-id").map(|user| user.to_str().unwrap().to_owned());
    let user = user.unwrap_or_default();
    let row = heard.database.users().await.contains_key(&user);
    heard.requests.lock().unwrap().push(Told { user, row, clerk });

    let path = parts.uri.path_and_query().unwrap();
    let mut onward = heard.http.request(parts.method, format!("http://{}{path}", heard.app));
    onward = onward.headers(parts.headers).body(to_bytes(body, usize::MAX).await.unwrap());
    let answer = onward.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    // How the body was framed belongs to that connection.
    for (name, value) in answer.headers() {
        if !["connection", "keep-alive", "transfer-encoding"].contains(&name.as_str()) {
            response = response.header(name, value);
        }
    }
    response.body(Body::from(answer.bytes().await.unwrap())).unwrap()
}
