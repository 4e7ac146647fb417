//! The version of the API a request speaks.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::refusal::Refusal;

use super::query::Query;

/// Oldest first; a request without a version speaks the oldest.
const KNOWN: [&str; 5] = ["2021-02-05", "2024-10-01", "2025-04-10", "2025-11-10", "2026-05-12"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ApiVersion(&'static str);

impl ApiVersion {
    pub(crate) fn of(headers: &HeaderMap, query: &Query) -> Result<Self, Refusal> {
        let header = headers.get("clerk-api-version").map(|value| value.to_str().unwrap_or_default());
        let asked = match (header, query.first("__clerk_api_version")) {
            (Some(_), Some(_)) => {
                return Err(invalid("The API version is given twice, in the header and in the query."));
            }
            (asked, None) | (None, asked) => asked,
        };
        let Some(asked) = asked else { return Ok(Self(KNOWN[0])) };
        let known = KNOWN.iter().find(|known| **known == asked);
        known.copied().map(Self).ok_or_else(|| invalid(&format!("{asked:?} is not a version of the API.")))
    }

    /// Since 2026-05-12 metadata is only changed at its own path.
    pub(crate) fn keeps_metadata_apart(self) -> bool {
        self.0 >= "2026-05-12"
    }
}

fn invalid(long_message: &str) -> Refusal {
    Refusal::new(400, "api_version_invalid", "API version invalid", long_message)
}

/// The gate has put it among the extensions.
impl<S: Sync> FromRequestParts<S> for ApiVersion {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(KNOWN[0])))
    }
}
