use super::*;
use crate::{
    mapping::{DeletionSpec, Fill, LinkBy, LinkSpec, MappingSpec, MomentFormat, TableName},
    store::shape::{Holds, UniqueKey},
};
use rstest::rstest;

const TEXT: Holds = Holds::Text { chars: None, bytes: None, padded: false };

fn column(name: &str, holds: Holds) -> ColumnShape {
    ColumnShape {
        name: name.to_owned(),
        cast: String::new(),
        type_name: "a type".to_owned(),
        holds,
        nullable: true,
        filled: false,
        writable: true,
    }
}

fn shape(columns: Vec<ColumnShape>) -> TableShape {
    let unique = vec![UniqueKey { name: "key".to_owned(), columns: vec!["clerk_id".to_owned()] }];
    let name = TableName::parse("app.People").expect("a name");
    TableShape {
        name,
        columns,
        unique,
        indexed: Vec::new(),
        denied: Vec::new(),
        denied_sequences: Vec::new(),
    }
}

fn spec(columns: &[(&str, &str)]) -> MappingSpec {
    let columns = columns.iter().map(|(name, source)| Column::from_source(name, source).expect("a source"));
    let table = TableName::parse("app.People").expect("a name");
    MappingSpec { table, create: false, columns: columns.collect(), ..MappingSpec::default() }
}

fn mapping(columns: &[(&str, &str)]) -> Mapping {
    Mapping::try_new(spec(columns)).expect("a mapping")
}

fn problems(mapping: &Mapping, shape: &TableShape, dialect: Dialect) -> Vec<String> {
    let findings = judge(mapping, shape, dialect).err().unwrap_or_default();
    findings.iter().filter(|finding| finding.blocks).map(ToString::to_string).collect()
}

#[test]
fn a_table_that_fits_is_written_as_it_is() {
    let mapping = mapping(&[("clerk_id", "id"), ("joined", "created_at")]);
    let mut own = column("id", Holds::Uuid);
    (own.nullable, own.filled) = (false, true);
    let joined = column("joined", Holds::Moment { zoned: false, step_ms: 1_000 });
    let shape = shape(vec![own, column("clerk_id", TEXT), joined]);
    let (fit, warnings) = judge(&mapping, &shape, Dialect::Postgres).expect("it fits");
    assert_eq!(
        fit.storages(),
        [
            Storage::Text { chars: None, bytes: None, padded: false, nul: false },
            Storage::Moment { zoned: false, step_ms: 1_000 }
        ]
    );
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[rstest]
#[case(Dialect::Postgres, r#"alter table "app"."People" add column "nick" text"#)]
#[case(Dialect::MySql, "alter table `app`.`People` add column `nick` varchar(255)")]
#[case(Dialect::Sqlite, r#"alter table "app"."People" add column "nick" text"#)]
fn an_unknown_column_is_named_with_what_adds_it(#[case] dialect: Dialect, #[case] ddl: &str) {
    let mapping = mapping(&[("clerk_id", "id"), ("nick", "username")]);
    let found = problems(&mapping, &shape(vec![column("clerk_id", TEXT)]), dialect);
    let expected =
        format!("the table has no column nick: correct the name in [users.columns], or run: {ddl}");
    assert_eq!(found, [expected]);
}

#[test]
fn a_column_in_other_letters_is_pointed_at() {
    let mapping = mapping(&[("clerk_id", "id"), ("fullname", "full_name")]);
    let found = problems(
        &mapping,
        &shape(vec![column("clerk_id", TEXT), column("fullName", TEXT)]),
        Dialect::Postgres,
    );
    assert_eq!(found, ["the table has no column fullname: name it as the table spells it: \"fullName\""]);
}

#[test]
fn a_wrong_type_is_named_with_both_types() {
    let mapping = mapping(&[("clerk_id", "id"), ("banned", "banned")]);
    let found =
        problems(&mapping, &shape(vec![column("clerk_id", TEXT), column("banned", TEXT)]), Dialect::Postgres);
    assert_eq!(
        found,
        [
            "the column banned has the type a type, which cannot hold boolean: choose another `type` or source for it in \
          [users.columns], or run: alter table \"app\".\"People\" alter column \"banned\" type boolean using \"banned\"::boolean"
        ]
    );
}

#[test]
fn a_format_that_does_not_fit_is_named() {
    let mut spec = spec(&[("clerk_id", "id"), ("joined", "created_at")]);
    spec.columns[1].format = Some(MomentFormat::Iso);
    let mapping = Mapping::try_new(spec).expect("a mapping");
    let joined = column("joined", Holds::Integer { min: i64::MIN, max: i64::MAX, boolean: false });
    let found = problems(&mapping, &shape(vec![column("clerk_id", TEXT), joined]), Dialect::MySql);
    assert!(found[0].contains("cannot hold timestamp in the format \"iso\""), "{found:?}");
}

#[rstest]
#[case(Dialect::Postgres, r#"alter table "app"."People" add unique ("clerk_id")"#)]
#[case(Dialect::MySql, "alter table `app`.`People` add unique (`clerk_id`)")]
#[case(Dialect::Sqlite, r#"create unique index "app"."People_clerk_id_key" on "People" ("clerk_id")"#)]
fn the_key_must_be_unique_by_itself(#[case] dialect: Dialect, #[case] ddl: &str) {
    let mut shape = shape(vec![column("clerk_id", TEXT)]);
    shape.unique[0].columns.push("tenant".to_owned());
    let found = problems(&mapping(&[("clerk_id", "id")]), &shape, dialect);
    let expected = format!("the column clerk_id holds the user's id and is not unique by itself: run: {ddl}");
    assert_eq!(found, [expected]);
}

#[test]
fn a_key_too_short_for_clerks_ids_is_refused() {
    let short = column("clerk_id", Holds::Text { chars: Some(30), bytes: None, padded: false });
    let found = problems(&mapping(&[("clerk_id", "id")]), &shape(vec![short]), Dialect::MySql);
    assert!(found[0].contains("takes only 30 characters"), "{found:?}");
    let enough = column("clerk_id", Holds::Text { chars: Some(32), bytes: None, padded: false });
    assert!(judge(&mapping(&[("clerk_id", "id")]), &shape(vec![enough]), Dialect::MySql).is_ok());
}

#[rstest]
#[case("role", TEXT, "role = { initial = \"\" }")]
#[case("updatedAt", Holds::Moment { zoned: true, step_ms: 1 }, "updatedAt = { generate = \"now\" }")]
#[case("id", TEXT, "id = { generate = \"uuid7\" }")]
#[case("is staff", Holds::Boolean, "\"is staff\" = { initial = false }")]
fn what_must_be_filled_and_is_not_is_named_with_a_line_that_fills_it(
    #[case] name: &str,
    #[case] holds: Holds,
    #[case] line: &str,
) {
    let mut left = column(name, holds);
    left.nullable = false;
    let found = problems(
        &mapping(&[("clerk_id", "id")]),
        &shape(vec![column("clerk_id", TEXT), left]),
        Dialect::Postgres,
    );
    assert!(found[0].contains(&format!("for example {line}, or run: alter table")), "{found:?}");
}

#[test]
fn fills_fill_it() {
    let fill = |name: &str, content| Fill { name: name.to_owned(), content };
    let fills = vec![
        fill("role", FillContent::Value(Value::Text("member".to_owned()))),
        fill("id", FillContent::Generated(Generator::Cuid2)),
        fill("touched", FillContent::Now { refresh: true }),
    ];
    let mapping = Mapping::try_new(MappingSpec { fills, ..spec(&[("clerk_id", "id")]) }).expect("a mapping");
    let mut columns = vec![
        column("clerk_id", TEXT),
        column("role", Holds::Text { chars: Some(6), bytes: None, padded: false }),
    ];
    columns.push(column("id", TEXT));
    columns.push(column("touched", Holds::Integer { min: 0, max: 4_294_967_295, boolean: false }));
    columns.iter_mut().skip(1).for_each(|column| column.nullable = false);
    let (fit, _) = judge(&mapping, &shape(columns.clone()), Dialect::MySql).expect("it fits");
    assert_eq!(fit.fills[2].storage, Storage::Formatted(MomentFormat::Seconds));

    // Too short for the constant, and for what is generated.
    columns[1].holds = Holds::Text { chars: Some(5), bytes: None, padded: false };
    columns[2].holds = Holds::Uuid;
    let found = problems(&mapping, &shape(columns), Dialect::MySql);
    assert!(found[0].contains("cannot hold the value that [users.columns] gives it"), "{found:?}");
    assert!(found[1].contains("cannot hold what \"cuid2\" generates"), "{found:?}");
}

#[test]
fn a_column_that_must_not_be_null_is_warned_of_where_clerk_may_have_nothing() {
    let mapping = mapping(&[("clerk_id", "id"), ("email", "primary_email_address"), ("at", "created_at")]);
    let mut columns = vec![column("clerk_id", TEXT), column("email", TEXT), column("at", TEXT)];
    columns.iter_mut().for_each(|column| column.nullable = false);
    let (_, warnings) = judge(&mapping, &shape(columns), Dialect::Postgres).expect("it fits");
    let [warning] = &warnings[..] else { panic!("one warning, not {warnings:?}") };
    assert_eq!(warning.problem, TableProblem::MayBeNull { column: "email".to_owned() });
    assert!(warning.todo.contains("default = ..."), "{warning}");
}

#[test]
fn generated_columns_and_missing_rights_are_named() {
    let mapping = mapping(&[("clerk_id", "id"), ("name", "full_name")]);
    let mut shape = shape(vec![column("clerk_id", TEXT), column("name", TEXT)]);
    shape.columns[1].writable = false;
    shape.denied = vec!["insert", "delete"];
    let found = problems(&mapping, &shape, Dialect::Postgres);
    assert!(found[0].starts_with("the column name cannot be written"), "{found:?}");
    assert!(found[1].contains("may not insert, delete it"), "{found:?}");
    assert!(
        found[1].ends_with("grant insert, delete on \"app\".\"People\" to <this database user>"),
        "{found:?}"
    );
}

#[test]
fn everything_is_named_at_once() {
    let mapping = mapping(&[("clerk_id", "id"), ("a", "username"), ("b", "banned")]);
    let mut shape = shape(vec![column("clerk_id", TEXT), column("b", TEXT)]);
    shape.unique.clear();
    assert_eq!(problems(&mapping, &shape, Dialect::Sqlite).len(), 3);
}

#[rstest]
#[case(Holds::Uuid)]
#[case(Holds::Words)]
fn a_key_that_holds_no_id_is_refused(#[case] holds: Holds) {
    let found =
        problems(&mapping(&[("clerk_id", "id")]), &shape(vec![column("clerk_id", holds)]), Dialect::Postgres);
    assert!(found[0].contains("cannot hold the ids of Clerk's users"), "{found:?}");
}

/// A mapping that looks in the column `legacy`.
fn linking() -> Mapping {
    let link = Some(LinkSpec { by: LinkBy::ExternalId, column: Some("legacy".to_owned()) });
    Mapping::try_new(MappingSpec { link, ..spec(&[("clerk_id", "id")]) }).expect("a mapping")
}

fn warnings(shape: &TableShape) -> Vec<String> {
    let (_, warnings) = judge(&linking(), shape, Dialect::Postgres).expect("it fits");
    warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_column_that_tells_whose_row_it_is_should_be_unique_and_in_an_index() {
    let mut shape = shape(vec![column("clerk_id", TEXT), column("legacy", TEXT)]);
    let unique = r#"run: alter table "app"."People" add unique ("legacy")"#;
    let found = warnings(&shape);
    assert!(
        found.len() == 1 && found[0].contains("nor in an index") && found[0].ends_with(unique),
        "{found:?}"
    );
    shape.indexed = vec!["legacy".to_owned()];
    let found = warnings(&shape);
    assert!(found.len() == 1 && found[0].contains("several rows") && found[0].ends_with(unique), "{found:?}");
    shape.unique.push(UniqueKey { name: "legacy".to_owned(), columns: vec!["legacy".to_owned()] });
    assert_eq!(warnings(&shape), Vec::<String>::new());
    shape.columns[0].nullable = false;
    let found = warnings(&shape);
    assert!(found.len() == 1 && found[0].contains("drop not null; or leave link out"), "{found:?}");
}

#[rstest]
#[case(TEXT, true)]
#[case(Holds::Uuid, true)]
#[case(Holds::Words, false)]
#[case(Holds::Integer { min: 0, max: 9, boolean: false }, true)]
#[case(Holds::Boolean, false)]
#[case(Holds::Json, false)]
#[case(Holds::Moment { zoned: true, step_ms: 1 }, false)]
#[case(Holds::Other, false)]
fn what_is_looked_for_must_be_a_text_or_a_number(#[case] holds: Holds, #[case] fits: bool) {
    let shape = shape(vec![column("clerk_id", TEXT), column("legacy", holds)]);
    let found = problems(&linking(), &shape, Dialect::Sqlite);
    assert_eq!(found.is_empty(), fits, "{found:?}");
    assert!(found.iter().all(|problem| problem.contains("link_column")), "{found:?}");
}

#[test]
fn a_column_that_is_looked_into_need_not_be_writable() {
    let mut generated = column("legacy", TEXT);
    generated.writable = false;
    assert!(
        problems(&linking(), &shape(vec![column("clerk_id", TEXT), generated]), Dialect::MySql).is_empty()
    );
    let missing =
        problems(&linking(), &shape(vec![column("clerk_id", TEXT), column("Legacy", TEXT)]), Dialect::MySql);
    assert_eq!(
        missing,
        ["the table has no column legacy: name it in [users] link_column as the table spells it: \"Legacy\""]
    );
}

#[rstest]
#[case(OnDelete::Delete, None, false)]
#[case(OnDelete::Delete, Some(7), true)]
#[case(OnDelete::Mark, None, true)]
#[case(OnDelete::Keep, None, true)]
#[case(OnDelete::Anonymize, None, false)]
fn a_row_that_stays_and_cannot_give_up_its_value_is_worth_a_warning(
    #[case] on_delete: OnDelete,
    #[case] days: Option<u64>,
    #[case] warns: bool,
) {
    let delete_after = days.map(|days| std::time::Duration::from_secs(days * 86_400));
    let deletion = DeletionSpec { on_delete, delete_after, ..DeletionSpec::default() };
    let columns = [("clerk_id", "id"), ("image", "image_url")];
    let mapping = Mapping::try_new(MappingSpec { deletion, ..spec(&columns) }).expect("a mapping");
    let mut image = column("image", TEXT);
    image.nullable = false;
    let moment = column("deleted_at", Holds::Moment { zoned: true, step_ms: 1 });
    let mut shape = shape(vec![column("clerk_id", TEXT), image, moment]);
    shape.unique.push(UniqueKey { name: "image".to_owned(), columns: vec!["image".to_owned()] });
    let found = match judge(&mapping, &shape, Dialect::Postgres) {
        Ok((_, warnings)) => warnings,
        // Without a replacement the column would have to become null.
        Err(problems) => problems.into_iter().filter(|problem| !problem.blocks).collect(),
    };
    let held = |finding: &TableFinding| matches!(finding.problem, TableProblem::HeldValue { .. });
    assert_eq!(found.iter().any(held), warns, "{found:?}");
}

#[test]
fn a_way_out_that_keeps_the_row_keeps_its_values() {
    let deletion = DeletionSpec { on_refused: Some(OnDelete::Keep), ..DeletionSpec::default() };
    let columns = [("clerk_id", "id"), ("image", "image_url")];
    let mapping = Mapping::try_new(MappingSpec { deletion, ..spec(&columns) }).expect("a mapping");
    let mut image = column("image", TEXT);
    image.nullable = false;
    let mut shape = shape(vec![column("clerk_id", TEXT), image]);
    shape.unique.push(UniqueKey { name: "image".to_owned(), columns: vec!["image".to_owned()] });
    let (_, warnings) = judge(&mapping, &shape, Dialect::Postgres).expect("a fit");
    let held = |finding: &TableFinding| matches!(finding.problem, TableProblem::HeldValue { .. });
    assert!(warnings.iter().any(held), "{warnings:?}");
}

#[test]
fn a_value_of_ours_must_fit_its_column() {
    let short = Holds::Text { chars: Some(8), bytes: None, padded: false };
    let shape = shape(vec![column("clerk_id", TEXT), column("origin", short)]);
    let found = |source: Source, default: Option<&str>| {
        let mut spec = spec(&[("clerk_id", "id"), ("origin", "username")]);
        spec.columns[1].source = source;
        spec.columns[1].default = default.map(|text| Value::Text(text.to_owned()));
        let mapping = Mapping::try_new(spec).expect("a mapping");
        judge(&mapping, &shape, Dialect::Postgres).err().map(|problems| problems[0].problem.to_string())
    };
    let constant = |text: &str| Source::Constant(Value::Text(text.to_owned()));
    let path = || Source::Path(vec!["username".to_owned()]);
    let problem = Some(
        "the column origin has the type a type, which cannot hold the value that [users.columns] gives it",
    );
    assert_eq!(found(constant("clerk-production"), None).as_deref(), problem);
    assert_eq!(found(path(), Some("nobody yet")).as_deref(), problem);
    assert_eq!((found(constant("clerk"), None), found(path(), Some("nobody"))), (None, None));
}

#[test]
fn a_counter_that_may_not_be_asked_is_named_unless_we_fill_its_column() {
    let mut shape = shape(vec![column("clerk_id", TEXT), column("id", TEXT)]);
    shape.denied_sequences.push(("id".to_owned(), "app.users_id_seq".to_owned()));
    let problems = |columns: &[(&str, &str)]| {
        let mapping = Mapping::try_new(spec(columns)).expect("a mapping");
        judge(&mapping, &shape, Dialect::Postgres).err().map(|problems| problems[0].to_string())
    };
    let found = problems(&[("clerk_id", "id")]).expect("a problem");
    assert!(found.contains("grant usage on sequence app.users_id_seq"), "{found}");
    assert_eq!(problems(&[("clerk_id", "id"), ("id", "username")]), None);
}
