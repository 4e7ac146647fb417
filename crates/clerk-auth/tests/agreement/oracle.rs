//! Clerk's own SDK, in a Node process that answers line by line.

use crate::ask::Asked;
use clerk_auth::testing;
use serde::Deserialize;
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// What was made of a request.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Verdict {
    pub status: String,
    pub reason: Option<String>,
    /// `x-clerk-auth-status`.
    pub told: Option<String>,
    pub has_message: bool,
    pub location: Option<String>,
    pub cache: Option<String>,
    pub origin: Option<String>,
    pub credentials: Option<String>,
    pub cookies: Vec<String>,
    pub session: Option<Person>,
    /// Why it failed, in whoever's words.
    pub why: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub(crate) struct Person {
    pub user: String,
    pub session: Option<String>,
    pub pending: bool,
    pub organization: Option<String>,
    pub slug: Option<String>,
    pub role: Option<String>,
    pub permissions: Vec<String>,
    pub admin: bool,
    pub may: bool,
    pub plan: bool,
    pub feature: bool,
}

impl Verdict {
    /// `handshake dev-browser-missing`.
    pub(crate) fn summary(&self) -> String {
        format!("{} {}", self.status, self.reason.as_deref().unwrap_or("-"))
    }

    /// All but the words of an error.
    pub(crate) fn comparable(&self) -> Self {
        Self { why: None, ..self.clone() }
    }
}

pub(crate) struct Oracle {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Oracle {
    pub(crate) fn start() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agreement/node");
        if !folder.join("node_modules/@clerk/backend").exists() {
            let installed = Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
                .current_dir(&folder)
                .output();
            let installed = installed.expect("npm; this test needs Node.js 20 or newer, and npm");
            assert!(installed.status.success(), "npm ci: {}", String::from_utf8_lossy(&installed.stderr));
        }
        let mut child = Command::new("node")
            .arg("oracle.mjs")
            .current_dir(folder)
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node; this test needs Node.js 20 or newer, and npm");
        let (input, output) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let mut oracle = Self { child, input, output: BufReader::new(output) };
        oracle.tell(&json!({"jwks": testing::instance().jwks_json()}).to_string());
        oracle
    }

    pub(crate) fn judge(&mut self, asked: &Asked) -> Verdict {
        self.tell(&asked.to_json().to_string());
        let mut line = String::new();
        self.output.read_line(&mut line).expect("an answer");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
    }

    fn tell(&mut self, line: &str) {
        self.input
            .write_all(line.as_bytes())
            .and_then(|()| self.input.write_all(b"\n"))
            .expect("node listens");
        self.input.flush().expect("node listens");
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // It may have ended by itself already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
