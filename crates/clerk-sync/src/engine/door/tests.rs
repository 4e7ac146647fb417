use super::*;
use crate::{
    engine::testing::{Fault, GatedStore, NOON, gone, mapping, present, quiet, until, user, username},
    rule::Change,
    store::{StoreErrorKind, memory::MemoryStore},
};
use clerk_auth::clock::ManualClock;
use futures_util::{FutureExt, future::join_all};
use tokio::task::JoinHandle;

type Outcome = Result<Applied, ApplyError>;

#[derive(Debug, Clone)]
struct Bench {
    door: Arc<Door>,
    store: Arc<GatedStore>,
    settling: Arc<Settling>,
}

fn bench(concurrent: usize, options: DoorOptions) -> Bench {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOON));
    let store = GatedStore::new(Arc::new(MemoryStore::new(mapping(), Arc::clone(&clock))), concurrent);
    let settling = Arc::new(Settling::default());
    let door = Door::open(
        Arc::clone(&store) as Arc<dyn Store>,
        clock,
        Arc::new(Metrics::default()),
        Arc::clone(&settling),
        Arc::default(),
        tokio::sync::mpsc::unbounded_channel().0,
        options,
    );
    Bench { door: Arc::new(door), store, settling }
}

impl Bench {
    fn apply(&self, observation: Observation) -> JoinHandle<Outcome> {
        let door = Arc::clone(&self.door);
        tokio::spawn(async move { door.apply(observation).await })
    }

    /// Begins one commit that is held back, so that what comes next has to wait.
    async fn occupy(&self) -> JoinHandle<Outcome> {
        self.store.hold();
        let first = self.apply(present("user_first", NOON, NOON, "first"));
        until("the first commit begins", || self.store.begun() == 1).await;
        first
    }

    async fn username(&self, id: &str) -> Option<String> {
        self.store.row(&user(id)).await.expect("readable").as_ref().map(username)
    }
}

fn numbered(number: usize) -> Observation {
    present(&format!("user_{number}"), NOON, NOON, &format!("name_{number}"))
}

async fn all_ok(calls: Vec<JoinHandle<Outcome>>) -> Vec<Applied> {
    let outcomes = join_all(calls).await;
    outcomes.into_iter().map(|outcome| outcome.expect("no panic").expect("written")).collect()
}

#[tokio::test]
async fn what_arrives_during_a_commit_goes_together_in_the_next() {
    let bench = bench(1, DoorOptions::default());
    let mut calls = vec![bench.occupy().await];
    calls.extend((0..20).map(|number| bench.apply(numbered(number))));
    quiet().await;
    assert_eq!(bench.store.sizes(), [1], "the others wait");
    bench.store.release();
    all_ok(calls).await;
    assert_eq!(bench.store.sizes(), [1, 20]);
}

#[tokio::test]
async fn one_that_comes_alone_does_not_wait() {
    let bench = bench(4, DoorOptions::default());
    for number in 0..3 {
        bench.door.apply(numbered(number)).await.expect("written");
    }
    assert_eq!(bench.store.sizes(), [1, 1, 1]);
}

#[tokio::test]
async fn a_batch_has_a_greatest_size() {
    let bench = bench(1, DoorOptions { max_batch: 8, ..DoorOptions::default() });
    let mut calls = vec![bench.occupy().await];
    calls.extend((0..20).map(|number| bench.apply(numbered(number))));
    quiet().await;
    bench.store.release();
    all_ok(calls).await;
    assert_eq!(bench.store.sizes(), [1, 8, 8, 4]);
}

#[tokio::test]
async fn one_users_observations_are_folded_into_one_change() {
    let bench = bench(1, DoorOptions::default());
    let first = bench.occupy().await;
    let calls: Vec<_> = [3, 1, 5, 2, 4]
        .map(|version| bench.apply(present("user_1", NOON + version, NOON + 9, &format!("v{version}"))))
        .into();
    quiet().await;
    bench.store.release();
    first.await.expect("no panic").expect("written");
    let applied = all_ok(calls).await;
    let changes: Vec<_> = applied.iter().map(|applied| applied.change).collect();
    assert_eq!(changes, [None, None, Some(Change::Created), None, None]);
    assert_eq!(bench.store.sizes(), [1, 5]);
    assert_eq!(bench.username("user_1").await.as_deref(), Some("v5"));
}

#[tokio::test]
async fn a_user_waits_for_its_own_transaction_and_others_pass_it() {
    let bench = bench(3, DoorOptions::default());
    let mut calls = vec![bench.occupy().await];
    calls.push(bench.apply(present("user_first", NOON + 1, NOON + 1, "second")));
    calls.extend((0..10).map(|number| bench.apply(numbered(number))));
    until("the others' commit begins", || bench.store.begun() == 2).await;
    quiet().await;
    assert_eq!(bench.store.sizes(), [1, 10], "the same user is not in it");
    bench.store.release();
    all_ok(calls).await;
    assert_eq!(bench.store.sizes(), [1, 10, 1]);
    assert_eq!(bench.username("user_first").await.as_deref(), Some("second"));
    assert!(!bench.store.overlapped());
}

#[tokio::test]
async fn few_do_not_begin_a_second_transaction_beside_a_running_one() {
    let bench = bench(3, DoorOptions::default());
    let mut calls = vec![bench.occupy().await];
    calls.extend((0..7).map(|number| bench.apply(numbered(number))));
    quiet().await;
    assert_eq!(bench.store.sizes(), [1]);
    calls.push(bench.apply(numbered(7)));
    until("eight are enough", || bench.store.sizes() == [1, 8]).await;
    bench.store.release();
    all_ok(calls).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_user_is_in_two_transactions_at_once() {
    const USERS: usize = 23;
    let bench = bench(4, DoorOptions { max_batch: 16, ..DoorOptions::default() });
    let calls: Vec<_> = (0..1_500)
        .map(|i| {
            // A stride that shuffles versions and users.
            let version = (i * 7_919) % 1_500;
            let id = format!("user_{}", version % USERS);
            bench.apply(present(&id, NOON + version as i64, NOON, &format!("v{version}")))
        })
        .collect();
    all_ok(calls).await;
    assert!(!bench.store.overlapped());
    assert!(bench.store.sizes().iter().all(|size| *size <= 16));
    for number in 0..USERS {
        let newest = (0..1_500).rev().find(|version| version % USERS == number).expect("one");
        assert_eq!(bench.username(&format!("user_{number}")).await, Some(format!("v{newest}")));
    }
}

#[tokio::test]
async fn a_full_queue_turns_callers_away_at_once() {
    let bench = bench(1, DoorOptions { max_waiting: 2, ..DoorOptions::default() });
    let mut calls = vec![bench.occupy().await];
    calls.extend((0..2).map(|number| bench.apply(numbered(number))));
    quiet().await;
    let refused = bench.door.apply(numbered(2)).now_or_never();
    assert_eq!(refused, Some(Err(ApplyError::Overloaded)));
    bench.store.release();
    all_ok(calls).await;
    bench.door.apply(numbered(2)).await.expect("there is room again");
    assert_eq!(bench.store.sizes(), [1, 2, 1]);
}

#[tokio::test]
async fn draining_answers_everyone_and_turns_new_ones_away() {
    let bench = bench(1, DoorOptions { max_batch: 2, ..DoorOptions::default() });
    let first = bench.occupy().await;
    let door = &bench.door;
    let mut waiting: Vec<_> = (0..5).map(|number| Box::pin(door.apply(numbered(number)))).collect();
    for call in &mut waiting {
        assert_eq!(call.now_or_never(), None, "it waits");
    }
    let drain = tokio::spawn({
        let door = Arc::clone(door);
        async move { door.drain().await }
    });
    quiet().await;
    assert!(!drain.is_finished(), "the first commit still runs");
    assert_eq!(door.apply(numbered(9)).now_or_never(), Some(Err(ApplyError::Closed)));
    bench.store.release();
    drain.await.expect("no panic");
    // Nobody polled them since: the answers have been given before the drain ended.
    for call in waiting {
        assert!(matches!(call.now_or_never(), Some(Ok(_))));
    }
    first.await.expect("no panic").expect("written");
    assert_eq!(bench.store.sizes(), [1, 2, 2, 1]);
    assert_eq!(door.apply(numbered(9)).await, Err(ApplyError::Closed));
    door.drain().now_or_never().expect("it is drained already");
}

#[tokio::test]
async fn draining_an_idle_door_returns_at_once() {
    let bench = bench(1, DoorOptions::default());
    bench.door.drain().now_or_never().expect("nothing to wait for");
}

#[tokio::test]
async fn a_caller_that_goes_away_loses_neither_its_observation_nor_its_tie() {
    let bench = bench(1, DoorOptions::default());
    let first = bench.occupy().await;
    let gone_away = [
        bench.apply(present("user_1", NOON, NOON + 1, "a")),
        bench.apply(present("user_1", NOON, NOON + 2, "b")),
    ];
    quiet().await;
    for call in gone_away {
        call.abort();
        assert!(call.await.expect_err("aborted").is_cancelled());
    }
    bench.store.release();
    first.await.expect("no panic").expect("written");
    until("the queue is written", || bench.store.begun() == 2).await;
    bench.door.drain().await;
    assert_eq!(bench.username("user_1").await.as_deref(), Some("b"));
    assert_eq!(bench.settling.waiting(), 1, "user_1 is to be read again");
}

#[tokio::test]
async fn a_door_that_is_dropped_writes_what_it_took() {
    let Bench { door, store, .. } = bench(1, DoorOptions::default());
    store.hold();
    let call = tokio::spawn({
        let door = Arc::clone(&door);
        async move { door.apply(numbered(1)).await }
    });
    until("the commit begins", || store.begun() == 1).await;
    let waiting = tokio::spawn(async move { door.apply(numbered(2)).await });
    quiet().await;
    for call in [call, waiting] {
        call.abort();
        call.await.expect_err("aborted");
    }
    store.release();
    until("both are written", || store.begun() == 2).await;
    quiet().await;
    assert_eq!(
        store.row(&user("user_2")).await.expect("readable").as_ref().map(username).as_deref(),
        Some("name_2")
    );
}

#[tokio::test]
async fn each_caller_gets_its_own_answer() {
    let bench = bench(1, DoorOptions::default());
    bench.door.apply(present("user_old", NOON + 9, NOON + 9, "newest")).await.expect("written");
    bench.door.apply(present("user_same", NOON, NOON, "same")).await.expect("written");
    bench.store.refuse("taken");
    bench.store.hold();
    let first = bench.apply(present("user_first", NOON, NOON, "first"));
    until("it begins", || bench.store.begun() == 3).await;
    let calls = [
        bench.apply(present("user_old", NOON + 1, NOON + 1, "older")),
        bench.apply(present("user_bad", NOON, NOON, "taken")),
        bench.apply(present("user_same", NOON, NOON, "same")),
        bench.apply(gone("user_gone", NOON)),
        bench.apply(present("user_old", NOON + 10, NOON + 10, "even newer")),
        bench.apply(present("user_new", NOON, NOON, "new")),
    ];
    quiet().await;
    bench.store.release();
    first.await.expect("no panic").expect("written");
    let answers = join_all(calls).await.into_iter().map(|answer| answer.expect("no panic"));
    let told: Vec<_> =
        answers.map(|answer| answer.map(|applied| (applied.verdict, applied.change))).collect();
    let refused = Err(StoreErrorKind::Rejected { constraint: Some("users_by_username".to_owned()) });
    let told: Vec<_> = told
        .into_iter()
        .map(|answer| {
            answer.map_err(|error| match error {
                ApplyError::Store(error) => error.kind().clone(),
                other => panic!("a store's error, not {other}"),
            })
        })
        .collect();
    assert_eq!(
        told,
        [
            Ok((Verdict::Stale, None)),
            refused,
            Ok((Verdict::Duplicate, None)),
            Ok((Verdict::Stands, None)),
            Ok((Verdict::Stands, Some(Change::Updated))),
            Ok((Verdict::Stands, Some(Change::Created))),
        ]
    );
}

#[tokio::test]
async fn a_lost_answer_is_an_error_and_the_same_again_is_a_duplicate() {
    let bench = bench(1, DoorOptions::default());
    bench.store.next([Fault::After(StoreErrorKind::Unavailable)]);
    let lost = bench.door.apply(numbered(1)).await.expect_err("nobody knows");
    assert!(matches!(lost, ApplyError::Store(error) if error.is_transient()));
    let again = bench.door.apply(numbered(1)).await.expect("written");
    assert_eq!((again.verdict, again.change), (Verdict::Duplicate, None));
}

#[tokio::test]
async fn a_panic_in_the_store_frees_its_users_and_ends_nothing() {
    let bench = bench(1, DoorOptions::default());
    bench.store.next([Fault::Panic]);
    assert_eq!(bench.door.apply(numbered(1)).await, Err(ApplyError::Closed));
    bench.door.apply(numbered(1)).await.expect("the user is free again");
    bench.door.drain().await;
    assert_eq!(bench.username("user_1").await.as_deref(), Some("name_1"));
}
