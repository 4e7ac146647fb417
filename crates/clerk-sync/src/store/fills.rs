//! Values for the columns that are filled when a row is made.

use super::{StoreError, StoreErrorKind, plan::Plan};
use crate::mapping::{FillContent, Mapping, RANDOM_BYTES, Value};
use aws_lc_rs::rand;

impl Plan<'_> {
    /// Gives every row that may have to be made values for the mapping's fills. Moments are the database's own, and
    /// null here.
    ///
    /// # Errors
    /// Where the operating system gives no randomness.
    pub(super) fn fill(&mut self, mapping: &Mapping) -> Result<(), StoreError> {
        if mapping.fills().is_empty() {
            return Ok(());
        }
        for row in &mut self.rows {
            let fills = mapping.fills().iter().map(|fill| match &fill.content {
                FillContent::Value(value) => Ok(value.clone()),
                FillContent::Now { .. } => Ok(Value::Null),
                FillContent::Generated(generator) => {
                    let created_at = row.created_at.unwrap_or_default();
                    Ok(Value::Text(generator.make(row.user, created_at, random()?)))
                }
            });
            row.fills = fills.collect::<Result<_, StoreError>>()?;
        }
        Ok(())
    }
}

fn random() -> Result<[u8; RANDOM_BYTES], StoreError> {
    let mut random = [0; RANDOM_BYTES];
    rand::fill(&mut random).map_err(|_| {
        StoreError::new(
            StoreErrorKind::Unavailable,
            "making an id for a row",
            "the operating system gives no randomness",
        )
    })?;
    Ok(random)
}
