//! The promises of a store, one function for each, over any [`Store`].
//!
//! They are public so that a store of your own can be held to them:
//!
//! ```
//! use clerk_auth::clock::SystemClock;
//! use clerk_sync::mapping::DeletionSpec;
//! use clerk_sync::store::{Store, conformance::{self, Fixture}, memory::MemoryStore};
//! use std::sync::Arc;
//!
//! #[derive(Debug)]
//! struct Memory(Arc<dyn Store>);
//!
//! #[async_trait::async_trait]
//! impl Fixture for Memory {
//!     fn store(&self) -> Arc<dyn Store> {
//!         Arc::clone(&self.0)
//!     }
//!
//!     async fn require_unique(&self, _column: &str) -> bool {
//!         false
//!     }
//!
//!     async fn deleting(&self, _deletion: DeletionSpec) -> Arc<dyn Store> {
//!         Arc::clone(&self.0)
//!     }
//!
//!     async fn run_sql(&self, _sql: &str) -> bool {
//!         false
//!     }
//! }
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let store = MemoryStore::new(conformance::mapping(), Arc::new(SystemClock::new()));
//! conformance::order::a_tombstone_comes_before_its_user(&Memory(Arc::new(store))).await;
//! # });
//! ```
//!
//! [`store_promises!`](crate::store_promises) makes a named test of each, so that one failure does not hide others.
#![expect(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test suite panics")]

use super::{Applied, Store};
use crate::{
    mapping::{Column, DeletionSpec, Kind, Mapping, MappingSpec, Value},
    observation::{Flow, Observation},
    user_id::UserId,
};
use async_trait::async_trait;
use serde_json::json;
use std::{fmt, sync::Arc};

pub mod atomicity;
pub mod concurrency;
pub mod feed;
pub mod inventory;
pub mod lease;
pub mod letters;
pub mod meta;
pub mod notes;
pub mod order;
pub mod pending;
pub mod shares;
pub mod unique;
pub mod values;
pub mod walks;

/// An empty, migrated store for one promise, made with [`mapping`].
#[async_trait]
pub trait Fixture: fmt::Debug + Send + Sync {
    /// The store.
    fn store(&self) -> Arc<dyn Store>;

    /// Makes a column of the users table unique. False where the store knows no such thing.
    async fn require_unique(&self, column: &str) -> bool;

    /// The same tables, by a store that deletes as `deletion` says.
    async fn deleting(&self, deletion: DeletionSpec) -> Arc<dyn Store>;

    /// Runs a statement behind the store's back, as a person would. False where there is no SQL.
    async fn run_sql(&self, sql: &str) -> bool;
}

/// A mapping with a column of each kind.
///
/// # Panics
/// Never: it is a constant.
pub fn mapping() -> Arc<Mapping> {
    Arc::new(Mapping::try_new(spec()).expect("a mapping"))
}

/// What [`mapping`] is made from. A store may hold to its promises with a table that is adopted, or with fills, too, as
/// long as its columns hold every value of their kinds.
///
/// # Panics
/// Never: it is a constant.
pub fn spec() -> MappingSpec {
    let column = |name: &str, source: &str, kind: Option<Kind>| {
        let column = Column::from_source(name, source).expect("a source");
        Column { kind: kind.unwrap_or(column.kind), ..column }
    };
    let columns = vec![
        column("clerk_id", "id", None),
        column("username", "username", None),
        column("first_name", "first_name", None),
        column("score", "public_metadata.score", Some(Kind::Integer)),
        column("banned", "banned", None),
        column("updated_at", "updated_at", None),
        column("meta", "public_metadata", None),
        column("seen_at", "last_active_at", None),
    ];
    MappingSpec { columns, ..MappingSpec::default() }
}

/// Positions of the suite's columns.
const USERNAME: usize = 1;
const FIRST_NAME: usize = 2;
const SCORE: usize = 3;
const UPDATED_AT: usize = 5;
const META: usize = 6;

fn user(id: &str) -> UserId {
    UserId::try_new(id).expect("an id")
}

/// A user all of whose values tell `version`, updated then and seen then.
fn seen(id: &str, version: i64) -> Observation {
    seen_as(id, version, version, &format!("{id} {version}"))
}

/// A user updated at `updated_at` and seen at `as_of`, whose names are `content`.
fn seen_as(id: &str, updated_at: i64, as_of: i64, content: &str) -> Observation {
    seen_json(
        &json!({
            "id": id, "updated_at": updated_at, "created_at": 1, "username": content, "first_name": content,
            "public_metadata": {"score": updated_at, "content": content}, "banned": false, "last_active_at": as_of,
        }),
        as_of,
    )
}

fn seen_json(json: &serde_json::Value, as_of: i64) -> Observation {
    mapped_by(&mapping(), json, as_of)
}

fn mapped_by(mapping: &Mapping, json: &serde_json::Value, as_of: i64) -> Observation {
    let mapped = mapping.read_user(json.to_string().as_bytes()).expect("a readable user");
    Observation::present(mapped, mapping, as_of, Flow::Webhook)
}

fn gone(id: &str, as_of: i64) -> Observation {
    Observation::gone(user(id), &mapping(), as_of, Flow::Webhook)
}

async fn commit(store: &Arc<dyn Store>, batch: &[Observation]) -> Vec<Applied> {
    store.commit(batch).await.expect("the batch is written")
}

async fn username(store: &Arc<dyn Store>, id: &str) -> Option<String> {
    let row = store.row(&user(id)).await.expect("the row is read")?;
    match &row[USERNAME] {
        Value::Text(text) => Some(text.clone()),
        other => panic!("a text, not {other:?}"),
    }
}

/// Makes a test of every promise. `$fixture` is an async expression that yields a [`Fixture`].
#[macro_export]
macro_rules! store_promises {
    ($fixture:expr) => {
        $crate::store_promises! { @tests $fixture,
            order: [
                a_first_sight_makes_row_entry_and_change, a_later_version_replaces_the_whole_row,
                stale_and_duplicate_sights_change_nothing, a_tie_is_decided_and_asks_for_a_read,
                a_tombstone_comes_before_its_user, a_deletion_takes_the_row_and_leaves_a_bare_tombstone,
                a_lifted_tombstone_gives_way, a_provisional_row_is_replaced, ids_that_differ_by_case_are_two_users,
                another_mapping_rewrites_the_row, a_missing_row_is_restored, a_restored_row_never_outlives_its_user,
            ];
            concurrency: [
                racing_first_sights_end_in_the_newest, overlapping_batches_in_any_order_all_succeed,
                a_row_is_never_of_two_versions, calls_cut_short_do_not_disturb_others,
            ];
            atomicity: [
                an_empty_batch_is_nothing, a_batch_may_hold_a_user_twice, a_large_batch_is_one_transaction,
                a_row_that_cannot_be_written_takes_nothing_along, a_row_removed_by_hand_comes_back,
                a_row_added_by_hand_is_taken_over,
            ];
            values: [
                every_kind_reads_back, nulls_read_back, awkward_text_reads_back, nul_is_kept_or_replaced,
                moments_read_back_to_the_millisecond, quotes_in_values_are_only_values,
            ];
            feed: [
                the_feed_tells_each_change_once, readers_never_see_a_gap, pages_go_on_where_they_ended,
                the_feed_says_by_which_way, deletions_are_told_apart,
            ];
            letters: [
                letters_are_kept_listed_and_dropped, the_same_message_is_one_letter, letters_go_when_their_user_changes,
            ];
            meta: [
                the_first_instance_binds, migrating_again_does_nothing, old_tombstones_are_purged_and_no_row,
                counts_are_right, rows_are_paged_by_id, the_newest_event_time_is_kept, a_look_tells_the_ledger_and_the_row_apart,
            ];
            lease: [
                one_of_many_takers_holds_the_lease, a_renewal_keeps_the_token, a_lease_that_ran_out_is_free,
                a_released_lease_is_free_at_once, a_wish_is_granted_before_others,
            ];
            notes: [
                parts_are_replaced_whole, a_run_is_cleared_before_it_is_noted, a_large_state_reads_back,
                notes_come_with_every_kind_of_batch, a_refused_batch_notes_nothing, who_was_overtaken_writes_nothing,
                many_write_under_one_lease, no_page_is_written_after_a_take_over,
            ];
            walks: [
                quiet_sights_of_the_known_write_nothing, a_quiet_sight_fills_in_created_at, a_changed_row_is_restored,
                a_row_of_a_gone_user_is_deleted_again,
            ];
            inventory: [
                stored_users_are_seen_whole, five_hundred_are_stored_at_once, the_living_are_listed_by_creation,
                the_undated_are_listed_by_id, strays_are_found_among_other_rows, the_living_are_counted,
            ];
            pending: [
                what_is_held_back_stays_until_it_is_due, a_cancelled_row_stays_for_good, who_comes_back_is_spared,
                the_first_time_stands, tombstones_wait_for_what_is_pending, what_is_pending_is_no_stray,
                a_row_of_the_living_is_not_carried_out, a_value_held_back_is_free,
                what_waits_keeps_its_time_without_the_setting, what_is_due_is_anonymized,
                what_is_put_off_is_not_due, pending_deletions_are_listed_by_id, letters_go_with_the_row,
                a_letter_stays_while_its_row_waits, many_carry_out_each_once,
                carrying_out_cut_short_is_all_or_nothing,
            ];
            shares: [
                deciders_are_serialised, a_share_is_replaced_by_the_next, shares_that_ran_out_are_removed,
            ];
            unique: [
                who_holds_a_value_is_named, values_swap_in_one_transaction, a_ring_moves_on,
                a_deleted_users_value_is_taken, who_is_not_written_keeps_its_values,
                a_set_is_written_whole_or_not_at_all, an_index_over_an_expression_counts,
                an_index_over_several_columns_counts, a_value_that_may_not_be_null_is_not_given_up,
                a_row_of_nobody_is_told_apart, racing_sets_leave_no_half,
            ];
        }
    };
    (@tests $fixture:expr, $($area:ident: [$($promise:ident),* $(,)?];)*) => {
        $(mod $area {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let fixture = $fixture.await;
                    $crate::store::conformance::$area::$promise(&fixture).await;
                }
            )*
        })*
    };
}
