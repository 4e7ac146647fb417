//! A process that is killed at any moment: whatever it acknowledged is there.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests panic")]

use crate::trial::{agree, feed, gone, seen, user};
use async_trait::async_trait;
use clerk_auth::clock::{Clock, SystemClock};
use clerk_sync::{
    clerk::{
        Budget, ClerkApi, ClerkError, ClerkErrorKind, Instance, Permit, Reads, UserAnswer, UsersAnswer,
        UsersQuery,
    },
    database_url::DatabaseUrl,
    engine::{DoorOptions, Engine},
    metrics::Metrics,
    rule::{Change, State},
    store::{self, Store, conformance},
    user_id::UserId,
};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

const ROUNDS: i64 = 24;
const MARK: &str = "acknowledged ";
const DATABASE: &str = "CLERK_SYNC_TEST_CRASH_DATABASE";
const ROUND: &str = "CLERK_SYNC_TEST_CRASH_ROUND";

async fn open(path: &str) -> Arc<dyn Store> {
    let url = DatabaseUrl::parse(&format!("sqlite://{path}")).unwrap();
    let store = store::open(&url, conformance::mapping()).await.unwrap();
    store.migrate().await.unwrap();
    store
}

#[tokio::test]
async fn whatever_a_killed_process_acknowledged_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    // A fixed sequence that looks like chance (Knuth's MMIX): the moments vary anyway.
    let mut chance = 42_u64;
    let mut next = |below: u64| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % below
    };
    let mut acknowledged = BTreeMap::new();
    for round in 0..ROUNDS {
        let lines = run_and_kill(&path, round, 1 + next(60) as usize, next(300_000));
        assert!(!lines.is_empty());
        for line in lines {
            let (id, version) = line.split_once(' ').unwrap();
            let version: i64 = version.parse().unwrap();
            acknowledged
                .entry(id.to_owned())
                .and_modify(|last| *last = version.max(*last))
                .or_insert(version);
        }
        let store = open(path.to_str().unwrap()).await;
        check(&store, &acknowledged).await;
        store.close().await;
    }
}

/// Starts this very test program as a child that writes, and kills it some time after so many acknowledgements.
fn run_and_kill(path: &Path, round: i64, after: usize, spins: u64) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::the_child_that_is_killed", "--ignored", "--nocapture", "--test-threads=1"])
        .env(DATABASE, path)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut lines = Vec::new();
    let mut line = String::new();
    while lines.len() < after && stdout.read_line(&mut line).unwrap() > 0 {
        lines.extend(acknowledgement(&line));
        line.clear();
    }
    // Too short to sleep, and never the same moment of the child's work.
    (0..spins).for_each(|_| std::hint::spin_loop());
    child.kill().unwrap();
    child.wait().unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    lines.extend(rest.split_inclusive('\n').filter_map(acknowledgement));
    lines
}

/// What a complete line acknowledges. The test harness may have begun it with words of its own.
fn acknowledgement(line: &str) -> Option<String> {
    let (_, acknowledged) = line.strip_suffix('\n')?.split_once(MARK)?;
    Some(acknowledged.to_owned())
}

/// Compares what was acknowledged with the table, and the three tables with each other.
async fn check(store: &Arc<dyn Store>, acknowledged: &BTreeMap<String, i64>) {
    let mut told = BTreeMap::new();
    for entry in feed(store).await {
        told.insert(entry.user.as_str().to_owned(), entry);
    }
    for (id, version) in acknowledged {
        let entry = store.entry(&user(id)).await.unwrap();
        let standing =
            entry.unwrap_or_else(|| panic!("{id} was acknowledged and is not there")).standing.version;
        assert!(standing.as_of >= *version, "{id}: {version} was acknowledged, {standing:?} is there");
    }
    // Users that were written and not acknowledged are in the feed too.
    for (id, last) in &told {
        let entry =
            store.entry(&user(id)).await.unwrap().unwrap_or_else(|| panic!("{id} is in the feed only"));
        let row = store.row(&user(id)).await.unwrap();
        assert!(agree(id, Some(&entry), row.as_ref()), "{id}: {entry:?}, {row:?}");
        let version = entry.standing.version;
        match version.state {
            State::Gone => assert_eq!(last.change, Change::Deleted, "{id}"),
            _ => assert_eq!(last.updated_at, Some(version.updated_at), "{id}"),
        }
    }
    let summary = store.summary().await.unwrap();
    assert_eq!(store.rows(None, 1_000_000).await.unwrap().len() as i64, summary.present);
    assert_eq!(told.len() as i64, summary.present + summary.gone);
}

#[derive(Debug)]
struct NoClerk;

#[async_trait]
impl ClerkApi for NoClerk {
    async fn user(&self, _permit: Permit, _user: &UserId) -> Result<UserAnswer, ClerkError> {
        Err(ClerkError::new(ClerkErrorKind::Unavailable, "testing", ""))
    }

    async fn users(&self, _permit: Permit, _query: &UsersQuery) -> Result<UsersAnswer, ClerkError> {
        Err(ClerkError::new(ClerkErrorKind::Unavailable, "testing", ""))
    }

    async fn count(&self, _permit: Permit) -> Result<i64, ClerkError> {
        Err(ClerkError::new(ClerkErrorKind::Unavailable, "testing", ""))
    }

    async fn instance(&self, _permit: Permit) -> Result<Instance, ClerkError> {
        Err(ClerkError::new(ClerkErrorKind::Unavailable, "testing", ""))
    }
}

#[test]
#[ignore = "started and killed by the test above"]
#[expect(clippy::disallowed_methods, reason = "the parent says by the environment what to do")]
fn the_child_that_is_killed() {
    // Run by hand with --ignored there is nothing to do.
    let (Ok(path), Ok(round)) = (std::env::var(DATABASE), std::env::var(ROUND)) else { return };
    let round: i64 = round.parse().unwrap();
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(
        async {
            let store = open(&path).await;
            let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
            let budget = Arc::new(Budget::new(1, Arc::clone(&clock)));
            let reads = Reads::new(Arc::new(NoClerk), budget);
            let engine =
                Engine::start(store, reads, clock, Arc::new(Metrics::default()), DoorOptions::default());
            let writers = (0..6).map(|writer| tokio::spawn(write_for_ever(engine.clone(), writer, round)));
            futures_util::future::join_all(writers).await;
        },
    );
}

/// Makes users, changes them seven times and deletes them, and says so once it is committed.
async fn write_for_ever(engine: Engine, writer: i64, round: i64) {
    for step in 0.. {
        let (number, version) = (step / 9, step % 9 + 1);
        let id = format!("user_{round}_{writer}_{number}");
        let observation = if version == 9 { gone(&id, version) } else { seen(&id, version) };
        engine.apply(observation).await.unwrap();
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{MARK}{id} {version}").unwrap();
        stdout.flush().unwrap();
    }
}
