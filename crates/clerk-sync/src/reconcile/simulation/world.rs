//! A world: Clerk, the processes, the database, and what happens to them.

use super::{
    plan::{Bug, Plan},
    webhook::{Event, deliver},
};
use crate::{
    clerk::MAX_PAGE,
    engine::{
        Engine,
        testing::{HOUR, MINUTE, NOON, SECOND, mapping, user},
    },
    reconcile::{
        Schedule, Tally,
        testing::{
            clerk::{Look, ModelClerk, Troubles},
            dice::Dice,
            life::{Life, now, sleep_ms},
            process::{Process, Setup},
            store::{Database, Death, Outages},
        },
    },
    store::{Store, memory::MemoryStore},
    user_id::UserId,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;

/// What tasks of the world share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) database: Arc<Database>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    dice: Dice,
    engines: Vec<Option<Engine>>,
    complaints: Vec<String>,
    on_their_way: usize,
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no test panics inside")
    }

    /// A process that a load balancer might choose.
    pub(super) fn someone(&self) -> Option<Engine> {
        let mut state = self.state();
        let living: Vec<Engine> = state.engines.iter().flatten().cloned().collect();
        if living.is_empty() { None } else { Some(state.dice.pick(&living).clone()) }
    }

    pub(super) fn complain(&self, complaint: String) {
        self.state().complaints.push(complaint);
    }

    pub(super) fn complaints(&self) -> Vec<String> {
        self.state().complaints.clone()
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) clerk: Arc<ModelClerk>,
    pub(super) shared: Arc<Shared>,
    /// For edits by hand; `None` where the database is another.
    memory: Option<Arc<MemoryStore>>,
    dice: Dice,
    began: Instant,
    processes: Vec<Option<Process>>,
    started: u64,
    made: u64,
    events: u64,
}

impl World {
    /// One on a database in memory, or on `other`.
    pub(super) fn new(plan: Plan, other: Option<Arc<dyn Store>>) -> Self {
        let began = now();
        let mut dice = Dice::new(plan.seed ^ 0x5eed);
        let clerk = ModelClerk::new(Life::new(began, 0), plan.manners, dice.roll());
        let memory = Arc::new(MemoryStore::new(mapping(), Arc::new(Life::new(began, 0))));
        let desk = Arc::clone(&memory) as Arc<dyn Store>;
        let (inner, memory) = match other {
            Some(other) => (other, None),
            None => (Arc::clone(&desk), Some(memory)),
        };
        let database = Database::new(inner, desk, plan.bug == Some(Bug::CursorFirst), dice.roll());
        let state = State {
            dice: Dice::new(dice.roll()),
            engines: vec![None; plan.processes],
            complaints: Vec::new(),
            on_their_way: 0,
        };
        let shared = Arc::new(Shared { database, state: Mutex::new(state) });
        let processes = (0..plan.processes).map(|_| None).collect();
        let mut world =
            Self { plan, clerk, shared, memory, dice, began, processes, started: 0, made: 0, events: 0 };
        world.populate();
        world
    }

    fn populate(&mut self) {
        let mut created_at = NOON - 2 * HOUR;
        for _ in 0..self.plan.users {
            // Some share their millisecond with others.
            created_at += if self.dice.chance(400) { 0 } else { self.dice.between(1, 200 * SECOND) };
            let updated_at = created_at + self.dice.between(0, (NOON - created_at).max(0));
            let look = Look { created_at, updated_at, name: self.dice.below(5) };
            let id = self.next_id();
            self.clerk.had(&id, look);
        }
    }

    fn next_id(&mut self) -> String {
        self.made += 1;
        // Ids are in no order.
        format!("user_{:03}x{}", self.dice.below(1_000), self.made)
    }

    fn schedule(&mut self) -> Schedule {
        Schedule {
            holder: format!("process {}", self.started),
            import: true,
            catch_up_every: Some(self.plan.catch_up_every),
            scrub_every: self.plan.scrub_every,
            seed: self.dice.roll(),
        }
    }

    fn process(&mut self) -> Process {
        let skew_ms = *self.dice.pick(&[0, 0, -SECOND, 700, HOUR]);
        let Plan { max_deletes, sizes, limit, shares, .. } = self.plan;
        let limit = if shares { limit } else { 1_000 };
        self.started += 1;
        let name = format!("process {}", self.started);
        let setup = Setup { name, skew_ms, limit, shares, max_deletes, sizes };
        Process::start(&self.clerk, &self.shared.database, self.began, &setup)
    }

    pub(super) fn start(&mut self, slot: usize) {
        let mut process = self.process();
        process.run_timers(self.schedule());
        self.shared.state().engines[slot] = Some(process.engine.clone());
        self.processes[slot] = Some(process);
    }

    fn take(&mut self, slot: usize) -> Option<Process> {
        self.shared.state().engines[slot] = None;
        self.processes[slot].take()
    }

    fn a_slot(&mut self) -> usize {
        self.dice.below(self.processes.len() as u64) as usize
    }

    /// Everything that happens, one thing after the other.
    pub(super) async fn live(&mut self) {
        self.clerk.trouble(self.plan.clerk);
        self.shared.database.trouble(self.plan.database);
        for slot in 0..self.processes.len() {
            self.start(slot);
        }
        for _ in 0..self.plan.steps {
            let gap = 1 + self.dice.between(0, self.plan.gap_ms);
            sleep_ms(gap).await;
            self.step().await;
        }
        if self.plan.night {
            self.night().await;
        }
    }

    /// Nobody catches up while much changes, so that it takes several pages afterwards; and those move.
    async fn night(&mut self) {
        for slot in 0..self.processes.len() {
            if let Some(process) = self.take(slot) {
                process.kill();
            }
        }
        for _ in 0..14 {
            sleep_ms(MINUTE).await;
            self.change_clerk();
        }
        for slot in 0..self.processes.len() {
            self.start(slot);
        }
        for _ in 0..40 {
            let gap = self.dice.between(50, SECOND);
            sleep_ms(gap).await;
            self.change_clerk();
        }
    }

    async fn step(&mut self) {
        let roll = self.dice.below(100);
        tracing::debug!(roll, "step");
        match roll {
            0..62 => self.change_clerk(),
            62..72 => self.edit(),
            72..84 if self.plan.kills => self.kill_or_start(),
            84..86 => self.roll_over().await,
            86..92 if self.plan.kills => {
                let down = self.dice.chance(400);
                self.clerk.trouble(Troubles { down, ..self.plan.clerk });
            }
            92..97 if self.plan.kills => {
                let down = self.dice.chance(400);
                self.shared.database.trouble(Outages { down, ..self.plan.database });
            }
            97.. => self.person(None),
            _ => {}
        }
    }

    /// Somebody signs up, changes or leaves; a few at once.
    fn change_clerk(&mut self) {
        let living: Vec<(String, Look)> =
            self.clerk.everyone().into_iter().filter_map(|(id, look)| Some((id, look?))).collect();
        let roll = self.dice.below(10);
        if living.is_empty() || roll < 3 {
            let id = self.next_id();
            // People who come from elsewhere bring the moment of their sign-up along.
            let age = if self.dice.chance(300) { self.dice.between(0, 2 * HOUR) } else { 0 };
            let look = self.clerk.put(&id, self.clerk.now_ms() - age, self.dice.below(5));
            self.tell(user(&id), "user.created", Some(look));
        } else if roll < 8 {
            let (id, look) = self.dice.pick(&living).clone();
            let look = self.clerk.put(&id, look.created_at, self.dice.below(5));
            self.tell(user(&id), "user.updated", Some(look));
        } else {
            let (id, _) = self.dice.pick(&living).clone();
            self.clerk.delete(&id);
            self.tell(user(&id), "user.deleted", None);
        }
    }

    /// Sends a webhook on its way, or two, or none.
    fn tell(&mut self, user: UserId, kind: &'static str, look: Option<Look>) {
        let keeps_trying = self.plan.scrub_every.is_none() && look.is_none();
        if self.dice.chance(self.plan.lost) && !keeps_trying {
            return;
        }
        self.events += 1;
        let timestamp = self.clerk.now_ms() + self.dice.between(0, 30);
        let attempts = if keeps_trying { 1_000 } else { 6 };
        let event = Event { number: self.events, user, kind, look, timestamp, attempts };
        let copies = if self.dice.chance(150) { 2 } else { 1 };
        for _ in 0..copies {
            let delay_ms = self.dice.between(0, self.plan.late_ms);
            let (shared, event) = (Arc::clone(&self.shared), event.clone());
            shared.state().on_their_way += 1;
            tokio::spawn(async move {
                deliver(Arc::clone(&shared), event, delay_ms).await;
                shared.state().on_their_way -= 1;
            });
        }
    }

    /// Somebody writes to the table.
    fn edit(&mut self) {
        let Some(memory) = self.memory.as_ref().filter(|_| self.plan.hands) else { return };
        let everyone = self.clerk.everyone();
        let roll = self.dice.below(4);
        if everyone.is_empty() || roll == 0 {
            let id = format!("user_stray{}", self.dice.below(100));
            let look = Look { created_at: NOON, updated_at: NOON, name: 99 };
            memory.edit(&user(&id), Some(super::check::row(&id, &look)));
            return;
        }
        let (id, look) = self.dice.pick(&everyone).clone();
        match roll {
            1 => memory.edit(&user(&id), None),
            _ => {
                let before = look.unwrap_or(Look { created_at: NOON, updated_at: NOON, name: 0 });
                memory.edit(&user(&id), Some(super::check::row(&id, &Look { name: 98, ..before })));
            }
        }
    }

    fn kill_or_start(&mut self) {
        let slot = self.a_slot();
        if self.processes[slot].is_none() {
            return self.start(slot);
        }
        if self.dice.chance(500) {
            if let Some(process) = self.take(slot) {
                process.kill();
            }
            return;
        }
        // In the middle of its next commit; a supervisor notices later.
        let death = *self.dice.pick(&[Death::Before, Death::Within, Death::After]);
        if let Some(process) = &self.processes[slot] {
            process.store.die_in_commit(death);
        }
    }

    /// A new version is rolled out: one after the other is stopped and started.
    async fn roll_over(&mut self) {
        for slot in 0..self.processes.len() {
            if let Some(process) = self.take(slot) {
                if self.dice.chance(500) {
                    self.start(slot);
                }
                process.stop().await;
            }
            if self.processes[slot].is_none() {
                self.start(slot);
            }
        }
    }

    /// A person runs a command. `confirms`: so many deletions.
    fn person(&mut self, confirms: Option<u64>) {
        self.started += 1;
        let holder = format!("person {}", self.started);
        let process = self.process();
        let imports = self.plan.scrub_every.is_none() || (confirms.is_none() && self.dice.chance(500));
        let parallel = 1 + self.dice.below(4) as usize;
        let gives_up = (confirms.is_none() && self.dice.chance(200)).then(|| self.dice.between(0, 30_000));
        tokio::spawn(async move {
            let work = async {
                if let Some(token) = process.insist(&holder).await {
                    let pass = process.pass(Some(token));
                    let tally = Arc::new(Tally::default());
                    // It may fail, as anything here may.
                    if imports {
                        let _ = process.reconciler.import(&pass, parallel, &tally).await;
                    } else {
                        let _ = process.reconciler.scrub(&pass, confirms, &tally).await;
                    }
                    let _ = crate::store::Coordination::release_lease(process.store.as_ref(), &holder).await;
                }
            };
            match gives_up {
                Some(after) => drop(tokio::time::timeout(Duration::from_millis(after as u64), work).await),
                None => work.await,
            }
            if gives_up.is_some() { process.kill() } else { process.stop().await }
        });
    }

    /// From here on nothing goes wrong, nothing changes, and at least one process lives.
    pub(super) async fn calm_down(&mut self) {
        self.clerk.trouble(Troubles { latency_ms: self.plan.clerk.latency_ms, ..Troubles::default() });
        self.shared.database.trouble(Outages::default());
        for slot in 0..self.processes.len() {
            if let Some(process) = &self.processes[slot] {
                process.store.spare();
            }
            if self.processes[slot].as_ref().is_none_or(|process| process.life.is_killed()) {
                self.take(slot);
                if slot == 0 || self.dice.chance(500) {
                    self.start(slot);
                }
            }
        }
        while self.shared.state().on_their_way > 0 || self.clerk.listed_by() > self.clerk.now_ms() {
            sleep_ms(SECOND).await;
        }
    }

    /// If more are missing in Clerk than may be deleted without asking, a person says that it is so.
    pub(super) async fn confirm(&mut self) -> bool {
        let store = self.shared.database.store();
        let overview = crate::reconcile::Overview::read(&*store).await;
        let held = overview.expect("the progress can be read").scrub.held;
        if held > 0 {
            self.person(Some(held + u64::from(MAX_PAGE)));
        }
        held > 0
    }
}
