//! The advice, and the changes as people and programs get them.

use super::*;

#[test]
fn the_version_that_follows_depends_on_whether_there_was_a_first() {
    for (version, patch, minor, major) in [
        ("0.1.0", "0.1.1", "0.1.1", "0.2.0"),
        ("0.3.4", "0.3.5", "0.3.5", "0.4.0"),
        ("1.2.3", "1.2.4", "1.3.0", "2.0.0"),
    ] {
        assert_eq!(Advice::None.next(version).as_deref(), Some(version));
        assert_eq!(Advice::Patch.next(version).as_deref(), Some(patch));
        assert_eq!(Advice::Minor.next(version).as_deref(), Some(minor));
        assert_eq!(Advice::Major.next(version).as_deref(), Some(major));
    }
    assert_eq!(Advice::Major.next("1.0.0-rc.1"), None);
    assert!(Advice::Major.next(VERSION).is_some());
}

/// A source with one change of each kind.
fn several() -> Changes {
    let new = SOURCE
        .replace("pub a: i64", "pub a: u8, pub b: bool")
        .replace("pub const ALL: &[u8] = &[1];", "")
        .replace("{ One }", "{ One, Two }")
        .replace("pub id:", "pub more: bool, pub id:");
    let mut changes = changes(SOURCE, &new).unwrap();
    // Whatever version this workspace has by now.
    assert_eq!(std::mem::replace(&mut changes.version, "0.1.0"), VERSION);
    changes
}

#[test]
fn the_section_for_a_pull_request_is_as_written_here() {
    assert_eq!(
        several().markdown(),
        "## Rust API

**major**: callers may have to change their code; the version after 0.1.0 is 0.2.0.

### Removed (1)

- `ALL`, was `const ALL: &[u8]`

### Changed (1)

- `types::Inner.a` from `i64` to `u8`

### Added (3)

- `types::Answer.more`: `bool`; only comes back from calls; who builds one with a literal, as tests do, has to name the field
- `types::Inner.b`: `bool`; who builds it with a literal has to name the field
- `types::Open::Two`: `Two`
"
    );
}

#[test]
fn the_lines_for_a_terminal_are_as_written_here() {
    assert_eq!(
        several().text(),
        "Rust API: major: callers may have to change their code; the version after 0.1.0 is 0.2.0
  removed ALL, was const ALL: &[u8]
  changed types::Inner.a from i64 to u8
  added types::Answer.more: bool; only comes back from calls; who builds one with a literal, as tests do, has to name the field
  added types::Inner.b: bool; who builds it with a literal has to name the field
  added types::Open::Two: Two
"
    );
    let same = changes(SOURCE, SOURCE).unwrap();
    assert_eq!(
        same.text(),
        "Rust API: none: the generated code is the same\n"
    );
}

#[test]
fn a_program_gets_every_change() {
    let value = several().json();
    assert_eq!(value["advice"], "major");
    assert_eq!(value["version"], "0.1.0");
    assert_eq!(value["next_version"], "0.2.0");
    assert_eq!(
        value["changed"],
        serde_json::json!([{ "item": "types::Inner.a", "before": "i64", "after": "u8", "breaking": true, "note": null }])
    );
    assert_eq!(value["added"][2]["breaking"], false);
    assert_eq!(value["removed"][0]["after"], serde_json::Value::Null);
}

#[test]
fn many_changes_are_no_wall_for_people() {
    let many: String = (0..100)
        .map(|number| format!("pub struct S{number:02};\n"))
        .collect();
    let changes = changes(&many, "").unwrap();
    assert_eq!(changes.text().lines().count(), 42);
    assert!(changes.text().ends_with("  removed 60 more\n"));
    assert!(changes.markdown().ends_with("- and 60 more\n"));
    assert_eq!(changes.json()["removed"].as_array().unwrap().len(), 100);
}
