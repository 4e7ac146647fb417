//! From the claims of a session token to a row, for the time in which Clerk cannot be asked.

use super::{
    Column, Kind, MappedUser, Mapping, MappingError, Row, Storage, Value, read,
    source::{self, InvalidSource, Source},
    value,
};
use crate::user_id::UserId;
use serde_json::{Map, Value as Json};

/// The claim that holds the user's id.
const SUBJECT: &str = "sub";
/// Far more than fits into the cookie that a token travels in. Nothing larger is worth a look.
const MAX_VALUE_BYTES: usize = 16 * 1024;

/// A column and the claim that fills it in a provisional row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimColumn {
    /// The column's name.
    pub column: String,
    /// The claim's path, written like a [`Source`]: `email`, `metadata.plan`.
    pub claim: String,
}

/// Why claims make no row. Holds no value of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// They are another user's, or nobody's.
    #[error("the claim sub is not the user's id")]
    Subject,
    /// They do not say when they were issued.
    #[error("the claim iat is missing or no plausible number of seconds")]
    IssuedAt,
}

/// The paths of the claims, one for each column; `None` leaves it null.
#[derive(Debug, Clone)]
pub(super) struct Claims {
    paths: Vec<Option<Vec<String>>>,
}

impl Claims {
    /// Checks `[users.claims]`. `None` where it says nothing.
    pub(super) fn try_new(
        wanted: &[ClaimColumn],
        columns: &[Column],
        dropped: &[&str],
    ) -> Result<Option<Self>, MappingError> {
        if wanted.is_empty() {
            return Ok(None);
        }
        let mut paths = vec![None; columns.len()];
        for ClaimColumn { column: name, claim } in wanted {
            let position = columns.iter().position(|column| column.name == *name);
            let Some(position) = position else { return Err(MappingError::ClaimColumn(name.clone())) };
            let invalid = |error: InvalidSource| MappingError::Claim(name.clone(), claim.clone(), error);
            let path = source::split_path(claim).map_err(invalid)?;
            if columns[position].source.is_id() {
                if claim != SUBJECT {
                    return Err(MappingError::ClaimKey(name.clone()));
                }
                continue;
            }
            let place = Source::Path(path.clone());
            if let Some(document) = place.guarded().filter(|document| dropped.contains(document)) {
                let (column, document) = (name.clone(), document.to_owned());
                return Err(MappingError::Guarded { column, document });
            }
            if paths[position].replace(path).is_some() {
                return Err(MappingError::ClaimTwice(name.clone()));
            }
        }
        Ok(Some(Self { paths }))
    }
}

impl Mapping {
    /// The user as the claims of its verified session describe it, changed last when they were issued. `None` where
    /// the mapping names no claims. A claim that is missing, or that its column cannot hold, leaves the column null:
    /// this row only bridges the time until Clerk can be asked.
    ///
    /// # Errors
    /// See [`ClaimsError`].
    pub fn read_claims(
        &self,
        user: &UserId,
        claims: &Map<String, Json>,
    ) -> Option<Result<MappedUser, ClaimsError>> {
        let paths = &self.claims.as_ref()?.paths;
        if claims.get(SUBJECT).and_then(Json::as_str) != Some(user.as_str()) {
            return Some(Err(ClaimsError::Subject));
        }
        let issued_at = claims.get("iat").and_then(Json::as_i64).and_then(|iat| iat.checked_mul(1_000));
        let Some(issued_at) = issued_at.filter(|ms| *ms > 0 && read::is_storable(*ms)) else {
            return Some(Err(ClaimsError::IssuedAt));
        };
        let columns = self.columns().iter().zip(paths).zip(self.storages());
        let row: Row = columns
            .map(|((column, path), storage)| match (path, &column.source) {
                _ if column.source.is_id() => Value::Text(user.as_str().to_owned()),
                (_, Source::Constant(value)) => value.clone(),
                (Some(path), _) => column.or_default(self.claim(column, *storage, path, claims)),
                (None, _) => column.or_default(Value::Null),
            })
            .collect();
        let digest = value::digest(self.columns(), &row);
        Some(Ok(MappedUser {
            id: user.clone(),
            updated_at: issued_at,
            created_at: None,
            link: None,
            row,
            digest,
        }))
    }

    fn claim(&self, column: &Column, storage: Storage, path: &[String], claims: &Map<String, Json>) -> Value {
        let Some(claim) = follow(claims, path).filter(|claim| !claim.is_null()) else { return Value::Null };
        let fitted = self.fit(claim, column.kind).and_then(|value| storage.fit(value, column.overflow).ok());
        match fitted {
            Some(value) => value,
            None => {
                tracing::warn!(
                    column = column.name,
                    claim = path.join("."),
                    "a claim does not fit its column, which stays null"
                );
                Value::Null
            }
        }
    }

    fn fit(&self, claim: &Json, kind: Kind) -> Option<Value> {
        let raw = serde_json::value::to_raw_value(claim).ok()?;
        if raw.get().len() > MAX_VALUE_BYTES {
            return None;
        }
        read::convert(&raw, kind, &self.dropped).ok()
    }
}

/// Follows a path through objects by name and arrays by position.
fn follow<'a>(claims: &'a Map<String, Json>, path: &[String]) -> Option<&'a Json> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(claims.get(first)?, |current, segment| match current {
        Json::Object(fields) => fields.get(segment),
        Json::Array(elements) => elements.get(segment.parse::<usize>().ok()?),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
