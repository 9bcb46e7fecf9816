//! `docs/sandbox.md` held against a running sandbox: what the page shows is sent, and what comes back is compared.

use std::{collections::BTreeSet, process::Command};

use openfinance_sandbox::{Config, Operation, quirk};
use reqwest::Method;
use serde_json::{Value, json};

use super::World;

const REFERENCE: &str = include_str!("../../../../docs/sandbox.md");
const CONTROL: &str = "/__sandbox/v1/";

/// The part of the page below a heading, up to the next one of any level.
fn section(heading: &str) -> &'static str {
    let start = format!("# {heading}\n");
    let (_, rest) = REFERENCE
        .split_once(&start)
        .unwrap_or_else(|| panic!("docs/sandbox.md has no section {heading}"));
    rest.split("\n#").next().unwrap_or_default()
}

/// The cells of every row of the tables in a section.
fn rows(section: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
    rows.map(|row| row.split('|').map(str::trim).collect())
}

/// The page's text between backticks on one line.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// The lines inside fences of this kind.
fn fenced(text: &'static str, kind: &str) -> impl Iterator<Item = &'static str> {
    let blocks: Vec<_> = text.split(&format!("```{kind}\n")).skip(1).collect();
    blocks
        .into_iter()
        .flat_map(|block| block.split("```").next().unwrap_or_default().lines())
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json} is no JSON: {error}"))
}

/// The sandbox that the page's answers are of: a customer, a fault rule and a barrier are there.
async fn furnished() -> World {
    let world = World::start().await;
    assert_eq!(world.customer("household-4711").await, "1005822465");
    let rule = r#"{"operation": "GetCustomer", "effect": {"status": 503}}"#;
    assert_eq!(control(&world, "POST faults", rule).await.0, 200);
    let barrier = control(&world, "POST barriers", r#"{"operation": "*"}"#).await;
    assert_eq!(barrier.0, 200);
    world
}

/// Sends a control request: a route as in the page's table, and a body, or a query that begins with `?`.
async fn control(world: &World, route: &str, request: &str) -> (u16, String) {
    let (method, path) = route.split_once(' ').expect("a route has a method");
    let method: Method = method.parse().expect("a method is a word");
    let (query, body) = match request.strip_prefix('?') {
        Some(_) => (request, ""),
        None => ("", request),
    };
    let request = world.bare(method, &format!("{CONTROL}{path}{query}"));
    let answer = request.body(body.to_owned()).send().await;
    let answer = answer.expect("the control plane answers");
    let status = answer.status().as_u16();
    (status, answer.text().await.expect("an answer is text"))
}

#[tokio::test]
async fn every_control_route_answers_what_the_page_shows() {
    let mut routes = 0;
    for row in rows(section("Control routes")) {
        let [route, request, answer, ..] = row[..] else {
            panic!("a route has a request and an answer: {row:?}");
        };
        let Some(route) = route
            .strip_prefix('`')
            .and_then(|route| route.strip_suffix('`'))
        else {
            continue;
        };
        routes += 1;
        let world = furnished().await;
        let snapshot;
        let request = if request == "a snapshot" {
            snapshot = control(&world, "GET snapshot", "").await.1;
            &snapshot
        } else {
            request.trim_matches('`')
        };
        let (status, text) = control(&world, route, request).await;
        assert_eq!(status, 200, "{route} {request}: {text}");
        if answer == "as `GET state`" {
            assert_eq!(
                parse(&text),
                parse(&control(&world, "GET state", "").await.1)
            );
        } else if !answer.starts_with("see ") {
            assert_eq!(parse(&text), parse(answer.trim_matches('`')), "{route}");
        }
    }
    assert!(routes >= 20, "only {routes} routes were found in the page");
}

#[tokio::test]
async fn the_journal_has_the_lines_that_the_page_shows() {
    let world = furnished().await;
    let (_, journal) = control(&world, "GET journal", "?since=1").await;
    let lines: Vec<_> = journal.lines().map(parse).collect();
    let shown: Vec<_> = fenced(section("Journal"), "json").map(parse).collect();
    assert_eq!(lines, shown);
}

#[tokio::test]
async fn every_rule_that_the_page_shows_is_taken() {
    let world = World::start().await;
    let fenced = fenced(REFERENCE, "json");
    let rules: BTreeSet<_> = code(REFERENCE)
        .chain(fenced)
        .filter(|text| text.starts_with("{\"operation\"") && text.contains("\"effect\""))
        .collect();
    assert!(rules.len() >= 5, "{rules:?}");
    for rule in rules {
        let (status, text) = control(&world, "POST faults", rule).await;
        assert_eq!(status, 200, "{rule}: {text}");
    }
}

#[tokio::test]
async fn the_page_names_every_effect_stage_and_malformed_kind() {
    let world = World::start().await;
    let named = async |effect: Value| {
        let rule = json!({"operation": "*", "effect": effect}).to_string();
        let (status, text) = control(&world, "POST faults", &rule).await;
        assert_eq!(status, 400);
        parse(&text)["error"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    // A refusal names what would have been legal.
    let refusals = [
        (named(json!({})).await, "have one of ", "Effects"),
        (
            named(json!({"reset_at": ""})).await,
            "be one of ",
            "Effects",
        ),
        (
            named(json!({"malformed": ""})).await,
            "be one of ",
            "Effects",
        ),
    ];
    for (refusal, before, heading) in refusals {
        let (_, words) = refusal.split_once(before).expect("the refusal names them");
        for word in words.split(", ") {
            let row = format!("\n| `{word}` |");
            assert!(
                section(heading).contains(&row),
                "{heading} has no row on {word}"
            );
        }
    }
    let refusal = named(json!({"body": "x"})).await;
    let keys: Vec<_> = refusal
        .split([' ', ','])
        .filter_map(|word| word.strip_prefix("effect."))
        .filter(|key| *key != "status")
        .collect();
    assert_eq!(keys.len(), 3, "{refusal}");
    for key in keys {
        let row = format!("\n| `{key}` |");
        assert!(
            section("Effects").contains(&row),
            "Effects has no row on {key}"
        );
    }
}

#[test]
fn the_page_has_every_operation_and_no_other() {
    let named: Vec<_> = rows(section("Operations"))
        .filter_map(|row| row[0].strip_prefix('`')?.strip_suffix('`'))
        .collect();
    let all: Vec<_> = Operation::all().map(Operation::id).collect();
    assert_eq!(named, all);
}

#[tokio::test]
async fn every_route_of_the_page_leads_to_its_operation() {
    let world = World::start().await;
    let mut expected = Vec::new();
    for row in rows(section("Operations")).filter(|row| row[0].starts_with('`')) {
        let (method, path) = row[1].trim_matches('`').split_once(' ').expect("a route");
        let method = method.parse().expect("a method is a word");
        let request = world.bare(method, &path.replace(['{', '}'], ""));
        request.send().await.expect("the sandbox answers");
        expected.push(row[0].trim_matches('`'));
    }
    let requests = world.sandbox.control().requests(None);
    // The first is the login of this world.
    let met: Vec<_> = requests[1..]
        .iter()
        .filter_map(|request| request.operation.map(Operation::id))
        .collect();
    assert_eq!(met, expected);
}

#[test]
fn the_page_has_every_flag_and_no_other() {
    let help = run(&["--help"]);
    let known = flags(&help);
    let described: BTreeSet<_> = rows(section("Start"))
        .filter(|row| row[0].starts_with("`--"))
        .flat_map(|row| flags(row[0]))
        .collect();
    let own = ["--help", "--version"].map(str::to_owned);
    let described: BTreeSet<_> = described.into_iter().chain(own).collect();
    assert_eq!(described, known);
    let defaults = Config::default();
    for default in [
        defaults.partner.id,
        defaults.partner.secret,
        defaults.partner.app_key,
        defaults.listen.to_string(),
        defaults.testing_customer_limit.to_string(),
    ] {
        assert!(
            section("Start").contains(&default),
            "{default} is a default"
        );
    }
}

#[test]
fn the_page_names_quirks_that_there_are() {
    for line in fenced(section("Quirks"), "sh") {
        let flags = line.split(' ').skip(1).chain(["--quirks"]);
        run(&flags.collect::<Vec<_>>());
    }
    let table = quirk::table();
    for name in ["token-life", "authorization-end"] {
        assert!(section("The clock").contains(&format!("(`{name}`)")));
        assert!(
            table.contains(&format!(" {name} ")),
            "no quirk is called {name}"
        );
    }
}

fn flags(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_lowercase() && letter != '-');
    words
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .map(str::to_owned)
        .collect()
}

/// Runs the program to its end and answers what it prints.
fn run(arguments: &[&str]) -> String {
    let program = env!("CARGO_BIN_EXE_openfinance-sandbox");
    let output = Command::new(program).args(arguments).output();
    let output = output.expect("the program runs");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("it prints text")
}
