//! Many writers at once, as replicas are.

use super::*;
use crate::store::conformance::Fixture;
use futures_util::{FutureExt as _, future::join_all};
use std::{
    future::poll_fn,
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
    time::Duration,
};
use tokio::sync::Barrier;

const WRITERS: i64 = 8;
const ROUNDS: i64 = 30;

/// Eight writers see a new user at the same moment, thirty times. None fails, and the newest stands.
pub async fn racing_first_sights_end_in_the_newest(fixture: &impl Fixture) {
    let barrier = Arc::new(Barrier::new(WRITERS as usize));
    let writers = (0..WRITERS).map(|writer| {
        let (store, barrier) = (fixture.store(), Arc::clone(&barrier));
        tokio::spawn(async move {
            for round in 0..ROUNDS {
                barrier.wait().await;
                // Another writer is the newest in each round.
                let version = 1 + (writer + round) % WRITERS;
                commit(&store, &[seen(&format!("user_{round}"), version)]).await;
            }
        })
    });
    for writer in join_all(writers).await {
        writer.expect("no writer fails");
    }
    let store = fixture.store();
    for round in 0..ROUNDS {
        let id = format!("user_{round}");
        assert_eq!(username(&store, &id).await, Some(format!("{id} {WRITERS}")), "round {round}");
    }
    let page = store.changes(0, 10_000).await.unwrap();
    let created = page.entries.iter().filter(|entry| entry.change == crate::rule::Change::Created).count();
    assert_eq!(created as i64, ROUNDS, "each user was created once");
}

/// Batches that share users in different orders: whatever deadlocks there are never reach the caller.
pub async fn overlapping_batches_in_any_order_all_succeed(fixture: &impl Fixture) {
    const USERS: i64 = 20;
    let barrier = Arc::new(Barrier::new(WRITERS as usize));
    let writers = (0..WRITERS).map(|writer| {
        let (store, barrier) = (fixture.store(), Arc::clone(&barrier));
        tokio::spawn(async move {
            for round in 0..10 {
                barrier.wait().await;
                let version = 1 + round * WRITERS + writer;
                let step = 1 + 2 * (writer % 4);
                // An odd step reaches every third part of the users in another order.
                let batch: Vec<_> = (0..USERS)
                    .map(|i| seen(&format!("user_{}", (i * step + writer) % USERS), version))
                    .collect();
                commit(&store, &batch).await;
            }
        })
    });
    for writer in join_all(writers).await {
        writer.expect("no writer fails");
    }
    let store = fixture.store();
    for i in 0..USERS {
        let id = format!("user_{i}");
        assert!(username(&store, &id).await.is_some(), "{id}");
        let entry = store.entry(&user(&id)).await.unwrap().expect("an entry");
        let row = store.row(&user(&id)).await.unwrap().expect("a row");
        assert_eq!(row[SCORE], Value::Integer(entry.standing.version.updated_at), "row and ledger agree");
    }
}

/// Readers see columns of one version only, while others write.
pub async fn a_row_is_never_of_two_versions(fixture: &impl Fixture) {
    let done = Arc::new(AtomicBool::new(false));
    commit(&fixture.store(), &[seen("user_1", 1)]).await;
    let reader = {
        let (store, done) = (fixture.store(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut newest = 0;
            while !done.load(Ordering::Relaxed) {
                let row = store.row(&user("user_1")).await.unwrap().expect("a row");
                let Value::Integer(version) = row[SCORE] else { panic!("a score") };
                let text = Value::Text(format!("user_1 {version}"));
                assert_eq!((&row[USERNAME], &row[FIRST_NAME]), (&text, &text));
                assert_eq!(row[UPDATED_AT], Value::Timestamp(version));
                assert_eq!(
                    row[META],
                    Value::Json(format!("{{\"content\":\"user_1 {version}\",\"score\":{version}}}"))
                );
                assert!(version >= newest, "never back: {version} after {newest}");
                newest = version;
                tokio::task::yield_now().await;
            }
        })
    };
    let writers = (0..4).map(|writer| {
        let store = fixture.store();
        tokio::spawn(async move {
            for round in 0..50 {
                commit(&store, &[seen("user_1", 2 + round * 4 + writer)]).await;
            }
        })
    });
    for writer in join_all(writers).await {
        writer.expect("no writer fails");
    }
    done.store(true, Ordering::Relaxed);
    reader.await.expect("no torn row was seen");
    assert_eq!(username(&fixture.store(), "user_1").await.as_deref(), Some("user_1 201"));
}

/// Polls `call` so many times, and drops it: its caller has gone away.
pub(super) async fn cut_short(call: impl Future<Output = ()>, polls: u32) {
    let mut call = std::pin::pin!(call);
    let mut left = polls;
    poll_fn(|context| {
        let over = call.as_mut().poll(context).is_ready() || left == 0;
        left = left.saturating_sub(1);
        if over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Callers go away in the middle of calls, at any moment: those that follow are answered as ever.
pub async fn calls_cut_short_do_not_disturb_others(fixture: &impl Fixture) {
    let store = fixture.store();
    for round in 1..=60 {
        let batch = [seen("user_1", i64::from(round)), seen(&format!("user_{round}"), 1)];
        for call in [
            store.presence(&batch[0].user).map(drop).boxed(),
            store.changes(0, 10).map(drop).boxed(),
            store.note_event(i64::from(round)).map(drop).boxed(),
            store.take_lease("someone", Duration::from_millis(1), false).map(drop).boxed(),
            store.commit(&batch).map(drop).boxed(),
            store.decide_share(&|_, now| shares::share("process", round, now)).map(drop).boxed(),
            store.schema().map(drop).boxed(),
        ] {
            cut_short(call, round % 20).await;
        }
        let all = async {
            commit(&store, &batch).await;
            store.decide_share(&|_, now| shares::share("process", round, now)).await.expect("decided");
            assert_eq!(username(&store, "user_1").await, Some(format!("user_1 {round}")));
        };
        tokio::time::timeout(Duration::from_secs(30), all).await.expect("whoever comes next is answered");
    }
    tokio::time::timeout(Duration::from_secs(30), store.close()).await.expect("nothing is left open");
}
