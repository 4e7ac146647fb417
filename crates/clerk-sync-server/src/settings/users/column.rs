//! A column of `[users.columns]`.

use clerk_sync::mapping::{Generator, MomentFormat, Overflow};
use serde_json::{Map, Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::settings::file::in_order;
use crate::settings::nearest::suggestion;

/// A column: `name = "source.path"`, or a table that says more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnConfig {
    /// Its name in the table.
    pub name: String,
    /// What it holds.
    pub content: ColumnContent,
    /// Its line in the file.
    pub line: usize,
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnContent {
    /// A value of Clerk's user.
    From(FromClerk),
    /// `value = ...`: always the same.
    Value(Literal, Option<ColumnKind>),
    /// `initial = ...`: the same when the row is made; the app's own from then on.
    Initial(Literal, Option<ColumnKind>),
    /// `generate = "uuid7"`: an identifier, made with the row.
    Generate(Generator),
    /// `generate = "now"`: the moment in which the row is made, or, with `refresh = true`, written last.
    Now {
        /// Whether every write sets it anew.
        refresh: bool,
    },
}

/// A column that comes from Clerk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FromClerk {
    /// `from`: where its value comes from in Clerk's user.
    pub from: String,
    /// `type`, if the file names one.
    pub kind: Option<ColumnKind>,
    /// `default`: what it holds where Clerk has nothing.
    pub default: Option<Literal>,
    /// `overflow`: what becomes of a text that is too long.
    pub overflow: Overflow,
    /// `format`: how a moment is written into a column that has no type for it.
    pub format: Option<MomentFormat>,
}

/// A value as the file writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// In quotes.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// A point in time.
    Timestamp,
    /// A JSON document.
    Json,
}

impl ColumnKind {
    const ALL: [Self; 5] = [Self::Text, Self::Integer, Self::Boolean, Self::Timestamp, Self::Json];

    /// The word in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Timestamp => "timestamp",
            Self::Json => "json",
        }
    }
}

const KEYS: [&str; 9] =
    ["from", "type", "default", "overflow", "format", "value", "initial", "generate", "refresh"];

/// Reads a column; on failure, what is wrong with it.
pub(super) fn read(name: &str, value: &DeValue<'_>) -> Result<ColumnContent, String> {
    let table = match value {
        DeValue::String(from) if !from.trim().is_empty() => {
            return Ok(ColumnContent::From(FromClerk {
                from: from.trim().to_owned(),
                ..FromClerk::default()
            }));
        }
        DeValue::Table(table) => table,
        _ => {
            return Err(format!(
                "the column {name:?} must say where its value comes from, as in \"email\" = \
                 \"primary_email_address\" or {{ from = \"public_metadata.plan\", type = \"text\" }}"
            ));
        }
    };
    Fields::read(name, table)?.into_content(name)
}

/// What a column's table says, before it is clear what kind of column it is.
#[derive(Default)]
struct Fields {
    from: Option<String>,
    kind: Option<ColumnKind>,
    default: Option<Literal>,
    overflow: Option<Overflow>,
    format: Option<MomentFormat>,
    value: Option<Literal>,
    initial: Option<Literal>,
    /// `None` inside for "now".
    generate: Option<Option<Generator>>,
    refresh: Option<bool>,
}

impl Fields {
    fn read(name: &str, table: &DeTable<'_>) -> Result<Self, String> {
        let mut fields = Self::default();
        for (key, value) in in_order(table) {
            let key: &str = key.get_ref();
            fields.take(name, key, value)?;
        }
        Ok(fields)
    }

    fn take(&mut self, name: &str, key: &str, value: &Spanned<DeValue<'_>>) -> Result<(), String> {
        let what = format!("`{key}` of the column {name:?}");
        let value = value.get_ref();
        match key {
            "from" => {
                let from = value.as_str().map(str::trim).filter(|from| !from.is_empty());
                self.from = Some(from.ok_or_else(|| format!("{what} must be a text in quotes"))?.to_owned());
            }
            "type" => {
                self.kind = Some(super::read::choice(&what, value, ColumnKind::ALL, ColumnKind::as_str)?)
            }
            "default" => self.default = Some(literal(&what, value)?),
            "value" => self.value = Some(literal(&what, value)?),
            "initial" => self.initial = Some(literal(&what, value)?),
            "overflow" => {
                let all = [Overflow::Error, Overflow::Truncate];
                self.overflow = Some(super::read::choice(&what, value, all, overflow_word)?);
            }
            "format" => {
                self.format = Some(super::read::choice(&what, value, MomentFormat::ALL, MomentFormat::name)?);
            }
            "generate" => {
                let [a, b, c, d] = Generator::ALL.map(Some);
                let word = |generator: Option<Generator>| generator.map_or("now", Generator::name);
                self.generate = Some(super::read::choice(&what, value, [a, b, c, d, None], word)?);
            }
            "refresh" => match value {
                DeValue::Boolean(refresh) => self.refresh = Some(*refresh),
                _ => return Err(format!("{what} must be true or false, without quotes")),
            },
            other => {
                let hint = suggestion(other, KEYS, &format!("it knows {}", KEYS.join(", ")));
                return Err(format!("unknown key {other:?} in the column {name:?}{hint}"));
            }
        }
        Ok(())
    }

    fn into_content(self, name: &str) -> Result<ColumnContent, String> {
        let ways =
            [self.from.is_some(), self.value.is_some(), self.initial.is_some(), self.generate.is_some()];
        match ways.into_iter().filter(|way| *way).count() {
            0 => return Err(format!("the column {name:?} lacks `from`, the source of its value")),
            1 => {}
            _ => {
                return Err(format!(
                    "the column {name:?} needs one of from, value, initial and generate, not several"
                ));
            }
        }
        let stray =
            |key: &str, only: &str| Err(format!("`{key}` of the column {name:?} goes with {only} only"));
        if self.from.is_none() {
            for (key, given) in [
                ("default", self.default.is_some()),
                ("overflow", self.overflow.is_some()),
                ("format", self.format.is_some()),
            ] {
                if given {
                    return stray(key, "`from`");
                }
            }
        }
        if self.refresh.is_some() && self.generate != Some(None) {
            return stray("refresh", "generate = \"now\"");
        }
        if self.generate.is_some() && self.kind.is_some() {
            return stray("type", "`from`, `value` and `initial`");
        }
        Ok(match (self.from, self.value, self.initial, self.generate) {
            (Some(from), ..) => {
                let (kind, default, format) = (self.kind, self.default, self.format);
                ColumnContent::From(FromClerk {
                    from,
                    kind,
                    default,
                    overflow: self.overflow.unwrap_or_default(),
                    format,
                })
            }
            (_, Some(value), ..) => ColumnContent::Value(value, self.kind),
            (_, _, Some(initial), _) => ColumnContent::Initial(initial, self.kind),
            (_, _, _, Some(Some(generator))) => ColumnContent::Generate(generator),
            _ => ColumnContent::Now { refresh: self.refresh.unwrap_or_default() },
        })
    }
}

pub(super) fn literal(what: &str, value: &DeValue<'_>) -> Result<Literal, String> {
    let number = |value: &DeValue<'_>| value.as_integer().and_then(|number| number.as_str().parse().ok());
    match value {
        DeValue::String(text) => Ok(Literal::Text(text.to_string())),
        DeValue::Boolean(truth) => Ok(Literal::Boolean(*truth)),
        value => number(value)
            .map(Literal::Integer)
            .ok_or_else(|| format!("{what} must be a text in quotes, a whole number, true or false")),
    }
}

fn overflow_word(overflow: Overflow) -> &'static str {
    match overflow {
        Overflow::Error => "error",
        Overflow::Truncate => "truncate",
    }
}

impl ColumnContent {
    /// The keys and values of its table in the file.
    #[must_use]
    pub fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(key.to_owned(), value);
            }
        };
        let word = |kind: &Option<ColumnKind>| kind.map(|kind| json!(kind.as_str()));
        match self {
            Self::From(clerk) => {
                put("from", Some(json!(clerk.from)));
                put("type", word(&clerk.kind));
                put("default", clerk.default.as_ref().map(Literal::to_json));
                let overflow = (clerk.overflow != Overflow::default()).then_some(clerk.overflow);
                put("overflow", overflow.map(|overflow| json!(overflow_word(overflow))));
                put("format", clerk.format.map(|format| json!(format.name())));
            }
            Self::Value(value, kind) => {
                put("value", Some(value.to_json()));
                put("type", word(kind));
            }
            Self::Initial(value, kind) => {
                put("initial", Some(value.to_json()));
                put("type", word(kind));
            }
            Self::Generate(generator) => put("generate", Some(json!(generator.name()))),
            Self::Now { refresh } => {
                put("generate", Some(json!("now")));
                put("refresh", refresh.then_some(json!(true)));
            }
        }
        fields
    }
}

impl Literal {
    /// The value in JSON.
    pub(in crate::settings) fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Integer(number) => json!(number),
            Self::Boolean(truth) => json!(truth),
        }
    }
}
