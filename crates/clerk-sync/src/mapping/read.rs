//! Reads mapped values from the captured fields of Clerk's user.

use super::{
    Column, Kind, Link, LinkBy, Row, Source, Storage, Value,
    json::{self, JsonError},
    link,
    source::{GUARDED, PUBLIC_METADATA},
};
use crate::user_id::UserId;
use serde::Deserialize;
use serde_json::value::RawValue;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The range of moments that every database can hold: years 1000 to 9999, in Unix ms.
const FIRST_MS: i64 = -30_610_224_000_000;
const LAST_MS: i64 = 253_402_300_799_999;

/// Why a user object could not be read. Holds no value of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or a mapped field is not valid JSON text.
    #[error("it is not valid JSON, or a mapped field is not valid Unicode text")]
    NotJson,
    /// No usable `id`.
    #[error("it has no usable id")]
    NoId,
    /// No usable `updated_at`.
    #[error("its updated_at is missing or not a whole number of milliseconds")]
    NoUpdatedAt,
    /// A mapped field could not be read.
    #[error("{source_name} for column {column}: {problem}")]
    Field {
        /// The column.
        column: String,
        /// Where its value comes from.
        source_name: String,
        /// What is wrong.
        problem: FieldError,
    },
}

/// What is wrong with one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// See [`JsonError`].
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Another type of value than the column holds.
    #[error("it cannot be stored as {0}")]
    Kind(Kind),
    /// A moment outside the years 1000 to 9999.
    #[error("it lies outside the years 1000 to 9999")]
    Range,
    /// A text that its column cannot hold.
    #[error("it has more than the column's {limit} {unit}")]
    TooLong {
        /// The column's limit.
        limit: u32,
        /// What it counts: characters or bytes.
        unit: &'static str,
    },
    /// A number that its column cannot hold.
    #[error("it lies outside the column's {min} to {max}")]
    OutOfRange {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A text in a column for UUIDs.
    #[error("it is no UUID, which its column holds")]
    NotUuid,
}

/// The fields that every read needs, at fixed places.
const ID: usize = 0;
const UPDATED_AT: usize = 1;
const CREATED_AT: usize = 2;

#[derive(Debug, Clone)]
pub(super) struct Reader {
    wanted: Vec<String>,
    accesses: Vec<Access>,
    link: Option<Access>,
}

/// How a column reaches its value: positions among the captured fields.
#[derive(Debug, Clone)]
enum Access {
    /// `own_document`: it lies in a metadata document, whose keys are the app's, whatever they are called.
    Path {
        field: usize,
        rest: Vec<String>,
        own_document: bool,
    },
    Primary {
        id: usize,
        list: usize,
        part: Part,
    },
    FullName {
        first: usize,
        last: usize,
    },
    Constant(Value),
}

#[derive(Debug, Clone, Copy)]
enum Part {
    EmailAddress,
    EmailVerified,
    /// The address, unless it is not verified.
    VerifiedEmailAddress,
    PhoneNumber,
    Web3Wallet,
}

pub(super) struct Head {
    pub(super) id: UserId,
    pub(super) updated_at: i64,
    pub(super) created_at: Option<i64>,
}

impl Reader {
    pub(super) fn new(columns: &[Column], link: Option<LinkBy>) -> Self {
        let mut wanted = vec!["id".to_owned(), "updated_at".to_owned(), "created_at".to_owned()];
        let mut want = |name: &str| {
            wanted.iter().position(|wanted| wanted == name).unwrap_or_else(|| {
                wanted.push(name.to_owned());
                wanted.len() - 1
            })
        };
        let accesses = columns.iter().map(|column| Access::new(&column.source, &mut want)).collect();
        let link = link.map(|link| Access::of_link(link, &mut want));
        Self { wanted, accesses, link }
    }

    pub(super) fn wanted(&self) -> &[String] {
        &self.wanted
    }

    pub(super) fn head(&self, fields: &[Option<&RawValue>]) -> Result<Head, ReadError> {
        let id = at(fields, ID).and_then(|raw| json::string(raw).ok().flatten());
        let id = id.and_then(|id| UserId::try_new(&id).ok()).ok_or(ReadError::NoId)?;
        let updated_at = at(fields, UPDATED_AT).and_then(json::integer).ok_or(ReadError::NoUpdatedAt)?;
        let created_at = at(fields, CREATED_AT).and_then(json::integer);
        Ok(Head { id, updated_at, created_at })
    }

    pub(super) fn row(
        &self,
        fields: &[Option<&RawValue>],
        columns: &[Column],
        storages: &[Storage],
        dropped: &[&str],
    ) -> Result<Row, ReadError> {
        let places = self.accesses.iter().zip(columns).zip(storages);
        let values = places.map(|((access, column), storage)| {
            let value = access.value(fields, column.kind, dropped).map(|value| column.or_default(value));
            value.and_then(|value| storage.fit(value, column.overflow)).map_err(|problem| ReadError::Field {
                column: column.name.clone(),
                source_name: column.source.to_string(),
                problem,
            })
        });
        values.collect()
    }

    /// What the user's row of before is recognized by.
    pub(super) fn link(
        &self,
        fields: &[Option<&RawValue>],
        link: &Link,
    ) -> Result<Option<Box<str>>, ReadError> {
        let Some(access) = &self.link else { return Ok(None) };
        let value = access.value(fields, Kind::Text, &[]).map_err(|problem| ReadError::Field {
            column: link.column.clone(),
            source_name: link.by.name().to_owned(),
            problem,
        })?;
        Ok(link::text_of(value))
    }
}

/// A captured field; `None` if it is missing or null.
fn at<'a>(fields: &[Option<&'a RawValue>], position: usize) -> Option<&'a RawValue> {
    fields.get(position).copied().flatten().filter(|raw| raw.get() != "null")
}

impl Access {
    fn of_link(link: LinkBy, want: &mut impl FnMut(&str) -> usize) -> Self {
        match link {
            LinkBy::ExternalId => {
                Self::Path { field: want("external_id"), rest: Vec::new(), own_document: false }
            }
            LinkBy::VerifiedEmail => Self::Primary {
                id: want("primary_email_address_id"),
                list: want("email_addresses"),
                part: Part::VerifiedEmailAddress,
            },
        }
    }

    fn new(source: &Source, want: &mut impl FnMut(&str) -> usize) -> Self {
        let (id, list, part) = match source {
            Source::Path(path) => {
                let (first, rest) =
                    path.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
                let own_document = first == PUBLIC_METADATA || GUARDED.contains(&first);
                return Self::Path { field: want(first), rest: rest.to_vec(), own_document };
            }
            Source::Constant(value) => return Self::Constant(value.clone()),
            Source::FullName => return Self::FullName { first: want("first_name"), last: want("last_name") },
            Source::PrimaryEmailAddress => {
                ("primary_email_address_id", "email_addresses", Part::EmailAddress)
            }
            Source::PrimaryEmailVerified => {
                ("primary_email_address_id", "email_addresses", Part::EmailVerified)
            }
            Source::PrimaryPhoneNumber => ("primary_phone_number_id", "phone_numbers", Part::PhoneNumber),
            Source::PrimaryWeb3Wallet => ("primary_web3_wallet_id", "web3_wallets", Part::Web3Wallet),
        };
        Self::Primary { id: want(id), list: want(list), part }
    }

    fn value(&self, fields: &[Option<&RawValue>], kind: Kind, dropped: &[&str]) -> Result<Value, FieldError> {
        match self {
            Self::Path { field, rest, own_document } => {
                let Some(raw) = at(fields, *field) else { return Ok(Value::Null) };
                let dropped = if *own_document { &[] } else { dropped };
                match json::follow(raw, rest)? {
                    Some(raw) => convert(raw, kind, dropped),
                    None => Ok(Value::Null),
                }
            }
            Self::Primary { id, list, part } => {
                let (Some(id), Some(list)) = (at(fields, *id), at(fields, *list)) else {
                    return Ok(Value::Null);
                };
                match primary(id, list)? {
                    Some(primary) => primary.part(*part, kind, dropped),
                    None => Ok(Value::Null),
                }
            }
            Self::Constant(value) => Ok(value.clone()),
            Self::FullName { first, last } => {
                let mut full = String::new();
                for raw in [at(fields, *first), at(fields, *last)].into_iter().flatten() {
                    let name = json::string(raw)?.ok_or(FieldError::Kind(Kind::Text))?;
                    let space = if full.is_empty() || name.is_empty() { "" } else { " " };
                    full.push_str(space);
                    full.push_str(&name);
                }
                if full.is_empty() {
                    return Ok(Value::Null);
                }
                text_as(full, kind)
            }
        }
    }
}

/// One entry of `email_addresses`, `phone_numbers` or `web3_wallets`, as far as it matters here.
#[derive(Deserialize)]
struct Identification<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    email_address: Option<&'a RawValue>,
    #[serde(borrow, default)]
    phone_number: Option<&'a RawValue>,
    #[serde(borrow, default)]
    web3_wallet: Option<&'a RawValue>,
    #[serde(borrow, default)]
    verification: Option<&'a RawValue>,
}

impl Identification<'_> {
    fn part(&self, part: Part, kind: Kind, dropped: &[&str]) -> Result<Value, FieldError> {
        let raw = match part {
            Part::EmailAddress => self.email_address,
            Part::PhoneNumber => self.phone_number,
            Part::Web3Wallet => self.web3_wallet,
            Part::VerifiedEmailAddress if self.is_verified()? => self.email_address,
            Part::VerifiedEmailAddress => None,
            Part::EmailVerified => {
                let verified = if self.is_verified()? { "true" } else { "false" };
                Some(serde_json::from_str(verified).map_err(|_| JsonError::Invalid)?)
            }
        };
        raw.map_or(Ok(Value::Null), |raw| convert(raw, kind, dropped))
    }

    fn is_verified(&self) -> Result<bool, FieldError> {
        let status = self.verification.map(|raw| json::follow(raw, &["status".to_owned()])).transpose()?;
        let status = status.flatten().map(json::string).transpose()?.flatten();
        Ok(status.is_some_and(|status| status == "verified"))
    }
}

/// The entry of `list` whose id is `id`. The order of the list says nothing.
fn primary<'a>(id: &RawValue, list: &'a RawValue) -> Result<Option<Identification<'a>>, FieldError> {
    let id = json::string(id)?;
    let mut unreadable = false;
    for raw in json::elements(list)?.unwrap_or_default() {
        match serde_json::from_str::<Identification<'a>>(raw.get()) {
            Ok(entry) => {
                let entry_id = entry.id.map(json::string).transpose()?.flatten();
                if entry_id.is_some() && entry_id == id {
                    return Ok(Some(entry));
                }
            }
            Err(_) => unreadable = true,
        }
    }
    // Null would blank the column, so only a list that was read whole may say so.
    if unreadable { Err(FieldError::Json(JsonError::Invalid)) } else { Ok(None) }
}

pub(super) fn convert(raw: &RawValue, kind: Kind, dropped: &[&str]) -> Result<Value, FieldError> {
    let text = raw.get();
    if text == "null" {
        return Ok(Value::Null);
    }
    match kind {
        Kind::Text => match json::string(raw)? {
            Some(text) => Ok(Value::Text(text.into_owned())),
            None => Ok(Value::Text(json::canonical(raw, dropped)?)),
        },
        Kind::Json => Ok(Value::Json(json::canonical(raw, dropped)?)),
        Kind::Integer => json::integer(raw).map(Value::Integer).ok_or(FieldError::Kind(kind)),
        Kind::Boolean => match text {
            "true" => Ok(Value::Boolean(true)),
            "false" => Ok(Value::Boolean(false)),
            _ => Err(FieldError::Kind(kind)),
        },
        Kind::Timestamp => {
            let ms = match json::string(raw)? {
                Some(text) => rfc3339_ms(&text),
                None => json::integer(raw),
            };
            timestamp(ms.ok_or(FieldError::Kind(kind))?)
        }
    }
}

/// Whether every database can hold the moment (Unix ms).
pub(super) fn is_storable(ms: i64) -> bool {
    (FIRST_MS..=LAST_MS).contains(&ms)
}

fn timestamp(ms: i64) -> Result<Value, FieldError> {
    if is_storable(ms) { Ok(Value::Timestamp(ms)) } else { Err(FieldError::Range) }
}

fn rfc3339_ms(text: &str) -> Option<i64> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
}

fn text_as(text: String, kind: Kind) -> Result<Value, FieldError> {
    match kind {
        Kind::Text => Ok(Value::Text(text)),
        Kind::Json => {
            serde_json::to_string(&text).map(Value::Json).map_err(|_| FieldError::Json(JsonError::Invalid))
        }
        _ => Err(FieldError::Kind(kind)),
    }
}
