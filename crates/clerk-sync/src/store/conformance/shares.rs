//! Processes share one budget, and decide one after the other.

use super::*;
use crate::store::{ShareRow, conformance::Fixture};
use futures_util::future::join_all;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::Barrier;

pub(super) fn share(process: &str, wanted: u32, now: i64) -> ShareRow {
    ShareRow {
        process: process.to_owned(),
        wanted,
        grant: wanted / 2,
        reserve: 3,
        reserve_until_ms: now - 1,
        expires_at_ms: now + 60_000,
    }
}

/// Twenty processes at once, each asking for one more than all before it together: nobody misses another.
pub async fn deciders_are_serialised(fixture: &impl Fixture) {
    const PROCESSES: u32 = 20;
    let barrier = Arc::new(Barrier::new(PROCESSES as usize));
    let deciders = (0..PROCESSES).map(|i| {
        let (store, barrier) = (fixture.store(), Arc::clone(&barrier));
        tokio::spawn(async move {
            barrier.wait().await;
            let decide = |rows: &[ShareRow], now| {
                let most = rows.iter().map(|row| row.wanted).max().unwrap_or_default();
                share(&format!("process_{i}"), most + 1, now)
            };
            store.decide_share(&decide).await.expect("decided").wanted
        })
    });
    let mut decided: Vec<u32> = join_all(deciders).await.into_iter().map(|one| one.unwrap()).collect();
    decided.sort_unstable();
    assert_eq!(decided, (1..=PROCESSES).collect::<Vec<_>>());
}

/// One process at once from several places: its row is replaced, never lost.
pub async fn a_share_is_replaced_by_the_next(fixture: &impl Fixture) {
    const TIMES: u32 = 20;
    let deciders = (0..TIMES).map(|_| {
        let store = fixture.store();
        tokio::spawn(async move {
            let decide = |rows: &[ShareRow], now| {
                assert!(rows.len() <= 1);
                share("process", rows.first().map_or(0, |row| row.wanted) + 1, now)
            };
            store.decide_share(&decide).await.expect("decided");
        })
    });
    for done in join_all(deciders).await {
        done.expect("no failure");
    }
    let decide = |rows: &[ShareRow], now| {
        let [row] = rows else { panic!("one row, not {rows:?}") };
        assert_eq!((row.wanted, row.grant, row.reserve), (TIMES, TIMES / 2, 3));
        assert_eq!(row.expires_at_ms - row.reserve_until_ms, 60_001, "both are what was decided");
        assert!((row.expires_at_ms - 60_000..row.expires_at_ms).contains(&now), "the database's time");
        ShareRow { wanted: u32::MAX, grant: u32::MAX, reserve: u32::MAX, ..row.clone() }
    };
    assert_eq!(fixture.store().decide_share(&decide).await.unwrap().wanted, u32::MAX);
    let decide = |rows: &[ShareRow], _| {
        assert_eq!((rows[0].wanted, rows[0].grant, rows[0].reserve), (u32::MAX, u32::MAX, u32::MAX));
        rows[0].clone()
    };
    fixture.store().decide_share(&decide).await.unwrap();
}

/// A row goes a minute after the last thing that it says has run out, and not before.
pub async fn shares_that_ran_out_are_removed(fixture: &impl Fixture) {
    let store = fixture.store();
    for (process, reserve_until, expires_at) in [
        ("gone", -70_000, -90_000),
        ("late", -50_000, -70_000),
        ("reserved", 5_000, -70_000),
        ("young", -70_000, 9),
    ] {
        let decide = |_: &[ShareRow], now| ShareRow {
            reserve_until_ms: now + reserve_until,
            expires_at_ms: now + expires_at,
            ..share(process, 1, now)
        };
        store.decide_share(&decide).await.unwrap();
    }
    let seen_at = AtomicI64::new(0);
    let decide = |rows: &[ShareRow], now| {
        let mut processes: Vec<_> = rows.iter().map(|row| row.process.as_str()).collect();
        processes.sort_unstable();
        assert_eq!(processes, ["late", "reserved", "young"]);
        seen_at.store(now, Ordering::Relaxed);
        share("last", 1, now)
    };
    let last = store.decide_share(&decide).await.unwrap();
    assert_eq!(last.expires_at_ms, seen_at.into_inner() + 60_000);
}
