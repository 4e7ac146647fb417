use super::*;
use crate::{
    mapping::Value,
    observation::Flow,
    rule::{Claim, Digest, Fingerprint, Version},
};

fn user(id: &str) -> UserId {
    UserId::try_new(id).expect("an id")
}

fn seen(id: &str, updated_at: i64, as_of: i64, content: u8) -> Observation {
    let version = Version { state: State::Present, updated_at, as_of, digest: Digest([content; 16]) };
    Observation {
        user: user(id),
        claim: Claim {
            version,
            fingerprint: Fingerprint(1),
            lifts_as_of: None,
            resets: None,
            settles: false,
            restores: false,
            quiet: false,
        },
        row: Some(vec![Value::Integer(content.into())].into()),
        link: Some("7".into()),
        created_at: Some(1),
        flow: Flow::Webhook,
        message_id: None,
    }
}

fn gone(id: &str, as_of: i64) -> Observation {
    let mut gone = seen(id, 0, as_of, 0);
    gone.claim.version = Version::gone(as_of);
    gone.row = None;
    gone.created_at = None;
    gone
}

fn entry(observation: &Observation) -> Entry {
    let claim = observation.claim;
    let standing = Standing { version: claim.version, fingerprint: claim.fingerprint, lifted_as_of: None };
    Entry { standing, created_at: observation.created_at }
}

#[test]
fn a_user_twice_in_a_batch_becomes_one_row_and_one_change() {
    let batch = [seen("a", 2, 2, 2), seen("b", 1, 1, 1), seen("a", 1, 1, 1), seen("a", 3, 3, 3)];
    let plan = plan(&batch, &HashMap::new());
    assert_eq!(plan.new_entries.iter().map(|(user, _)| user.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(plan.rows[0].row, batch[3].row.as_ref().expect("a row"));
    let verdicts: Vec<_> = plan.applied.iter().map(|applied| applied.verdict).collect();
    assert_eq!(verdicts, [Verdict::Stands, Verdict::Stands, Verdict::Stale, Verdict::Stands]);
    let changes: Vec<_> = plan.applied.iter().map(|applied| applied.change).collect();
    assert_eq!(changes, [None, Some(Change::Created), None, Some(Change::Created)]);
    assert!(plan.applied.iter().all(|applied| applied.standing.is_some()));
    assert_eq!(plan.changes.len(), 2);
}

#[test]
fn nothing_new_writes_nothing() {
    let batch = [seen("a", 1, 1, 1), seen("a", 0, 9, 2)];
    let before = HashMap::from([(user("a"), entry(&batch[0]))]);
    let plan = plan(&batch, &before);
    assert!(
        plan.writes_nothing() && plan.rows.is_empty() && plan.changes.is_empty() && plan.healed.is_empty()
    );
    assert_eq!(plan.applied[1].verdict, Verdict::Stale);
}

#[test]
fn a_later_sight_of_the_same_content_moves_only_the_ledger() {
    let first = seen("a", 1, 1, 1);
    let batch = [seen("a", 1, 5, 1)];
    let plan = plan(&batch, &HashMap::from([(user("a"), entry(&first))]));
    assert_eq!(plan.changed_entries[0].1.standing.version.as_of, 5);
    assert!(plan.rows.is_empty() && plan.changes.is_empty());
}

#[test]
fn a_deletion_leaves_a_bare_tombstone_and_frees_dead_letters() {
    let first = seen("a", 1, 1, 1);
    let batch = [seen("a", 2, 2, 2), gone("a", 3), seen("a", 4, 4, 4)];
    let plan = plan(&batch, &HashMap::from([(user("a"), entry(&first))]));
    let (_, tombstone) = plan.changed_entries[0];
    assert_eq!((tombstone.standing.version, tombstone.created_at), (Version::gone(3), None));
    assert_eq!(plan.deleted, [&user("a")]);
    assert_eq!(plan.healed, [&user("a")]);
    assert_eq!(plan.changes[0].change, Change::Deleted);
    assert_eq!(plan.applied[1].change, Some(Change::Deleted));
    assert!(plan.rows.is_empty());
}

#[test]
fn a_tombstone_for_a_stranger_changes_nothing_that_readers_saw() {
    let batch = [gone("a", 3)];
    let plan = plan(&batch, &HashMap::new());
    assert_eq!((plan.new_entries.len(), plan.deleted.len(), plan.changes.len()), (1, 1, 0));
}

#[test]
fn rows_know_whether_they_existed() {
    let first = seen("a", 1, 1, 1);
    let batch = [seen("a", 2, 2, 2), seen("b", 2, 2, 2)];
    let plan = plan(&batch, &HashMap::from([(user("a"), entry(&first))]));
    assert_eq!(plan.rows.iter().map(|row| row.existed).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn clerks_creation_time_is_kept_when_an_answer_lacks_it() {
    let first = seen("a", 1, 1, 1);
    let batch = [Observation { created_at: None, ..seen("a", 2, 2, 2) }];
    let plan = plan(&batch, &HashMap::from([(user("a"), entry(&first))]));
    assert_eq!(plan.changed_entries[0].1.created_at, Some(1));
}

#[test]
fn users_are_locked_in_id_order() {
    let batch = [seen("b", 1, 1, 1), seen("a", 1, 1, 1), seen("B", 1, 1, 1), seen("a", 2, 2, 2)];
    assert_eq!(users(&batch).iter().map(|user| user.as_str()).collect::<Vec<_>>(), ["B", "a", "b"]);
}
