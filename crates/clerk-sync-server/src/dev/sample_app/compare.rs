//! One user in Clerk beside its row: where do they differ?

use clerk_sync::mapping::{Column, Mapping, Source, Value};

use super::people::Person;
use super::view::{ColumnView, Parity, Row, Side};

const NO_NAME: &str = "(no name)";

/// How equal a user and its row are, and the row as it is shown. `user`: as Clerk's API shows it.
pub(super) fn compare(
    mapping: &Mapping,
    user: Option<&serde_json::Value>,
    row: Option<&[Value]>,
) -> (Parity, Option<Row>) {
    let wanted = user.and_then(|user| mapping.read_user(user.to_string().as_bytes()).ok());
    let Some(row) = row else { return (Parity::Missing, None) };
    let wanted = wanted.as_ref().map(|wanted| &*wanted.row);
    let shown = show(mapping, row, wanted);
    let sync = match (user, wanted) {
        (None, _) => Parity::OnlyInTable,
        (Some(_), None) => Parity::Unknown,
        _ if shown.columns.iter().any(|column| column.differs) => Parity::Behind,
        _ => Parity::InSync,
    };
    (sync, Some(shown))
}

/// A user of Clerk's as it is shown.
pub(super) fn side(id: &str, person: &Person) -> Side {
    named(id, person.name.clone(), person.email.clone().unwrap_or_default())
}

fn show(mapping: &Mapping, row: &[Value], wanted: Option<&[Value]>) -> Row {
    let columns = mapping.columns().iter().zip(row).enumerate();
    let columns: Vec<_> = columns
        .map(|(position, (column, value))| ColumnView {
            name: column.name.clone(),
            value: text(value),
            // What moves without an update in Clerk is refreshed with other changes only.
            differs: !column.source.is_volatile()
                && wanted.and_then(|wanted| wanted.get(position)).is_some_and(|wanted| wanted != value),
        })
        .collect();
    let find = |is_it: fn(&Source) -> bool| {
        mapping.columns().iter().zip(&columns).find(|(column, _)| is_it(&column.source)).map(|(_, view)| view)
    };
    let names: Vec<_> = match find(|source| *source == Source::FullName) {
        Some(full) => vec![full],
        None => [find(|source| is_field(source, "first_name")), find(|source| is_field(source, "last_name"))]
            .into_iter()
            .flatten()
            .collect(),
    };
    let name = names.iter().filter_map(|name| name.value.as_deref()).collect::<Vec<_>>().join(" ");
    let email = find(|source| *source == Source::PrimaryEmailAddress);
    let id = key(mapping, row);
    Row {
        side: named(id, name, email.and_then(|email| email.value.clone()).unwrap_or_default()),
        name_differs: names.iter().any(|name| name.differs),
        email_differs: email.is_some_and(|email| email.differs),
        columns,
    }
}

/// The id of the user whose row this is.
pub(super) fn key<'a>(mapping: &Mapping, row: &'a [Value]) -> &'a str {
    match row.get(mapping.key_position()) {
        Some(Value::Text(id)) => id,
        _ => "",
    }
}

/// A column that holds when Clerk made the user, read from a row.
pub(super) fn created_at(mapping: &Mapping, row: &[Value]) -> Option<i64> {
    let is_it = |column: &&Column| is_field(&column.source, "created_at");
    let position = mapping.columns().iter().position(|column| is_it(&column))?;
    match row.get(position) {
        Some(Value::Timestamp(ms) | Value::Integer(ms)) => Some(*ms),
        _ => None,
    }
}

fn is_field(source: &Source, field: &str) -> bool {
    matches!(source, Source::Path(path) if path.len() == 1 && path[0] == field)
}

fn text(value: &Value) -> Option<String> {
    match value.to_json() {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

fn named(id: &str, name: String, email: String) -> Side {
    let initials = name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let initials: String = initials.take(2).flat_map(char::to_uppercase).collect();
    let hue = id.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) % 8;
    Side {
        initials: if initials.is_empty() { "?".to_owned() } else { initials },
        name: if name.is_empty() { NO_NAME.to_owned() } else { name },
        email,
        hue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clerk_sync::mapping::MappingSpec;
    use serde_json::json;

    fn ada() -> serde_json::Value {
        json!({
            "id": "user_1",
            "first_name": "Ada",
            "last_name": "Lovelace",
            "primary_email_address_id": "idn_1",
            "email_addresses": [{ "id": "idn_1", "email_address": "ada@example.com" }],
            "created_at": 1_767_225_600_000_i64,
            "updated_at": 1_767_225_600_001_i64,
        })
    }

    #[test]
    fn a_row_made_from_the_user_is_in_sync_and_one_of_before_is_behind() {
        let mapping = Mapping::try_new(MappingSpec::default()).unwrap();
        let row = mapping.read_user(ada().to_string().as_bytes()).unwrap().row;
        let (sync, shown) = compare(&mapping, Some(&ada()), Some(&row));
        let shown = shown.unwrap();
        assert_eq!(sync, Parity::InSync);
        assert_eq!(shown.side, side("user_1", &Person::read(&ada())));
        assert_eq!(created_at(&mapping, &row), Some(1_767_225_600_000));

        let mut renamed = ada();
        renamed["last_name"] = json!("King");
        let (sync, shown) = compare(&mapping, Some(&renamed), Some(&row));
        let shown = shown.unwrap();
        assert_eq!((sync, shown.name_differs, shown.email_differs), (Parity::Behind, true, false));
    }

    #[test]
    fn one_side_alone_is_missing_or_left_over() {
        let mapping = Mapping::try_new(MappingSpec::default()).unwrap();
        let row = mapping.read_user(ada().to_string().as_bytes()).unwrap().row;
        assert_eq!(compare(&mapping, Some(&ada()), None).0, Parity::Missing);
        let (sync, shown) = compare(&mapping, None, Some(&row));
        assert_eq!(sync, Parity::OnlyInTable);
        assert!(shown.unwrap().columns.iter().all(|column| !column.differs));
    }
}
