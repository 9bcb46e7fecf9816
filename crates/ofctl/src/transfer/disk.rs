//! Files beside the one that is imported or exported.

use std::{
    fs::{File, OpenOptions},
    path::Path,
};

use crate::exit::Failure;

/// Files that whoever runs this may read, and nobody else.
#[cfg(unix)]
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

/// Files that whoever runs this may read, and nobody else: elsewhere the folder sees to that.
#[cfg(not(unix))]
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
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

pub(crate) fn trouble(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Local(format!("cannot work with {}: {error}", path.display()))
}
