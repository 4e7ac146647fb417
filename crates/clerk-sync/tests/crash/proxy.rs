//! A proxy before a database that cuts the connection after so many of the client's messages.
#![expect(clippy::expect_used, reason = "a test helper panics")]

use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::oneshot,
    task::JoinHandle,
};

/// How a protocol frames what its client sends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    Postgres,
    MySql,
}

/// One connection through the proxy; every later one is closed at once.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    task: JoinHandle<usize>,
}

impl Proxy {
    /// Passes `messages` of the client on to `server` and cuts both sides then.
    pub(crate) async fn cutting_after(messages: usize, protocol: Protocol, server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            let (client, _) = listener.accept().await.expect("a client");
            // Not refused: a pool would take that for a server that is just starting, and wait.
            tokio::spawn(async move {
                while let Ok((client, _)) = listener.accept().await {
                    drop(client);
                }
            });
            pass(client, &server, messages, protocol).await
        });
        Self { address, task }
    }

    /// Waits until the server has let go of the connection, so that whatever it does for it is done. Answers how many
    /// messages were passed on. The client must have let go, or have been cut.
    pub(crate) async fn ended(self) -> usize {
        self.task.await.expect("the proxy does not panic")
    }
}

async fn pass(client: TcpStream, server: &str, messages: usize, protocol: Protocol) -> usize {
    let server = TcpStream::connect(server).await.expect("the server answers");
    server.set_nodelay(true).expect("a socket");
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let (stop, stopped) = oneshot::channel();
    let answers = tokio::spawn(copy_answers(from_server, to_client, stopped));
    let mut passed = 0;
    while passed < messages {
        let first = passed == 0;
        let Some(message) = read_message(&mut from_client, protocol, first).await else { break };
        if to_server.write_all(&message).await.is_err() {
            break;
        }
        passed += 1;
    }
    // The client sees its connection end; the server reads to the end of what it was sent, and ends then.
    // Nobody listens where the connection has ended by itself.
    stop.send(()).ok();
    let mut from_server = answers.await.expect("copying does not panic");
    drop(from_client);
    to_server.shutdown().await.ok();
    let mut rest = [0; 4096];
    while from_server.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    passed
}

async fn copy_answers(
    mut from_server: OwnedReadHalf,
    mut to_client: OwnedWriteHalf,
    mut stopped: oneshot::Receiver<()>,
) -> OwnedReadHalf {
    let mut buffer = [0; 4096];
    loop {
        let read = tokio::select! {
            biased;
            _ = &mut stopped => return from_server,
            read = from_server.read(&mut buffer) => read,
        };
        match read {
            Ok(read) if read > 0 && to_client.write_all(&buffer[..read]).await.is_ok() => {}
            _ => return from_server,
        }
    }
}

/// One message with its frame; `None` where the client has closed.
async fn read_message(client: &mut OwnedReadHalf, protocol: Protocol, first: bool) -> Option<Vec<u8>> {
    let header_length = match protocol {
        // PostgreSQL's first message has no type.
        Protocol::Postgres if first => 4,
        Protocol::Postgres => 5,
        Protocol::MySql => 4,
    };
    let mut message = vec![0; header_length];
    client.read_exact(&mut message).await.ok()?;
    let length = match (protocol, message.as_slice()) {
        (Protocol::MySql, [a, b, c, ..]) => u32::from_le_bytes([*a, *b, *c, 0]) as usize,
        (Protocol::Postgres, [.., a, b, c, d]) => u32::from_be_bytes([*a, *b, *c, *d]) as usize - 4,
        _ => return None,
    };
    let body = message.len();
    message.resize(body + length, 0);
    client.read_exact(&mut message[body..]).await.ok()?;
    Some(message)
}
