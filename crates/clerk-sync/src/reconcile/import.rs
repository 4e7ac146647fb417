//! The import: every user once, in the order of `created_at`.

use super::{
    Pass, PassError, Reconciler, Tally,
    catch_up::floor_of,
    pages::Page,
    record::{self, CatchUpRecord, Floor, ImportRecord},
    walk::{Place, Walk},
    windows::{Range, Window},
};
use crate::{
    clerk::{UserOrder, UsersQuery},
    mapping::MappedUser,
    observation::Flow,
    store::{Notes, Progress, Run},
};
use std::sync::Arc;
use tokio::{sync::Mutex, task::JoinSet};

/// More windows at once help nobody.
pub const MAX_PARALLEL: usize = 64;

/// What an import led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Users seen in Clerk, including those seen before it was interrupted.
    pub seen: i64,
    /// Clerk's count when it ended.
    pub expected: i64,
    /// Clerk's count less ours. What remains is found by the next scrub.
    pub difference: i64,
    /// Whether it went on where another had been interrupted.
    pub resumed: bool,
}

/// The windows of one import, and whoever works on them.
#[derive(Debug)]
struct Plan {
    /// `None` where one walk does it all.
    range: Option<Range>,
    windows: Vec<Window>,
    /// Behind which user everything of a window is written, which lags behind where its walk is.
    written: Vec<Written>,
    /// Windows that somebody works on.
    taken: Vec<bool>,
}

/// How far a window is written.
#[derive(Debug, Clone, Default)]
struct Written {
    after: Option<Place>,
    seen: i64,
}

fn part_of(window: usize) -> i32 {
    i32::try_from(window + 1).unwrap_or(i32::MAX)
}

impl Reconciler {
    /// Imports everyone, or goes on with an import that was interrupted. `parallel`: into how many windows of
    /// `created_at` it is cut, so that Clerk's latency does not bind.
    ///
    /// # Errors
    /// See [`PassError`]. What was written until then stands, and the next call goes on from there.
    pub async fn import(
        &self,
        pass: &Pass,
        parallel: usize,
        tally: &Arc<Tally>,
    ) -> Result<Imported, PassError> {
        self.verify_instance(pass).await?;
        let kept = self.store().progress(Run::Import).await?;
        let head: ImportRecord = record::part(&kept, 0)?.unwrap_or_default();
        let resumed = head.started_at != 0 && head.completed_at.is_none();
        let parallel = parallel.clamp(1, MAX_PARALLEL);
        let (mut head, windows, range) = if resumed {
            let range = self.range(pass, parallel, tally, head.expected).await?;
            (head, kept_windows(&kept, tally)?, range)
        } else {
            self.begin_import(pass, parallel, tally, head).await?
        };
        tally.expect(head.expected);
        let taken = vec![false; windows.len()];
        let written = windows.iter().map(Written::of).collect();
        let plan = Arc::new(Mutex::new(Plan { range, windows, written, taken }));
        let mut workers = JoinSet::new();
        for _ in 0..parallel {
            let (reconciler, pass, tally, plan) =
                (self.clone(), pass.clone(), Arc::clone(tally), Arc::clone(&plan));
            workers.spawn(async move { reconciler.work(&pass, &tally, &plan).await });
        }
        let mut result = Ok(());
        while let Some(ended) = workers.join_next().await {
            let ended = ended.unwrap_or(Err(PassError::Stopped));
            // What the others are writing is written nevertheless.
            if result.is_ok() && ended.is_err() {
                result = ended;
                workers.abort_all();
            }
        }
        result?;
        let expected = self.ask_count(pass, tally).await?;
        let difference = expected - self.store().living_count().await?;
        let now_ms = self.clock().now_ms();
        head.completed_at = Some(now_ms);
        head.first_completed_at = head.first_completed_at.or(Some(now_ms));
        head.seen = tally.seen();
        head.difference = Some(difference);
        let catch_up = CatchUpRecord { floor: head.floor, ..CatchUpRecord::default() };
        let parts = vec![record::note(Run::Import, 0, &head)?, record::note(Run::CatchUp, 0, &catch_up)?];
        let notes = Notes { clears: Some(Run::Import), parts, token: pass.token };
        self.store().commit_noting(&[], &notes).await?;
        Ok(Imported { seen: tally.seen(), expected, difference, resumed })
    }

    async fn begin_import(
        &self,
        pass: &Pass,
        parallel: usize,
        tally: &Tally,
        before: ImportRecord,
    ) -> Result<(ImportRecord, Vec<Window>, Option<Range>), PassError> {
        // Before the first page: whatever changes from here on, a catch-up sees.
        let newest = self.page(pass, tally, &UsersQuery::first(UserOrder::LatestChangeFirst, 1)).await?;
        // Where nobody is there and the answer has no date, a catch-up looks at everything.
        let date = newest.date_ms.unwrap_or_default();
        let floor = Some(floor_of(&newest).unwrap_or(Floor { watermark: date, date }));
        let expected = self.ask_count(pass, tally).await?;
        let head = ImportRecord {
            started_at: self.clock().now_ms(),
            first_completed_at: before.first_completed_at,
            floor,
            expected,
            fingerprint: Some(self.engine.mapping().fingerprint().0),
            ..ImportRecord::default()
        };
        let range = self.range(pass, parallel, tally, expected).await?;
        let windows = range.map_or_else(|| vec![Window::default()], |range| range.cut(parallel));
        let mut parts = vec![record::note(Run::Import, 0, &head)?];
        for (i, window) in windows.iter().enumerate() {
            parts.push(record::note(Run::Import, part_of(i), window)?);
        }
        let notes = Notes { clears: Some(Run::Import), parts, token: pass.token };
        self.store().commit_noting(&[], &notes).await?;
        Ok((head, windows, range))
    }

    /// The first and the last user's `created_at`; `None` where one walk does it all, or Clerk does not say.
    async fn range(
        &self,
        pass: &Pass,
        parallel: usize,
        tally: &Tally,
        users: i64,
    ) -> Result<Option<Range>, PassError> {
        if parallel == 1 {
            return Ok(None);
        }
        let end = async |order| self.page(pass, tally, &UsersQuery::first(order, 1)).await;
        let ends = tokio::try_join!(end(UserOrder::OldestFirst), end(UserOrder::NewestFirst))?;
        let created_at = |page: &Page| page.users.first().and_then(|user| user.created_at);
        let (Some(oldest), Some(newest)) = (created_at(&ends.0), created_at(&ends.1)) else {
            return Ok(None);
        };
        let worthwhile = self.sizes.window;
        Ok((oldest <= newest).then_some(Range { oldest, newest, users, worthwhile }))
    }

    /// Takes one window after the other, until none is left.
    async fn work(&self, pass: &Pass, tally: &Arc<Tally>, plan: &Mutex<Plan>) -> Result<(), PassError> {
        while let Some(window) = self.take_window(pass, plan).await? {
            self.walk_window(pass, tally, plan, window).await?;
        }
        Ok(())
    }

    /// A window that nobody works on, or a part of one that somebody does.
    async fn take_window(&self, pass: &Pass, plan: &Mutex<Plan>) -> Result<Option<usize>, PassError> {
        let mut plan = plan.lock().await;
        let free = plan.windows.iter().zip(&plan.taken).position(|(window, taken)| !window.done && !taken);
        if let Some(free) = free {
            plan.taken[free] = true;
            return Ok(Some(free));
        }
        let Some((victim, at)) = plan.range.and_then(|range| range.split(&plan.windows)) else {
            return Ok(None);
        };
        let Written { after, seen } = plan.written[victim].clone();
        let kept = Window { until: Some(at), after, seen, ..plan.windows[victim].clone() };
        let new = Window { from: Some(at), until: plan.windows[victim].until, ..Window::default() };
        let position = plan.windows.len();
        // Written before the window is any shorter: what nobody walks must not be lost by a crash.
        let parts = vec![
            record::note(Run::Import, part_of(victim), &kept)?,
            record::note(Run::Import, part_of(position), &new)?,
        ];
        self.store().commit_noting(&[], &Notes { clears: None, parts, token: pass.token }).await?;
        plan.windows[victim].until = Some(at);
        plan.windows.push(new);
        plan.written.push(Written::default());
        plan.taken.push(true);
        Ok(Some(position))
    }

    async fn walk_window(
        &self,
        pass: &Pass,
        tally: &Arc<Tally>,
        plan: &Mutex<Plan>,
        position: usize,
    ) -> Result<(), PassError> {
        let (from, after) = {
            let plan = plan.lock().await;
            (plan.windows[position].from, plan.windows[position].after.clone())
        };
        let mut walk = Walk::new(from, after, self.sizes, Arc::clone(tally));
        let mut writing: Option<tokio::task::JoinHandle<Result<(), PassError>>> = None;
        let ended = loop {
            let until = plan.lock().await.windows[position].until;
            walk.count_until(until);
            let page = match walk.next(self, pass).await {
                Ok(page) => page,
                Err(error) => break Err(error),
            };
            // One page is written while the next one is on its way, and none before the one before.
            if let Some(writing) = writing.take()
                && let Err(error) = writing.await.unwrap_or(Err(PassError::Stopped))
            {
                break Err(error);
            }
            let (page, note, done) = {
                let mut plan = plan.lock().await;
                plan.written[position] = Written::of(&plan.windows[position]);
                let (page, done) = accept(&mut plan.windows[position], page, until, &walk, tally);
                (page, record::note(Run::Import, part_of(position), &plan.windows[position])?, done)
            };
            let reconciler = self.clone();
            let (tally, pass) = (Arc::clone(tally), pass.clone());
            writing =
                Some(tokio::spawn(async move { reconciler.write_page(&pass, page, note, &tally).await }));
            if done {
                break Ok(());
            }
        };
        match writing {
            Some(writing) => writing.await.unwrap_or(Err(PassError::Stopped)).and(ended),
            None => ended,
        }
    }

    /// Writes a page, and the window's new place with it.
    async fn write_page(
        &self,
        pass: &Pass,
        page: Page,
        note: Progress,
        tally: &Tally,
    ) -> Result<(), PassError> {
        let flow = Flow::Import;
        self.bury_unreadable(page.unreadable, flow, tally).await?;
        let observations =
            page.users.into_iter().map(|user| self.observation(user, page.date_ms, flow)).collect();
        let notes = Notes { clears: None, parts: vec![note], token: pass.token };
        self.write(pass, observations, notes, flow, tally).await.map(|_| ())
    }
}

impl Written {
    fn of(window: &Window) -> Self {
        Self { after: window.after.clone(), seen: window.seen }
    }
}

/// The windows of an import that was interrupted. Each ends where the next one begins: one that was split may have
/// noted its old end once more, together with a page that was on its way.
fn kept_windows(kept: &[Progress], tally: &Tally) -> Result<Vec<Window>, PassError> {
    let parts = kept.iter().filter(|progress| progress.part > 0);
    let mut windows = parts.map(record::read::<Window>).collect::<Result<Vec<_>, _>>()?;
    let mut bounds: Vec<i64> = windows.iter().filter_map(|window| window.from).collect();
    bounds.sort_unstable();
    for window in &mut windows {
        let next = bounds.iter().find(|bound| window.from.is_none_or(|from| **bound > from)).copied();
        window.until = next.or(window.until);
    }
    tally.see(windows.iter().map(|window| window.seen).sum());
    Ok(windows)
}

/// Moves a window behind a page, which loses what lies beyond the window's end. True at the end of the window.
/// `counted_until`: the end when the page was asked for; another worker may have moved it since.
fn accept(
    window: &mut Window,
    page: Option<Page>,
    counted_until: Option<i64>,
    walk: &Walk,
    tally: &Tally,
) -> (Page, bool) {
    let Some(mut page) = page else {
        window.done = true;
        return (Page::default(), true);
    };
    let until = window.until;
    let beyond = |user: &MappedUser| user.created_at.is_some_and(|at| until.is_some_and(|until| at >= until));
    let counted =
        |user: &MappedUser| user.created_at.is_none_or(|at| counted_until.is_none_or(|until| at < until));
    window.done = page.users.iter().any(beyond);
    let taken_over = page.users.iter().filter(|user| beyond(user) && counted(user)).count() as i64;
    page.users.retain(|user| !beyond(user));
    tally.see(-taken_over);
    window.seen += page.counted - taken_over;
    if !window.done {
        window.after = walk.place().cloned();
    }
    let done = window.done;
    (page, done)
}
