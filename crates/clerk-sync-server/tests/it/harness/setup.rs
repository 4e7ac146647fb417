//! How the binary is started: its environment, its directory, its arguments.

use super::{Clerk, Database, PATIENCE, SIGNING_SECRET, Server};
use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    sync::Arc,
};

/// The settings of one or several processes. Nothing of the test's own environment reaches them.
#[derive(Clone)]
pub(crate) struct Setup {
    environment: BTreeMap<String, String>,
    directory: Arc<tempfile::TempDir>,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Settings whose values nobody may ever see.
const SECRETS: [&str; 3] = ["CLERK_SECRET_KEY", "CLERK_WEBHOOK_SIGNING_SECRET", "CLERK_SYNC_ADMIN_TOKEN"];

impl Setup {
    /// Nothing but a directory of its own.
    pub(crate) fn bare() -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        Self { environment: BTreeMap::new(), directory }
    }

    /// Everything that `serve` needs, on free ports.
    pub(crate) fn new(clerk: &Clerk, database: &Database) -> Self {
        Self::bare()
            .set("CLERK_SECRET_KEY", &clerk.config().secret_key)
            .set("CLERK_WEBHOOK_SIGNING_SECRET", SIGNING_SECRET)
            .set("CLERK_API_URL", &clerk.url())
            .set("DATABASE_URL", &database.url)
            .set("CLERK_SYNC_LISTEN", "127.0.0.1:0")
            .set("CLERK_SYNC_ADMIN_LISTEN", "127.0.0.1:0")
            .set("CLERK_SYNC_LOG_FORMAT", "json")
            // What heals by itself would hide what a test breaks; tests of flow E turn on what they need.
            .set("CLERK_SYNC_IMPORT", "off")
            .set("CLERK_SYNC_CATCH_UP_EVERY", "off")
            .set("CLERK_SYNC_SCRUB_EVERY", "off")
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn unset(mut self, name: &str) -> Self {
        self.environment.remove(name);
        self
    }

    /// A file in the directory in which the binary runs.
    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file into the directory in which the binary runs.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.directory.path().join(name), text).unwrap();
        self
    }

    /// Takes a table's columns from this file on.
    pub(crate) fn config(self, text: &str) -> Self {
        self.file("clerk-sync.toml", text)
    }

    /// Everything that must never be printed.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let values = SECRETS.iter().filter_map(|name| self.environment.get(*name));
        values.flat_map(|value| value.split(',')).map(|value| value.trim().to_owned()).collect()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clerk-sync"));
        command
            .args(arguments)
            .env_clear()
            .envs(&self.environment)
            .env("RUST_BACKTRACE", "0")
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Finished {
        let child = self.command(arguments).spawn().expect("the binary starts");
        let pid = child.id();
        let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
        let Ok(output) = tokio::time::timeout(PATIENCE, ended).await else {
            super::server::signal(pid, "KILL");
            panic!("{arguments:?} does not end");
        };
        let output = output.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        let finished =
            Finished { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        for secret in self.secrets() {
            assert!(!finished.out.contains(&secret) && !finished.err.contains(&secret), "{finished:?}");
        }
        finished
    }

    /// Runs a command that must end well, and answers what it printed.
    pub(crate) async fn output(&self, arguments: &[&str]) -> String {
        let finished = self.run(arguments).await;
        assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
        finished.out
    }

    /// Runs a command that must end well and print lines of JSON.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        self.output(arguments).await.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Starts `serve` and waits until it takes webhooks.
    pub(crate) async fn serve(&self) -> Server {
        self.serve_with(&[]).await
    }

    pub(crate) async fn serve_with(&self, arguments: &[&str]) -> Server {
        let arguments: Vec<&str> = ["serve"].iter().chain(arguments).copied().collect();
        Server::start(self.command(&arguments), self.secrets()).await
    }
}
