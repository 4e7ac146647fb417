//! How a mapping's columns are written into the table that is there.

use super::{
    StoreError, StoreErrorKind,
    dialect::Dialect,
    findings::TableFinding,
    judge::{Fit, Held, judge},
    shape::TableShape,
};
use crate::mapping::{Kind, Mapping, MomentFormat, Storage};

impl Held {
    /// In the plain type of its kind, into which values go without a cast.
    fn plain(storage: Storage) -> Self {
        Self { storage, cast: String::new() }
    }
}

impl Fit {
    /// The fit of a table that we made.
    pub(super) fn made_by_us(mapping: &Mapping, dialect: Dialect) -> Self {
        let held = |kind: Kind| {
            let storage = match Storage::of(kind) {
                Storage::Text { chars, bytes, padded, .. } => {
                    Storage::Text { chars, bytes, padded, nul: dialect.holds_nul() }
                }
                Storage::Json { native, .. } => Storage::Json { native, nul: dialect.holds_nul() },
                Storage::Moment { .. } if dialect == Dialect::Sqlite => Storage::Formatted(MomentFormat::Iso),
                storage => storage,
            };
            Held::plain(storage)
        };
        Self {
            columns: mapping
                .columns()
                .iter()
                .map(|column| match column.format {
                    Some(format) => Held::plain(Storage::Formatted(format)),
                    None => held(column.kind),
                })
                .collect(),
            fills: mapping.fills().iter().map(|fill| held(fill.content.kind())).collect(),
            deleted_at: mapping.deletion().deleted_at.as_ref().map(|_| held(Kind::Timestamp)),
            link: mapping.link().map(|_| held(Kind::Text)),
        }
    }

    /// How the mapped columns hold their values.
    pub(super) fn storages(&self) -> Vec<Storage> {
        self.columns.iter().map(|held| held.storage).collect()
    }
}

/// The columns of a table that we make that are not Clerk's: name and kind.
pub(super) fn extras(mapping: &Mapping) -> Vec<(&str, Kind)> {
    let fills = mapping.fills().iter().map(|fill| (fill.name.as_str(), fill.content.kind()));
    let deleted_at = mapping.deletion().deleted_at.iter();
    fills.chain(deleted_at.map(|name| (name.as_str(), Kind::Timestamp))).collect()
}

/// Fits a mapping to its table, with a line in the log for each warning.
///
/// # Errors
/// [`StoreErrorKind::Schema`], with everything that is wrong and what to do about it.
pub(super) fn fit(mapping: &Mapping, shape: &TableShape, dialect: Dialect) -> Result<Fit, StoreError> {
    match judge(mapping, shape, dialect) {
        Ok((fit, warnings)) => {
            for warning in warnings {
                tracing::warn!(table = %mapping.table(), "{warning}");
            }
            Ok(fit)
        }
        Err(findings) => Err(unfit(mapping, &findings)),
    }
}

fn unfit(mapping: &Mapping, findings: &[TableFinding]) -> StoreError {
    let mut detail = format!("the table {} does not fit [users]", mapping.table());
    for finding in findings.iter().filter(|finding| finding.blocks) {
        detail.push_str(&format!("\n  - {finding}"));
    }
    StoreError::new(StoreErrorKind::Schema, "looking at the users table", detail)
}
