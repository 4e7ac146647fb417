use super::*;
use crate::{
    clerk::{
        Lane,
        shares::{ShareRequest, claim},
    },
    store::{ShareRow, StoreError, StoreErrorKind},
};
use async_trait::async_trait;
use clerk_auth::clock::{Clock, ManualClock};
use std::sync::{Arc, Mutex, MutexGuard};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Desk {
    clock: Arc<ManualClock>,
    inner: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    rows: Vec<ShareRow>,
    claims: usize,
    is_away: bool,
}

impl Desk {
    fn inner(&self) -> MutexGuard<'_, Rows> {
        self.inner.lock().expect("no panic")
    }
}

#[async_trait]
impl ShareDesk for Desk {
    async fn claim(&self, request: &ShareRequest) -> Result<ShareRow, StoreError> {
        let mut inner = self.inner();
        inner.claims += 1;
        if inner.is_away {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "testing", ""));
        }
        let row = claim(request, &inner.rows, self.clock.now_ms());
        inner.rows.retain(|other| other.process != row.process);
        inner.rows.push(row.clone());
        Ok(row)
    }

    async fn leave(&self, process: &str, occupied: u32) -> Result<(), StoreError> {
        let now_ms = self.clock.now_ms();
        for row in self.inner().rows.iter_mut().filter(|row| row.process == process) {
            *row = ShareRow::left(process, occupied, now_ms);
        }
        Ok(())
    }
}

struct Bench {
    clock: Arc<ManualClock>,
    desk: Arc<Desk>,
}

impl Bench {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(1_000_000));
        Self { desk: Arc::new(Desk { clock: Arc::clone(&clock), inner: Mutex::default() }), clock }
    }

    fn process(&self, name: &'static str) -> (Arc<Budget>, CancellationToken) {
        let budget = Arc::new(Budget::shared(100, Arc::clone(&self.clock) as Arc<dyn Clock>));
        let stop = CancellationToken::new();
        let (desk, its_budget, its_stop) = (Arc::clone(&self.desk), Arc::clone(&budget), stop.clone());
        tokio::spawn(async move { share(&its_budget, desk.as_ref(), name, &its_stop).await });
        (budget, stop)
    }

    async fn pass(&self, duration: Duration) {
        let end = self.clock.monotonic() + duration;
        settle().await;
        while self.clock.monotonic() < end {
            self.clock.advance(Duration::from_millis(100));
            settle().await;
        }
    }
}

async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_person_never_waits_for_a_heartbeat() {
    let bench = Bench::new();
    let (budget, _stop) = bench.process("a");
    // Even before the first claim has been answered.
    drop(budget.permit(Lane::Person, SECOND).await.expect("a grant comes at once"));
    assert!((5..10).contains(&budget.grant()), "{}", budget.grant());
    let people = (0..60).map(|_| budget.permit(Lane::Person, 5 * SECOND));
    let (permits, ()) = tokio::join!(futures_util::future::join_all(people), bench.pass(SECOND));
    assert!(permits.iter().all(Result::is_ok));
    assert!(budget.grant() >= 61, "{}", budget.grant());
}

#[tokio::test]
async fn at_rest_heartbeats_are_rare() {
    let bench = Bench::new();
    let (budget, _stop) = bench.process("a");
    bench.pass(60 * SECOND).await;
    assert!((15..=17).contains(&bench.desk.inner().claims), "{}", bench.desk.inner().claims);
    assert_eq!(budget.grant(), 5);
}

#[tokio::test]
async fn without_heartbeats_the_grant_ends_and_comes_back_with_them() {
    let bench = Bench::new();
    let (budget, _stop) = bench.process("a");
    bench.pass(SECOND).await;
    bench.desk.inner().is_away = true;
    bench.pass(11 * SECOND).await;
    assert_eq!((budget.grant(), budget.effective_limit()), (0, 0));
    let error = budget.permit(Lane::Person, Duration::ZERO).await.expect_err("nothing is granted");
    assert_eq!(error.retry_after(), Some(SECOND));
    bench.desk.inner().is_away = false;
    bench.pass(2 * SECOND).await;
    assert_eq!(budget.grant(), 5);
}

#[tokio::test]
async fn whoever_stops_gives_back() {
    let bench = Bench::new();
    let (budget, stop) = bench.process("a");
    bench.pass(SECOND).await;
    stop.cancel();
    settle().await;
    assert_eq!(budget.grant(), 0);
    let row = bench.desk.inner().rows.first().cloned().expect("its row");
    assert_eq!((row.grant, row.reserve), (0, 0), "it made no call");
}
