//! Dead letters.

use super::*;
use crate::store::{NewDeadLetter, conformance::Fixture};

fn letter(message_id: Option<&str>, id: Option<&str>) -> NewDeadLetter {
    NewDeadLetter {
        message_id: message_id.map(str::to_owned),
        event_type: "user.updated".to_owned(),
        user: id.map(user),
        reason: "because 🙂".to_owned(),
        mapped: Some("{\"username\":\"ü\"}".to_owned()),
        buried_at: 1_767_312_000_555,
    }
}

/// Oldest first, by number.
pub async fn letters_are_kept_listed_and_dropped(fixture: &impl Fixture) {
    let store = fixture.store();
    let first = store.bury(&letter(Some("msg_1"), Some("user_1"))).await.unwrap();
    let second = store.bury(&letter(None, None)).await.unwrap();
    let third = store.bury(&letter(None, None)).await.unwrap();
    assert!(first < second && second < third);
    let all = store.dead_letters(0, 10).await.unwrap();
    assert_eq!(all.iter().map(|letter| letter.number).collect::<Vec<_>>(), [first, second, third]);
    assert_eq!(all[0].letter, letter(Some("msg_1"), Some("user_1")));
    assert_eq!(store.dead_letters(first, 1).await.unwrap()[0].number, second);
    assert_eq!(store.dead_letter(second).await.unwrap().map(|kept| kept.letter), Some(letter(None, None)));
    assert!(store.drop_dead_letter(second).await.unwrap());
    assert!(!store.drop_dead_letter(second).await.unwrap());
    assert_eq!(store.dead_letter(second).await.unwrap(), None);
    assert_eq!(store.summary().await.unwrap().dead_letters, 2);
    assert_eq!(store.gauges().await.unwrap().dead_letters, 2);
}

/// Svix sends a message again under the same id.
pub async fn the_same_message_is_one_letter(fixture: &impl Fixture) {
    let store = fixture.store();
    let first = store.bury(&letter(Some("msg_1"), Some("user_1"))).await.unwrap();
    let mut again = letter(Some("msg_1"), Some("user_1"));
    again.reason = "another reason".to_owned();
    assert_eq!(store.bury(&again).await.unwrap(), first);
    let all = store.dead_letters(0, 10).await.unwrap();
    assert_eq!(all.into_iter().map(|kept| kept.letter).collect::<Vec<_>>(), [again]);
}

/// A change of the user heals it, a deletion purges it, and no other user's letter goes along.
pub async fn letters_go_when_their_user_changes(fixture: &impl Fixture) {
    let store = fixture.store();
    commit(&store, &[seen("user_1", 1), seen("user_2", 1), seen("user_3", 1)]).await;
    for id in ["user_1", "user_2", "user_3"] {
        store.bury(&letter(None, Some(id))).await.unwrap();
    }
    store.bury(&letter(None, None)).await.unwrap();
    commit(&store, &[seen("user_1", 1)]).await;
    assert_eq!(store.dead_letters(0, 10).await.unwrap().len(), 4, "a duplicate heals nothing");
    commit(&store, &[seen("user_1", 2), gone("user_2", 5)]).await;
    let left: Vec<_> =
        store.dead_letters(0, 10).await.unwrap().into_iter().map(|kept| kept.letter.user).collect();
    assert_eq!(left, [Some(user("user_3")), None]);
    store.bury(&letter(None, Some("user_9"))).await.unwrap();
    commit(&store, &[gone("user_9", 5)]).await;
    assert_eq!(store.summary().await.unwrap().dead_letters, 2, "a deletion of a stranger purges too");
}
