//! The blocks of the pages that are not run: each with what holds it instead, or why nothing can.

use super::block::Block;

/// Why what a maintainer does with a document of the vendor's is not run here.
const VENDORS: &str = "needs documents of the vendor's, which are not ours to keep; build-tools has the tests of these \
                       commands, and `cargo xtask ci` rehearses an import where there is one";

/// Where it stands (the path's end), how it begins, and the reason.
const ELSEWHERE: [(&str, &str, &str); 17] = [
    (
        ".md",
        "npm install --global @bufbuild/buf",
        "installs what `cargo xtask ci` has installed",
    ),
    (
        "README.md",
        "cargo install --locked --path crates/ofctl",
        "installs what is built for all pages; tests/external/installed.rs installs the sandbox in the same way",
    ),
    ("README.md", "cargo test --workspace", "runs this test"),
    (
        "docs/how-to/vendor-tests.md",
        "cargo install --locked --path crates/sandbox",
        "tests/external/installed.rs runs both commands",
    ),
    (
        "docs/how-to/vendor-tests.md",
        "openfinance-sandbox --state",
        "runs until it is stopped; tests/external/installed.rs starts it",
    ),
    (
        "docs/how-to/vendor-tests.md",
        "use openfinance_sandbox::{Config",
        "is a documentation test of crates/sandbox",
    ),
    (
        "docs/sandbox.md",
        "{\"event\": \"request\"",
        "lines of JSON; crates/sandbox/tests/wire/reference.rs compares them with a journal",
    ),
    (
        "docs/sandbox.md",
        "openfinance-sandbox --quirk",
        "runs until it is stopped; crates/sandbox/tests/wire/reference.rs starts it",
    ),
    ("build-tools/README.md", "cargo xtask spec", VENDORS),
    (
        "build-tools/README.md",
        "cargo xtask instructions",
        "takes minutes, and is a step of `cargo xtask ci`",
    ),
    (
        "build-tools/README.md",
        "callgrind_annotate",
        "shows what that step has written",
    ),
    (
        "build-tools/README.md",
        "cargo xtask bench instructions --record",
        "changes what is recorded",
    ),
    (
        "build-tools/README.md",
        "cargo xtask codegen rest --spec vendor.yaml",
        VENDORS,
    ),
    (
        "build-tools/README.md",
        "$ cargo xtask spec diff 1.38.1.yaml",
        VENDORS,
    ),
    (
        "build-tools/README.md",
        "$ cargo xtask spec import vendor.yaml",
        VENDORS,
    ),
    (
        "tests/clients/typescript/README.md",
        "OPENFINANCE_GRPC__WEB=on",
        "a gateway for pages; tests/clients/page.rs starts one and opens the page",
    ),
    (
        "tests/clients/typescript/README.md",
        "cd tests/clients/typescript\nnpm run page",
        "runs until it is stopped; tests/clients/page.rs opens the page",
    ),
];

/// Why this block is not run, where it is not.
pub(super) fn reason(block: &Block) -> Option<&'static str> {
    let mut rows = ELSEWHERE.iter();
    let row = rows.find(|(page, start, _)| is(block, page, start));
    row.map(|(_, _, reason)| *reason)
}

fn is(block: &Block, page: &str, start: &str) -> bool {
    block.file.to_string_lossy().ends_with(page) && block.text.starts_with(start)
}

#[test]
fn every_reason_is_still_one_of_a_block() {
    let pages = super::pages();
    let blocks: Vec<_> = pages.iter().flat_map(|page| super::blocks(page)).collect();
    for (page, start, _) in ELSEWHERE {
        let there = blocks.iter().any(|block| is(block, page, start));
        assert!(there, "no block of {page} begins {start}");
    }
}
