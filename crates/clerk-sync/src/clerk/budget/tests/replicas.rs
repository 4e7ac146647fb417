//! Several processes on one database and one Clerk, which join, leave, die and pause.

use super::harness::{Dice, FakeClerk, Process, STEP, ms, s};
use crate::clerk::{
    budget::{lane::Lane, state::State},
    shares::{GRANT_LASTS, Heartbeat, ShareRequest, claim},
};
use crate::store::ShareRow;
use rstest::rstest;
use std::time::Duration;

/// A claim on its way: when the database sees it, when the answer comes, and the answer.
struct Claim {
    request: ShareRequest,
    asked: Duration,
    seen: Duration,
    answered: Duration,
    row: Option<ShareRow>,
}

struct Replica {
    name: String,
    process: Process,
    heartbeat: Heartbeat,
    claim: Option<Claim>,
    /// No heartbeats before this.
    paused_until: Duration,
    /// Makes calls; otherwise only those that it made still arrive.
    lives: bool,
    /// Callers of an import.
    bulk: usize,
    /// In each second.
    people: u64,
}

struct World {
    limit: u32,
    now: Duration,
    dice: Dice,
    clerk: FakeClerk,
    rows: Vec<ShareRow>,
    replicas: Vec<Replica>,
    slowest: Duration,
}

impl World {
    fn new(limit: u32, seed: u64, slowest: Duration) -> Self {
        let (dice, clerk) = (Dice(seed), FakeClerk::new(limit));
        Self { limit, now: s(50), dice, clerk, rows: Vec::new(), replicas: Vec::new(), slowest }
    }

    fn join(&mut self, bulk: usize, people: u64) -> usize {
        self.replicas.push(Replica {
            name: format!("p{}", self.dice.below(1_000_000)),
            process: Process::new(State::shared(self.limit)),
            heartbeat: Heartbeat::default(),
            claim: None,
            paused_until: Duration::ZERO,
            lives: true,
            bulk,
            people,
        });
        self.replicas.len() - 1
    }

    /// Stops at once. `leaves`: and says so.
    fn stop(&mut self, index: usize, leaves: bool) {
        let now_ms = db_ms(self.now);
        let replica = &mut self.replicas[index];
        replica.lives = false;
        replica.claim = None;
        let waiting = replica.process.waiting();
        let state = &mut replica.process.state;
        state.set_grant(0, Duration::ZERO);
        let occupied = state.needs(self.now, &waiting).occupied;
        for row in self.rows.iter_mut().filter(|row| leaves && row.process == replica.name) {
            *row = ShareRow::left(&replica.name, occupied, now_ms);
        }
    }

    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            for index in 0..self.replicas.len() {
                self.step(index);
            }
            self.now += STEP;
        }
    }

    fn step(&mut self, index: usize) {
        let now = self.now;
        let replica = &mut self.replicas[index];
        if replica.lives {
            replica.process.keep(now, Lane::Bulk, replica.bulk);
            let comes = self.dice.below(1_000) < replica.people * STEP.as_millis() as u64;
            replica.process.ask(now, Lane::Person, usize::from(comes));
            beat(replica, self.limit, now, &mut self.rows, &mut self.dice);
        }
        replica.process.step(now, &mut self.clerk, &mut self.dice, self.slowest);
    }

    /// How many calls each made within a time, by their order.
    fn made(&mut self, duration: Duration) -> Vec<usize> {
        let count = |world: &Self| -> Vec<usize> {
            world.replicas.iter().map(|replica| replica.process.total()).collect()
        };
        let before = count(self);
        self.run(duration);
        count(self).iter().zip(before).map(|(after, before)| after - before).collect()
    }
}

fn db_ms(now: Duration) -> i64 {
    1_700_000_000_000 + now.as_millis() as i64
}

/// What the task that drives a budget does, with a database that takes its time.
fn beat(replica: &mut Replica, limit: u32, now: Duration, rows: &mut Vec<ShareRow>, dice: &mut Dice) {
    let waiting = replica.process.waiting();
    let state = &mut replica.process.state;
    if let Some(claim_on_its_way) = &mut replica.claim {
        if claim_on_its_way.row.is_none() && claim_on_its_way.seen <= now {
            let row = claim(&claim_on_its_way.request, rows, db_ms(now));
            rows.retain(|other| other.process != row.process && !other.is_over(db_ms(now)));
            rows.push(row.clone());
            let reserved: u32 = rows.iter().map(|row| row.reserve).sum();
            assert!(reserved <= limit, "{rows:?}");
            claim_on_its_way.row = Some(row);
        }
        if claim_on_its_way.answered <= now {
            let (asked, row) = (claim_on_its_way.asked, claim_on_its_way.row.take());
            replica.claim = None;
            // Now and then the answer gets lost.
            let row = row.filter(|_| dice.below(50) > 0);
            if let Some(row) = &row {
                state.set_grant(row.grant, asked + GRANT_LASTS);
            }
            replica.heartbeat.claimed(asked, row);
        }
        return;
    }
    if now < replica.paused_until {
        return;
    }
    let hungry =
        Lane::ALL.into_iter().any(|lane| *waiting.of(lane) > 0 && state.is_short(now, lane, &waiting));
    let needs = state.needs(now, &waiting);
    if replica.heartbeat.wait(now, limit, needs.wanted, hungry).is_zero() {
        let request = ShareRequest {
            process: replica.name.clone(),
            limit,
            wanted: needs.wanted,
            held: needs.held,
            occupied: needs.occupied,
        };
        let seen = now + ms(dice.below(30));
        let answered = seen + ms(dice.below(30));
        replica.claim = Some(Claim { request, asked: now, seen, answered, row: None });
    }
}

#[rstest]
fn equals_end_with_equal_parts(#[values(100, 1_000)] limit: u32, #[values(2, 3, 5)] replicas: usize) {
    let mut world = World::new(limit, 4, ms(200));
    for _ in 0..replicas {
        world.join(40, 0);
        world.run(s(3));
    }
    world.run(s(30));
    let made = world.made(s(60));
    println!("{limit} by {replicas}: {made:?} in a minute");
    let (least, most) = (made.iter().min().copied().unwrap_or(0), made.iter().max().copied().unwrap_or(0));
    assert!(least * 10 >= most * 8, "{made:?}");
    assert!(made.iter().sum::<usize>() as f64 > 6.0 * 0.9 * f64::from(limit), "{made:?}");
    assert!(world.clerk.refusals.is_empty());
}

#[rstest]
fn whoever_is_alone_with_its_hunger_gets_nearly_all(#[values(100, 1_000)] limit: u32) {
    let mut world = World::new(limit, 4, ms(20));
    let hungry = world.join(40, 0);
    let other = world.join(40, 0);
    world.run(s(30));
    world.stop(other, true);
    world.run(s(45));
    let made = world.made(s(100))[hungry];
    assert!(made as f64 >= 0.95 * 10.0 * f64::from(limit), "{made}");
    assert!(world.clerk.refusals.is_empty());
}

#[test]
fn people_of_one_wait_little_while_another_imports() {
    let mut world = World::new(100, 4, ms(20));
    world.join(40, 0);
    world.run(s(40));
    let other = world.join(0, 1);
    world.run(s(100));
    let waited = world.replicas[other].process.waited.of(Lane::Person).clone();
    let late = waited.iter().filter(|waited| **waited > ms(100)).count();
    println!("{late} of {} people waited, {:?} at most", waited.len(), waited.iter().max());
    // Those who came when the importing one had not heard of them yet.
    assert!(late <= waited.len() / 20, "{waited:?}");
    assert!(world.clerk.refusals.is_empty());
}

#[rstest]
fn where_there_are_more_processes_than_calls_everyone_gets_a_turn(#[values(1, 2)] limit: u32) {
    let mut world = World::new(limit, 4, ms(20));
    for _ in 0..4 {
        world.join(2, 0);
    }
    let made = world.made(s(900));
    println!("{limit} by 4: {made:?} in 15 minutes");
    assert!(made.iter().all(|made| *made > 5 * limit as usize), "{made:?}");
    assert!(world.clerk.refusals.is_empty());
}

/// Any number of processes does anything at any time.
#[rstest]
fn together_they_never_exceed_the_limit(
    #[values(1, 5, 100, 1_000)] limit: u32,
    #[values(3, 5)] most: usize,
    #[values(1, 2, 3)] seed: u64,
    #[values(20, 3_000)] slowest: u64,
) {
    let mut world = World::new(limit, seed, ms(slowest));
    for _ in 0..60 {
        let living: Vec<usize> =
            (0..world.replicas.len()).filter(|index| world.replicas[*index].lives).collect();
        let chosen = living.get(world.dice.below(living.len().max(1) as u64) as usize).copied();
        match (world.dice.below(10), chosen) {
            (0 | 1, Some(index)) => {
                let leaves = world.dice.below(2) == 0;
                world.stop(index, leaves);
            }
            (2, Some(index)) => {
                let pause = [12, 40][world.dice.below(2) as usize];
                world.replicas[index].paused_until = world.now + s(pause);
            }
            (3 | 4, Some(index)) => {
                world.replicas[index].bulk = [0, 3, 40][world.dice.below(3) as usize];
                world.replicas[index].people = world.dice.below(20);
            }
            _ if living.len() < most => {
                let (bulk, people) = ([0, 3, 40][world.dice.below(3) as usize], world.dice.below(10));
                world.join(bulk, people);
            }
            _ => {}
        }
        let pause = world.dice.below(6_000);
        world.run(ms(pause));
    }
    assert!(world.clerk.refusals.is_empty(), "{} of {limit}", world.clerk.most);
    let total: usize = world.replicas.iter().map(|replica| replica.process.total()).sum();
    println!("{limit}, {most} at once: {} at most, {total} calls in {:?}", world.clerk.most, world.now);
}
