//! The raw settings: flags, environment and file, as they are before anybody looks at the values.

use std::path::{Path, PathBuf};

use super::problem::{Problem, Source};

/// The settings file that is read when it is there and nobody names another.
pub const DEFAULT_FILE: &str = "clerk-sync.toml";

/// Everything that settings are read from.
#[derive(Clone, Default)]
pub struct Sources {
    /// Values of flags, by the name of their setting.
    pub flags: Vec<(&'static str, String)>,
    /// The whole environment; what is not ours is ignored.
    pub environment: Vec<(String, String)>,
    /// The settings file.
    pub file: Option<FileText>,
}

/// A settings file that has been read.
#[derive(Clone)]
pub struct FileText {
    /// How it is named in messages.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
}

/// Says what is there, not what it holds: secrets are in all of them.
impl std::fmt::Debug for Sources {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Sources")
            .field("flags", &self.flags.len())
            .field("environment", &self.environment.len())
            .field("file", &self.file)
            .finish()
    }
}

impl std::fmt::Debug for FileText {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("FileText").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Sources {
    /// Collects what a command was started with. `config` is the file named by `--config`.
    ///
    /// # Errors
    ///
    /// If a named file, or a default file that is there, cannot be read.
    pub fn collect(
        flags: Vec<(&'static str, String)>,
        environment: impl IntoIterator<Item = (String, String)>,
        config: Option<&Path>,
    ) -> Result<Self, Problem> {
        let environment = environment.into_iter().collect();
        Ok(Self { flags, environment, file: read_file(config)? })
    }
}

/// The environment of this process. Nothing else reads it.
///
/// A value that is not UTF-8 is taken with replacement characters, which no setting of ours accepts.
#[must_use]
pub fn process_environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect()
}

fn read_file(config: Option<&Path>) -> Result<Option<FileText>, Problem> {
    let path = config.unwrap_or(Path::new(DEFAULT_FILE));
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(FileText { path: path.to_owned(), text })),
        Err(error) if config.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Problem {
            setting: None,
            source: config.map(|_| Source::Flag("config".to_owned())),
            message: format!("the settings file {} cannot be read: {error}", path.display()),
        }),
    }
}
