//! The settings as people have them: in all sources, right and wrong.

mod documents;
mod files;
mod guides;
mod sources;
mod values;

use ::secrecy::ExposeSecret;

use super::*;

const SECRET_KEY: &str = "sk_test_MARKERabc123";
const SIGNING_SECRET: &str = "whsec_MARKERabc123";
/// `clerk.example.com$`, in development.
const PUBLISHABLE_KEY: &str = "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k";

/// Settings from the environment, the file and flags.
#[derive(Default)]
struct Given {
    sources: Sources,
}

impl Given {
    fn env(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn file(mut self, text: &str) -> Self {
        self.sources.file = Some(FileText { path: DEFAULT_FILE.into(), text: text.to_owned() });
        self
    }

    fn flag(mut self, name: &'static str, value: &str) -> Self {
        self.sources.flags.push((name, value.to_owned()));
        self
    }

    fn load(&self) -> Loaded {
        load(&self.sources)
    }

    fn settings(&self) -> Settings {
        self.load().into_settings().unwrap()
    }

    /// Every problem as a line, after making sure that no secret is in any of them.
    fn problems(&self) -> Vec<String> {
        let loaded = self.load();
        let lines: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
        assert!(!lines.is_empty(), "nothing was wrong");
        assert!(loaded.settings().is_none());
        let everything = everything_printed(&loaded);
        assert!(!everything.contains("MARKER"), "{everything}");
        lines
    }

    fn problem(&self) -> String {
        let problems = self.problems();
        assert_eq!(problems.len(), 1, "{problems:#?}");
        problems.into_iter().next().unwrap()
    }
}

fn env(name: &str, value: &str) -> Given {
    Given::default().env(name, value)
}

fn file(text: &str) -> Given {
    Given::default().file(text)
}

fn everything_printed(loaded: &Loaded) -> String {
    [
        format!("{loaded:?}"),
        loaded.check_text(),
        loaded.check_json().to_string(),
        loaded.print_text(),
        loaded.print_json().to_string(),
        format!("{:?}", loaded.clone().into_settings()),
    ]
    .join("\n")
}

fn shown(loaded: &Loaded, name: &str) -> String {
    let entry = loaded.entries().iter().find(|entry| entry.definition.name == name).unwrap();
    format!("{} ({})", entry.shown.text(), entry.source.beside(name))
}
