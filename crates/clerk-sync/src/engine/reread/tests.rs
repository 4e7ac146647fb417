use super::*;
use crate::engine::testing::{
    Date, HOUR, MINUTE, NOON, Rig, SECOND, deleted, event, person, person_since, quiet, updated,
};

mod absence;
mod lifting;
mod lower;

fn verdict(read: &Reread) -> Verdict {
    match read {
        Reread::Applied { applied, .. } => applied.verdict,
        Reread::AbsentNotYet => panic!("nothing was applied"),
    }
}

#[tokio::test]
async fn a_read_makes_the_row_and_says_by_which_way() {
    let rig = Rig::new();
    rig.clerk.shows("user_1", &person("user_1", NOON - HOUR, "ada"));
    let read = rig.sync("user_1").await.expect("an answer");
    assert!(matches!(read, Reread::Applied { present: true, .. }));
    assert_eq!(rig.username("user_1").await.as_deref(), Some("ada"));
    let change = rig.engine.store().changes(0, 1).await.expect("readable").entries.remove(0);
    assert_eq!((change.flow.as_str(), change.as_of, change.message_id), ("sync", NOON, None));
}

/// Scenario 9: an answer may be older than an event that was applied since.
#[tokio::test]
async fn a_stale_answer_does_not_undo_an_event() {
    let rig = Rig::new();
    rig.receive(&updated("user_1", NOON, NOON, "new")).await;
    rig.clerk.shows("user_1", &person("user_1", NOON - HOUR, "old"));
    assert_eq!(verdict(&rig.sync("user_1").await.expect("an answer")), Verdict::Stale);
    assert_eq!(rig.username("user_1").await.as_deref(), Some("new"));
}

#[tokio::test]
async fn an_answer_about_another_user_is_not_believed() {
    let rig = Rig::new();
    rig.clerk.shows("user_1", &person("user_2", NOON, "eve"));
    let error = rig.sync("user_1").await.expect_err("not believed");
    assert!(matches!(&error, RereadError::Clerk(clerk) if *clerk.kind() == ClerkErrorKind::Unexpected));
    assert!(error.is_transient());
    assert_eq!((rig.username("user_1").await, rig.username("user_2").await), (None, None));
    assert_eq!((rig.entry("user_1").await, rig.entry("user_2").await), (None, None));
}

#[tokio::test]
async fn an_updated_at_ahead_of_its_answer_counts_as_the_answers_date() {
    let rig = Rig::new();
    rig.clerk.shows("user_1", &person("user_1", NOON + 365 * 24 * HOUR, "ada"));
    assert_eq!(verdict(&rig.sync("user_1").await.expect("an answer")), Verdict::Stands);
    let version = rig.entry("user_1").await.expect("an entry").standing.version;
    assert_eq!((version.updated_at, version.as_of), (NOON, NOON));
    // So an honest event a little later is not stale.
    rig.receive(&updated("user_1", NOON + MINUTE, NOON + MINUTE, "augusta")).await;
    assert_eq!(rig.username("user_1").await.as_deref(), Some("augusta"));
}

#[tokio::test]
async fn an_updated_at_within_the_second_of_the_date_is_honest() {
    let rig = Rig::new();
    rig.clock.advance(Duration::from_millis(999));
    rig.clerk.shows("user_1", &person("user_1", NOON + 999, "ada"));
    rig.sync("user_1").await.expect("an answer");
    let version = rig.entry("user_1").await.expect("an entry").standing.version;
    assert_eq!((version.updated_at, version.as_of), (NOON + 999, NOON));
}

#[tokio::test]
async fn an_answer_without_a_date_is_as_of_its_last_change() {
    let rig = Rig::new();
    rig.clerk.shows_at("user_1", &person("user_1", NOON - HOUR, "ada"), Date::Missing);
    rig.sync("user_1").await.expect("an answer");
    let version = rig.entry("user_1").await.expect("an entry").standing.version;
    assert_eq!((version.updated_at, version.as_of), (NOON - HOUR, NOON - HOUR));
}

#[tokio::test]
async fn a_failed_read_is_told_and_changes_nothing() {
    let rig = Rig::new();
    rig.receive(&updated("user_1", NOON, NOON, "ada")).await;
    let before = rig.entry("user_1").await;
    let retry_after = Duration::from_secs(9);
    for kind in [
        ClerkErrorKind::Unavailable,
        ClerkErrorKind::Refused,
        ClerkErrorKind::Unexpected,
        ClerkErrorKind::Throttled { retry_after },
    ] {
        rig.clerk.fails("user_1", kind);
    }
    for _ in 0..4 {
        let error = rig.sync("user_1").await.expect_err("no answer");
        assert!(error.is_transient(), "{error}");
    }
    assert_eq!(rig.entry("user_1").await, before);
    // Clerk's last word is obeyed by the next one, who is told how long.
    let told = rig.engine.sync(&crate::engine::testing::user("user_1"), false, Duration::ZERO).await;
    let RereadError::Clerk(error) = told.expect_err("closed") else { panic!("Clerk's error") };
    assert_eq!(error.retry_after(), Some(retry_after));
    assert_eq!(rig.clerk.calls("user_1"), 4, "and Clerk is not asked");
}
