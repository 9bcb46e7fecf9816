//! The pages that name tests as their proof: a name without a test is a claim that nobody holds any more.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context as _, Result};

use crate::output;

/// The pages.
const PAGES: [&str; 3] = [
    "docs/assurance.md",
    "docs/threat-model.md",
    "docs/vendor.md",
];

/// Names of tests on the pages for which there is no function.
pub(crate) fn problems(root: &Path) -> Result<Vec<String>> {
    let mut functions = BTreeSet::new();
    for folder in ["crates", "build-tools", "tests"] {
        for file in output::walk(&root.join(folder))? {
            if file.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                functions.extend(defined(&text).map(str::to_owned));
            }
        }
    }
    let mut problems = Vec::new();
    for page in PAGES {
        let text =
            fs::read_to_string(root.join(page)).with_context(|| format!("cannot read {page}"))?;
        for name in named(&text).filter(|name| !functions.contains(*name)) {
            problems.push(format!(
                "{page} names the test `{name}`, which is not there: name the one that shows it now"
            ));
        }
    }
    Ok(problems)
}

/// The functions that a source file defines, and the rows of tables that a macro makes tests of.
fn defined(text: &str) -> impl Iterator<Item = &str> {
    let functions = text.split("fn ").skip(1).filter_map(|rest| {
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')?;
        Some(&rest[..end])
    });
    let rows = text
        .lines()
        .filter_map(|line| Some(line.trim_start().split_once(": \"")?.0));
    functions.chain(rows)
}

/// The words in code that are written as our tests are: in lower case, of four words at least.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|word| {
        let snake = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        word.chars().all(|letter| snake(letter) || letter == '_') && word.matches('_').count() >= 3
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_told_from_other_words_in_code() {
        let page = "`a_test_of_ours` and `request_id`, `grpc.max`, and `another_test_of_ours_too`.";
        let found: Vec<_> = named(page).collect();
        assert_eq!(found, ["a_test_of_ours", "another_test_of_ours_too"]);
        let source = "#[test]\nfn a_test_of_ours() {}\n    too_many: \"*\" => 1,\n";
        assert_eq!(
            defined(source).collect::<Vec<_>>(),
            ["a_test_of_ours", "too_many"]
        );
    }

    #[test]
    fn a_name_without_a_test_is_told() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["crates", "build-tools", "tests", "docs"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        let write = |name: &str, text: &str| fs::write(root.path().join(name), text).unwrap();
        write("docs/assurance.md", "`what_is_there_is_named`\n");
        write("docs/threat-model.md", "`what_was_there_is_told`\n");
        write("docs/vendor.md", "no test\n");
        write("crates/lib.rs", "fn what_is_there_is_named() {}\n");
        assert_eq!(
            problems(root.path()).unwrap(),
            [
                "docs/threat-model.md names the test `what_was_there_is_told`, which is not there: name the one that shows it now"
            ]
        );
    }
}
