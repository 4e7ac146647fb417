//! Suspects: absence from a list is no deletion. They are asked for again, in hundreds and then one by one.

use super::{
    Difference, DifferenceKind, Pass, PassError, Reconciler, Tally,
    pages::PATIENCE,
    record::{self, ScrubRecord},
    scrub::{Scrub, Scrubbed, chunk_part, is_chunk, read_chunk},
};
use crate::{
    clerk::UsersQuery,
    engine::{DOUBT_RECHECK, Reread},
    observation::Flow,
    rule::State,
    store::{Notes, Run, Stored},
    user_id::UserId,
};
use std::{collections::HashSet, sync::atomic::Ordering};

impl Scrub {
    /// Looks into one chunk of suspects. `Some` when none is left.
    pub(super) async fn confirm(
        &mut self,
        reconciler: &Reconciler,
        pass: &Pass,
    ) -> Result<Option<Scrubbed>, PassError> {
        if self.is_held() && self.looks {
            let held = std::mem::take(&mut self.remembered).into_iter();
            self.found.extend(held.map(|user| Difference {
                user,
                kind: DifferenceKind::Held,
                stored: None,
                clerk: None,
            }));
            return self.finish(reconciler, pass).await.map(Some);
        }
        if self.is_held() {
            tracing::error!(
                suspects = self.state.suspects,
                allowed = self.most,
                "Clerk lacks more users than CLERK_SYNC_MAX_DELETES allows to delete; none of them is deleted. \
                 If they are really gone: clerk-sync reconcile --confirm-deletes {}",
                self.state.suspects
            );
            return self.finish(reconciler, pass).await.map(Some);
        }
        if self.looks {
            let suspects = std::mem::take(&mut self.remembered);
            for chunk in suspects.chunks(reconciler.sizes.suspects) {
                for stored in reconciler.still_missing(pass, self, chunk).await? {
                    let (user, row) = (stored.user, stored.row);
                    self.state.deleted += 1;
                    self.found.push(Difference {
                        user,
                        kind: DifferenceKind::Surplus,
                        stored: row,
                        clerk: None,
                    });
                }
            }
            return self.finish(reconciler, pass).await.map(Some);
        }
        let kept = reconciler.store().progress(Run::Scrub).await?;
        let next = kept.iter().find(|part| is_chunk(part) && part.state != "[]");
        let Some(next) = next else {
            if self.stays {
                self.ask_again(reconciler, pass).await?;
            }
            return self.finish(reconciler, pass).await.map(Some);
        };
        let suspects = read_chunk(next)?;
        for stored in reconciler.still_missing(pass, self, &suspects).await? {
            pass.check()?;
            let restores = stored.is_astray(reconciler.engine.mapping());
            match reconciler.recheck(&stored.user, pass, restores, &self.tally).await? {
                Some(Reread::Applied { present: false, .. }) => self.state.deleted += 1,
                Some(Reread::AbsentNotYet) => {
                    self.state.unconfirmed += 1;
                    self.doubtful.push((stored.user, restores));
                }
                Some(Reread::Applied { present: true, .. }) | None => {}
            }
        }
        let parts = vec![chunk_part(next.part, &[])?, record::note(Run::Scrub, 1, &self.state)?];
        let notes = Notes { clears: None, parts, token: pass.token };
        reconciler.store().commit_noting(&[], &notes).await?;
        Ok(None)
    }

    /// Asks again for those whose absence must be heard twice, once the time between has passed.
    pub(super) async fn ask_again(&mut self, reconciler: &Reconciler, pass: &Pass) -> Result<(), PassError> {
        if self.doubtful.is_empty() {
            return Ok(());
        }
        tracing::info!(
            users = self.doubtful.len(),
            "users who are missing in Clerk are asked for once more in a minute: for young ones one answer is not enough"
        );
        tokio::select! {
            biased;
            () = pass.stop.cancelled() => return Err(PassError::Stopped),
            () = reconciler.clock().sleep(DOUBT_RECHECK) => {}
        }
        for (user, restores) in std::mem::take(&mut self.doubtful) {
            pass.check()?;
            match reconciler.recheck(&user, pass, restores, &self.tally).await? {
                Some(Reread::AbsentNotYet) => {}
                Some(Reread::Applied { present: false, .. }) => {
                    self.state.unconfirmed = self.state.unconfirmed.saturating_sub(1);
                    self.state.deleted += 1;
                }
                Some(Reread::Applied { present: true, .. }) | None => {
                    self.state.unconfirmed = self.state.unconfirmed.saturating_sub(1);
                }
            }
        }
        Ok(())
    }

    async fn finish(&mut self, reconciler: &Reconciler, pass: &Pass) -> Result<Scrubbed, PassError> {
        let held = if self.is_held() { self.state.suspects } else { 0 };
        let scrubbed = Scrubbed {
            seen: self.tally.seen(),
            repaired: self.state.repaired,
            deleted: self.state.deleted,
            held,
            unconfirmed: self.state.unconfirmed,
            alive: self.state.alive,
            refused: self.tally.refused(),
            complete: !self.state.incomplete,
        };
        if self.looks {
            return Ok(scrubbed);
        }
        let count = reconciler.ask_count(pass, &self.tally).await?;
        let now_ms = reconciler.clock().now_ms();
        // Should the process that hears of them again be killed before it does, the next scrub must come soon.
        let measured = count - reconciler.store().living_count().await? + self.state.unconfirmed as i64;
        let known = scrubbed.alive as i64 + self.state.strangers as i64 - held as i64;
        let distance = if scrubbed.complete {
            self.record.left(measured, known, self.date_ms.unwrap_or(now_ms))
        } else {
            self.record.distance
        };
        self.record.correct(self.state.counted_at, scrubbed.deleted + scrubbed.unconfirmed);
        let deletions = std::mem::take(&mut self.record.deletions);
        let record = ScrubRecord {
            completed_at: if scrubbed.complete { Some(now_ms) } else { self.record.completed_at },
            incomplete_at: (!scrubbed.complete).then_some(now_ms),
            since_import: if scrubbed.complete { self.state.since_import } else { self.record.since_import },
            fingerprint: if scrubbed.complete { self.state.fingerprint } else { self.record.fingerprint },
            seen: scrubbed.seen,
            repaired: scrubbed.repaired,
            deleted: scrubbed.deleted,
            held,
            alive: scrubbed.alive,
            unconfirmed: scrubbed.unconfirmed,
            distance,
            measured: self.record.measured,
            measured_at: self.record.measured_at,
            deletions,
        };
        let parts = vec![record::note(Run::Scrub, 0, &record)?];
        let notes = Notes { clears: Some(Run::Scrub), parts, token: pass.token };
        reconciler.store().commit_noting(&[], &notes).await?;
        Ok(scrubbed)
    }
}

impl Reconciler {
    /// Reads one user and writes what Clerk says. `None` for one that cannot be written, which is kept as a dead letter.
    pub(super) async fn recheck(
        &self,
        user: &UserId,
        pass: &Pass,
        restores: bool,
        tally: &Tally,
    ) -> Result<Option<Reread>, PassError> {
        tally.calls.fetch_add(1, Ordering::Relaxed);
        let read = tokio::select! {
            biased;
            () = pass.stop.cancelled() => return Err(PassError::Stopped),
            read = self.engine.recheck(user, Flow::Scrub, pass.lane, restores, PATIENCE) => read,
        };
        match read {
            Ok(reread) => Ok(Some(reread)),
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => {
                tally.refused.fetch_add(1, Ordering::Relaxed);
                self.bury(Some(user.clone()), Flow::Scrub, error.to_string()).await?;
                Ok(None)
            }
        }
    }

    /// Asks Clerk for all of these suspects at once. Who is there after all is written; answers with the others, as far
    /// as anything is still stored of them.
    async fn still_missing(
        &self,
        pass: &Pass,
        scrub: &Scrub,
        suspects: &[UserId],
    ) -> Result<Vec<Stored>, PassError> {
        let mut stored = self.store().stored(suspects).await?;
        // A webhook may have told of the deletion meanwhile.
        let is_gone =
            |stored: &Stored| stored.entry.is_some_and(|entry| entry.standing.version.state == State::Gone);
        stored.retain(|stored| stored.row.is_some() || !is_gone(stored));
        let ids: Vec<UserId> = stored.iter().map(|stored| stored.user.clone()).collect();
        // Never an empty list: it would mean everyone.
        let Some(query) = UsersQuery::of(&ids) else { return Ok(Vec::new()) };
        let page = self.page(pass, &scrub.tally, &query).await?;
        let mut there: HashSet<UserId> = page.users.iter().map(|user| user.id.clone()).collect();
        there.extend(page.unreadable.iter().filter_map(|user| user.id.clone()));
        if !scrub.looks {
            let seen = page.users.into_iter();
            let observations = seen.map(|user| self.observation(user, page.date_ms, Flow::Scrub)).collect();
            self.write(pass, observations, Notes::default(), Flow::Scrub, &scrub.tally).await?;
        }
        stored.retain(|stored| !there.contains(&stored.user));
        Ok(stored)
    }
}
