//! Beginning again when another writer was faster.

use super::{StoreError, StoreErrorKind};

/// Writers that lock in one order hardly ever need a second attempt; more than this is no accident.
const ATTEMPTS: usize = 8;

/// Runs `attempt` again while it fails with [`StoreErrorKind::Contended`]; eight times in all at most.
pub(super) async fn while_contended<T, F>(attempt: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(error) if *error.kind() == StoreErrorKind::Contended => {}
            result => return result,
        }
    }
    attempt().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[rstest]
    #[case(0, StoreErrorKind::Contended, 1, None)]
    #[case(7, StoreErrorKind::Contended, 8, None)]
    #[case(8, StoreErrorKind::Contended, 8, Some(StoreErrorKind::Contended))]
    #[case(8, StoreErrorKind::Unavailable, 1, Some(StoreErrorKind::Unavailable))]
    #[case(8, StoreErrorKind::Rejected { constraint: None }, 1, Some(StoreErrorKind::Rejected { constraint: None }))]
    #[tokio::test]
    async fn only_contention_is_tried_again_and_not_for_ever(
        #[case] failures: usize,
        #[case] kind: StoreErrorKind,
        #[case] expected_attempts: usize,
        #[case] expected: Option<StoreErrorKind>,
    ) {
        let attempts = AtomicUsize::new(0);
        let result = while_contended(async || match attempts.fetch_add(1, Ordering::Relaxed) {
            earlier if earlier < failures => Err(StoreError::new(kind.clone(), "trying", "")),
            _ => Ok(()),
        })
        .await;
        assert_eq!(result.err().map(|error| error.kind().clone()), expected);
        assert_eq!(attempts.into_inner(), expected_attempts);
    }
}
