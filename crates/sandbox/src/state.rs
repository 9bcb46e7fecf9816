//! Everything one sandbox knows.
//!
//! The rules are plain methods on [`State`], in the file of their noun; the methods named `route_*` beside them only
//! translate from and to JSON. Nothing in here waits, so one lock around the whole is enough.

use std::collections::{HashMap, VecDeque};

use smol_str::SmolStr;

use crate::{
    auth::{Partner, Token},
    authorization::InstitutionLogin,
    barrier::Barriers,
    business::Business,
    call::LateWork,
    clock::Clock,
    config::Config,
    consumer::Consumer,
    customer::Customer,
    fault::{FaultRule, Faults, InvalidFault},
    journal::Lines,
    random::Random,
    shared::Signals,
    store::Store,
    table::{List, Table},
    unseen::Unseen,
};

/// The whole state of one sandbox.
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) partners: List<Partner>,
    pub(crate) tokens: Table<String, Token>,
    pub(crate) issued_tokens: u64,
    pub(crate) customers: Table<u64, Customer>,
    /// Whose each username is; derived from the customers.
    pub(crate) usernames: HashMap<SmolStr, u64>,
    pub(crate) consumers: Table<String, Consumer>,
    pub(crate) businesses: Table<u64, Business>,
    pub(crate) institution_logins: Table<i64, InstitutionLogin>,
    /// Names of the registered applications by id.
    pub(crate) applications: Table<String, String>,
    pub(crate) next_customer: u64,
    pub(crate) next_business: u64,
    pub(crate) next_institution_login: i64,
    /// Whether all of the above has taken the place of something else since the last commit.
    pub(crate) replaced: bool,
    /// The file that all of the above is kept in, if there is one.
    pub(crate) store: Option<Store>,
    pub(crate) faults: Faults,
    pub(crate) barriers: Barriers,
    /// Work that is yet to be done, by the time when it is due.
    pub(crate) late: VecDeque<LateWork>,
    /// Writes that reads do not see yet, oldest first.
    pub(crate) unseen: Vec<Unseen>,
    pub(crate) journal: Lines,
    /// Told to those who wait whenever the lock is let go.
    pub(crate) signals: Signals,
}

impl State {
    /// A fresh state, in memory only.
    pub(crate) fn new(config: Config) -> Self {
        let mut random = Random::from_seed(config.seed);
        Self {
            clock: Clock::start(config.start),
            partners: List::from_iter([Partner::new(&config.partner)]),
            tokens: Table::default(),
            issued_tokens: 0,
            customers: Table::default(),
            usernames: HashMap::new(),
            consumers: Table::default(),
            businesses: Table::default(),
            institution_logins: Table::default(),
            applications: Table::default(),
            // In the range of the vendor's samples, and far from the ids that its tests use as unknown.
            next_customer: 1_005_000_000 + random.below(1_000_000),
            next_business: 1_000 + random.below(1_000),
            next_institution_login: 5_000_000 + i64::try_from(random.below(1_000_000)).unwrap_or(0),
            random,
            replaced: false,
            store: None,
            faults: Faults::from_seed(config.seed),
            barriers: Barriers::default(),
            late: VecDeque::new(),
            unseen: Vec::new(),
            journal: Lines::default(),
            signals: Signals::default(),
            config,
        }
    }

    /// Starts over, from `seed` if one is given; the journal goes on in a new epoch, so that answers still held back do
    /// not write into it.
    pub(crate) fn reset(&mut self, seed: Option<u64>) {
        let mut config = self.config.clone();
        config.seed = seed.unwrap_or(config.seed);
        let journal = self.journal.next_epoch();
        let store = self.store.take();
        let mut signals = self.signals;
        signals.faults_removed += 1;
        *self = Self::new(config);
        self.replaced = true;
        self.store = store;
        self.journal = journal;
        self.signals = signals;
    }

    /// Plans a fault and answers its id.
    pub(crate) fn add_fault(&mut self, rule: FaultRule) -> Result<u64, InvalidFault> {
        let about_accepting = rule.is_about_accepting();
        let id = self.faults.add(rule)?;
        self.signals.accept_rules += u64::from(about_accepting);
        Ok(id)
    }

    /// Removes a rule; whether there was one.
    pub(crate) fn remove_fault(&mut self, id: u64) -> bool {
        self.signals.faults_removed += 1;
        self.faults.remove(id)
    }

    /// Removes all rules and tells how many there were.
    pub(crate) fn clear_faults(&mut self) -> usize {
        self.signals.faults_removed += 1;
        self.faults.clear()
    }
}
