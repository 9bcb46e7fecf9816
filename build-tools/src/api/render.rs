//! The changes for a pull request, for a terminal and for a program.

use serde_json::{Value, json};

use super::{Change, Changes};

/// How many entries of one kind are listed for people; the rest is counted.
const LISTED: usize = 40;

impl Changes {
    /// A section for a pull request.
    pub(crate) fn markdown(&self) -> String {
        let mut out = format!(
            "## Rust API\n\n**{}**: {}.\n",
            self.advice().word(),
            self.says()
        );
        for (title, changes) in self.groups() {
            if changes.is_empty() {
                continue;
            }
            let title = title[..1].to_uppercase() + &title[1..];
            out += &format!("\n### {title} ({})\n\n", changes.len());
            for change in changes.iter().take(LISTED) {
                let mut line = format!("- `{}`", change.item);
                for (word, what) in change.words() {
                    line += &format!("{word}`{what}`");
                }
                if let Some(note) = change.effect.note() {
                    line += &format!("; {note}");
                }
                out += &line;
                out.push('\n');
            }
            if changes.len() > LISTED {
                out += &format!("- and {} more\n", changes.len() - LISTED);
            }
        }
        out
    }

    /// Lines for a terminal.
    pub(crate) fn text(&self) -> String {
        let mut out = format!("Rust API: {}: {}\n", self.advice().word(), self.says());
        for (title, changes) in self.groups() {
            for change in changes.iter().take(LISTED) {
                let mut line = format!("  {title} {}", change.item);
                for (word, what) in change.words() {
                    line += &format!("{word}{what}");
                }
                if let Some(note) = change.effect.note() {
                    line += &format!("; {note}");
                }
                out += &line;
                out.push('\n');
            }
            if changes.len() > LISTED {
                out += &format!("  {title} {} more\n", changes.len() - LISTED);
            }
        }
        out
    }

    /// All of it, for programs.
    pub(crate) fn json(&self) -> Value {
        let mut value = json!({
            "advice": self.advice().word(),
            "version": self.version,
            "next_version": self.advice().next(self.version),
        });
        for (title, changes) in self.groups() {
            value[title] = changes
                .iter()
                .map(|change| {
                    json!({
                        "item": change.item,
                        "before": change.before,
                        "after": change.after,
                        "breaking": change.effect.breaks(),
                        "note": change.effect.note(),
                    })
                })
                .collect();
        }
        value
    }

    fn groups(&self) -> [(&'static str, &[Change]); 3] {
        [
            ("removed", &self.removed),
            ("changed", &self.changed),
            ("added", &self.added),
        ]
    }

    /// The advice in words.
    fn says(&self) -> String {
        let reason = self.advice().reason();
        match self.advice().next(self.version) {
            Some(next) if next != self.version => {
                format!("{reason}; the version after {} is {next}", self.version)
            }
            _ => reason.to_owned(),
        }
    }
}

impl Change {
    /// Before and after, each with the word in front of it; a trait that is associated with nothing has neither.
    fn words(&self) -> Vec<(&'static str, &str)> {
        let both = self.before.is_some() && self.after.is_some();
        [
            (if both { " from " } else { ", was " }, &self.before),
            (if both { " to " } else { ": " }, &self.after),
        ]
        .into_iter()
        .filter_map(|(word, what)| Some((word, what.as_deref()?)))
        .filter(|(_, what)| !what.is_empty())
        .collect()
    }
}
