//! How fast pages of 500 users go through the door with notes. Run by hand, in release mode:
//!
//! ```text
//! scripts/with-databases cargo test --release -p clerk-sync --test throughput -- --ignored --nocapture --test-threads 1
//! ```
#![expect(clippy::expect_used, reason = "a test stops where something is not as it must be")]
#![expect(clippy::print_stdout, reason = "figures for whoever runs it")]

mod databases;

use clerk_auth::clock::{Clock, SystemClock};
use clerk_sync::{
    database_url::DatabaseUrl,
    observation::{Flow, Observation},
    store::{self, Notes, Progress, Run, Store, conformance},
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

const PAGE: usize = 500;
const PAGES: usize = 80;

fn page(round: usize, number: usize) -> Vec<Observation> {
    let mapping = conformance::mapping();
    let users = (0..PAGE).map(|i| {
        let i = number * PAGE + i;
        let json = json!({
            "id": format!("user_{round}_{i:07}"), "updated_at": 1_700_000_000_000_i64 + i as i64,
            "created_at": 1_600_000_000_000_i64 + i as i64, "username": format!("name{i}"),
            "first_name": "Ada Augusta", "public_metadata": {"score": i, "plan": "free", "seats": [1, 2, 3]},
            "banned": false, "last_active_at": 1_700_000_000_000_i64,
        });
        let mapped = mapping.read_user(json.to_string().as_bytes()).expect("a user");
        let mut observation = Observation::present(mapped, &mapping, 1_700_000_100_000, Flow::Import);
        observation.claim.quiet = true;
        observation
    });
    users.collect()
}

fn notes(token: i64, part: usize) -> Notes {
    let state = json!({"cursor": "x".repeat(200), "seen": part}).to_string();
    let part = Progress { run: Run::Import, part: (part % 16) as i32, state };
    Notes { token: Some(token), parts: vec![part], ..Notes::default() }
}

/// Users/s with so many committers at a time.
async fn rate(
    store: &Arc<dyn Store>,
    pages: &Arc<Vec<Vec<Observation>>>,
    at_once: usize,
    token: Option<i64>,
) -> f64 {
    let clock = SystemClock::new();
    let begun = clock.monotonic();
    let committers = (0..at_once).map(|committer| {
        let (store, pages) = (Arc::clone(store), Arc::clone(pages));
        tokio::spawn(async move {
            for number in (committer..pages.len()).step_by(at_once) {
                let notes = token.map_or_else(Notes::default, |token| notes(token, number));
                store.commit_noting(&pages[number], &notes).await.expect("written");
            }
        })
    });
    futures_util::future::join_all(committers).await;
    (pages.len() * PAGE) as f64 / (clock.monotonic() - begun).as_secs_f64()
}

async fn measure(store: Arc<dyn Store>) {
    let token = store.take_lease("a", Duration::from_secs(600), false).await.expect("the lease").token;
    for (round, at_once) in [1, 1, 2, 4, 8].into_iter().enumerate() {
        let pages = |round: usize| Arc::new((0..PAGES).map(|number| page(round, number)).collect::<Vec<_>>());
        let noted = pages(2 * round);
        let new = rate(&store, &noted, at_once, Some(token)).await;
        let bare = rate(&store, &pages(2 * round + 1), at_once, None).await;
        let unchanged = rate(&store, &noted, at_once, Some(token)).await;
        let looked = rate(&store, &noted, at_once, None).await;
        println!(
            "{} x{at_once}: new {new:.0}/s (without notes {bare:.0}/s), unchanged {unchanged:.0}/s (only the look {looked:.0}/s)",
            store.name()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, for people"]
async fn postgres() {
    let database = databases::postgres().await;
    measure(Arc::clone(&database.store)).await;
}

/// Under locks and a statement at a time, as behind PgBouncer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, for people"]
async fn pooled_postgres() {
    let database = databases::postgres().await;
    let url = DatabaseUrl::parse(&format!("{}&pgbouncer=true", database.url)).expect("a URL");
    measure(store::open(&url, conformance::mapping()).await.expect("a store")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, for people"]
async fn mysql() {
    let database = databases::mysql().await;
    measure(Arc::clone(&database.store)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, for people"]
async fn sqlite() {
    let database = databases::sqlite().await;
    measure(Arc::clone(&database.store)).await;
}
