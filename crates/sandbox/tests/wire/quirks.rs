//! The table of quirks and the flags that set them, as the program has them. What each quirk does is tested beside them.

use std::process::{Command, Output};

use openfinance_sandbox::{Operation, quirk};

fn run(flags: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_openfinance-sandbox");
    let run = Command::new(program).args(flags).output();
    run.expect("the program runs")
}

#[test]
fn the_table_is_printed_and_nothing_is_started() {
    // An address that nobody may listen on: whoever tried would fail.
    let printed = run(&["--quirks", "--listen", "203.0.113.1:1"]);
    assert_eq!(printed.status.code(), Some(0));
    assert!(printed.stderr.is_empty());
    let table = String::from_utf8(printed.stdout).expect("the table is text");
    assert_eq!(table, quirk::table());
    assert!(table.starts_with("OPERATION"));
    for operation in Operation::all() {
        let begins = |line: &str| line.starts_with(operation.id());
        assert!(table.lines().any(begins), "{operation} is missing");
    }
}

#[test]
fn a_quirk_that_is_none_ends_the_program_with_the_legal_ones() {
    for (setting, told) in [
        ("nothing=1", "token-life, lock-after, "),
        ("search=all", "with-username, names-only"),
    ] {
        let refused = run(&["--quirk", setting]);
        assert_eq!(refused.status.code(), Some(2), "{setting}");
        assert!(
            String::from_utf8_lossy(&refused.stderr).contains(told),
            "{setting}"
        );
        assert!(refused.stdout.is_empty());
    }
}
