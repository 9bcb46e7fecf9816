//! One create, killed at one point.

use std::{ffi::OsString, path::Path, process::ExitCode, time::Duration};

use openfinance::{
    Client,
    customer::{CustomerType, NewCustomer},
};
use openfinance_rpc::pb::{
    self, business_service_client::BusinessServiceClient,
    consumer_service_client::ConsumerServiceClient, customer_service_client::CustomerServiceClient,
};
use openfinance_sandbox::{
    Change, Config, Control, JournalEntry, Operation, RecordKind, Sandbox, Start, Target,
};
use tokio::time::{Instant, sleep};
use tonic::{Code, Status, transport::Channel};

use crate::{
    child::{self, Process},
    point::Point,
};

const SSN: &str = "509-31-8642";
const LAST_NAME: &str = "Quackenbush";
/// What must not stand in the store's file, in any spelling.
const FORBIDDEN: [&str; 5] = [
    SSN,
    "509318642",
    LAST_NAME,
    "household-4711",
    "SandboxSecret1234",
];
/// How often it is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(5);
/// How soon no create may be unsettled any more.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);

/// What is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Create {
    TestingCustomer,
    ActiveCustomer,
    Consumer,
    Business,
}

impl Create {
    const ALL: [Self; 4] = [
        Self::TestingCustomer,
        Self::ActiveCustomer,
        Self::Consumer,
        Self::Business,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::TestingCustomer => "testing_customer",
            Self::ActiveCustomer => "active_customer",
            Self::Consumer => "consumer",
            Self::Business => "business",
        }
    }

    fn operation(self) -> Operation {
        match self {
            Self::TestingCustomer => Operation::AddTestingCustomer,
            Self::ActiveCustomer => Operation::AddCustomer,
            Self::Consumer => Operation::CreateConsumer,
            Self::Business => Operation::AddBusinessDetails,
        }
    }

    fn record(self) -> RecordKind {
        match self {
            Self::TestingCustomer | Self::ActiveCustomer => RecordKind::Customer,
            Self::Consumer => RecordKind::Consumer,
            Self::Business => RecordKind::Business,
        }
    }

    /// Creates it, and answers its id.
    async fn send(
        self,
        channel: Channel,
        owner: String,
        request_id: String,
    ) -> Result<String, Status> {
        match self {
            Self::TestingCustomer | Self::ActiveCustomer => {
                let mut customer = pb::Customer {
                    username: "household-4711".to_owned(),
                    last_name: LAST_NAME.to_owned(),
                    ..Default::default()
                };
                customer.set_type(match self {
                    Self::ActiveCustomer => pb::CustomerType::Active,
                    Self::TestingCustomer | Self::Consumer | Self::Business => {
                        pb::CustomerType::Testing
                    }
                });
                let request = pb::CreateCustomerRequest {
                    customer: Some(customer),
                    request_id,
                    ..Default::default()
                };
                let made = CustomerServiceClient::new(channel)
                    .create_customer(request)
                    .await?;
                Ok(made.into_inner().customer_id)
            }
            Self::Consumer => {
                let consumer = pb::Consumer {
                    first_name: "Ermintrude".to_owned(),
                    last_name: LAST_NAME.to_owned(),
                    state: "UT".to_owned(),
                    ssn: SSN.to_owned(),
                    email: "ermintrude@quackenbush.example".to_owned(),
                    birthday: Some(pb::Date {
                        year: 1937,
                        month: 11,
                        day: 23,
                    }),
                    ..Default::default()
                };
                let request = pb::CreateConsumerRequest {
                    customer_id: owner,
                    consumer: Some(consumer),
                    request_id,
                    ..Default::default()
                };
                let made = ConsumerServiceClient::new(channel)
                    .create_consumer(request)
                    .await?;
                Ok(made.into_inner().consumer_id)
            }
            Self::Business => {
                let business = pb::Business {
                    name: "ABC Tires Inc".to_owned(),
                    personally_liable: Some(false),
                    address: Some(pb::Address {
                        address_line1: "434 W Ascension Way".to_owned(),
                        city: "Murray".to_owned(),
                        state: "UT".to_owned(),
                        country: "US".to_owned(),
                        postal_code: "84123".to_owned(),
                        ..Default::default()
                    }),
                    phone_number: Some(pb::PhoneNumber {
                        country_code: "141".to_owned(),
                        number: "7992222".to_owned(),
                    }),
                    ..Default::default()
                };
                let request = pb::CreateBusinessRequest {
                    customer_id: owner,
                    business: Some(business),
                    request_id,
                    ..Default::default()
                };
                let made = BusinessServiceClient::new(channel)
                    .create_business(request)
                    .await?;
                Ok(made.into_inner().business_id)
            }
        }
    }
}

/// What holds a create at its point.
enum Hold {
    Store,
    Fault(u64),
    Barrier(u64),
}

impl Hold {
    /// Waits until it holds the create.
    async fn reached(&self, control: &Control, process: &mut Process) {
        match self {
            Self::Store => process.stopped().await,
            Self::Barrier(barrier) => control.barrier_holds(*barrier, 1).await.unwrap(),
            Self::Fault(id) => {
                let fired = || {
                    control
                        .faults()
                        .iter()
                        .any(|fault| fault.id == *id && fault.fired > 0)
                };
                while !fired() {
                    sleep(LOOK).await;
                }
            }
        }
    }
}

/// Whether the audit file of two gateways that were killed is whole, and has the intent of the first create without an
/// outcome.
fn verified(audit: &Path) -> Result<(), String> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let arguments = ["openfinance-gateway", "audit", "verify"].map(OsString::from);
    let environment = [("OPENFINANCE_SHARED__KEY".into(), "07".repeat(32).into())];
    let code = openfinance_gateway::cli::run(
        Ok(()),
        arguments.into_iter().chain([audit.into()]),
        environment,
        &mut out,
        &mut err,
    );
    if code != ExitCode::SUCCESS {
        return Err(String::from_utf8(err).unwrap());
    }
    let lines = std::fs::read_to_string(audit).unwrap();
    let count = |event: &str| lines.matches(&format!("\"event\":\"{event}\"")).count();
    match (count("start"), count("intent"), count("outcome")) {
        (1, intents, outcomes) if intents == outcomes + 1 => Ok(()),
        counts => Err(format!("starts, intents and outcomes: {counts:?}")),
    }
}

/// One create, killed at one point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    create: Create,
    point: Point,
}

impl Cell {
    pub(crate) fn all() -> Vec<Self> {
        let of = |create| Point::ALL.map(|point| Self { create, point });
        Create::ALL.into_iter().flat_map(of).collect()
    }

    pub(crate) fn name(self) -> String {
        format!(
            "kill::create_{}_killed_{}",
            self.create.name(),
            self.point.name()
        )
    }

    /// Kills it once, and tells what is wrong afterwards.
    pub(crate) async fn kill_once(self, seed: u64) -> Result<(), String> {
        let config = Config {
            start: Start::Host,
            seed,
            ..Config::for_tests()
        };
        let sandbox = Sandbox::start(config).await.unwrap();
        let outcome = self.kill_over(&sandbox, seed).await;
        sandbox.stop().await;
        outcome
    }

    async fn kill_over(self, sandbox: &Sandbox, seed: u64) -> Result<(), String> {
        let (control, url) = (sandbox.control(), sandbox.base_url());
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("shared.redb");
        let owner = match self.create {
            Create::TestingCustomer | Create::ActiveCustomer => String::new(),
            Create::Consumer | Create::Business => owner(&url).await,
        };
        let before = self.made(control).len();
        let request_id = format!(
            "{seed:08x}-0000-4000-8000-00000000{:04x}",
            self.point as u16
        );

        // The first life, up to the point.
        let hold = self.hold(control, seed);
        let mut process = Process::start(&url, &store, self.point.stop()).await;
        let channel = process.channel().await;
        let mut call = tokio::spawn(self.create.send(channel, owner.clone(), request_id.clone()));
        tokio::select! {
            () = hold.reached(control, &mut process) => {}
            answer = &mut call => return Err(format!("the first call never got there: {answer:?}")),
        }
        process.kill().await;
        if call.await.unwrap().is_ok() {
            return Err("the first call was answered".to_owned());
        }

        // What hung on the vendor's side is let go: at once, or while the repeat is under way.
        let release = async {
            if seed % 4 == 2 {
                sleep(Duration::from_millis(200)).await;
            }
            control.clear_faults();
            if let Hold::Barrier(barrier) = hold {
                control.release_barrier(barrier).unwrap();
            }
        };
        let repeat = async {
            let process = Process::start(&url, &store, None).await;
            let answer = self.repeat(&process, &owner, &request_id).await;
            (process, answer)
        };
        let ((), (mut process, answer)) = tokio::join!(release, repeat);
        let id = answer?;
        let again = self.repeat(&process, &owner, &request_id).await?;
        let made = self.made(control);
        if made.len() != before + 1 || made.last() != Some(&id) || again != id {
            return Err(format!("answered {id} and {again}, and there are {made:?}"));
        }
        let patience = Instant::now() + SETTLED_WITHIN;
        while process.intents().await > 0 {
            if Instant::now() > patience {
                return Err("a create is not settled".to_owned());
            }
            sleep(LOOK).await;
        }
        process.kill().await;
        if control.summary().partners[0].failed_authentications > 0 {
            return Err("a login was refused".to_owned());
        }
        let audit = child::audit_path(&store);
        verified(&audit)?;
        let kept = [std::fs::read(&store), std::fs::read(&audit)].map(Result::unwrap);
        let kept = kept.concat();
        let leaks = |word: &&&str| kept.windows(word.len()).any(|part| part == word.as_bytes());
        match FORBIDDEN.iter().find(leaks) {
            Some(_) => Err("a file of the gateway holds personal data or a secret".to_owned()),
            None => Ok(()),
        }
    }

    /// Plans what holds the create at the point. A request that waits at a barrier will be done by the vendor.
    fn hold(self, control: &Control, seed: u64) -> Hold {
        let operation = self.create.operation();
        match self.point.fault(operation) {
            None => Hold::Store,
            Some(_) if self.point == Point::BodyWritten && seed.is_multiple_of(2) => {
                Hold::Barrier(control.add_barrier(Target::Operation(operation)))
            }
            Some(fault) => Hold::Fault(control.add_fault(fault).unwrap()),
        }
    }

    /// The ids of the records of this kind that were made, oldest first.
    fn made(self, control: &Control) -> Vec<String> {
        let kind = self.create.record();
        let made = control
            .journal(0)
            .entries
            .into_iter()
            .filter_map(|entry| match entry {
                JournalEntry::Commit(commit)
                    if commit.kind == kind && commit.change == Change::Created =>
                {
                    Some(commit.id)
                }
                JournalEntry::Commit(_) | JournalEntry::Request(_) => None,
            });
        made.collect()
    }

    /// Repeats the call as long as it is told to wait, as a caller does.
    async fn repeat(
        self,
        process: &Process,
        owner: &str,
        request_id: &str,
    ) -> Result<String, String> {
        let channel = process.channel().await;
        loop {
            let send = self
                .create
                .send(channel.clone(), owner.to_owned(), request_id.to_owned());
            match send.await {
                Ok(id) => return Ok(id),
                Err(status) if matches!(status.code(), Code::Unavailable | Code::Aborted) => {
                    sleep(Duration::from_millis(100)).await;
                }
                Err(status) => return Err(format!("the repeat was refused: {status:?}")),
            }
        }
    }
}

/// Creates a customer, without the gateway, and answers its id.
async fn owner(url: &str) -> String {
    let partner = Config::default().partner;
    let config = openfinance::Config::new(
        url.parse().unwrap(),
        partner.id,
        partner.secret.into(),
        partner.app_key.into(),
    );
    let new = NewCustomer {
        customer_type: CustomerType::Testing,
        username: "the-owner".parse().unwrap(),
        first_name: None,
        last_name: None,
        phone: None,
        email: None,
        application_id: None,
    };
    let client = Client::new(config).unwrap();
    client.create_customer(new).await.unwrap().id.to_string()
}
