//! Every refusal of the gate, on small documents, and the vendor's real ones where they are at hand.

mod scope;
mod structure;

use std::path::{Path, PathBuf};

use super::*;

/// A whole document with something of everything; each test breaks it in one way.
const WHOLE: &str = include_str!("testdata/whole.yaml");

/// What the gate says about a text, but for the lines that pointers lead to; empty if it passes.
fn said(text: &str) -> String {
    let said = with_lines(text);
    let mut parts = said.split(" (line ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |said, part| {
        said + part.split_once(')').map_or(part, |(_, rest)| rest)
    })
}

fn with_lines(text: &str) -> String {
    match read(text.as_bytes()) {
        Ok(_) => String::new(),
        Err(kinds) => listing(&kinds),
    }
}

/// What the gate says about the whole document with one change.
fn changed(from: &str, to: &str) -> String {
    assert_eq!(WHOLE.matches(from).count(), 1, "{from}");
    said(&WHOLE.replace(from, to))
}

#[test]
fn a_whole_document_passes() {
    assert_eq!(said(WHOLE), "");
}

/// One line of problem and the title it comes under.
#[track_caller]
fn refused(said: &str, title: &str, problem: &str) {
    let mut lines = said.lines();
    let first = lines.next().unwrap_or_default();
    assert!(first.starts_with(title), "{said}");
    assert_eq!(
        lines.next(),
        Some(format!("  {problem}").as_str()),
        "{said}"
    );
    assert_eq!(lines.next(), None, "{said}");
}

#[test]
fn json_passes_as_yaml_does() {
    let text = "{\"openapi\": \"3.0.3\",\n\t\"info\": {\"title\": \"a \\ud83d\\ude00\", \"version\": \"1\"}, \"paths\": {}}";
    let document = read(text.as_bytes())
        .map_err(|kinds| listing(&kinds))
        .unwrap();
    assert_eq!(document["info"]["title"], "a \u{1F600}");
}

#[test]
fn unquoted_timestamps_stay_texts() {
    let document = read(WHOLE.as_bytes())
        .map_err(|kinds| listing(&kinds))
        .unwrap();
    let made = &document["components"]["schemas"]["Thing"]["properties"]["made"];
    assert_eq!(made["example"], "2026-01-02T03:04:05Z");
}

#[test]
fn a_version_that_goes_backwards_passes() {
    assert_eq!(changed("version: 2.1.0", "version: 2.0.9"), "");
}

#[test]
fn another_version_of_openapi_is_told_by_name_and_nothing_else_is() {
    for (line, problem) in [
        ("openapi: 3.1.0", "/openapi: is OpenAPI 3.1.0"),
        (
            "openapi: 3.0",
            "/openapi: is 3.0, but a version is a text such as '3.0.3'",
        ),
        ("swagger: '2.0'", "/swagger: is Swagger 2.0"),
        (
            "asyncapi: 2.0.0",
            "the document: does not say which version of OpenAPI it is written in",
        ),
    ] {
        refused(
            &changed("openapi: 3.0.3", line),
            "of another kind (1)",
            problem,
        );
    }
}

#[test]
fn what_is_empty_or_no_object_is_refused() {
    for text in ["", "\n", "# nothing\n", "null"] {
        refused(&said(text), "of another kind (1)", "the document: is empty");
    }
    for text in ["hello", "[]", "- openapi: 3.0.3"] {
        refused(
            &said(text),
            "of another kind (1)",
            "the document: is not an object with the key openapi",
        );
    }
}

#[test]
fn unreadable_bytes_are_told_with_their_place_and_the_rest_is_judged_too() {
    let text = WHOLE.replace("type: object", "type: objekt");
    let mut bytes = text.replace("a thing", "a th?ng").into_bytes();
    let at = bytes.iter().position(|byte| *byte == b'?').unwrap();
    bytes[at] = 0xE4;
    let said = listing(&read(&bytes).unwrap_err());
    let line = text[..at].lines().count();
    assert!(said.starts_with("unreadable characters (1): "), "{said}");
    let problem = format!("\n  line {line}, column 24: byte {at} (E4) is not UTF-8\n");
    assert!(said.contains(&problem), "{said}");
    assert!(said.contains("\nnot valid OpenAPI 3.0 (3): "), "{said}");
}

#[test]
fn characters_that_yaml_does_not_have_are_told_with_their_place() {
    for (letter, code) in [
        ('\u{b}', "U+000B"),
        ('\0', "U+0000"),
        ('\u{7f}', "U+007F"),
        ('\u{feff}', "U+FEFF"),
    ] {
        refused(
            &changed("  title: Small", &format!("  title: Sm{letter}all")),
            "unreadable characters (1)",
            &format!("line 3, column 12: {code} is no character of YAML"),
        );
    }
    assert_eq!(said(&format!("\u{feff}{WHOLE}")), "");
    assert_eq!(said(&WHOLE.replace('\n', "\r\n")), "");
    let said = said(&WHOLE.replace('\n', "\r\n").replace("Small", "Sm\u{1}all"));
    assert!(said.contains("  line 3, column 12: U+0001"), "{said}");
}

#[test]
fn every_key_that_is_there_twice_is_told_and_the_rest_is_judged_too() {
    let said = said(
        &WHOLE
            .replace("        kind:\n", "        name:\n")
            .replace(
                "        default:\n",
                "        200: {description: another}\n        default:\n",
            )
            .replace("a thing", "[]"),
    );
    let expected = "keys that are there twice (2): which of the two is meant is for the vendor to say; wait for a \
                    corrected document\n  line 50, column 9: 200 is in line 48 already\n  line 89, column 9: name is \
                    in line 78 already\n";
    assert!(said.starts_with(expected), "{said}");
    assert!(
        said.contains("\n  /components/responses/Thing/description: want string, but got array\n"),
        "{said}"
    );
}

#[test]
fn words_are_not_taken_for_numbers_or_truths() {
    let text = WHOLE.replace("[big, small]", "[no, Y, off, 0123, 1_000, 12, true]");
    let document = read(text.as_bytes())
        .map_err(|kinds| listing(&kinds))
        .unwrap();
    assert_eq!(
        document["components"]["schemas"]["Thing"]["properties"]["kind"]["enum"],
        serde_json::json!(["no", "Y", "off", "0123", "1_000", 12, true])
    );
}

#[test]
fn what_a_pointer_leads_to_is_told_with_its_line() {
    for (from, to, place) in [
        (
            "        required: true\n",
            "",
            "/paths/~1things~1{thingId}/parameters/0 (line 40)",
        ),
        (
            "          maximum: 10",
            "          maximum: ten",
            "/components/schemas/Thing/properties/name/maximum (line 79)",
        ),
        (
            "enum: [big, small]",
            "enum: [big, small]\n          default: 1\n          nullable:",
            "/components/schemas/Thing/properties/kind/nullable (line 92)",
        ),
        (
            "operationId: ListThings",
            "operationId: AddThing",
            "/paths/~1things/get (line 9)",
        ),
    ] {
        let said = with_lines(&WHOLE.replace(from, to));
        assert!(said.contains(&format!("\n  {place}: ")), "{said}");
    }
}

#[test]
fn what_is_not_yaml_is_told_with_its_place() {
    refused(
        &changed("enum: [big, small]", "enum: [big, small"),
        "not YAML (1)",
        "line 91, column 18: illegal placement of ':' indicator",
    );
    refused(
        &said(&format!("{WHOLE}---\nopenapi: 3.0.3\n")),
        "not YAML (1)",
        "line 100, column 1: a second document starts",
    );
    let deep = format!("{WHOLE}x-deep: {}{}\n", "[".repeat(100), "]".repeat(100));
    assert!(said(&deep).starts_with("not YAML (1)"), "{}", said(&deep));
    let mut bomb = format!("{WHOLE}x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..8 {
        let before = format!("*a{}, ", level - 1);
        bomb += &format!("x-{level}: &a{level} [{}]\n", before.repeat(10));
    }
    assert!(said(&bomb).starts_with("not YAML (1)"), "{}", said(&bomb));
}

#[test]
fn problems_of_one_kind_are_no_wall() {
    let many: String = (0..264)
        .map(|number| format!("    S{number}:\n      $ref: '#/components/schemas/Gone{number}'\n"))
        .collect();
    let said = changed("  schemas:\n", &format!("  schemas:\n{many}"));
    assert!(
        said.starts_with("references to what is not there (264): "),
        "{said}"
    );
    assert!(said.ends_with("\n  and 254 more\n"), "{said}");
    assert_eq!(said.lines().count(), 12);
}

#[test]
fn words_of_the_document_can_neither_flood_nor_move_the_cursor() {
    let word = format!("\\e[2J{}", "x".repeat(500));
    let said = changed(
        "operationId: GetThing",
        &format!("operationId: GetThing\n      \"{word}\": 1"),
    );
    assert!(said.contains("\\u{1b}[2Jxxx"), "{said}");
    assert!(said.lines().all(|line| line.len() < 200), "{said}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = open(Path::new("no/such.yaml")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read no/such.yaml");
}

#[test]
fn a_document_cut_off_at_any_line_is_refused() {
    let lines: Vec<&str> = WHOLE.split_inclusive('\n').collect();
    for cut in 0..lines.len() {
        assert!(
            !said(&lines[..cut].concat()).is_empty(),
            "cut after line {cut}"
        );
    }
}

#[test]
fn a_cut_behind_the_last_thing_that_is_needed_cannot_be_noticed() {
    let tail = "    Spare:\n      type: object\n      properties:\n        one:\n          type: string\n        two:\n          \
                type: string\n";
    let whole = WHOLE.replace("  schemas:\n", &format!("  schemas:\n{tail}"));
    assert_eq!(said(&whole), "");
    // The same document with its last member last.
    let (before, after) = WHOLE.split_once("  schemas:\n").unwrap();
    let (schemas, securities) = after.split_once("  securitySchemes:\n").unwrap();
    let moved = format!("{before}  securitySchemes:\n{securities}  schemas:\n{schemas}");
    assert_eq!(said(&moved), "");
    let noticed = |cut: &str| {
        let (kept, _) = moved.rsplit_once(cut).unwrap();
        !said(kept).is_empty()
    };
    assert!(noticed("        name:\n"));
    assert!(noticed("          type: string\n          enum: "));
    assert!(!noticed("          enum: "));
    assert!(!noticed("        kind:\n"));
}

#[test]
fn the_real_documents_pass_and_cut_ones_do_not() {
    for file in real() {
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(said(&text), "", "{}", file.display());
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for part in 1..5 {
            let cut = lines.len() * part / 5;
            assert!(
                !said(&lines[..cut].concat()).is_empty(),
                "{} cut after line {cut}",
                file.display()
            );
        }
    }
}

#[test]
fn what_passes_with_a_line_broken_is_a_document_that_the_generator_can_read() {
    let lines: Vec<&str> = WHOLE.split_inclusive('\n').collect();
    for (number, line) in lines.iter().enumerate() {
        let (key, _) = line.split_once(':').unwrap_or((line.trim_end(), ""));
        let broken = [
            String::new(),
            line.repeat(2),
            format!("  {line}"),
            line.strip_prefix("  ").unwrap_or(line).to_owned(),
            format!("{key}: [1]\n"),
        ];
        for broken in broken {
            let text = [
                lines[..number].concat(),
                broken.clone(),
                lines[number + 1..].concat(),
            ]
            .concat();
            match read(text.as_bytes()) {
                Ok(document) => {
                    if let Err(error) = serde_json::from_value::<openapiv3::OpenAPI>(document) {
                        panic!("line {} as {broken:?}: {error}", number + 1);
                    }
                }
                Err(kinds) => {
                    let listing = listing(&kinds);
                    assert!(listing.lines().count() < 60, "{listing}");
                }
            }
        }
    }
}

/// The vendor's documents, where they are at hand, and ours.
fn real() -> Vec<PathBuf> {
    let mut files = vec![crate::root().join(crate::spec::DOCUMENT)];
    let folder = std::env::var_os("OPENFINANCE_VENDOR_DOCS").map(PathBuf::from);
    let folders = folder.map(|folder| [folder.join("history"), folder]);
    for folder in folders.into_iter().flatten() {
        files.extend(
            fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|file| file.extension().is_some_and(|end| end == "yaml")),
        );
    }
    files.sort();
    files
}
