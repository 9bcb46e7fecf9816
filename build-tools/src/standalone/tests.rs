//! Crates from small documents, and from those of the vendor where they are at hand.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::json;

use super::*;

/// A document that has a little of everything.
const SMALL: &str = include_str!("testdata/small.yaml");

fn files(document: &Value) -> BTreeMap<PathBuf, String> {
    let made = make(document, Path::new("folder")).unwrap();
    made.files
        .into_iter()
        .map(|file| (file.path, String::from_utf8(file.contents).unwrap()))
        .collect()
}

fn small() -> Value {
    serde_saphyr::from_str(SMALL).unwrap()
}

#[test]
fn a_crate_is_written_once_and_the_same_each_time() {
    let root = tempfile::tempdir().unwrap();
    let spec = root.path().join("small.yaml");
    fs::write(&spec, SMALL).unwrap();
    let folder = root.path().join("out");
    let run = || {
        let mut out = Vec::new();
        write(&spec, &folder, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let first = run();
    assert!(first.starts_with("wrote "), "{first}");
    assert!(
        first.contains("\n- getPet2: Only an answer with 200"),
        "{first}"
    );
    assert!(run().starts_with("unchanged: "));
    for path in crate::output::walk(&folder).unwrap() {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.lines().next().unwrap().contains(MARK), "{path:?}");
        let machine = root.path().display().to_string();
        assert!(!text.contains(&machine), "{path:?}");
        if path.extension().is_some_and(|extension| extension == "rs") {
            syn::parse_file(&text).unwrap();
        }
    }
}

#[test]
fn a_document_that_is_refused_leaves_no_trace() {
    let root = tempfile::tempdir().unwrap();
    let spec = root.path().join("small.yaml");
    fs::write(&spec, SMALL.replace("in: query", "in: cookie")).unwrap();
    let folder = root.path().join("out");
    let error = write(&spec, &folder, &mut Vec::new()).unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains("listPets (GET /pets): the cookie parameter"),
        "{error}"
    );
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
}

#[test]
fn the_manifest_has_the_versions_of_the_workspace_and_only_what_is_used() {
    let files = files(&small());
    let manifest: toml::Table = files[Path::new("Cargo.toml")].parse().unwrap();
    let ours: toml::Table = include_str!("../../../Cargo.toml").parse().unwrap();
    assert_eq!(
        manifest["package"]["name"].as_str(),
        Some("pets-etc-client")
    );
    assert_eq!(manifest["package"]["version"].as_str(), Some("2.1.0"));
    assert!(manifest["workspace"].as_table().unwrap().is_empty());
    let dependencies = manifest["dependencies"].as_table().unwrap();
    for (name, dependency) in dependencies {
        let ours = &ours["workspace"]["dependencies"][name];
        let version = |of: &toml::Value| of.get("version").unwrap_or(of).clone();
        assert_eq!(version(dependency), version(ours), "{name}");
    }
    for (library, used) in [
        ("jiff", true),
        ("uuid", true),
        ("base64", true),
        ("regress", false),
    ] {
        assert_eq!(dependencies.contains_key(library), used, "{library}");
    }
}

#[test]
fn names_of_packages_are_names_that_cargo_takes() {
    for (title, folder, expected) in [
        ("Pets & Co. API", "x", "pets-co-api-client"),
        ("", "my folder", "my-folder-client"),
        ("Haustiere für alle", "x", "haustiere-f-r-alle-client"),
        ("宠物", "..", "api-client"),
        ("3D", "x", "api-3d-client"),
        ("Progenitor", "x", "progenitor-api-client"),
        ("The client", "x", "the-client"),
    ] {
        let document = json!({ "info": { "title": title } });
        assert_eq!(manifest::name(&document, Path::new(folder)), expected);
    }
}

#[test]
fn each_security_scheme_has_a_method_and_none_is_printed() {
    let files = files(&small());
    let source = &files[Path::new("src/credentials.rs")];
    for expected in [
        "pub fn api_key(self, key: &str) -> Self {\n        self.with(Place::Header, \"x-api-key\", key.to_owned())",
        "pub fn in_query(self, key: &str) -> Self {\n        self.with(Place::Query, \"key\", key.to_owned())",
        "pub fn type_(self, token: &str) -> Self {\n        self.header(\"authorization\", &format!(\"Bearer {token}\"))",
        "pub fn basic(self, user: &str, password: &str) -> Self {",
    ] {
        assert!(source.contains(expected), "{expected} in {source}");
    }
    assert!(!source.contains("derive(Debug"));
    assert!(!source.contains("The document's security schemes"));
}

#[test]
fn every_document_of_the_vendor_becomes_a_crate() {
    let Some(folder) = std::env::var_os("OPENFINANCE_VENDOR_DOCS").map(PathBuf::from) else {
        return;
    };
    let mut documents = crate::output::walk(&folder).unwrap();
    documents.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".structure.yaml")
    });
    assert!(documents.len() >= 5, "{documents:?}");
    for path in documents {
        let document = spec::load(&path).unwrap();
        let made = make(&document, Path::new("vendor")).unwrap();
        // Ids may be missing, so they are counted by method.
        let methods = document["paths"].as_object().unwrap().values();
        let methods = methods.flat_map(|item| item.as_object().unwrap().keys());
        let verbs = [
            "get", "put", "post", "delete", "patch", "head", "options", "trace",
        ];
        let all = methods.filter(|key| verbs.contains(&key.as_str())).count();
        assert_eq!(made.operations, all, "{}", path.display());
    }
}
