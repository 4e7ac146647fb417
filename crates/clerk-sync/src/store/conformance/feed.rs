//! The change feed.

use super::*;
use crate::{rule::Change, store::conformance::Fixture};
use futures_util::future::join_all;

/// One entry for each real change, in order.
pub async fn the_feed_tells_each_change_once(fixture: &impl Fixture) {
    let store = fixture.store();
    commit(&store, &[seen("user_1", 1)]).await;
    commit(&store, &[seen("user_1", 1)]).await;
    commit(&store, &[seen("user_1", 2)]).await;
    commit(&store, &[seen("user_1", 1)]).await;
    // A newer version with the same values is no change.
    let mut same = seen("user_1", 2);
    same.claim.version.updated_at = 3;
    commit(&store, &[same]).await;
    commit(&store, &[gone("user_1", 9)]).await;
    commit(&store, &[gone("user_1", 10)]).await;
    let page = store.changes(0, 10).await.unwrap();
    let told: Vec<_> = page
        .entries
        .iter()
        .map(|entry| (entry.number, entry.change, entry.updated_at, entry.as_of))
        .collect();
    assert_eq!(
        told,
        [(1, Change::Created, Some(1), 1), (2, Change::Updated, Some(2), 2), (3, Change::Deleted, None, 9),]
    );
    assert_eq!(page.last_number, 3);
    assert!(!page.epoch.is_empty());
    assert!(
        page.entries.iter().all(|entry| entry.user == user("user_1") && entry.written_at > 1_600_000_000_000)
    );
}

/// A reader that goes on from the last number it saw misses nothing, while many write.
pub async fn readers_never_see_a_gap(fixture: &impl Fixture) {
    const WRITERS: usize = 6;
    const EACH: i64 = 25;
    let reader = {
        let store = fixture.store();
        tokio::spawn(async move {
            let mut last = 0;
            while last < WRITERS as i64 * EACH * 2 {
                let page = store.changes(last, 7).await.unwrap();
                for entry in page.entries {
                    assert_eq!(entry.number, last + 1, "a gap was seen");
                    last = entry.number;
                }
                tokio::task::yield_now().await;
            }
            last
        })
    };
    let writers = (0..WRITERS).map(|writer| {
        let store = fixture.store();
        tokio::spawn(async move {
            for round in 0..EACH {
                let batch = [
                    seen(&format!("user_{writer}_{round}_a"), 1),
                    seen(&format!("user_{writer}_{round}_b"), 1),
                ];
                commit(&store, &batch).await;
            }
        })
    });
    for writer in join_all(writers).await {
        writer.expect("no writer fails");
    }
    assert_eq!(reader.await.expect("the reader saw no gap"), WRITERS as i64 * EACH * 2);
}

/// `after` and `limit`.
pub async fn pages_go_on_where_they_ended(fixture: &impl Fixture) {
    let store = fixture.store();
    let batch: Vec<_> = (0..25).map(|i| seen(&format!("user_{i:02}"), 1)).collect();
    commit(&store, &batch).await;
    let mut numbers = Vec::new();
    loop {
        let page = store.changes(numbers.last().copied().unwrap_or(0), 10).await.unwrap();
        assert_eq!(page.last_number, 25);
        if page.entries.is_empty() {
            break;
        }
        numbers.extend(page.entries.iter().map(|entry| entry.number));
    }
    assert_eq!(numbers, (1..=25).collect::<Vec<i64>>());
}

/// Deletions alone, page by page, with what a follower needs to notice that the numbers began anew.
pub async fn deletions_are_told_apart(fixture: &impl Fixture) {
    let store = fixture.store();
    let empty = store.deletions(0, 10).await.unwrap();
    assert_eq!((empty.last_number, empty.through, empty.users), (0, 0, Vec::new()));
    let people: Vec<_> = (0..12).map(|i| seen(&format!("user_{i:02}"), 1)).collect();
    commit(&store, &people).await;
    commit(&store, &[gone("user_03", 2), gone("user_99", 2), seen("user_04", 3)]).await;
    commit(&store, &[gone("user_07", 2)]).await;
    let page = store.changes(0, 100).await.unwrap();
    assert_eq!(page.last_number, 15);
    let (mut after, mut told) = (0, Vec::new());
    while after < 15 {
        let found = store.deletions(after, 4).await.unwrap();
        assert_eq!((&found.epoch, found.last_number), (&page.epoch, 15));
        assert_eq!(found.through, (after + 4).min(15));
        after = found.through;
        told.extend(found.users);
    }
    assert_eq!(told, [user("user_03"), user("user_07")]);
    let head = store.deletions(0, 0).await.unwrap();
    assert_eq!((head.last_number, head.through, head.users), (15, 0, Vec::new()));
    let beyond = store.deletions(40, 10).await.unwrap();
    assert_eq!((beyond.last_number, beyond.through, beyond.users), (15, 15, Vec::new()));
}

/// Flow and message, so that "why does this row look so?" has an answer.
pub async fn the_feed_says_by_which_way(fixture: &impl Fixture) {
    let store = fixture.store();
    let mut by_message = seen("user_1", 1);
    by_message.message_id = Some("msg_1".into());
    let mut by_hand = seen("user_2", 1);
    by_hand.flow = Flow::Sync;
    commit(&store, &[by_message, by_hand]).await;
    let told: Vec<_> = store
        .changes(0, 10)
        .await
        .unwrap()
        .entries
        .into_iter()
        .map(|entry| (entry.flow, entry.message_id))
        .collect();
    assert_eq!(told, [("webhook".to_owned(), Some("msg_1".to_owned())), ("sync".to_owned(), None)]);
}
