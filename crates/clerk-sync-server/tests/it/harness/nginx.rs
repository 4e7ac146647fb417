//! A real nginx in front of a server, with what docs/operations.md says to write into it.

use super::{eventually, free_address};
use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
};

const DOCUMENT: &str = include_str!("../../../../../docs/operations.md");

/// Where the document's snippet passes requests to; a test's server is elsewhere.
const DOCUMENTED_SERVER: &str = "127.0.0.1:8787";

/// Debian's, and the name alone where it is in `PATH`.
const PROGRAMS: [&str; 2] = ["nginx", "/usr/sbin/nginx"];

pub(crate) struct Nginx {
    child: Child,
    pub(crate) address: SocketAddr,
    // Goes after the process, which writes into it.
    _directory: tempfile::TempDir,
}

/// The only snippet for nginx in the document.
fn documented() -> String {
    let mut blocks = DOCUMENT.split("```nginx").skip(1);
    let snippet = blocks.next().and_then(|rest| rest.split_once("```")).expect("a snippet for nginx").0;
    assert_eq!(blocks.next(), None, "a second snippet for nginx, which nothing tests");
    snippet.to_owned()
}

impl Nginx {
    /// Starts it, and waits until it answers.
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = free_address();
        let snippet = documented();
        assert!(snippet.contains(DOCUMENTED_SERVER), "{snippet}");
        let snippet = snippet.replace(DOCUMENTED_SERVER, &server.to_string());
        std::fs::write(directory.path().join("nginx.conf"), configuration(address, &snippet)).unwrap();

        let log = directory.path().join("log");
        let start = |program: &&str| {
            let mut command = Command::new(program);
            command.arg("-p").arg(directory.path()).args(["-c", "nginx.conf", "-e", "stderr"]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
            match command.spawn() {
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                started => Some(started.unwrap_or_else(|error| panic!("{program} does not start: {error}"))),
            }
        };
        let child = PROGRAMS.iter().find_map(start).expect(
            "nginx is missing, and this test needs it: install it (Debian's package nginx), or run scripts/prepare",
        );
        let mut nginx = Self { child, address, _directory: directory };
        eventually("nginx", async || {
            let ended = nginx.child.try_wait().unwrap();
            assert!(ended.is_none(), "nginx ended: {}", std::fs::read_to_string(&log).unwrap());
            TcpStream::connect(address).is_ok()
        })
        .await;
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A whole file around the snippet. One process, with the rights that the test has, that writes into its own directory
/// only.
fn configuration(address: SocketAddr, snippet: &str) -> String {
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths = paths.map(|name| format!("{name}_temp_path {name};")).join(" ");
    format!(
        "daemon off; master_process off; pid pid;\nevents {{}}\nhttp {{\n\
         access_log off; {paths}\nserver {{\nlisten {address};\n{snippet}}}\n}}\n"
    )
}
