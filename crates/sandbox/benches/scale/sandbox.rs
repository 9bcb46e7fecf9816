//! The program as a child process, filled over HTTP, and what the system says of it.

use std::{
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr},
    ops::Range,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Context as _, Result};

use crate::{
    client::{Client, text_member},
    system,
};

pub(crate) const CREATE: &str = "/aggregation/v2/customers/testing";
pub(crate) const CUSTOMERS: &str = "/aggregation/v1/customers";

/// One person in so many has a name that is worth searching for.
pub(crate) const RARE: u64 = 100_000;

const FIRST_NAMES: [&str; 8] = [
    "Ada",
    "Grace",
    "Katherine",
    "Margaret",
    "Barbara",
    "Frances",
    "Radia",
    "Hedy",
];
const LAST_NAMES: [&str; 8] = [
    "Lovelace", "Hopper", "Johnson", "Hamilton", "Liskov", "Allen", "Perlman", "Lamarr",
];

/// How a sandbox is filled.
#[derive(Clone, Copy)]
pub(crate) struct Filling {
    pub(crate) connections: u64,
    /// Creates that a connection sends before it reads their answers.
    pub(crate) ahead: u64,
}

/// A customer: its id at the sandbox, and the number that its made-up person follows from.
#[derive(Clone, Copy)]
pub(crate) struct Customer {
    pub(crate) id: u64,
    number: u64,
}

impl Customer {
    pub(crate) fn path(self) -> String {
        format!("{CUSTOMERS}/{}", self.id)
    }

    pub(crate) fn username(self) -> String {
        username(self.number)
    }

    /// Reads the answer to a create.
    pub(crate) fn created(answer: &str, number: u64) -> Result<Self> {
        let id = text_member(answer, "id").context("no id")?.parse()?;
        Ok(Self { id, number })
    }
}

/// 20 letters.
fn username(number: u64) -> String {
    format!("customer{number:012}")
}

/// What a create says of a person: as much as is usual.
pub(crate) fn person(number: u64) -> String {
    let pick = |names: [&'static str; 8], number: u64| names[(number % 8) as usize];
    let (username, first) = (username(number), pick(FIRST_NAMES, number));
    let last = if number.is_multiple_of(RARE) {
        "Quixote"
    } else {
        pick(LAST_NAMES, number / 8)
    };
    let phone = number % 10_000;
    format!(
        r#"{{"username":"{username}","firstName":"{first}","lastName":"{last}","phone":"801555{phone:04}","email":"{first}.{last}@example.com"}}"#
    )
}

/// A sandbox in a process of its own, killed when this is dropped.
pub(crate) struct Sandbox {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It is gone already or it goes now.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Sandbox {
    /// Starts the program, and waits until it listens. Its log is off: a line for each request would cost more than
    /// what is measured. So would handing requests from thread to thread, which is why it has one for them.
    pub(crate) fn start(state: Option<&Path>) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_openfinance-sandbox"));
        command
            .args([
                "--listen=127.0.0.1:0",
                "--testing-customer-limit=1000000000",
            ])
            .env("RUST_LOG", "error")
            .env("TOKIO_WORKER_THREADS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if let Some(state) = state {
            command.arg("--state").arg(state);
        }
        let mut process = command.spawn().context("cannot start the sandbox")?;
        let output = process.stdout.take().context("no output of the sandbox")?;
        let mut sandbox = Self {
            process,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().rsplit_once("http://");
        let (_, address) = address.context("the sandbox did not say where it listens")?;
        sandbox.address = address.parse()?;
        Ok(sandbox)
    }

    /// Bytes of memory in use, where the system tells.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        system::resident_bytes(self.process.id())
    }

    /// Nanoseconds that its threads have spent on a processor, where the system tells.
    pub(crate) fn processor_nanoseconds(&self) -> Option<u64> {
        system::processor_nanoseconds(self.process.id())
    }
}

/// Creates the people with these numbers over several connections.
pub(crate) fn fill(
    address: SocketAddr,
    numbers: Range<u64>,
    filling: Filling,
) -> Result<Vec<Customer>> {
    let share = (numbers.end - numbers.start).div_ceil(filling.connections);
    let shares = (0..filling.connections).map(|filler| {
        let start = (numbers.start + filler * share).min(numbers.end);
        start..(start + share).min(numbers.end)
    });
    thread::scope(|scope| {
        let fillers = shares
            .map(|share| scope.spawn(move || fill_over_one(address, share, filling.ahead)))
            .collect::<Vec<_>>();
        let mut customers = Vec::new();
        for filler in fillers {
            let filled = filler.join().ok().context("a connection panicked")?;
            customers.extend(filled?);
        }
        Ok(customers)
    })
}

fn fill_over_one(address: SocketAddr, numbers: Range<u64>, ahead: u64) -> Result<Vec<Customer>> {
    let mut client = Client::connect(address)?;
    let mut customers = Vec::new();
    let mut next = numbers.start;
    while next < numbers.end {
        let batch = next..(next + ahead).min(numbers.end);
        next = batch.end;
        let requests = batch
            .clone()
            .map(|number| client.request("POST", CREATE, &person(number)))
            .collect::<String>();
        client.send(&requests)?;
        for number in batch {
            customers.push(Customer::created(&client.answer(201)?, number)?);
        }
    }
    Ok(customers)
}
