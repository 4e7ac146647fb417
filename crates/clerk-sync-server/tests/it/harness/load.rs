//! Signed events over many connections, and a memory of everything that was acknowledged.

use super::{Clerk, Database, Person, Signed, pass, server};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

const CONNECTIONS: u64 = 16;
/// Events about one user; the last one deletes every third user.
const STEPS: u32 = 4;

/// Runs until it is stopped.
pub(crate) struct Load {
    shared: Arc<Shared>,
    tasks: JoinSet<BTreeMap<String, Story>>,
}

struct Shared {
    clerk: Clerk,
    target: Mutex<Option<SocketAddr>>,
    stopping: AtomicBool,
    acknowledged: AtomicU64,
    refused: AtomicU64,
    unexpected: Mutex<Vec<String>>,
}

/// What is known about one user.
#[derive(Clone, Copy, Debug, Default)]
struct Story {
    /// The last step that was acknowledged; 0 is none.
    acknowledged: u32,
    /// The last step that was sent.
    sent: u32,
    /// The step that deletes, if one does.
    deletes_at: Option<u32>,
}

impl Load {
    /// Starts it without a target.
    pub(crate) fn start(clerk: Clerk) -> Self {
        let shared = Arc::new(Shared {
            clerk,
            target: Mutex::new(None),
            stopping: AtomicBool::new(false),
            acknowledged: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            unexpected: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        for connection in 0..CONNECTIONS {
            tasks.spawn(send(Arc::clone(&shared), connection));
        }
        Self { shared, tasks }
    }

    /// Sends there from now on; nowhere while there is no process.
    pub(crate) fn aim(&self, target: Option<SocketAddr>) {
        *self.shared.target.lock().unwrap() = target;
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::SeqCst)
    }

    /// How many times the answer was 503.
    pub(crate) fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::SeqCst)
    }

    /// Waits for so many more acknowledged events.
    pub(crate) async fn more(&self, count: u64) {
        let target = self.acknowledged() + count;
        super::eventually("acknowledged events", async || self.acknowledged() >= target).await;
    }

    /// Stops, and compares what was acknowledged with what is there.
    pub(crate) async fn check(self, database: &Database) {
        let Self { shared, tasks } = self;
        shared.stopping.store(true, Ordering::SeqCst);
        let stories: BTreeMap<String, Story> = tasks.join_all().await.into_iter().flatten().collect();
        let unexpected = std::mem::take(&mut *shared.unexpected.lock().unwrap());
        assert!(unexpected.is_empty(), "{unexpected:?}");
        let users = database.users().await;
        for (user, story) in &stories {
            let found = users.get(user).map(|name| name.strip_prefix('v').unwrap().parse::<u32>().unwrap());
            let may_be = (story.acknowledged..=story.sent).any(|step| {
                let there = step > 0 && story.deletes_at.is_none_or(|deletes_at| step < deletes_at);
                found == there.then_some(step)
            });
            assert!(may_be, "{user}: {found:?} does not follow from {story:?}");
        }
        assert!(users.keys().all(|user| stories.contains_key(user)), "a user nobody sent");
        check_feed(database, &users).await;
    }
}

/// The feed has no gap, and its last word on each user is what the table says.
async fn check_feed(database: &Database, users: &BTreeMap<String, String>) {
    let mut last = BTreeMap::new();
    for (user, change) in database.feed().await {
        let before = last.insert(user.clone(), change.clone());
        let follows = match change.as_str() {
            "created" => before.is_none(),
            "updated" | "deleted" => before.is_some_and(|before| before != "deleted"),
            _ => false,
        };
        assert!(follows, "{change} of {user} is out of order");
    }
    for (user, change) in &last {
        assert_eq!(change != "deleted", users.contains_key(user), "{user}");
    }
    assert!(users.keys().all(|user| last.contains_key(user)), "a row without a change");
}

async fn send(shared: Arc<Shared>, connection: u64) -> BTreeMap<String, Story> {
    let http = server::client();
    let mut stories = BTreeMap::new();
    for number in 0_u64.. {
        let mut person = Person::new(&format!("user_{connection:02}_{number:06}"));
        let deletes_at = number.is_multiple_of(3).then_some(STEPS);
        let mut story = Story { deletes_at, ..Story::default() };
        for step in 1..=STEPS {
            person = person.then(&format!("v{step}"));
            let signed = match step {
                1 => shared.clerk.created(&person),
                _ if deletes_at == Some(step) => shared.clerk.deleted(&person.id, person.updated_at),
                _ => shared.clerk.updated(&person),
            };
            if !shared.wait_for_target().await {
                stories.insert(person.id, story);
                return stories;
            }
            story.sent = step;
            if shared.send(&http, &signed).await {
                story.acknowledged = step;
            }
        }
        stories.insert(person.id, story);
    }
    stories
}

impl Shared {
    fn target(&self) -> Option<SocketAddr> {
        *self.target.lock().unwrap()
    }

    /// False when it is time to stop.
    async fn wait_for_target(&self) -> bool {
        while !self.stopping.load(Ordering::SeqCst) {
            if self.target().is_some() {
                return true;
            }
            pass(Duration::from_millis(5)).await;
        }
        false
    }

    /// Whether the event was acknowledged.
    async fn send(&self, http: &reqwest::Client, signed: &Signed) -> bool {
        let Some(target) = self.target() else { return false };
        let answer = server::post(http, &format!("http://{target}/clerk/webhooks"), signed).await;
        match answer.as_ref().map(|answer| answer.status) {
            Ok(200..=299) => {
                self.acknowledged.fetch_add(1, Ordering::SeqCst);
                return true;
            }
            Ok(503) => {
                self.refused.fetch_add(1, Ordering::SeqCst);
            }
            Ok(_) => self.unexpected.lock().unwrap().push(format!("{answer:?}")),
            // The process is gone.
            Err(_) => {}
        }
        // A sender that is turned away does not hammer.
        pass(Duration::from_millis(5)).await;
        false
    }
}

/// Numbers without a pattern, the same in each run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}
