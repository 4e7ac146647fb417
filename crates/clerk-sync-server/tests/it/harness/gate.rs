//! A door between a client and a server that can be shut: the server is then away.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

pub(crate) struct Gate {
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    shut: AtomicBool,
    shutting: Notify,
}

impl Gate {
    pub(crate) async fn listener() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").await.unwrap()
    }

    pub(crate) fn to(listener: TcpListener, target: String) -> Self {
        let state = Arc::new(State::default());
        let task = tokio::spawn(run(listener, target, Arc::clone(&state)));
        Self { state, task }
    }

    /// Breaks every connection and accepts no more.
    pub(crate) fn shut(&self) {
        self.state.shut.store(true, Ordering::SeqCst);
        self.state.shutting.notify_waiters();
    }

    pub(crate) fn open(&self) {
        self.state.shut.store(false, Ordering::SeqCst);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
        self.shut();
    }
}

async fn run(listener: TcpListener, target: String, state: Arc<State>) {
    while let Ok((mut client, _)) = listener.accept().await {
        if state.shut.load(Ordering::SeqCst) {
            continue;
        }
        let (state, target) = (Arc::clone(&state), target.clone());
        tokio::spawn(async move {
            let shut = state.shutting.notified();
            let Ok(mut server) = TcpStream::connect(&target).await else { return };
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                () = shut => {}
            }
        });
    }
}
