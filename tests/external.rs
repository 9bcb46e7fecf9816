//! The README, word for word, by a client that is not ours. Needs `buf` on the path; `cargo xtask ci` installs it.

mod readme_sandbox;

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The gateway as the README starts it, but built as the tests are. Ends with this value.
struct Gateway(Child);

impl Gateway {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--locked", "--", "--sandbox"])
            .current_dir(ROOT)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It prints a call to paste when it serves.
        let printed = BufReader::new(child.stdout.take().unwrap());
        let served = printed
            .lines()
            .any(|line| line.unwrap().contains("buf curl"));
        assert!(served, "the gateway ended before it served");
        Self(child)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Unlike `Child::kill`, this lets it stop as it should; `cargo run` has become the gateway itself by now.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// The README's section with this heading.
fn section(heading: &str) -> String {
    let readme = std::fs::read_to_string(format!("{ROOT}/README.md")).unwrap();
    readme
        .split("\n## ")
        .find(|section| section.starts_with(heading))
        .unwrap()
        .to_owned()
}

/// The commands of the README's section with this heading, in order.
fn commands(heading: &str) -> Vec<String> {
    section(heading)
        .split("```sh\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap().to_owned())
        .filter(|block| !block.starts_with("npm install"))
        .collect()
}

#[test]
fn external_the_first_conversation_works_word_for_word() {
    let _gateway = Gateway::start();
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
