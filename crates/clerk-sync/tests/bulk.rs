//! How fast batches are written, against a bulk upsert of the same table that somebody wrote by hand: rows alone, without
//! ledger, feed or rule. And what mapping costs. Run by hand, in release mode:
//!
//! ```text
//! DURABLE=1 scripts/with-databases cargo test --release -p clerk-sync --test bulk -- --ignored --nocapture --test-threads 1
//! ```
#![expect(clippy::expect_used, reason = "a test stops where something is not as it must be")]
#![expect(clippy::print_stdout, reason = "figures for whoever runs it")]

mod databases;

use clerk_auth::clock::{Clock, SystemClock};
use clerk_sync::{
    mapping::{Mapping, Value},
    observation::{Flow, Observation},
    store::Store,
};
use databases::Database;
use serde_json::json;
use sqlx::{MySqlPool, PgPool, QueryBuilder, SqlitePool, types::time::OffsetDateTime};
use std::{hint::black_box, sync::Arc};

/// Rows of one measurement, but for single ones, which are fewer.
const ROWS: usize = 20_000;
const ROUNDS: usize = 7;

fn user(number: usize, version: i64) -> String {
    let user = json!({
        "id": format!("user_{number:010}"), "updated_at": 1_700_000_000_000_i64 + version, "created_at": 1_600_000_000_000_i64,
        "username": format!("name{number}"), "first_name": format!("Ada Augusta {version}"),
        "public_metadata": {"score": number, "plan": "free", "seats": [1, 2, 3]}, "banned": false,
        "last_active_at": 1_700_000_000_000_i64,
    });
    user.to_string()
}

fn batches(mapping: &Mapping, first: usize, rows: usize, size: usize, version: i64) -> Vec<Vec<Observation>> {
    let observed = (first..first + rows).map(|number| {
        let mapped = mapping.read_user(user(number, version).as_bytes()).expect("a user");
        Observation::present(mapped, mapping, 1_700_000_100_000 + version, Flow::Webhook)
    });
    let observed: Vec<_> = observed.collect();
    observed.chunks(size).map(<[_]>::to_vec).collect()
}

/// The other way: a statement for each batch.
enum ByHand {
    Postgres(PgPool),
    Mysql(MySqlPool),
    Sqlite(SqlitePool),
}

/// Columns of the suite's mapping, and what an upsert sets.
const COLUMNS: [&str; 8] =
    ["clerk_id", "username", "first_name", "score", "banned", "updated_at", "meta", "seen_at"];

macro_rules! upsert {
    ($pool:expr, $batch:expr, $table:expr, $end:expr, $moment:expr) => {{
        let mut query = QueryBuilder::new(format!("insert into {} ({}) ", $table, COLUMNS.join(", ")));
        query.push_values($batch, |mut row, observation| {
            for value in observation.row.as_deref().unwrap_or_default() {
                match value {
                    Value::Null => row.push_bind(None::<String>),
                    Value::Text(text) | Value::Json(text) => row.push_bind(text.clone()),
                    Value::Integer(number) => row.push_bind(*number),
                    Value::Boolean(truth) => row.push_bind(*truth),
                    Value::Timestamp(ms) => row.push_bind($moment(*ms)),
                };
            }
        });
        query.push($end);
        query.build().execute($pool).await.expect("written");
    }};
}

fn moment(ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).expect("a moment")
}

impl ByHand {
    async fn write(&self, batch: &[Observation]) {
        let set = |how: &dyn Fn(&str) -> String| {
            COLUMNS[1..].iter().map(|name| how(name)).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Postgres(pool) => {
                // The document's type is the one that a placeholder cannot tell.
                let end = format!(
                    " on conflict (clerk_id) do update set {}",
                    set(&|name| format!("{name} = excluded.{name}"))
                );
                let mut query = QueryBuilder::new(format!("insert into users ({}) ", COLUMNS.join(", ")));
                query.push_values(batch, |mut row, observation| {
                    for value in observation.row.as_deref().unwrap_or_default() {
                        match value {
                            Value::Null => row.push_bind(None::<String>),
                            Value::Text(text) => row.push_bind(text.clone()),
                            Value::Json(text) => row.push_bind(text.clone()).push_unseparated("::jsonb"),
                            Value::Integer(number) => row.push_bind(*number),
                            Value::Boolean(truth) => row.push_bind(*truth),
                            Value::Timestamp(ms) => row.push_bind(moment(*ms)),
                        };
                    }
                });
                query.push(end).build().execute(pool).await.expect("written");
            }
            Self::Mysql(pool) => {
                let end =
                    format!(" on duplicate key update {}", set(&|name| format!("{name} = values({name})")));
                upsert!(pool, batch, "users", end, moment);
            }
            Self::Sqlite(pool) => {
                let end = format!(
                    " on conflict (clerk_id) do update set {}",
                    set(&|name| format!("{name} = excluded.{name}"))
                );
                let iso = |ms: i64| moment(ms).to_string();
                upsert!(pool, batch, "users", end, iso);
            }
        }
    }
}

async fn ours(store: &Arc<dyn Store>, batches: &[Vec<Observation>]) -> f64 {
    let clock = SystemClock::new();
    let begun = clock.monotonic();
    for batch in batches {
        store.commit(batch).await.expect("written");
    }
    rows(batches) / (clock.monotonic() - begun).as_secs_f64()
}

async fn theirs(by_hand: &ByHand, batches: &[Vec<Observation>]) -> f64 {
    let clock = SystemClock::new();
    let begun = clock.monotonic();
    for batch in batches {
        by_hand.write(batch).await;
    }
    rows(batches) / (clock.monotonic() - begun).as_secs_f64()
}

fn rows(batches: &[Vec<Observation>]) -> f64 {
    batches.iter().map(Vec::len).sum::<usize>() as f64
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

async fn measure(ours_on: Database, theirs_on: (Database, ByHand)) {
    let (store, by_hand) = (&ours_on.store, &theirs_on.1);
    let mapping = store.mapping();
    let mut first = 0;
    for size in [1, 10, 100, 1_000] {
        let count = if size == 1 { ROWS / 20 } else { ROWS };
        let (mut new, mut changed) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        // Interleaved: whatever else the machine does meets both.
        for _ in 0..ROUNDS {
            let inserts = batches(mapping, first, count, size, 1);
            let updates = batches(mapping, first, count, size, 2);
            new.0.push(ours(store, &inserts).await);
            new.1.push(theirs(by_hand, &inserts).await);
            changed.0.push(ours(store, &updates).await);
            changed.1.push(theirs(by_hand, &updates).await);
            first += count;
        }
        let told = |what: &str, (ours, theirs): (Vec<f64>, Vec<f64>)| {
            // Of a round, so that one that met other work counts once.
            let ratio = median(ours.iter().zip(&theirs).map(|(ours, theirs)| theirs / ours).collect());
            let (ours, theirs) = (median(ours), median(theirs));
            println!(
                "{} batches of {size}, {what}: {ours:.0} rows/s, by hand {theirs:.0} ({ratio:.2} times as long)",
                store.name(),
            );
        };
        told("new", new);
        told("changed", changed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, for people"]
async fn postgres() {
    let other = databases::postgres().await;
    let (server, schema) = other.url.rsplit_once("schema=").expect("a schema");
    let url = format!("{}?options=-csearch_path%3D{schema}", server.trim_end_matches(['?', '&']));
    let pool = PgPool::connect(&url).await.expect("PostgreSQL answers");
    measure(databases::postgres().await, (other, ByHand::Postgres(pool))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, for people"]
async fn mysql() {
    let other = databases::mysql().await;
    let pool = MySqlPool::connect(&other.url).await.expect("MySQL answers");
    measure(databases::mysql().await, (other, ByHand::Mysql(pool))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, for people"]
async fn sqlite() {
    let other = databases::sqlite().await;
    // As ours: every commit survives a power cut.
    let pool = SqlitePool::connect(&format!("{}?mode=rw", other.url)).await.expect("the file opens");
    sqlx::raw_sql("pragma synchronous = full").execute(&pool).await.expect("a setting");
    measure(databases::sqlite().await, (other, ByHand::Sqlite(pool))).await;
}

#[test]
#[ignore = "measures, for people"]
fn mapping() {
    let mapping = clerk_sync::store::conformance::mapping();
    let users: Vec<String> = (0..1_000).map(|number| user(number, 1)).collect();
    let clock = SystemClock::new();
    let times = (0..ROUNDS).map(|_| {
        let begun = clock.monotonic();
        for _ in 0..20 {
            for user in &users {
                black_box(mapping.read_user(black_box(user.as_bytes())).expect("a user"));
            }
        }
        (clock.monotonic() - begun).as_secs_f64() * 1e6 / (20 * users.len()) as f64
    });
    let time = median(times.collect());
    let columns = mapping.columns().len();
    println!(
        "mapping: {time:.2} us a user of {} bytes, {:.3} us a column",
        users[0].len(),
        time / columns as f64
    );
}
