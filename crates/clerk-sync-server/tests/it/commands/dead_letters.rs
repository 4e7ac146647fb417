//! `dead-letters list|show|replay|drop`.

use super::{redacted, with_any};
use crate::harness::{Clerk, Database, Kind, Person, Setup, Signed};
use clerk_emulator::{Fault, FaultKind, NewUser, UserChange};
use insta::assert_snapshot;
use rstest::rstest;
use serde_json::json;

const HOLDER: &str = "holder@example.com";

/// A database with two letters: one of an event without a user, one of a row that the database refused.
async fn with_letters(clerk: &Clerk, database: &Database) -> Setup {
    let setup = Setup::new(clerk, database);
    setup.output(&["migrate"]).await;
    database.run("create unique index users_by_email on users (email)").await;
    let server = setup.serve().await;
    let nobody = clerk.event("user.deleted", &json!({"object": "user", "deleted": true}));
    server.accept(&Signed::new("msg_nobody", nobody.to_string())).await;
    let holder = Person { email: HOLDER.to_owned(), ..Person::new("user_holder") };
    server.accept(&clerk.created(&holder)).await;
    // Clerk says that both have it, which it should never do.
    clerk.shows(&holder);
    clerk.create_user(NewUser::new().id("user_rival").email(HOLDER).first_name("Rival")).unwrap();
    let rival = Person { email: HOLDER.to_owned(), ..Person::new("user_rival") };
    server.accept(&Signed::new("msg_rival", clerk.created(&rival).body)).await;
    server.stop().await;
    setup
}

#[rstest]
#[tokio::test]
async fn letters_are_listed_and_shown(#[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = with_letters(&clerk, &database).await;
    let json = setup.json(&["dead-letters", "list", "--json"]).await;
    assert_eq!(json.len(), 2);
    let nobody = json!({
        "number": 1,
        "message_id": "msg_nobody",
        "event_type": "user.deleted",
        "user_id": null,
        "reason": "the event names no user",
        "mapped": null,
        "buried_at": "<number>",
    });
    assert_eq!(with_any(json[0].clone(), &["buried_at"]), nobody);
    assert_eq!(json[1]["user_id"], "user_rival");
    assert!(json[1]["reason"].as_str().unwrap().contains("refused the row"), "{}", json[1]);
    assert_eq!(json[1]["mapped"]["email"], HOLDER);
    let number = json[1]["number"].to_string();
    let shown = setup.json(&["dead-letters", "show", &number, "--json"]).await;
    assert_eq!(shown, json[1..]);
    if kind == Kind::Sqlite {
        assert_snapshot!(redacted(&setup.output(&["dead-letters", "list"]).await, &[]), @r"
             1  <moment>  user.deleted  no user  the event names no user
             2  <moment>  user.created  user_rival  writing users: the database refused the row (constraint users_by_email): Clerk gives one value of email to two users: change it for one of them in Clerk; held by [user_holder]
        ");
        assert_snapshot!(redacted(&setup.output(&["dead-letters", "show", "1"]).await, &[]), @r"
        number    1
        event     user.deleted
        message   msg_nobody
        user      none
        kept at   <moment>
        reason    the event names no user
        mapped    nothing that could be read
        ");
        let shown = redacted(&setup.output(&["dead-letters", "show", "2"]).await, &[]);
        let (shown, mapped) = shown.rsplit_once('\n').unwrap();
        assert!(mapped.starts_with(r#"mapped    {"clerk_id":"user_rival","#), "{mapped}");
        assert_snapshot!(shown, @r"
        number    2
        event     user.created
        message   msg_rival
        user      user_rival
        kept at   <moment>
        reason    writing users: the database refused the row (constraint users_by_email): Clerk gives one value of email to two users: change it for one of them in Clerk; held by [user_holder]
        ");
    }
}

#[rstest]
#[tokio::test]
async fn a_letter_is_replayed_or_dropped(#[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = with_letters(&clerk, &database).await;
    let letters = setup.json(&["dead-letters", "list", "--json"]).await;
    let number = letters[1]["number"].to_string();

    let still = setup.run(&["dead-letters", "replay", &number]).await;
    assert_eq!(still.code, Some(1), "{still:?}");
    assert!(still.err.contains(&format!("dead letter {number} stays")), "{still:?}");
    let away = clerk.add_fault(Fault::new(FaultKind::ApiUnavailable { status: 503 }));
    let away_now = setup.run(&["dead-letters", "replay", &number]).await;
    assert_eq!(away_now.code, Some(1), "{away_now:?}");
    assert!(away_now.err.contains("Clerk cannot be reached"), "{away_now:?}");
    clerk.remove_fault(away);
    assert_eq!(database.letters().await, 2);

    // A person mended it in Clerk.
    clerk
        .update_user("user_rival", UserChange::new().email("r@example.com").primary_email("r@example.com"))
        .unwrap();
    let replayed = setup.json(&["dead-letters", "replay", &number, "--json"]).await;
    assert_eq!(replayed[0]["result"], "applied");
    assert_eq!(database.first_name("user_rival").await.as_deref(), Some("Rival"));

    let nobody = setup.run(&["dead-letters", "replay", "1"]).await;
    assert_eq!(nobody.code, Some(2));
    assert_eq!(nobody.out, "the event names no user, so there is nobody to read: drop it\n");
    assert_eq!(setup.output(&["dead-letters", "drop", "1"]).await, "dead letter 1 is dropped\n");
    assert_eq!(setup.output(&["dead-letters", "list"]).await, "no dead letters\n");
    assert_eq!(setup.output(&["dead-letters", "list", "--json"]).await, "");

    for verb in ["show", "replay", "drop"] {
        let missing = setup.run(&["dead-letters", verb, "1"]).await;
        assert_eq!(missing.code, Some(2), "{verb}: {missing:?}");
        let expected = "clerk-sync: there is no dead letter 1: see clerk-sync dead-letters list\n";
        assert!(missing.err.ends_with(expected), "{verb}: {missing:?}");
    }
    assert_eq!(setup.run(&["dead-letters"]).await.code, Some(2));
    assert_eq!(setup.run(&["dead-letters", "show", "one"]).await.code, Some(2));
}

#[tokio::test]
async fn a_replay_for_a_user_whom_clerk_does_not_know_leaves_the_letter_until_that_is_certain() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let setup = with_letters(&clerk, &database).await;
    clerk.delete_user("user_rival").unwrap();
    let replayed = setup.run(&["dead-letters", "replay", "2", "--json"]).await;
    assert_eq!(replayed.code, Some(2), "{replayed:?}");
    assert!(replayed.out.contains(r#""result":"unconfirmed""#), "{replayed:?}");
    assert_eq!(database.letters().await, 2);
}
