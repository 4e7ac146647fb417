//! Reading the members of a JSON body one by one, and refusing what is left.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::refusal::Refusal;

/// Each metadata document.
const MAX_METADATA_BYTES: usize = 8 * 1024;

/// The members of a body that nobody has read yet.
#[derive(Debug)]
pub(crate) struct Form {
    members: Map<String, Value>,
}

impl Form {
    pub(crate) fn new(members: Map<String, Value>) -> Self {
        Self { members }
    }

    fn take<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<Option<T>>, Refusal> {
        match self.members.remove(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(value) => match read(&value) {
                Some(value) => Ok(Some(Some(value))),
                None => Err(Refusal::bad_format(name, expected)),
            },
        }
    }

    /// Absent, null or text.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<Option<String>>, Refusal> {
        self.take(name, "a string", |value| value.as_str().map(str::to_owned))
    }

    pub(crate) fn required_text(&mut self, name: &str) -> Result<String, Refusal> {
        let text = self.text(name)?.flatten().filter(|text| !text.is_empty());
        text.ok_or_else(|| Refusal::missing_param(name))
    }

    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<String>, Refusal> {
        let read = |value: &Value| {
            let texts = value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned));
            texts.collect::<Option<Vec<_>>>()
        };
        Ok(self.take(name, "an array of strings", read)?.flatten().unwrap_or_default())
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, Refusal> {
        Ok(self.take(name, "true or false", Value::as_bool)?.flatten())
    }

    pub(crate) fn integer(&mut self, name: &str) -> Result<Option<Option<i64>>, Refusal> {
        self.take(name, "a whole number", Value::as_i64)
    }

    /// An RFC 3339 time as milliseconds.
    pub(crate) fn time(&mut self, name: &str) -> Result<Option<Option<i64>>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let Some(text) = text else { return Ok(Some(None)) };
        let time = OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| Refusal::bad_time(name))?;
        let ms = i64::try_from(time.unix_timestamp_nanos() / 1_000_000);
        ms.map(|ms| Some(Some(ms))).map_err(|_| Refusal::bad_time(name))
    }

    /// A metadata document; null is an empty one.
    pub(crate) fn metadata(&mut self, name: &str) -> Result<Option<Map<String, Value>>, Refusal> {
        let document = self.take(name, "a JSON object", |value| value.as_object().cloned())?;
        let Some(document) = document.map(Option::unwrap_or_default) else { return Ok(None) };
        if serde_json::to_vec(&document).map_or(0, |bytes| bytes.len()) > MAX_METADATA_BYTES {
            let long = format!("{name} must not be larger than {MAX_METADATA_BYTES} bytes.");
            let refusal = Refusal::new(422, "form_param_max_length_exceeded", "exceeds maximum length", long);
            return Err(refusal.about(name));
        }
        Ok(Some(document))
    }

    /// A JSON object.
    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Map<String, Value>>, Refusal> {
        Ok(self.take(name, "a JSON object", |value| value.as_object().cloned())?.flatten())
    }

    /// Takes members that mean something at Clerk but nothing here.
    pub(crate) fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.members.remove(*name);
        }
    }

    pub(crate) fn finish(self) -> Result<(), Refusal> {
        match self.members.keys().next() {
            Some(name) => Err(Refusal::unknown_param(name)),
            None => Ok(()),
        }
    }
}
