//! The command as it is called: exit codes and reports.

use std::{fs, path::PathBuf};

use super::*;

/// Files beside the tests: two documents that differ in a bit of everything, and what is said of them.
fn testdata(name: &str) -> PathBuf {
    crate::root()
        .join("build-tools/src/diff/testdata")
        .join(name)
}

fn printed(old: &Path, new: &Path, format: Format) -> Result<(u8, String)> {
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
    let [old, new] = ["old.yaml", "new.yaml"].map(|name| spec::load(&testdata(name)).unwrap());
    let root = crate::root();
    let lineage = Lineage::load(&root).unwrap();
    let found = compare(
        &old,
        &new,
        &spec::ids(&spec::load(&root.join(spec::DOCUMENT)).unwrap()).unwrap(),
        &lineage,
    )
    .unwrap();
    golden("report.txt", &report::text(&found));
    golden("report.json", &report::json(&found, Value::Null).unwrap());
    golden("report.md", &markdown(&found));
}

#[test]
fn what_typed_callers_have_to_change_is_told_beside() {
    let (old, new) = (testdata("old.yaml"), testdata("new.yaml"));
    let (code, text) = printed(&old, &new, Format::Text).unwrap();
    assert_eq!(code, 2);
    let (wire, typed) = text.split_once("\nRust API: major").unwrap();
    assert!(wire.starts_with("On the wire the change is breaking"));
    for line in [
        "changed types::CustomerUpdate.last_name from Option<Name> to Name",
        "removed types::Customer,",
        // Under another id the operation is still in scope.
        "added Client::read_customer:",
    ] {
        assert!(typed.contains(line), "{line}:\n{typed}");
    }
    let (_, json) = printed(&old, &new, Format::Json).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["class"], &json["rust_api"]["advice"]),
        (&json!("breaking"), &json!("major"))
    );

    // The same on the wire, and another thing to whoever names the types.
    let folder = tempfile::tempdir().unwrap();
    let renamed = folder.path().join("renamed.json");
    let document = same::renamed(&spec::load(&old).unwrap());
    fs::write(&renamed, document.to_string()).unwrap();
    let (code, text) = printed(&old, &renamed, Format::Text).unwrap();
    assert_eq!(code, 0);
    assert!(
        text.starts_with("No difference.\n\nRust API: major"),
        "{text}"
    );
}

#[test]
fn a_document_that_no_client_can_be_made_of_is_compared_all_the_same() {
    let typed = Err(anyhow::anyhow!(
        "no client can be generated from the new document"
    ));
    let reason = "no client can be generated from the new document";
    assert_eq!(
        typed::text(&typed),
        format!("Rust API: unknown: {reason}\n")
    );
    assert_eq!(
        typed::json(&typed),
        json!({"advice": "unknown", "reason": reason})
    );
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
    let code = |new: &Path| printed(&old, new, Format::Text).unwrap().0;
    assert_eq!(code(&old), 0);
    assert_eq!(
        printed(&old, &old, Format::Text).unwrap().1.lines().next(),
        Some("No difference.")
    );
    let words = changed("words.json", &|document| {
        document["info"]["title"] = json!("Other")
    });
    assert_eq!(code(&words), 0);
    let foreign = changed("foreign.json", &|document| document["paths"] = json!({}));
    let (code_of_nothing, text) = printed(&foreign, &foreign, Format::Text).unwrap();
    assert_eq!(code_of_nothing, 0);
    assert!(text.starts_with("Neither document has an operation of ours.\nNo difference."));
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
        assert!(printed(&old, &unusable, Format::Json).is_err());
        assert!(printed(&unusable, &old, Format::Json).is_err());
    }
    assert_eq!(UNUSABLE, 3);
}
