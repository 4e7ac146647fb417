//! Nothing but mapped fields is kept, and nothing of a person is logged or measured.

use crate::harness::{Clerk, Database, Kind, Person, SIGNING_SECRET, Setup, Signed, now_ms};
use clerk_emulator::{Fault, FaultKind, NewUser};
use rstest::rstest;
use serde_json::{Value, json};

/// In every value that nobody mapped.
const UNMAPPED: &str = "canary-unmapped";
/// In every value that is mapped; only tables and dead letters may hold it.
const MAPPED: &str = "canary-mapped";

fn unmapped(what: &str) -> Value {
    json!(format!("{UNMAPPED}-{what}"))
}

/// A person with a mark in every field.
fn marked(id: &str, email: &str, updated_at: i64) -> Value {
    let person = Person { email: email.to_owned(), first_name: format!("{MAPPED}-first"), ..Person::new(id) };
    let mut data = person.json();
    data["updated_at"] = json!(updated_at);
    data["created_at"] = json!(updated_at - 3_600_000);
    data["last_name"] = json!(format!("{MAPPED}-last"));
    data["username"] = json!(format!("{MAPPED}-username-{id}"));
    data["image_url"] = json!(format!("https://img.example/{MAPPED}"));
    for field in ["external_id", "locale", "profile_image_url", "totp_secret", "a_field_of_tomorrow"] {
        data[field] = unmapped(field);
    }
    for document in ["public_metadata", "private_metadata", "unsafe_metadata"] {
        data[document] = json!({"note": unmapped(document), "deep": [{"er": unmapped("deep")}]});
    }
    let addresses = data["email_addresses"].as_array_mut().unwrap();
    addresses[0]["verification"]["nonce"] = unmapped("nonce");
    addresses.push(json!({"id": "idn_2", "email_address": unmapped("second@example.com")}));
    data["phone_numbers"] = json!([{"id": "idn_3", "phone_number": unmapped("phone")}]);
    data["web3_wallets"] = json!([{"id": "idn_4", "web3_wallet": unmapped("wallet")}]);
    data["external_accounts"] = json!([{"id": "idn_5", "email_address": unmapped("google"), "label": null}]);
    data["passkeys"] = json!([{"name": unmapped("passkey")}]);
    data
}

fn signed(clerk: &Clerk, event_type: &str, data: &Value) -> Signed {
    let mut event = clerk.event_at(event_type, data, now_ms());
    event["event_attributes"]["http_request"] =
        json!({"client_ip": unmapped("ip"), "user_agent": unmapped("agent")});
    event["a_key_of_tomorrow"] = unmapped("envelope");
    let moment = data["updated_at"].as_i64().unwrap_or_default();
    let id = format!("msg_{}_{moment}", data["id"].as_str().unwrap_or("none"));
    Signed::new(&id, event.to_string())
}

/// A table of the app's own, whose rows are found by a value that is not mapped, and anonymized.
const ADOPTED: &str = "[users]\ncreate = false\nlink = \"external_id\"\nlink_column = \"legacy_id\"\non_delete = \"anonymize\"\n";

fn ddl(kind: Kind) -> String {
    let (text, moment) = match kind {
        Kind::Postgres => ("text", "timestamptz"),
        Kind::Mysql => ("varchar(255)", "datetime(3)"),
        Kind::Sqlite => ("text", "datetime"),
    };
    let names = ["email", "username", "first_name", "last_name", "image_url", "legacy_id"];
    let texts: Vec<String> = names.iter().map(|name| format!("{name} {text}")).collect();
    format!(
        "create table users (clerk_id varchar(64) unique, {}, created_at {moment} null, updated_at {moment} null); \
         create index users_by_legacy_id on users (legacy_id)",
        texts.join(", ")
    )
}

#[rstest]
#[tokio::test]
async fn no_unmapped_value_is_kept_and_no_person_is_logged(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
    #[values(false, true)] is_adopted: bool,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let mut setup =
        Setup::new(&clerk, &database).set("CLERK_SYNC_LOG", "info,clerk_sync=trace,clerk_sync_server=trace");
    if is_adopted {
        database.run(&ddl(kind)).await;
        setup = setup.config(ADOPTED);
    }
    setup.output(&["migrate"]).await;
    database.run("create unique index users_by_email on users (email)").await;
    let server = setup.serve().await;
    let start = now_ms() - 60_000;
    let email = |name: &str| format!("{MAPPED}-{name}@example.com");
    let event = |event_type: &str, data: &Value| signed(&clerk, event_type, data);

    // Written, changed, sent again, too late, deleted.
    let ada = |updated_at| marked("user_ada", &email("ada"), updated_at);
    server.accept(&event("user.created", &ada(start))).await;
    server.accept(&event("user.updated", &ada(start + 2))).await;
    server.accept(&event("user.updated", &ada(start + 2))).await;
    server.accept(&event("user.updated", &ada(start + 1))).await;
    server.accept(&event("user.created", &marked("user_bob", &email("bob"), start))).await;
    server.accept(&event("user.deleted", &json!({"id": "user_bob", "note": unmapped("deletion")}))).await;
    // Refused by the database, read again, refused again, buried.
    clerk.shows_json("user_ada", ada(start + 2));
    clerk.create_user(rival(&email("ada"))).unwrap();
    server.accept(&event("user.created", &marked("user_rival", &email("ada"), start))).await;
    // Unreadable, healed; and unreadable even in Clerk, buried. The values are of the wrong kind.
    clerk
        .create_user(
            NewUser::new().id("user_eve").email(email("eve")).private_metadata(json!({"x": unmapped("p")})),
        )
        .unwrap();
    let mut eve = marked("user_eve", &email("eve"), start);
    eve["updated_at"] = unmapped("moment");
    server.accept(&event("user.updated", &eve)).await;
    let mut mallory = marked("user_mallory", &email("mallory"), start);
    mallory["updated_at"] = unmapped("moment");
    mallory["first_name"] = json!({"given": unmapped("given")});
    clerk.create_user(NewUser::new().id("user_mallory")).unwrap();
    let answer = FaultKind::UserAnswer { status: 200, code: None, body: Some(mallory.clone()) };
    clerk.add_fault(Fault::new(answer).user("user_mallory"));
    server.accept(&event("user.updated", &mallory)).await;
    // Without a user, of another type, of another instance, no event at all, badly signed, while Clerk is away.
    server.accept(&event("user.deleted", &json!({"deleted": true, "note": unmapped("nobody")}))).await;
    server.accept(&event(&format!("{UNMAPPED}.type"), &ada(start))).await;
    let mut foreign = clerk.event("user.created", &ada(start));
    foreign["instance_id"] = json!("ins_other");
    server.accept(&Signed::new("msg_foreign", foreign.to_string())).await;
    server.post(&Signed::new("msg_garbage", format!("[\"{UNMAPPED}\", \"{}\"]", email("ada")))).await;
    server.post(&event("user.updated", &ada(start + 9)).with_header("svix-signature", "v1,AAAA")).await;
    let away = clerk.add_fault(Fault::new(FaultKind::ApiUnavailable { status: 500 }));
    assert_eq!(server.post(&event("user.updated", &eve)).await.status, 503);
    clerk.remove_fault(away);
    assert_eq!(database.letters().await, 3, "{}", database.dump().await);

    let metrics = server.metrics().await;
    server.stop().await;
    let mut printed = String::new();
    for arguments in
        [&["dead-letters", "list"][..], &["dead-letters", "list", "--json"], &["changes", "--json"]]
    {
        printed += &setup.output(arguments).await;
    }
    for number in database.select(&["number"], "from clerk_sync_dead_letters").await {
        let number = number[0].clone().unwrap();
        printed += &setup.output(&["dead-letters", "show", &number]).await;
        printed += &setup.output(&["dead-letters", "show", &number, "--json"]).await;
        let replay = setup.run(&["dead-letters", "replay", &number]).await;
        printed += &format!("{}{}", replay.out, replay.err);
    }
    let dump = database.dump().await;
    let log = server.log_text();
    assert!(log.contains("event applied"), "the log is as detailed as it gets");
    assert!(dump.contains(MAPPED) && dump.contains("user_rival"), "{dump}");
    refuse("tables", &dump, &email("bob"));
    let places = [("tables", &dump), ("log", &log), ("metrics", &metrics), ("commands", &printed)];
    for (place, text) in places {
        refuse(place, text, UNMAPPED);
        refuse(place, text, &clerk.config().secret_key);
        refuse(place, text, SIGNING_SECRET.trim_start_matches("whsec_"));
    }
    for (place, text) in [("log", &log), ("metrics", &metrics)] {
        refuse(place, text, MAPPED);
        refuse(place, text, "example.com");
    }
    if kind == Kind::Sqlite {
        for suffix in ["", "-wal"] {
            let file = format!("{}{suffix}", database.file().display());
            let bytes = std::fs::read(&file).unwrap_or_default();
            refuse(&file, &String::from_utf8_lossy(&bytes), UNMAPPED);
        }
    }
}

fn rival(email: &str) -> NewUser {
    NewUser::new().id("user_rival").email(email).public_metadata(json!({"x": unmapped("rival")}))
}

fn refuse(place: &str, text: &str, mark: &str) {
    let line = text.lines().find(|line| line.contains(mark));
    assert!(line.is_none(), "{mark} in the {place}: {}", line.unwrap_or_default());
}

#[tokio::test]
async fn the_users_row_leaves_with_the_user() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    let data = marked("user_ada", "ada@example.com", now_ms() - 60_000);
    server.accept(&signed(&clerk, "user.created", &data)).await;
    assert!(database.dump().await.contains(MAPPED));
    server.accept(&clerk.deleted("user_ada", now_ms())).await;
    let dump = database.dump().await;
    assert!(!dump.contains(MAPPED) && !dump.contains("ada@example.com"), "{dump}");
    assert!(dump.contains("user_ada"), "a tombstone keeps the id");
}
