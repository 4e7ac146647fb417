//! Who is believed.

use crate::harness::{Clerk, Database, Person, SIGNING_SECRET, Setup, Signed, now_ms};

const OTHER_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
const THIRD_SECRET: &str = "whsec_9999999999999999999999999999999A";

fn now_s() -> i64 {
    now_ms() / 1_000
}

#[tokio::test]
async fn a_delivery_that_does_not_verify_is_refused_and_changes_nothing() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    let before = database.dump().await;
    let good = || clerk.created(&Person::new("user_ada"));
    let body = good().body;
    let altered = Signed { body: String::from_utf8_lossy(&body).replace("Ada", "Eve").into(), ..good() };
    let stripped = good().header("svix-signature").trim_start_matches("v1,").to_owned();
    let refused = [
        ("an altered body", altered),
        ("a longer body", Signed { body: [&body[..], b" "].concat().into(), ..good() }),
        ("another secret", Signed::with(OTHER_SECRET, "msg_1", now_s(), body.clone())),
        ("another id", good().with_header("svix-id", "msg_other")),
        ("another time", good().with_header("svix-timestamp", &(now_s() - 7).to_string())),
        ("replayed late", Signed::with(SIGNING_SECRET, "msg_1", now_s() - 310, body.clone())),
        ("signed in the future", Signed::with(SIGNING_SECRET, "msg_1", now_s() + 310, body.clone())),
        ("no id", good().without_header("svix-id")),
        ("no time", good().without_header("svix-timestamp")),
        ("no signature", good().without_header("svix-signature")),
        ("an empty id", good().with_header("svix-id", "")),
        ("an empty signature", good().with_header("svix-signature", "")),
        ("a time that is none", good().with_header("svix-timestamp", "soon")),
        ("a time without end", good().with_header("svix-timestamp", &"9".repeat(40))),
        ("a signature that is no base64", good().with_header("svix-signature", "v1,####")),
        ("a signature without version", good().with_header("svix-signature", &stripped)),
        ("another version", good().with_header("svix-signature", &format!("v1a,{stripped}"))),
        ("half a signature", good().with_header("svix-signature", &format!("v1,{}", &stripped[..20]))),
        ("many wrong ones", good().with_header("svix-signature", &"v1,AAAA ".repeat(2_000))),
        ("halves of two spellings", good().without_header("svix-id").with_header("webhook-id", "msg_1")),
    ];
    for (what, signed) in refused {
        let answer = server.post(&signed).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_signature"), "{what}");
        assert_eq!(answer.header("webhook-delivery"), None, "{what}: a right one may still come");
    }
    assert_eq!(database.dump().await, before);
    assert_eq!(database.letters().await, 0);
    server.accept(&good()).await;
}

#[tokio::test]
async fn a_delivery_within_five_minutes_is_accepted() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    for (number, away) in [-290_i64, -60, 60, 290].into_iter().enumerate() {
        let ada = clerk.created(&Person::new(&format!("user_{number}")));
        server.accept(&Signed::with(SIGNING_SECRET, "msg_1", now_s() + away, ada.body)).await;
    }
    assert_eq!(database.users().await.len(), 4);
}

#[tokio::test]
async fn an_attempt_hours_after_the_event_is_accepted_for_only_its_own_time_counts() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    let mut ada = Person::new("user_ada");
    ada.updated_at = now_ms() - 27 * 3_600_000;
    ada.created_at = ada.updated_at;
    server.accept(&clerk.created(&ada)).await;
    assert_eq!(database.users().await.len(), 1);
}

#[tokio::test]
async fn while_rotating_old_and_new_secret_both_count() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let both = format!("{OTHER_SECRET}, {SIGNING_SECRET}");
    let server = Setup::new(&clerk, &database).set("CLERK_WEBHOOK_SIGNING_SECRET", &both).serve().await;
    let body = |user: &str| clerk.created(&Person::new(user)).body;
    let with = |secret, user| Signed::with(secret, "msg_1", now_s(), body(user));
    server.accept(&with(SIGNING_SECRET, "user_old")).await;
    server.accept(&with(OTHER_SECRET, "user_new")).await;
    // Svix sends one signature for each of its secrets.
    let (ours, others) = (with(SIGNING_SECRET, "user_both"), with(THIRD_SECRET, "user_both"));
    let joined = format!("v2,AAAA {} {}", others.header("svix-signature"), ours.header("svix-signature"));
    server.accept(&ours.with_header("svix-signature", &joined)).await;
    let wrong = server.post(&with(THIRD_SECRET, "user_wrong")).await;
    assert_eq!(wrong.code(), "bad_signature");
    let users: Vec<String> = database.users().await.into_keys().collect();
    assert_eq!(users, ["user_both", "user_new", "user_old"]);
}

#[tokio::test]
async fn the_names_of_the_open_standard_are_accepted_too() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    let mut ada = clerk.created(&Person::new("user_ada"));
    for (name, _) in &mut ada.headers {
        *name = name.replace("svix-", "Webhook-");
    }
    server.accept(&ada).await;
    assert_eq!(database.users().await.len(), 1);
}

#[tokio::test]
async fn an_event_that_the_emulated_clerk_signs_is_accepted() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    let body = clerk.created(&Person::new("user_ada")).body;
    let headers = clerk.sign("msg_1", &body).map(|(name, value)| (name.to_owned(), value));
    server.accept(&Signed { headers: headers.into(), body }).await;
}
