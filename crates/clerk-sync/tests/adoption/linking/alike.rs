//! What is the same, and what only looks so: collations, character sets and types of the column that is looked into.

use super::*;

/// A text type whose collation takes more for equal than is.
fn loose(kind: Kind) -> &'static str {
    match kind {
        Kind::Postgres => "text collate loose",
        Kind::Mysql => "varchar(255) character set utf8mb4 collate utf8mb4_general_ci",
        Kind::Sqlite => "text collate nocase",
    }
}

fn loose_ddl(kind: Kind) -> String {
    let (collation, bin) = match kind {
        Kind::Postgres => (
            "create collation loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false);",
            "",
        ),
        Kind::Mysql => ("", " character set utf8mb4 collate utf8mb4_bin"),
        Kind::Sqlite => ("", ""),
    };
    let (text, loose) = (if kind == Kind::Mysql { "varchar(255)" } else { "text" }, loose(kind));
    format!(
        "{collation} create table users (id {loose}, clerk_id {text}{bin} null unique, email {loose}, name {text}, \
         notes {text} not null default 'new')"
    )
}

#[rstest]
#[tokio::test]
async fn what_a_collation_takes_for_equal_is_not_the_same_row(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let database = adopting(kind, &loose_ddl(kind), spec(LinkBy::ExternalId, "id")).await;
    assert!(
        database
            .run_sql("insert into users (id, notes) values ('CUST_1', 'row 1'), ('cust_2', 'row 2')")
            .await
    );
    let (store, mapping) = (&database.store, database.store.mapping());
    let batch = [with_external_id(mapping, 1, "cust_1"), with_external_id(mapping, 2, "cust_2")];
    let expected = [Some(Linking::NoRow), Some(Linking::Linked)];
    assert_eq!(foretold(store.as_ref(), &batch).await, expected);
    assert_eq!(linkings(&store.commit(&batch).await.unwrap()), expected);
    assert_rows(&database, 1, "clerk_id = 'user_00002' and notes = 'row 2'").await;
    assert_rows(&database, 1, "clerk_id is null and notes = 'row 1'").await;
    // Both spellings at once are two rows, of which each finds its own.
    assert!(
        database.run_sql("insert into users (id, notes) values ('A_3', 'upper'), ('a_3', 'lower')").await
    );
    let batch = [with_external_id(mapping, 3, "a_3"), with_external_id(mapping, 4, "A_3")];
    assert_eq!(linkings(&store.commit(&batch).await.unwrap()), [Some(Linking::Linked); 2]);
    assert_rows(&database, 1, "clerk_id = 'user_00003' and notes = 'lower'").await;
    assert_rows(&database, 1, "clerk_id = 'user_00004' and notes = 'upper'").await;
}

#[rstest]
#[tokio::test]
async fn an_address_with_other_letters_is_another_persons(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
) {
    let database = adopting(kind, &loose_ddl(kind), spec(LinkBy::VerifiedEmail, "email")).await;
    let rows =
        "insert into users (email, notes) values ('jose@example.com', 'row 1'), ('Bea@Example.com', 'row 2')";
    assert!(database.run_sql(rows).await);
    let (store, mapping) = (&database.store, database.store.mapping());
    let address = |n: usize, address: &str| {
        let address =
            json!({ "id": "idn_1", "email_address": address, "verification": { "status": "verified" } });
        present(mapping, n, 1, json!({ "email_addresses": [address] }))
    };
    let batch = [address(1, "jos\u{e9}@example.com"), address(2, "bea@example.com")];
    let applied = store.commit(&batch).await.unwrap();
    assert_eq!(linkings(&applied), [Some(Linking::NoRow), Some(Linking::Linked)]);
    assert_rows(&database, 1, "clerk_id is null and notes = 'row 1'").await;
    assert_rows(&database, 1, "clerk_id = 'user_00002' and notes = 'row 2' and email = 'bea@example.com'")
        .await;
}

/// Where MySQL cannot even compare the two, only the user concerned is refused.
#[tokio::test]
async fn a_value_that_the_columns_letters_do_not_have_hurts_nobody_else() {
    let ddl = ddl(Kind::Mysql, Ids::Texts, "unique").replacen("utf8mb4 collate utf8mb4_bin", "latin1", 1);
    let database = adopting(Kind::Mysql, &ddl, spec(LinkBy::ExternalId, "id")).await;
    insert(&database, Ids::Texts, 1..=1).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    let strange = with_external_id(mapping, 2, "\u{65e5}\u{672c}");
    assert!(store.commit(&[strange]).await.expect_err("not comparable").is_rejection());
    let applied = store.commit(&[with_external_id(mapping, 1, "cust_1")]).await.unwrap();
    assert_eq!(linkings(&applied), [Some(Linking::Linked)]);
}

#[rstest]
#[case(Kind::Postgres, "char(12)")]
#[case(Kind::Postgres, "varchar(12)")]
#[case(Kind::Postgres, "numeric")]
#[case(Kind::Postgres, "numeric(12,2)")]
#[case(Kind::Postgres, "smallint")]
#[case(Kind::Mysql, "char(12)")]
#[case(Kind::Mysql, "bigint unsigned")]
#[case(Kind::Sqlite, "varchar(12)")]
#[case(Kind::Sqlite, "uuid")]
#[tokio::test]
async fn columns_of_other_types_tell_it_too(#[case] kind: Kind, #[case] of: &str) {
    let text = if kind == Kind::Mysql { "varchar(255)" } else { "text" };
    let ddl = format!(
        "create table users (id {of} unique, clerk_id {text} null unique, email {text}, name {text}, \
         notes {text} not null default 'new'); insert into users (id, notes) values (1234, 'row 1')"
    );
    let database = adopting(kind, &ddl, spec(LinkBy::ExternalId, "id")).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    let batch = [("01234", 1), ("1e3", 2), ("1234", 3), ("9999999999", 4)]
        .map(|(id, n)| with_external_id(mapping, n, id));
    let no_row = Some(Linking::NoRow);
    assert_eq!(
        linkings(&store.commit(&batch).await.unwrap()),
        [no_row, no_row, Some(Linking::Linked), no_row]
    );
    assert_rows(&database, 1, "clerk_id = 'user_00003' and notes = 'row 1'").await;
}
