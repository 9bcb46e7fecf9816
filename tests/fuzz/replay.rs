//! Reads the inputs that were found, in the tests of the crates whose targets they are for.

use std::{fs, path::Path};

/// Runs a target over its corpus.
pub(crate) fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fuzz/corpus")
        .join(target);
    let mut count = 0;
    for file in fs::read_dir(&folder).unwrap() {
        let data = fs::read(file.unwrap().path()).unwrap();
        run(&data);
        // What is cut off anywhere, and what has one byte too few, is read as well.
        for end in (0..data.len()).step_by(7) {
            run(&data[..end]);
            run(&[&data[..end], &data[end + 1..]].concat());
        }
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}
