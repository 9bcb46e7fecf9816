//! Imports into a small workspace of its own, whose parts are in `testdata/`.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::bail;
use tempfile::TempDir;

use super::*;

const OURS: &str = include_str!("testdata/ours.yaml");
const VENDOR: &str = include_str!("testdata/vendor.yaml");

/// A workspace into which `vendor.yaml` has been imported.
struct Workspace {
    folder: TempDir,
}

impl Workspace {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Self { folder };
        for (path, text) in [
            (spec::DOCUMENT, OURS),
            (spec::OVERLAY, include_str!("testdata/overlay.yaml")),
            (
                "openapi/lineage.yaml",
                include_str!("testdata/lineage.yaml"),
            ),
            (
                "proto/openfinance/v1/library.proto",
                include_str!("testdata/library.proto"),
            ),
            (rest::OUT, ""),
        ] {
            let path = workspace.root().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        workspace.import(VENDOR).unwrap();
        workspace
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn text(&self) -> String {
        read(&self.root().join(spec::DOCUMENT)).unwrap()
    }

    fn document(&self) -> Value {
        spec::load(&self.root().join(spec::DOCUMENT)).unwrap()
    }

    /// Every file of the workspace.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        output::walk(self.root())
            .unwrap()
            .into_iter()
            .map(|path| {
                let contents = fs::read(&path).unwrap();
                (path, contents)
            })
            .collect()
    }

    /// Imports text as the vendor's document, and answers what was told.
    fn import(&self, vendor: &str) -> Result<String> {
        self.import_as(vendor.as_bytes(), &[], &|_, _| Ok(replayed()))
    }

    fn import_as(&self, vendor: &[u8], add: &[&str], replay: Replay<'_>) -> Result<String> {
        let elsewhere = tempfile::tempdir().unwrap();
        let file = elsewhere.path().join("vendor.yaml");
        fs::write(&file, vendor).unwrap();
        let add: Vec<String> = add.iter().map(|name| (*name).to_owned()).collect();
        let mut out = Vec::new();
        import(self.root(), &file, &add, replay, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    /// What a refusal says; the workspace must be as it was.
    fn refusal(&self, vendor: &[u8]) -> String {
        let before = self.files();
        let error = self
            .import_as(vendor, &[], &|_, _| Ok(replayed()))
            .expect_err("taken over");
        assert!(self.files() == before, "a refusal wrote something");
        format!("{error:#}")
    }
}

fn replayed() -> replay::Outcome {
    replay::Outcome {
        replayed: 7,
        domain: Vec::new(),
    }
}

/// The vendor's document with some of its text replaced.
fn published(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(VENDOR.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from} is not in vendor.yaml");
        text.replace(from, to)
    })
}

#[test]
fn what_is_in_already_changes_no_byte_and_needs_no_replay() {
    let workspace = Workspace::new();
    let before = workspace.files();
    let told = workspace
        .import_as(VENDOR.as_bytes(), &[], &|_, _| bail!("replayed"))
        .unwrap();
    assert_eq!(
        told,
        "Nothing changes: openapi/open-finance-us.yaml is version 1.2.0 already, with the same structure.\n"
    );
    // Other words, another layout and what is out of scope are no change either.
    let vendor = published(&[
        ("CANARY", "another canary"),
        (
            "tags:\n  - name: Books\n    description: another canary\n",
            "",
        ),
        ("books: {type: array", "tomes: {type: array"),
    ]);
    workspace
        .import_as(vendor.as_bytes(), &[], &|_, _| bail!("replayed"))
        .unwrap();
    assert!(workspace.files() == before);
    assert_eq!(problems(workspace.root()).unwrap(), [""; 0]);
}

#[test]
fn no_word_of_the_vendor_is_taken_over_and_none_of_ours_is_lost() {
    let workspace = Workspace::new();
    let told = workspace
        .import_as(VENDOR.as_bytes(), &["GetShelf"], &|_, _| Ok(replayed()))
        .unwrap();
    for (path, contents) in workspace.files() {
        let text = String::from_utf8(contents).unwrap();
        assert!(!text.contains("CANARY"), "{}", path.display());
    }
    assert!(!told.contains("CANARY"));
    for line in OURS.lines().filter(|line| {
        line.contains("description: ") || line.contains("summary: ") || line.starts_with('#')
    }) {
        assert!(workspace.text().contains(line), "{line} is lost");
    }
    assert_eq!(
        workspace.document()["components"]["schemas"]["Book"]["properties"]["description"]["type"],
        "string"
    );
}

#[test]
fn structure_is_rewritten_and_words_follow_what_they_are_about() {
    let workspace = Workspace::new();
    let vendor = published(&[
        ("version: 1.2.0", "version: 1.3.0"),
        // An operation moves.
        ("/books/{bookId}:", "/v2/books/{bookId}:"),
        // A component gets another name.
        (
            "'#/components/parameters/BookId'",
            "'#/components/parameters/TheBook'",
        ),
        ("    BookId: {name", "    TheBook: {name"),
        // A member loses its component, and another gets one.
        (
            "        id: {type: string, example: CANARY}\n        title: {$ref: '#/components/schemas/Title'}",
            "        isbn: {type: string}\n        id: {$ref: '#/components/schemas/Id'}\n        title: {type: string, maxLength: 99}",
        ),
        ("    Shelf:\n", "    Id: {type: string}\n    Shelf:\n"),
        // A parameter moves to another place in its list.
        (
            "        - $ref: '#/components/parameters/TheBook'\n",
            "        - {name: lang, in: query, schema: {type: string}}\n        - $ref: '#/components/parameters/TheBook'\n",
        ),
    ]);
    let told = workspace.import(&vendor).unwrap();
    assert!(
        told.contains("- What is breaking on the wire: decide on each"),
        "{told}"
    );
    let document = workspace.document();
    let words = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    for (pointer, expected) in [
        ("/info/version", "1.3.0"),
        ("/paths/~1v2~1books~1{bookId}/get/summary", "Read a book"),
        (
            "/components/parameters/TheBook/description",
            "The book's id.",
        ),
        (
            "/components/schemas/Id/description",
            "What the library calls it by.",
        ),
        (
            "/components/schemas/Book/properties/title/description",
            "What the book is called.",
        ),
        (
            "/components/schemas/Title/description",
            "What the book is called.",
        ),
        (
            "/paths/~1v2~1books~1{bookId}/get/parameters/2/description",
            "Only this edition.",
        ),
        (
            "/paths/~1v2~1books~1{bookId}/get/responses/404/description",
            "No such book.",
        ),
    ] {
        assert_eq!(words(pointer), Some(expected), "{pointer}");
    }
    let text = workspace.text();
    let isbn = text.find("        isbn:").unwrap();
    assert!(
        text[isbn..].contains("        id:\n"),
        "a new member stands where the vendor has it"
    );
    assert_eq!(problems(workspace.root()).unwrap(), [""; 0]);
}

#[test]
fn an_operation_is_added_with_all_that_it_names() {
    let workspace = Workspace::new();
    let told = workspace
        .import_as(
            VENDOR.as_bytes(),
            &["GetShelf", "GetBook", "GetShelf"],
            &|_, files| {
                assert!(text(files, rest::OUT)?.contains("pub async fn get_shelf"));
                Ok(replayed())
            },
        )
        .unwrap();
    for expected in [
        "In scope from now on: `GetShelf`",
        "`/components/schemas/Width`",
        "Shelf.width is forgotten",
        "`crates/rest/src/generated/mod.rs`",
    ] {
        assert!(told.contains(expected), "{expected}:\n{told}");
    }
    assert_eq!(told.matches("In scope from now on").count(), 1, "{told}");
    let document = workspace.document();
    assert_eq!(document["components"]["schemas"]["Width"]["type"], "number");
    assert_eq!(
        document["paths"]["/shelves/{shelfId}"]["get"]["responses"]["404"]["description"],
        "Answer with status 404."
    );
    // From now on it is in scope by itself.
    let told = workspace.import(VENDOR).unwrap();
    assert!(told.starts_with("Nothing changes"), "{told}");
}

#[test]
fn a_document_is_refused_whole_with_what_is_wrong_and_where() {
    let workspace = Workspace::new();
    let cases: [(&str, String, &[&str]); 9] = [
        (
            "cut short",
            VENDOR[..VENDOR.find("    Book:\n").unwrap()].to_owned(),
            &["#/components/schemas/Book"],
        ),
        (
            "a reference that leads nowhere",
            published(&[("    Width: {type: number, description: CANARY}\n", "")]),
            &["#/components/schemas/Width", "/components/schemas/Shelf"],
        ),
        (
            "an operation in scope that has gone",
            published(&[("operationId: GetBook", "operationId: ReadBook")]),
            &["GetBook", "ReadBook"],
        ),
        (
            "a path whose parameters do not match",
            published(&[("/books/{bookId}:", "/books/{book}:")]),
            &["GetBook", "bookId"],
        ),
        (
            "an action of the overlay that matches nothing",
            published(&[("pages: {type: object", "sheets: {type: object")]),
            &["openapi/overlay.yaml", "action 0", "matches nothing"],
        ),
        (
            "an action of the overlay that is not needed any more",
            published(&[("pages: {type: object", "pages: {type: integer")]),
            &["openapi/overlay.yaml", "action 0", "changes nothing"],
        ),
        (
            "a key that stands twice",
            published(&[(
                "    Width: {type: number, description: CANARY}\n",
                "    Width: {type: number}\n    Width: {type: string}\n",
            )]),
            &["Width", "line"],
        ),
        (
            "no YAML",
            published(&[("openapi: 3.0.3", "openapi: [3.0.3")]),
            &["line"],
        ),
        (
            "another OpenAPI",
            published(&[("openapi: 3.0.3", "openapi: 3.1.0")]),
            &["3.1.0"],
        ),
    ];
    for (what, vendor, expected) in cases {
        let told = workspace.refusal(vendor.as_bytes());
        for expected in expected {
            assert!(
                told.contains(expected),
                "{what}: {expected} is not in:\n{told}"
            );
        }
    }
    let mut unreadable = VENDOR.as_bytes().to_vec();
    let at = VENDOR.find("Library").unwrap();
    unreadable[at] = 0xff;
    let told = workspace.refusal(&unreadable);
    assert!(told.contains("line 4"), "{told}");
    let told =
        workspace.refusal(published(&[("title: Library", "title: \"Lib\u{1}rary\"")]).as_bytes());
    assert!(told.contains("line 4"), "{told}");
}

#[test]
fn an_operation_to_add_that_does_not_exist_is_refused_by_name() {
    let workspace = Workspace::new();
    let before = workspace.files();
    let error = workspace
        .import_as(VENDOR.as_bytes(), &["getShelf"], &|_, _| Ok(replayed()))
        .unwrap_err();
    let told = format!("{error:#}");
    assert!(
        told.contains("getShelf") && told.contains("GetShelf"),
        "{told}"
    );
    assert!(workspace.files() == before);
}

#[test]
fn code_that_cannot_read_the_wire_corpus_is_not_written() {
    let workspace = Workspace::new();
    let before = workspace.files();
    let vendor = published(&[("id: {type: string, example: CANARY}", "id: {type: object}")]);
    let error = workspace
        .import_as(vendor.as_bytes(), &[], &|_, _| {
            bail!("book.json (GetBook): /id is lost")
        })
        .unwrap_err();
    assert!(format!("{error:#}").contains("/id is lost"));
    assert!(workspace.files() == before);
}

#[test]
fn a_version_that_goes_backwards_or_stays_is_told_and_taken() {
    let workspace = Workspace::new();
    let told = workspace
        .import(&published(&[("version: 1.2.0", "version: 1.1.9")]))
        .unwrap();
    assert!(
        told.contains("**The version went backwards**, from 1.2.0 to 1.1.9."),
        "{told}"
    );
    assert_eq!(version(&workspace.document()), "1.1.9");
    let told = workspace
        .import(&published(&[
            ("version: 1.2.0", "version: 1.1.9"),
            ("maxLength: 99", "maxLength: 98"),
        ]))
        .unwrap();
    assert!(told.contains("The version is 1.1.9 still"), "{told}");
}

#[test]
fn structure_that_was_edited_by_hand_is_a_problem_and_so_is_another_layout() {
    let workspace = Workspace::new();
    let path = workspace.root().join(spec::DOCUMENT);
    let good = workspace.text();
    fs::write(&path, good.replace("maxLength: 99", "maxLength: 9")).unwrap();
    let told = problems(workspace.root()).unwrap().join("\n");
    assert!(told.contains("openapi/overlay.yaml"), "{told}");
    fs::write(
        &path,
        good.replace(
            "type: string\n      maxLength",
            "type: 'string'\n      maxLength",
        ),
    )
    .unwrap();
    let told = problems(workspace.root()).unwrap().join("\n");
    assert!(told.contains("is not as the import writes it"), "{told}");
    fs::write(&path, good.replace("Read a book", "Read one book")).unwrap();
    assert_eq!(problems(workspace.root()).unwrap(), [""; 0]);
}

#[test]
fn a_report_is_what_its_golden_file_says() {
    let workspace = Workspace::new();
    let vendor = published(&[
        ("version: 1.2.0", "version: 1.3.0"),
        ("required: [title]", "required: [title, pages]"),
        (
            "        id: {type: string, example: CANARY}\n",
            "        id: {type: string}\n        isbn: {type: string}\n",
        ),
        (
            "'404': {description: CANARY}\ncomponents",
            "'404': {description: CANARY}\n        '410': {description: CANARY}\ncomponents",
        ),
    ]);
    let told = workspace.import(&vendor).unwrap();
    let golden = crate::root().join("build-tools/src/import/testdata/report.md");
    if std::env::var_os("OPENFINANCE_RECORD_REPORTS").is_some() {
        fs::write(&golden, &told).unwrap();
    }
    assert_eq!(
        told,
        read(&golden).unwrap(),
        "if that is meant: OPENFINANCE_RECORD_REPORTS=1 cargo test -p build-tools"
    );
}

#[test]
fn the_vendors_document_is_in_already() {
    let Some(folder) = std::env::var_os("OPENFINANCE_VENDOR_DOCS") else {
        return;
    };
    for name in ["open-finance-us", "customer-records"] {
        let file = Path::new(&folder).join(format!("{name}-1.42.0.structure.yaml"));
        let mut out = Vec::new();
        import(
            &crate::root(),
            &file,
            &[],
            &|_, _| bail!("replayed"),
            &mut out,
        )
        .unwrap();
        assert!(out.starts_with(b"Nothing changes"));
    }
}

#[test]
fn our_document_is_the_vendors_structure_in_the_layout_of_the_import() {
    assert_eq!(problems(&crate::root()).unwrap(), [""; 0]);
}

#[test]
fn the_replay_knows_the_type_of_every_operation() {
    let files = rest::generate(&crate::root()).unwrap();
    let document = spec::load(&crate::root().join(spec::NORMALISED)).unwrap();
    let harness = replay::harness(&document, text(&files, rest::OUT).unwrap()).unwrap();
    syn::parse_file(&harness).unwrap();
    for (id, arm) in [
        ("GetCustomer", "read::<types::GetCustomerResponse>(body)"),
        ("GetBusinessById", "read::<types::BusinessList>(body)"),
        ("DeleteCustomer", "Ok(Value::Null)"),
    ] {
        assert!(harness.contains(&format!("{id:?} => {arm}")), "{harness}");
    }
    assert_eq!(
        harness.matches(" => read::<").count() + harness.matches(" => Ok(Value::Null)").count(),
        18
    );
}
