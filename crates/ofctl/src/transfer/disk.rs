//! Files beside the one that is imported or exported: nobody else may read them, one process at a time writes them, and
//! they have their names durably.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::Path,
};

use crate::exit::Failure;

/// Opens a file to read and write, or begins it, for this process alone until it is dropped. None while another has it.
///
/// # Errors
///
/// [`Failure::Local`] if it can't be opened or locked, or is a link: it could lead to any file.
pub(crate) fn locked(path: &Path) -> Result<Option<File>, Failure> {
    let trouble = |error| trouble(path, &error);
    loop {
        if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
            let text = format!("{} is a link: move it away", path.display());
            return Err(Failure::Local(text));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = private(&mut options).open(path).map_err(trouble)?;
        match file.try_lock() {
            Ok(()) if is_at(&file, path) => {
                close_to_others(&file).map_err(trouble)?;
                return Ok(Some(file));
            }
            // Who held it until now has renamed or removed it meanwhile: what is locked here has this name no more.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(trouble(error)),
        }
    }
}

/// Begins a file to write, in the place of one that was left over: what others had opened is not what they get to see.
pub(crate) fn fresh(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    private(&mut options).open(path)
}

/// Makes the name of a new file durable, where folders can be synced.
pub(crate) fn sync_folder(path: &Path) {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    if let Ok(folder) = File::open(folder) {
        // A file system that can't has no such promise to keep.
        let _ = folder.sync_all();
    }
}

pub(crate) fn trouble(path: &Path, error: &io::Error) -> Failure {
    Failure::Local(format!("cannot work with {}: {error}", path.display()))
}

/// Files that whoever runs this may read, and nobody else.
#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

/// Files that whoever runs this may read, and nobody else: elsewhere the folder sees to that.
#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// A file that was there already may be open to others.
#[cfg(unix)]
fn close_to_others(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let permissions = file.metadata()?.permissions();
    if permissions.mode() & 0o077 == 0 {
        return Ok(());
    }
    file.set_permissions(fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn close_to_others(_: &File) -> io::Result<()> {
    Ok(())
}

/// Whether this file still has this name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let place = |found: fs::Metadata| (found.dev(), found.ino());
    let (opened, named) = (file.metadata(), fs::symlink_metadata(path));
    matches!((opened.map(place), named.map(place)), (Ok(opened), Ok(named)) if opened == named)
}

/// Whether this file still has this name: elsewhere a file that is open keeps it.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_file_is_one_process_s_and_closed_to_others_whoever_made_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        fs::write(&path, "mine").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let first = locked(&path).unwrap().unwrap();
        assert!(locked(&path).unwrap().is_none());
        let mode = first.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        drop(first);
        assert!(locked(&path).unwrap().is_some());
    }

    #[test]
    fn a_file_that_lost_its_name_is_not_the_one_of_that_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("partial");
        let file = locked(&path).unwrap().unwrap();
        assert!(is_at(&file, &path));
        fs::rename(&path, folder.path().join("whole")).unwrap();
        assert!(!is_at(&file, &path));
        let next = locked(&path).unwrap().unwrap();
        assert!(is_at(&next, &path) && !is_at(&file, &path));
    }

    #[test]
    fn a_link_is_not_followed_and_a_leftover_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("report"), folder.path().join("other"));
        fs::write(&other, "another's").unwrap();
        symlink(&other, &path).unwrap();
        assert!(matches!(locked(&path), Err(Failure::Local(text)) if text.contains("is a link")));
        let new = fresh(&path).unwrap();
        assert_eq!(new.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read(&other).unwrap(), b"another's");
    }
}
