//! Which events are answered how.

use crate::harness::{Clerk, Database, Kind, Person, Setup, Signed};
use rstest::rstest;
use serde_json::{Value, json};

#[rstest]
#[tokio::test]
async fn an_event_is_in_the_table_by_the_time_it_is_answered(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let server = Setup::new(&clerk, &database).serve().await;
    let ada = Person::new("user_ada");

    server.accept(&clerk.created(&ada)).await;
    let columns = ["clerk_id", "email", "username", "first_name", "last_name", "image_url"];
    let rows = database.select(&columns, "from users").await;
    let text = |text: &str| Some(text.to_owned());
    let image = text("https://img.clerk.com/user_ada");
    let email = text("user_ada@example.com");
    assert_eq!(rows, [[text("user_ada"), email, None, text("Ada"), text("Lovelace"), image]]);

    let ada = ada.then("Augusta");
    server.accept(&clerk.updated(&ada)).await;
    assert_eq!(database.first_name("user_ada").await, text("Augusta"));

    server.accept(&clerk.deleted("user_ada", ada.updated_at + 1)).await;
    assert!(database.users().await.is_empty());
    let changes = ["created", "updated", "deleted"].map(|change| ("user_ada".to_owned(), change.to_owned()));
    assert_eq!(database.feed().await, changes);
    server.stop().await;
}

#[tokio::test]
async fn unknown_types_and_events_of_another_instance_are_accepted_and_change_nothing() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    let before = database.dump().await;
    let data = Person::new("user_ada").json();
    let mut bodies: Vec<Value> =
        ["user.renamed", "session.created", "organization.created", "", "USER.CREATED"]
            .map(|event_type| clerk.event(event_type, &data))
            .into();
    for event_type in ["user.created", "user.updated", "user.deleted"] {
        let mut event = clerk.event(event_type, &data);
        event["instance_id"] = json!("ins_other");
        bodies.push(event);
    }
    for (number, body) in bodies.iter().enumerate() {
        let answer = server.post(&Signed::new(&format!("msg_{number}"), body.to_string())).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "ignored"), "{body}");
    }
    assert_eq!(database.dump().await, before);
}

#[tokio::test]
async fn a_signed_body_that_is_no_event_is_refused_for_good() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    let before = database.dump().await;
    let whole = clerk.event("user.created", &Person::new("user_ada").json()).to_string();
    let bodies: [&[u8]; 11] = [
        b"",
        b"hello",
        b"[]",
        b"{}",
        b"null",
        b"\"user.created\"",
        br#"{"type":1,"data":{}}"#,
        br#"{"data":{"id":"user_ada"}}"#,
        whole.as_bytes()[..whole.len() / 2].as_ref(),
        b"{\"type\":\"user.created\xff\"}",
        b"\x00\x01\x02",
    ];
    for body in bodies {
        // The official library signs nothing but text.
        let headers = clerk.sign("msg_1", body).map(|(name, value)| (name.to_owned(), value));
        let answer = server.post(&Signed { headers: headers.into(), body: body.to_vec().into() }).await;
        let shown = String::from_utf8_lossy(body);
        assert_eq!((answer.status, answer.code().as_str()), (400, "not_an_event"), "{shown}");
        assert_eq!(answer.header("webhook-delivery"), Some("abort-message"), "{shown}");
    }
    let trailing = server.post(&Signed::new("msg_2", format!("{whole} x"))).await;
    assert_eq!(trailing.status, 400);
    assert_eq!(database.dump().await, before);
    assert_eq!(database.letters().await, 0);
}

#[rstest]
#[tokio::test]
async fn an_event_of_ours_that_names_no_user_becomes_a_dead_letter(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let server = Setup::new(&clerk, &database).serve().await;
    server.accept(&clerk.created(&Person::new("user_ada"))).await;
    let datas = [
        ("user.deleted", json!({"object": "user", "deleted": true})),
        ("user.deleted", json!({"object": "user", "id": null, "deleted": true})),
        ("user.deleted", json!({"object": "user", "id": "", "deleted": true})),
        ("user.deleted", json!({"object": "user", "id": 7, "deleted": true})),
        ("user.deleted", Value::Null),
        ("user.updated", json!({"object": "user", "first_name": "Nobody"})),
        ("user.created", json!([])),
    ];
    for (number, (event_type, data)) in datas.iter().enumerate() {
        let body = clerk.event(event_type, data).to_string();
        let signed = Signed::new(&format!("msg_{number}"), body);
        for _ in 0..2 {
            // Sent again under the same id, it is the same letter.
            let answer = server.post(&signed).await;
            assert_eq!((answer.status, answer.body.as_str()), (200, "kept as a dead letter"), "{data}");
        }
    }
    assert_eq!(database.letters().await, i64::try_from(datas.len()).unwrap());
    assert_eq!(database.users().await.len(), 1);
    assert_eq!(database.feed().await.len(), 1);
}

#[tokio::test]
async fn without_a_signing_secret_nothing_is_accepted_and_the_setting_is_named() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let setup = Setup::new(&clerk, &database).unset("CLERK_WEBHOOK_SIGNING_SECRET");
    let server = setup.serve().await;
    for signed in [
        clerk.created(&Person::new("user_ada")),
        clerk.created(&Person::new("user_ada")).without_header("svix-signature"),
    ] {
        let answer = server.post(&signed).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "webhook_secret_missing"));
        assert!(answer.body.contains("CLERK_WEBHOOK_SIGNING_SECRET"), "{answer:?}");
        assert!(answer.retry_after() > 0);
    }
    server.logged("CLERK_WEBHOOK_SIGNING_SECRET is not set").await;
    assert!(server.is_ready().await, "the rest works");
    assert!(database.users().await.is_empty());
}

#[tokio::test]
async fn other_methods_and_other_paths_are_told_so() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    let got = server.get("/clerk/webhooks").await;
    assert_eq!((got.status, got.code().as_str()), (405, "method_not_allowed"));
    for path in ["/", "/clerk", "/clerk/webhooks/", "/metrics", "/console", "/api/status", "/clerk//webhooks"]
    {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
    }
    assert_eq!(server.get("/healthz").await.status, 200);
}
