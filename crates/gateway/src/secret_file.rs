//! The file with the partner's secret, and its change in steps of which each is durable when it returns.
//!
//! A new secret lies beside the old one, in `FILE.next`, until the vendor is known to have taken it. A file under either
//! name is always whole: it is written under a third one and renamed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret as _, SecretString};

/// The file with the partner's secret, `partner.secret_file`. Every method asks the disk, and waits for it.
#[derive(Clone, Debug)]
pub(crate) struct SecretFile {
    path: PathBuf,
}

impl SecretFile {
    /// The file at this path.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The secret.
    pub(crate) fn read(&self) -> io::Result<SecretString> {
        read(&self.path)
    }

    /// The secret that is to follow, if there is one.
    pub(crate) fn staged(&self) -> io::Result<Option<SecretString>> {
        match read(&self.beside(".next")) {
            Ok(secret) => Ok(Some(secret)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps `secret` beside the present one.
    pub(crate) fn stage(&self, secret: &SecretString) -> io::Result<()> {
        let draft = self.beside(".next.new");
        // Left by a process that was cut short: its mode may be another.
        remove(&draft)?;
        let mut file = private(OpenOptions::new().write(true).create_new(true)).open(&draft)?;
        file.write_all(secret.expose_secret().as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, self.beside(".next"))?;
        self.sync_folder()
    }

    /// Puts the staged secret in the place of the present one.
    pub(crate) fn promote(&self) -> io::Result<()> {
        fs::rename(self.beside(".next"), &self.path)?;
        self.sync_folder()
    }

    /// Drops the staged secret.
    pub(crate) fn unstage(&self) -> io::Result<()> {
        remove(&self.beside(".next"))?;
        self.sync_folder()
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(ending);
        path.into()
    }

    /// A name is only durable when its folder is.
    fn sync_folder(&self) -> io::Result<()> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            Some(_) | None => Path::new("."),
        };
        File::open(folder)?.sync_all()
    }
}

/// A secret as it is kept in a file, which may end its line.
fn read(path: &Path) -> io::Result<SecretString> {
    let text = SecretString::from(fs::read_to_string(path)?);
    Ok(text.expose_secret().trim_end_matches(['\r', '\n']).into())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Readable by this user alone.
#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::TempDir, SecretFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("partner-secret");
        fs::write(&path, "OldSecret1234\n").unwrap();
        (folder, SecretFile::new(path))
    }

    fn names(folder: &tempfile::TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn text(secret: SecretString) -> String {
        secret.expose_secret().to_owned()
    }

    #[test]
    fn a_staged_secret_takes_the_place_of_the_present_one_when_it_is_promoted() {
        let (folder, file) = file();
        assert!(file.staged().unwrap().is_none());
        file.stage(&"NewSecret1234".into()).unwrap();
        assert_eq!(text(file.read().unwrap()), "OldSecret1234");
        assert_eq!(
            file.staged().unwrap().map(text).as_deref(),
            Some("NewSecret1234")
        );
        file.promote().unwrap();
        assert_eq!(text(file.read().unwrap()), "NewSecret1234");
        assert_eq!(names(&folder), ["partner-secret"]);
    }

    #[test]
    fn a_staged_secret_can_be_replaced_and_dropped() {
        let (folder, file) = file();
        fs::write(
            folder.path().join("partner-secret.next.new"),
            "half of a se",
        )
        .unwrap();
        file.stage(&"NewSecret1234".into()).unwrap();
        file.stage(&"NextSecret1234".into()).unwrap();
        assert_eq!(
            file.staged().unwrap().map(text).as_deref(),
            Some("NextSecret1234")
        );
        file.unstage().unwrap();
        file.unstage().unwrap();
        assert_eq!(names(&folder), ["partner-secret"]);
        assert!(file.promote().is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_rotated_secret_is_for_this_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let (folder, file) = file();
        file.stage(&"NewSecret1234".into()).unwrap();
        let mode = |name: &str| {
            let path = folder.path().join(name);
            fs::metadata(path).unwrap().permissions().mode() & 0o777
        };
        assert_eq!(mode("partner-secret.next"), 0o600);
        file.promote().unwrap();
        assert_eq!(mode("partner-secret"), 0o600);
    }
}
