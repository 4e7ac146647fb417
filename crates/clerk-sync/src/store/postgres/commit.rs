//! The one door, on PostgreSQL: one look at what stands, one statement that writes.
//!
//! The look takes no lock. The statement writes only if everything is still as it was seen, and undoes itself
//! otherwise; being a single statement it is a transaction of its own. Whoever was overtaken begins again, this time
//! under locks, and gets through. Deletions take the locks at once: they are rare.
//!
//! Notes are a part of that statement. It locks the lease's row before anything else, against nobody but who takes the
//! lease over, and so finds its token current until it ends.

use super::{
    PostgresStore, bind,
    errors::{reference, storing},
    write::{Shape, WriteSql},
};
use crate::{
    observation::Observation,
    rule::State,
    store::{
        Applied, Entry, Notes, StoreError, StoreErrorKind,
        plan::{self, Plan, PlannedRow},
        retry::while_contended,
        session::Session,
        stored::read_entry,
    },
    user_id::UserId,
};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, postgres::PgArguments, query::Query};
use std::{collections::HashMap, sync::Arc};

pub(super) const COMMITTING: &str = "writing users";

const SEE_ENTRIES: &str = "select user_id, state::bigint, updated_at, as_of, digest, fingerprint, created_at, \
     lifted_as_of from clerk_sync_users where user_id = any($1::text[])";

pub(super) const LOCK_ENTRIES: &str = "select user_id, state::bigint, updated_at, as_of, digest, fingerprint, created_at, \
     lifted_as_of from clerk_sync_users where user_id = any($1::text[]) order by user_id for update";

/// The same behind the lease's lock: what is known without looking at a row is asked first.
const LOCK_LEASE_AND_ENTRIES: &str = "with held as (select from clerk_sync_lease where id = 1 for key share) \
     select user_id, state::bigint, updated_at, as_of, digest, fingerprint, created_at, lifted_as_of \
     from clerk_sync_users where (select count(*) from held) = 1 and user_id = any($1::text[]) \
     order by user_id for update";

/// Whether an observation may take a row away. The lone statement would look for that row as of its own beginning, and
/// miss one that is restored while it waits for the ledger; under locks it begins to look when nobody else writes.
fn deletes(observation: &Observation) -> bool {
    observation.claim.version.state == State::Gone
}

/// What the refusal of a foreign key means where nothing but deletions can have violated one.
pub(super) fn refusal(error: &sqlx::Error, only_deletes: bool) -> Option<StoreError> {
    let constraint = reference(error).filter(|_| only_deletes)?;
    Some(StoreError::new(StoreErrorKind::Referenced { constraint }, COMMITTING, ""))
}

/// How a plan is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Rows are expected to be there or missing as the ledger says.
    pub(super) trusts: bool,
    /// Deleting rows was refused, because others refer to them.
    pub(super) was_refused: bool,
}

impl PostgresStore {
    pub(super) async fn commit_batch(
        &self,
        batch: &[Observation],
        notes: &Notes,
    ) -> Result<Vec<Applied>, StoreError> {
        // Behind a pooler in transaction mode a lone statement would run without our limits.
        if self.sets_up_sessions
            && !batch.iter().any(deletes)
            && let Some(applied) = self.try_without_locks(batch, notes).await?
        {
            return Ok(applied);
        }
        match while_contended(|| self.try_with_locks(batch, notes, false)).await {
            Err(error) if self.mapping.deletion().has_way_out(&error, batch) => {
                while_contended(|| self.try_with_locks(batch, notes, true)).await
            }
            result => result,
        }
    }

    /// `None` where somebody was faster, or a row of a new user stands there from before.
    async fn try_without_locks(
        &self,
        batch: &[Observation],
        notes: &Notes,
    ) -> Result<Option<Vec<Applied>>, StoreError> {
        let mut session = Session::acquire(&self.pool).await.map_err(storing(COMMITTING))?;
        let result = self
            .look_and_write(
                &mut session,
                SEE_ENTRIES,
                batch,
                notes,
                Manner { trusts: true, was_refused: false },
            )
            .await;
        session.give_back();
        match result {
            Ok(applied) => Ok(Some(applied)),
            Err(error) if error.is_rejection() || *error.kind() == StoreErrorKind::Contended => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn try_with_locks(
        &self,
        batch: &[Observation],
        notes: &Notes,
        was_refused: bool,
    ) -> Result<Vec<Applied>, StoreError> {
        let mut tx = self.begin(COMMITTING).await?;
        let lock = if notes.token.is_some() { LOCK_LEASE_AND_ENTRIES } else { LOCK_ENTRIES };
        let manner = Manner { trusts: false, was_refused };
        let written = self.look_and_write(&mut tx, lock, batch, notes, manner).await;
        // A key that is checked as the transaction ends, as Django makes them, refuses only here.
        let refused =
            |error| refusal(&error, batch.iter().all(deletes)).unwrap_or_else(|| storing(COMMITTING)(error));
        tx.conclude(written, refused).await
    }

    async fn look_and_write(
        &self,
        connection: &mut PgConnection,
        look: &'static str,
        batch: &[Observation],
        notes: &Notes,
        manner: Manner,
    ) -> Result<Vec<Applied>, StoreError> {
        let before = self.entries(connection, look, &plan::users(batch)).await?;
        let mut plan = plan::plan(batch, &before);
        plan.fill(&self.mapping)?;
        let links = || self.mapping.link().is_some() && plan.rows.iter().any(PlannedRow::may_be_before);
        if manner.trusts && links() {
            return Err(StoreError::new(
                StoreErrorKind::Contended,
                COMMITTING,
                "a row of before needs a lock",
            ));
        }
        self.link_rows(connection, &mut plan).await?;
        if !(plan.writes_nothing() && notes.is_empty()) {
            self.write(connection, &plan, notes, manner).await?;
        }
        self.mapping.deletion().tell_waiting(batch, &mut plan, manner.was_refused);
        Ok(plan.applied)
    }

    pub(super) async fn entries(
        &self,
        connection: &mut PgConnection,
        sql: &'static str,
        users: &[&UserId],
    ) -> Result<HashMap<UserId, Entry>, StoreError> {
        if users.is_empty() {
            return Ok(HashMap::new());
        }
        let query =
            sqlx::query(sql).persistent(self.keeps_statements).bind(bind::texts(users.iter().copied()));
        let rows = query.fetch_all(connection).await.map_err(storing(COMMITTING))?;
        rows.iter().map(read_entry).collect()
    }

    pub(super) async fn write(
        &self,
        connection: &mut PgConnection,
        plan: &Plan<'_>,
        notes: &Notes,
        manner: Manner,
    ) -> Result<(), StoreError> {
        let shape = Shape::of(plan, notes, manner.trusts, manner.was_refused);
        let sql = self.sql.statement(shape);
        let query = bind::plan(self.prepared(&sql), plan, notes, shape, &self.mapping, &self.fit);
        query.execute(connection).await.map(|_| ()).map_err(|error| {
            if shape.lease && WriteSql::has_lost_lease(&error) {
                return StoreError::new(StoreErrorKind::Overtaken, COMMITTING, "");
            }
            if WriteSql::was_overtaken(&error) {
                return StoreError::new(StoreErrorKind::Contended, COMMITTING, "another writer was faster");
            }
            if plan.only_deletes()
                && let Some(constraint) = reference(&error)
            {
                return StoreError::new(StoreErrorKind::Referenced { constraint }, COMMITTING, "");
            }
            storing(COMMITTING)(error)
        })
    }

    fn prepared<'q>(&self, sql: &Arc<str>) -> Query<'q, Postgres, PgArguments> {
        sqlx::query(AssertSqlSafe(Arc::clone(sql))).persistent(self.keeps_statements)
    }
}
