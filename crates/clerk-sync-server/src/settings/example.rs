//! The settings written down: `config example`, and the table in the README.

use super::definition::{DEFINITIONS, DefaultValue, Definition};
use super::users::{ColumnConfig, UsersConfig};
use super::values::write_duration;

/// How wide comments in the example get.
const WIDTH: usize = 100;

/// The columns of a table that says nothing else.
const DEFAULT_COLUMNS: [(&str, &str); 8] = [
    ("clerk_id", "id"),
    ("email", "primary_email_address"),
    ("username", "username"),
    ("first_name", "first_name"),
    ("last_name", "last_name"),
    ("image_url", "image_url"),
    ("created_at", "created_at"),
    ("updated_at", "updated_at"),
];

/// `config example`: a settings file with everything in it, commented out, at its default.
///
/// Words are comments with `# `; what takes effect once uncommented begins with a bare `#`.
#[must_use]
pub fn example() -> String {
    let mut text = String::from(
        "# clerk-sync.toml: every setting, each at its default.\n\
         # Remove the # in front of a setting to change it. Flags and the environment come before this file;\n\
         # the environment uses the same names. An empty text means: not set.\n",
    );
    for definition in DEFINITIONS {
        text.push('\n');
        push_comment(&mut text, &definition.doc.replace('`', ""));
        push_comment(&mut text, &remarks(definition).replace('`', ""));
        let value = match definition.default {
            DefaultValue::Text(value) => value,
            DefaultValue::Described(_) => "",
        };
        text.push_str(&format!("#{} = {}\n", definition.name, quoted(value)));
        if let Some(name) = definition.file_name() {
            text.push_str(&format!("#{name} = \"\"\n"));
        }
    }
    text.push_str(
        "\n# The table that is kept equal to Clerk. It stands below all settings above: TOML puts whatever follows\n\
         # a [table] into it.\n\
         #[users]\n",
    );
    let users = UsersConfig::default();
    push_comment(&mut text, "Its name; schema-qualified is fine (app.users).");
    text.push_str(&format!("#table = {}\n", quoted(&users.table)));
    push_comment(&mut text, "false adopts the table that is there, and never alters it.");
    text.push_str(&format!("#create = {}\n", users.create));
    push_comment(
        &mut text,
        "What happens to the row of a deleted user: delete, mark (sets deleted_at), anonymize (see [users.anonymize]) or \
         keep. Whatever it is, the user stays deleted for clerk-sync.",
    );
    text.push_str(&format!("#on_delete = {}\n", quoted(users.on_delete.as_str())));
    push_comment(
        &mut text,
        "What happens instead where rows of other tables refer to it and the database refuses to delete it: mark, \
         anonymize or keep. Without it such a row waits until it can go, and a dead letter says for what. And the column that \
         mark sets (anonymize too, if it is named), unless it is deleted_at:",
    );
    text.push_str("# on_delete_refused = \"mark\"\n# deleted_at = \"removed_at\"\n");
    push_comment(
        &mut text,
        "For how long delete or anonymize is held back, in which clerk-sync deletions cancel takes it back. The user is \
         deleted at once for clerk-sync and for sign-in checks; the row is marked meanwhile, if deleted_at is named. \
         Without it nothing is held back:",
    );
    text.push_str("# delete_after = \"7d\"\n");
    push_comment(
        &mut text,
        "With create = false: whose a row is that was there before. Where a user has no row yet, the row of nobody (its id's \
         column is null) becomes the user's whose link_column holds Clerk's external_id; never where several do. With \
         verified_email it holds the primary e-mail address that Clerk has verified: only for tables whose own addresses \
         were verified too. Without link_column it is the column that is mapped from it.",
    );
    text.push_str("# link = \"external_id\"\n# link_column = \"id\"\n");
    push_comment(
        &mut text,
        "Clerk's private_metadata and unsafe_metadata are stored only if they are named here.",
    );
    text.push_str("#allow = []\n");
    text.push('\n');
    push_comment(
        &mut text,
        "Your column = where it comes from in Clerk's user, by a dotted path. These are the default ones. There are \
         also primary_email_verified, primary_phone_number, primary_web3_wallet and full_name. A column can have a \
         type (text, integer, boolean, timestamp, json), a default where Clerk has nothing, and overflow = \
         \"truncate\" to cut a text that is too long. A timestamp in a column without a type for it has a format (ms, \
         s, iso, sql):",
    );
    text.push_str("# plan = { from = \"public_metadata.plan\", type = \"text\", default = \"free\" }\n");
    text.push_str("# joined = { from = \"created_at\", format = \"s\" }\n");
    push_comment(
        &mut text,
        "A column that is not Clerk's: the same in every row (value), or given when the row is made and the app's own \
         from then on: initial, or generate with uuid7, cuid2, nanoid, clerk_id or now (with refresh = true: the \
         moment of the last write):",
    );
    text.push_str("# id = { generate = \"uuid7\" }\n# role = { initial = \"member\" }\n");
    text.push_str("# updated = { generate = \"now\", refresh = true }\n");
    text.push_str("#[users.columns]\n");
    for (name, from) in DEFAULT_COLUMNS {
        text.push_str(&format!("#{name} = {}\n", quoted(from)));
    }
    text.push('\n');
    push_comment(
        &mut text,
        "Which claims of a session token fill which of these columns while Clerk cannot be asked, by a dotted path. The \
         id is always the claim sub; columns without a claim are null until Clerk answers. Without this table no row \
         is made from claims, and a user without a row waits for Clerk:",
    );
    text.push_str("# [users.claims]\n# email = \"email\"\n");
    text.push('\n');
    push_comment(
        &mut text,
        "What columns become when a row is anonymized; those that are not named become null, and the id stays. {id} stands \
         for the user's id at Clerk:",
    );
    text.push_str("# [users.anonymize]\n# email = \"{id}@deleted.invalid\"\n");
    text
}

/// The table of all settings for the README, in Markdown.
#[must_use]
pub fn settings_table() -> String {
    let mut text = String::from("| setting | default | flag | what it is |\n|---|---|---|---|\n");
    for definition in DEFINITIONS {
        let default = match definition.default {
            DefaultValue::Text(value) => format!("`{value}`"),
            DefaultValue::Described(words) => words.to_owned(),
        };
        let flag = definition.flag().map(|flag| format!("`--{flag}`")).unwrap_or_default();
        let mut doc = definition.doc.to_owned();
        if let Some(name) = definition.file_name() {
            doc.push_str(&format!(" Secret; also as `{name}`."));
        }
        text.push_str(&format!("| `{}` | {default} | {flag} | {doc} |\n", definition.name));
    }
    text
}

/// `[users]` as a file would have it, with what holds now.
pub(super) fn users_section(users: &UsersConfig) -> String {
    let allow: Vec<String> = users.allow.iter().map(|allow| quoted(allow.as_str())).collect();
    let mut text = format!(
        "\n[users]\ntable = {}\ncreate = {}\non_delete = {}\n",
        quoted(&users.table),
        users.create,
        quoted(users.on_delete.as_str()),
    );
    if let Some(refused) = users.on_delete_refused {
        text.push_str(&format!("on_delete_refused = {}\n", quoted(refused.as_str())));
    }
    if let Some(after) = users.delete_after {
        text.push_str(&format!("delete_after = {}\n", quoted(&write_duration(Some(after)))));
    }
    if let Some(column) = &users.deleted_at {
        text.push_str(&format!("deleted_at = {}\n", quoted(column)));
    }
    if let Some(link) = users.link {
        text.push_str(&format!("link = {}\n", quoted(link.name())));
    }
    if let Some(column) = &users.link_column {
        text.push_str(&format!("link_column = {}\n", quoted(column)));
    }
    text.push_str(&format!("allow = [{}]\n\n[users.columns]\n", allow.join(", ")));
    match &users.columns {
        Some(columns) => columns.iter().for_each(|column| push_column(&mut text, column)),
        None => {
            for (name, from) in DEFAULT_COLUMNS {
                text.push_str(&format!("{name} = {}\n", quoted(from)));
            }
        }
    }
    if !users.anonymize.is_empty() {
        text.push_str("\n[users.anonymize]\n");
        for replacement in &users.anonymize {
            let value = toml_value(&replacement.value.to_json());
            text.push_str(&format!("{} = {value}\n", quoted(&replacement.column)));
        }
    }
    if !users.claims.is_empty() {
        text.push_str("\n[users.claims]\n");
        for claim in &users.claims {
            text.push_str(&format!("{} = {}\n", quoted(&claim.column), quoted(&claim.claim)));
        }
    }
    text
}

fn push_column(text: &mut String, column: &ColumnConfig) {
    let name = quoted(&column.name);
    let fields = column.content.fields();
    if let (1, Some(serde_json::Value::String(from))) = (fields.len(), fields.get("from")) {
        return text.push_str(&format!("{name} = {}\n", quoted(from)));
    }
    let fields = fields.iter().map(|(key, value)| format!("{key} = {}", toml_value(value)));
    text.push_str(&format!("{name} = {{ {} }}\n", fields.collect::<Vec<_>>().join(", ")));
}

fn remarks(definition: &Definition) -> String {
    let mut remarks = Vec::new();
    if let DefaultValue::Described(words) = definition.default {
        remarks.push(format!("Default: {words}."));
    }
    if let Some(name) = definition.file_name() {
        remarks.push(format!("Secret: {name} names a file to read it from instead."));
    }
    remarks.join(" ")
}

fn quoted(value: &str) -> String {
    toml::Value::from(value).to_string()
}

/// Comment lines of at most [`WIDTH`] characters.
fn push_comment(text: &mut String, words: &str) {
    let mut line = String::new();
    for word in words.split_whitespace() {
        if !line.is_empty() && line.len() + word.len() + 3 > WIDTH {
            text.push_str(&format!("# {line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        text.push_str(&format!("# {line}\n"));
    }
}

fn toml_value(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => quoted(text),
        value => value.to_string(),
    }
}
