//! What generators produce: files to write, or to compare with the ones that are checked in.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// One generated file.
#[derive(Debug)]
pub(crate) struct File {
    /// Its place, relative to the root of the workspace.
    pub(crate) path: PathBuf,
    /// What it shall contain, to the byte.
    pub(crate) contents: Vec<u8>,
}

/// Writes the files that differ, and removes what else lies in their generated folders. Answers the paths it touched.
/// Nothing is replaced before all of it is on the disk.
pub(crate) fn write(root: &Path, files: &[File]) -> Result<Vec<PathBuf>> {
    let mut touched = stale(root, files)?;
    let mut staged = Vec::new();
    for file in files.iter().filter(|file| touched.contains(&file.path)) {
        let path = root.join(&file.path);
        let folder = path.parent().unwrap_or(root);
        let cannot = || format!("cannot write {}", path.display());
        fs::create_dir_all(folder).with_context(cannot)?;
        let mut written = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
        written.write_all(&file.contents).with_context(cannot)?;
        readable(written.as_file()).with_context(cannot)?;
        staged.push((written, path));
    }
    for (written, path) in staged {
        written
            .persist(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    for path in unknown(root, files)? {
        fs::remove_file(root.join(&path))
            .with_context(|| format!("cannot remove {}", path.display()))?;
    }
    touched.sort();
    Ok(touched)
}

/// Temporary files are for their owner alone; sources are for everyone.
#[cfg(unix)]
fn readable(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_file: &fs::File) -> std::io::Result<()> {
    Ok(())
}

/// The paths of files that are missing, differ, or lie in a generated folder without being generated.
pub(crate) fn stale(root: &Path, files: &[File]) -> Result<Vec<PathBuf>> {
    let mut stale = Vec::new();
    for file in files {
        let path = root.join(&file.path);
        match fs::read(&path) {
            Ok(present) if present == file.contents => {}
            Ok(_) => stale.push(file.path.clone()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                stale.push(file.path.clone())
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        }
    }
    stale.extend(unknown(root, files)?);
    Ok(stale)
}

/// Every file in a folder called `generated` that the generator does not know.
fn unknown(root: &Path, files: &[File]) -> Result<Vec<PathBuf>> {
    let known: BTreeSet<&Path> = files.iter().map(|file| file.path.as_path()).collect();
    let folders: BTreeSet<&Path> = known
        .iter()
        .flat_map(|path| path.ancestors().skip(1))
        .filter(|folder| folder.file_name().is_some_and(|name| name == "generated"))
        .collect();
    let mut unknown = Vec::new();
    for folder in folders {
        for path in walk(&root.join(folder))? {
            let path = path
                .strip_prefix(root)
                .context("a file outside the root")?
                .to_owned();
            if !known.contains(path.as_path()) {
                unknown.push(path);
            }
        }
    }
    Ok(unknown)
}

/// All files below `folder`, in order; none if it does not exist.
pub(crate) fn walk(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if !folder.exists() {
        return Ok(files);
    }
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(walk(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differing_missing_and_unknown_files_are_stale_until_written() {
        let root = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| File {
            path: format!("a/generated/{name}").into(),
            contents: text.into(),
        };
        let files = [
            file("same.rs", "1"),
            file("differs.rs", "2"),
            file("missing.rs", "3"),
        ];
        fs::create_dir_all(root.path().join("a/generated")).unwrap();
        for (name, text) in [("same.rs", "1"), ("differs.rs", "old"), ("unknown.rs", "")] {
            fs::write(root.path().join("a/generated").join(name), text).unwrap();
        }

        let names = |paths: Vec<PathBuf>| -> Vec<String> {
            paths
                .iter()
                .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
                .collect()
        };
        assert_eq!(
            names(stale(root.path(), &files).unwrap()),
            ["differs.rs", "missing.rs", "unknown.rs"]
        );
        assert_eq!(
            names(write(root.path(), &files).unwrap()),
            ["differs.rs", "missing.rs", "unknown.rs"]
        );
        assert!(stale(root.path(), &files).unwrap().is_empty());
    }
}
