//! What making a customer costs under a request id, by where request ids are kept.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use openfinance_rpc::pb::CustomerType;

use crate::{
    figures::{Figure, Findings, Spread},
    generator::{Ask, Load, Outcome, offer},
    processor::Spent,
    protected::folder,
    redis_server::RedisServer,
    role::Part,
    subject::{Plan, Subject},
    turns::{Contestant, Turns, all_served, take_turns, turn_time},
    vendor::Vendor,
};

const GROUP: &str = "Create with a request id";

/// Fewer than for reads: what is made stays.
const ROUNDS: usize = 3;

/// Calls a second where it is asked how long they take.
const RATE: f64 = 300.0;

/// Testing customers are limited in the sandbox that the gateway embeds.
const ASK: Ask = Ask::Create(CustomerType::Active);

pub(crate) async fn measure(findings: &mut Findings) {
    let vendor = Vendor::start().await;
    let folder = folder();
    let naked = Subject::yardstick(Part::Naked, &vendor).await;
    let in_memory = Subject::gateway(None, Plan::default()).await;
    let path = folder.path().join("store").display().to_string();
    let in_file = Plan {
        variables: vec![("OPENFINANCE_SHARED__STORE_PATH", path)],
        ..Plan::default()
    };
    let in_file = Subject::gateway(Some(&vendor), in_file).await;

    let calls = |subject| Contestant::Calls(subject, ASK);
    let contestants = [calls(&naked), calls(&in_memory), calls(&in_file)];
    let [of_naked, of_memory, of_file] = take_turns(ROUNDS, contestants).await;
    of_naked.tell(
        findings,
        GROUP,
        "naked gateway",
        "It keeps no request id; 8 callers with a connection each that wait for their answers.",
    );
    let sandbox = share_of_the_vendor(&vendor, &naked).await;
    of_memory.tell(
        findings,
        GROUP,
        "gateway, in memory",
        &format!("With --sandbox, which is the mode that keeps them so: the work of the sandbox, {sandbox:.0} µs a create in a process of its own, is in it."),
    );
    of_file.tell(
        findings,
        GROUP,
        "gateway, in a file",
        "The store is a redb file that is synced; CPU of the gateway.",
    );
    findings.add(of_file.over(&of_naked, GROUP, "gateway, in a file, over naked gateway"));
    let mut subjects = vec![
        ("naked gateway", naked),
        ("gateway, in memory", in_memory),
        ("gateway, in a file", in_file),
    ];

    let redis = is_there_a_redis().then(RedisServer::start);
    match &redis {
        Some(redis) => {
            let subject = in_redis(findings, &vendor, redis, &of_naked).await;
            subjects.push(("gateway, in Redis", subject));
        }
        None => findings.add(
            Figure::once(GROUP, "gateway, in Redis: left out", 0.0, "")
                .note("There is no redis-server on this machine."),
        ),
    }
    how_long(findings, &subjects).await;
    for (_, subject) in subjects {
        subject.stop().await;
    }
    vendor.stop().await;
}

/// What the sandbox spends on a create, in microseconds.
async fn share_of_the_vendor(vendor: &Vendor, naked: &Subject) -> f64 {
    let before = Spent::by(vendor.role.pid());
    let (outcome, _) = naked.turn(&ASK).await;
    let cost = Spent::by(vendor.role.pid()).since(&before);
    cost.microseconds / all_served(&outcome)
}

fn is_there_a_redis() -> bool {
    let mut version = Command::new("redis-server");
    let version = version.arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

async fn in_redis(
    findings: &mut Findings,
    vendor: &Vendor,
    redis: &RedisServer,
    of_naked: &Turns,
) -> Subject {
    let plan = Plan {
        settings: format!("[shared]\nredis_url = \"{}\"\n", redis.url()),
        ..Plan::default()
    };
    let subject = Subject::gateway(Some(vendor), plan).await;
    let [turns] = take_turns(ROUNDS, [Contestant::Calls(&subject, ASK)]).await;
    turns.tell(
        findings,
        GROUP,
        "gateway, in Redis",
        "A redis-server on this machine, over a Unix socket; its own work is not in it.",
    );
    findings.add(turns.over(of_naked, GROUP, "gateway, in Redis, over naked gateway"));
    subject
}

/// How long creates take that come whatever becomes of those before them.
async fn how_long(findings: &mut Findings, subjects: &[(&str, Subject)]) {
    let mut rounds: Vec<_> = subjects.iter().map(|_| Vec::new()).collect();
    for round in 0..ROUNDS {
        for ((_, subject), rounds) in subjects.iter().zip(&mut rounds) {
            let load = Load {
                ask: ASK,
                rate: RATE,
                time: turn_time(),
                deadline: Duration::from_secs(10),
                key: None,
                seed: round as u64,
            };
            rounds.push(offer(&subject.clients, load).await);
        }
    }
    for ((name, _), rounds) in subjects.iter().zip(&rounds) {
        let failed: usize = rounds.iter().map(Outcome::failed).sum();
        for (share_name, share) in [("median", 0.5), ("99th percentile", 0.99)] {
            let times = rounds.iter().map(|outcome| outcome.served.millis_at(share));
            let figure = Figure::of(
                GROUP,
                format!("{name}: {share_name}"),
                Spread::of(times),
                "ms",
            );
            findings.add(figure.note(format!(
                "{RATE} creates a second at times that chance decides, from when they should have begun; {failed} failed."
            )));
        }
    }
}
