//! One process at a time holds the lease. Times are the database's, so some promises wait for them.

use super::*;
use crate::store::conformance::Fixture;
use clerk_auth::clock::{Clock, SystemClock};
use futures_util::future::join_all;
use std::time::Duration;
use tokio::sync::Barrier;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(100);
/// Longer than [`SHORT`], on a busy machine too.
const LATER: Duration = Duration::from_millis(150);

async fn later() {
    SystemClock::new().sleep(LATER).await;
}

/// Who holds it after `holder` asked, and under which token.
async fn take(store: &Arc<dyn Store>, holder: &str, ttl: Duration, insists: bool) -> (String, i64) {
    let lease = store.take_lease(holder, ttl, insists).await.expect("the lease is asked for");
    (lease.holder, lease.token)
}

fn by(holder: &str, token: i64) -> (String, i64) {
    (holder.to_owned(), token)
}

/// Twenty ask at the same moment; all of them hear of the same one. Three times, and the token tells them apart.
pub async fn one_of_many_takers_holds_the_lease(fixture: &impl Fixture) {
    const TAKERS: usize = 20;
    let store = fixture.store();
    assert_eq!(store.lease().await.unwrap(), None, "never taken");
    for round in 1..=3 {
        let barrier = Arc::new(Barrier::new(TAKERS));
        let takers = (0..TAKERS).map(|i| {
            let (store, barrier) = (fixture.store(), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                take(&store, &format!("process_{i}"), LONG, false).await
            })
        });
        let answers: Vec<_> = join_all(takers).await.into_iter().map(|answer| answer.unwrap()).collect();
        let lease = store.lease().await.unwrap().expect("taken");
        assert!(
            answers.iter().all(|answer| *answer == (lease.holder.clone(), round)),
            "{lease:?} {answers:?}"
        );
        assert!(lease.expires_in > LONG / 2 && lease.expires_in <= LONG, "{lease:?}");
        store.release_lease(&lease.holder).await.unwrap();
    }
}

/// A holder who renews in time keeps the token; others hear how long it lasts.
pub async fn a_renewal_keeps_the_token(fixture: &impl Fixture) {
    let store = fixture.store();
    assert_eq!(take(&store, "a", SHORT, false).await, by("a", 1));
    assert_eq!(take(&store, "a", LONG, false).await, by("a", 1));
    assert_eq!(take(&store, "b", SHORT, false).await, by("a", 1));
    later().await;
    assert_eq!(take(&store, "b", SHORT, false).await, by("a", 1), "it was renewed for longer");
    let lease = store.lease().await.unwrap().expect("taken");
    assert!(lease.expires_in > LONG / 2 && lease.expires_in < LONG, "{lease:?}");
    assert_eq!((lease.holder.as_str(), lease.wanted_by), ("a", None));
}

/// A lease that nobody renews is free, and its old holder's token void, also if the same process takes it again.
pub async fn a_lease_that_ran_out_is_free(fixture: &impl Fixture) {
    let store = fixture.store();
    assert_eq!(take(&store, "a", SHORT, false).await, by("a", 1));
    later().await;
    let lease = store.lease().await.unwrap().expect("taken once");
    assert_eq!((lease.holder.as_str(), lease.expires_in), ("a", Duration::ZERO));
    assert_eq!(take(&store, "a", SHORT, false).await, by("a", 2));
    later().await;
    assert_eq!(take(&store, "b", LONG, false).await, by("b", 3));
    assert_eq!(take(&store, "a", LONG, false).await, by("b", 3));
}

/// Only its holder lets it go, and then it is free at once.
pub async fn a_released_lease_is_free_at_once(fixture: &impl Fixture) {
    let store = fixture.store();
    store.release_lease("a").await.unwrap();
    assert_eq!(store.lease().await.unwrap(), None);
    assert_eq!(take(&store, "a", LONG, false).await, by("a", 1));
    store.release_lease("b").await.unwrap();
    assert_eq!(take(&store, "b", LONG, false).await, by("a", 1));
    store.release_lease("a").await.unwrap();
    store.release_lease("a").await.unwrap();
    assert_eq!(store.lease().await.unwrap().expect("taken once").expires_in, Duration::ZERO);
    assert_eq!(take(&store, "b", LONG, false).await, by("b", 2));
}

/// Whoever insists is waited for, as long as the wish counts.
pub async fn a_wish_is_granted_before_others(fixture: &impl Fixture) {
    let store = fixture.store();
    assert_eq!(take(&store, "a", LONG, false).await, by("a", 1));
    assert_eq!(take(&store, "b", LONG, true).await, by("a", 1));
    assert_eq!(take(&store, "a", LONG, false).await, by("a", 1), "its holder may renew it");
    assert_eq!(store.lease().await.unwrap().unwrap().wanted_by.as_deref(), Some("b"));
    store.release_lease("a").await.unwrap();
    for other in ["a", "c"] {
        let lease = store.take_lease(other, LONG, false).await.unwrap();
        assert_eq!((lease.token, lease.expires_in), (1, Duration::ZERO), "kept free for the one who wished");
        assert_eq!(lease.wanted_by.as_deref(), Some("b"));
    }
    assert_eq!(take(&store, "b", LONG, false).await, by("b", 2));
    assert_eq!(store.lease().await.unwrap().unwrap().wanted_by, None, "granted");
    // A wish taken back, and one that ran out.
    assert_eq!(take(&store, "a", LONG, true).await, by("b", 2));
    store.release_lease("a").await.unwrap();
    assert_eq!(store.lease().await.unwrap().unwrap().wanted_by, None, "taken back");
    assert_eq!(take(&store, "a", SHORT, true).await, by("b", 2));
    store.release_lease("b").await.unwrap();
    later().await;
    assert_eq!(take(&store, "c", LONG, false).await, by("c", 3));
}
