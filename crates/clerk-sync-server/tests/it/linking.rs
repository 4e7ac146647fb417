//! Rows that were there before Clerk: each gets its user, whichever flow sees the user first.

use crate::harness::{Clerk, Database, Instance, Kind, Setup, Signed, Site, now_ms};
use clerk_emulator::{NewUser, UserChange};
use rstest::rstest;
use serde_json::json;

/// The app's own table, with numbers of its own. `legacy_id` holds what Clerk has as `external_id`.
fn ddl(kind: Kind) -> &'static str {
    match kind {
        Kind::Postgres => {
            "create table customers (id bigserial primary key, legacy_id varchar(40), clerk_id text unique, email text, \
             orders integer not null default 0); create index on customers (legacy_id)"
        }
        Kind::Mysql => {
            "create table customers (id bigint auto_increment primary key, legacy_id varchar(40) collate utf8mb4_bin, \
             clerk_id varchar(64) unique, email varchar(255), orders integer not null default 0, index (legacy_id))"
        }
        Kind::Sqlite => {
            "create table customers (id integer primary key, legacy_id text, clerk_id text unique, email text, \
             orders integer not null default 0); create index customers_legacy on customers (legacy_id)"
        }
    }
}

const CONFIG: &str = r#"
[users]
table = "customers"
create = false
link = "external_id"
link_column = "legacy_id"

[users.columns]
clerk_id = "id"
email = "primary_email_address"
"#;

/// Rows of nobody with these numbers, `orders` of which are as many.
async fn customers(database: &Database, numbers: impl Iterator<Item = usize>) {
    let rows: Vec<String> = numbers.map(|n| format!("('cust_{n}', {n})")).collect();
    for rows in rows.chunks(1_000) {
        let insert = format!("insert into customers (legacy_id, orders) values {}", rows.join(", "));
        database.run(&insert).await;
    }
}

fn person(n: usize) -> NewUser {
    let user = NewUser::new().id(format!("user_{n}")).email(format!("{n}@example.com"));
    user.created_at(now_ms() - 3_600_000 + n as i64)
}

fn known_as(n: usize, external_id: &str) -> NewUser {
    person(n).external_id(external_id)
}

async fn count(database: &Database, condition: &str) -> i64 {
    database.number(&format!("count(*) from customers where {condition}")).await
}

/// The event that Clerk sends of a user as it is now.
fn event(clerk: &Clerk, event_type: &str, user: &str) -> Signed {
    let body = clerk.event(event_type, &clerk.user(user).unwrap()).to_string();
    Signed::new(&format!("msg_{event_type}_{user}_{}", now_ms()), body)
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_flow_comes_first_finds_the_row(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let mut site = Site::new(Instance::Production, kind).await;
    site.database.run(ddl(kind)).await;
    customers(&site.database, 1..=4).await;
    site.setup = site.setup.clone().config(CONFIG);
    let server = site.serve().await;
    // B: a webhook.
    site.clerk.create_user(known_as(1, "cust_1")).unwrap();
    server.accept(&event(&site.clerk, "user.created", "user_1")).await;
    // A: the way back from sign-up.
    site.clerk.create_user(known_as(2, "cust_2")).unwrap();
    let answer = site.browser("user_2").await.ask(&site.entrance("/welcome")).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    // D: any request.
    site.clerk.create_user(known_as(3, "cust_3")).unwrap();
    let token = site.token("user_3").await;
    let me = server.get_with("/clerk/me", &[("authorization", &format!("Bearer {token}"))]).await;
    assert_eq!(me.status, 200, "{me:?}");
    // A stranger, and one whose row has gone to another user.
    site.clerk.create_user(person(5)).unwrap();
    server.accept(&event(&site.clerk, "user.created", "user_5")).await;
    let metrics = server.metrics().await;
    assert!(metrics.contains("clerk_sync_links_total{outcome=\"linked\"} 3"), "{metrics}");
    assert!(metrics.contains("clerk_sync_links_total{outcome=\"unnamed\"} 1"), "{metrics}");
    server.stop().await;
    // E: everyone else.
    site.clerk.create_user(known_as(4, "cust_4")).unwrap();
    let report = site.setup.json(&["backfill", "--json"]).await.remove(0);
    assert_eq!(
        (&report["links"]["linked"], &report["links"]["rows_of_nobody"]),
        (&json!(1), &json!(0)),
        "{report}"
    );
    for n in 1..=4 {
        let own = format!("clerk_id = 'user_{n}' and orders = {n} and email = '{n}@example.com'");
        assert_eq!(count(&site.database, &own).await, 1, "{own}");
    }
    assert_eq!(count(&site.database, "clerk_id = 'user_5' and orders = 0").await, 1);
    assert_eq!(count(&site.database, "1 = 1").await, 5);
    let feed = site.feed().await;
    assert!(feed.iter().all(|(_, change, _)| change == "created"), "{feed:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_rows_are_foretold_linked_and_reported(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    database.run(ddl(kind)).await;
    // The last hundred have no user; thirty are there twice; one belongs to somebody whom Clerk does not know.
    customers(&database, (0..10_000).chain(100..130)).await;
    database.run("update customers set clerk_id = 'by_hand' where legacy_id = 'cust_50'").await;
    let users = (0..9_900).map(|n| known_as(n, &format!("cust_{n}")));
    let strangers = (20_000..20_040).map(|n| known_as(n, &format!("cust_{n}")));
    let newcomers = (30_000..30_025).map(person);
    clerk.import_users(users.chain(strangers).chain(newcomers)).unwrap();
    let setup = Setup::new(&clerk, &database).config(CONFIG);
    setup.output(&["migrate"]).await;

    let told = setup.run(&["backfill", "--dry-run"]).await;
    assert_eq!(told.code, Some(2), "{told:?}");
    for line in [
        "9965 users seen: 0 have a row, 9935 would get one; nothing was written",
        "9869 users would be linked to the row that was there before, by external_id in the column legacy_id",
        "25 users have no external_id: new rows, where the table takes them",
        "40 users name a row that is not there: new rows, where the table takes them: user_20000 user_20001",
        "1 users name a row that has another user: new rows, where the table takes them: user_50",
        "30 users name several rows and would be refused: keep one row of each, or write the user's id into the right one: \
         user_100 user_101",
        "and 10 more, see --json",
        "10029 rows have no user yet",
    ] {
        assert!(told.out.contains(line), "{line}: {}", told.out);
    }
    assert_eq!(count(&database, "clerk_id is not null").await, 1, "nothing was written");

    let report = setup.json(&["backfill", "--json"]).await.remove(0);
    let links = &report["links"];
    let counts = ["linked", "unnamed", "no_row", "taken", "ambiguous", "rows_of_nobody"]
        .map(|name| links[name].clone());
    assert_eq!(counts, [json!(9_869), json!(25), json!(40), json!(1), json!(30), json!(160)], "{report}");
    assert_eq!((&report["seen"], &report["refused"]), (&json!(9_965), &json!(30)), "{report}");
    assert_eq!(links["users"].as_array().unwrap().len(), 71);
    assert!(
        links["users"].as_array().unwrap().contains(&json!({ "user_id": "user_50", "linking": "taken" }))
    );
    let (own, address) = match kind {
        Kind::Mysql => ("concat('user_', orders) = clerk_id", "concat(orders, '@example.com') = email"),
        _ => ("'user_' || orders = clerk_id", "orders || '@example.com' = email"),
    };
    assert_eq!(count(&database, &format!("{own} and {address}")).await, 9_869);
    assert_eq!(count(&database, "clerk_id is not null and orders = 0 and clerk_id <> 'user_0'").await, 66);
    assert_eq!(count(&database, "clerk_id = 'by_hand' and orders = 50").await, 1);
    assert_eq!(database.letters().await, 30);

    // One of each pair is removed; the next comparison of everything links the rest, and its letters are void.
    let keep = "delete from customers where clerk_id is null and id in (select id from (select max(id) as id from customers \
                group by legacy_id having count(*) = 2) doubled)";
    database.run(keep).await;
    let reconciled = setup.run(&["reconcile"]).await;
    assert_eq!(reconciled.code, Some(0), "{reconciled:?}");
    assert_eq!(database.letters().await, 0);
    assert_eq!(count(&database, &format!("{own} and orders between 100 and 129")).await, 30);
    assert_eq!(count(&database, "clerk_id is null").await, 100, "who has no user at Clerk stays as it was");
    let again = setup.run(&["backfill", "--dry-run"]).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.out.contains("9965 have a row, 0 would get one"), "{}", again.out);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_names_two_rows_is_refused_until_one_is_left(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let mut site = Site::new(Instance::Production, kind).await;
    site.database.run(ddl(kind)).await;
    customers(&site.database, [7, 7].into_iter()).await;
    site.setup = site.setup.clone().config(CONFIG);
    let server = site.serve().await;
    site.clerk.create_user(known_as(7, "cust_7")).unwrap();
    server.accept(&event(&site.clerk, "user.created", "user_7")).await;
    let letters = site.setup.output(&["dead-letters", "list"]).await;
    assert!(letters.contains("user_7") && letters.contains("keep one of them"), "{letters}");
    let answer = site.browser("user_7").await.ask(&site.entrance("/welcome")).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert_eq!(count(&site.database, "clerk_id is null").await, 2);
    assert!(server.metrics().await.contains("clerk_sync_links_total{outcome=\"ambiguous\"}"));

    site.database
        .run("delete from customers where id = (select id from (select max(id) as id from customers) last)")
        .await;
    site.clerk.update_user("user_7", UserChange::new().first_name("Ada")).unwrap();
    server.accept(&event(&site.clerk, "user.updated", "user_7")).await;
    assert_eq!(count(&site.database, "clerk_id = 'user_7' and orders = 7").await, 1);
    assert_eq!(site.database.letters().await, 0);
    let answer = site.browser("user_7").await.ask(&site.entrance("/welcome")).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    server.stop().await;
}

#[tokio::test]
async fn doctor_says_what_makes_linking_slow_or_doubtful() {
    let (clerk, database) = (Clerk::start().await, Database::sqlite());
    database.run("create table customers (legacy_id text, clerk_id text not null unique, email text)").await;
    let setup = Setup::new(&clerk, &database).config(CONFIG);
    let told = setup.run(&["doctor"]).await.out;
    for words in [
        "the column legacy_id tells whose row it is, and is neither unique nor in an index -> run: create unique index",
        "the column clerk_id must not be null, so that no row waits for its user",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
}
