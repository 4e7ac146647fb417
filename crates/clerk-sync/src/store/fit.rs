//! How a mapping's columns are written into the table that is there.

use super::{
    StoreError, StoreErrorKind,
    dialect::Dialect,
    findings::TableFinding,
    judge::{Fit, Held, judge},
    shape::TableShape,
};
use crate::mapping::{FillContent, Kind, Mapping, Storage};

/// Of a value in a type that is the plain one of its kind.
pub(super) const PLAIN: &str = "";

impl Fit {
    /// The fit of a table that we made.
    pub(super) fn made_by_us(mapping: &Mapping, dialect: Dialect) -> Self {
        let held = |kind: Kind| {
            let storage = match Storage::of(kind) {
                Storage::Text { chars, bytes, padded, .. } => {
                    Storage::Text { chars, bytes, padded, nul: dialect.holds_nul() }
                }
                Storage::Json { native, .. } => Storage::Json { native, nul: dialect.holds_nul() },
                storage if dialect == Dialect::Sqlite && kind == Kind::Timestamp => {
                    let _ = storage;
                    Storage::Formatted(crate::mapping::MomentFormat::Iso)
                }
                storage => storage,
            };
            Held { storage, cast: PLAIN.to_owned() }
        };
        Self {
            columns: mapping
                .columns()
                .iter()
                .map(|column| match column.format {
                    Some(format) => Held { storage: Storage::Formatted(format), cast: PLAIN.to_owned() },
                    None => held(column.kind),
                })
                .collect(),
            fills: mapping.fills().iter().map(|fill| held(kind_of(&fill.content))).collect(),
            deleted_at: mapping.deletion().deleted_at.as_ref().map(|_| held(Kind::Timestamp)),
        }
    }

    /// How the mapped columns hold their values.
    pub(super) fn storages(&self) -> Vec<Storage> {
        self.columns.iter().map(|held| held.storage).collect()
    }
}

/// The columns of a table that we make that are not Clerk's: name and kind.
pub(super) fn extras(mapping: &Mapping) -> Vec<(&str, Kind)> {
    let fills = mapping.fills().iter().map(|fill| (fill.name.as_str(), kind_of(&fill.content)));
    let deleted_at = mapping.deletion().deleted_at.iter();
    fills.chain(deleted_at.map(|name| (name.as_str(), Kind::Timestamp))).collect()
}

/// The kind of column that a fill needs.
fn kind_of(content: &FillContent) -> Kind {
    match content {
        FillContent::Value(value) => value.kind().unwrap_or(Kind::Text),
        FillContent::Generated(_) => Kind::Text,
        FillContent::Now { .. } => Kind::Timestamp,
    }
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
