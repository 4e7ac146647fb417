use super::*;
use crate::{
    mapping::MappingSpec,
    rule::{State, Version},
};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value as Json, json};

const INSTANCE: &str = "ins_3CkvDYqS7JhOZft7H0UHkPMC1DK";
const ADA: &str = "user_3CNG9rEYQoliquKw5eHQ9eFeurU";

fn mapping() -> Mapping {
    Mapping::try_new(MappingSpec::default()).expect("a mapping")
}

fn fixture(name: &str) -> Json {
    let path = format!("{}/tests/data/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).expect("a fixture")).expect("JSON")
}

fn event(body: &[u8]) -> Result<Event, NotAnEvent> {
    parse(body, &mapping(), INSTANCE).map(|parsed| parsed.event)
}

fn changed(name: &str, pointer: &str, value: Json) -> Result<Event, NotAnEvent> {
    let mut json = fixture(name);
    *json.pointer_mut(pointer).expect("the field") = value;
    event(json.to_string().as_bytes())
}

fn version(event: &Event) -> Version {
    let Event::Observed(observation) = event else { panic!("observed: {event:?}") };
    observation.claim.version
}

fn ada() -> UserId {
    UserId::try_new(ADA).expect("an id")
}

#[rstest]
#[case("user.created.email")]
#[case("user.created.phone_only")]
#[case("user.created.oauth_null_names")]
#[case("user.created.web3")]
#[case("user.created.unicode")]
#[case("user.created.username_only")]
#[case("user.updated")]
#[case("user.updated.stale")]
fn users_are_observed_as_of_the_envelope(#[case] name: &str) {
    let json = fixture(name);
    let Ok(Event::Observed(observation)) = event(json.to_string().as_bytes()) else { panic!("observed") };
    assert_eq!(observation.user.as_str(), json["data"]["id"]);
    assert_eq!(observation.claim.version.state, State::Present);
    assert_eq!(Some(observation.claim.version.updated_at), json["data"]["updated_at"].as_i64());
    assert_eq!(Some(observation.claim.version.as_of), json["timestamp"].as_i64());
    assert_eq!(observation.created_at, json["data"]["created_at"].as_i64());
    assert_eq!(observation.flow, Flow::Webhook);
}

#[test]
fn a_deletion_is_ordered_by_the_envelope() {
    let event = event(fixture("user.deleted").to_string().as_bytes()).expect("an event");
    assert_eq!(version(&event), Version::gone(1_767_398_400_000));
}

#[rstest]
#[case("unknown.event", Event::Ignored)]
#[case("organization.created", Event::Ignored)]
#[case("organizationMembership.created", Event::Ignored)]
fn other_types_are_ignored(#[case] name: &str, #[case] expected: Event) {
    assert_eq!(event(fixture(name).to_string().as_bytes()), Ok(expected));
}

#[test]
fn the_type_is_reported_as_clerk_wrote_it() {
    let parsed =
        parse(fixture("unknown.event").to_string().as_bytes(), &mapping(), INSTANCE).expect("an event");
    assert_eq!(parsed.event_type, "starship.launched");
}

#[test]
fn another_instance_is_foreign_whatever_it_says() {
    assert_eq!(changed("user.deleted", "/instance_id", json!("ins_other")), Ok(Event::Foreign));
    assert_eq!(
        parse(br#"{"type":"user.deleted","instance_id":"ins_x"}"#, &mapping(), INSTANCE).map(|p| p.event),
        Ok(Event::Foreign)
    );
    // Without an instance id, the signing secret alone binds it.
    assert!(matches!(changed("user.deleted", "/instance_id", json!(null)), Ok(Event::Observed(_))));
}

#[rstest]
#[case(json!(1_767_225_601), 1_767_225_601_000)]
#[case(json!(1_767_225_601_123_i64), 1_767_225_601_123)]
#[case(json!(99_999_999_999_i64), 99_999_999_999_000)]
#[case(json!(100_000_000_000_i64), 100_000_000_000)]
#[case(json!(1_767_225_601.0), 1_767_225_601_000)]
fn timestamps_are_seconds_or_milliseconds_by_magnitude(#[case] timestamp: Json, #[case] as_of: i64) {
    assert_eq!(version(&changed("user.deleted", "/timestamp", timestamp).expect("an event")).as_of, as_of);
}

#[rstest]
#[case(json!(null))]
#[case(json!("soon"))]
#[case(json!(0))]
#[case(json!(-5))]
fn without_a_timestamp_only_clerk_can_tell(#[case] timestamp: Json) {
    for name in ["user.deleted", "user.created.email"] {
        let expected = Event::Reread { user: ada(), reason: RereadReason::NoTimestamp };
        assert_eq!(changed(name, "/timestamp", timestamp.clone()), Ok(expected));
    }
}

#[test]
fn an_updated_at_an_hour_ahead_of_its_event_is_poison_and_less_is_not() {
    let hour_ahead = 1_767_225_601_123_i64 + 3_600_000;
    let at_the_hour = changed("user.created.email", "/data/updated_at", json!(hour_ahead)).expect("an event");
    assert_eq!(version(&at_the_hour).updated_at, hour_ahead);
    let beyond = changed("user.created.email", "/data/updated_at", json!(hour_ahead + 1));
    assert_eq!(beyond, Ok(Event::Reread { user: ada(), reason: RereadReason::Poison }));
}

#[rstest]
#[case("/data/updated_at", json!(null), "its user cannot be read: its updated_at is missing or not a whole number of milliseconds")]
#[case("/data/created_at", json!("never"), "its user cannot be read: created_at for column created_at: it cannot be stored as timestamp")]
fn an_unreadable_user_is_read_from_clerk(#[case] pointer: &str, #[case] value: Json, #[case] message: &str) {
    let Ok(Event::Reread { user, reason }) = changed("user.created.email", pointer, value) else {
        panic!("reread")
    };
    assert_eq!((user, reason.to_string().as_str()), (ada(), message));
}

#[test]
fn a_mapped_field_that_breaks_the_json_is_healed_by_the_id() {
    let text = fixture("user.created.email").to_string();
    for broken in [r#""first_name":"\ud800""#.as_bytes(), b"\"first_name\":\"\xff\""] {
        let at = text.find(r#""first_name":"Ada""#).expect("the field");
        let body =
            [&text.as_bytes()[..at], broken, &text.as_bytes()[at + r#""first_name":"Ada""#.len()..]].concat();
        let Ok(Event::Reread { user, .. }) = event(&body) else { panic!("reread: {:?}", event(&body)) };
        assert_eq!(user, ada());
    }
}

#[rstest]
#[case("user.deleted", "/data/id", json!(null))]
#[case("user.created.email", "/data/id", json!(7))]
#[case("user.created.email", "/data/id", json!("a b"))]
#[case("user.created.email", "/data", json!(null))]
#[case("user.created.email", "/data", json!("user"))]
fn an_event_without_a_user_is_hopeless(#[case] name: &str, #[case] pointer: &str, #[case] value: Json) {
    assert_eq!(changed(name, pointer, value), Ok(Event::Hopeless));
}

#[rstest]
#[case(b"" as &[u8])]
#[case(b"null")]
#[case(b"[]")]
#[case(b"\"user.created\"")]
#[case(b"{}")]
#[case(br#"{"type":5,"data":{}}"#)]
#[case(br#"{"event_type":"ping","data":{"success":true}}"#)]
#[case(br#"{"type":"user.created","data":{"id":"user_1""#)]
#[case(br#"{"type":"user.deleted","data":{"id":"user_1"}} trailing"#)]
#[case(b"\xff\xfe\x00")]
fn what_is_no_event_is_said_to_be_none(#[case] body: &[u8]) {
    assert_eq!(event(body), Err(NotAnEvent));
}

#[test]
fn the_order_of_keys_does_not_matter() {
    let json = fixture("user.updated");
    let tail = format!(
        r#"{{"type":"user.updated","timestamp":{},"instance_id":"{INSTANCE}","data":{}}}"#,
        json["timestamp"], json["data"]
    );
    assert_eq!(event(tail.as_bytes()), event(json.to_string().as_bytes()));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = event(&bytes);
    }

    /// Cut anywhere, it is no event; it never becomes another one.
    #[test]
    fn a_truncated_body_is_no_event(cut in any::<prop::sample::Index>()) {
        let body = fixture("user.updated").to_string();
        let cut = cut.index(body.len());
        prop_assert_eq!(event(&body.as_bytes()[..cut]), Err(NotAnEvent));
    }
}
