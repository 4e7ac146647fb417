//! Events come twice, late, in any order, and the table is the same in the end.

use crate::harness::{Clerk, Database, Kind, Person, Random, Setup, Signed};
use clerk_emulator::{Fault, FaultKind, NewUser, UserChange};
use rstest::rstest;
use std::collections::BTreeMap;

#[rstest]
#[tokio::test]
async fn whatever_the_order_the_newest_version_stands(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let server = Setup::new(&clerk, &database).serve().await;
    let mut random = Random(11);
    for round in 0..12 {
        let user = format!("user_{round:02}");
        let created = Person::new(&user);
        let (second, third) = (created.then("Second"), created.then("Second").then("Third"));
        let deletes = round % 2 == 1;
        let mut events = vec![clerk.created(&created), clerk.updated(&second), clerk.updated(&third)];
        if deletes {
            events.push(clerk.deleted(&user, third.updated_at + 1));
        }
        events.extend(events.clone());
        random.shuffle(&mut events);
        for event in &events {
            server.accept(event).await;
        }
        let expected = (!deletes).then_some("Third");
        assert_eq!(database.first_name(&user).await.as_deref(), expected, "{user}");
    }
    for (user, changes) in changes(&database).await {
        let deleted = changes.iter().position(|change| change == "deleted");
        assert!(deleted.is_none_or(|position| position == changes.len() - 1), "{user}: {changes:?}");
        assert!(changes.iter().skip(1).all(|change| change != "created"), "{user}: {changes:?}");
    }
    assert_eq!(clerk.stats().count("GET /v1/users/{user_id}"), 0, "no order needs Clerk");
}

async fn changes(database: &Database) -> BTreeMap<String, Vec<String>> {
    let mut changes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (user, change) in database.feed().await {
        changes.entry(user).or_default().push(change);
    }
    changes
}

#[rstest]
#[tokio::test]
async fn who_is_deleted_stays_deleted_though_the_creation_comes_later(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let server = Setup::new(&clerk, &database).serve().await;
    let ada = Person::new("user_ada");
    server.accept(&clerk.deleted("user_ada", ada.updated_at + 5_000)).await;
    server.accept(&clerk.created(&ada)).await;
    server.accept(&clerk.updated(&ada.then("Augusta"))).await;
    // Even one that claims to be newer: ids are never used again.
    server.accept(&clerk.updated(&Person { updated_at: ada.updated_at + 60_000, ..ada.clone() })).await;
    assert!(database.users().await.is_empty());
    assert!(database.feed().await.is_empty(), "nobody was ever there");

    // The same person signs up again: another id, another row.
    server.accept(&clerk.created(&Person { email: ada.email.clone(), ..Person::new("user_ada_2") })).await;
    assert_eq!(database.users().await.into_keys().collect::<Vec<_>>(), ["user_ada_2"]);
}

#[tokio::test]
async fn an_event_sent_again_hours_later_changes_nothing() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    let server = Setup::new(&clerk, &database).serve().await;
    let ada = Person::new("user_ada");
    let first = clerk.created(&ada);
    server.accept(&first).await;
    server.accept(&clerk.updated(&ada.then("Augusta"))).await;
    let before = database.dump().await;
    for _ in 0..3 {
        // The same message, signed anew, as Svix does.
        server.accept(&Signed::new(first.header("svix-id"), first.body.clone())).await;
    }
    assert_eq!(database.dump().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_equals_clerk_whatever_happens_to_deliveries_on_their_way() {
    let (clerk, database) = (Clerk::start().await, Database::fresh(Kind::Postgres).await);
    let server = Setup::new(&clerk, &database).serve().await;
    clerk.set_webhook_url(Some(&server.url("/clerk/webhooks"))).unwrap();
    clerk.add_fault(Fault::new(FaultKind::WebhookDuplicate).rate(0.2));
    clerk.add_fault(Fault::new(FaultKind::WebhookAnswerLost).rate(0.1));
    clerk.add_fault(Fault::new(FaultKind::WebhookReorder { hold: 4 }).rate(0.3));
    clerk.add_fault(Fault::new(FaultKind::WebhookDelay { ms: 150 }).rate(0.2));
    let mut random = Random(5);
    let mut users: Vec<String> = Vec::new();
    for step in 0..150 {
        let chosen = random.below(users.len().max(1) as u64) as usize;
        match random.below(4) {
            0 | 1 if !users.is_empty() => {
                let change = UserChange::new().first_name(format!("Name {step}"));
                clerk.update_user(&users[chosen], change).unwrap();
            }
            2 if users.len() > 5 => clerk.delete_user(&users.swap_remove(chosen)).unwrap(),
            _ => {
                let user = NewUser::new().email(format!("{step}@example.com")).first_name("New");
                users.push(clerk.create_user(user).unwrap()["id"].as_str().unwrap().to_owned());
            }
        }
        if step % 10 == 0 {
            tokio::task::yield_now().await;
        }
    }
    clerk.deliveries_settled().await;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let expected: BTreeMap<String, String> =
        clerk.users().iter().map(|user| (text(&user["id"]), text(&user["first_name"]))).collect();
    assert_eq!(expected.len(), users.len());
    // Two changes within one millisecond are a tie, which is settled by a read a moment later.
    crate::harness::eventually("the same users", async || database.users().await == expected).await;
    database.feed().await;
}
