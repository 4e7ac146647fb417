use super::*;
use crate::mapping::MappingSpec;
use rstest::rstest;
use serde_json::json;

const IAT: i64 = 1_767_268_800;

fn claim(column: &str, claim: &str) -> ClaimColumn {
    ClaimColumn { column: column.to_owned(), claim: claim.to_owned() }
}

fn spec(claims: Vec<ClaimColumn>) -> MappingSpec {
    let column = |name: &str, source: &str| Column::from_source(name, source).expect("a source");
    let columns = vec![
        column("clerk_id", "id"),
        column("email", "primary_email_address"),
        column("banned", "banned"),
        column("score", "verification_attempts_remaining"),
        column("meta", "public_metadata"),
        column("signed_in", "last_sign_in_at"),
    ];
    MappingSpec { columns, claims, ..MappingSpec::default() }
}

fn mapping() -> Mapping {
    let claims = vec![
        claim("email", "email"),
        claim("banned", "flags.0.banned"),
        claim("score", "score"),
        claim("meta", "\"a.b\".meta"),
        claim("signed_in", "seen"),
    ];
    Mapping::try_new(spec(claims)).expect("a mapping")
}

fn read(claims: &Json) -> Option<Result<MappedUser, ClaimsError>> {
    let user = UserId::try_new("user_1").expect("an id");
    mapping().read_claims(&user, claims.as_object().expect("an object"))
}

fn row(claims: &Json) -> Row {
    read(claims).expect("there are claims").expect("a row").row
}

#[test]
fn claims_fill_the_columns_that_name_them() {
    let claims = json!({
        "sub": "user_1", "iat": IAT, "email": "ada@example.com", "flags": [{ "banned": true }], "score": 7,
        "a.b": { "meta": { "z": 1, "a": [2] } }, "seen": 1_000, "never_mapped": "x",
    });
    let mapped = read(&claims).expect("there are claims").expect("a row");
    assert_eq!((mapped.updated_at, mapped.created_at), (IAT * 1_000, None));
    assert_eq!(
        mapped.row.as_ref(),
        [
            Value::Text("user_1".to_owned()),
            Value::Text("ada@example.com".to_owned()),
            Value::Boolean(true),
            Value::Integer(7),
            Value::Json(r#"{"a":[2],"z":1}"#.to_owned()),
            Value::Timestamp(1_000),
        ]
    );
    assert_ne!(mapped.digest, crate::rule::Digest::default());
}

#[rstest]
#[case(json!({ "email": null }), 1)]
#[case(json!({ "flags": "no list" }), 2)]
#[case(json!({ "flags": [{ "banned": "yes" }] }), 2)]
#[case(json!({ "flags": [] }), 2)]
#[case(json!({ "score": 1.5 }), 3)]
#[case(json!({ "score": 1e300 }), 3)]
#[case(json!({ "score": { "a": 1 } }), 3)]
#[case(json!({ "seen": "yesterday" }), 5)]
#[case(json!({ "seen": i64::MAX }), 5)]
#[case(json!({ "email": "x".repeat(17_000) }), 1)]
#[case(json!({ "a.b": { "meta": vec![0; 20_000] } }), 4)]
fn what_does_not_fit_leaves_its_column_null_and_the_others_alone(
    #[case] mut claims: Json,
    #[case] column: usize,
) {
    claims["sub"] = "user_1".into();
    claims["iat"] = IAT.into();
    if claims.get("email").is_none() {
        claims["email"] = "ada@example.com".into();
    }
    let row = row(&claims);
    assert_eq!(row[column], Value::Null);
    assert_eq!(row[0], Value::Text("user_1".to_owned()));
    if column != 1 {
        assert_eq!(row[1], Value::Text("ada@example.com".to_owned()));
    }
}

#[test]
fn hostile_texts_stay_texts_and_guarded_documents_stay_out() {
    let claims = json!({
        "sub": "user_1", "iat": IAT, "email": "a\u{0}'; drop table users; --",
        "a.b": { "meta": { "private_metadata": { "x": 1 }, "y": { "unsafe_metadata": 2, "z": 3 } } },
    });
    let row = row(&claims);
    assert_eq!(row[1], Value::Text("a\u{0}'; drop table users; --".to_owned()));
    assert_eq!(row[4], Value::Json(r#"{"y":{"z":3}}"#.to_owned()));
}

#[rstest]
#[case(json!({ "sub": "user_2", "iat": IAT }), ClaimsError::Subject)]
#[case(json!({ "iat": IAT }), ClaimsError::Subject)]
#[case(json!({ "sub": ["user_1"], "iat": IAT }), ClaimsError::Subject)]
#[case(json!({ "sub": "user_1" }), ClaimsError::IssuedAt)]
#[case(json!({ "sub": "user_1", "iat": "now" }), ClaimsError::IssuedAt)]
#[case(json!({ "sub": "user_1", "iat": 0 }), ClaimsError::IssuedAt)]
#[case(json!({ "sub": "user_1", "iat": -5 }), ClaimsError::IssuedAt)]
#[case(json!({ "sub": "user_1", "iat": 1.5 }), ClaimsError::IssuedAt)]
#[case(json!({ "sub": "user_1", "iat": i64::MAX }), ClaimsError::IssuedAt)]
#[case(json!({ "sub": "user_1", "iat": IAT * 1_000 }), ClaimsError::IssuedAt)]
fn claims_of_another_user_or_time_make_no_row(#[case] claims: Json, #[case] error: ClaimsError) {
    assert_eq!(read(&claims), Some(Err(error)));
}

#[test]
fn without_settings_there_are_no_rows_from_claims() {
    let mapping = Mapping::try_new(spec(Vec::new())).expect("a mapping");
    let claims = json!({ "sub": "user_1", "iat": IAT });
    let user = UserId::try_new("user_1").expect("an id");
    assert_eq!(mapping.read_claims(&user, claims.as_object().expect("an object")), None);
}

#[test]
fn the_id_alone_may_be_enough() {
    let mapping = Mapping::try_new(spec(vec![claim("clerk_id", "sub")])).expect("a mapping");
    let claims = json!({ "sub": "user_1", "iat": IAT, "email": "ada@example.com" });
    let user = UserId::try_new("user_1").expect("an id");
    let mapped =
        mapping.read_claims(&user, claims.as_object().expect("an object")).expect("claims").expect("a row");
    assert_eq!(mapped.row[0], Value::Text("user_1".to_owned()));
    assert!(mapped.row[1..].iter().all(|value| *value == Value::Null));
}

#[rstest]
#[case(vec![claim("nickname", "nick")], "[users.claims] nickname is not in [users.columns]")]
#[case(vec![claim("Email", "email")], "[users.claims] Email is not in")]
#[case(vec![claim("email", "email"), claim("email", "mail")], "[users.claims] email is named twice")]
#[case(vec![claim("clerk_id", "external_id")], "[users.claims] clerk_id holds the user's id")]
#[case(vec![claim("email", "a..b")], "[users.claims] email = \"a..b\"")]
#[case(vec![claim("email", "")], "[users.claims] email = \"\"")]
#[case(vec![claim("email", "unsafe_metadata.email")], "email reads unsafe_metadata")]
fn settings_that_cannot_work_are_refused_by_name(#[case] claims: Vec<ClaimColumn>, #[case] says: &str) {
    let error = Mapping::try_new(spec(claims)).expect_err("refused").to_string();
    assert!(error.contains(says), "{error}");
}

#[test]
fn claims_make_no_other_mapping() {
    let without = Mapping::try_new(spec(Vec::new())).expect("a mapping");
    assert_eq!(mapping().fingerprint(), without.fingerprint());
}
