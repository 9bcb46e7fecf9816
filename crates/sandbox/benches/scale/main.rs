//! What a sandbox costs at a thousand customers and at a million, over real HTTP, in one run.
//!
//! `cargo bench --package openfinance-sandbox --bench scale` prints the tables and fails if a bar is missed;
//! `cargo xtask bench sandbox --record` also writes them into `docs/benchmarks.md`. A number after `--` takes the place
//! of the million. Times are for comparing within one run: they are those of this machine while it did other things.

mod client;
mod cost;
mod sandbox;
mod table;

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
    thread,
};

use anyhow::{Context as _, Result, ensure};
use tokio::time::Instant;

use crate::{
    client::Client,
    cost::{Subject, median},
    sandbox::{CUSTOMERS, HOST, Host, RARE},
    table::{Bar, Report, grouped},
};

const SMALL: u64 = 1_000;
const LARGE: u64 = 1_000_000;
/// How often a search is repeated.
const SEARCHES: usize = 5;
/// The largest page that the sandbox gives.
const PAGE: u64 = 1_000;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nothing is left to do about an error output that is closed.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures everything, prints it, and tells whether all bars are met.
fn run() -> Result<bool> {
    let mut arguments = env::args().skip(1);
    let number = arguments.find_map(|argument| argument.parse::<u64>().ok());
    if env::args().nth(1).as_deref() == Some(HOST) {
        sandbox::host(number.unwrap_or_default() as usize)?;
        return Ok(true);
    }
    let large_count = number.unwrap_or(LARGE).max(10 * SMALL);
    let mut report = Report::default();

    let host = Host::start(2)?;
    let mut small = Subject::connect(host.addresses[0])?;
    let mut large = Subject::connect(host.addresses[1])?;
    small.fill_up(SMALL)?;
    large.fill_up(SMALL)?;
    let empty = host.resident_bytes();
    let started = Instant::now();
    let tenth = large_count / 10;
    large.fill_up(tenth)?;
    let filled_tenth = started.elapsed();
    let search_tenth = search(&mut large.client, "nobody", 0)?;
    let started = Instant::now();
    large.fill_up(large_count)?;
    let filled = (filled_tenth + started.elapsed()).as_secs_f64();
    let full = host.resident_bytes();
    let created = (large_count - SMALL) as f64;

    report.compare(
        [SMALL, large_count],
        &cost::compare(&host, &mut small, &mut large)?,
    );

    // The comparison creates as many as it deletes, some of the rare ones perhaps.
    let rare = total(&large.client.call(
        "GET",
        &format!("{CUSTOMERS}?search=quixote&limit=1"),
        "",
        200,
    )?)?;
    ensure!(rare <= large_count.div_ceil(RARE) + 1, "{rare} rare names");
    let nobody = search(&mut large.client, "nobody", 0)?;
    let found = search(&mut large.client, "quixote", rare)?;
    let blank = search(&mut large.client, "ada+nobody", 0)?;
    let second = |seconds: f64| (format!("{seconds:.2} s"), Bar::below(seconds, 1.0, "< 1 s"));
    report.figure("search that finds nobody", second(nobody));
    report.figure(&format!("search that finds {rare}"), second(found));
    report.figure("search across first and last name", second(blank));
    let growth = (nobody / large_count as f64) / (search_tenth / tenth as f64);
    report.figure(
        &format!("search per customer, over that at {}", grouped(tenth)),
        (format!("{growth:.2}"), Bar::none()),
    );
    report.figure(
        "longest wait for a get while searches run",
        (
            format!("{:.2} s", get_while_searching(&mut large)?),
            Bar::none(),
        ),
    );
    if let (Some(empty), Some(full)) = (empty, full) {
        let bytes = full.saturating_sub(empty) as f64 / created;
        report.figure(
            "memory per customer",
            (
                format!("{bytes:.0} bytes"),
                Bar::at_most(bytes, 1024.0, "≤ 1,024 bytes"),
            ),
        );
    }
    let (seconds, last_over_first) = scan(&mut large.client)?;
    report.figure(
        &format!("all of them, in pages of {}", grouped(PAGE)),
        (format!("{seconds:.1} s"), Bar::none()),
    );
    report.figure(
        "the last hundredth of these pages, over the first",
        (format!("{last_over_first:.2}"), Bar::none()),
    );
    report.figure(
        "creates a second while filling",
        (grouped((created / filled) as u64), Bar::none()),
    );
    let mut out = io::stdout().lock();
    write!(out, "{report}")?;
    Ok(report.is_met())
}

/// Median seconds of a search that must find so many.
fn search(client: &mut Client, text: &str, expected: u64) -> Result<f64> {
    let path = format!("{CUSTOMERS}?search={text}");
    let mut seconds = Vec::new();
    for _ in 0..SEARCHES {
        let asked = Instant::now();
        let answer = client.call("GET", &path, "", 200)?;
        seconds.push(asked.elapsed().as_secs_f64());
        ensure!(total(&answer)? == expected, "{path}: other customers found");
    }
    Ok(median(seconds))
}

/// How many a list has found.
fn total(answer: &str) -> Result<u64> {
    let (_, rest) = answer.split_once("\"found\":").context("no list")?;
    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next();
    Ok(digits.unwrap_or_default().parse()?)
}

/// The longest wait for one get, in seconds, while another connection searches.
fn get_while_searching(subject: &mut Subject) -> Result<f64> {
    let mut searching = Client::connect(subject.address)?;
    let customer = subject.customers.first().context("no customers")?.path();
    let searches = thread::spawn(move || search(&mut searching, "nobody", 0));
    let mut longest = 0_f64;
    while !searches.is_finished() {
        let asked = Instant::now();
        subject.client.call("GET", &customer, "", 200)?;
        longest = longest.max(asked.elapsed().as_secs_f64());
    }
    searches.join().ok().context("a search panicked")??;
    Ok(longest)
}

/// Seconds for reading all customers page by page, and the last hundredth of the pages over the first.
fn scan(client: &mut Client) -> Result<(f64, f64)> {
    let mut seconds = Vec::new();
    let mut start = 1;
    loop {
        let asked = Instant::now();
        let path = format!("{CUSTOMERS}?start={start}&limit={PAGE}");
        let answer = client.call("GET", &path, "", 200)?;
        seconds.push(asked.elapsed().as_secs_f64());
        if !answer.contains("\"moreAvailable\":true") {
            break;
        }
        start += PAGE;
    }
    // The very last page may be a short one.
    let whole = &seconds[..seconds.len() - 1];
    let part = whole.len().div_ceil(100);
    let first = median(whole[..part].to_vec());
    let last = median(whole[whole.len() - part..].to_vec());
    Ok((seconds.iter().sum(), last / first))
}
