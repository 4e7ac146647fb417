//! What is written reads back.

use super::*;
use crate::store::conformance::Fixture;
use serde_json::{Value as Json, json};

/// Writes a user with these fields and reads its row.
async fn round_trip(store: &Arc<dyn Store>, fields: Json) -> (crate::mapping::Row, crate::mapping::Row) {
    let mut json = json!({"id": "user_1", "updated_at": 1});
    json.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
    let version =
        store.entry(&user("user_1")).await.unwrap().map_or(1, |entry| entry.standing.version.updated_at + 1);
    json["updated_at"] = json!(version);
    let observation = mapped_by(store.mapping(), &json, version);
    commit(store, std::slice::from_ref(&observation)).await;
    let row = store.row(&user("user_1")).await.unwrap().expect("a row");
    (observation.row.expect("values"), row)
}

/// Extremes of each kind.
pub async fn every_kind_reads_back(fixture: &impl Fixture) {
    let store = fixture.store();
    for fields in [
        json!({"username": "u", "banned": true, "public_metadata": {"score": i64::MAX, "a": [1, 2.5, null, {"b": "c"}]}}),
        json!({"username": "", "banned": false, "public_metadata": {"score": i64::MIN}}),
        json!({"username": "x".repeat(500), "first_name": "y".repeat(60_000), "public_metadata": {"score": 0, "big": 9_007_199_254_740_993_i64}}),
        json!({"public_metadata": {}}),
        json!({"public_metadata": []}),
    ] {
        let (written, read) = round_trip(&store, fields).await;
        assert_eq!(written, read);
    }
}

/// A value that Clerk has no longer is null, not what it was.
pub async fn nulls_read_back(fixture: &impl Fixture) {
    let store = fixture.store();
    round_trip(&store, json!({"username": "u", "first_name": "f", "banned": true, "last_active_at": 5, "public_metadata": {"score": 1}})).await;
    let (written, read) = round_trip(&store, json!({})).await;
    assert_eq!(written, read);
    assert!(read[USERNAME..=4].iter().all(|value| *value == Value::Null));
}

/// Four-byte characters, combining marks, line separators, trailing spaces, case.
pub async fn awkward_text_reads_back(fixture: &impl Fixture) {
    let store = fixture.store();
    for text in [
        "👩\u{200d}🚀",
        "Zoe\u{308}",
        "محمد 李小龙",
        "a\u{2028}b\n\t\r",
        " spaces ",
        "ÄÖÜ",
        "\u{10ffff}",
        "\u{feff}bom",
        "%_\\",
    ] {
        let (written, read) =
            round_trip(&store, json!({"username": text, "public_metadata": {"text": text, text: 1}})).await;
        assert_eq!(written, read, "{text:?}");
    }
}

/// A database that refuses NUL gets U+FFFD in its place; no user is lost for it.
pub async fn nul_is_kept_or_replaced(fixture: &impl Fixture) {
    let store = fixture.store();
    let (written, read) = round_trip(
        &store,
        json!({"username": "a\u{0}b", "public_metadata": {"n": "c\u{0}d", "s": "\\u0000"}}),
    )
    .await;
    assert_eq!(
        written, read,
        "what is written is what reads back, or every comparison would find a difference"
    );
    let replaced = (
        Value::Text("a\u{fffd}b".to_owned()),
        Value::Json("{\"n\":\"c\u{fffd}d\",\"s\":\"\\\\u0000\"}".to_owned()),
    );
    let kept = Value::Text("a\0b".to_owned());
    assert!(
        read[USERNAME] == kept || (&read[USERNAME], &read[META]) == (&replaced.0, &replaced.1),
        "{read:?}"
    );
}

/// From the first moment to the last that can be mapped.
pub async fn moments_read_back_to_the_millisecond(fixture: &impl Fixture) {
    let store = fixture.store();
    for ms in [
        0_i64,
        1,
        -1,
        999,
        1_767_312_000_555,
        951_782_400_001,
        -30_610_224_000_000,
        253_402_300_799_999,
        4_102_444_800_123,
    ] {
        let (written, read) = round_trip(&store, json!({"last_active_at": ms})).await;
        assert_eq!(written, read, "{ms}");
    }
}

/// A value is never read as SQL.
pub async fn quotes_in_values_are_only_values(fixture: &impl Fixture) {
    let store = fixture.store();
    for text in ["'; drop table users; --", "\"\"", "`", "\\'", "$1", "?", "${x}", "x' or '1'='1"] {
        let (written, read) =
            round_trip(&store, json!({"username": text, "public_metadata": {"t": text}})).await;
        assert_eq!(written, read, "{text:?}");
    }
}
