//! What one request costs at two sizes, measured in turns so that whatever else the machine does falls on both.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::Instant;

use crate::{
    client::Client,
    figures::Spread,
    fill::{CREATE, CUSTOMERS, Customer, Filling, fill, person},
    sandbox::Sandbox,
};

/// How often each operation gets its turn at each size.
const ROUNDS: usize = 60;
/// Requests in one turn.
const TURN: usize = 100;

/// More changes than the journal keeps lines of; a change has two.
const AGE: usize = 300_000;
/// What a change of a customer says.
const CHANGE: &str = r#"{"firstName":"Dorothy","lastName":"Vaughan"}"#;

/// What is measured.
#[derive(Clone, Copy)]
pub(crate) enum Operation {
    Get,
    Create,
    Modify,
    Delete,
    Username,
    FirstPage,
    LastPage,
}

impl Operation {
    pub(crate) const ALL: [Self; 7] = [
        Self::Get,
        Self::Create,
        Self::Modify,
        Self::Delete,
        Self::Username,
        Self::FirstPage,
        Self::LastPage,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Create => "create",
            Self::Modify => "modify",
            Self::Delete => "delete",
            Self::Username => "lookup by username",
            Self::FirstPage => "first page (25)",
            Self::LastPage => "last page (25)",
        }
    }
}

/// A sandbox with its customers, and a connection to it.
pub(crate) struct Subject {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: Client,
    pub(crate) customers: Vec<Customer>,
    /// The next person to create.
    next: u64,
    random: u64,
}

impl Subject {
    /// Starts an empty sandbox.
    pub(crate) fn start() -> Result<Self> {
        let sandbox = Sandbox::start(None)?;
        Ok(Self {
            client: Client::connect(sandbox.address)?,
            sandbox,
            customers: Vec::new(),
            next: 0,
            random: 1,
        })
    }

    /// Creates customers up to `count`.
    pub(crate) fn fill_up(&mut self, count: u64) -> Result<()> {
        let filling = Filling {
            connections: 4,
            ahead: 64,
        };
        let more = fill(self.sandbox.address, self.next..count, filling)?;
        self.customers.extend(more);
        self.next = count;
        Ok(())
    }

    /// Changes customers until the journal is as long as it gets. From there on each request pays for dropping an old
    /// line, which must not be mistaken for the price of many customers.
    pub(crate) fn age(&mut self) -> Result<()> {
        let mut left = AGE;
        while left > 0 {
            let turn = TURN.min(left);
            left -= turn;
            let mut requests = String::new();
            for _ in 0..turn {
                let place = self.any();
                let path = self.customers[place].path();
                requests.push_str(&self.client.request("PUT", &path, CHANGE));
            }
            self.client.send(&requests)?;
            for _ in 0..turn {
                self.client.answer(204)?;
            }
        }
        // The server keeps larger buffers for a connection that has sent so much at once.
        self.client = Client::connect(self.sandbox.address)?;
        Ok(())
    }

    /// The place of any customer, by the generator that Knuth gives for 64 bits.
    fn any(&mut self) -> usize {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // The upper bits are the good ones.
        (self.random >> 33) as usize % self.customers.len().max(1)
    }

    /// Makes one request and tells how long its answer took.
    fn perform(&mut self, operation: Operation) -> Result<Duration> {
        let place = self.any();
        let customer = self.customers[place];
        let empty = String::new();
        let (method, path, body, status) = match operation {
            Operation::Get => ("GET", customer.path(), empty, 200),
            Operation::Create => ("POST", CREATE.to_owned(), person(self.next), 201),
            Operation::Modify => ("PUT", customer.path(), CHANGE.to_owned(), 204),
            Operation::Delete => ("DELETE", customer.path(), empty, 204),
            Operation::Username => {
                let path = format!("{CUSTOMERS}?username={}", customer.username());
                ("GET", path, empty, 200)
            }
            Operation::FirstPage => ("GET", CUSTOMERS.to_owned(), empty, 200),
            Operation::LastPage => {
                let start = self.customers.len().saturating_sub(24);
                ("GET", format!("{CUSTOMERS}?start={start}"), empty, 200)
            }
        };
        let request = self.client.request(method, &path, &body);
        let asked = Instant::now();
        self.client.send(&request)?;
        let answer = self.client.answer(status);
        let took = asked.elapsed();
        let answer = answer.with_context(|| format!("{method} {path}"))?;
        match operation {
            Operation::Create => {
                self.customers.push(Customer::created(&answer, self.next)?);
                self.next += 1;
            }
            Operation::Delete => {
                self.customers.swap_remove(place);
            }
            Operation::Get
            | Operation::Modify
            | Operation::Username
            | Operation::FirstPage
            | Operation::LastPage => {}
        }
        Ok(took)
    }
}

/// What one request costs, in microseconds, in each turn.
#[derive(Default)]
pub(crate) struct Cost {
    /// Of processor time in the sandbox; none where the system does not tell.
    pub(crate) processor: Vec<f64>,
    /// Until the answer is there, the median of the turn.
    pub(crate) wait: Vec<f64>,
}

impl Cost {
    fn take_turn(&mut self, subject: &mut Subject, operation: Operation) -> Result<()> {
        let before = subject.sandbox.processor_nanoseconds();
        let mut waits = Vec::with_capacity(TURN);
        for _ in 0..TURN {
            let took = subject.perform(operation)?;
            waits.push(took.as_secs_f64() * 1e6);
        }
        self.wait.push(Spread::of(waits).median);
        if let (Some(before), Some(after)) = (before, subject.sandbox.processor_nanoseconds()) {
            let microseconds = after.saturating_sub(before) as f64 / 1e3;
            self.processor.push(microseconds / TURN as f64);
        }
        Ok(())
    }
}

/// The costs of each operation at both sizes, turn by turn.
pub(crate) fn compare(
    small: &mut Subject,
    large: &mut Subject,
) -> Result<Vec<(Operation, Cost, Cost)>> {
    let mut costs = Operation::ALL.map(|operation| (operation, Cost::default(), Cost::default()));
    for _ in 0..ROUNDS {
        for (operation, of_small, of_large) in &mut costs {
            of_small.take_turn(small, *operation)?;
            of_large.take_turn(large, *operation)?;
        }
    }
    Ok(costs.into())
}
