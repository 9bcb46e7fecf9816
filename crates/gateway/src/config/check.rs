//! What values of settings must be like.

use std::{fs, path::Path};

/// A file that this process may make or write, in a folder that is there; or the folder, for a file of our own in it.
pub(super) fn store(path: &Path) -> Result<(), String> {
    let folder = match path.parent() {
        _ if path.is_dir() => path,
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let metadata = fs::metadata(folder).map_err(|error| format!("can't be used: {error}"))?;
    if !metadata.is_dir() {
        return Err("can't be used: what it is in is no folder".to_owned());
    }
    // Permission bits do not tell what this process may do; a file that is made and removed does.
    let probe = folder.join(format!(".openfinance-probe-{}", std::process::id()));
    fs::write(&probe, b"").map_err(|error| format!("can't be written to: {error}"))?;
    fs::remove_file(&probe).map_err(|error| format!("can't be written to: {error}"))
}

pub(super) fn hex_key(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(bytes)
}
