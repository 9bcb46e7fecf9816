//! What many customers at once cost: pages of a list, and streams to their end.

use std::{env, time::Duration};

use openfinance_rpc::pb::StreamCustomersRequest;
use tokio::{task::block_in_place, time::Instant};
use tonic::{Code, Request};

use crate::{
    figures::{Figure, Findings, Limit, Spread},
    fill::{Filling, fill},
    generator::{Ask, Client},
    memory::{self, resident},
    processor::Spent,
    role::Part,
    subject::{Plan, Subject},
    turns::{Contestant, take_turns},
    vendor::Vendor,
};

const LISTS: &str = "Pages of a list";
const STREAMS: &str = "Streams";

/// How many are streamed in the end, unless `SPEED_CUSTOMERS` says so; a tenth of them before.
const CUSTOMERS: u64 = 1_000_000;

/// How often pages, and the shorter of the streams, have their turn.
const ROUNDS: usize = 3;

/// How customers are made.
const FILLING: Filling = Filling {
    connections: 4,
    ahead: 64,
};

pub(crate) async fn measure(findings: &mut Findings) {
    let vendor = Vendor::start().await;
    let naked = Subject::yardstick(Part::Naked, &vendor).await;
    let gateway = Subject::gateway(Some(&vendor), Plan::default()).await;
    let address = vendor.base_url().trim_start_matches("http://");
    let address = address.parse().unwrap();
    let said = env::var("SPEED_CUSTOMERS").ok();
    let all = said.and_then(|said| said.parse().ok()).unwrap_or(CUSTOMERS);
    let few = all / 10;
    block_in_place(|| fill(address, 0..few, FILLING)).unwrap();
    for size in [25, 1_000] {
        lists(findings, &naked, &gateway, size).await;
    }
    let mut costs = [Vec::new(), Vec::new()];
    let mut rates = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        for (place, subject) in [&naked, &gateway].into_iter().enumerate() {
            let run = stream(subject).await;
            assert_eq!(run.customers, few);
            if round > 0 {
                costs[place].push(run.cost());
                rates[place].push(run.rate());
            }
        }
    }
    tell(findings, few, &costs, &rates);

    block_in_place(|| fill(address, few..all, FILLING)).unwrap();
    let of_naked = stream(&naked).await;
    let of_gateway = stream(&gateway).await;
    for run in [&of_naked, &of_gateway] {
        assert_eq!(run.customers, all);
    }
    let of = |each: fn(&Run) -> f64| [vec![each(&of_naked)], vec![each(&of_gateway)]];
    tell(findings, all, &of(Run::cost), &of(Run::rate));
    growth(findings, &of_gateway);
    for subject in [naked, gateway] {
        subject.stop().await;
    }
    vendor.stop().await;
}

async fn lists(findings: &mut Findings, naked: &Subject, gateway: &Subject, size: i32) {
    let calls = |subject| Contestant::Calls(subject, Ask::List(size));
    let [of_naked, of_gateway] = take_turns(ROUNDS, [calls(naked), calls(gateway)]).await;
    for (name, turns) in [("naked gateway", &of_naked), ("gateway", &of_gateway)] {
        let note = format!(
            "ListCustomers, the first page of {size} of many; 8 callers with a connection each that wait for their answers."
        );
        turns.tell(findings, LISTS, &format!("{name}, {size} customers"), &note);
    }
    let name = format!("gateway over naked gateway, {size} customers");
    findings.add(of_gateway.over(&of_naked, LISTS, &name));
}

/// A stream from its beginning to its end.
struct Run {
    customers: u64,
    seconds: f64,
    microseconds: f64,
    /// MiB of memory that the process had after each message.
    memory: Vec<f64>,
}

impl Run {
    /// Microseconds of the processor for each customer.
    fn cost(&self) -> f64 {
        self.microseconds / self.customers as f64
    }

    /// Customers a second.
    fn rate(&self) -> f64 {
        self.customers as f64 / self.seconds
    }

    /// The most memory in the tenth with this number.
    fn most_in_tenth(&self, tenth: usize) -> f64 {
        let [from, to] = [tenth, tenth + 1].map(|tenth| tenth * self.memory.len() / 10);
        self.memory[from..to].iter().copied().fold(0.0, f64::max)
    }
}

async fn stream(subject: &Subject) -> Run {
    let mut client = subject.clients[0].clone();
    let (started, before) = (Instant::now(), Spent::by(subject.pid()));
    let mut run = Run {
        customers: 0,
        seconds: 0.0,
        microseconds: 0.0,
        memory: Vec::new(),
    };
    let mut from = String::new();
    // A call has a minute at most; a slow machine goes on with the next.
    while !read_on(&mut client, subject.pid(), &mut from, &mut run).await {}
    run.seconds = started.elapsed().as_secs_f64();
    run.microseconds = Spent::by(subject.pid()).since(&before).microseconds;
    run
}

/// Whether the stream has come to its end.
async fn read_on(client: &mut Client, process: u32, from: &mut String, run: &mut Run) -> bool {
    let mut request = Request::new(StreamCustomersRequest {
        resume_token: std::mem::take(from),
        ..Default::default()
    });
    request.set_timeout(Duration::from_secs(60));
    let mut messages = client.stream_customers(request).await.unwrap().into_inner();
    loop {
        match messages.message().await {
            Ok(Some(message)) => {
                run.customers += message.customers.len() as u64;
                run.memory.push(resident(process));
                *from = message.resume_token;
            }
            Ok(None) => return true,
            Err(status) => {
                assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
                return false;
            }
        }
    }
}

fn tell(findings: &mut Findings, customers: u64, costs: &[Vec<f64>; 2], rates: &[Vec<f64>; 2]) {
    for (place, name) in ["naked gateway", "gateway"].into_iter().enumerate() {
        let figure = |what: &str, values: &[f64], unit| {
            let name = format!("{name}, {customers} customers: {what}");
            once_or_of(name, Spread::of(values.iter().copied()), unit)
        };
        findings.add(figure("CPU per customer", &costs[place], "µs").note(
            "StreamCustomers from its beginning to its end, one caller; CPU of that process.",
        ));
        findings.add(figure("customers", &rates[place], "customers/s"));
    }
    let ratio = Spread::of_ratios(&costs[1], &costs[0]);
    let name = format!("gateway over naked gateway, {customers} customers: CPU");
    findings.add(once_or_of(name, ratio, "times"));
}

/// A figure without a spread where there is one value alone.
fn once_or_of(name: String, spread: Spread, unit: &'static str) -> Figure {
    if spread.low == spread.high {
        Figure::once(STREAMS, name, spread.median, unit)
    } else {
        Figure::of(STREAMS, name, spread, unit)
    }
}

/// Whether a stream leaves anything behind while it runs.
fn growth(findings: &mut Findings, run: &Run) {
    let what = match run.customers {
        CUSTOMERS => "a million customers are streamed".to_owned(),
        fewer => format!("{fewer} customers are streamed"),
    };
    let (early, late) = (run.most_in_tenth(1), run.most_in_tenth(9));
    findings.add(
        Figure::once(
            memory::GROUP,
            format!("growth while {what}"),
            late - early,
            "MiB",
        )
        .bar(Limit::AtMost(1.0))
        .note(format!(
            "The most in the last tenth, {late:.1} MiB, less the most in the second tenth, {early:.1} MiB; looked at after each message."
        )),
    );
}
