//! `sync <user_id>... [--force]`.

use crate::harness::{Clerk, Database, Kind, Person, Setup, now_ms};
use clerk_emulator::{Fault, FaultKind, NewUser};
use rstest::rstest;
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;

async fn result(setup: &Setup, arguments: &[&str]) -> (Option<i32>, String) {
    let arguments: Vec<&str> = ["sync", "--json"].iter().chain(arguments).copied().collect();
    let finished = setup.run(&arguments).await;
    let line: Value = serde_json::from_str(&finished.out).unwrap_or_else(|_| panic!("{finished:?}"));
    (finished.code, line["result"].as_str().unwrap().to_owned())
}

#[rstest]
#[tokio::test]
async fn sync_makes_the_row_as_clerk_says(#[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database).set("CLERK_SYNC_LOG_FORMAT", "text");
    let made = now_ms() - HOUR;
    clerk
        .create_user(NewUser::new().id("user_ada").first_name("Ada").created_at(made).updated_at(made))
        .unwrap();
    // It needs no signing secret, and it migrates first.
    let setup = setup.unset("CLERK_WEBHOOK_SIGNING_SECRET");
    let finished = setup.run(&["sync", "user_ada"]).await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(finished.out, "user_ada: the row is as Clerk says now\n");
    assert_eq!(database.first_name("user_ada").await.as_deref(), Some("Ada"));
    assert_eq!(result(&setup, &["user_ada"]).await, (Some(0), "unchanged".to_owned()));

    clerk.delete_user("user_ada").unwrap();
    assert_eq!(result(&setup, &["user_ada"]).await, (Some(0), "deleted".to_owned()));
    assert!(database.users().await.is_empty());
    let flows: Vec<Value> = setup.json(&["changes", "--json"]).await;
    assert_eq!(flows.iter().map(|change| &change["flow"]).collect::<Vec<_>>(), ["sync", "sync"]);
}

#[tokio::test]
async fn a_user_whom_nobody_knows_is_a_failure() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let setup = Setup::new(&clerk, &database);
    let finished = setup.run(&["sync", "user_nobody"]).await;
    assert_eq!(finished.code, Some(1));
    assert_eq!(finished.out, "user_nobody: neither Clerk nor this database has such a user\n");
    assert!(finished.err.ends_with("clerk-sync: not every user could be synced\n"), "{finished:?}");
    assert_eq!(result(&setup, &["user_nobody"]).await, (Some(1), "unknown".to_owned()));
}

#[tokio::test]
async fn a_young_user_whom_clerk_does_not_show_is_not_deleted_at_once() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let setup = Setup::new(&clerk, &database);
    clerk.create_user(NewUser::new().id("user_young")).unwrap();
    setup.output(&["sync", "user_young"]).await;
    clerk.add_fault(Fault::new(FaultKind::StaleReads { lists: false }));
    assert_eq!(result(&setup, &["user_young"]).await, (Some(2), "unconfirmed".to_owned()));
    assert_eq!(database.users().await.len(), 1);
}

#[rstest]
#[tokio::test]
async fn a_user_deleted_here_is_held_until_it_is_forced(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database);
    let server = setup.serve().await;
    clerk.create_user(NewUser::new().id("user_ada").first_name("Ada")).unwrap();
    server.accept(&clerk.created(&Person::new("user_ada"))).await;
    // Somebody else's mistake: Clerk still has the user.
    let mistake = clerk.deleted("user_ada", now_ms() - 60_000);
    server.accept(&mistake).await;

    assert_eq!(result(&setup, &["user_ada"]).await, (Some(2), "held".to_owned()));
    let held = setup.run(&["sync", "user_ada"]).await;
    assert_eq!(held.out, "user_ada: deleted here, and Clerk has it: sync --force brings it back\n");
    assert!(database.users().await.is_empty());
    assert_eq!(result(&setup, &["user_ada", "--force"]).await, (Some(0), "written".to_owned()));
    assert_eq!(database.first_name("user_ada").await.as_deref(), Some("Ada"));

    // The mistake sent again is stale now; the next true deletion counts.
    server.accept(&mistake).await;
    assert_eq!(database.users().await.len(), 1);
    server.accept(&clerk.deleted("user_ada", now_ms() + 2_000)).await;
    assert!(database.users().await.is_empty());
    let changes: Vec<String> = database.feed().await.into_iter().map(|(_, change)| change).collect();
    assert_eq!(changes, ["created", "deleted", "created", "deleted"]);
}

#[tokio::test]
async fn several_users_are_reported_one_by_one() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let setup = Setup::new(&clerk, &database);
    clerk.create_user(NewUser::new().id("user_ada")).unwrap();
    clerk.create_user(NewUser::new().id("user_bob")).unwrap();
    clerk.add_fault(
        Fault::new(FaultKind::UserAnswer { status: 500, code: None, body: None }).user("user_bob"),
    );
    let finished = setup.run(&["sync", "user_ada", "user_bob", "user_nobody", "--json"]).await;
    assert_eq!(finished.code, Some(1));
    let lines: Vec<Value> = finished.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let results: Vec<[&Value; 2]> = lines.iter().map(|line| [&line["user_id"], &line["result"]]).collect();
    let expected = [["user_ada", "written"], ["user_bob", "failed"], ["user_nobody", "unknown"]];
    assert_eq!(json!(results), json!(expected));
    assert_eq!(database.users().await.into_keys().collect::<Vec<_>>(), ["user_ada"]);
}

#[tokio::test]
async fn what_is_no_user_id_is_refused_before_anything_happens() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let setup = Setup::new(&clerk, &database);
    for id in ["", "user ada", "user\nada", ".", "..", &"u".repeat(300)] {
        let finished = setup.run(&["sync", id]).await;
        assert_eq!(finished.code, Some(2), "{id:?}: {finished:?}");
    }
    assert_eq!(setup.run(&["sync"]).await.code, Some(2));
    assert!(!database.file().exists());
    assert_eq!(clerk.stats().requests, 0);
}

#[tokio::test]
async fn without_clerk_or_its_key_it_says_so() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let setup = Setup::new(&clerk, &database);
    let wrong_key = setup.clone().set("CLERK_SECRET_KEY", "sk_test_wrong").run(&["sync", "user_ada"]).await;
    assert_eq!(wrong_key.code, Some(1));
    assert!(wrong_key.err.contains("Clerk does not accept CLERK_SECRET_KEY"), "{wrong_key:?}");
    clerk.stop().await;
    let away = setup.run(&["sync", "user_ada"]).await;
    assert_eq!(away.code, Some(1));
    assert!(away.err.contains("Clerk cannot be reached (no connection)"), "{away:?}");
    assert!(database.users().await.is_empty());
}
