use super::*;
use crate::{
    authenticate::RefreshRequest, backend::BackendError, clock::ManualClock, reason::RefreshFailure, testing,
};
use async_trait::async_trait;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Semaphore, watch};

/// Answers with what it is told to, once it may.
#[derive(Debug)]
struct Clerk {
    calls: AtomicUsize,
    may_answer: Semaphore,
    answer: watch::Sender<Result<JwkSet, BackendError>>,
}

impl Clerk {
    fn answer_with(&self, answer: Result<JwkSet, BackendError>) {
        self.answer.send_modify(|current| *current = answer);
    }
}

#[async_trait]
impl Backend for Clerk {
    async fn signing_keys(&self) -> Result<JwkSet, BackendError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.may_answer.acquire().await.expect("open").forget();
        self.answer.borrow().clone()
    }

    async fn handshake_payload(&self, _nonce: &str) -> Result<Vec<String>, BackendError> {
        Err(BackendError::NotFound)
    }

    async fn refresh(&self, _request: &RefreshRequest) -> Result<Vec<String>, RefreshFailure> {
        Err(RefreshFailure::Unexplained)
    }
}

struct Bench {
    ring: KeyRing,
    clerk: Arc<Clerk>,
    clock: Arc<ManualClock>,
}

fn bench() -> Bench {
    let clerk = Arc::new(Clerk {
        calls: AtomicUsize::new(0),
        may_answer: Semaphore::new(1_000),
        answer: watch::Sender::new(Ok(testing::instance().jwks())),
    });
    let clock = Arc::new(ManualClock::at(testing::NOW_MS));
    let ring = KeyRing::fetched(Arc::clone(&clerk) as Arc<dyn Backend>, Arc::clone(&clock) as Arc<dyn Clock>);
    Bench { ring, clerk, clock }
}

impl Bench {
    fn calls(&self) -> usize {
        self.clerk.calls.load(Ordering::SeqCst)
    }

    /// As a request asks: first without waiting, then with.
    async fn key(&self, kid: &str) -> Result<(), TokenError> {
        let answer = match self.ring.find(kid) {
            KeyAnswer::Unknown => self.ring.ask(kid).await,
            answer => answer,
        };
        match answer {
            KeyAnswer::Known(key) => {
                assert_eq!(key.id(), kid);
                Ok(())
            }
            KeyAnswer::Unavailable(error) => Err(error),
            KeyAnswer::Unknown => panic!("the question was not answered"),
        }
    }
}

async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn keys_are_fetched_once_by_however_many() {
    let bench = Arc::new(bench());
    bench.clerk.may_answer.forget_permits(1_000);
    let asking: Vec<_> = (0..64)
        .map(|_| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.key(testing::KID).await })
        })
        .collect();
    settle().await;
    bench.clerk.may_answer.add_permits(1_000);
    for task in asking {
        assert_eq!(task.await.unwrap(), Ok(()));
    }
    assert_eq!(bench.calls(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_nothing_along() {
    let bench = Arc::new(bench());
    bench.clerk.may_answer.forget_permits(1_000);
    let task = tokio::spawn({
        let bench = Arc::clone(&bench);
        async move { bench.key(testing::KID).await }
    });
    settle().await;
    task.abort();
    bench.clerk.may_answer.add_permits(1_000);
    settle().await;
    assert!(matches!(bench.ring.find(testing::KID), KeyAnswer::Known(_)));
    assert_eq!(bench.calls(), 1);
}

#[tokio::test]
async fn a_flood_of_made_up_names_costs_one_call_a_minute() {
    let bench = bench();
    for minute in 1..=3 {
        for name in 0..500 {
            let expected = Err(TokenError::KeyMismatch);
            assert_eq!(bench.key(&format!("ins_{name}")).await, expected);
        }
        assert_eq!(bench.key(testing::KID).await, Ok(()));
        assert_eq!(bench.calls(), minute);
        bench.clock.advance(UNKNOWN_KEY_COOLDOWN);
    }
}

#[tokio::test]
async fn a_flood_costs_no_more_while_the_keys_cannot_be_read() {
    let bench = bench();
    assert_eq!(bench.key(testing::KID).await, Ok(()));
    bench.clerk.answer_with(Err(BackendError::Unavailable));
    for minute in 1..=3 {
        bench.clock.advance(UNKNOWN_KEY_COOLDOWN);
        for second in 0..50 {
            assert!(bench.key(&format!("ins_{second}")).await.is_err());
            bench.clock.advance(FAILURE_COOLDOWN);
        }
        assert_eq!(bench.calls(), 1 + minute);
    }
    assert_eq!(bench.key(testing::KID).await, Ok(()), "the keys at hand go on");
}

#[tokio::test]
async fn a_new_key_is_found_and_an_old_one_forgotten() {
    let bench = bench();
    assert_eq!(bench.key(testing::KID).await, Ok(()));
    bench.clock.advance(UNKNOWN_KEY_COOLDOWN);
    bench.clerk.answer_with(Ok(testing::other_instance().jwks_named("ins_new")));
    let before = bench.ring.generation();
    assert_eq!(bench.key("ins_new").await, Ok(()));
    assert_ne!(bench.ring.generation(), before);
    assert_eq!(bench.key(testing::KID).await, Err(TokenError::KeyMismatch));
    let before = bench.ring.generation();
    bench.clock.advance(UNKNOWN_KEY_COOLDOWN);
    assert_eq!(bench.key("ins_none").await, Err(TokenError::KeyMismatch));
    assert_eq!(bench.ring.generation(), before, "nothing was lost");
    bench.clerk.answer_with(Ok(testing::instance().jwks_named("ins_new")));
    bench.clock.advance(UNKNOWN_KEY_COOLDOWN);
    assert_eq!(bench.key("ins_none").await, Err(TokenError::KeyMismatch));
    assert_ne!(bench.ring.generation(), before, "the same name for another key is another key");
}

#[tokio::test]
async fn old_keys_serve_while_clerk_is_away() {
    let bench = bench();
    assert_eq!(bench.key(testing::KID).await, Ok(()));
    bench.clerk.answer_with(Err(BackendError::Unavailable));
    bench.clock.advance(REFRESH_AFTER * 100);
    bench.ring.refresh_if_old(bench.clock.now_ms());
    settle().await;
    assert_eq!(bench.calls(), 2);
    assert_eq!(bench.key(testing::KID).await, Ok(()));
    // Not again for each request.
    bench.ring.refresh_if_old(bench.clock.now_ms());
    settle().await;
    assert_eq!(bench.calls(), 2);
    bench.clock.advance(FAILURE_COOLDOWN);
    bench.clerk.answer_with(Ok(testing::instance().jwks()));
    bench.ring.refresh_if_old(bench.clock.now_ms());
    settle().await;
    bench.ring.refresh_if_old(bench.clock.now_ms());
    settle().await;
    assert_eq!(bench.calls(), 3);
}

#[tokio::test]
async fn failures_are_told_and_tried_again() {
    let bench = bench();
    for (answer, expected) in [
        (Err(BackendError::Unavailable), TokenError::KeysUnavailable),
        (Err(BackendError::SecretKey), TokenError::SecretKeyInvalid),
        (Ok(JwkSet::default()), TokenError::KeysUnavailable),
    ] {
        bench.clerk.answer_with(answer);
        let calls = bench.calls();
        for _ in 0..10 {
            assert_eq!(bench.key(testing::KID).await, Err(expected));
        }
        assert_eq!(bench.calls(), calls + 1);
        bench.clock.advance(FAILURE_COOLDOWN);
    }
    bench.clerk.answer_with(Ok(testing::instance().jwks()));
    assert_eq!(bench.key(testing::KID).await, Ok(()));
}

#[tokio::test]
async fn a_key_at_hand_asks_nobody() {
    let ring = KeyRing::fixed(SigningKey::from_pem(&testing::instance().pem()).unwrap());
    for kid in ["", "ins_1", testing::KID] {
        assert!(matches!(ring.find(kid), KeyAnswer::Known(_)));
    }
    ring.refresh_if_old(i64::MAX);
    assert_eq!(ring.generation(), 0);
}
