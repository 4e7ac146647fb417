//! Where a value came from, and what is wrong with it.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag, by its name without the dashes.
    Flag(String),
    /// A variable of the environment, by its name.
    Environment(String),
    /// A line of the settings file.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A file with a secret in it.
    SecretFile {
        /// The file.
        path: PathBuf,
        /// What named it.
        named_by: Box<Source>,
    },
    /// Nobody set it.
    Default,
}

impl Source {
    /// The source in words, beside the name of the setting: a variable of that name is just `environment`.
    #[must_use]
    pub fn beside(&self, setting: &str) -> String {
        match self {
            Self::Environment(variable) if variable == setting => "environment".to_owned(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(out, "--{flag}"),
            Self::Environment(variable) => write!(out, "{variable} in the environment"),
            Self::File { path, line } => write!(out, "{}:{line}", path.display()),
            Self::SecretFile { path, named_by } => write!(out, "{}, named by {named_by}", path.display()),
            Self::Default => out.write_str("default"),
        }
    }
}

/// Something wrong with the settings, as one sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting it is about, if it is about one.
    pub setting: Option<String>,
    /// Where the wrong value came from.
    pub source: Option<Source>,
    /// The rest of the sentence. It never holds a secret.
    pub message: String,
}

impl Problem {
    /// A problem with a setting: `message` goes on after its name and source.
    #[must_use]
    pub fn of(setting: &str, source: &Source, message: impl Into<String>) -> Self {
        Self { setting: Some(setting.to_owned()), source: Some(source.clone()), message: message.into() }
    }

    /// A problem at some place that is not about one setting's value.
    #[must_use]
    pub fn at(source: Source, message: impl Into<String>) -> Self {
        Self { setting: None, source: Some(source), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.setting, &self.source) {
            (Some(setting), Some(source)) => {
                write!(out, "{setting} ({}) {}", source.beside(setting), self.message)
            }
            (Some(setting), None) => write!(out, "{setting} {}", self.message),
            (None, Some(source)) => write!(out, "{source}: {}", self.message),
            (None, None) => out.write_str(&self.message),
        }
    }
}

/// Everything that is wrong with the settings, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A setting that a command or a route needs and nobody set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{name} is not set: {advice}")]
pub struct MissingSetting {
    /// The setting.
    pub name: &'static str,
    /// Where to find its value.
    pub advice: &'static str,
}
