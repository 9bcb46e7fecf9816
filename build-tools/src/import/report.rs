//! What an import tells, as Markdown fit for a pull request.

use std::{fmt::Write as _, path::PathBuf};

use serde_json::Value;

use super::{HASH, replay::Outcome, version, words};
use crate::{
    api::Changes,
    diff::{self, Class, Difference},
    spec,
};

/// How many places of one kind are listed.
const LISTED: usize = 20;

/// All that an import found.
pub(super) struct Report<'a> {
    /// Our document as it was.
    pub(super) ours: &'a Value,
    /// Our document as it will be.
    pub(super) new: &'a Value,
    /// Operations that came into scope.
    pub(super) added: &'a [String],
    /// What changed on the wire.
    pub(super) wire: &'a [Difference],
    /// What changed in the generated code.
    pub(super) api: &'a Changes,
    /// What the wire corpus came to; absent if the code is the same.
    pub(super) replayed: Option<&'a Outcome>,
    /// Places that the lineage does not know yet, or not any more.
    pub(super) lineage: &'a [String],
    /// The files that change.
    pub(super) files: &'a [PathBuf],
}

impl Report<'_> {
    pub(super) fn markdown(&self) -> String {
        let mut out = format!(
            "# The vendor's document: {} to {}\n\n",
            version(self.ours),
            version(self.new)
        );
        for line in self.provenance() {
            list(&mut out, &line);
        }
        out += "\n## On the wire\n\n";
        out += &diff::markdown(self.wire);
        out += "\n";
        out += &self.api.markdown();
        out += "\n## Wire corpus\n\n";
        out += &match self.replayed {
            None => "Not replayed: the generated code is the same.\n".to_owned(),
            Some(outcome) => outcome.markdown(),
        };
        out += "\n## Left to do\n\n";
        let todo = self.todo();
        for line in &todo {
            list(&mut out, line);
        }
        if todo.is_empty() {
            out += "Nothing.\n";
        }
        out += "\n## Files\n\n";
        for file in self.files {
            list(&mut out, &format!("`{}`", file.display()));
        }
        out
    }

    /// Where the document comes from, and what is odd about it.
    fn provenance(&self) -> Vec<String> {
        let hash = |document: &Value| document["info"][HASH].as_str().unwrap_or("?").to_owned();
        let (before, after) = (hash(self.ours), hash(self.new));
        let mut lines = vec![if before == after {
            format!("Structure in scope: the same, SHA-256 `{after}`.")
        } else {
            format!("Structure in scope: SHA-256 `{before}` to `{after}`.")
        }];
        let (old, new) = (version(self.ours), version(self.new));
        if old == new && before != after && self.added.is_empty() {
            lines.push(format!(
                "The version is {new} still, though the structure is another."
            ));
        }
        if let (Some(old_parts), Some(new_parts)) = (parts(old), parts(new))
            && new_parts < old_parts
        {
            lines.push(format!(
                "**The version went backwards**, from {old} to {new}. The vendor does that; make sure that this document \
                 is the newer one."
            ));
        }
        for operation in self.added {
            lines.push(format!("In scope from now on: `{operation}`."));
        }
        lines
    }

    /// What the import cannot do by itself.
    fn todo(&self) -> Vec<String> {
        let known = words::undescribed(self.ours);
        let wanted: Vec<String> = words::undescribed(self.new)
            .difference(&known)
            .map(|place| format!("`{place}`"))
            .collect();
        let mut todo = Vec::new();
        if self
            .wire
            .iter()
            .any(|difference| difference.class == Class::Breaking)
        {
            todo.push(
                "What is breaking on the wire: decide on each, and have the sandbox and the golden requests \
                 (`crates/rest/tests/requests`) follow"
                    .to_owned(),
            );
        }
        todo.extend(capped(self.lineage));
        if !wanted.is_empty() {
            todo.push(format!(
                "{}: words of ours are wanted at {}",
                spec::DOCUMENT,
                capped(&wanted).join(", ")
            ));
        }
        if let Some(outcome) = self.replayed {
            todo.extend(outcome.todo());
        }
        todo
    }
}

fn capped(lines: &[String]) -> Vec<String> {
    let mut shown: Vec<String> = lines.iter().take(LISTED).cloned().collect();
    if lines.len() > LISTED {
        shown.push(format!("and {} more", lines.len() - LISTED));
    }
    shown
}

fn list(out: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "- {line}");
}

/// `1.42.0` as numbers.
fn parts(version: &str) -> Option<Vec<u64>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}
