//! What a sandbox is told when it starts. The defaults are those of the command line.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use jiff::Timestamp;

use crate::quirk::Quirks;

/// Settings of one sandbox.
///
/// `Debug` is left out on purpose: the partner's secret is in here.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Every id and token is derived from this number.
    pub seed: u64,
    /// The partner that exists from the start.
    pub partner: PartnerCredentials,
    /// The plan of every partner.
    pub plan: Plan,
    /// Whether a personally liable owner needs a consumer record before the business record.
    pub personally_liable_rule: PersonallyLiableRule,
    /// Whether partners sell on to end users.
    pub partnership: Partnership,
    /// How many live testing customers one partner may have.
    pub testing_customer_limit: usize,
    /// Where the virtual clock starts.
    pub start: Start,
    /// The file that everything is kept in; in memory only if `None`. It is made if it is not there, in a folder that
    /// must be. What is in it goes before `seed`, `start` and the secret and key of `partner`, whose id must agree.
    pub state: Option<PathBuf>,
    /// Whom to follow where the vendor's sources disagree.
    pub quirks: Quirks,
}

/// What a partner proves itself with.
#[derive(Clone)]
pub struct PartnerCredentials {
    /// The partner id.
    pub id: String,
    /// The secret that buys tokens.
    pub secret: String,
    /// The key that every call carries as `Finicity-App-Key`.
    pub app_key: String,
}

/// What the partner pays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// A paid plan: testing and active customers.
    Upgraded,
    /// The free plan: active customers are refused, as the vendor's Java tests expect.
    TestDrive,
}

/// Whether AddBusinessDetails wants a consumer first when the owner is personally liable.
///
/// The vendor's documentation page says so; the vendor's Java tests do otherwise and expect success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonallyLiableRule {
    /// As the documentation page has it.
    On,
    /// As the Java tests have it.
    Off,
}

/// The vendor's contract with the partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partnership {
    /// The partner serves its own customers.
    Direct,
    /// The partner resells, so every new consumer must name the end user.
    Reseller,
}

/// Where the virtual clock starts, at the beginning and again after a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The host's present time.
    Host,
    /// A chosen time; the clock runs on from there.
    At(Timestamp),
    /// A chosen time at which the clock stands until it is put forward, for tests that compare dates exactly.
    Frozen(Timestamp),
}

impl Start {
    /// Where a frozen clock stands if nobody says otherwise: 2026-01-01T00:00:00Z.
    pub const STANDING: Timestamp = Timestamp::constant(1_767_225_600, 0);
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            seed: 1,
            partner: PartnerCredentials {
                id: "2445580000001".to_owned(),
                secret: "SandboxSecret1234".to_owned(),
                app_key: "5a6e64626f786170706b657930303031".to_owned(),
            },
            plan: Plan::Upgraded,
            personally_liable_rule: PersonallyLiableRule::On,
            partnership: Partnership::Direct,
            testing_customer_limit: 500,
            start: Start::Host,
            state: None,
            quirks: Quirks::default(),
        }
    }
}

impl Config {
    /// The defaults on a free port of the loopback interface, with the clock standing at 2026-01-01T00:00:00Z.
    #[must_use]
    pub fn for_tests() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            start: Start::Frozen(Start::STANDING),
            ..Self::default()
        }
    }
}
