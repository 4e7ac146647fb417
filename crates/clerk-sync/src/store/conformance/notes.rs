//! A run's progress is written with what it tells of, or not at all.

use super::*;
use crate::{
    rule::Verdict,
    store::{Notes, Progress, Run, StoreErrorKind, conformance::Fixture},
};
use futures_util::future::join_all;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

fn part(run: Run, part: i32, state: &str) -> Progress {
    Progress { run, part, state: state.to_owned() }
}

fn parts(parts: impl Into<Vec<Progress>>) -> Notes {
    Notes { parts: parts.into(), ..Notes::default() }
}

async fn states(store: &Arc<dyn Store>, run: Run) -> Vec<(i32, String)> {
    let progress = store.progress(run).await.expect("progress");
    assert!(progress.iter().all(|part| part.run == run));
    progress.into_iter().map(|part| (part.part, part.state)).collect()
}

fn state(part: i32, state: &str) -> (i32, String) {
    (part, state.to_owned())
}

/// Each part is replaced whole, and each run has its own.
pub async fn parts_are_replaced_whole(fixture: &impl Fixture) {
    let store = fixture.store();
    let notes = parts([part(Run::Scrub, 10, "{}"), part(Run::Scrub, 2, "[1]"), part(Run::Import, 2, "0")]);
    assert_eq!(store.commit_noting(&[], &notes).await.unwrap(), []);
    assert_eq!(states(&store, Run::Scrub).await, [state(2, "[1]"), state(10, "{}")]);
    let again = parts([
        part(Run::Scrub, 2, "\"é\u{1f680}'\\\\u0000\""),
        part(Run::Scrub, 3, "1"),
        part(Run::Scrub, 3, "2"),
    ]);
    store.commit_noting(&[], &again).await.unwrap();
    let expected = [state(2, "\"é\u{1f680}'\\\\u0000\""), state(3, "2"), state(10, "{}")];
    assert_eq!(states(&store, Run::Scrub).await, expected, "of two for one part the last");
    assert_eq!(states(&store, Run::Import).await, [state(2, "0")]);
    assert_eq!(states(&store, Run::CatchUp).await, []);
}

/// What is cleared is gone, but for what is written with it.
pub async fn a_run_is_cleared_before_it_is_noted(fixture: &impl Fixture) {
    let store = fixture.store();
    let all: Vec<_> = (0..5).flat_map(|i| Run::ALL.map(|run| part(run, i, "1"))).collect();
    store.commit_noting(&[], &parts(all)).await.unwrap();
    let notes = Notes { clears: Some(Run::CatchUp), ..Notes::default() };
    store.commit_noting(&[], &notes).await.unwrap();
    assert_eq!(states(&store, Run::CatchUp).await, []);
    assert_eq!(states(&store, Run::Import).await.len(), 5);
    let notes = Notes {
        clears: Some(Run::Scrub),
        parts: vec![part(Run::Scrub, 1, "2"), part(Run::Scrub, 7, "2"), part(Run::Import, 0, "2")],
        ..Notes::default()
    };
    store.commit_noting(&[seen("user_1", 1)], &notes).await.unwrap();
    assert_eq!(states(&store, Run::Scrub).await, [state(1, "2"), state(7, "2")]);
    assert_eq!(states(&store, Run::Import).await.len(), 5);
    assert_eq!(states(&store, Run::Import).await[0], state(0, "2"));
}

/// A cursor and the counts of a long run fit.
pub async fn a_large_state_reads_back(fixture: &impl Fixture) {
    let store = fixture.store();
    let large = format!("[\"{}\"]", "0123456789".repeat(30_000));
    for text in [&large, "[]", &large] {
        store.commit_noting(&[], &parts([part(Run::Import, 0, text)])).await.unwrap();
        assert!(states(&store, Run::Import).await == [state(0, text)]);
    }
}

/// New, changed, gone and unchanged users: with each of them the notes are written once.
pub async fn notes_come_with_every_kind_of_batch(fixture: &impl Fixture) {
    let store = fixture.store();
    let token = store.take_lease("a", LONG, false).await.unwrap().token;
    let batches = [
        vec![],
        vec![seen("user_1", 1), seen("user_2", 1)],
        vec![seen("user_1", 1), seen("user_2", 1)],
        vec![seen("user_1", 2), seen("user_3", 1)],
        vec![seen_as("user_1", 2, 9, "user_1 2")],
        vec![gone("user_1", 20), seen("user_2", 3), gone("user_9", 1)],
        vec![gone("user_1", 20)],
    ];
    for (i, batch) in batches.iter().enumerate() {
        let notes = Notes {
            token: Some(token),
            ..parts([part(Run::Scrub, 0, &i.to_string()), part(Run::Import, i as i32, "1")])
        };
        let applied = store.commit_noting(batch, &notes).await.unwrap();
        assert_eq!(applied.len(), batch.len());
        assert_eq!(states(&store, Run::Scrub).await, [state(0, &i.to_string())]);
        assert_eq!(states(&store, Run::Import).await.len(), i + 1);
    }
    assert_eq!(username(&store, "user_1").await, None);
    assert_eq!(username(&store, "user_2").await.as_deref(), Some("user_2 3"));
    let numbers: Vec<_> =
        store.changes(0, 10).await.unwrap().entries.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    let only_checks = Notes { token: Some(token), ..Notes::default() };
    store.commit_noting(&[seen("user_4", 1)], &only_checks).await.unwrap();
    assert_eq!(username(&store, "user_4").await.as_deref(), Some("user_4 1"));
}

/// A batch that is refused takes its notes along.
pub async fn a_refused_batch_notes_nothing(fixture: &impl Fixture) {
    if !fixture.require_unique("username").await {
        return;
    }
    let store = fixture.store();
    commit(&store, &[seen_as("user_1", 1, 1, "taken")]).await;
    store.commit_noting(&[], &parts([part(Run::Import, 0, "1")])).await.unwrap();
    let notes = Notes { clears: Some(Run::Import), ..parts([part(Run::Import, 1, "2")]) };
    let batch = [seen("user_2", 1), seen_as("user_3", 1, 1, "taken")];
    let error = store.commit_noting(&batch, &notes).await.expect_err("refused");
    assert!(error.is_rejection(), "{error}");
    assert_eq!(states(&store, Run::Import).await, [state(0, "1")]);
    store.commit_noting(&batch[..1], &notes).await.unwrap();
    assert_eq!(states(&store, Run::Import).await, [state(1, "2")]);
}

/// Who has lost the lease writes nothing more under its token: no user, no deletion, no note.
pub async fn who_was_overtaken_writes_nothing(fixture: &impl Fixture) {
    let store = fixture.store();
    let unknown = Notes { token: Some(0), ..parts([part(Run::Import, 0, "1")]) };
    let error = store.commit_noting(&[], &unknown).await.expect_err("nobody ever took it");
    assert_eq!(*error.kind(), StoreErrorKind::Overtaken);
    commit(&store, &[seen("user_1", 1)]).await;
    let old = store.take_lease("a", LONG, false).await.unwrap().token;
    store.release_lease("a").await.unwrap();
    let under = |token| Notes { token: Some(token), ..parts([part(Run::Import, 0, &format!("{token}"))]) };
    store.commit_noting(&[seen("user_1", 2)], &under(old)).await.expect("nobody else has it yet");
    let new = store.take_lease("b", LONG, false).await.unwrap().token;
    for batch in
        [vec![], vec![seen("user_1", 3), seen("user_2", 1)], vec![gone("user_1", 9)], vec![seen("user_1", 2)]]
    {
        let error = store.commit_noting(&batch, &under(old)).await.expect_err("overtaken");
        assert_eq!(*error.kind(), StoreErrorKind::Overtaken, "{error}");
        assert!(!error.is_transient());
    }
    let only_checks = Notes { token: Some(old), ..Notes::default() };
    let error = store.commit_noting(&[seen("user_1", 3)], &only_checks).await.expect_err("overtaken");
    assert_eq!(*error.kind(), StoreErrorKind::Overtaken, "{error}");
    assert_eq!(username(&store, "user_1").await.as_deref(), Some("user_1 2"));
    assert_eq!(store.entry(&user("user_2")).await.unwrap(), None);
    assert_eq!(states(&store, Run::Import).await, [state(0, &old.to_string())]);
    store.commit_noting(&[seen("user_1", 3)], &under(new)).await.unwrap();
    assert_eq!(states(&store, Run::Import).await, [state(0, &new.to_string())]);
}

/// Eight write pages under the lease that share users and a part, while it is renewed and while others write without
/// it. Nobody fails, and each page is written with its notes.
pub async fn many_write_under_one_lease(fixture: &impl Fixture) {
    const WRITERS: i32 = 8;
    const PAGES: i64 = 10;
    let store = fixture.store();
    let token = store.take_lease("a", LONG, false).await.unwrap().token;
    let writers = (0..WRITERS).map(|writer| {
        let store = fixture.store();
        tokio::spawn(async move {
            for page in 1..=PAGES {
                let version = page * i64::from(WRITERS) + i64::from(writer);
                let mut batch: Vec<_> = (0..10).map(|i| seen(&format!("user_{i}"), version)).collect();
                batch.push(seen(&format!("user_{writer}_{page}"), 1));
                if page % 3 == 0 {
                    batch.push(gone(&format!("user_{writer}_{}", page - 1), version));
                }
                let notes = [part(Run::Scrub, writer, &page.to_string()), part(Run::Scrub, -1, "1")];
                let notes = Notes { token: Some(token), ..parts(notes) };
                let applied = store.commit_noting(&batch, &notes).await.expect("no writer fails");
                assert_eq!(applied[10].verdict, Verdict::Stands);
            }
        })
    });
    let renewing = fixture.store();
    let renewer = tokio::spawn(async move {
        for version in 0..30 {
            let lease = renewing.take_lease("a", LONG, false).await.expect("renewed");
            assert_eq!(lease.token, token);
            commit(&renewing, &[seen("user_5", version)]).await;
        }
    });
    for done in join_all(writers.chain([renewer])).await {
        done.expect("nobody fails");
    }
    let last = (0..WRITERS).map(|writer| state(writer, &PAGES.to_string()));
    assert_eq!(
        states(&store, Run::Scrub).await,
        [state(-1, "1")].into_iter().chain(last).collect::<Vec<_>>()
    );
}

/// Takers and writers at the same moment: no page is written under a token after another has seen the lease his.
pub async fn no_page_is_written_after_a_take_over(fixture: &impl Fixture) {
    let store = fixture.store();
    for round in 0..10 {
        let token = store.take_lease("a", LONG, false).await.unwrap().token;
        store.release_lease("a").await.unwrap();
        let id = format!("user_{round}");
        let notes = Notes { token: Some(token), ..parts([part(Run::Scrub, round, "1")]) };
        let (writing, taking) = (fixture.store(), fixture.store());
        let batch = [seen(&id, 1)];
        let page = writing.commit_noting(&batch, &notes);
        let take_over = async {
            let lease = taking.take_lease("b", LONG, false).await.unwrap();
            assert_eq!((lease.holder.as_str(), lease.token), ("b", token + 1));
            taking.progress(Run::Scrub).await.unwrap().iter().any(|part| part.part == round)
        };
        let (written, seen_by_taker) = futures_util::join!(page, take_over);
        match written {
            Ok(_) => assert!(seen_by_taker, "whoever takes over sees all that was written before"),
            Err(error) => assert_eq!(*error.kind(), StoreErrorKind::Overtaken, "{error}"),
        }
        let noted = states(&store, Run::Scrub).await.iter().any(|(part, _)| *part == round);
        assert_eq!((noted, username(&store, &id).await.is_some()), (seen_by_taker, seen_by_taker));
        store.release_lease("b").await.unwrap();
    }
}
