//! How the types of a store are written in columns and read back; the same in every database.

use super::{
    DeadLetter, Deletions, Entry, FeedEntry, Gauges, NewDeadLetter, Presence, StoreError, StoreErrorKind,
    Summary,
    moments::{from_number, from_text},
};
use crate::{
    mapping::{Mapping, Row, Storage, Value, canonical_json},
    rule::{Change, Digest, Fingerprint, Standing, State, Version},
    user_id::UserId,
};

mod desk;
mod listing;
mod pending;

pub(super) use desk::{read_lease, read_progress, read_shares};
pub(super) use listing::{LivingRange, read_living, read_stored, read_user};
pub(super) use pending::{read_pending, read_pending_count};

/// One row of an answer, by position. Every statement selects columns that read as one of these.
pub(super) trait Cells {
    /// Text; `None` is null.
    fn text(&self, position: usize) -> Result<Option<&str>, sqlx::Error>;
    /// A 64-bit integer; `None` is null.
    fn integer(&self, position: usize) -> Result<Option<i64>, sqlx::Error>;
    /// Bytes; never null.
    fn bytes(&self, position: usize) -> Result<&[u8], sqlx::Error>;
}

macro_rules! impl_cells {
    ($row:ty) => {
        impl crate::store::stored::Cells for $row {
            fn text(&self, position: usize) -> Result<Option<&str>, sqlx::Error> {
                sqlx::Row::try_get(self, position)
            }

            fn integer(&self, position: usize) -> Result<Option<i64>, sqlx::Error> {
                sqlx::Row::try_get(self, position)
            }

            fn bytes(&self, position: usize) -> Result<&[u8], sqlx::Error> {
                sqlx::Row::try_get(self, position)
            }
        }
    };
}

#[cfg(feature = "postgres")]
impl_cells!(sqlx::postgres::PgRow);
#[cfg(feature = "mysql")]
impl_cells!(sqlx::mysql::MySqlRow);
#[cfg(feature = "sqlite")]
impl_cells!(sqlx::sqlite::SqliteRow);

/// Something in a table of ours that we never wrote.
fn corrupt(place: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "reading our own tables", place)
}

fn cell<T>(cell: Result<Option<T>, sqlx::Error>, place: &str) -> Result<T, StoreError> {
    cell.ok().flatten().ok_or_else(|| corrupt(place))
}

fn optional<T>(cell: Result<Option<T>, sqlx::Error>, place: &str) -> Result<Option<T>, StoreError> {
    cell.map_err(|_| corrupt(place))
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

fn user_id(cell_of: Result<Option<&str>, sqlx::Error>, place: &str) -> Result<UserId, StoreError> {
    UserId::try_new(cell(cell_of, place)?).map_err(|_| corrupt(place))
}

pub(super) fn state_code(state: State) -> i16 {
    match state {
        State::Provisional => 0,
        State::Present => 1,
        State::Gone => 2,
    }
}

/// A tombstone keeps nothing that was made from the user's values.
pub(super) fn digest_bytes(version: &Version) -> &[u8] {
    if version.state == State::Gone { &[] } else { &version.digest.0 }
}

/// Reads `user_id, state, updated_at, as_of, digest, fingerprint, created_at, lifted_as_of`.
pub(super) fn read_entry(row: &impl Cells) -> Result<(UserId, Entry), StoreError> {
    let user = user_id(row.text(0), "clerk_sync_users.user_id")?;
    let state = match cell(row.integer(1), "clerk_sync_users.state")? {
        0 => State::Provisional,
        1 => State::Present,
        2 => State::Gone,
        _ => return Err(corrupt("clerk_sync_users.state")),
    };
    let digest = match state {
        State::Gone => Digest::default(),
        _ => {
            let bytes = row.bytes(4).ok().and_then(|bytes| bytes.try_into().ok());
            Digest(bytes.ok_or_else(|| corrupt("clerk_sync_users.digest"))?)
        }
    };
    let version = Version {
        state,
        updated_at: cell(row.integer(2), "clerk_sync_users.updated_at")?,
        as_of: cell(row.integer(3), "clerk_sync_users.as_of")?,
        digest,
    };
    let fingerprint = Fingerprint(cell(row.integer(5), "clerk_sync_users.fingerprint")?);
    let created_at = optional(row.integer(6), "clerk_sync_users.created_at")?;
    let lifted_as_of = optional(row.integer(7), "clerk_sync_users.lifted_as_of")?;
    Ok((user, Entry { standing: Standing { version, fingerprint, lifted_as_of }, created_at }))
}

/// Reads an entry's columns, null where there is none, and then whether the row is there as 0 or 1.
pub(super) fn read_presence(row: &impl Cells) -> Result<Presence, StoreError> {
    let known = optional(row.text(0), "clerk_sync_users.user_id")?.is_some();
    let entry = if known { Some(read_entry(row)?.1) } else { None };
    Ok(Presence { entry, row: cell(row.integer(8), "the users table")? != 0 })
}

/// Reads `epoch, last_change, user_id` of each deletion, or one row without a user.
pub(super) fn read_deletions(rows: &[impl Cells], after: i64, limit: u32) -> Result<Deletions, StoreError> {
    let head = rows.first().ok_or_else(|| corrupt("clerk_sync_meta"))?;
    let last_number = cell(head.integer(1), "clerk_sync_meta.last_change")?;
    let mut users = Vec::new();
    for row in rows {
        if optional(row.text(2), "clerk_sync_changes.user_id")?.is_some() {
            users.push(user_id(row.text(2), "clerk_sync_changes.user_id")?);
        }
    }
    Ok(Deletions {
        epoch: cell(head.text(0), "clerk_sync_meta.epoch")?.to_owned(),
        last_number,
        through: after.saturating_add(i64::from(limit)).min(last_number),
        users,
    })
}

/// Reads `number, user_id, change, flow, message_id, updated_at, as_of, written_at`.
pub(super) fn read_change(row: &impl Cells) -> Result<FeedEntry, StoreError> {
    let change = cell(row.text(2), "clerk_sync_changes.change")?;
    Ok(FeedEntry {
        number: cell(row.integer(0), "clerk_sync_changes.number")?,
        user: user_id(row.text(1), "clerk_sync_changes.user_id")?,
        change: Change::from_name(change).ok_or_else(|| corrupt("clerk_sync_changes.change"))?,
        flow: cell(row.text(3), "clerk_sync_changes.flow")?.to_owned(),
        message_id: owned(optional(row.text(4), "clerk_sync_changes.message_id")?),
        updated_at: optional(row.integer(5), "clerk_sync_changes.updated_at")?,
        as_of: cell(row.integer(6), "clerk_sync_changes.as_of")?,
        written_at: cell(row.integer(7), "clerk_sync_changes.written_at")?,
    })
}

/// Reads `number, message_id, event_type, user_id, reason, mapped, buried_at`.
pub(super) fn read_letter(row: &impl Cells) -> Result<DeadLetter, StoreError> {
    let user = optional(row.text(3), "clerk_sync_dead_letters.user_id")?;
    let letter = NewDeadLetter {
        message_id: owned(optional(row.text(1), "clerk_sync_dead_letters.message_id")?),
        event_type: cell(row.text(2), "clerk_sync_dead_letters.event_type")?.to_owned(),
        user: user.and_then(|user| UserId::try_new(user).ok()),
        reason: cell(row.text(4), "clerk_sync_dead_letters.reason")?.to_owned(),
        mapped: owned(optional(row.text(5), "clerk_sync_dead_letters.mapped")?),
        buried_at: cell(row.integer(6), "clerk_sync_dead_letters.buried_at")?,
    };
    Ok(DeadLetter { number: cell(row.integer(0), "clerk_sync_dead_letters.number")?, letter })
}

/// Reads `dead_letters, last_event_at, pending_deletions`.
pub(super) fn read_gauges(row: &impl Cells) -> Result<Gauges, StoreError> {
    Ok(Gauges {
        dead_letters: cell(row.integer(0), "clerk_sync_dead_letters")?,
        last_event_at: optional(row.integer(1), "clerk_sync_meta.last_event_at")?,
        pending_deletions: cell(row.integer(2), "clerk_sync_pending_deletions")?,
    })
}

/// Reads `present, provisional, gone, dead_letters, last_change, last_event_at`.
pub(super) fn read_summary(row: &impl Cells) -> Result<Summary, StoreError> {
    Ok(Summary {
        present: cell(row.integer(0), "clerk_sync_users")?,
        provisional: cell(row.integer(1), "clerk_sync_users")?,
        gone: cell(row.integer(2), "clerk_sync_users")?,
        dead_letters: cell(row.integer(3), "clerk_sync_dead_letters")?,
        last_change: cell(row.integer(4), "clerk_sync_meta.last_change")?,
        last_event_at: optional(row.integer(5), "clerk_sync_meta.last_event_at")?,
    })
}

/// Reads a row of the users table, selected so that booleans are 0 or 1 and moments Unix ms.
pub(super) fn read_row(mapping: &Mapping, row: &impl Cells) -> Result<Row, StoreError> {
    let unreadable = |name: &str| {
        StoreError::new(
            StoreErrorKind::Schema,
            "reading rows",
            format!("column {name} has another type than the mapping says"),
        )
    };
    let columns = mapping.columns().iter().zip(mapping.storages()).enumerate();
    let values = columns.map(|(position, (column, storage))| {
        let text = || row.text(position).map_err(|_| unreadable(&column.name));
        let integer = || row.integer(position).map_err(|_| unreadable(&column.name));
        Ok(match *storage {
            Storage::Text { .. } | Storage::Uuid => {
                text()?.map_or(Value::Null, |text| Value::Text(text.to_owned()))
            }
            Storage::Json { .. } => text()?.map_or(Value::Null, |json| {
                Value::Json(canonical_json(json).unwrap_or_else(|_| json.to_owned()))
            }),
            Storage::Integer { .. } => integer()?.map_or(Value::Null, Value::Integer),
            Storage::Boolean { .. } => integer()?.map_or(Value::Null, |truth| Value::Boolean(truth != 0)),
            Storage::Moment { .. } => integer()?.map_or(Value::Null, Value::Timestamp),
            Storage::Formatted(format) if format.is_number() => {
                integer()?.map_or(Value::Null, |number| from_number(number, format))
            }
            Storage::Formatted(_) => text()?.map_or(Value::Null, from_text),
        })
    });
    values.collect()
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
/// A moment for drivers that take one. Mapped times lie in years 1000 to 9999, so this does not fail for them.
pub(super) fn moment(ms: i64) -> Option<time::OffsetDateTime> {
    time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()
}
