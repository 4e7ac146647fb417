//! The columns that an insert or an update names, for databases without array parameters.

use super::{judge::Fit, plan::PlannedRow};
use crate::mapping::{FillContent, Mapping, Storage, Value};

/// Which columns are written, with what.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// Of an insert, quoted, in the order of their values.
    pub(super) names: Vec<String>,
    /// `(?, ?, now())`: a row of an insert.
    pub(super) tuple: String,
    /// Columns other than the key that every write sets, and to what: `?` or an expression.
    pub(super) set: Vec<(String, String)>,
    mapped: Vec<Storage>,
    /// Position and storage of the fills whose values are bound.
    fills: Vec<(usize, Storage)>,
    key: usize,
}

impl Written {
    /// `name` quotes a name; `now` is the present moment as a column holds it.
    pub(super) fn new(
        mapping: &Mapping,
        fit: &Fit,
        name: fn(&str) -> String,
        now: fn(Storage) -> &'static str,
    ) -> Self {
        let mut written = Self {
            names: mapping.columns().iter().map(|column| name(&column.name)).collect(),
            tuple: String::new(),
            set: Vec::new(),
            mapped: fit.storages(),
            fills: Vec::new(),
            key: mapping.key_position(),
        };
        let mut values = vec!["?".to_owned(); written.names.len()];
        for (position, column) in written.names.iter().enumerate() {
            if position != written.key {
                written.set.push((column.clone(), "?".to_owned()));
            }
        }
        for (position, (fill, held)) in mapping.fills().iter().zip(&fit.fills).enumerate() {
            let column = name(&fill.name);
            let value = match fill.content {
                FillContent::Now { refresh } => {
                    let now = now(held.storage).to_owned();
                    if refresh {
                        written.set.push((column.clone(), now.clone()));
                    }
                    now
                }
                _ => {
                    written.fills.push((position, held.storage));
                    "?".to_owned()
                }
            };
            written.names.push(column);
            values.push(value);
        }
        // Who comes back is not deleted any more.
        let deleted_at = mapping.deletion().deleted_at.iter();
        written.set.extend(deleted_at.map(|column| (name(column), "null".to_owned())));
        written.tuple = format!("({})", values.join(", "));
        written
    }

    /// `(?, ?), (?, ?)`: the values of so many rows.
    pub(super) fn tuples(&self, rows: usize) -> String {
        vec![self.tuple.as_str(); rows].join(", ")
    }

    /// What an insert of this row binds, in order.
    pub(super) fn inserted<'a>(
        &'a self,
        planned: &'a PlannedRow<'_>,
    ) -> impl Iterator<Item = (&'a Value, Storage)> {
        let mapped = planned.row.iter().zip(self.mapped.iter().copied());
        mapped.chain(
            self.fills.iter().filter_map(|(position, storage)| {
                planned.fills.get(*position).map(|value| (value, *storage))
            }),
        )
    }

    /// What an update to this row binds, in the order of [`Written::set`].
    #[cfg(feature = "mysql")]
    pub(super) fn updated<'a>(
        &'a self,
        planned: &'a PlannedRow<'_>,
    ) -> impl Iterator<Item = (&'a Value, Storage)> {
        let mapped = planned.row.iter().zip(self.mapped.iter().copied()).enumerate();
        mapped.filter(|(position, _)| *position != self.key).map(|(_, value)| value)
    }
}
