//! An emulator on a free port and a client that holds its key.

use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use clerk_emulator::{Emulator, EmulatorConfig, Handle, ManualClock, SigningKey};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use tokio::net::TcpListener;

pub(crate) const NOON: i64 = 1_767_268_800_000;

/// Making one takes longer than most tests.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());

pub(crate) struct Clerk {
    emulator: Emulator,
    http: reqwest::Client,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn code(&self) -> &str {
        self.body["errors"][0]["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn param(&self) -> &str {
        self.body["errors"][0]["meta"]["param_name"].as_str().unwrap_or_default()
    }

    /// Where it redirects to; empty if it does not.
    pub(crate) fn location(&self) -> &str {
        self.headers.get("location").map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// A parameter of the address it redirects to.
    pub(crate) fn target_param(&self, name: &str) -> Option<String> {
        let url = url::Url::parse(self.location()).unwrap();
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    pub(crate) fn set_cookies(&self) -> Vec<String> {
        let all = self.headers.get_all("set-cookie").iter();
        all.map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn id(&self) -> &str {
        self.body["id"].as_str().unwrap()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        let list = self.body.as_array().or(self.body["data"].as_array()).unwrap();
        list.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }
}

impl Clerk {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut EmulatorConfig)) -> Self {
        let mut config = EmulatorConfig::dev(7);
        config.requests_per_10s = Some(10_000);
        config.time_scale = 1_000.0;
        config.signing_key = Some(KEY.clone());
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let emulator = Emulator::start(config, listener).unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { emulator, http }
    }

    /// One whose clock stands at noon until it is moved.
    pub(crate) async fn at_noon() -> (Self, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(NOON));
        let given = Arc::clone(&clock);
        (Self::start_with(move |config| config.clock = given).await, clock)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url())).bearer_auth(&self.config().secret_key)
    }

    /// A request without the key.
    pub(crate) fn stranger(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url()))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = response.bytes().await.unwrap();
        let is_json = headers.get("content-type").is_some_and(|value| value == "application/json");
        let body = match is_json {
            true => serde_json::from_slice(&bytes).unwrap(),
            false if bytes.is_empty() => Value::Null,
            false => Value::String(String::from_utf8(bytes.to_vec()).unwrap()),
        };
        Reply { status, headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn with_body(&self, method: Method, path: &str, body: Value) -> Reply {
        let request = self.request(method, path).header("content-type", "application/json");
        self.send(request.body(body.to_string())).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.with_body(Method::POST, path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Reply {
        self.with_body(Method::PATCH, path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.with_body(Method::PUT, path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// A form sent to the Frontend API, with these headers.
    pub(crate) async fn form(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&'static str, &str)],
    ) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = self.stranger(Method::POST, path).body(body);
        request = request.header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    /// A page of the web opened with these headers.
    pub(crate) async fn open(&self, path: &str, headers: &[(&'static str, &str)]) -> Reply {
        let mut request = self.stranger(Method::GET, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    pub(crate) async fn stop(self) {
        self.emulator.shutdown().await;
    }
}

impl Deref for Clerk {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.emulator
    }
}
