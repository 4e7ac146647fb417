//! Whatever Clerk says, mapped and read back, is the same, for every type of column.

use crate::{Kind, adopting};
use clerk_sync::{
    mapping::{Column, Kind as Holds, MappingSpec, MomentFormat, Overflow},
    observation::{Flow, Observation},
    user_id::UserId,
};
use proptest::prelude::*;
use proptest::{strategy::ValueTree as _, test_runner::TestRunner};
use rstest::rstest;
use serde_json::{Value as Json, json};

const CASES: usize = 40;

/// Columns of one database: their types, and what is mapped to them.
struct Case {
    name: &'static str,
    ddl: &'static str,
    holds: Holds,
    format: Option<MomentFormat>,
    value: fn() -> BoxedStrategy<Json>,
}

const fn case(
    name: &'static str,
    ddl: &'static str,
    holds: Holds,
    value: fn() -> BoxedStrategy<Json>,
) -> Case {
    Case { name, ddl, holds, format: None, value }
}

const fn moment(name: &'static str, ddl: &'static str, format: Option<MomentFormat>) -> Case {
    Case { name, ddl, holds: Holds::Timestamp, format, value: any_moment }
}

fn any_text() -> BoxedStrategy<Json> {
    prop_oneof![any::<String>(), "[a-z\u{0}äß😀'\"\\\\%_ ]{0,40} {0,3}"].prop_map(Json::from).boxed()
}

fn any_uuid() -> BoxedStrategy<Json> {
    "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[47][0-9a-fA-F]{3}-[89ab][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
        .prop_map(Json::from)
        .boxed()
}

fn any_mood() -> BoxedStrategy<Json> {
    prop_oneof![Just(json!("glad")), Just(json!("not so glad"))].boxed()
}

fn any_byte() -> BoxedStrategy<Json> {
    (-128_i64..=127).prop_map(Json::from).boxed()
}

fn any_short() -> BoxedStrategy<Json> {
    any::<i16>().prop_map(Json::from).boxed()
}

fn any_int() -> BoxedStrategy<Json> {
    any::<i32>().prop_map(Json::from).boxed()
}

fn any_unsigned() -> BoxedStrategy<Json> {
    any::<u32>().prop_map(Json::from).boxed()
}

fn any_long() -> BoxedStrategy<Json> {
    any::<i64>().prop_map(Json::from).boxed()
}

fn any_bool() -> BoxedStrategy<Json> {
    any::<bool>().prop_map(Json::from).boxed()
}

/// What a 32-bit number of seconds can hold.
fn any_moment() -> BoxedStrategy<Json> {
    (1_000_i64..2_147_483_647_000).prop_map(Json::from).boxed()
}

fn any_json() -> BoxedStrategy<Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        "[a-z\u{0}ä😀\"\\\\]{0,10}".prop_map(Json::from),
    ];
    let grown = leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("[a-zé. ]{0,5}", inner, 0..4)
                .prop_map(|map| Json::from(map.into_iter().collect::<serde_json::Map<_, _>>())),
        ]
    });
    grown.prop_filter("null is no document", |json| !json.is_null()).boxed()
}

const POSTGRES: [Case; 26] = [
    case("text", "text", Holds::Text, any_text),
    case("varchar", "character varying", Holds::Text, any_text),
    case("varchar20", "varchar(20)", Holds::Text, any_text),
    case("char8", "char(8)", Holds::Text, any_text),
    case("uuid", "uuid", Holds::Text, any_uuid),
    case("mood", "mood", Holds::Text, any_mood),
    case("short_name", "short_name", Holds::Text, any_text),
    case("int2", "smallint", Holds::Integer, any_short),
    case("int4", "integer", Holds::Integer, any_int),
    case("int8", "bigint", Holds::Integer, any_long),
    case("numeric", "numeric", Holds::Integer, any_long),
    case("bool", "boolean", Holds::Boolean, any_bool),
    case("bool_as_int", "smallint", Holds::Boolean, any_bool),
    moment("timestamptz", "timestamptz", None),
    moment("timestamptz0", "timestamptz(0)", None),
    moment("timestamptz2", "timestamptz(2)", None),
    moment("timestamp", "timestamp", None),
    moment("timestamp3", "timestamp(3)", None),
    moment("ms", "bigint", None),
    moment("s", "bigint", Some(MomentFormat::Seconds)),
    moment("s4", "integer", None),
    moment("iso", "text", None),
    moment("sql", "varchar(30)", Some(MomentFormat::Sql)),
    case("jsonb", "jsonb", Holds::Json, any_json),
    case("json", "json", Holds::Json, any_json),
    case("json_text", "text", Holds::Json, any_json),
];

const MYSQL: [Case; 28] = [
    case("char20", "char(20) character set utf8mb4 collate utf8mb4_bin", Holds::Text, any_text),
    case("varchar20", "varchar(20)", Holds::Text, any_text),
    case("tiny", "tinytext", Holds::Text, any_text),
    case("text", "text", Holds::Text, any_text),
    case("medium", "mediumtext", Holds::Text, any_text),
    case("long_text", "longtext", Holds::Text, any_text),
    case("mood", "enum('glad', 'not so glad')", Holds::Text, any_mood),
    case("uuid", "uuid", Holds::Text, any_uuid),
    case("int1", "tinyint", Holds::Integer, any_byte),
    case("int2", "smallint", Holds::Integer, any_short),
    case("int3", "mediumint", Holds::Integer, any_short),
    case("int4", "int", Holds::Integer, any_int),
    case("unsigned4", "int unsigned", Holds::Integer, any_unsigned),
    case("int8", "bigint", Holds::Integer, any_long),
    case("bool", "boolean", Holds::Boolean, any_bool),
    case("bool_as_int", "int", Holds::Boolean, any_bool),
    moment("datetime", "datetime", None),
    moment("datetime1", "datetime(1)", None),
    moment("datetime3", "datetime(3)", None),
    moment("datetime6", "datetime(6)", None),
    moment("timestamp", "timestamp null", None),
    moment("timestamp3", "timestamp(3) null", None),
    moment("ms", "bigint", None),
    moment("s", "int unsigned", None),
    moment("iso", "varchar(30)", None),
    moment("sql", "text", Some(MomentFormat::Sql)),
    case("json", "json", Holds::Json, any_json),
    case("json_text", "longtext", Holds::Json, any_json),
];

const SQLITE: [Case; 14] = [
    case("text", "text", Holds::Text, any_text),
    case("varchar20", "varchar(20)", Holds::Text, any_text),
    case("uuid", "char(36)", Holds::Text, any_text),
    case("integer", "integer", Holds::Integer, any_long),
    case("bigint", "bigint", Holds::Integer, any_long),
    case("bool", "bool", Holds::Boolean, any_bool),
    case("bool_as_int", "integer", Holds::Boolean, any_bool),
    moment("iso", "text", None),
    moment("datetime", "datetime", None),
    moment("datetime_sql", "datetime(6)", Some(MomentFormat::Sql)),
    moment("datetime_ms", "datetime", Some(MomentFormat::Milliseconds)),
    moment("s", "integer", Some(MomentFormat::Seconds)),
    case("json", "json", Holds::Json, any_json),
    case("json_text", "text", Holds::Json, any_json),
];

fn cases(kind: Kind) -> (&'static [Case], &'static str) {
    match kind {
        Kind::Postgres => (
            &POSTGRES,
            "create type mood as enum ('glad', 'not so glad'); create domain short_name as varchar(10);",
        ),
        Kind::Mysql => (&MYSQL, ""),
        Kind::Sqlite => (&SQLITE, ""),
    }
}

#[rstest]
#[tokio::test]
async fn mapping_and_reading_back_is_the_same(
    #[values(Kind::Postgres, Kind::Mysql, Kind::Sqlite)] kind: Kind,
    #[values(true, false)] nulls: bool,
) {
    let (cases, before) = cases(kind);
    let key = if kind == Kind::Mysql { "varchar(64) collate utf8mb4_bin" } else { "text" };
    let ddl: Vec<String> = cases.iter().map(|case| format!("c_{} {}", case.name, case.ddl)).collect();
    let ddl = format!("{before} create table users (clerk_id {key} unique, {})", ddl.join(", "));
    let columns = cases.iter().map(|case| {
        let from = format!("public_metadata.{}", case.name);
        let mut column = Column::from_source(&format!("c_{}", case.name), &from).unwrap();
        (column.kind, column.format, column.overflow) = (case.holds, case.format, Overflow::Truncate);
        column
    });
    let columns = [Column::from_source("clerk_id", "id").unwrap()].into_iter().chain(columns).collect();
    let database = adopting(kind, &ddl, MappingSpec { columns, ..MappingSpec::default() }).await;
    let (store, mapping) = (&database.store, database.store.mapping());
    let mut runner = TestRunner::deterministic();
    for round in 0..CASES {
        let mut metadata = serde_json::Map::new();
        for case in cases {
            if nulls && (round + case.name.len()).is_multiple_of(3) {
                continue;
            }
            let value = (case.value)().new_tree(&mut runner).unwrap().current();
            metadata.insert(case.name.to_owned(), value);
        }
        let id = format!("user_{}", round % 7);
        let version = round as i64 + 1;
        let user = json!({ "id": id, "updated_at": version, "created_at": 1, "public_metadata": metadata });
        let mapped = mapping.read_user(user.to_string().as_bytes()).expect("a readable user");
        let (expected, digest) = (mapped.row.clone(), mapped.digest);
        let observation = Observation::present(mapped, mapping, version, Flow::Webhook);
        store.commit(&[observation]).await.expect("the row is written");
        let read = store.row(&UserId::try_new(&id).unwrap()).await.unwrap().expect("a row");
        for (position, column) in mapping.columns().iter().enumerate() {
            assert_eq!(read[position], expected[position], "{} of {user}", column.name);
        }
        assert_eq!(mapping.digest(&read), digest);
    }
}
