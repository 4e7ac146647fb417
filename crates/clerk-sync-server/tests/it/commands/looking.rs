//! `status` and `changes`.

use super::{redacted, with_any};
use crate::harness::{Clerk, Database, Kind, Person, Setup, Signed, eventually, pass};
use insta::assert_snapshot;
use rstest::rstest;
use serde_json::json;
use std::{
    io::{BufRead as _, BufReader},
    time::Duration,
};

#[rstest]
#[tokio::test]
async fn status_before_and_after(#[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database);
    let before = setup.run(&["status"]).await;
    assert_eq!(before.code, Some(2));
    assert!(
        before.out.ends_with("schema         none yet: run clerk-sync migrate, or clerk-sync serve\n"),
        "{before:?}"
    );
    let before = setup.run(&["status", "--json"]).await;
    assert_eq!(before.code, Some(2));
    let before: serde_json::Value = serde_json::from_str(&before.out).unwrap();
    assert_eq!(before["ready"], false);
    assert_eq!(before["schema"], json!({"found": 0, "known": kind.schema()}));
    assert!(database.tables().await.is_empty(), "looking changes nothing");

    setup.output(&["migrate"]).await;
    let migrated = setup.output(&["status"]).await;
    assert!(
        migrated.contains("instance       not known yet\n") && migrated.contains("none yet\n"),
        "{migrated}"
    );

    let server = setup.serve().await;
    server.accept(&clerk.created(&Person::new("user_ada"))).await;
    server.accept(&clerk.created(&Person::new("user_bob"))).await;
    server.accept(&clerk.deleted("user_bob", Person::new("user_bob").updated_at + 9)).await;
    server.accept(&Signed::new("msg_1", clerk.event("user.deleted", &json!({})).to_string())).await;
    server.stop().await;

    let [status] = setup.json(&["status", "--json"]).await.try_into().unwrap();
    let status = with_any(status, &["database", "last_event_at"]);
    assert_eq!(
        status,
        json!({
            "database": "<text>",
            "schema": {"found": kind.schema(), "known": kind.schema()},
            "ready": true,
            "users_table": [],
            "instance": clerk.config().instance_id,
            "users": {"present": 1, "provisional": 0, "gone": 1},
            "dead_letters": 1,
            "pending_deletions": {"waiting": 0, "cancelled": 0},
            "last_change": 3,
            "last_event_at": "<number>",
            "clerk_users": 0,
            "imported": false,
            "import": {"started_at": null, "completed_at": null, "seen": 0, "difference": null},
            "catch_up": {"completed_at": null, "watermark": null, "watermark_age_ms": null, "written": 0},
            "scrub": {
                "completed_at": null, "incomplete_at": null, "under_way": false,
                "seen": 0, "repaired": 0, "deleted": 0, "alive": 0,
            },
            "held_deletions": 0,
            "lease": null,
        })
    );
    if kind == Kind::Sqlite {
        let text = setup.output(&["status"]).await;
        let file = database.file().display().to_string();
        let text = redacted(&text, &[(&file, "<file>"), (&clerk.config().instance_id, "<instance>")]);
        let (before, after) = text.split_once("last event     <moment> (").expect("an event");
        let (ago, after) = after.split_once(")\n").expect("how long ago");
        assert!(ago.ends_with(" s ago"), "{ago}");
        assert_snapshot!(format!("{before}last event     <moment>\n{after}"), @r"
        database       sqlite://<file> (SQLite)
        schema         version 3 of 3
        instance       <instance>
        users          1 present, 0 provisional, 1 deleted
        in Clerk       0 users
        changes        3
        dead letters   1
        last event     <moment>
        import         never: catch-up and scrub stay idle until clerk-sync backfill has completed once
        catch-up       none yet
        scrub          none yet
        reconciled by  nobody at the moment
        ");
    }
}

#[rstest]
#[tokio::test]
async fn changes_are_listed_in_order_from_any_number_on(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database);
    let server = setup.serve().await;
    assert_eq!(setup.output(&["changes"]).await, "");
    let ada = Person::new("user_ada");
    server.accept(&Signed::new("msg_1", clerk.created(&ada).body)).await;
    server.accept(&Signed::new("msg_2", clerk.updated(&ada.then("Augusta")).body)).await;
    server.accept(&Signed::new("msg_3", clerk.deleted("user_ada", ada.updated_at + 5_000).body)).await;

    if kind == Kind::Sqlite {
        assert_snapshot!(redacted(&setup.output(&["changes"]).await, &[]), @r"
        1  <moment>  created  user_ada  by webhook (msg_1)
        2  <moment>  updated  user_ada  by webhook (msg_2)
        3  <moment>  deleted  user_ada  by webhook (msg_3)
        ");
    }
    let all = setup.json(&["changes", "--json"]).await;
    assert_eq!(setup.json(&["changes", "--json", "--after", "1"]).await, all[1..]);
    assert_eq!(setup.output(&["changes", "--after", "3"]).await, "");
    let second = with_any(all[1].clone(), &["written_at", "epoch"]);
    assert_eq!(
        second,
        json!({
            "number": 2,
            "user_id": "user_ada",
            "change": "updated",
            "flow": "webhook",
            "message_id": "msg_2",
            "updated_at": ada.updated_at + 1_000,
            "as_of": ada.updated_at + 1_000,
            "written_at": "<number>",
            "epoch": "<text>",
        })
    );
    assert_eq!(all[2]["updated_at"], serde_json::Value::Null);
    let wrong = setup.run(&["changes", "--after", "soon"]).await;
    assert_eq!(wrong.code, Some(2));
}

#[tokio::test]
async fn changes_are_followed_as_they_come_until_a_signal() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let setup = Setup::new(&clerk, &database);
    let server = setup.serve().await;
    server.accept(&clerk.created(&Person::new("user_before"))).await;
    let mut child = setup.command(&["changes", "--follow", "--json"]).spawn().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let mut seen = Vec::new();
    let mut follow = async |user: &str| {
        eventually("a change", async || {
            seen.extend(receiver.try_iter());
            seen.iter().any(|line| line.contains(user))
        })
        .await;
    };
    follow("user_before").await;
    server.accept(&clerk.created(&Person::new("user_after"))).await;
    follow("user_after").await;
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let mut code = None;
    eventually("the end", async || {
        code = child.try_wait().unwrap();
        code.is_some()
    })
    .await;
    assert_eq!(code.unwrap().code(), Some(0));
    pass(Duration::ZERO).await;
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_failure() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let setup = Setup::new(&clerk, &database);
    let server = setup.serve().await;
    server.accept(&clerk.created(&Person::new("user_ada"))).await;
    let mut child = setup.command(&["changes"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
