//! `clerk-sync serve` as a child process.

use super::{PATIENCE, Signed, eventually};
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::watch;

pub(crate) struct Server {
    child: Mutex<Child>,
    pub(crate) address: SocketAddr,
    log: Log,
    http: reqwest::Client,
    secrets: Vec<String>,
}

/// What a request was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The code of an error.
    pub(crate) fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no error: {self:?}"));
        body["error"]["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn retry_after(&self) -> u64 {
        self.header("retry-after").unwrap_or_else(|| panic!("no Retry-After: {self:?}")).parse().unwrap()
    }
}

/// Lines of standard error, as they come.
#[derive(Clone)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    count: watch::Receiver<usize>,
}

impl Log {
    fn of(child: &mut Child) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (sender, count) = watch::channel(0);
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let kept = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                kept.lock().unwrap().push(line);
                sender.send_modify(|count| *count += 1);
            }
        });
        Self { lines, count }
    }

    async fn line(&self, text: &str) -> Option<String> {
        let mut count = self.count.clone();
        loop {
            count.borrow_and_update();
            if let Some(line) = self.lines.lock().unwrap().iter().find(|line| line.contains(text)) {
                return Some(line.clone());
            }
            // The end of the log is the end of the process.
            count.changed().await.ok()?;
        }
    }
}

/// Sends a signal by name.
pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().unwrap();
    assert!(status.success(), "kill -{name} {pid}");
}

impl Server {
    pub(super) async fn start(mut command: Command, secrets: Vec<String>) -> Self {
        let mut child = command.spawn().expect("the binary starts");
        let log = Log::of(&mut child);
        // Nobody reads it, and a full pipe would stop the process.
        drop(child.stdout.take());
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
        let http = http.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut server = Self { child: Mutex::new(child), address: unknown, log, http, secrets };
        server.address = server.address_in_log("taking webhooks").await;
        server
    }

    async fn address_in_log(&self, text: &str) -> SocketAddr {
        let line = self.logged(text).await;
        let line: Value = serde_json::from_str(&line).expect("a log in JSON");
        line["address"].as_str().expect("an address").parse().unwrap()
    }

    /// Where the metrics are.
    pub(crate) async fn admin(&self) -> SocketAddr {
        self.address_in_log("metrics at /metrics").await
    }

    /// Waits for a line of the log.
    pub(crate) async fn logged(&self, text: &str) -> String {
        let line = tokio::time::timeout(PATIENCE, self.log.line(text)).await.ok().flatten();
        line.unwrap_or_else(|| {
            let status = self.child.lock().unwrap().try_wait();
            panic!("{text:?} was not logged ({status:?}):\n{}", self.log_text())
        })
    }

    pub(crate) fn log_text(&self) -> String {
        self.log.lines.lock().unwrap().join("\n")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn post(&self, signed: &Signed) -> Answer {
        self.try_post(signed).await.expect("an answer")
    }

    pub(crate) async fn try_post(&self, signed: &Signed) -> reqwest::Result<Answer> {
        post(&self.http, &self.url("/clerk/webhooks"), signed).await
    }

    /// Sends an event that must be accepted.
    pub(crate) async fn accept(&self, signed: &Signed) {
        let answer = self.post(signed).await;
        assert_eq!(answer.status, 200, "{answer:?}\n{}", self.log_text());
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(self.http.get(self.url(path))).await
    }

    /// A request with headers of one's choice.
    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.http.get(self.url(path));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.request(request).await
    }

    pub(crate) async fn request(&self, request: reqwest::RequestBuilder) -> Answer {
        answer(request.send().await.unwrap()).await.unwrap()
    }

    /// A request to the admin listener.
    pub(crate) async fn admin_get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.http.get(format!("http://{}{path}", self.admin().await));
        self.request(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)))
            .await
    }

    pub(crate) async fn metrics(&self) -> String {
        let answer = self.admin_get("/metrics", &[]).await;
        assert_eq!(answer.status, 200);
        answer.body
    }

    pub(crate) async fn is_ready(&self) -> bool {
        self.get("/readyz").await.status == 200
    }

    pub(crate) async fn ready(&self) {
        eventually("readiness", async || self.is_ready().await).await;
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.lock().unwrap().id(), name);
    }

    /// Waits for the end of the process.
    pub(crate) async fn ended(&self) -> ExitStatus {
        let mut status = None;
        eventually("the end of the process", async || {
            status = self.child.lock().unwrap().try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }

    /// Ends it as an orchestrator does.
    pub(crate) async fn stop(&self) {
        self.signal("TERM");
        let status = self.ended().await;
        assert_eq!(status.code(), Some(0), "{status}\n{}", self.log_text());
    }

    /// Ends it as a power cut does.
    pub(crate) async fn kill(&self) {
        self.child.lock().unwrap().kill().unwrap();
        self.ended().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(mut child) = self.child.lock() {
            let ended = child.try_wait();
            let _ = child.kill();
            let _ = child.wait();
            if std::thread::panicking() {
                eprintln!("{} had ended by itself: {ended:?}", self.address);
            }
        }
        // What a failed test is about is often in here.
        if std::thread::panicking() {
            eprintln!("the log of {}:\n{}", self.address, self.log_text());
        } else {
            let log = self.log_text();
            for secret in &self.secrets {
                assert!(!log.contains(secret), "a secret was logged");
            }
        }
    }
}

pub(crate) async fn post(http: &reqwest::Client, url: &str, signed: &Signed) -> reqwest::Result<Answer> {
    let request = http.post(url).header("content-type", "application/json").body(signed.body.clone());
    let request = signed.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    answer(request.send().await?).await
}

pub(super) async fn answer(response: reqwest::Response) -> reqwest::Result<Answer> {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, body: response.text().await? })
}

/// A client for many requests at once.
pub(crate) fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20));
    let builder = builder.redirect(reqwest::redirect::Policy::none());
    builder.connect_timeout(Duration::from_secs(2)).build().unwrap()
}
