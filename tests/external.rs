//! The README, word for word, by a client that is not ours. Needs `buf` on the path; `cargo xtask ci` installs it.

pub(crate) mod gateway;
mod readme_sandbox;

use std::{path::Path, process::Command};

use self::gateway::Gateway;
use crate::docs::{
    ROOT,
    block::{Block, blocks},
};

/// The blocks of the README's section with this heading.
fn section(heading: &str) -> Vec<Block> {
    let readme = Path::new("README.md");
    let text = std::fs::read_to_string(Path::new(ROOT).join(readme)).unwrap();
    let mut lines = text.lines();
    let number = |line: Option<usize>| line.map(|index| index + 1);
    let start = number(lines.position(|line| line == format!("## {heading}"))).unwrap();
    let end = number(lines.position(|line| line.starts_with("## "))).map(|lines| start + lines);
    let inside = start..end.unwrap_or(usize::MAX);
    let mut blocks = blocks(readme);
    blocks.retain(|block| inside.contains(&block.line));
    blocks
}

/// The commands of the README's section with this heading, in order.
fn commands(heading: &str) -> Vec<String> {
    let commands = section(heading)
        .into_iter()
        .filter(|block| block.kind == "sh" && !block.text.starts_with("npm install"));
    commands.map(|block| block.text).collect()
}

#[test]
fn external_the_first_conversation_works_word_for_word() {
    // As the README starts it, but built as the tests are.
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--locked", "--", "--sandbox"]);
    let _gateway = Gateway::start(cargo.current_dir(ROOT));
    let mut commands = commands("A first conversation");
    let mistake = commands.pop().unwrap();
    let mut script = "set -e\n".to_owned() + &commands.concat();
    script += &format!("{} && exit 1 || true\n", mistake.trim());
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}\n{complained}");
    for expected in [
        r#""customerId": "1005822465""#,
        r#""ssnLastFour": "6789""#,
        r#""personallyLiable": true"#,
        r#""totalSize": 1"#,
    ] {
        assert!(said.contains(expected), "no {expected} in:\n{said}");
    }
    // The consumer is read again after the customer is gone.
    assert_eq!(
        said.matches(r#""consumerId": "1f8410633ef306ac497305c5d1aab99f""#)
            .count(),
        2,
        "{said}"
    );
    assert!(
        !said.contains("123-45-6789") && !said.contains("123456789"),
        "{said}"
    );
    assert!(
        complained.contains("invalid_argument") && complained.contains("customer.username"),
        "{complained}"
    );
}
