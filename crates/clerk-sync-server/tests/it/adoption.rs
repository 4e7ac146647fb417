//! A table that is there already: adopted through every flow, and never altered.

use crate::harness::{Browser, Clerk, Database, Instance, Kind, Person, Setup, Site, now_ms};
use clerk_emulator::NewUser;
use rstest::rstest;
use serde_json::Value;

/// A table with a key of its own, a moment without fractions, a short name, and what the app's client would fill.
fn ddl(kind: Kind) -> &'static str {
    match kind {
        Kind::Postgres => {
            r#"create table "Member" ("id" uuid primary key, "clerkId" varchar(64) unique, "email" text,
                "nick" varchar(8), "joined" timestamp(0), "role" text not null, "changed" timestamptz not null,
                "removed" timestamp)"#
        }
        Kind::Mysql => {
            "create table `Member` (`id` char(36) primary key, `clerkId` varchar(64) unique, `email` varchar(255),
                `nick` varchar(8), `joined` datetime, `role` varchar(20) not null, `changed` datetime(3) not null,
                `removed` timestamp null) default character set utf8mb4 collate utf8mb4_unicode_ci"
        }
        Kind::Sqlite => {
            r#"create table "Member" ("id" text primary key not null, "clerkId" text unique, "email" text,
                "nick" text, "joined" integer, "role" text not null, "changed" datetime not null, "removed" datetime)"#
        }
    }
}

const CONFIG: &str = r#"
[users]
table = "Member"
create = false
on_delete = "mark"
deleted_at = "removed"

[users.columns]
id = { generate = "uuid7" }
clerkId = "id"
email = "primary_email_address"
nick = { from = "first_name", default = "nobody", overflow = "truncate" }
joined = { from = "created_at", FORMAT }
role = { initial = "member" }
changed = { generate = "now", refresh = true }
"#;

fn config(kind: Kind) -> String {
    let format = if kind == Kind::Sqlite { "format = \"s\"" } else { "type = \"timestamp\"" };
    CONFIG.replace("FORMAT", format)
}

fn quoted(kind: Kind, name: &str) -> String {
    if kind == Kind::Mysql { format!("`{name}`") } else { format!("\"{name}\"") }
}

/// `clerkId`, `nick`, `role` and whether it is removed, of every row.
async fn members(database: &Database) -> Vec<[Option<String>; 4]> {
    let q = |name: &str| quoted(database.kind, name);
    let columns =
        [q("clerkId"), q("nick"), q("role"), format!("case when {} is null then 0 else 1 end", q("removed"))];
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let from = format!("from {} order by {}", q("Member"), q("nick"));
    database.select(&columns, &from).await.into_iter().map(|row| row.try_into().unwrap()).collect()
}

fn member(id: Option<&str>, nick: &str, role: &str, removed: bool) -> [Option<String>; 4] {
    [
        id.map(str::to_owned),
        Some(nick.to_owned()),
        Some(role.to_owned()),
        Some(i64::from(removed).to_string()),
    ]
}

async fn prepared(site: &Site) {
    site.database.run(ddl(site.database.kind)).await;
    // Somebody who has nothing to do with Clerk.
    let insert = format!(
        "insert into {} ({}, {}, {}, {}) values ('0193e4d0-7a3b-7c00-8000-0123456789ab', 'Grace', 'founder', \
         '2001-01-01 00:00:00')",
        quoted(site.database.kind, "Member"),
        quoted(site.database.kind, "id"),
        quoted(site.database.kind, "nick"),
        quoted(site.database.kind, "role"),
        quoted(site.database.kind, "changed"),
    );
    site.database.run(&insert).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flow_writes_into_it(#[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind) {
    let mut site = Site::new(Instance::Development, kind).await;
    prepared(&site).await;
    site.setup = site.setup.clone().config(&config(kind));
    let stranger = member(None, "Grace", "founder", false);
    let server = site.serve().await;

    // B: a webhook, with a name that is too long and holds a NUL.
    let mut augusta = Person::new("user_augusta").then("Augusta\u{0}Ada");
    augusta.created_at = now_ms() - 7_200_000;
    server.accept(&site.clerk.created(&augusta)).await;
    let nick = match kind {
        Kind::Postgres => "Augusta\u{fffd}",
        Kind::Mysql => "Augusta\u{0}",
        // Its columns have no length.
        Kind::Sqlite => "Augusta\u{0}Ada",
    };
    assert_eq!(members(&site.database).await[0][1].as_deref(), Some(nick));

    // A: somebody signs up, and has no name.
    let mut browser = Browser::new();
    let page = browser.open(&site.page("/sign-up", &site.entrance("/welcome"))).await;
    let fields = [("email_address", "nameless@example.com"), ("password", "correct horse")];
    let walk = browser.submit(&page.last().url, &fields, |url| site.is_app(url)).await;
    assert_eq!(walk.status(), 303, "{}", walk.trace());
    let nameless = site.clerk.users()[0]["id"].as_str().unwrap().to_owned();
    let rows = members(&site.database).await;
    assert!(rows.contains(&member(Some(&nameless), "nobody", "member", false)), "{rows:?}");

    // C: the row as JSON.
    let token = site.token(&nameless).await;
    let me = server.get_with("/clerk/me", &[("authorization", &format!("Bearer {token}"))]).await;
    let me: Value = serde_json::from_str(&me.body).unwrap();
    assert_eq!((&me["nick"], &me["role"]), (&Value::from("nobody"), &Value::Null), "mapped columns only");

    // E: everybody else; nothing differs afterwards, though columns hold less than Clerk says.
    site.clerk.delete_user(&nameless).unwrap();
    server.accept(&site.clerk.deleted(&nameless, now_ms())).await;
    for (id, name) in [("user_ada", "Ada"), ("user_alan", "Alan Mathison Turing")] {
        site.clerk
            .create_user(NewUser::new().id(id).first_name(name).created_at(now_ms() - 3_600_000))
            .unwrap();
    }
    let gone = site.clerk.deleted("user_augusta", now_ms());
    server.accept(&gone).await;
    server.stop().await;
    let backfilled = site.setup.run(&["backfill"]).await;
    assert_eq!(backfilled.code, Some(0), "{backfilled:?}");
    let rows = members(&site.database).await;
    for expected in [
        member(Some("user_ada"), "Ada", "member", false),
        member(
            Some("user_alan"),
            if kind == Kind::Sqlite { "Alan Mathison Turing" } else { "Alan Mat" },
            "member",
            false,
        ),
        member(Some(&nameless), "nobody", "member", true),
        stranger.clone(),
    ] {
        assert!(rows.contains(&expected), "{expected:?} in {rows:?}");
    }
    assert_eq!(rows.len(), 5);
    let dry = site.setup.run(&["reconcile", "--dry-run"]).await;
    assert_eq!((dry.code, dry.out.contains("user_")), (Some(0), false), "{dry:?}");

    // A hand edit of a mapped column is repaired, one of the app's own is not.
    let edit = format!(
        "update {} set {} = 'edited', {} = 'owner' where {} = 'user_ada'",
        quoted(kind, "Member"),
        quoted(kind, "nick"),
        quoted(kind, "role"),
        quoted(kind, "clerkId")
    );
    site.database.run(&edit).await;
    let reconciled = site.setup.run(&["reconcile"]).await;
    assert_eq!(reconciled.code, Some(0), "{reconciled:?}");
    let rows = members(&site.database).await;
    assert!(rows.contains(&member(Some("user_ada"), "Ada", "owner", false)), "{rows:?}");
    assert!(rows.contains(&stranger), "{rows:?}");
}

#[rstest]
#[tokio::test]
async fn what_does_not_fit_is_said_before_anything_is_written(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let (clerk, database) = (Clerk::start().await, Database::fresh(kind).await);
    database.run(ddl(kind)).await;
    let config =
        config(kind).replace("role = { initial = \"member\" }\n", "").replace("nick =", "nickname =");
    let setup = Setup::new(&clerk, &database).config(&config);
    for command in [&["serve"][..], &["migrate"], &["backfill"], &["reconcile"]] {
        let finished = setup.run(command).await;
        assert_eq!(finished.code, Some(1), "{command:?}: {finished:?}");
        for words in [
            "the table Member does not fit [users]",
            "the table has no column nickname",
            "the column role must not be null, has no default, and nothing fills it",
            "alter table",
        ] {
            assert!(finished.err.contains(words), "{command:?}: {words}: {finished:?}");
        }
    }
    assert_eq!(clerk.stats().requests, 0);
    assert!(members(&database).await.is_empty());
}
