use super::*;
use std::{
    collections::HashSet as PlainSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64},
    },
    thread,
};

fn user(number: usize) -> UserId {
    UserId::try_new(&format!("user_{number}")).expect("an id")
}

fn remember(known: &Known, number: usize) -> bool {
    let user = user(number);
    known.insert(&user, known.ticket(user.as_str()))
}

#[test]
fn a_user_is_known_from_its_insertion_to_its_removal() {
    let known = Known::new(100);
    assert!(!known.contains("user_1"));
    assert!(remember(&known, 1));
    assert!(known.contains("user_1") && !known.contains("user_2") && !known.contains("USER_1"));
    known.remove("user_1");
    assert!(!known.contains("user_1"));
    assert!(remember(&known, 1), "a deletion counts once");
    assert!(known.contains("user_1"));
}

#[test]
fn memory_is_bounded_and_forgets_the_oldest_first() {
    let known = Known::new(100);
    for number in 0..1_000 {
        remember(&known, number);
        assert!(known.len() <= 100, "{} after {number}", known.len());
    }
    assert!(known.contains("user_999") && known.contains("user_950"));
    assert!(!known.contains("user_0"));
}

#[test]
fn whoever_is_asked_for_outlives_the_turns() {
    let known = Known::new(100);
    remember(&known, 0);
    for number in 1..1_000 {
        remember(&known, number);
        assert!(known.contains("user_0"), "forgotten after {number}");
    }
}

#[test]
fn a_deletion_between_reading_and_remembering_wins() {
    let known = Known::new(100);
    let ticket = known.ticket("user_1");
    known.remove("user_1");
    assert!(!known.insert(&user(1), ticket));
    assert!(!known.contains("user_1"));
    let ticket = known.ticket("user_1");
    known.clear();
    assert!(!known.insert(&user(1), ticket), "forgetting all is a deletion of all");
    assert!(!known.contains("user_1"));
}

#[test]
fn deletions_reach_both_generations() {
    let known = Known::new(100);
    (0..60).for_each(|number| assert!(remember(&known, number)));
    // The first ones are old by now, the last ones young, and this one is both.
    assert!(known.contains("user_3"));
    for number in [0, 3, 55] {
        known.remove(user(number).as_str());
        assert!(!known.contains(user(number).as_str()), "{number}");
    }
    known.clear();
    assert_eq!(known.len(), 0);
    assert!(!known.contains("user_1") && !known.contains("user_59"));
}

/// One thread deletes and brings back; others read "the database" and remember what they saw. Whatever the order of
/// their steps, nobody is known while the database says that it is gone and every reader has come to rest.
#[test]
fn no_interleaving_leaves_a_deleted_user_known() {
    const USERS: usize = 8;
    const ROUNDS: usize = 400;
    let known = Arc::new(Known::new(USERS));
    // The database: positive while the row is there.
    let rows: Arc<Vec<AtomicI64>> = Arc::new((0..USERS).map(|_| AtomicI64::new(1)).collect());
    for round in 0..ROUNDS {
        let stop = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..3)
            .map(|reader| {
                let (known, rows, stop) = (Arc::clone(&known), Arc::clone(&rows), Arc::clone(&stop));
                thread::spawn(move || {
                    let mut number = reader;
                    while !stop.load(Ordering::Relaxed) {
                        number = (number + 1) % USERS;
                        let user = user(number);
                        if known.contains(user.as_str()) {
                            continue;
                        }
                        let ticket = known.ticket(user.as_str());
                        let there = rows[number].load(Ordering::SeqCst) > 0;
                        thread::yield_now();
                        if there {
                            known.insert(&user, ticket);
                        }
                    }
                })
            })
            .collect();
        let gone: PlainSet<usize> = (0..USERS).filter(|number| (number + round) % 2 == 0).collect();
        for number in 0..USERS {
            // As the door does it: the commit first, then the observer.
            if gone.contains(&number) {
                rows[number].store(0, Ordering::SeqCst);
                known.remove(user(number).as_str());
            }
        }
        thread::yield_now();
        stop.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().expect("no panic"));
        for number in &gone {
            assert!(!known.contains(user(*number).as_str()), "round {round}: {number} outlived its deletion");
        }
        rows.iter().for_each(|row| row.store(1, Ordering::SeqCst));
    }
}
