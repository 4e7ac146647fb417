//! The settings file, and `[users]` in it.

use super::*;
use clerk_sync::mapping::{Generator, LinkBy, MomentFormat, Overflow};

#[test]
fn takes_texts_numbers_and_lists() {
    let settings = file(
        "CLERK_SYNC_REQUESTS_PER_10S = 50\n\
         CLERK_SYNC_MAX_DELETES = 7\n\
         CLERK_SYNC_ALLOWED_ORIGINS = [\"https://a.example\", \"https://b.example\"]\n\
         CLERK_AUTHORIZED_PARTIES = \"https://c.example\"\n",
    )
    .settings();
    assert_eq!(settings.requests_per_10s, 50);
    assert_eq!(settings.max_deletes, MaxDeletes { count: 7, percent: 0 });
    assert_eq!(settings.allowed_origins.len(), 2);
    assert_eq!(settings.authorized_parties.len(), 1);
}

#[test]
fn mistakes_come_with_their_line() {
    for (text, problem) in [
        (
            "\n\nCLERK_SYNC_LISTEN = \"x\"",
            "CLERK_SYNC_LISTEN (clerk-sync.toml:3) must be an IP address and a port, such as 127.0.0.1:8787 or \
             [::]:8787; it is \"x\"",
        ),
        ("# ü\nlisten = 1", "clerk-sync.toml:2: unknown setting \"listen\": did you mean CLERK_SYNC_LISTEN?"),
        ("[user]\ntable = \"x\"", "clerk-sync.toml:1: unknown setting \"user\": did you mean users?"),
        (
            "frobnicate = \"MARKER\"",
            "clerk-sync.toml:1: unknown setting \"frobnicate\": remove it, or see `clerk-sync config example`",
        ),
        ("CLERK_SYNC_LISTEN = true", "CLERK_SYNC_LISTEN (clerk-sync.toml:1) must be a text in quotes"),
        ("CLERK_SYNC_LISTEN = [\"x\"]", "CLERK_SYNC_LISTEN (clerk-sync.toml:1) must be a text in quotes"),
        (
            "CLERK_AUTHORIZED_PARTIES = [1]",
            "CLERK_AUTHORIZED_PARTIES (clerk-sync.toml:1) must be a list of texts, each in quotes",
        ),
        (
            "CLERK_AUTHORIZED_PARTIES = true",
            "CLERK_AUTHORIZED_PARTIES (clerk-sync.toml:1) must be a text in quotes, or a list of such texts",
        ),
        ("CLERK_SECRET_KEY = 7", "CLERK_SECRET_KEY (clerk-sync.toml:1) must be a text in quotes"),
    ] {
        assert_eq!(file(text).problem(), problem);
    }
}

#[test]
fn broken_toml_is_reported_without_quoting_it() {
    for text in [
        "CLERK_SECRET_KEY = \"sk_test_MARKER",
        "A = 1\nCLERK_SECRET_KEY = sk_test_MARKER\n",
        "CLERK_SECRET_KEY = \"sk_test_MARKER\"\nCLERK_SECRET_KEY = \"sk_test_MARKER\"",
        "sk_test_MARKER",
        "DATABASE_URL = 'postgres://u:MARKER@h/d' x",
        "[users\nMARKER = 1",
    ] {
        let problems = file(text).problems();
        assert!(problems.iter().all(|line| line.starts_with("clerk-sync.toml:")), "{problems:?}");
        assert!(problems.iter().all(|line| line.contains("this is not valid TOML: ")), "{problems:?}");
    }
}

#[test]
fn reads_users() {
    let settings = file(
        "[users]\ntable = \"app.users\"\nallow = [\"private_metadata\"]\n\n[users.columns]\nzebra = \"id\"\n\
         email = \"primary_email_address\"\nplan = { from = \"public_metadata.plan\", type = \"text\" }\n\
         \"Note\" = { from = \"private_metadata.note\" }\n",
    )
    .settings();
    let users = settings.users;
    assert_eq!((users.table.as_str(), users.create, users.on_delete), ("app.users", true, OnDelete::Delete));
    assert_eq!(users.allow, [Allow::PrivateMetadata]);
    let column = |name: &str, from: &str, kind, line| {
        let content = ColumnContent::From(FromClerk { from: from.to_owned(), kind, ..FromClerk::default() });
        ColumnConfig { name: name.to_owned(), content, line }
    };
    // In the order of the file, not of the alphabet.
    assert_eq!(
        users.columns.clone().unwrap(),
        [
            column("zebra", "id", None, 6),
            column("email", "primary_email_address", None, 7),
            column("plan", "public_metadata.plan", Some(ColumnKind::Text), 8),
            column("Note", "private_metadata.note", None, 9),
        ]
    );
    assert_eq!(users.source_of("table").to_string(), "clerk-sync.toml:2");
    assert_eq!(users.source_of("create"), Source::Default);
}

#[test]
fn reads_claims() {
    let users = file(
        "[users]\ntable = \"people\"\n[users.claims]\nemail = \" email \"\n\"Plan\" = \"metadata.plan\"\n",
    )
    .settings()
    .users;
    let claim =
        |column: &str, claim: &str| ClaimConfig { column: column.to_owned(), claim: claim.to_owned() };
    assert_eq!(users.claims, [claim("email", "email"), claim("Plan", "metadata.plan")]);
    assert_eq!(file("").settings().users.claims, []);
}

#[test]
fn reads_columns_that_say_more() {
    let text = "[users.columns]\nid = { generate = \"uuid7\" }\nclerk_id = \"id\"\n\
                plan = { from = \"public_metadata.plan\", default = \"free\", overflow = \"truncate\" }\n\
                joined = { from = \"created_at\", format = \"s\" }\n\
                source = { value = \"clerk\" }\nrole = { initial = 1, type = \"integer\" }\n\
                made = { generate = \"now\" }\nchanged = { generate = \"now\", refresh = true }\n";
    let settings = file(text).settings();
    let contents: Vec<_> =
        settings.users.columns.clone().unwrap().into_iter().map(|column| column.content).collect();
    let clerk = |from: &str| FromClerk { from: from.to_owned(), ..FromClerk::default() };
    let plan = FromClerk {
        default: Some(Literal::Text("free".to_owned())),
        overflow: Overflow::Truncate,
        ..clerk("public_metadata.plan")
    };
    assert_eq!(
        contents,
        [
            ColumnContent::Generate(Generator::Uuid7),
            ColumnContent::From(clerk("id")),
            ColumnContent::From(plan),
            ColumnContent::From(FromClerk { format: Some(MomentFormat::Seconds), ..clerk("created_at") }),
            ColumnContent::Value(Literal::Text("clerk".to_owned()), None),
            ColumnContent::Initial(Literal::Integer(1), Some(ColumnKind::Integer)),
            ColumnContent::Now { refresh: false },
            ColumnContent::Now { refresh: true },
        ]
    );
    // What is printed reads back as the same.
    let printed = crate::settings::example::users_section(&settings.users);
    let again = file(&printed).settings().users.columns.unwrap();
    assert_eq!(again.into_iter().map(|column| column.content).collect::<Vec<_>>(), contents, "{printed}");
}

#[test]
fn columns_that_contradict_themselves_are_refused() {
    for (column, problem) in [
        (
            "{ from = \"a\", value = 1 }",
            "the column \"x\" needs one of from, value, initial and generate, not several",
        ),
        ("{ value = 1, default = 2 }", "`default` of the column \"x\" goes with `from` only"),
        (
            "{ generate = \"uuid7\", overflow = \"error\" }",
            "`overflow` of the column \"x\" goes with `from` only",
        ),
        (
            "{ generate = \"uuid7\", refresh = true }",
            "`refresh` of the column \"x\" goes with generate = \"now\" only",
        ),
        (
            "{ generate = \"now\", type = \"text\" }",
            "`type` of the column \"x\" goes with `from`, `value` and `initial` only",
        ),
        (
            "{ generate = \"uuid4\" }",
            "`generate` of the column \"x\" must be one of \"uuid7\", \"cuid2\", \"nanoid\", \"clerk_id\", \"now\"",
        ),
        (
            "{ value = 1.5 }",
            "`value` of the column \"x\" must be a text in quotes, a whole number, true or false",
        ),
        (
            "{ from = \"a\", format = \"unix\" }",
            "`format` of the column \"x\" must be one of \"ms\", \"s\", \"iso\", \"sql\"",
        ),
    ] {
        let text = format!("[users.columns]\nx = {column}\n");
        assert_eq!(file(&text).problem(), format!("clerk-sync.toml:2: {problem}"));
    }
}

#[test]
fn every_type_of_column_has_its_word() {
    for (word, kind) in [
        ("text", ColumnKind::Text),
        ("integer", ColumnKind::Integer),
        ("boolean", ColumnKind::Boolean),
        ("timestamp", ColumnKind::Timestamp),
        ("json", ColumnKind::Json),
    ] {
        let users =
            file(&format!("[users.columns]\nx = {{ type = \"{word}\", from = \"y\" }}")).settings().users;
        let expected = FromClerk { from: "y".to_owned(), kind: Some(kind), ..FromClerk::default() };
        assert_eq!(users.columns.unwrap()[0].content, ColumnContent::From(expected));
        assert_eq!(kind.as_str(), word);
    }
}

#[test]
fn mistakes_in_users() {
    for (text, problem) in [
        ("users = 1", "clerk-sync.toml:1: `users` must be a table: write [users]"),
        ("[users]\ntable = \"\"", "clerk-sync.toml:2: [users] table must be the name of a table, in quotes"),
        ("[users]\ntable = 1", "clerk-sync.toml:2: [users] table must be the name of a table, in quotes"),
        (
            "[users]\ncreate = \"yes\"",
            "clerk-sync.toml:2: [users] create must be true or false, without quotes",
        ),
        (
            "[users]\non_delete = \"remove\"",
            "clerk-sync.toml:2: [users] on_delete must be one of \"delete\", \"mark\", \"anonymize\", \"keep\"",
        ),
        (
            "[users]\nallow = true",
            "clerk-sync.toml:2: [users] allow must be a list, such as [\"private_metadata\"]",
        ),
        (
            "[users]\nallow = [\"public_metadata\"]",
            "clerk-sync.toml:2: [users] allow must be one of \"private_metadata\", \"unsafe_metadata\"",
        ),
        (
            "[users]\nondelete = 1",
            "clerk-sync.toml:2: unknown key \"ondelete\" in [users]: did you mean on_delete?",
        ),
        ("[users]\nxyzzy = 1", "clerk-sync.toml:2: unknown key \"xyzzy\" in [users]: remove it"),
        (
            "[users]\ntable = \"u\"\nCLERK_SYNC_LOG = \"info\"",
            "clerk-sync.toml:3: CLERK_SYNC_LOG belongs at the top of the file, above [users]",
        ),
        (
            "[users.columns]",
            "clerk-sync.toml:1: [users.columns] is empty: name a column, or leave it out for the default ones",
        ),
        (
            "[users.claims]",
            "clerk-sync.toml:1: [users.claims] is empty: name a column, or leave it out to make no row from claims",
        ),
        ("[users]\nclaims = 1", "clerk-sync.toml:2: `claims` must be a table: write [users.claims]"),
        (
            "[users.claims]\nx = 1",
            "clerk-sync.toml:2: the claim for the column \"x\" must be its path in quotes, as in \"email\" = \"email\" \
             or \"plan\" = \"metadata.plan\"",
        ),
        ("[users]\ncolumns = []", "clerk-sync.toml:2: `columns` must be a table: write [users.columns]"),
        (
            "[users.columns]\nx = 1",
            "clerk-sync.toml:2: the column \"x\" must say where its value comes from, as in \"email\" = \
             \"primary_email_address\" or { from = \"public_metadata.plan\", type = \"text\" }",
        ),
        (
            "[users.columns]\nx = { }",
            "clerk-sync.toml:2: the column \"x\" lacks `from`, the source of its value",
        ),
        (
            "[users.columns]\nx = { from = 1 }",
            "clerk-sync.toml:2: `from` of the column \"x\" must be a text in quotes",
        ),
        (
            "[users.columns]\nx = { from = \"y\", type = \"uuid\" }",
            "clerk-sync.toml:2: `type` of the column \"x\" must be one of \"text\", \"integer\", \"boolean\", \
             \"timestamp\", \"json\"",
        ),
        (
            "[users.columns]\nx = { form = \"y\" }",
            "clerk-sync.toml:2: unknown key \"form\" in the column \"x\": did you mean from?",
        ),
    ] {
        assert_eq!(file(text).problem(), problem);
    }
}

#[test]
fn reads_what_a_deletion_does() {
    let text = "[users]\non_delete = \"delete\"\non_delete_refused = \"anonymize\"\ndeleted_at = \" gone \"\n\
                [users.anonymize]\nemail = \"{id}@deleted.invalid\"\nbanned = true\n";
    let settings = file(text).settings();
    let users = &settings.users;
    assert_eq!((users.on_delete, users.on_delete_refused), (OnDelete::Delete, Some(OnDelete::Anonymize)));
    assert_eq!(users.deleted_at.as_deref(), Some("gone"));
    let replacement = |column: &str, value| ReplacementConfig { column: column.to_owned(), value };
    assert_eq!(
        users.anonymize,
        [
            replacement("email", Literal::Text("{id}@deleted.invalid".to_owned())),
            replacement("banned", Literal::Boolean(true)),
        ]
    );
    let printed = crate::settings::example::users_section(users);
    let again = file(&printed).settings().users;
    assert_eq!(
        (again.anonymize, again.on_delete_refused),
        (users.anonymize.clone(), users.on_delete_refused)
    );
    for word in ["mark", "anonymize", "keep"] {
        let on_delete = file(&format!("[users]\non_delete = \"{word}\"")).settings().users.on_delete;
        assert_eq!(on_delete.as_str(), word);
    }
    for (text, problem) in [
        (
            "[users]\non_delete_refused = \"delete\"",
            "clerk-sync.toml:2: [users] on_delete_refused must be one of \"mark\", \"anonymize\", \"keep\"",
        ),
        (
            "[users]\ndelete_after = 7",
            "clerk-sync.toml:2: [users] delete_after must be a duration in quotes, such as \"7d\"",
        ),
        (
            "[users]\ndelete_after = \"7\"",
            "clerk-sync.toml:2: [users] delete_after must be a number with a unit (s, m, h, d), such as 30s, 10m, 24h or 180d, \
             or `off`",
        ),
        (
            "[users]\ndelete_after = \"0s\"",
            "clerk-sync.toml:2: [users] delete_after must be at least 1s: leave it out to delete at once",
        ),
        (
            "[users]\ndeleted_at = true",
            "clerk-sync.toml:2: [users] deleted_at must be the name of a column, in quotes",
        ),
        (
            "[users.anonymize]\nemail = []",
            "clerk-sync.toml:2: the replacement for the column \"email\" must be a text in quotes, a whole number, true \
             or false",
        ),
    ] {
        assert_eq!(file(text).problem(), problem);
    }
}

#[test]
fn reads_whose_the_rows_of_before_are() {
    let text = "[users]\ncreate = false\nlink = \"verified_email\"\nlink_column = \" mail \"\n";
    let users = file(text).settings().users;
    assert_eq!((users.link, users.link_column.as_deref()), (Some(LinkBy::VerifiedEmail), Some("mail")));
    let again = file(&crate::settings::example::users_section(&users)).settings().users;
    assert_eq!((again.link, again.link_column), (users.link, users.link_column));
    for (text, problem) in [
        (
            "[users]\nlink = \"email\"",
            "clerk-sync.toml:2: [users] link must be one of \"external_id\", \"verified_email\"",
        ),
        (
            "[users]\nlink_column = 7",
            "clerk-sync.toml:2: [users] link_column must be the name of a column, in quotes",
        ),
    ] {
        assert_eq!(file(text).problem(), problem);
    }
}
