use super::*;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value as Json, json};

fn fixture(name: &str) -> Json {
    let path = format!("{}/tests/data/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let event: Json = serde_json::from_slice(&std::fs::read(path).expect("a fixture")).expect("JSON");
    event["data"].clone()
}

fn mapping(columns: &[(&str, &str, Option<Kind>)]) -> Mapping {
    let columns = columns.iter().map(|(name, source, kind)| {
        let column = Column::from_source(name, source).expect("a source");
        Column { kind: kind.unwrap_or(column.kind), ..column }
    });
    Mapping::try_new(MappingSpec {
        columns: columns.collect(),
        allow: vec!["unsafe_metadata".to_owned()],
        ..MappingSpec::default()
    })
    .expect("a mapping")
}

fn default_mapping() -> Mapping {
    Mapping::try_new(MappingSpec::default()).expect("the default mapping")
}

/// What one source gives for a user, as a column of `kind`.
fn value(user: &Json, source: &str, kind: Kind) -> Result<Value, ReadError> {
    let mapping = mapping(&[("id", "id", None), ("it", source, Some(kind))]);
    Ok(mapping.read_user(user.to_string().as_bytes())?.row[1].clone())
}

fn user(fields: Json) -> Json {
    let mut user = json!({"id": "user_1", "updated_at": 5, "created_at": 4});
    user.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
    user
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn the_default_columns_of_a_user_with_everything() {
    let user = default_mapping().read_user(fixture("user.updated").to_string().as_bytes()).expect("readable");
    assert_eq!(user.id.as_str(), "user_3CNG9rEYQoliquKw5eHQ9eFeurU");
    assert_eq!((user.updated_at, user.created_at), (1_767_312_000_555, Some(1_767_225_601_111)));
    let Value::Text(image) = &user.row[5] else { panic!("an image") };
    assert!(image.starts_with("https://img.clerk.com/"));
    assert_eq!(
        user.row[..5],
        [
            text("user_3CNG9rEYQoliquKw5eHQ9eFeurU"),
            // The primary address is the second of the list.
            text("ada.lovelace@example.com"),
            text("ada"),
            text("Augusta Ada"),
            text("Lovelace"),
        ]
    );
    assert_eq!(user.row[6..], [Value::Timestamp(1_767_225_601_111), Value::Timestamp(1_767_312_000_555)]);
}

#[rstest]
#[case("user.created.phone_only", "primary_email_address", Value::Null)]
#[case("user.created.phone_only", "primary_email_verified", Value::Null)]
#[case("user.created.oauth_null_names", "full_name", Value::Null)]
#[case("user.created.username_only", "last_active_at", Value::Null)]
#[case("user.created.email", "primary_email_verified", Value::Boolean(true))]
#[case("user.created.email", "full_name", Value::Text("Ada Lovelace".to_owned()))]
#[case("user.created.unicode", "full_name", Value::Text("Zoe\u{308} 👩\u{200d}🚀 محمد 李小龙 O’Brien-Ñuñez".to_owned()))]
#[case("user.created.unicode", "external_id", Value::Text("legacy/ü-42".to_owned()))]
#[case("user.created.unicode", "public_metadata", Value::Json("{\"plan\":\"pro\",\"表示名\":\"小龙 ☃\"}".to_owned()))]
#[case("user.created.unicode", "public_metadata.plan", Value::Text("pro".to_owned()))]
#[case("user.created.unicode", "unsafe_metadata.big", Value::Text("9007199254740993".to_owned()))]
#[case("user.created.unicode", "unsafe_metadata.nested.a.1", Value::Text("2.5".to_owned()))]
#[case("user.created.email", "email_addresses.0.email_address", Value::Text("ada.lovelace@example.com".to_owned()))]
fn fixtures_give_what_they_hold(#[case] name: &str, #[case] source: &str, #[case] expected: Value) {
    let kind = Source::parse(source).expect("a source").default_kind();
    assert_eq!(value(&fixture(name), source, kind), Ok(expected));
}

#[test]
fn phones_and_wallets_are_found_by_their_primary_id() {
    let phone =
        value(&fixture("user.created.phone_only"), "primary_phone_number", Kind::Text).expect("readable");
    assert!(matches!(phone, Value::Text(number) if number.starts_with('+')));
    let wallet = value(&fixture("user.created.web3"), "primary_web3_wallet", Kind::Text).expect("readable");
    assert!(matches!(wallet, Value::Text(wallet) if wallet.starts_with("0x")));
}

#[test]
fn an_unverified_primary_address_is_stored_and_known_as_such() {
    let user = user(json!({"primary_email_address_id": "b", "email_addresses": [
        {"id": "a", "email_address": "a@example.com", "verification": {"status": "verified"}},
        {"id": "b", "email_address": "b@example.com", "verification": {"status": "unverified"}},
    ]}));
    assert_eq!(value(&user, "primary_email_address", Kind::Text), Ok(text("b@example.com")));
    assert_eq!(value(&user, "primary_email_verified", Kind::Boolean), Ok(Value::Boolean(false)));
    assert_eq!(value(&user, "primary_email_verified", Kind::Text), Ok(text("false")));
}

#[rstest]
#[case(json!({"primary_email_address_id": "zzz", "email_addresses": [{"id": "a", "email_address": "a@b.c"}]}))]
#[case(json!({"primary_email_address_id": null, "email_addresses": [{"id": null, "email_address": "a@b.c"}]}))]
#[case(json!({"primary_email_address_id": 7, "email_addresses": [{"email_address": "a@b.c"}]}))]
#[case(json!({"primary_email_address_id": "a", "email_addresses": "none"}))]
#[case(json!({"primary_email_address_id": "a"}))]
#[case(json!({"primary_email_address_id": "a", "email_addresses": [{"id": "a", "email_address": null}]}))]
#[case(json!({"primary_email_address_id": "a", "email_addresses": [{"id": "a"}]}))]
fn no_primary_address_is_null(#[case] fields: Json) {
    assert_eq!(value(&user(fields), "primary_email_address", Kind::Text), Ok(Value::Null));
}

#[test]
fn a_list_that_cannot_be_read_whole_never_blanks_a_column() {
    let broken = user(json!({"primary_email_address_id": "b", "email_addresses": [7, {"id": "a"}]}));
    let error = value(&broken, "primary_email_address", Kind::Text).expect_err("unreadable");
    assert_eq!(error.to_string(), "primary_email_address for column it: it is not valid JSON text");
    let found = user(
        json!({"primary_email_address_id": "b", "email_addresses": [7, {"id": "b", "email_address": "x"}]}),
    );
    assert_eq!(value(&found, "primary_email_address", Kind::Text), Ok(text("x")));
}

#[rstest]
#[case(json!({"first_name": "A", "last_name": "B"}), Value::Text("A B".to_owned()))]
#[case(json!({"first_name": "A", "last_name": null}), Value::Text("A".to_owned()))]
#[case(json!({"last_name": "B"}), Value::Text("B".to_owned()))]
#[case(json!({"first_name": "", "last_name": "B"}), Value::Text("B".to_owned()))]
#[case(json!({"first_name": "A", "last_name": ""}), Value::Text("A".to_owned()))]
#[case(json!({"first_name": "", "last_name": ""}), Value::Null)]
fn full_names_join_what_exists(#[case] fields: Json, #[case] expected: Value) {
    assert_eq!(value(&user(fields), "full_name", Kind::Text), Ok(expected));
}

#[test]
fn a_row_is_shown_as_an_object_by_column() {
    let mapping =
        mapping(&[("id", "id", None), ("since", "created_at", None), ("meta", "public_metadata", None)]);
    let names: Vec<&str> = mapping.columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["id", "since", "meta"]);
    let read = mapping
        .read_user(user(json!({"public_metadata": {"a": 1}})).to_string().as_bytes())
        .expect("readable");
    let shown = json!({"id": "user_1", "since": "1970-01-01T00:00:00.004Z", "meta": {"a": 1}});
    assert_eq!(row_json(&mapping, &read.row), shown);
}

#[test]
fn a_full_name_fits_text_and_json_only() {
    let user = user(json!({"first_name": "A\"", "last_name": "B"}));
    assert_eq!(value(&user, "full_name", Kind::Json), Ok(Value::Json("\"A\\\" B\"".to_owned())));
    let refused = value(&user, "full_name", Kind::Integer).expect_err("no number").to_string();
    assert_eq!(refused, "full_name for column it: it cannot be stored as integer");
}

#[rstest]
#[case(json!("x"), Kind::Text, Some(Value::Text("x".to_owned())))]
#[case(json!(""), Kind::Text, Some(Value::Text(String::new())))]
#[case(json!(1), Kind::Text, Some(Value::Text("1".to_owned())))]
#[case(json!(true), Kind::Text, Some(Value::Text("true".to_owned())))]
#[case(json!({"b": 1, "a": []}), Kind::Text, Some(Value::Text("{\"a\":[],\"b\":1}".to_owned())))]
#[case(json!(null), Kind::Text, Some(Value::Null))]
#[case(json!(7), Kind::Integer, Some(Value::Integer(7)))]
#[case(json!("7"), Kind::Integer, None)]
#[case(json!(7.5), Kind::Integer, None)]
#[case(json!(true), Kind::Boolean, Some(Value::Boolean(true)))]
#[case(json!(false), Kind::Boolean, Some(Value::Boolean(false)))]
#[case(json!("true"), Kind::Boolean, None)]
#[case(json!(1), Kind::Boolean, None)]
#[case(json!(0), Kind::Timestamp, Some(Value::Timestamp(0)))]
#[case(json!("1970-01-01T00:00:01.0019Z"), Kind::Timestamp, Some(Value::Timestamp(1001)))]
#[case(json!("1969-12-31T23:59:59.9999Z"), Kind::Timestamp, Some(Value::Timestamp(-1)))]
#[case(json!("yesterday"), Kind::Timestamp, None)]
#[case(json!(253_402_300_799_999_i64), Kind::Timestamp, Some(Value::Timestamp(253_402_300_799_999)))]
#[case(json!(253_402_300_800_000_i64), Kind::Timestamp, None)]
#[case(json!(-30_610_224_000_000_i64), Kind::Timestamp, Some(Value::Timestamp(-30_610_224_000_000)))]
#[case(json!(-30_610_224_000_001_i64), Kind::Timestamp, None)]
#[case(json!([1, {"b": null, "a": "x"}]), Kind::Json, Some(Value::Json("[1,{\"a\":\"x\",\"b\":null}]".to_owned())))]
#[case(json!("x"), Kind::Json, Some(Value::Json("\"x\"".to_owned())))]
fn values_are_converted_or_refused_never_guessed(
    #[case] json: Json,
    #[case] kind: Kind,
    #[case] expected: Option<Value>,
) {
    let read = value(&user(json!({"public_metadata": {"it": json}})), "public_metadata.it", kind);
    match expected {
        Some(expected) => assert_eq!(read, Ok(expected)),
        None => {
            let problem = read.expect_err("refused").to_string();
            assert!(problem.starts_with("public_metadata.it for column it: it "), "{problem}");
        }
    }
}

#[test]
fn guarded_documents_never_ride_along() {
    let user = user(json!({
        "organization_memberships": [{"id": "m", "private_metadata": {"secret": 1}, "unsafe_metadata": 2,
            "organization": {"private_metadata": 3, "name": "o"}}],
        "public_metadata": {"private_metadata": "the app's own key"},
    }));
    let spec = |allow: &[&str]| MappingSpec {
        columns: [("id", "id"), ("orgs", "organization_memberships"), ("meta", "public_metadata")]
            .map(|(name, source)| Column::from_source(name, source).expect("a source"))
            .to_vec(),
        allow: allow.iter().map(|&s| s.to_owned()).collect(),
        ..MappingSpec::default()
    };
    let read = |allow: &[&str]| {
        let row = Mapping::try_new(spec(allow))
            .expect("a mapping")
            .read_user(user.to_string().as_bytes())
            .expect("readable")
            .row;
        (row[1].clone(), row[2].clone())
    };
    let (orgs, meta) = read(&[]);
    assert_eq!(orgs, Value::Json("[{\"id\":\"m\",\"organization\":{\"name\":\"o\"}}]".to_owned()));
    assert_eq!(meta, Value::Json("{\"private_metadata\":\"the app's own key\"}".to_owned()));
    let (orgs, _) = read(&["private_metadata"]);
    assert!(matches!(orgs, Value::Json(json) if json.contains("secret") && !json.contains("unsafe")));
}

#[rstest]
#[case(json!({"updated_at": 5}), ReadError::NoId)]
#[case(json!({"id": 5, "updated_at": 5}), ReadError::NoId)]
#[case(json!({"id": "a b", "updated_at": 5}), ReadError::NoId)]
#[case(json!({"id": "user_1"}), ReadError::NoUpdatedAt)]
#[case(json!({"id": "user_1", "updated_at": "5"}), ReadError::NoUpdatedAt)]
#[case(json!([]), ReadError::NoId)]
fn the_head_is_needed(#[case] user: Json, #[case] error: ReadError) {
    assert_eq!(default_mapping().read_user(user.to_string().as_bytes()), Err(error));
}

#[test]
fn only_the_head_and_the_mapped_fields_are_needed() {
    let user = default_mapping().read_user(br#"{"id":"user_1","updated_at":1}"#).expect("readable");
    assert_eq!(user.created_at, None);
    assert!(user.row[1..6].iter().all(|value| *value == Value::Null));
    assert_eq!(default_mapping().read_user(b"{\"id\":\"user_1\""), Err(ReadError::NotJson));
    assert_eq!(
        default_mapping()
            .read_user(br#"{"id":"user_1","updated_at":1,"username":"\ud800"}"#)
            .map_err(|e| e.to_string()),
        Err("username for column username: it is not valid JSON text".to_owned())
    );
}

#[test]
fn volatile_fields_stay_outside_the_digest_and_all_others_in_it() {
    let mapping =
        mapping(&[("id", "id", None), ("seen", "last_active_at", None), ("name", "first_name", None)]);
    let digest = |seen: i64, name: Json| {
        let user = user(json!({"last_active_at": seen, "first_name": name}));
        mapping.read_user(user.to_string().as_bytes()).expect("readable").digest
    };
    assert_eq!(digest(1, json!("A")), digest(2, json!("A")));
    assert_ne!(digest(1, json!("A")), digest(1, json!("B")));
    assert_ne!(digest(1, json!(null)), digest(1, json!("")));
    assert_ne!(digest(1, json!("A")), Digest::default());
}

#[test]
fn digests_tell_values_kinds_and_columns_apart() {
    let digest = |kind: Kind, a: Json, b: Json| {
        let mapping = mapping(&[
            ("id", "id", None),
            ("a", "unsafe_metadata.a", Some(kind)),
            ("b", "unsafe_metadata.b", Some(kind)),
        ]);
        mapping
            .read_user(user(json!({"unsafe_metadata": {"a": a, "b": b}})).to_string().as_bytes())
            .expect("readable")
            .digest
    };
    let all = [
        digest(Kind::Text, json!("1"), json!(null)),
        digest(Kind::Text, json!(null), json!("1")),
        digest(Kind::Text, json!("11"), json!("")),
        digest(Kind::Text, json!("1"), json!("1")),
        digest(Kind::Integer, json!(1), json!(null)),
        digest(Kind::Timestamp, json!(1), json!(null)),
        digest(Kind::Json, json!(1), json!(null)),
        digest(Kind::Boolean, json!(true), json!(null)),
        digest(Kind::Boolean, json!(false), json!(null)),
    ];
    for (i, digest) in all.iter().enumerate() {
        assert!(!all[..i].contains(digest), "{i}");
    }
}

#[test]
fn the_fingerprint_names_the_mapping() {
    let of = |spec: MappingSpec| Mapping::try_new(spec).expect("a mapping").fingerprint();
    let base = MappingSpec::default;
    let mut renamed = base();
    renamed.columns[1].name = "mail".to_owned();
    let mut moved = base();
    moved.columns[1].source = Source::Path(vec!["external_id".to_owned()]);
    let mut retyped = base();
    retyped.columns[6].kind = Kind::Integer;
    let mut table = base();
    table.table = TableName::parse("app.users").expect("a name");
    let allowed = MappingSpec { allow: vec!["private_metadata".to_owned()], ..base() };
    let all = [of(base()), of(renamed), of(moved), of(retyped), of(table), of(allowed)];
    for (i, fingerprint) in all.iter().enumerate() {
        assert!(!all[..i].contains(fingerprint), "{i}");
    }
    assert_eq!(of(base()), of(base()));
    let twice = MappingSpec { allow: vec!["private_metadata".to_owned(); 2], ..base() };
    assert_eq!(of(twice), all[5]);
}

#[rstest]
#[case(&[("a", "username")], "[users.columns] has no column that comes from \"id\": add one, for example clerk_id = \"id\"")]
#[case(&[("a", "id"), ("b", "id")], "[users.columns] a and b both come from \"id\": keep one, it is the key of the table")]
#[case(&[("a", "id"), ("A", "username")], "[users.columns] A is named twice (some databases ignore case)")]
#[case(&[("a", "id"), ("", "username")], "[users.columns] \"\" cannot be a column: a name must not be empty")]
#[case(&[("a", "id"), ("m", "private_metadata.x")],
    "[users.columns] m reads private_metadata, which is not for everyone's eyes: add allow = [\"private_metadata\"] to [users] if it must be stored")]
fn wrong_mappings_are_refused_with_the_fix(#[case] columns: &[(&str, &str)], #[case] message: &str) {
    let columns =
        columns.iter().map(|(name, source)| Column::from_source(name, source).expect("a source")).collect();
    let error = Mapping::try_new(MappingSpec { columns, ..MappingSpec::default() }).expect_err("refused");
    let whole = match &error {
        MappingError::Name(..) => error.to_string(),
        _ => error.to_string(),
    };
    assert_eq!(whole, message);
}

#[test]
fn the_key_is_text_and_found_wherever_it_stands() {
    let mut spec = MappingSpec::default();
    spec.columns.swap(0, 3);
    let mapping = Mapping::try_new(spec.clone()).expect("a mapping");
    assert_eq!((mapping.key().name.as_str(), mapping.key_position()), ("clerk_id", 3));
    spec.columns[3].kind = Kind::Integer;
    assert!(matches!(Mapping::try_new(spec), Err(MappingError::KeyKind(column)) if column == "clerk_id"));
}

#[test]
fn only_guarded_documents_can_be_allowed() {
    let allow = Mapping::try_new(MappingSpec { allow: vec!["public".to_owned()], ..MappingSpec::default() });
    assert!(matches!(allow, Err(MappingError::UnknownAllow(name)) if name == "public"));
}

proptest! {
    /// Whatever bytes stand in fields that are not mapped, the mapped ones come out.
    #[test]
    fn unmapped_fields_cannot_break_a_user(noise in "[^\"\\\\\u{0}-\u{1f}]{0,20}", number in "-?[1-9][0-9]{0,400}") {
        let json = format!(
            r#"{{"{noise}":{{"x":[{number},"\ud800"]}},"id":"user_1","updated_at":7,"z":{number},"username":"u"}}"#
        );
        let user = default_mapping().read_user(json.as_bytes());
        prop_assume!(!default_mapping().wanted().contains(&noise));
        prop_assert_eq!(user.map(|user| user.row[2].clone()), Ok(text("u")));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = default_mapping().read_user(&bytes);
    }
}

/// What a user's row of before is recognized by.
fn link_of(by: LinkBy, fields: Json) -> Result<Option<Box<str>>, ReadError> {
    let columns = vec![Column::from_source("clerk_id", "id").expect("a source")];
    let link = Some(LinkSpec { by, column: Some("legacy".to_owned()) });
    let spec = MappingSpec { create: false, columns, link, ..MappingSpec::default() };
    let mapping = Mapping::try_new(spec).expect("a mapping");
    Ok(mapping.read_user(user(fields).to_string().as_bytes())?.link)
}

#[rstest]
#[case(json!({ "external_id": "cust_7" }), Some("cust_7"))]
#[case(json!({ "external_id": "" }), None)]
#[case(json!({ "external_id": null }), None)]
#[case(json!({}), None)]
#[case(json!({ "external_id": 7 }), Some("7"))]
fn the_external_id_is_read_though_it_is_not_mapped(#[case] fields: Json, #[case] expected: Option<&str>) {
    assert_eq!(link_of(LinkBy::ExternalId, fields).expect("readable").as_deref(), expected);
}

#[rstest]
#[case("verified", Some("ada@example.com"))]
#[case("unverified", None)]
#[case("expired", None)]
#[case("transferable", None)]
fn an_address_counts_only_if_it_is_the_primary_one_and_verified(
    #[case] status: &str,
    #[case] expected: Option<&str>,
) {
    let address = |id: &str, address: &str, verification: Json| json!({ "id": id, "email_address": address, "verification": verification });
    let primary = address("idn_2", "ada@example.com", json!({ "status": status }));
    let other = address("idn_1", "other@example.com", json!({ "status": "verified" }));
    let fields = json!({ "primary_email_address_id": "idn_2", "email_addresses": [other, primary] });
    assert_eq!(link_of(LinkBy::VerifiedEmail, fields).expect("readable").as_deref(), expected);
    let none = address("idn_1", "ada@example.com", Json::Null);
    let fields = json!({ "primary_email_address_id": "idn_1", "email_addresses": [none] });
    assert_eq!(link_of(LinkBy::VerifiedEmail, fields).expect("readable"), None);
}

#[test]
fn an_address_that_cannot_be_read_refuses_its_user_and_links_nobody() {
    let fields = json!({ "primary_email_address_id": "idn_1", "email_addresses": ["broken"] });
    let error = link_of(LinkBy::VerifiedEmail, fields).expect_err("unreadable").to_string();
    assert!(error.starts_with("verified_email for column legacy"), "{error}");
}

#[test]
fn linking_changes_no_value_and_so_no_fingerprint() {
    let spec = |link| MappingSpec { create: false, link, ..MappingSpec::default() };
    let fingerprint = |link| Mapping::try_new(spec(link)).expect("a mapping").fingerprint();
    let link = LinkSpec { by: LinkBy::VerifiedEmail, column: None };
    assert_eq!(fingerprint(Some(link)), fingerprint(None));
}
