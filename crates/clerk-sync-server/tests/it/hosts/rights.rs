//! A role that may read and write rows and nothing else, with the grants that docs/operations.md names.

use super::{everything_works, shape};
use crate::harness::{Database, Instance, Kind, Setup, Site};
use rstest::rstest;

const DOCUMENT: &str = include_str!("../../../../../docs/operations.md");
const PASSWORD: &str = "apart";

/// The grants in the document for a kind of database, for this database and role.
fn grants(kind: Kind, database: &str, role: &str) -> String {
    let title = if kind == Kind::Mysql { "-- MySQL, MariaDB" } else { "-- PostgreSQL" };
    let mut blocks = DOCUMENT.split("```sql\n").filter(|block| block.starts_with(title));
    let (block, _) = blocks.next().and_then(|rest| rest.split_once("```")).expect("the grants");
    let block = block
        .replace(" app.", &format!(" {database}."))
        .replace("schema app ", &format!("schema {database} "));
    block.replace("mirror;", &format!("{role};"))
}

/// The script of `migrate --print`, applied by the owner, and a role that owns nothing.
async fn prepared(kind: Kind) -> (Database, String) {
    let database = Database::fresh(kind).await;
    let script = Setup::bare().set("DATABASE_URL", &database.url).output(&["migrate", "--print"]).await;
    database.run(&script).await;
    let (name, role) = (database.name(), format!("role_{}", database.name()));
    let create = match kind {
        Kind::Mysql => format!("create user {role} identified by '{PASSWORD}'"),
        _ => format!("create role {role} login password '{PASSWORD}'"),
    };
    database.run(&create).await;
    database.run(&grants(kind, &name, &role)).await;
    (database, role)
}

async fn forget(database: &Database, role: &str) {
    match database.kind {
        Kind::Mysql => database.run(&format!("drop user {role}")).await,
        _ => database.run(&format!("drop owned by {role}; drop role {role}")).await,
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_without_a_right_to_change_the_schema(
    #[values(Kind::Postgres, Kind::Mysql)] kind: Kind,
    #[values(&[][..], &["--no-migrate"][..])] arguments: &[&str],
) {
    let (database, role) = prepared(kind).await;
    let before = shape(&database).await;
    let site = Site::with(Instance::Development, database.with_user(&role, PASSWORD), |_| {}).await;
    everything_works(&site, arguments).await;
    assert_eq!(shape(&site.database).await, before);
    forget(&site.database, &role).await;
}

/// An older schema than the program's: what is to be done is said, and nothing is half-done.
#[rstest]
#[tokio::test]
async fn a_schema_that_may_not_be_changed_is_asked_for(#[values(Kind::Postgres, Kind::Mysql)] kind: Kind) {
    let (database, role) = prepared(kind).await;
    database.run("update clerk_sync_meta set schema_version = 1").await;
    let before = shape(&database).await;
    let database = database.with_user(&role, PASSWORD);
    let setup = Setup::bare().set("DATABASE_URL", &database.url);
    let refused = setup.run(&["migrate"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for words in ["denied", "clerk-sync migrate --print"] {
        assert!(refused.err.contains(words), "{words}: {refused:?}");
    }
    assert!(!refused.err.contains(PASSWORD), "{refused:?}");
    assert_eq!(shape(&database).await, before);
    forget(&database, &role).await;
}

/// An upgrade where the owner applies what is newer, and nothing else.
#[rstest]
#[tokio::test]
async fn what_is_newer_is_printed_for_the_owner(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let database = Database::fresh(kind).await;
    let setup = Setup::bare().set("DATABASE_URL", &database.url);
    let all = setup.output(&["migrate", "--print"]).await;
    assert_eq!(setup.output(&["migrate", "--print", "--from", "0"]).await, all);
    let newer = setup.output(&["migrate", "--print", "--from", "1"]).await;
    let statements = newer.trim().trim_end_matches("commit;");
    let statements = &statements[statements.find("-- ").expect("a comment comes first")..];
    assert!(
        all.contains(statements) && !statements.contains("create table if not exists clerk_sync_meta"),
        "{newer}"
    );
    database.run(&all.replace(statements, "")).await;
    let status = setup.run(&["status"]).await;
    assert_eq!(status.code, Some(2), "{status:?}");
    assert!(status.out.contains(&format!("version 1 of {}", kind.schema())), "{status:?}");

    database.run(&newer).await;
    assert_eq!(setup.output(&["migrate"]).await, "nothing to do: the schema is up to date\n");
    let last = setup.output(&["migrate", "--print", "--from", "2"]).await;
    assert!(last.contains("clerk_sync_pending_deletions") && !last.contains("clerk_sync_lease"), "{last}");
    let nothing = setup.output(&["migrate", "--print", "--from", &kind.schema().to_string()]).await;
    assert!(nothing.starts_with("-- nothing to do"), "{nothing}");
    assert_eq!(
        setup.run(&["migrate", "--from", "1"]).await.code,
        Some(2),
        "only what is printed has a beginning"
    );
}

/// The app's table is there, and stays the app's.
#[rstest]
#[tokio::test]
async fn what_is_printed_for_an_adopted_table_leaves_it_alone(
    #[values(Kind::Sqlite, Kind::Postgres, Kind::Mysql)] kind: Kind,
) {
    let database = Database::fresh(kind).await;
    database.run("create table members (clerk_id varchar(255) primary key, first_name varchar(255))").await;
    let setup = Setup::bare().set("DATABASE_URL", &database.url).config(
        "[users]\ntable = \"members\"\ncreate = false\n\n\
         [users.columns]\nclerk_id = \"id\"\nfirst_name = \"first_name\"\n",
    );
    let script = setup.output(&["migrate", "--print"]).await;
    assert!(!script.contains("members"), "{script}");
    // By a session that knows nothing of the URL, as the owner's.
    let elsewhere = if kind == Kind::Postgres { "set search_path = public;\n" } else { "" };
    database.run(&format!("{elsewhere}{script}")).await;
    assert_eq!(setup.output(&["migrate"]).await, "nothing to do: the schema is up to date\n");
    assert_eq!(database.select(&["users_table"], "from clerk_sync_meta").await, [vec![None]]);
}

/// As Rails and Laravel make keys: the counter is a thing of its own, with rights of its own.
#[tokio::test]
async fn a_counter_that_may_not_be_asked_is_named() {
    let (database, role) = prepared(Kind::Postgres).await;
    let (name, members) = (database.name(), "members");
    database
        .run(&format!("create table {members} (gone text, id serial primary key, clerk_id text unique)"))
        .await;
    // Nothing may be asked of a column that was there, and a counter that no default asks does not count.
    database.run(&format!("alter table {members} drop column gone, add column rank integer default 0")).await;
    database.run(&format!("create sequence unasked owned by {members}.rank")).await;
    database.run(&format!("grant select, insert, update, delete on {members} to {role}")).await;
    let database = database.with_user(&role, PASSWORD);
    let setup = Setup::bare().set("DATABASE_URL", &database.url).config(&format!(
        "[users]\ntable = \"{members}\"\ncreate = false\n\n[users.columns]\nclerk_id = \"id\"\n"
    ));
    let status = setup.run(&["status"]).await;
    assert_eq!(status.code, Some(2), "{status:?}");
    assert!(status.out.contains(&format!("grant usage on sequence {name}.members_id_seq to")), "{status:?}");
    assert!(!status.out.contains("unasked"), "{status:?}");
    database.run(&format!("grant usage on sequence members_id_seq to {role}")).await;
    assert_eq!(setup.output(&["migrate"]).await, "nothing to do: the schema is up to date\n");
    forget(&database, &role).await;
}

/// A column that is new in the mapping of a table that we made: its owner is told how to add it.
#[rstest]
#[tokio::test]
async fn a_new_column_is_printed_for_the_owner(#[values(Kind::Postgres, Kind::Mysql)] kind: Kind) {
    let (database, role) = prepared(kind).await;
    let mapping = "[users.columns]\nclerk_id = \"id\"\nplan = \"public_metadata.plan\"\n";
    let database = database.with_user(&role, PASSWORD);
    let setup = Setup::bare().set("DATABASE_URL", &database.url).config(mapping);
    let status = setup.run(&["status"]).await;
    assert_eq!(status.code, Some(2), "{status:?}");
    let (_, statement) = status.out.split_once("as the table's owner: ").expect("what to run");
    let statement = statement.lines().next().expect("a line");
    // As migrate would, and in the schema that the URL names.
    let expected = match kind {
        Kind::Mysql => "alter table `users` add column `plan` mediumtext character set utf8mb4".to_owned(),
        _ => format!("alter table \"{}\".\"users\" add column \"plan\" text", database.name()),
    };
    assert!(statement.starts_with(&expected), "{statement}");
    database.run(statement).await;
    let status = setup.run(&["status"]).await;
    assert!(!status.out.contains("as the table's owner"), "{status:?}");
    forget(&database, &role).await;
}

/// What hosts that deploy schemas on their own do not take.
#[tokio::test]
async fn the_script_for_mysql_asks_for_nothing_that_planetscale_forbids() {
    let setup = Setup::bare().set("DATABASE_URL", "mysql://app@localhost/app");
    let script = setup.output(&["migrate", "--print"]).await.to_lowercase();
    for forbidden in [
        "foreign key",
        "references",
        "get_lock",
        "create procedure",
        "create trigger",
        "create event",
        "create view",
    ] {
        assert!(!script.contains(forbidden), "{forbidden} in {script}");
    }
    assert!(script.contains("create table if not exists clerk_sync_meta"), "{script}");
}
