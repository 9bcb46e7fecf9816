//! Searches, and reading all customers page by page.

use std::thread;

use anyhow::{Context as _, Result, ensure};
use tokio::time::Instant;

use crate::{
    client::Client,
    cost::Subject,
    figures::{Figure, Findings, Limit},
    fill::{CUSTOMERS, RARE},
    table::MANY,
};

/// How often a search is repeated. The fastest counts: whatever else the machine does can only add.
const SEARCHES: usize = 10;
/// The largest page that the sandbox gives.
const PAGE: u64 = 1_000;
/// A search may cost so much more for each customer among ten times as many. It misses the processor's caches there.
const LARGEST_GROWTH: f64 = 1.5;

/// Measures on a sandbox, with another one that has a tenth of its customers for comparing.
pub(crate) fn measure(
    middle: &mut Subject,
    large: &mut Subject,
    findings: &mut Findings,
) -> Result<()> {
    let path = format!("{CUSTOMERS}?search=quixote&limit=1");
    let rare = found(&large.client.call("GET", &path, "", 200)?)?;
    // The comparison created some more, and changed or deleted some.
    let most = (large.customers.len() as u64).div_ceil(RARE) + 1;
    ensure!(rare <= most, "{rare} rare names");

    let (mut of_middle, mut of_large) = (f64::MAX, f64::MAX);
    for _ in 0..SEARCHES {
        of_middle = of_middle.min(search(&mut middle.client, "nobody", 0)?);
        of_large = of_large.min(search(&mut large.client, "nobody", 0)?);
    }
    let mut second = |name: &str, seconds: f64| {
        let figure = Figure::once(MANY, name, seconds, "s").bar(Limit::AtMost(1.0));
        findings.add(figure.note(format!("the fastest of {SEARCHES}")));
    };
    second("search that finds nobody", of_large);
    second(
        &format!("search that finds {rare}"),
        fastest(&mut large.client, "quixote", rare)?,
    );
    second(
        "search with a blank, which may span both names",
        fastest(&mut large.client, "ada+nobody", 0)?,
    );
    let [fewer, more] = [&middle, &large].map(|subject| subject.customers.len());
    let growth = of_large / more as f64 / (of_middle / fewer as f64);
    let name = "search per customer, over that at a tenth";
    let figure = Figure::once(MANY, name, growth, "times").bar(Limit::AtMost(LARGEST_GROWTH));
    findings.add(figure.note(format!("{more} customers over {fewer}")));
    let wait = get_while_searching(large)?;
    let name = "longest wait for a get while searches run";
    findings.add(Figure::once(MANY, name, wait, "s"));
    let scan = scan(&mut large.client)?;
    let name = format!("reading all, in pages of {PAGE}");
    findings.add(Figure::once(MANY, name, scan, "s"));
    Ok(())
}

/// Seconds of the fastest of some searches.
fn fastest(client: &mut Client, text: &str, expected: u64) -> Result<f64> {
    let mut fastest = f64::MAX;
    for _ in 0..SEARCHES {
        fastest = fastest.min(search(client, text, expected)?);
    }
    Ok(fastest)
}

/// Seconds of a search that must find so many.
fn search(client: &mut Client, text: &str, expected: u64) -> Result<f64> {
    let path = format!("{CUSTOMERS}?search={text}");
    let asked = Instant::now();
    let answer = client.call("GET", &path, "", 200)?;
    let seconds = asked.elapsed().as_secs_f64();
    ensure!(found(&answer)? == expected, "{path}: other customers found");
    Ok(seconds)
}

/// How many a list has found.
fn found(answer: &str) -> Result<u64> {
    let (_, rest) = answer.split_once("\"found\":").context("no list")?;
    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next();
    Ok(digits.unwrap_or_default().parse()?)
}

/// The longest wait for one get, in seconds, while another connection searches.
fn get_while_searching(subject: &mut Subject) -> Result<f64> {
    let mut searching = Client::connect(subject.sandbox.address)?;
    let customer = subject.customers.first().context("no customers")?.path();
    let searches = thread::spawn(move || fastest(&mut searching, "nobody", 0));
    let mut longest = 0_f64;
    while !searches.is_finished() {
        let asked = Instant::now();
        subject.client.call("GET", &customer, "", 200)?;
        longest = longest.max(asked.elapsed().as_secs_f64());
    }
    searches.join().ok().context("a search panicked")??;
    Ok(longest)
}

/// Seconds for reading all customers page by page.
fn scan(client: &mut Client) -> Result<f64> {
    let started = Instant::now();
    let mut start = 1;
    loop {
        let path = format!("{CUSTOMERS}?start={start}&limit={PAGE}");
        let answer = client.call("GET", &path, "", 200)?;
        if !answer.contains("\"moreAvailable\":true") {
            return Ok(started.elapsed().as_secs_f64());
        }
        start += PAGE;
    }
}
