//! From `[users]` to the mapping.

use crate::settings::{
    ColumnConfig, ColumnContent, ColumnKind, Literal, Loaded, Problem, Source, UsersConfig,
};
use clerk_sync::mapping::{
    ClaimColumn, Column, DeletionSpec, Fill, FillContent, Kind, LinkSpec, Mapping, MappingError, MappingSpec,
    OnDelete, Source as ColumnSource, TableName, Value, read_literal,
};

/// Checks `[users]`; what is wrong is added to the problems.
pub(crate) fn mapping(loaded: &mut Loaded) -> Option<Mapping> {
    let users = loaded.settings()?.users.clone();
    match mapping_of(&users) {
        Ok(mapping) => Some(mapping),
        Err(problem) => {
            loaded.problems.push(problem);
            None
        }
    }
}

/// The mapping that `[users]` describes.
pub(crate) fn mapping_of(users: &UsersConfig) -> Result<Mapping, Problem> {
    Mapping::try_new(spec(users)?).map_err(|error| {
        let key = match error {
            MappingError::NothingToLink | MappingError::LinkFromClaims | MappingError::NoLinkColumn(_) => {
                "link"
            }
            MappingError::LinkIsKey(_) => "link_column",
            MappingError::NothingHeldBack => "delete_after",
            MappingError::NothingMarks | MappingError::DeletedAtIsMapped(_) => "deleted_at",
            MappingError::RefusedAgain | MappingError::NeverRefused => "on_delete_refused",
            _ => "columns",
        };
        Problem::at(users.source_of(key), error.to_string())
    })
}

fn spec(users: &UsersConfig) -> Result<MappingSpec, Problem> {
    let default = MappingSpec::default();
    let table = TableName::parse(&users.table)
        .map_err(|error| Problem::at(users.source_of("table"), format!("[users] table: {error}")))?;
    let (mut columns, mut fills) = (Vec::new(), Vec::new());
    for column in users.columns.iter().flatten() {
        match read(users, column)? {
            Read::Column(column) => columns.push(column),
            Read::Fill(fill) => fills.push(fill),
        }
    }
    if users.columns.is_none() {
        columns = default.columns;
    }
    let replacements = users.anonymize.iter().map(|replacement| {
        let kind = columns.iter().find(|column| column.name == replacement.column).map(|column| column.kind);
        let value = value(&replacement.value, kind).ok_or_else(|| {
            let message = format!("[users.anonymize] {}: it is not of the column's type", replacement.column);
            Problem::at(users.source_of("anonymize"), message)
        })?;
        Ok((replacement.column.clone(), value))
    });
    let deletion = DeletionSpec {
        on_delete: on_delete(users.on_delete),
        on_refused: users.on_delete_refused.map(on_delete),
        delete_after: users.delete_after,
        deleted_at: users.deleted_at.clone(),
        replacements: replacements.collect::<Result<_, Problem>>()?,
    };
    if let (None, Some(column)) = (users.link, &users.link_column) {
        let message = format!(
            "[users] link_column = {column:?} needs link, which says what the column tells: external_id or \
             verified_email"
        );
        return Err(Problem::at(users.source_of("link_column"), message));
    }
    let link = users.link.map(|by| LinkSpec { by, column: users.link_column.clone() });
    let allow = users.allow.iter().map(|allowed| allowed.as_str().to_owned()).collect();
    let claims = users
        .claims
        .iter()
        .map(|claim| ClaimColumn { column: claim.column.clone(), claim: claim.claim.clone() });
    let claims = claims.collect();
    Ok(MappingSpec { table, create: users.create, deletion, columns, fills, link, allow, claims })
}

fn on_delete(setting: crate::settings::OnDelete) -> OnDelete {
    match setting {
        crate::settings::OnDelete::Delete => OnDelete::Delete,
        crate::settings::OnDelete::Mark => OnDelete::Mark,
        crate::settings::OnDelete::Anonymize => OnDelete::Anonymize,
        crate::settings::OnDelete::Keep => OnDelete::Keep,
    }
}

enum Read {
    Column(Column),
    Fill(Fill),
}

fn read(users: &UsersConfig, column: &ColumnConfig) -> Result<Read, Problem> {
    let problem = |message: String| {
        let source = match &users.path {
            Some(path) => Source::File { path: path.clone(), line: column.line },
            None => users.source_of("columns"),
        };
        Problem::at(source, format!("[users.columns] {}{message}", column.name))
    };
    let name = column.name.clone();
    let fill = |content| Ok(Read::Fill(Fill { name: name.clone(), content }));
    match &column.content {
        ColumnContent::From(clerk) => {
            let source = ColumnSource::parse(&clerk.from)
                .map_err(|error| problem(format!(" = {:?}: {error}", clerk.from)))?;
            let mut read = Column::new(&name, source);
            read.kind = clerk.kind.map_or(read.kind, kind_of);
            read.overflow = clerk.overflow;
            read.format = clerk.format;
            if let Some(default) = &clerk.default {
                let value = value(default, Some(read.kind))
                    .ok_or_else(|| problem(format!(": its default is no {}", read.kind)))?;
                read.default = Some(value);
            }
            if read.format.is_some() && read.kind != Kind::Timestamp {
                return Err(problem(format!(
                    ": format is for type = \"timestamp\", and its type is {}",
                    read.kind
                )));
            }
            Ok(Read::Column(read))
        }
        ColumnContent::Value(literal, kind) => {
            let kind = kind.map(kind_of);
            let value =
                value(literal, kind).ok_or_else(|| problem(": its value is not of its type".to_owned()))?;
            Ok(Read::Column(Column::new(&name, ColumnSource::Constant(value))))
        }
        ColumnContent::Initial(literal, kind) => {
            let kind = kind.map(kind_of);
            let value = value(literal, kind)
                .ok_or_else(|| problem(": its initial value is not of its type".to_owned()))?;
            fill(FillContent::Value(value))
        }
        ColumnContent::Generate(generator) => fill(FillContent::Generated(*generator)),
        ColumnContent::Now { refresh } => fill(FillContent::Now { refresh: *refresh }),
    }
}

/// A value of this kind, or of the kind that it has by itself; `None` where it is none.
fn value(literal: &Literal, kind: Option<Kind>) -> Option<Value> {
    let (json, own) = match literal {
        Literal::Text(text) => (serde_json::Value::from(text.as_str()), Kind::Text),
        Literal::Integer(number) => (serde_json::Value::from(*number), Kind::Integer),
        Literal::Boolean(truth) => (serde_json::Value::from(*truth), Kind::Boolean),
    };
    let kind = kind.unwrap_or(own);
    // A document is written in quotes: TOML has no other way to say null, or a list of lists.
    let json = match (kind, literal) {
        (Kind::Json, Literal::Text(text)) => serde_json::from_str(text).ok()?,
        _ => json,
    };
    read_literal(&json, kind)
}

fn kind_of(kind: ColumnKind) -> Kind {
    match kind {
        ColumnKind::Text => Kind::Text,
        ColumnKind::Integer => Kind::Integer,
        ColumnKind::Boolean => Kind::Boolean,
        ColumnKind::Timestamp => Kind::Timestamp,
        ColumnKind::Json => Kind::Json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::FromClerk;
    use clerk_sync::mapping::LinkBy;
    use rstest::rstest;

    fn text(text: &str) -> Literal {
        Literal::Text(text.to_owned())
    }

    fn problem(content: ColumnContent) -> Option<String> {
        let key = ColumnContent::From(FromClerk { from: "id".to_owned(), ..FromClerk::default() });
        let column = |name: &str, content| ColumnConfig { name: name.to_owned(), content, line: 2 };
        let columns = vec![column("clerk_id", key), column("x", content)];
        spec(&UsersConfig { columns: Some(columns), ..UsersConfig::default() })
            .err()
            .map(|problem| problem.to_string())
    }

    #[rstest]
    #[case(text("free"), None, Some(Value::Text("free".to_owned())))]
    #[case(text("free"), Some(Kind::Integer), None)]
    #[case(Literal::Integer(7), None, Some(Value::Integer(7)))]
    #[case(Literal::Integer(7), Some(Kind::Timestamp), Some(Value::Timestamp(7)))]
    #[case(
        text("2026-01-02T00:00:00.555Z"),
        Some(Kind::Timestamp),
        Some(Value::Timestamp(1_767_312_000_555))
    )]
    #[case(text("yesterday"), Some(Kind::Timestamp), None)]
    #[case(Literal::Boolean(true), None, Some(Value::Boolean(true)))]
    #[case(Literal::Boolean(true), Some(Kind::Integer), None)]
    #[case(text("{\"b\": 1, \"a\": []}"), Some(Kind::Json), Some(Value::Json("{\"a\":[],\"b\":1}".to_owned())))]
    #[case(text("{"), Some(Kind::Json), None)]
    fn literals_become_values_of_their_type(
        #[case] literal: Literal,
        #[case] kind: Option<Kind>,
        #[case] expected: Option<Value>,
    ) {
        assert_eq!(value(&literal, kind), expected);
    }

    #[test]
    fn a_default_is_of_its_columns_type() {
        let clerk =
            |from: &str, default| FromClerk { from: from.to_owned(), default, ..FromClerk::default() };
        assert_eq!(problem(ColumnContent::From(clerk("username", Some(text("nobody"))))), None);
        let wrong = problem(ColumnContent::From(clerk("banned", Some(text("no"))))).unwrap();
        assert!(wrong.ends_with("[users.columns] x: its default is no boolean"), "{wrong}");
        let format =
            FromClerk { format: Some(clerk_sync::mapping::MomentFormat::Seconds), ..clerk("username", None) };
        let wrong = problem(ColumnContent::From(format)).unwrap();
        assert!(wrong.contains("format is for type = \"timestamp\""), "{wrong}");
    }

    #[rstest]
    #[case(false, None, Some("id"), "link_column", "needs link")]
    #[case(false, Some(LinkBy::ExternalId), None, "link", "link_column = \"id\"")]
    #[case(true, Some(LinkBy::ExternalId), Some("id"), "link", "create = false")]
    #[case(false, Some(LinkBy::ExternalId), Some("clerk_id"), "link_column", "clerk_id")]
    fn a_link_that_cannot_work_is_told_where_it_stands(
        #[case] create: bool,
        #[case] link: Option<LinkBy>,
        #[case] link_column: Option<&str>,
        #[case] key: &str,
        #[case] told: &str,
    ) {
        let users = UsersConfig {
            create,
            link,
            link_column: link_column.map(str::to_owned),
            path: Some("c.toml".into()),
            lines: [(key.to_owned(), 7)].into(),
            ..UsersConfig::default()
        };
        let problem = mapping_of(&users).unwrap_err().to_string();
        assert!(problem.starts_with("c.toml:7: [users] link") && problem.contains(told), "{problem}");
    }

    #[test]
    fn what_cannot_be_held_back_is_told_where_it_stands() {
        let users = UsersConfig {
            on_delete: crate::settings::OnDelete::Keep,
            delete_after: Some(std::time::Duration::from_secs(60)),
            path: Some("c.toml".into()),
            lines: [("delete_after".to_owned(), 3)].into(),
            ..UsersConfig::default()
        };
        let problem = mapping_of(&users).unwrap_err().to_string();
        assert!(problem.starts_with("c.toml:3: [users] delete_after"), "{problem}");
    }
}
