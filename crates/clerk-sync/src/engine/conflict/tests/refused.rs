//! What cannot be moved becomes a dead letter that says why.

use super::*;

#[tokio::test]
async fn a_value_that_clerk_gives_to_two_is_kept_with_the_column_and_without_the_value() {
    let rig = settled(&[("user_a", "secret-name")]).await;
    clerk_has(&rig, &[("user_a", "secret-name"), ("user_b", "secret-name")]);
    assert_eq!(rig.receive(&event("user_b", "secret-name")).await, Receipt::Buried);
    let letters = rig.letters().await;
    assert_eq!(letters.len(), 1);
    let reason = &letters[0].letter.reason;
    assert!(reason.contains("Clerk gives one value of username to two users"), "{reason}");
    assert!(reason.contains("users_by_username") && reason.ends_with("held by [user_a]"), "{reason}");
    assert!(!reason.contains("secret"), "{reason}");
    assert_eq!(names(&rig, &["user_a", "user_b"]).await, [Some("secret-name".to_owned()), None]);
    // The event is answered 200, and what it cost is bounded.
    assert!(rig.clerk.all_calls() <= 4, "{}", rig.clerk.all_calls());
}

#[tokio::test]
async fn what_clerk_says_of_the_holder_is_written_all_the_same() {
    let rig = settled(&[("user_a", "ada"), ("user_c", "carla")]).await;
    // a gave its name up for one that c still has.
    clerk_has(&rig, &[("user_a", "carla"), ("user_b", "ada")]);
    rig.clerk.shows("user_c", &person("user_c", NOON - MINUTE, "carla"));
    assert_eq!(rig.receive(&event("user_b", "ada")).await, Receipt::Buried);
    assert_eq!(names(&rig, &["user_a", "user_b", "user_c"]).await[1..], [None, Some("carla".to_owned())]);
    // c turns out to have changed, too.
    assert_eq!(rig.receive(&event("user_c", "cleo")).await, Receipt::Accepted);
    quiet().await;
    let expected = some(&["carla", "ada", "cleo"]);
    assert_eq!(names(&rig, &["user_a", "user_b", "user_c"]).await, expected);
    assert_eq!(rig.letters().await, []);
}

#[tokio::test]
async fn more_than_eight_are_too_many() {
    let ids: Vec<String> = (0..9).map(|number| format!("user_{number}")).collect();
    let before: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), id.as_str())).collect();
    let rig = settled(&before).await;
    let now: Vec<(&str, &str)> = (0..9).map(|i| (ids[i].as_str(), ids[(i + 1) % 9].as_str())).collect();
    clerk_has(&rig, &now);
    assert_eq!(rig.receive(&event("user_0", "user_1")).await, Receipt::Buried);
    let reason = rig.letters().await[0].letter.reason.clone();
    assert!(reason.contains("values of username move among more than 8 users at once"), "{reason}");
    for (id, name) in before {
        assert_eq!(rig.username(id).await.as_deref(), Some(name));
    }
}

#[tokio::test]
async fn a_holder_of_whom_clerk_says_nonsense_is_named() {
    let rig = settled(&[("user_a", "ada")]).await;
    rig.clerk.says("user_a", r#"{"id":"user_a","updated_at":"never"}"#);
    clerk_has(&rig, &[("user_b", "ada")]);
    assert_eq!(rig.receive(&event("user_b", "ada")).await, Receipt::Buried);
    let reason = rig.letters().await[0].letter.reason.clone();
    assert!(reason.contains("Clerk's answer about who holds a unique value cannot be mapped"), "{reason}");
    assert!(reason.contains("held by [user_a]"), "{reason}");
}

#[tokio::test]
async fn a_person_is_told_at_once() {
    let rig = settled(&[("user_a", "ada")]).await;
    clerk_has(&rig, &[("user_a", "ada"), ("user_b", "ada")]);
    let error = rig.sync("user_b").await.expect_err("refused");
    assert!(!error.is_transient());
    assert!(error.to_string().contains("to two users"), "{error}");
}
