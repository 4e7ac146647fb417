//! The parts of the writing statement that note a run's progress.

use super::Parameters;

/// Locks the lease's row against a take-over, which changes its token, but not against a renewal: the share of a row's
/// lock that protects its keys.
pub(super) fn held(parameters: &mut Parameters) -> String {
    let token = parameters.next("bigint");
    format!(
        "held as (select from clerk_sync_lease where id = 1 and token = {token} and holder is not null for key share)"
    )
}

/// True, or the error [`LEASE_LOST`].
pub(super) const STILL_HELD: &str = "ln(case when (select count(*) from held) = 1 then 1 else 0 end) = 0";

/// SQLSTATE of a logarithm of 0, which stands for nothing else in the statement.
pub(super) const LEASE_LOST: &str = "2201E";

/// Removes a run's parts but those that are written now: no statement may write a row twice.
pub(super) fn cleared(parameters: &mut Parameters) -> String {
    let run = parameters.next("text");
    let kept = parameters.unnest(&["text", "integer"]);
    format!(
        "cleared as (delete from clerk_sync_runs where run = {run} \
         and (run, part) not in (select * from {kept} as t) returning 1)"
    )
}

pub(super) fn noted(parameters: &mut Parameters) -> String {
    let source = parameters.unnest(&["text", "integer", "text"]);
    format!(
        "noted as (insert into clerk_sync_runs (run, part, state, updated_at) \
         select t.run, t.part, t.state, (extract(epoch from clock_timestamp()) * 1000)::bigint \
         from {source} as t(run, part, state) on conflict (run, part) do update set state = excluded.state, \
         updated_at = excluded.updated_at returning 1)"
    )
}
