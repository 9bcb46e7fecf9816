//! What is wrong with the settings, all of it.

use std::fmt;

use super::{Key, Source};

/// One thing that is wrong. It never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting, such as `partner.id`; empty where the file as a whole is meant.
    pub key: String,
    /// Where the setting was read; `None` where it is missing.
    pub source: Option<Source>,
    /// What is wrong.
    pub message: String,
}

impl Problem {
    /// The setting that is meant, where [`Problem::key`] may name the file that holds its value.
    pub(super) fn setting(&self) -> &str {
        Key::find(&self.key).map_or(&self.key, |(key, _)| key.name)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            source,
            message,
        } = self;
        match (key.as_str(), source) {
            ("", None) => write!(f, "{message}"),
            ("", Some(source)) => write!(f, "{source}: {message}"),
            (key, Some(source)) => write!(f, "{key} ({source}): {message}"),
            (key, None) => write!(
                f,
                "{key} (in the file, or {}): {message}",
                Key::variable(key)
            ),
        }
    }
}

/// Everything that is wrong with the settings, in the order of the file and then of the table of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [problem] => write!(f, "1 setting is wrong\n  {problem}"),
            problems => {
                write!(f, "{} settings are wrong", problems.len())?;
                problems
                    .iter()
                    .try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for Problems {}
