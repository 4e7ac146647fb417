//! The scrub: everything in Clerk against everything that is stored, window by window of `created_at`.
//!
//! A scrub is made in steps, so that whoever runs it can do something else in between, and its place is written with
//! each step. What Clerk has and the table has not, or has otherwise, is written at once. What the table has and Clerk has
//! not is only suspected until [`super::confirm`] has asked again.

use super::{
    Difference, DifferenceKind, Pass, PassError, Reconciler, Tally,
    finding::{Finding, compare},
    guard,
    pages::Page,
    record::{self, ImportRecord, ScrubRecord},
    scrub_window::Seen,
    walk::Walk,
};
use crate::{
    engine::Reread,
    mapping::MappedUser,
    observation::Flow,
    observation::Observation,
    store::{Applied, Living, Notes, Progress, Run, Stored},
    user_id::UserId,
};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, sync::Arc};

/// The first part with suspects.
const FIRST_CHUNK: i32 = 2;

/// Suspects whom a look tells one by one though they are held.
const MOST_SHOWN: u64 = 100_000;

/// What a scrub led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scrubbed {
    /// Users seen in Clerk.
    pub seen: i64,
    /// Rows that were not as Clerk has them.
    pub repaired: u64,
    /// Users deleted, beyond doubt.
    pub deleted: u64,
    /// Users missing in Clerk who are kept: too many.
    pub held: u64,
    /// Users whose absence must be heard once more.
    pub unconfirmed: u64,
    /// Users alive in Clerk and deleted here.
    pub alive: u64,
    /// Users that cannot be written; each has a dead letter.
    pub refused: u64,
    /// Whether Clerk's list was as long as Clerk says that it is.
    pub complete: bool,
}

/// Where a scrub is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Through Clerk's list.
    #[default]
    Walking,
    /// Through what no window holds.
    Rest,
    /// Through the suspects.
    Confirming,
}

/// What is kept of a scrub on its way: part 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ScrubState {
    /// See [`ScrubRecord::since_import`].
    pub(super) since_import: Option<i64>,
    /// See [`ScrubRecord::fingerprint`].
    pub(super) fingerprint: Option<i64>,
    pub(super) phase: Phase,
    /// Everything created before this moment was compared, Unix ms.
    pub(super) boundary: Option<i64>,
    /// Users seen in Clerk who were created before it.
    pub(super) seen: i64,
    pub(super) repaired: u64,
    pub(super) deleted: u64,
    pub(super) unconfirmed: u64,
    pub(super) alive: u64,
    /// Users of whom nothing is stored, because their rows are refused.
    pub(super) strangers: u64,
    /// All suspects, and how many parts hold them.
    pub(super) suspects: u64,
    pub(super) chunks: i32,
    /// Whether there are too many of them, once that is decided.
    pub(super) held: Option<bool>,
    /// Under which moment they are counted among the deletions, before it is known how many of them are ones.
    pub(super) counted_at: Option<i64>,
    pub(super) incomplete: bool,
}

/// A scrub on its way. See the module.
#[derive(Debug)]
pub(super) struct Scrub {
    pub(super) state: ScrubState,
    pub(super) record: ScrubRecord,
    /// The most suspects that are looked into. Beyond it they are only counted.
    pub(super) most: u64,
    /// How many of them may go without a person's word.
    pub(super) unasked: u64,
    /// Looks only, and writes nothing: differences are told in `found`.
    pub(super) looks: bool,
    pub(super) found: Vec<Difference>,
    pub(super) tally: Arc<Tally>,
    /// Suspects that are not written down yet.
    pub(super) fresh: Vec<UserId>,
    /// Suspects that are written down nowhere, for a scrub that only looks.
    pub(super) remembered: Vec<UserId>,
    /// Whether it stays until those are asked for again whose absence must be heard twice. Whoever lives on does that
    /// by the way; a command would be gone.
    pub(super) stays: bool,
    /// Who those are, and whether their row is astray.
    pub(super) doubtful: Vec<(UserId, bool)>,
    /// The last page's `Date`, Unix ms.
    pub(super) date_ms: Option<i64>,
    walk: Walk,
    seen: Seen,
}

impl Scrub {
    /// A new scrub, or one that goes on from where another ended.
    pub(super) async fn start(
        reconciler: &Reconciler,
        tally: Arc<Tally>,
        resumes: bool,
        looks: bool,
        confirmed: Option<u64>,
    ) -> Result<Self, PassError> {
        let kept = reconciler.store().progress(Run::Scrub).await?;
        let mut record: ScrubRecord = record::part(&kept, 0)?.unwrap_or_default();
        let import = reconciler.store().progress(Run::Import).await?;
        let import: ImportRecord = record::part(&import, 0)?.unwrap_or_default();
        let fingerprint = Some(reconciler.engine.mapping().fingerprint().0);
        let anew = ScrubState { since_import: import.completed_at, fingerprint, ..ScrubState::default() };
        let state = match record::part::<ScrubState>(&kept, 1)? {
            Some(interrupted) if resumes => interrupted,
            Some(interrupted) => {
                record.correct(interrupted.counted_at, interrupted.deleted + interrupted.unconfirmed);
                anew
            }
            None => anew,
        };
        let living = reconciler.store().living_count().await?.max(0).unsigned_abs();
        let recent = guard::recent(&mut record.deletions, reconciler.clock().now_ms());
        let most = |confirmed| guard::most(reconciler.max_deletes, living, recent, confirmed);
        let (unasked, most) = (most(None), most(confirmed));
        tally.see(state.seen);
        let walk = Walk::new(state.boundary, None, reconciler.sizes, Arc::clone(&tally));
        Ok(Self {
            state,
            record,
            most,
            unasked,
            looks,
            found: Vec::new(),
            tally,
            fresh: Vec::new(),
            remembered: Vec::new(),
            stays: false,
            doubtful: Vec::new(),
            date_ms: None,
            walk,
            seen: Seen::default(),
        })
    }

    /// What makes this one the only one: whatever another left is forgotten.
    pub(super) fn anew(&self, token: Option<i64>) -> Result<Notes, PassError> {
        let parts =
            vec![record::note(Run::Scrub, 0, &self.record)?, record::note(Run::Scrub, 1, &self.state)?];
        Ok(Notes { clears: Some(Run::Scrub), parts, token })
    }

    /// One step. `Some` at the end.
    pub(super) async fn step(
        &mut self,
        reconciler: &Reconciler,
        pass: &Pass,
    ) -> Result<Option<Scrubbed>, PassError> {
        pass.check()?;
        match self.state.phase {
            Phase::Walking => self.walk_on(reconciler, pass).await?,
            Phase::Rest => self.look_at_rest(reconciler, pass).await?,
            Phase::Confirming => return self.confirm(reconciler, pass).await,
        }
        Ok(None)
    }

    async fn walk_on(&mut self, reconciler: &Reconciler, pass: &Pass) -> Result<(), PassError> {
        let Some(page) = self.walk.next(reconciler, pass).await? else {
            // A list that is shorter than Clerk says must not make suspects of those behind its end.
            self.state.incomplete = !self.tally.is_complete();
            if !self.state.incomplete {
                self.suspect_missing(reconciler, None).await?;
            }
            self.state.phase = Phase::Rest;
            return self.note(reconciler, pass, Vec::new()).await.map(|_| ());
        };
        self.date_ms = page.date_ms.or(self.date_ms);
        let last_at = page.users.iter().rev().find_map(|user| user.created_at);
        let last_at = last_at.or(self.state.boundary).unwrap_or_default();
        for user in &page.users {
            self.seen.insert(&user.id, user.created_at, last_at);
        }
        for id in page.unreadable.iter().filter_map(|user| user.id.as_ref()) {
            self.seen.insert(id, None, last_at);
        }
        self.suspect_missing(reconciler, Some(last_at)).await?;
        self.seen.close(last_at);
        self.state.boundary = Some(last_at);
        self.state.seen = self.tally.seen() - self.seen.len() as i64;
        self.compare_page(reconciler, pass, page).await
    }

    async fn compare_page(
        &mut self,
        reconciler: &Reconciler,
        pass: &Pass,
        page: Page,
    ) -> Result<(), PassError> {
        let unreadable = page.unreadable.iter().filter_map(|user| user.id.clone());
        let ids: Vec<UserId> = page.users.iter().map(|user| user.id.clone()).chain(unreadable).collect();
        let stored = reconciler.store().stored(&ids).await?;
        let stored: HashMap<UserId, Stored> =
            stored.into_iter().map(|stored| (stored.user.clone(), stored)).collect();
        let mut writes = Vec::new();
        let mut reads = Vec::new();
        let mut alive = Vec::new();
        for user in page.users {
            let known = stored.get(&user.id);
            match compare(&user, page.date_ms, known, reconciler.engine.mapping()) {
                Finding::Same => {}
                Finding::Write { restores, visible } => {
                    self.state.repaired += u64::from(visible);
                    if self.looks && visible {
                        self.tell(&user, known);
                    }
                    let mut observation = reconciler.observation(user, page.date_ms, Flow::Scrub);
                    observation.claim.restores = restores;
                    writes.push(observation);
                }
                Finding::Read { restores } => {
                    if restores {
                        self.state.repaired += 1;
                        self.tell(&user, known);
                    }
                    reads.push((user.id, restores));
                }
                Finding::Alive { settled } => {
                    let (id, clerk) = (user.id, Some(user.row));
                    let stored = known.and_then(|known| known.row.clone());
                    let difference = Difference { user: id, kind: DifferenceKind::Alive, stored, clerk };
                    alive.push((difference, settled || self.looks));
                }
            }
        }
        for (difference, is_sure) in alive {
            if is_sure || self.is_alive(reconciler, pass, &difference.user).await? {
                self.state.alive += 1;
                tracing::warn!(user.id = %difference.user, "deleted here and alive in Clerk: clerk-sync sync --force brings it back");
                self.found_one(difference);
            }
        }
        if self.looks {
            return Ok(());
        }
        for (user, restores) in reads {
            reconciler.recheck(&user, pass, restores, &self.tally).await?;
        }
        reconciler.bury_unreadable(page.unreadable, Flow::Scrub, &self.tally).await?;
        let written = self.note(reconciler, pass, writes).await?;
        let is_known = |user: &UserId| stored.get(user).is_some_and(|stored| stored.entry.is_some());
        let new = ids.iter().filter(|user| !is_known(user)).count();
        let brought = written.iter().filter(|(user, _)| !is_known(user)).count();
        self.state.strangers += (new - brought.min(new)) as u64;
        Ok(())
    }

    /// Whether Clerk has a user that was deleted here lately, whatever its lists say.
    async fn is_alive(&self, reconciler: &Reconciler, pass: &Pass, user: &UserId) -> Result<bool, PassError> {
        let read = reconciler.recheck(user, pass, false, &self.tally).await?;
        Ok(matches!(read, Some(Reread::Applied { present: true, .. })))
    }

    fn tell(&mut self, user: &MappedUser, known: Option<&Stored>) {
        let stored = known.and_then(|known| known.row.clone());
        let kind = if stored.is_some() { DifferenceKind::Differs } else { DifferenceKind::Missing };
        self.found_one(Difference { user: user.id.clone(), kind, stored, clerk: Some(user.row.clone()) });
    }

    fn found_one(&mut self, difference: Difference) {
        if self.looks {
            self.found.push(difference);
        }
    }

    /// Suspects the living of the open window, up to `until`, who were not seen.
    async fn suspect_missing(
        &mut self,
        reconciler: &Reconciler,
        until: Option<i64>,
    ) -> Result<(), PassError> {
        let at_once = reconciler.sizes.at_once;
        let from = self.state.boundary.unwrap_or(i64::MIN);
        let mut after: Option<Living> = None;
        loop {
            let living = reconciler.store().living(from, until, after.as_ref(), at_once).await?;
            let is_last = living.len() < at_once as usize;
            after = living.last().cloned();
            for Living { user, .. } in living {
                if !self.seen.contains(&user) {
                    self.suspect(user);
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn suspect(&mut self, user: UserId) {
        self.state.suspects += 1;
        if self.looks && self.state.suspects <= MOST_SHOWN.max(self.most) {
            self.remembered.push(user);
        } else if !self.looks && self.state.suspects <= self.most {
            self.fresh.push(user);
        }
    }

    /// Suspects what no window holds: users of unknown age, and rows that no living entry stands for.
    async fn look_at_rest(&mut self, reconciler: &Reconciler, pass: &Pass) -> Result<(), PassError> {
        let store = Arc::clone(reconciler.store());
        let at_once = reconciler.sizes.at_once;
        let mut after: Option<UserId> = None;
        // Of a list that came short it is not known whom it would have shown.
        while !self.state.incomplete {
            let users = store.undated(after.as_ref(), at_once).await?;
            let is_last = users.len() < at_once as usize;
            after = users.last().cloned();
            users.into_iter().for_each(|user| self.suspect(user));
            if is_last {
                break;
            }
        }
        let mut after: Option<UserId> = None;
        loop {
            let users = store.strays(after.as_ref(), at_once).await?;
            let is_last = users.len() < at_once as usize;
            after = users.last().cloned();
            for user in users {
                // Rows that somebody added for another purpose are theirs.
                if user.as_str().starts_with("user_") {
                    self.suspect(user);
                }
            }
            if is_last {
                break;
            }
        }
        self.state.phase = Phase::Confirming;
        self.state.held = Some(self.state.suspects > self.most);
        // What a person confirmed takes nothing from what may go without asking.
        if self.state.suspects > 0 && self.state.suspects <= self.unasked && !self.looks {
            // Counted before they are done: a crash in between must not allow as many again.
            let now_ms = reconciler.clock().now_ms();
            self.record.deletions.push((now_ms, self.state.suspects));
            self.state.counted_at = Some(now_ms);
        }
        self.note(reconciler, pass, Vec::new()).await.map(|_| ())
    }

    /// Whether there are too many suspects to look into any.
    pub(super) fn is_held(&self) -> bool {
        self.state.held.unwrap_or(false)
    }

    /// Writes a step: observations, and where the scrub is after them.
    pub(super) async fn note(
        &mut self,
        reconciler: &Reconciler,
        pass: &Pass,
        observations: Vec<Observation>,
    ) -> Result<Vec<(UserId, Applied)>, PassError> {
        if self.looks {
            return Ok(Vec::new());
        }
        let mut parts = Vec::new();
        for chunk in self.fresh.chunks(reconciler.sizes.suspects) {
            let part = FIRST_CHUNK + self.state.chunks;
            parts.push(chunk_part(part, chunk)?);
            self.state.chunks += 1;
        }
        self.fresh.clear();
        parts.push(record::note(Run::Scrub, 1, &self.state)?);
        if self.state.phase == Phase::Confirming {
            parts.push(record::note(Run::Scrub, 0, &self.record)?);
        }
        let notes = Notes { clears: None, parts, token: pass.token };
        reconciler.write(pass, observations, notes, Flow::Scrub, &self.tally).await
    }
}

/// Suspects as a part of the progress.
pub(super) fn chunk_part(part: i32, users: &[UserId]) -> Result<Progress, PassError> {
    let ids: Vec<&str> = users.iter().map(UserId::as_str).collect();
    record::note(Run::Scrub, part, &ids)
}

/// Reads what [`chunk_part`] wrote.
pub(super) fn read_chunk(progress: &Progress) -> Result<Vec<UserId>, PassError> {
    let ids: Vec<String> = record::read(progress)?;
    ids.iter().map(|id| UserId::try_new(id).map_err(|_| PassError::Progress(Run::Scrub))).collect()
}

/// Whether a part holds suspects.
pub(super) fn is_chunk(progress: &Progress) -> bool {
    progress.part >= FIRST_CHUNK
}
