//! What the guides, the image and compose.yaml say is held against the settings themselves.

use std::{collections::BTreeMap, path::PathBuf};

use super::*;

fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every guide, by its path in the repository.
fn guides() -> Vec<String> {
    let entries = std::fs::read_dir(repository().join("docs/guides")).unwrap();
    let mut guides: Vec<String> = entries
        .map(|entry| format!("docs/guides/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    guides.retain(|guide| guide.ends_with(".md"));
    guides.sort();
    assert!(guides.len() >= 5, "{guides:?}");
    guides
}

/// All that tells people what to set.
fn documents() -> Vec<String> {
    let mut documents = guides();
    documents.extend(["README.md", "docs/operations.md", "compose.yaml", "Dockerfile"].map(str::to_owned));
    documents
}

/// A block between two lines of three backquotes.
struct Block {
    /// `toml`, `sh` and so on.
    language: String,
    line: usize,
    text: String,
}

impl Block {
    /// The other TOML that people meet says so in its first line.
    fn is_our_settings(&self) -> bool {
        self.language == "toml" && !self.text.starts_with("# Cargo.toml\n")
    }
}

fn blocks(markdown: &str) -> Vec<Block> {
    let (mut blocks, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
    for (number, line) in markdown.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block { language: language.to_owned(), line: number + 1, text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block has no end");
    blocks
}

/// What is wrong with settings, the mapping included.
fn problems(given: &Given) -> Vec<String> {
    let mut loaded = given.load();
    let _ = crate::table::mapping(&mut loaded);
    loaded.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn every_file_in_the_guides_is_valid() {
    let mut seen = 0;
    for document in guides().into_iter().chain(["README.md".to_owned()]) {
        for block in blocks(&text(&document)).into_iter().filter(Block::is_our_settings) {
            let problems = problems(&file(&block.text));
            assert_eq!(problems, [] as [String; 0], "{document}:{}\n{}", block.line, block.text);
            seen += 1;
        }
    }
    assert!(seen >= 6, "{seen} files");
}

/// The tables that guides show are those that the tests of the stores adopt.
#[test]
fn the_tables_in_the_guides_are_the_tested_ones() {
    let tested = text("crates/clerk-sync/tests/adoption/frameworks.rs");
    let statement = |name: &str| {
        let (_, rest) = tested.split_once(&format!("const {name}_POSTGRES: &str")).expect(name);
        rest.split_once("\"#;").expect("its end").0.to_owned()
    };
    for (guide, tables) in
        [("nextjs", &["PRISMA", "DRIZZLE"] as &[&str]), ("rails", &["RAILS"]), ("django", &["DJANGO"])]
    {
        let guide = text(&format!("docs/guides/{guide}.md"));
        let files = blocks(&guide).into_iter().filter(Block::is_our_settings).map(|block| block.text);
        for (settings, table) in files.zip(tables) {
            let (users, statement) = (file(&settings).settings().users, statement(table));
            let name = users.table.rsplit('.').next().unwrap();
            assert!(statement.contains(&format!("\"{name}\" (")), "{table} makes no {name}");
            for column in users.columns.unwrap() {
                assert!(statement.contains(&format!("\"{}\" ", column.name)), "{table}: {}", column.name);
            }
            assert!(!users.create);
        }
    }
}

#[test]
fn a_wrong_file_in_a_guide_is_found() {
    let guide = "# x\n\n```toml\n[users]\ntabel = \"people\"\n```\n\n- y\n  ```sh\n  ls\n  ```\n";
    let found = blocks(guide);
    assert_eq!(found.iter().map(|block| block.language.as_str()).collect::<Vec<_>>(), ["toml", "sh"]);
    assert_eq!(problems(&file(&found[0].text)).len(), 1);
    let nonsense = "[users.columns]\nid = { from = \"id\" }\nrole = { initial = 1, type = \"boolean\" }\n";
    assert_eq!(problems(&file(nonsense)).len(), 1);
}

/// The names in a text that only clerk-sync can mean.
fn our_names(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("CLERK_SYNC_") && *word != "CLERK_SYNC_")
}

#[test]
fn every_setting_that_is_named_exists() {
    for document in documents() {
        for name in our_names(&text(&document)) {
            let known = find(name)
                .or_else(|| find(name.strip_suffix("_FILE")?).filter(|definition| definition.secret))
                .is_some();
            assert!(known, "{document} names {name}");
        }
    }
}

/// `${NAME}`, `${NAME:-default}` and `${NAME:?message}`, as compose fills them in.
fn filled_in(value: &str, environment: &BTreeMap<&str, &str>) -> String {
    let Some((before, rest)) = value.split_once("${") else { return value.to_owned() };
    let (variable, after) = rest.split_once('}').expect("a closing brace");
    let name: String = variable.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let otherwise = &variable[name.len()..];
    let set = environment.get(name.as_str()).copied().filter(|value| !value.is_empty());
    let value = match (set, otherwise.get(..2)) {
        (Some(value), _) => value,
        (None, Some(":-")) => &otherwise[2..],
        _ => panic!("{name} must be set"),
    };
    format!("{before}{value}{}", filled_in(after, environment))
}

/// The environment of the service clerk-sync in compose.yaml.
fn compose_environment(compose: &str) -> Vec<(&str, &str)> {
    let lines = compose.lines().skip_while(|line| *line != "  clerk-sync:").skip(1);
    let service = lines.take_while(|line| line.is_empty() || line.starts_with("    "));
    let environment = service.skip_while(|line| *line != "    environment:").skip(1);
    let entries = environment.take_while(|line| line.starts_with("      "));
    entries
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(": ").expect("KEY: value"))
        .collect()
}

/// What somebody puts into `.env`.
const MINIMUM: [(&str, &str); 3] = [
    ("POSTGRES_PASSWORD", "secret"),
    ("CLERK_SECRET_KEY", SECRET_KEY),
    ("CLERK_PUBLISHABLE_KEY", PUBLISHABLE_KEY),
];

fn composed(own: &[(&'static str, &'static str)]) -> Settings {
    let compose = text("compose.yaml");
    let environment: BTreeMap<&str, &str> = MINIMUM.iter().chain(own).copied().collect();
    let mut given = Given::default();
    for (name, value) in compose_environment(&compose) {
        assert!(find(name).is_some(), "compose.yaml sets {name}");
        given = given.env(name, &filled_in(value, &environment));
    }
    for (name, value) in image_environment(&text("Dockerfile")) {
        given = given.env(name, value);
    }
    given.settings()
}

fn image_environment(dockerfile: &str) -> Vec<(&str, &str)> {
    dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("ENV "))
        .map(|assignment| assignment.split_once('=').expect("ENV NAME=value"))
        .collect()
}

#[test]
fn compose_starts_it_with_valid_settings() {
    let settings = composed(&[]);
    assert_eq!(settings.database_url.to_string(), "postgres://app@postgres:5432/app");
    assert!(settings.webhook_signing_secrets.is_empty());
    // Reachable from other containers; the admin routes are not, as nobody set a token.
    assert!(settings.listen.ip().is_unspecified());
    assert!(settings.admin_listen.unwrap().ip().is_loopback());

    let settings = composed(&[
        ("CLERK_SYNC_APP_URL", "https://app.example.com"),
        ("CLERK_WEBHOOK_SIGNING_SECRET", SIGNING_SECRET),
    ]);
    assert_eq!(settings.public_origin.as_str(), "https://app.example.com");
    assert_eq!(settings.webhook_signing_secrets.len(), 1);
}

/// The value after the only line that begins so.
fn after<'a>(text: &'a str, start: &str) -> &'a str {
    let mut found = text.lines().filter_map(|line| line.trim().strip_prefix(start));
    let value = found.next().unwrap_or_else(|| panic!("no line begins with {start:?}"));
    assert_eq!(found.next(), None, "two lines begin with {start:?}");
    value
}

#[test]
fn the_image_is_what_the_guide_says() {
    let dockerfile = text("Dockerfile");
    let (build, image) = dockerfile.split_once("FROM scratch\n").expect("nothing but our own files");
    let (user, group) = after(image, "USER ").split_once(':').unwrap();
    assert!(user.parse::<u32>().unwrap() > 0 && group.parse::<u32>().unwrap() > 0);
    assert_eq!(after(image, "ENTRYPOINT "), "[\"/clerk-sync\"]");
    assert_eq!(after(image, "CMD "), "[\"serve\"]");
    let listen = composed(&[]).listen;
    assert_eq!(after(image, "EXPOSE "), listen.port().to_string());
    assert!(text("compose.yaml").contains(&format!("127.0.0.1:{0}:{0}", listen.port())));

    let version = |text: &str| -> Vec<u32> { text.split('.').map(|part| part.parse().unwrap()).collect() };
    let builder = after(build, "FROM rust:").split('-').next().unwrap();
    let needed = text("Cargo.toml");
    let needed = after(&needed, "rust-version = ").trim_matches('"');
    assert!(version(builder) >= version(needed), "it builds with {builder}, and {needed} is needed");
}

#[test]
fn the_container_may_do_no_more_than_it_needs() {
    let compose = text("compose.yaml");
    let (_, service) = compose.split_once("  clerk-sync:\n").unwrap();
    let service = service.split("\n  postgres:\n").next().unwrap();
    for line in ["read_only: true", "- ALL", "- no-new-privileges:true", "condition: service_healthy"] {
        assert!(service.lines().any(|other| other.trim() == line), "no {line:?}");
    }
}
