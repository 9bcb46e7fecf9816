//! Customers by the thousand, made over HTTP. The benchmarks of other packages include this file.
#![allow(
    dead_code,
    reason = "the benchmarks that include this file need different parts of it"
)]

use std::{net::SocketAddr, ops::Range, thread};

use anyhow::{Context as _, Result};

use crate::client::{Client, text_member};

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
