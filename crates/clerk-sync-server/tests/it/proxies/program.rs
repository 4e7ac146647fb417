//! Child processes: an app and its proxy. They end with the test, however that ends.

use crate::harness::eventually;
use std::{
    fs::File,
    io::ErrorKind,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

pub(super) struct Program {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

/// A folder of `examples/`.
pub(super) fn example(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(folder)
}

impl Program {
    /// Starts the first of these that is installed. Nothing is skipped where none is.
    pub(super) fn start(names: &[&'static str], directory: &Path, prepare: impl Fn(&mut Command)) -> Self {
        let log = directory.join(format!("{}.log", names[0]));
        for name in names {
            let mut command = Command::new(name);
            let file = File::create(&log).unwrap();
            command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
            prepare(&mut command);
            match command.spawn() {
                Ok(child) => return Self { name: names[0], child, log },
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => panic!("{name} does not start: {error}"),
            }
        }
        panic!("{} is missing, and this test needs it: run scripts/prepare", names[0]);
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn check(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "{} ended ({ended:?}):\n{}", self.name, self.log());
    }

    /// Waits until it takes connections.
    pub(super) async fn listens(&mut self, address: SocketAddr) {
        eventually(self.name, async || {
            self.check();
            TcpStream::connect(address).is_ok()
        })
        .await;
    }

    /// Waits for an address in its output.
    pub(super) async fn says_address(&mut self) -> SocketAddr {
        let mut address = None;
        eventually(self.name, async || {
            self.check();
            let log = self.log();
            let rest = log.split_once("http://").map(|(_, rest)| rest);
            address = rest.and_then(|rest| rest.split([',', '\n']).next()?.parse().ok());
            address.is_some()
        })
        .await;
        address.unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the log of {}:\n{}", self.name, self.log());
        }
    }
}
