//! A PostgreSQL of one's own, to be stopped and started at will.

use super::{eventually, free_address};
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

pub(crate) struct OwnPostgres {
    directory: tempfile::TempDir,
    bin: PathBuf,
    port: u16,
    server: Option<Child>,
}

/// The newest installed one.
fn installed() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    found.retain(|bin| bin.join("initdb").exists());
    found.sort();
    found.pop().expect("PostgreSQL's programs under /usr/lib/postgresql (Debian's package postgresql)")
}

/// PostgreSQL refuses to run as root; Debian's package brings a user for it.
fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

fn succeed(mut command: Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl OwnPostgres {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        if is_root() {
            let mut chown = Command::new("chown");
            chown.arg("postgres").arg(directory.path());
            succeed(chown);
        }
        let bin = installed();
        let mut initdb = as_postgres(&bin.join("initdb"));
        initdb
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"])
            .arg(directory.path().join("data"))
            .current_dir("/");
        succeed(initdb);
        let port = free_address().port();
        let mut postgres = Self { directory, bin, port, server: None };
        postgres.up().await;
        postgres
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it, and waits until it answers.
    pub(crate) async fn up(&mut self) {
        let log = std::fs::File::create(self.directory.path().join("log")).unwrap();
        let mut server = as_postgres(&self.bin.join("postgres"));
        server.arg("-D").arg(self.directory.path().join("data")).args(["-p", &self.port.to_string()]);
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"] {
            server.args(["-c", setting]);
        }
        server.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.server = Some(server.spawn().unwrap());
        eventually("PostgreSQL", async || {
            let mut ready = Command::new(self.bin.join("pg_isready"));
            ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            ready.status().unwrap().success()
        })
        .await;
    }

    /// Stops it: `INT` ends sessions in order, `QUIT` is a crash.
    pub(crate) async fn down(&mut self, signal: &str) {
        let Some(mut server) = self.server.take() else { return };
        super::server::signal(server.id(), signal);
        tokio::task::spawn_blocking(move || server.wait().unwrap()).await.unwrap();
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = Command::new("kill").args(["-INT", &server.id().to_string()]).status();
            let _ = server.wait();
        }
    }
}
