//! Flags, the line that says where it listens, and stopping on a signal.

use std::{
    error::Error,
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, ValueEnum};
use jiff::Timestamp;
use openfinance_sandbox::{
    Config, PartnerCredentials, Partnership, PersonallyLiableRule, Plan, Sandbox, Start,
    StartError,
    quirk::{self, Setting},
};

/// Simulates the customer records API of Mastercard Open Finance US.
#[derive(Parser)]
#[command(name = "openfinance-sandbox", version)]
struct Flags {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value_t = Config::default().listen)]
    listen: SocketAddr,
    /// File that keeps everything, made if it is not there; what is in it goes before the flags. Without it all is in
    /// memory and gone when it stops
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// What ids and tokens are derived from
    #[arg(long, value_name = "N", default_value_t = Config::default().seed)]
    seed: u64,
    /// Id of the partner that exists from the start
    #[arg(long, value_name = "ID", default_value_t = Config::default().partner.id)]
    partner_id: String,
    /// Secret of that partner
    #[arg(long, value_name = "SECRET", default_value_t = Config::default().partner.secret)]
    partner_secret: String,
    /// App key of that partner
    #[arg(long, value_name = "KEY", default_value_t = Config::default().partner.app_key)]
    app_key: String,
    /// Plan of every partner; test-drive refuses active customers
    #[arg(long, value_enum, default_value = "upgraded")]
    plan: PlanFlag,
    /// Whether a personally liable owner needs a consumer before a business
    #[arg(long, value_enum, default_value = "on")]
    personally_liable_rule: Switch,
    /// Partners are resellers: every new consumer must name the end user
    #[arg(long)]
    reseller: bool,
    /// How many live testing customers a partner may have
    #[arg(long, value_name = "N", default_value_t = Config::default().testing_customer_limit)]
    testing_customer_limit: usize,
    /// Time at which the clock starts, such as 2026-01-01T00:00:00Z, in place of the host's
    #[arg(long, value_name = "TIME")]
    start_time: Option<Timestamp>,
    /// The clock stands until it is put forward; at 2026-01-01T00:00:00Z without --start-time
    #[arg(long)]
    frozen: bool,
    /// Whom to follow where the vendor's sources disagree; may be repeated
    #[arg(long = "quirk", value_name = "NAME=VALUE")]
    settings: Vec<Setting>,
    /// Print every behaviour with its source, its switch and its default, and exit
    #[arg(long)]
    quirks: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum PlanFlag {
    Upgraded,
    TestDrive,
}

#[derive(Clone, Copy, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl From<Flags> for Config {
    fn from(flags: Flags) -> Self {
        Self {
            listen: flags.listen,
            seed: flags.seed,
            partner: PartnerCredentials {
                id: flags.partner_id,
                secret: flags.partner_secret,
                app_key: flags.app_key,
            },
            plan: match flags.plan {
                PlanFlag::Upgraded => Plan::Upgraded,
                PlanFlag::TestDrive => Plan::TestDrive,
            },
            personally_liable_rule: match flags.personally_liable_rule {
                Switch::On => PersonallyLiableRule::On,
                Switch::Off => PersonallyLiableRule::Off,
            },
            partnership: if flags.reseller {
                Partnership::Reseller
            } else {
                Partnership::Direct
            },
            testing_customer_limit: flags.testing_customer_limit,
            start: match (flags.start_time, flags.frozen) {
                (None, false) => Start::Host,
                (Some(time), false) => Start::At(time),
                (time, true) => Start::Frozen(time.unwrap_or(Start::STANDING)),
            },
            state: flags.state,
            quirks: flags.settings.into_iter().collect(),
        }
    }
}

/// Runs the program: 0 after a signal, 1 if it could not start, 2 on flags it does not know.
pub(crate) async fn run() -> ExitCode {
    let flags = Flags::parse();
    if flags.quirks {
        // Whoever reads only the top of it has read enough.
        let _ = io::stdout().write_all(quirk::table().as_bytes());
        return ExitCode::SUCCESS;
    }
    let log = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    log.with_env_filter(
        tracing_subscriber::EnvFilter::try_from_default_env()
            .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
    )
    .init();
    // Signals are caught before the first line is printed, so whoever waits for that line can stop us at once.
    let stop = match stop_signal() {
        Ok(stop) => stop,
        Err(error) => return fail(&format!("cannot catch signals: {error}")),
    };
    let sandbox = match Sandbox::start(flags.into()).await {
        Ok(sandbox) => sandbox,
        Err(StartError::Listen { address, source }) => {
            return fail(&format!(
                "cannot listen on {address}: {source}; choose another address with --listen HOST:PORT"
            ));
        }
        Err(StartError::State(error)) => {
            let reason = error.source().map(|reason| format!(": {reason}"));
            return fail(&format!(
                "{error}{}; choose another file with --state FILE",
                reason.unwrap_or_default()
            ));
        }
    };
    // A closed standard output is no reason to stop.
    let _ = writeln!(
        io::stdout(),
        "openfinance-sandbox listening on {}",
        sandbox.base_url()
    );
    stop.await;
    sandbox.stop().await;
    ExitCode::SUCCESS
}

fn fail(message: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "openfinance-sandbox: {message}");
    ExitCode::FAILURE
}

/// Ends on SIGINT or SIGTERM.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends on Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use openfinance_sandbox::quirk::{FoundCount, Quirks, Search};

    use super::*;

    #[test]
    fn flags_are_consistent_and_default_to_the_configuration() {
        Flags::command().debug_assert();
        let config = Config::from(Flags::parse_from(["openfinance-sandbox"]));
        let default = Config::default();
        assert_eq!(config.listen, default.listen);
        assert_eq!(config.seed, default.seed);
        assert_eq!(config.partner.id, default.partner.id);
        assert_eq!(config.state, default.state);
        assert_eq!(config.plan, default.plan);
        assert_eq!(
            config.personally_liable_rule,
            default.personally_liable_rule
        );
        assert_eq!(config.partnership, default.partnership);
        assert_eq!(
            config.testing_customer_limit,
            default.testing_customer_limit
        );
        assert_eq!(config.start, default.start);
        assert_eq!(config.quirks, default.quirks);
    }

    #[test]
    fn every_flag_is_heard() {
        let config = Config::from(Flags::parse_from([
            "openfinance-sandbox",
            "--listen=127.0.0.1:0",
            "--seed=9",
            "--partner-id=p",
            "--partner-secret=s",
            "--app-key=k",
            "--plan=test-drive",
            "--personally-liable-rule=off",
            "--reseller",
            "--testing-customer-limit=3",
            "--state=/somewhere/state.redb",
            "--start-time=2027-03-04T05:06:07+01:00",
            "--quirk=found=absent",
            "--quirk=search=names-only",
        ]));
        assert_eq!(config.listen.port(), 0);
        assert_eq!((config.seed, config.testing_customer_limit), (9, 3));
        let partner = config.partner;
        assert_eq!(
            [partner.id, partner.secret, partner.app_key],
            ["p", "s", "k"]
        );
        assert_eq!(config.state, Some("/somewhere/state.redb".into()));
        assert_eq!(config.plan, Plan::TestDrive);
        assert_eq!(config.personally_liable_rule, PersonallyLiableRule::Off);
        assert_eq!(config.partnership, Partnership::Reseller);
        let start = "2027-03-04T04:06:07Z".parse().unwrap();
        assert_eq!(config.start, Start::At(start));
        let quirks = Quirks {
            found: FoundCount::Absent,
            search: Search::NamesOnly,
            ..Quirks::default()
        };
        assert_eq!(config.quirks, quirks);
    }

    #[test]
    fn a_frozen_clock_stands_where_the_tests_have_it_or_where_it_is_told() {
        let start = |flags: &[&str]| {
            let words = ["openfinance-sandbox", "--frozen"].iter().chain(flags);
            Config::from(Flags::parse_from(words)).start
        };
        assert_eq!(start(&[]), Config::for_tests().start);
        let time = "2027-03-04T05:06:07Z";
        let expected = Start::Frozen(time.parse().unwrap());
        assert_eq!(start(&["--start-time", time]), expected);
    }

    #[test]
    fn a_quirk_that_is_none_is_told_the_legal_ones() {
        let refusal = |setting: &str| {
            let words = ["openfinance-sandbox", "--quirk", setting];
            let error = Flags::try_parse_from(words).err().unwrap();
            assert_eq!(error.exit_code(), 2);
            error.to_string()
        };
        assert!(refusal("lock=5").contains("there are token-life, lock-after, "));
        assert!(refusal("found=no").contains("found is one of present, absent"));
        assert!(refusal("found").contains("NAME=VALUE"));
    }
}
