//! Two processes on one database.

use crate::harness::{Clerk, Database, Kind, Person, Random, Server, Setup, Signed};
use futures_util::future::join_all;
use rstest::rstest;
use std::collections::BTreeMap;

const USERS: u32 = 40;
const AT_ONCE: usize = 8;

/// What happens to every user, and how each looks in the end.
fn history(clerk: &Clerk) -> (Vec<Signed>, BTreeMap<String, String>) {
    let (mut events, mut expected) = (Vec::new(), BTreeMap::new());
    for number in 0..USERS {
        let mut person = Person::new(&format!("user_{number:02}"));
        events.push(clerk.created(&person));
        for step in 1..=3 {
            person = person.then(&format!("v{step}"));
            events.push(clerk.updated(&person));
        }
        if number % 4 == 0 {
            events.push(clerk.deleted(&person.id, person.updated_at + 1));
        } else {
            expected.insert(person.id, person.first_name);
        }
    }
    (events, expected)
}

/// Sends everything in an order of its own; answers what was not accepted.
async fn feed(server: &Server, mut events: Vec<Signed>, seed: u64) -> Vec<u16> {
    Random(seed).shuffle(&mut events);
    let lanes: Vec<_> = (0..AT_ONCE).map(|lane| events.iter().skip(lane).step_by(AT_ONCE)).collect();
    let lanes = lanes.into_iter().map(async |lane| {
        let mut refused = Vec::new();
        for event in lane {
            let status = server.post(event).await.status;
            if status != 200 {
                refused.push(status);
            }
        }
        refused
    });
    join_all(lanes).await.into_iter().flatten().collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_events_in_different_orders_on_two_processes_end_in_the_same_table(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    let setup = Setup::new(&clerk, &database);
    // Both find an empty database, and both make the schema.
    let (first, second) = tokio::join!(setup.serve(), setup.serve());
    let (events, expected) = history(&clerk);
    for seed in [1, 2] {
        let both =
            tokio::join!(feed(&first, events.clone(), seed), feed(&second, events.clone(), seed + 100));
        assert_eq!(both, (vec![], vec![]), "{}\n{}", first.log_text(), second.log_text());
    }
    assert_eq!(database.users().await, expected);
    let mut last = BTreeMap::new();
    for (user, change) in database.feed().await {
        let before = last.insert(user.clone(), change.clone());
        assert_eq!(change == "created", before.is_none(), "{user}: {change} after {before:?}");
        assert_ne!(before.as_deref(), Some("deleted"), "{user}");
    }
    assert_eq!(database.letters().await, 0);
    first.stop().await;
    second.stop().await;
}
