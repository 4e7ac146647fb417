//! The state, again and again, to whoever watches.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use clerk_emulator::Change;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::Sample;

/// How often the feed is asked.
const TICK: Duration = Duration::from_millis(100);
/// Ticks after which everything is compared anew: rows edited by hand are in no feed.
const FULL_EVERY: u32 = 10;
/// Changes that come together are shown together.
const GATHER: Duration = Duration::from_millis(20);

struct Watcher {
    sample: Arc<Sample>,
    changes: Receiver<Change>,
    sent: Option<Sent>,
    ticks: u32,
}

struct Sent {
    version: u64,
    state: String,
}

pub(super) async fn stream(
    State(sample): State<Arc<Sample>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = sample.app.clerk.subscribe();
    let watcher = Watcher { sample, changes, sent: None, ticks: 0 };
    let events = unfold(watcher, async |mut watcher| {
        let state = watcher.next().await;
        Some((Ok(Event::default().data(state)), watcher))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

impl Watcher {
    /// Waits until there is something new to show.
    async fn next(&mut self) -> String {
        loop {
            if let Some(state) = self.news().await {
                return state;
            }
            self.wait().await;
        }
    }

    async fn news(&mut self) -> Option<String> {
        let version = {
            let mut follow = self.sample.follow.lock().await;
            // A database that is away is told of by the view.
            let _ = follow.look(&self.sample.app).await;
            follow.version
        };
        self.ticks += 1;
        let full = self.ticks >= FULL_EVERY;
        if !full && self.sent.as_ref().is_some_and(|sent| sent.version == version) {
            return None;
        }
        self.ticks = 0;
        let state = serde_json::to_string(&self.sample.view().await).unwrap_or_default();
        let is_new = self.sent.as_ref().is_none_or(|sent| sent.state != state);
        self.sent = Some(Sent { version, state: state.clone() });
        is_new.then_some(state)
    }

    async fn wait(&mut self) {
        let clock = &self.sample.app.clock;
        let happened = async {
            if matches!(self.changes.recv().await, Err(RecvError::Closed)) {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = happened => clock.sleep(GATHER).await,
            () = clock.sleep(TICK) => {}
        }
    }
}
