//! The query part of a request, and forms, which are written alike.

use std::convert::Infallible;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::refusal::Refusal;

/// Decoded pairs, in their order; a repeated key is an array.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

/// Values Clerk takes in one array.
const MAX_VALUES: usize = 100;

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        Self::parse_bytes(text.as_bytes())
    }

    /// Bytes that are no text become replacement characters.
    pub(crate) fn parse_bytes(bytes: &[u8]) -> Self {
        Self { pairs: url::form_urlencoded::parse(bytes).into_owned().collect() }
    }

    /// The first value of this name, trimmed; `None` if it is empty.
    pub(crate) fn filled(&self, name: &str) -> Option<String> {
        self.first(name).map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let matches = |key: &str| key == name || key.strip_suffix("[]") == Some(name);
        let values: Vec<_> =
            self.pairs.iter().filter(|(key, _)| matches(key)).map(|(_, value)| value.clone()).collect();
        if values.len() > MAX_VALUES {
            return Err(Refusal::bad_value(name, format!("{name} takes at most {MAX_VALUES} values.")));
        }
        Ok(values)
    }

    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        self.parsed(name, "a whole number")
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        self.parsed(name, "true or false")
    }

    fn parsed<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.first(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Refusal::bad_format(name, expected))
    }

    /// `limit` and `offset`. A limit above 500 acts as 10, as it does at Clerk.
    pub(crate) fn page(&self) -> Result<Page, Refusal> {
        let limit = match self.number::<i64>("limit")? {
            None => 10,
            Some(limit) if limit < 1 => return Err(Refusal::bad_value("limit", "limit must be 1 to 500.")),
            Some(limit) if limit > 500 => 10,
            Some(limit) => limit as usize,
        };
        let offset = match self.number::<i64>("offset")? {
            None => 0,
            Some(offset) => usize::try_from(offset)
                .map_err(|_| Refusal::bad_value("offset", "offset must not be negative."))?,
        };
        Ok(Page { limit, offset })
    }
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) limit: usize,
    pub(crate) offset: usize,
}

impl Page {
    pub(crate) fn of<T>(self, all: impl IntoIterator<Item = T>) -> Vec<T> {
        all.into_iter().skip(self.offset).take(self.limit).collect()
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_above_500_act_as_10() {
        let limit = |text| Query::parse(text).page().map(|page| page.limit);
        assert_eq!(limit("").unwrap(), 10);
        assert_eq!(limit("limit=500").unwrap(), 500);
        assert_eq!(limit("limit=501").unwrap(), 10);
        assert_eq!(limit("limit=0").unwrap_err().status(), 422);
        assert_eq!(limit("limit=ten").unwrap_err().param(), Some("limit"));
    }

    #[test]
    fn a_raw_plus_is_a_space_and_an_encoded_one_a_plus() {
        assert_eq!(Query::parse("order_by=+created_at").first("order_by"), Some(" created_at"));
        assert_eq!(Query::parse("order_by=%2Bcreated_at").first("order_by"), Some("+created_at"));
    }
}
