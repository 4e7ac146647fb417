//! Rows that were there before get their users, on real databases.

use crate::{Kind, adopting, try_adopting};
use clerk_sync::{
    mapping::{Column, DeletionSpec, LinkBy, LinkSpec, Mapping, MappingSpec, OnDelete, Value},
    observation::{Flow, Observation},
    rule::Change,
    store::{Applied, Linking, Store, StoreErrorKind, conformance::Fixture as _},
    user_id::UserId,
};
use rstest::rstest;
use serde_json::json;
use std::{ops::Range, sync::Arc};

use crate::databases::Database;

mod alike;

/// What the app's own ids are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ids {
    Numbers,
    Texts,
    Uuids,
}

impl Ids {
    /// The id of the `n`th row, as Clerk has it as `external_id`.
    fn id(self, n: usize) -> String {
        match self {
            Self::Numbers => n.to_string(),
            Self::Texts => format!("cust_{n}"),
            Self::Uuids => format!("0193e4d0-7a3b-7c00-8000-{n:012x}"),
        }
    }

    /// The same for the table.
    fn literal(self, n: usize) -> String {
        match self {
            Self::Numbers => n.to_string(),
            _ => format!("'{}'", self.id(n)),
        }
    }
}

/// `id` is the app's own; `notes` is something that only it knows. `unique`: behind the id's column.
fn ddl(kind: Kind, ids: Ids, unique: &str) -> String {
    let (text, bin) = match kind {
        Kind::Mysql => ("varchar(255)", " character set utf8mb4 collate utf8mb4_bin"),
        _ => ("text", ""),
    };
    let id = match (kind, ids) {
        (Kind::Postgres, Ids::Numbers) => "integer",
        (_, Ids::Numbers) => "bigint",
        (Kind::Postgres | Kind::Mysql, Ids::Uuids) => "uuid",
        _ => text,
    };
    let (autofill, bin_of_id) = match (kind, ids) {
        (Kind::Sqlite, _) => ("", ""),
        (Kind::Postgres, Ids::Numbers) => ("default (random() * 1000000000)::integer + 1000000", ""),
        (Kind::Postgres, Ids::Uuids) => ("default gen_random_uuid()", ""),
        (Kind::Postgres, Ids::Texts) => ("default gen_random_uuid()::text", ""),
        (Kind::Mysql, Ids::Numbers) => ("default (floor(rand() * 1000000000) + 1000000)", ""),
        (Kind::Mysql, Ids::Uuids) => ("default uuid()", ""),
        (Kind::Mysql, Ids::Texts) => ("default (uuid())", bin),
    };
    format!(
        "create table users (id {id}{bin_of_id} {autofill} {unique}, clerk_id {text}{bin} null unique, email {text} unique, \
         name {text} unique, notes {text} not null default 'new')"
    )
}

fn spec(by: LinkBy, column: &str) -> MappingSpec {
    let columns = [("clerk_id", "id"), ("email", "primary_email_address"), ("name", "username")];
    let columns = columns.iter().map(|(name, source)| Column::from_source(name, source).unwrap()).collect();
    let link = Some(LinkSpec { by, column: Some(column.to_owned()) });
    MappingSpec { columns, link, ..MappingSpec::default() }
}

async fn with_rows(kind: Kind, ids: Ids, unique: &str, rows: impl Iterator<Item = usize>) -> Database {
    let database = adopting(kind, &ddl(kind, ids, unique), spec(LinkBy::ExternalId, "id")).await;
    insert(&database, ids, rows).await;
    database
}

/// Rows of nobody with this id and notes `row N`.
async fn insert(database: &Database, ids: Ids, rows: impl Iterator<Item = usize>) {
    let rows: Vec<String> = rows.map(|n| format!("({}, 'row {n}')", ids.literal(n))).collect();
    for rows in rows.chunks(1_000) {
        let insert = format!("insert into users (id, notes) values {}", rows.join(", "));
        assert!(database.run_sql(&insert).await);
    }
}

/// Fails unless so many rows are like this.
async fn assert_rows(database: &Database, count: usize, condition: &str) {
    let check = format!(
        "create table checked (n integer not null check (n = {count})); \
         insert into checked select count(*) from users where {condition}; drop table checked"
    );
    assert!(database.run_sql(&check).await, "{condition}");
}

fn user(n: usize) -> UserId {
    UserId::try_new(&format!("user_{n:05}")).unwrap()
}

fn present(mapping: &Mapping, n: usize, version: i64, change: serde_json::Value) -> Observation {
    let mut json = json!({
        "id": user(n).as_str(), "updated_at": version, "created_at": 1, "username": format!("name {n}"),
        "primary_email_address_id": "idn_1",
        "email_addresses": [{
            "id": "idn_1", "email_address": format!("{n}@example.com"), "verification": { "status": "verified" }
        }],
    });
    for (key, value) in change.as_object().unwrap() {
        json[key] = value.clone();
    }
    let mapped = mapping.read_user(json.to_string().as_bytes()).expect("a readable user");
    Observation::present(mapped, mapping, version, Flow::Import)
}

fn with_external_id(mapping: &Mapping, n: usize, id: &str) -> Observation {
    present(mapping, n, 1, json!({ "external_id": id }))
}

fn linkings(applied: &[Applied]) -> Vec<Option<Linking>> {
    applied.iter().map(|applied| applied.linking).collect()
}

async fn foretold(store: &dyn Store, batch: &[Observation]) -> Vec<Option<Linking>> {
    let users: Vec<_> = batch.iter().map(|seen| (seen.user.clone(), seen.link.clone())).collect();
    store.foretell_links(&users).await.expect("an answer")
}

#[rstest]
#[tokio::test]
async fn a_row_of_before_becomes_its_users(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
    #[values(Ids::Numbers, Ids::Texts, Ids::Uuids)] ids: Ids,
) {
    let database = with_rows(kind, ids, "unique", 1..=3).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    let batch = [
        // A type of its own knows how its values may be written, a text does not.
        with_external_id(
            mapping,
            1,
            &match (kind, ids) {
                (Kind::Postgres | Kind::Mysql, Ids::Uuids) => ids.id(1).to_uppercase(),
                _ => ids.id(1),
            },
        ),
        present(mapping, 2, 1, json!({ "external_id": null })),
        with_external_id(mapping, 3, &ids.id(7)),
        with_external_id(mapping, 4, "neither a number nor a uuid"),
        present(mapping, 5, 1, json!({ "external_id": "" })),
    ];
    let expected = [Linking::Linked, Linking::Unnamed, Linking::NoRow, Linking::NoRow, Linking::Unnamed];
    assert_eq!(foretold(store.as_ref(), &batch).await, expected.map(Some));
    assert_rows(&database, 3, "clerk_id is null").await;
    assert_eq!(store.rows_of_nobody().await.unwrap(), 3);

    let applied = store.commit(&batch).await.unwrap();
    assert_eq!(linkings(&applied), expected.map(Some));
    assert!(applied.iter().all(|applied| applied.change == Some(Change::Created)));
    assert_rows(&database, 1, "clerk_id = 'user_00001' and notes = 'row 1' and email = '1@example.com'")
        .await;
    assert_rows(&database, 4, "clerk_id is not null and notes = 'new'").await;
    assert_eq!(store.rows_of_nobody().await.unwrap(), 2);
    assert!(store.strays(None, 10).await.unwrap().is_empty(), "rows of nobody are nobody's business");
    assert_eq!(foretold(store.as_ref(), &batch).await, [None; 5], "everyone has a row");

    // The second user's id arrives late: there is a row of its own by now.
    let applied = store
        .commit(&[present(mapping, 2, 2, json!({ "external_id": ids.id(2), "username": "new" }))])
        .await
        .unwrap();
    assert_eq!((applied[0].change, applied[0].linking), (Some(Change::Updated), None));
    assert_rows(&database, 2, "clerk_id is null").await;
}

#[rstest]
#[tokio::test]
async fn a_row_that_has_a_user_is_never_given_to_another(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let ids = Ids::Numbers;
    let database = with_rows(kind, ids, "unique", 1..=2).await;
    assert!(database.run_sql("update users set clerk_id = 'user_of_the_app' where id = 2").await);
    let (store, mapping) = (&database.store, database.store.mapping());
    let applied = store.commit(&[with_external_id(mapping, 1, "1")]).await.unwrap();
    assert_eq!(linkings(&applied), [Some(Linking::Linked)]);
    let batch = [with_external_id(mapping, 8, "1"), with_external_id(mapping, 9, "2")];
    let applied = store.commit(&batch).await.unwrap();
    assert_eq!(linkings(&applied), [Some(Linking::Taken); 2]);
    assert_rows(&database, 1, "clerk_id = 'user_00001' and id = 1").await;
    assert_rows(&database, 1, "clerk_id = 'user_of_the_app' and id = 2").await;
    // Several in one batch: as Clerk's answers of two moments may have it.
    insert(&database, ids, 3..=3).await;
    let batch = [10, 11, 12, 13, 14].map(|n| with_external_id(mapping, n, "3"));
    let applied = store.commit(&batch).await.unwrap();
    let taken = Some(Linking::Taken);
    assert_eq!(linkings(&applied), [Some(Linking::Linked), taken, taken, taken, taken]);
}

#[rstest]
#[tokio::test]
async fn between_two_rows_nothing_is_chosen(#[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind) {
    let database = with_rows(kind, Ids::Texts, "", [1, 2, 2].into_iter()).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    let twice = with_external_id(mapping, 2, "cust_2");
    let batch = [with_external_id(mapping, 1, "cust_1"), twice.clone()];
    assert_eq!(foretold(store.as_ref(), &batch).await, [Some(Linking::Linked), Some(Linking::Ambiguous)]);
    let refused = store.commit(&batch).await.expect_err("two rows hold it");
    assert_eq!(*refused.kind(), StoreErrorKind::Ambiguous { column: "id".to_owned() });
    assert!(refused.is_rejection() && refused.to_string().contains("(column id)"), "{refused}");
    assert_rows(&database, 3, "clerk_id is null and email is null").await;
    assert!(store.entry(&user(1)).await.unwrap().is_none(), "nothing of the batch is written");

    // Moving values is no way around it.
    assert!(store.commit_moving(std::slice::from_ref(&twice)).await.is_err());
}

#[rstest]
#[tokio::test]
async fn a_choice_of_the_operators_heals(#[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind) {
    let database = with_rows(kind, Ids::Texts, "", [2, 2].into_iter()).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    assert!(database.run_sql("update users set notes = 'kept' where clerk_id is null").await);
    assert!(database.run_sql("insert into users (id, notes) values ('cust_2', 'the right one')").await);
    let seen = with_external_id(mapping, 2, "cust_2");
    assert!(store.commit(std::slice::from_ref(&seen)).await.is_err());
    assert!(database.run_sql("update users set clerk_id = 'user_00002' where notes = 'the right one'").await);
    let applied = store.commit(&[seen]).await.unwrap();
    assert_eq!((applied[0].change, applied[0].linking), (Some(Change::Created), None));
    assert_rows(
        &database,
        1,
        "clerk_id = 'user_00002' and notes = 'the right one' and email = '2@example.com'",
    )
    .await;
}

#[rstest]
#[tokio::test]
async fn ten_thousand_rows_find_their_users(#[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind) {
    const ROWS: usize = 10_000;
    /// Rows whose id is there once more; users who name no row that there is; users who name none at all.
    const TWICE: Range<usize> = 0..100;
    const STRANGERS: Range<usize> = 10_000..10_150;
    const UNNAMED: Range<usize> = 10_150..10_200;
    /// Rows without a user at Clerk.
    const LEFT: Range<usize> = 9_900..10_000;
    let ids = Ids::Texts;
    let database = with_rows(kind, ids, "", (0..ROWS).chain(TWICE)).await;
    assert!(database.run_sql("create index users_by_id on users (id)").await);
    let (store, mapping) = (&database.store, database.store.mapping());
    let everyone = (0..LEFT.start).chain(STRANGERS).chain(UNNAMED).map(|n| match n {
        n if UNNAMED.contains(&n) => present(mapping, n, 1, json!({})),
        n => with_external_id(mapping, n, &ids.id(n)),
    });
    let everyone: Vec<Observation> = everyone.collect();
    let (mut linked, mut refused) = (0, 0);
    for batch in everyone.chunks(500) {
        let foretold = foretold(store.as_ref(), batch).await;
        let (ambiguous, rest): (Vec<_>, Vec<_>) =
            batch.iter().zip(&foretold).partition(|(_, linking)| **linking == Some(Linking::Ambiguous));
        refused += ambiguous.len();
        for (observation, _) in ambiguous {
            assert!(store.commit(std::slice::from_ref(observation)).await.is_err());
        }
        let (batch, foretold): (Vec<_>, Vec<_>) =
            rest.into_iter().map(|(one, two)| (one.clone(), *two)).unzip();
        if !batch.is_empty() {
            let applied = store.commit(&batch).await.unwrap();
            assert_eq!(linkings(&applied), foretold, "what was foretold comes");
            linked += foretold.iter().filter(|linking| **linking == Some(Linking::Linked)).count();
        }
    }
    assert_eq!((linked, refused), (LEFT.start - TWICE.len(), TWICE.len()));
    let concatenated = match kind {
        Kind::Mysql => "concat('cust_', cast(substring(clerk_id, 6) as unsigned))",
        Kind::Postgres => "'cust_' || substring(clerk_id, 6)::integer",
        Kind::Sqlite => "'cust_' || cast(substring(clerk_id, 6) as integer)",
    };
    // Each row is its own user's, and nobody else's.
    assert_rows(
        &database,
        linked,
        &format!("notes <> 'new' and clerk_id is not null and id = {concatenated}"),
    )
    .await;
    assert_rows(&database, linked, "notes <> 'new' and clerk_id is not null and email is not null").await;
    assert_rows(&database, STRANGERS.len() + UNNAMED.len(), "notes = 'new' and clerk_id is not null").await;
    let nobodys = 2 * TWICE.len() + LEFT.len();
    assert_rows(&database, nobodys, "clerk_id is null and email is null").await;
    assert_eq!(store.rows_of_nobody().await.unwrap(), nobodys as i64);
    assert_eq!(store.living_count().await.unwrap(), (everyone.len() - refused) as i64);
}

#[rstest]
#[tokio::test]
async fn of_two_who_want_one_row_at_once_one_gets_it(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let database = with_rows(kind, Ids::Numbers, "unique", 1..=20).await;
    let store = &database.store;
    for n in 1..=20 {
        let commits = [0, 100, 200, 300].map(|more| {
            let (store, seen) =
                (Arc::clone(store), with_external_id(store.mapping(), n + more, &n.to_string()));
            tokio::spawn(async move { store.commit(&[seen]).await.expect("written") })
        });
        let mut all = Vec::new();
        for commit in commits {
            all.extend(linkings(&commit.await.unwrap()));
        }
        all.sort_unstable();
        let taken = Some(Linking::Taken);
        assert_eq!(all, [Some(Linking::Linked), taken, taken, taken]);
    }
    assert_rows(&database, 20, "notes <> 'new' and clerk_id is not null").await;
    assert_rows(&database, 60, "notes = 'new' and clerk_id is not null").await;
}

#[rstest]
#[tokio::test]
async fn a_row_finds_its_user_while_unique_values_move(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let database = with_rows(kind, Ids::Numbers, "unique", 1..=2).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    store.commit(&[with_external_id(mapping, 1, "1")]).await.unwrap();
    // The second row holds its user's name already; the first user has the second's new address.
    assert!(database.run_sql("update users set name = 'name 2' where id = 2").await);
    let newcomer = present(
        mapping,
        2,
        2,
        json!({ "external_id": "2", "email_addresses": [{ "id": "idn_1", "email_address": "1@example.com" }] }),
    );
    assert!(store.commit(std::slice::from_ref(&newcomer)).await.unwrap_err().is_rejection());
    let holders = store.holders(&newcomer).await.unwrap();
    let holders: Vec<_> = holders.into_iter().map(|holder| holder.user).collect();
    assert_eq!(holders, [Some(user(1))], "its own row of before is not in its way");
    let moved = present(
        mapping,
        1,
        2,
        json!({ "external_id": "1", "email_addresses": [{ "id": "idn_1", "email_address": "new@example.com" }] }),
    );
    let applied = store.commit_moving(&[newcomer, moved]).await.unwrap();
    assert_eq!(linkings(&applied), [Some(Linking::Linked), None]);
    assert_rows(&database, 1, "clerk_id = 'user_00002' and notes = 'row 2' and email = '1@example.com'")
        .await;
    assert_rows(&database, 1, "clerk_id = 'user_00001' and notes = 'row 1' and email = 'new@example.com'")
        .await;
}

#[rstest]
#[tokio::test]
async fn a_row_that_lost_its_user_finds_it_again(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let database = with_rows(kind, Ids::Numbers, "unique", 1..=1).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    let mut seen = with_external_id(mapping, 1, "1");
    store.commit(std::slice::from_ref(&seen)).await.unwrap();
    assert!(database.run_sql("update users set clerk_id = null").await);
    // As a scrub does that finds the row missing.
    seen.claim.restores = true;
    let applied = store.commit(&[seen]).await.unwrap();
    assert_eq!(linkings(&applied), [Some(Linking::Linked)]);
    assert_rows(&database, 1, "clerk_id = 'user_00001' and notes = 'row 1'").await;
}

#[rstest]
#[tokio::test]
async fn by_address_only_who_has_verified_it_gets_a_row(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let ddl = ddl(kind, Ids::Numbers, "unique");
    let database = adopting(kind, &ddl, spec(LinkBy::VerifiedEmail, "email")).await;
    let rows = "insert into users (id, email, notes) values (1, '1@example.com', 'row 1'), (2, '2@example.com', 'row 2'), \
                (3, '3@example.com', 'row 3')";
    assert!(database.run_sql(rows).await);
    assert!(database.run_sql("update users set clerk_id = 'user_of_the_app' where id = 3").await);
    let (store, mapping) = (&database.store, database.store.mapping());
    let address = |status: &str, n: usize| {
        json!({ "external_id": "2", "email_addresses": [
            { "id": "idn_1", "email_address": format!("{n}@example.com"), "verification": { "status": status } },
            { "id": "idn_2", "email_address": "2@example.com", "verification": { "status": "verified" } },
        ]})
    };
    let applied = store.commit(&[present(mapping, 1, 1, address("verified", 1))]).await.unwrap();
    assert_eq!(linkings(&applied), [Some(Linking::Linked)]);
    assert_rows(&database, 1, "clerk_id = 'user_00001' and notes = 'row 1'").await;
    // Not verified: a stranger, whom the row's unique address keeps out.
    let seen = present(mapping, 2, 1, address("unverified", 2));
    assert_eq!(foretold(store.as_ref(), std::slice::from_ref(&seen)).await, [Some(Linking::Unnamed)]);
    assert!(store.commit(std::slice::from_ref(&seen)).await.unwrap_err().is_rejection());
    assert_eq!(store.holders(&seen).await.unwrap()[0].user, None);
    // Somebody else's row.
    let seen = present(mapping, 3, 1, address("verified", 3));
    assert_eq!(foretold(store.as_ref(), std::slice::from_ref(&seen)).await, [Some(Linking::Taken)]);
    assert!(store.commit(&[seen]).await.is_err());
    assert_rows(&database, 1, "clerk_id = 'user_of_the_app' and notes = 'row 3'").await;
    assert_rows(&database, 3, "1 = 1").await;
}

#[rstest]
#[tokio::test]
async fn a_column_that_tells_nothing_is_refused(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let ddl = ddl(kind, Ids::Numbers, "unique");
    let refused = |column: &'static str| {
        let ddl = ddl.clone();
        async move {
            try_adopting(kind, &ddl, spec(LinkBy::ExternalId, column)).await.expect_err("refused").to_string()
        }
    };
    let missing = refused("legacy_id").await;
    assert!(missing.contains("no column legacy_id") && missing.contains("link_column"), "{missing}");
    let alike = refused("ID").await;
    assert!(alike.contains("as the table spells it: \"id\""), "{alike}");
}

/// A value that no row holds any more is found as soon as one does.
#[rstest]
#[tokio::test]
async fn a_mapped_column_can_tell_whose_row_it_is(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let ddl = ddl(kind, Ids::Texts, "unique");
    let mut spec = spec(LinkBy::ExternalId, "id");
    spec.columns.push(Column::from_source("id", "external_id").unwrap());
    spec.link = Some(LinkSpec { by: LinkBy::ExternalId, column: None });
    let database = adopting(kind, &ddl, spec).await;
    insert(&database, Ids::Texts, 1..=2).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    let applied =
        store.commit(&[with_external_id(mapping, 1, "cust_1"), with_external_id(mapping, 2, "x")]).await;
    assert_eq!(linkings(&applied.unwrap()), [Some(Linking::Linked), Some(Linking::NoRow)]);
    assert_rows(&database, 1, "clerk_id = 'user_00001' and id = 'cust_1' and notes = 'row 1'").await;
    let row = store.row(&user(2)).await.unwrap().unwrap();
    assert_eq!(row[3], Value::Text("x".to_owned()));
}

/// The ledger believes that the user has a row: it was in another table, or somebody undid the link.
#[rstest]
#[tokio::test]
async fn whose_row_is_not_there_is_looked_for_whatever_the_ledger_says(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let database = with_rows(kind, Ids::Numbers, "unique", 1..=2).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    store.commit(&[with_external_id(mapping, 1, "1"), with_external_id(mapping, 2, "2")]).await.unwrap();
    assert!(database.run_sql("update users set clerk_id = null, email = null, name = null").await);
    let changed = |n: usize| {
        present(mapping, n, 2, json!({ "external_id": n.to_string(), "username": format!("changed {n}") }))
    };
    let applied = store.commit(&[changed(1)]).await.unwrap();
    assert_eq!((applied[0].change, applied[0].linking), (Some(Change::Updated), Some(Linking::Linked)));
    assert_rows(&database, 1, "clerk_id = 'user_00001' and notes = 'row 1' and name = 'changed 1'").await;
    let applied = store.commit(&[changed(2)]).await.unwrap();
    assert_eq!(applied[0].linking, Some(Linking::Linked));
    assert_rows(&database, 2, "notes <> 'new'").await;
    assert_rows(&database, 2, "1 = 1").await;
}

#[rstest]
#[tokio::test]
async fn a_row_of_nobody_is_in_the_way_of_who_has_a_row(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let ddl = ddl(kind, Ids::Numbers, "unique");
    let database = adopting(kind, &ddl, spec(LinkBy::VerifiedEmail, "email")).await;
    let rows = "insert into users (id, email, notes) values (1, '1@example.com', 'row 1'), (2, '2@example.com', 'row 2')";
    assert!(database.run_sql(rows).await);
    let (store, mapping) = (&database.store, database.store.mapping());
    let with = |version: i64, n: usize| {
        let address = json!({
            "id": "idn_1", "email_address": format!("{n}@example.com"), "verification": { "status": "verified" }
        });
        present(mapping, 1, version, json!({ "email_addresses": [address] }))
    };
    store.commit(&[with(1, 1)]).await.unwrap();
    // The second account of one person: two rows do not become one.
    let changed = with(2, 2);
    assert!(store.commit(std::slice::from_ref(&changed)).await.unwrap_err().is_rejection());
    let holders = store.holders(&changed).await.unwrap();
    assert_eq!(holders.iter().map(|holder| holder.user.clone()).collect::<Vec<_>>(), [None]);
    assert_eq!(holders[0].columns, ["email"]);
}

#[rstest]
#[tokio::test]
async fn what_is_marked_as_deleted_is_no_row_of_before(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let moment = if kind == Kind::Postgres { "timestamptz" } else { "datetime" };
    let ddl = ddl(kind, Ids::Numbers, "").replace(", notes", &format!(", deleted_at {moment} null, notes"));
    let deletion = DeletionSpec { on_delete: OnDelete::Mark, ..DeletionSpec::default() };
    let database = adopting(kind, &ddl, MappingSpec { deletion, ..spec(LinkBy::ExternalId, "id") }).await;
    let rows = "insert into users (id, notes, deleted_at) values (1, 'row 1', null), (1, 'closed', '2020-01-01 00:00:00'), \
                (2, 'closed', '2020-01-01 00:00:00')";
    assert!(database.run_sql(rows).await);
    let (store, mapping) = (&database.store, database.store.mapping());
    let applied =
        store.commit(&[with_external_id(mapping, 1, "1"), with_external_id(mapping, 2, "2")]).await.unwrap();
    assert_eq!(linkings(&applied), [Some(Linking::Linked), Some(Linking::NoRow)]);
    assert_rows(&database, 1, "clerk_id = 'user_00001' and notes = 'row 1' and deleted_at is null").await;
    assert_rows(&database, 2, "clerk_id is null and notes = 'closed' and deleted_at is not null").await;
}
