//! `doctor`: what is broken is named, everything else is not, and it ends in time.

mod clerk;
mod database;
mod health;
mod public_address;
mod settings;
mod silence;

use crate::harness::Setup;
use serde_json::Value;

/// What a doctor said, in the form for machines.
#[derive(Debug)]
struct Report {
    code: Option<i32>,
    findings: Vec<Value>,
}

impl Report {
    async fn of(setup: &Setup) -> Self {
        let finished = setup.run(&["doctor", "--json"]).await;
        let findings: Vec<Value> =
            finished.out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
        for finding in &findings {
            let keys: Vec<&String> = finding.as_object().expect("an object").keys().collect();
            assert_eq!(keys, ["check", "found", "state", "todo"], "{finding}");
            let (state, todo) = (&finding["state"], &finding["todo"]);
            assert!(["ok", "note", "problem"].contains(&state.as_str().unwrap()), "{finding}");
            assert!(state != "problem" || todo.is_string(), "what is to be done? {finding}");
        }
        let problems = findings.iter().filter(|finding| finding["state"] == "problem").count();
        assert_eq!(finished.code, Some(i32::from(problems > 0)), "{finished:?}");
        let said = match problems {
            0 => String::new(),
            1 => "clerk-sync: 1 problem\n".to_owned(),
            many => format!("clerk-sync: {many} problems\n"),
        };
        assert_eq!(finished.err, said, "{finished:?}");
        Self { code: finished.code, findings }
    }

    fn states(&self, check: &str) -> Vec<&str> {
        let of_check = self.findings.iter().filter(|finding| finding["check"] == check);
        of_check.map(|finding| finding["state"].as_str().unwrap()).collect()
    }

    /// The checks that found a problem, in order of name.
    fn problems(&self) -> Vec<&str> {
        self.in_state("problem")
    }

    fn notes(&self) -> Vec<&str> {
        self.in_state("note")
    }

    fn in_state(&self, state: &str) -> Vec<&str> {
        let found = self.findings.iter().filter(|finding| finding["state"] == state);
        let mut checks: Vec<&str> = found.map(|finding| finding["check"].as_str().unwrap()).collect();
        checks.sort_unstable();
        checks.dedup();
        checks
    }

    /// That a check found this, in one finding of that state, `found` and `todo` together.
    fn says(&self, check: &str, state: &str, words: &[&str]) {
        let fits = |finding: &&Value| {
            let text = format!("{} {}", finding["found"], finding["todo"]);
            finding["check"] == check
                && finding["state"] == state
                && words.iter().all(|word| text.contains(word))
        };
        assert!(
            self.findings.iter().any(|finding| fits(&finding)),
            "no {state} of {check} with {words:?}: {self:#?}"
        );
    }

    /// That nothing is wrong but this.
    fn only(&self, check: &str, words: &[&str]) {
        self.says(check, "problem", words);
        assert_eq!(self.problems(), [check], "{self:#?}");
    }
}
