//! The command as it is called: exit codes and reports.

use std::{fs, path::PathBuf};

use super::*;

/// Files beside the tests: two documents that differ in a bit of everything, and what is said of them.
fn testdata(name: &str) -> PathBuf {
    crate::root()
        .join("build-tools/src/diff/testdata")
        .join(name)
}

fn report(old: &Path, new: &Path, format: Format) -> Result<(u8, String)> {
    let mut out = Vec::new();
    let code = run(&crate::root(), old, new, format, &mut out)?;
    Ok((code, String::from_utf8(out).unwrap()))
}

/// Compares with a file. With `OPENFINANCE_RECORD_REPORTS` set the file is written instead.
#[track_caller]
fn golden(name: &str, text: &str) {
    let file = testdata(name);
    if std::env::var_os("OPENFINANCE_RECORD_REPORTS").is_some() {
        fs::write(&file, text).unwrap();
    }
    assert_eq!(
        text,
        fs::read_to_string(&file).unwrap(),
        "{}",
        file.display()
    );
}

#[test]
fn the_reports_are_as_written_down() {
    let (old, new) = (testdata("old.yaml"), testdata("new.yaml"));
    let (code, text) = report(&old, &new, Format::Text).unwrap();
    assert_eq!(code, 2);
    golden("report.txt", &text);
    let (code, text) = report(&old, &new, Format::Json).unwrap();
    assert_eq!(code, 2);
    golden("report.json", &text);
    let root = crate::root();
    let (old, new) = (spec::load(&old).unwrap(), spec::load(&new).unwrap());
    let lineage = Lineage::load(&root).unwrap();
    let found = compare(&old, &new, &scope(&root).unwrap(), &lineage).unwrap();
    golden("report.md", &markdown(&found));
}

#[test]
fn the_exit_code_is_the_worst_class() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, document: &Value| {
        let file = folder.path().join(name);
        fs::write(&file, document.to_string()).unwrap();
        file
    };
    let base = spec::load(&testdata("old.yaml")).unwrap();
    let changed = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut document = base.clone();
        change(&mut document);
        write(name, &document)
    };
    let old = write("old.json", &base);
    let code = |new: &Path| report(&old, new, Format::Text).unwrap().0;
    assert_eq!(code(&old), 0);
    assert_eq!(
        report(&old, &old, Format::Text).unwrap().1.lines().next(),
        Some("No difference.")
    );
    let words = changed("words.json", &|document| {
        document["info"]["title"] = json!("Other")
    });
    assert_eq!(code(&words), 0);
    let customer = "/components/schemas/Customer/properties";
    let added = changed("added.json", &|document| {
        document.pointer_mut(customer).unwrap()["nick"] = json!({"type": "string"});
    });
    assert_eq!(code(&added), 1);
    let removed = changed("removed.json", &|document| {
        let fields = document.pointer_mut(customer).unwrap();
        fields.as_object_mut().unwrap().remove("email");
    });
    assert_eq!(code(&removed), 2);

    let broken = folder.path().join("broken.yaml");
    fs::write(&broken, "paths: [").unwrap();
    let dangling = changed("dangling.json", &|document| {
        document.pointer_mut(customer).unwrap()["email"] =
            json!({"$ref": "#/components/schemas/Gone"});
    });
    for unusable in [broken, dangling, folder.path().join("missing.yaml")] {
        assert!(report(&old, &unusable, Format::Json).is_err());
        assert!(report(&unusable, &old, Format::Json).is_err());
    }
    assert_eq!(UNUSABLE, 3);
}
