//! The promise that all others serve: whatever is delivered, in whatever order, with whatever failures, in the end the
//! table equals Clerk.
//!
//! A history of users runs in a model Clerk. Its events are delivered late, several times, at once and out of order,
//! commits and reads fail meanwhile, and people ask for reads. In the end every event has been accepted once, and
//! nothing waits to be read again. A failure prints the shortest history and is kept by proptest as a seed.

mod model;
mod world;

use super::testing::block_on;
use model::Change;
use proptest::{prelude::*, sample::Index};
#[cfg(feature = "sqlite")]
use std::sync::Arc;
use world::World;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    /// Somebody does something in Clerk.
    Change(Change),
    /// One of the events so far arrives, perhaps once more. Nobody waits for the answer.
    Deliver(Index),
    /// The same, and the sender hangs up at once.
    DeliverAndHangUp(Index),
    /// `sync <id>`. Nobody knows an id before its user is made.
    Sync(u8),
    /// The next commit fails.
    CommitFails(Trouble),
    /// The next read fails.
    ReadFails,
    /// Everyone gets as far as they can.
    Pause,
    /// Time passes.
    Wait(u16),
}

#[derive(Debug, Clone, Copy)]
enum Trouble {
    /// Nothing is written.
    Before,
    /// Nothing is written, and it may be tried at once.
    Contended,
    /// It is written, and nobody hears of it.
    After,
}

/// `users`: how many; their names come from one more.
fn change(users: u8, gaps: &'static [i64], lateness: i64) -> impl Strategy<Value = Change> {
    let seconds = prop::bool::weighted(if lateness > 0 { 0.2 } else { 0.0 });
    let parts =
        (0..users, prop::bool::weighted(0.1), prop::sample::select(gaps), 0..=lateness, seconds, 0..=users);
    parts.prop_map(|(user, deletes, after_ms, lateness, in_seconds, name)| Change {
        user,
        deletes,
        after_ms,
        lateness,
        in_seconds,
        name,
    })
}

fn steps(
    change: impl Strategy<Value = Change> + 'static,
    troubles: &'static [Trouble],
) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => change.prop_map(Step::Change),
        6 => any::<Index>().prop_map(Step::Deliver),
        1 => any::<Index>().prop_map(Step::DeliverAndHangUp),
        1 => (0..3_u8).prop_map(Step::Sync),
        1 => prop::sample::select(troubles).prop_map(Step::CommitFails),
        1 => Just(Step::ReadFails),
        3 => Just(Step::Pause),
        1 => prop::sample::select(&[1_u16, 61][..]).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..60)
}

/// Many changes within one millisecond, whose events carry timestamps that do not tell their order.
fn with_ties() -> impl Strategy<Value = Vec<Step>> {
    steps(change(3, &[0, 0, 0, 1, 300, 1_500], 30), &[Trouble::Before, Trouble::Contended])
}

/// Commits whose answer is lost. One that decides a tie then brings no read, so here the timestamps tell the order.
fn with_lost_answers() -> impl Strategy<Value = Vec<Step>> {
    steps(change(3, &[1, 300, 1_500], 0), &[Trouble::Before, Trouble::Contended, Trouble::After])
}

/// Eight users who take each other's names, and nine names: any of them may move anywhere, in time.
fn with_moves() -> impl Strategy<Value = Vec<Step>> {
    prop_oneof![
        steps(change(8, &[1, 300, 1_500], 0), &[Trouble::Before, Trouble::Contended, Trouble::After]),
        steps(change(8, &[0, 0, 1, 300, 1_500], 30), &[Trouble::Before, Trouble::Contended]),
    ]
}

/// `order`: in which order the events come that were not accepted until the end.
async fn run(mut world: World, steps: Vec<Step>, order: u32) -> Result<(), TestCaseError> {
    for step in steps {
        world.take(step).await;
    }
    world.deliver_the_rest(order).await?;
    world.settle().await?;
    world.check().await
}

/// `PROPTEST_CASES`, which is 256 unless it is set, makes more or fewer of them.
fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: (cases * default.cases).div_ceil(256), max_shrink_time: 30_000, ..default }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn the_table_ends_equal_to_clerk(steps in with_ties(), order: u32) {
        block_on(async { run(World::in_memory(), steps, order).await })?;
    }

    #[test]
    fn the_table_ends_equal_to_clerk_though_answers_are_lost(steps in with_lost_answers(), order: u32) {
        block_on(async { run(World::in_memory(), steps, order).await })?;
    }

    #[test]
    fn names_that_are_unique_end_where_clerk_has_them(steps in with_moves(), order: u32) {
        block_on(async { run(World::with_unique_names(), steps, order).await })?;
    }
}

#[cfg(feature = "sqlite")]
proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn names_that_are_unique_end_where_clerk_has_them_on_sqlite(steps in with_moves(), order: u32) {
        let directory = tempfile::tempdir().expect("a directory");
        block_on(async {
            let store = sqlite(&directory).await;
            unique_names(&directory).await;
            run(World::on(store).named_uniquely(), steps, order).await
        })?;
    }

    #[test]
    fn the_table_ends_equal_to_clerk_on_sqlite(steps in with_ties(), order: u32) {
        let directory = tempfile::tempdir().expect("a directory");
        block_on(async {
            let store = sqlite(&directory).await;
            run(World::on(store), steps, order).await
        })?;
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite(directory: &tempfile::TempDir) -> Arc<dyn crate::store::Store> {
    let url = format!("sqlite://{}", directory.path().join("test.db").display());
    let url = crate::database_url::DatabaseUrl::parse(&url).expect("a URL");
    let store = crate::store::open(&url, super::testing::mapping()).await.expect("a store");
    store.migrate().await.expect("the schema is made");
    store
}

#[cfg(feature = "sqlite")]
async fn unique_names(directory: &tempfile::TempDir) {
    use sqlx::{Connection as _, Executor as _};
    let url = format!("sqlite://{}", directory.path().join("test.db").display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.expect("connected");
    connection.execute("create unique index users_by_username on users (username)").await.expect("an index");
}
