//! Deletions that are held back.

use super::{
    Fixture, UPDATED_AT, USERNAME, commit, concurrency::cut_short, gone, seen, seen_as, user, username,
};
use crate::{
    mapping::{DeletionSpec, OnDelete, Value},
    store::{CarryOut, NewDeadLetter, PendingCount, PendingDeletion, Store},
    user_id::UserId,
};
use futures_util::{FutureExt as _, future::join_all};
use std::{sync::Arc, time::Duration};

const HOUR: Duration = Duration::from_secs(3_600);
const NO_TIME: Duration = Duration::ZERO;

async fn holding_back(fixture: &impl Fixture, delete_after: Duration) -> Arc<dyn Store> {
    let delete_after = Some(delete_after);
    fixture.deleting(DeletionSpec { delete_after, ..DeletionSpec::default() }).await
}

fn users(ids: &[&str]) -> Vec<UserId> {
    ids.iter().map(|id| user(id)).collect()
}

async fn pending(store: &Arc<dyn Store>) -> Vec<PendingDeletion> {
    store.pending_deletions(None, 1_000).await.unwrap()
}

async fn count(store: &Arc<dyn Store>) -> (i64, i64) {
    let PendingCount { waiting, cancelled } = store.pending_count().await.unwrap();
    (waiting, cancelled)
}

/// An operator brings a user back who was deleted at 5.
async fn lift(store: &Arc<dyn Store>, id: &str) {
    let mut back = seen(id, 20);
    back.claim.lifts_as_of = Some(5);
    commit(store, &[back]).await;
}

/// Ledger and feed say at once that the user is gone; the row goes when its time has come, and without another entry.
pub async fn what_is_held_back_stays_until_it_is_due(fixture: &impl Fixture) {
    let store = holding_back(fixture, HOUR).await;
    commit(&store, &[seen("user_1", 1), seen("user_2", 1)]).await;
    commit(&store, &[gone("user_1", 5)]).await;
    let presence = store.presence(&user("user_1")).await.unwrap();
    assert_eq!((presence.entry.unwrap().created_at, presence.row), (None, true));
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("user_1 1"));
    assert_eq!(store.deletions(0, 10).await.unwrap().users, users(&["user_1"]));
    assert_eq!((count(&store).await, store.gauges().await.unwrap().pending_deletions), ((1, 0), 1));
    assert_eq!(store.due_deletions(10).await.unwrap(), []);
    assert_eq!(store.carry_out(&users(&["user_1", "user_2"]), CarryOut::WhenDue).await.unwrap(), []);
    assert!(username(&store, "user_1").await.is_some());

    let soon = holding_back(fixture, NO_TIME).await;
    commit(&soon, &[gone("user_2", 5)]).await;
    assert_eq!(soon.due_deletions(10).await.unwrap(), users(&["user_2"]));
    let both = users(&["user_2", "user_1"]);
    assert_eq!(store.carry_out(&both, CarryOut::WhenDue).await.unwrap(), users(&["user_2"]));
    assert_eq!(username(&store, "user_2").await, None);
    assert!(username(&store, "user_1").await.is_some());

    // At once, by an operator's word.
    assert_eq!(store.carry_out(&both, CarryOut::Now).await.unwrap(), users(&["user_1"]));
    assert_eq!((username(&store, "user_1").await, count(&store).await), (None, (0, 0)));
    assert_eq!(store.changes(0, 10).await.unwrap().last_number, 4);
}

/// Also under settings that delete at once, and when the deletion is heard of once more. Until an operator says otherwise.
pub async fn a_cancelled_row_stays_for_good(fixture: &impl Fixture) {
    let store = holding_back(fixture, NO_TIME).await;
    commit(&store, &[seen("user_1", 1), gone("user_1", 5)]).await;
    commit(&store, &[seen("user_2", 1)]).await;
    commit(&store, &[gone("user_2", 5)]).await;
    for id in ["user_2", "user_2"] {
        assert!(store.cancel_deletion(&user(id)).await.unwrap());
    }
    assert!(!store.cancel_deletion(&user("user_3")).await.unwrap());
    assert_eq!(count(&store).await, (1, 1));
    assert_eq!(store.due_deletions(10).await.unwrap(), users(&["user_1"]));
    assert_eq!(store.carry_out(&users(&["user_2"]), CarryOut::WhenDue).await.unwrap(), []);
    assert!(!store.postpone_deletion(&user("user_2"), NO_TIME).await.unwrap());

    let at_once = fixture.store();
    for store in [&store, &at_once] {
        let mut again = gone("user_2", 9);
        again.claim.restores = true;
        commit(store, &[again]).await;
        assert_eq!(username(store, "user_2").await.as_deref(), Some("user_2 1"));
        assert_eq!(store.strays(None, 10).await.unwrap(), []);
    }
    assert_eq!(count(&store).await, (1, 1));
    let done = at_once.carry_out(&users(&["user_2"]), CarryOut::Now).await.unwrap();
    assert_eq!((done, username(&store, "user_2").await), (users(&["user_2"]), None));
}

/// Whoever is brought back has nothing to fear any more, whether the settings still hold deletions back or not.
pub async fn who_comes_back_is_spared(fixture: &impl Fixture) {
    let store = holding_back(fixture, NO_TIME).await;
    for (id, by) in [("user_1", &store), ("user_2", &fixture.store())] {
        commit(&store, &[seen(id, 1)]).await;
        commit(&store, &[gone(id, 5)]).await;
        lift(by, id).await;
        assert_eq!(username(&store, id).await.as_deref(), Some(format!("{id} 20").as_str()));
    }
    assert_eq!((pending(&store).await, store.due_deletions(10).await.unwrap()), (vec![], vec![]));
}

/// A deletion that is heard of twice is due when the first one was.
pub async fn the_first_time_stands(fixture: &impl Fixture) {
    let store = holding_back(fixture, HOUR).await;
    commit(&store, &[seen("user_1", 1)]).await;
    commit(&store, &[gone("user_1", 5)]).await;
    let first = pending(&store).await;
    assert!(first[0].due_at.is_some());
    let sooner = holding_back(fixture, NO_TIME).await;
    let mut again = gone("user_1", 9);
    again.claim.restores = true;
    commit(&sooner, &[again, gone("user_1", 7)]).await;
    assert_eq!(pending(&store).await, first);
}

/// What is pending or cancelled keeps its tombstone, also under other settings; afterwards it goes as any other.
pub async fn tombstones_wait_for_what_is_pending(fixture: &impl Fixture) {
    let store = holding_back(fixture, HOUR).await;
    commit(&store, &[gone("user_1", 5), gone("user_2", 5)]).await;
    let at_once = fixture.store();
    commit(&at_once, &[gone("user_3", 5)]).await;
    store.cancel_deletion(&user("user_2")).await.unwrap();
    assert_eq!(at_once.purge_tombstones(6).await.unwrap(), 1);
    assert_eq!(store.purge_tombstones(6).await.unwrap(), 0);
    for (id, is_there) in [("user_1", true), ("user_2", true), ("user_3", false)] {
        assert_eq!(store.entry(&user(id)).await.unwrap().is_some(), is_there, "{id}");
    }
    store.carry_out(&users(&["user_1", "user_2"]), CarryOut::Now).await.unwrap();
    assert_eq!(store.purge_tombstones(6).await.unwrap(), 2);
}

/// Nobody asks Clerk about a row that is accounted for; about others as ever.
pub async fn what_is_pending_is_no_stray(fixture: &impl Fixture) {
    let store = holding_back(fixture, HOUR).await;
    let ids = ["user_1", "user_2", "user_3"];
    commit(&store, &ids.map(|id| seen(id, 1))).await;
    commit(&store, &ids.map(|id| gone(id, 5))).await;
    store.cancel_deletion(&user("user_2")).await.unwrap();
    for store in [&store, &fixture.store()] {
        assert_eq!(store.strays(None, 10).await.unwrap(), []);
    }
    store.carry_out(&users(&["user_3"]), CarryOut::Now).await.unwrap();
    if fixture.run_sql("insert into users (clerk_id) values ('user_3')").await {
        assert_eq!(store.strays(None, 10).await.unwrap(), users(&["user_3"]));
    }
}

/// Entries that a person left behind: of the living, and of users nobody knows.
pub async fn a_row_of_the_living_is_not_carried_out(fixture: &impl Fixture) {
    let store = holding_back(fixture, NO_TIME).await;
    commit(&store, &[seen("user_1", 1)]).await;
    let insert = "insert into clerk_sync_pending_deletions (user_id, due_at) values";
    if !fixture.run_sql(&format!("{insert} ('user_1', 1), ('user_9', 2)")).await {
        return;
    }
    let due = store.due_deletions(10).await.unwrap();
    assert_eq!(due, users(&["user_1", "user_9"]));
    assert_eq!(store.carry_out(&due, CarryOut::WhenDue).await.unwrap(), []);
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("user_1 1"));
    assert_eq!(pending(&store).await, []);
}

/// What is unique in a row that waits can be taken by others, whom the row then does not lose it to again.
pub async fn a_value_held_back_is_free(fixture: &impl Fixture) {
    if !fixture.require_unique("username").await {
        return;
    }
    let store = holding_back(fixture, HOUR).await;
    commit(&store, &[seen_as("user_1", 1, 1, "wanted")]).await;
    commit(&store, &[gone("user_1", 5)]).await;
    let newcomer = seen_as("user_2", 6, 6, "wanted");
    assert!(store.commit(std::slice::from_ref(&newcomer)).await.expect_err("held").is_rejection());
    let holders = store.holders(&newcomer).await.unwrap();
    assert_eq!(holders.iter().map(|holder| holder.user.clone()).collect::<Vec<_>>(), [Some(user("user_1"))]);
    let mut ghost = gone("user_1", 7);
    ghost.claim.restores = true;
    store.commit_moving(&[newcomer, ghost]).await.unwrap();
    assert_eq!(username(&store, "user_2").await.as_deref(), Some("wanted"));
    let row = store.row(&user("user_1")).await.unwrap().expect("it stays");
    assert_eq!((&row[USERNAME], &row[UPDATED_AT]), (&Value::Null, &Value::Timestamp(1)));
    assert_eq!(count(&store).await, (1, 0));
}

/// What waits keeps its time also where the setting is gone, and where another process never had it.
pub async fn what_waits_keeps_its_time_without_the_setting(fixture: &impl Fixture) {
    let (store, at_once) = (holding_back(fixture, HOUR).await, fixture.store());
    commit(&store, &[seen_as("user_1", 1, 1, "wanted"), seen("user_2", 1)]).await;
    commit(&store, &[gone("user_1", 5)]).await;
    // As a scrub does, and as whoever signs up with the value.
    let mut ghost = gone("user_1", 7);
    ghost.claim.restores = true;
    commit(&at_once, &[ghost.clone(), gone("user_2", 5)]).await;
    assert!(username(&store, "user_1").await.is_some());
    assert_eq!(username(&store, "user_2").await, None, "nobody holds this one back");
    at_once.commit_moving(&[seen_as("user_3", 6, 6, "wanted"), ghost]).await.unwrap();
    assert!(store.row(&user("user_1")).await.unwrap().is_some());
    assert_eq!(count(&store).await, (1, 0));
}

/// Under the policy of the day on which it is due.
pub async fn what_is_due_is_anonymized(fixture: &impl Fixture) {
    let anonymizing = DeletionSpec {
        on_delete: OnDelete::Anonymize,
        delete_after: Some(NO_TIME),
        replacements: vec![("username".to_owned(), Value::Text("was {id}".to_owned()))],
        ..DeletionSpec::default()
    };
    let store = fixture.deleting(anonymizing).await;
    commit(&store, &[seen("user_1", 1)]).await;
    commit(&store, &[gone("user_1", 5)]).await;
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("user_1 1"));
    assert_eq!(store.carry_out(&users(&["user_1"]), CarryOut::WhenDue).await.unwrap(), users(&["user_1"]));
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("was user_1"));

    let keeping =
        fixture.deleting(DeletionSpec { on_delete: OnDelete::Keep, ..DeletionSpec::default() }).await;
    commit(&store, &[seen("user_2", 1)]).await;
    commit(&store, &[gone("user_2", 5)]).await;
    assert_eq!(keeping.carry_out(&users(&["user_2"]), CarryOut::WhenDue).await.unwrap(), users(&["user_2"]));
    assert_eq!(username(&store, "user_2").await.as_deref(), Some("user_2 1"));
    assert_eq!(pending(&store).await, []);
}

/// Until it is due again, from the moment on at which it is put off.
pub async fn what_is_put_off_is_not_due(fixture: &impl Fixture) {
    let store = holding_back(fixture, NO_TIME).await;
    commit(&store, &[gone("user_1", 5)]).await;
    let before = pending(&store).await[0].due_at.unwrap();
    assert!(store.postpone_deletion(&user("user_1"), HOUR).await.unwrap());
    assert_eq!(store.due_deletions(10).await.unwrap(), []);
    let after = pending(&store).await[0].due_at.unwrap();
    assert!((3_600_000..3_660_000).contains(&(after - before)), "{before} {after}");
    assert!(!store.postpone_deletion(&user("user_2"), HOUR).await.unwrap());
}

/// Page by page; those that are due in the order of their time.
pub async fn pending_deletions_are_listed_by_id(fixture: &impl Fixture) {
    let later = holding_back(fixture, HOUR).await;
    commit(&later, &[gone("user_a", 5)]).await;
    let store = holding_back(fixture, NO_TIME).await;
    commit(&store, &["user_b", "user_B", "user_c"].map(|id| gone(id, 5))).await;
    store.cancel_deletion(&user("user_c")).await.unwrap();
    let all = ["user_B", "user_a", "user_b", "user_c"];
    for size in [1, 3, 100] {
        let mut listed: Vec<PendingDeletion> = Vec::new();
        loop {
            let after = listed.last().map(|last| last.user.clone());
            let page = store.pending_deletions(after.as_ref(), size).await.unwrap();
            assert!(page.len() <= size as usize);
            if page.is_empty() {
                break;
            }
            listed.extend(page);
        }
        let (ids, due): (Vec<_>, Vec<_>) =
            listed.into_iter().map(|it| (it.user.to_string(), it.due_at.is_some())).unzip();
        assert_eq!((ids, due), (all.map(str::to_owned).to_vec(), vec![true, true, true, false]));
    }
    let due = store.due_deletions(10).await.unwrap();
    assert_eq!((due.len(), store.due_deletions(1).await.unwrap().len()), (2, 1));
    if fixture.run_sql("update clerk_sync_pending_deletions set due_at = 1 where user_id = 'user_b'").await {
        assert_eq!(store.due_deletions(10).await.unwrap(), users(&["user_b", "user_B"]));
    }
}

/// Of that user, and of nobody else.
pub async fn letters_go_with_the_row(fixture: &impl Fixture) {
    let store = holding_back(fixture, NO_TIME).await;
    commit(&store, &[gone("user_1", 5)]).await;
    for id in ["user_1", "user_2"] {
        let letter = NewDeadLetter {
            message_id: Some(format!("msg_{id}")),
            event_type: "user.deleted".to_owned(),
            user: Some(user(id)),
            reason: "refused".to_owned(),
            mapped: None,
            buried_at: 1,
        };
        store.bury(&letter).await.unwrap();
    }
    store.carry_out(&users(&["user_1", "user_2"]), CarryOut::WhenDue).await.unwrap();
    let letters = store.dead_letters(0, 10).await.unwrap();
    assert_eq!(
        letters.iter().map(|kept| kept.letter.user.clone()).collect::<Vec<_>>(),
        [Some(user("user_2"))]
    );
}

/// Why a row waits is told for as long as it does: not less because its user is seen to be gone once more.
pub async fn a_letter_stays_while_its_row_waits(fixture: &impl Fixture) {
    let store = holding_back(fixture, NO_TIME).await;
    let letter = |id: &str, message_id: &str| NewDeadLetter {
        message_id: Some(message_id.to_owned()),
        event_type: "user.deleted".to_owned(),
        user: Some(user(id)),
        reason: "refused".to_owned(),
        mapped: None,
        buried_at: 1,
    };
    let mut ids = Vec::new();
    for id in ["user_1", "user_2", "user_3"] {
        commit(&store, &[seen(id, 1)]).await;
        commit(&store, &[gone(id, 5)]).await;
        ids.push((format!("held back: {id}"), format!("msg_{id}")));
    }
    let letters = async || {
        let letters = store.dead_letters(0, 10).await.unwrap();
        letters.into_iter().filter_map(|kept| kept.letter.message_id).collect::<Vec<_>>()
    };
    for ((waiting, other), id) in ids.iter().zip(["user_1", "user_2", "user_3"]) {
        store.bury(&letter(id, waiting)).await.unwrap();
        store.bury(&letter(id, other)).await.unwrap();
    }
    let mut again = gone("user_1", 9);
    again.claim.restores = true;
    // Beside somebody who is back, whose letters are void.
    let mut back = seen("user_2", 20);
    back.claim.lifts_as_of = Some(5);
    commit(&store, &[again.clone(), back]).await;
    assert_eq!(letters().await, [&ids[0].0, &ids[2].0, &ids[2].1].map(Clone::clone));
    commit(&store, &[again.clone()]).await;
    assert_eq!(letters().await.len(), 3);
    // With the row it goes.
    store.carry_out(&users(&["user_1"]), CarryOut::WhenDue).await.unwrap();
    assert_eq!(letters().await, [&ids[2].0, &ids[2].1].map(Clone::clone));
    // Where nothing is pending any more, it is as void as any other.
    store.bury(&letter("user_1", &ids[0].0)).await.unwrap();
    commit(&fixture.store(), &[again]).await;
    assert_eq!(letters().await, [&ids[2].0, &ids[2].1].map(Clone::clone));
}

/// Several processes at once, in any order, beside users who come, go and come back: nobody fails, each deletion is done
/// once, and nobody who is back loses the row.
pub async fn many_carry_out_each_once(fixture: &impl Fixture) {
    const USERS: usize = 40;
    let store = holding_back(fixture, NO_TIME).await;
    let ids: Vec<String> = (0..USERS).map(|i| format!("user_{i:02}")).collect();
    commit(&store, &ids.iter().map(|id| seen(id, 1)).collect::<Vec<_>>()).await;
    commit(&store, &ids.iter().map(|id| gone(id, 5)).collect::<Vec<_>>()).await;
    let all: Vec<UserId> = ids.iter().map(|id| user(id)).collect();
    let workers = (0..4).map(|worker| {
        let (store, mut mine) = (Arc::clone(&store), all.clone());
        tokio::spawn(async move {
            if worker % 2 == 1 {
                mine.reverse();
            }
            let mut done = Vec::new();
            for some in mine.chunks(7) {
                done.extend(store.carry_out(some, CarryOut::WhenDue).await.expect("nobody fails"));
            }
            done
        })
    });
    let (lifting, back) = (Arc::clone(&store), ids[USERS - 5..].to_vec());
    let lifter = tokio::spawn(async move {
        for id in back {
            lift(&lifting, &id).await;
        }
        Vec::new()
    });
    let mut done: Vec<UserId> = Vec::new();
    for worker in join_all(workers.chain([lifter])).await {
        done.extend(worker.expect("nobody fails"));
    }
    done.sort_unstable();
    let before = done.len();
    done.dedup();
    assert_eq!(done.len(), before, "each once");
    for (position, id) in ids.iter().enumerate() {
        let expected = (position >= USERS - 5).then(|| format!("{id} 20"));
        assert_eq!(username(&store, id).await, expected, "{id}");
    }
    assert_eq!(pending(&store).await, []);
}

/// Whoever calls goes away at any moment: the row goes with its entry, or both stay.
pub async fn carrying_out_cut_short_is_all_or_nothing(fixture: &impl Fixture) {
    let store = holding_back(fixture, NO_TIME).await;
    for round in 0..40_u32 {
        let id = format!("user_{round}");
        commit(&store, &[seen(&id, 1)]).await;
        commit(&store, &[gone(&id, 5)]).await;
        let whom = [user(&id)];
        cut_short(store.carry_out(&whom, CarryOut::WhenDue).map(drop), round % 20).await;
        let all = async {
            let left = store.carry_out(&whom, CarryOut::WhenDue).await.expect("answered");
            assert!(left.len() <= 1);
            assert_eq!((username(&store, &id).await, pending(&store).await), (None, vec![]));
        };
        tokio::time::timeout(Duration::from_secs(30), all).await.expect("whoever comes next is answered");
    }
}
