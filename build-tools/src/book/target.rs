//! Where a link leads.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use url::Url;

/// Where a link leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A file or a folder, and the place in it.
    File(PathBuf, Option<String>),
    /// Somewhere else: another host, or a letter.
    Elsewhere,
}

/// Resolves a link of a file, which is named by its whole path.
///
/// # Errors
/// A link that is misspelt, or written in a way that works in one place and not in another.
pub(super) fn resolve(file: &Path, link: &str) -> Result<Target, String> {
    if link.is_empty() {
        return Err("is empty".to_owned());
    }
    if link.starts_with('/') {
        return Err(
            "begins at a root, which is another one in every place: write it relative".to_owned(),
        );
    }
    // Fragments are compared as they stand, so they are not left to be encoded.
    let (address, fragment) = match link.split_once('#') {
        Some((address, fragment)) => (address, Some(fragment.to_owned())),
        None => (link, None),
    };
    let target = base(file)
        .and_then(|base| Ok(base.join(address)?))
        .map_err(|error| format!("is no address: {error}"))?;
    match target.scheme() {
        "file" => {
            let path = target
                .to_file_path()
                .map_err(|()| "is no path".to_owned())?;
            Ok(Target::File(path, fragment))
        }
        "http" | "https" if !link.contains(char::is_whitespace) => Ok(Target::Elsewhere),
        "mailto" => Ok(Target::Elsewhere),
        scheme => Err(format!("is no address of {scheme}")),
    }
}

fn base(file: &Path) -> Result<Url> {
    Url::from_file_path(file).map_err(|()| anyhow!("{} is not a whole path", file.display()))
}

/// A path as it is written from one folder to another place: both below the same root, and given without it.
pub(super) fn relative(folder: &Path, to: &Path) -> String {
    let common = folder
        .components()
        .zip(to.components())
        .take_while(|(one, other)| one == other)
        .count();
    let up = folder.components().skip(common).map(|_| "..".to_owned());
    let down = to
        .components()
        .skip(common)
        .map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_resolved_from_the_file_they_stand_in() {
        let from = |link: &str| resolve(Path::new("/book/how-to/errors.md"), link);
        let file = |path: &str, place: Option<&str>| {
            Ok(Target::File(path.into(), place.map(str::to_owned)))
        };
        assert_eq!(
            from("../errors.md#A_b"),
            file("/book/errors.md", Some("A_b"))
        );
        assert_eq!(from("a%20b.md"), file("/book/how-to/a b.md", None));
        assert_eq!(from("#here"), file("/book/how-to/errors.md", Some("here")));
        assert_eq!(from("https://docs.rs/tonic"), Ok(Target::Elsewhere));
        assert_eq!(from("mailto:ada@example.com"), Ok(Target::Elsewhere));
    }

    #[test]
    fn misspelt_links_are_refused() {
        let refused = |link: &str| resolve(Path::new("/book/index.md"), link).unwrap_err();
        assert_eq!(refused(""), "is empty");
        assert!(refused("/docs/index.md").contains("write it relative"));
        assert!(refused("https://").contains("no address"));
        assert!(refused("htps://example.com").contains("no address of htps"));
        assert!(refused("https://example.com/a b").contains("no address of https"));
    }

    #[test]
    fn a_path_from_one_folder_to_another_place_goes_up_and_down_again() {
        let from = |folder: &str, to: &str| relative(Path::new(folder), Path::new(to));
        assert_eq!(from("docs/clients", "docs/errors.md"), "../errors.md");
        assert_eq!(from("docs", "docs/clients/go.md"), "clients/go.md");
        assert_eq!(from("docs", "README.md"), "../README.md");
    }
}
