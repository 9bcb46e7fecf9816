//! Settings that are read again while the gateway runs: on SIGHUP, and when a file that they were read from changes.
//!
//! They are read and checked whole. If anything is wrong, what was in force stays. Otherwise what can change without a
//! restart changes, and the log names what can't.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::signal::unix::Signal;

use crate::{
    config::{Config, Files, Flags, Port, Problems, Settings, State, Upstream, Wrong},
    gateway::Changeable,
    log::Level,
    server::tls,
};

/// How often it is looked whether a file has changed.
const LOOK: Duration = Duration::from_secs(2);

/// Who may call and what they may do.
const AUTH: [&str; 6] = [
    "auth.jwt.issuer",
    "auth.jwt.audience",
    "auth.jwt.jwks_file",
    "auth.jwt.jwks_url",
    "auth.keys",
    "policy",
];

/// The setting that is tried at the vendor before it is in force.
const SECRET: &str = "partner.secret";

/// Reads settings again.
pub(crate) struct Reloader {
    flags: Flags,
    environment: Vec<(String, String)>,
    /// What is in force.
    state: State,
    /// What was read last.
    files: Files,
    changeable: Changeable,
    level: Level,
    trial: Trial,
}

/// A secret of the partner that is tried, while everything else goes on: the vendor may take a minute, and a key that is
/// taken back must not wait for that.
#[derive(Default)]
struct Trial {
    /// Whether it is in use now, and the settings that it came with.
    under_way: Option<BoxFuture<'static, (bool, State)>>,
    /// Whether the settings were read again since it began: the secret may be another one by now, or the one before.
    is_outdated: bool,
}

impl Trial {
    /// Waits for the end of the trial; for ever if there is none.
    async fn end(&mut self) -> (bool, State) {
        let Some(trial) = &mut self.under_way else {
            return std::future::pending().await;
        };
        let ended = trial.await;
        self.under_way = None;
        ended
    }
}

/// What came of reading again.
#[derive(Default)]
struct Changed {
    applied: Vec<&'static str>,
    waiting: Vec<&'static str>,
}

/// What came of one setting that has changed.
enum Change {
    /// It is in force now.
    Applied,
    /// It takes a restart.
    Waiting,
    /// It can't be used, and the log says why.
    Refused,
    /// It is tried first, and the log says what comes of that.
    Tried,
}

impl From<bool> for Change {
    fn from(applied: bool) -> Self {
        if applied {
            Self::Applied
        } else {
            Self::Refused
        }
    }
}

impl Reloader {
    /// Reads again what came to `settings`, for a gateway that runs with them.
    pub(crate) fn new(
        flags: Flags,
        environment: Vec<(String, String)>,
        settings: &Settings,
        level: Level,
    ) -> impl FnOnce(Changeable) -> Self + use<> {
        let (state, files) = (settings.state(), settings.files().clone());
        move |changeable| Self {
            flags,
            environment,
            state,
            files,
            changeable,
            level,
            trial: Trial::default(),
        }
    }

    /// Reads again on each `hangup` and on each change of a file, for ever.
    pub(crate) async fn run(mut self, mut hangup: Signal) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let reads = tokio::select! {
                told = hangup.recv() => match told {
                    Some(()) => true,
                    // No signal will come any more.
                    None => return,
                },
                _ = look.tick() => self.files_changed().await,
                (is_used, state) = self.trial.end() => self.tried(is_used, &state),
            };
            if reads {
                self.reload().await;
            }
        }
    }

    /// Whether a file is another than the one that was read, or was written to since.
    fn files_changed(&self) -> impl Future<Output = bool> + use<> {
        let files = self.files.clone();
        let changed = move || files.now() != files;
        async { tokio::task::spawn_blocking(changed).await.unwrap_or(false) }
    }

    /// The partner's secret of these settings was tried. Answers whether there is another one to try.
    fn tried(&mut self, is_used: bool, state: &State) -> bool {
        if is_used {
            self.state.take(SECRET, state);
            tracing::info!(
                applied = SECRET,
                "the partner's secret that was read again is in use"
            );
        }
        std::mem::take(&mut self.trial.is_outdated)
    }

    /// Reads again, applies what can be applied, and says in the log what came of it.
    pub(crate) async fn reload(&mut self) {
        let (flags, environment) = (self.flags.clone(), self.environment.clone());
        let files = self.files.clone();
        // How the files are is told before they are read: what is written in the meantime is seen next time.
        let read = move || (files.now(), Settings::load_again(&flags, environment));
        let Ok((files, read)) = tokio::task::spawn_blocking(read).await else {
            tracing::error!("the settings could not be read again");
            return;
        };
        // Those of settings that are wrong too, which are not told of at each look.
        self.files = files;
        match read {
            Ok(settings) => {
                for warning in &settings.warnings {
                    tracing::warn!(%warning, "a setting is hardly meant");
                }
                let Changed { applied, waiting } = self.apply(settings).await;
                tracing::info!(applied = applied.join(", "), "the settings were read again");
                if !waiting.is_empty() {
                    let waiting = waiting.join(", ");
                    tracing::warn!(waiting, "these settings have changed and take a restart");
                }
            }
            Err(Wrong {
                problems: Problems(problems),
                files,
            }) => {
                // One that is missing may come later.
                self.files.add_all(files);
                for problem in &problems {
                    tracing::error!(%problem, "a setting is wrong");
                }
                tracing::error!(
                    problems = problems.len(),
                    "the settings that were read again are wrong; what was in force stays"
                );
            }
        }
    }

    async fn apply(&mut self, settings: Settings) -> Changed {
        let new = settings.state();
        self.files = settings.files().clone();
        if let Some(tls) = &self.changeable.tls {
            // Others may be named, which takes a restart: these stay in force until then.
            tls.files().for_each(|file| self.files.add(file));
        }
        let mut config = settings.config;
        let names = new.differences(&self.state);
        // Who may call is one thing, of several settings.
        let auth = std::mem::take(&mut config.auth);
        // Whatever else has changed beside them, or not: a key that is taken back must not wait for a restart because of
        // that, and one that stayed in force because others were to come before a restart goes when they no longer are.
        let auth_applied = self.changeable.gatekeeper.replace(auth).await;
        let mut changed = Changed::default();
        match self.changeable.tls.as_ref().map(tls::Reloader::reload) {
            Some(Ok(true)) => changed.applied.push("tls"),
            Some(Ok(false)) | None => {}
            Some(Err(error)) => {
                tracing::error!(%error, "the certificates in force stay");
            }
        }
        self.trial.is_outdated = self.trial.under_way.is_some();
        for name in names {
            let change = if AUTH.contains(&name) && auth_applied {
                Change::Applied
            } else {
                self.change(name, &config, &new)
            };
            match change {
                Change::Applied => {
                    self.state.take(name, &new);
                    changed.applied.push(name);
                }
                Change::Waiting => changed.waiting.push(name),
                Change::Refused | Change::Tried => {}
            }
        }
        changed
    }

    /// Changes one setting, where that can be done while the gateway runs.
    fn change(&mut self, name: &str, config: &Config, state: &State) -> Change {
        let Changeable {
            limit,
            overload,
            rotator,
            gatekeeper: _,
            tls: _,
        } = &self.changeable;
        match (name, &config.upstream) {
            (SECRET, Upstream::Vendor(vendor))
                if rotator.keeps_in(vendor.secret_file.as_deref()) =>
            {
                if self.trial.under_way.is_none() {
                    let (rotator, state) = (rotator.clone(), state.clone());
                    let secret = vendor.partner_secret.clone();
                    let trial = async move { (rotator.take_up(&secret).await, state) };
                    self.trial.under_way = Some(Box::pin(trial));
                }
                Change::Tried
            }
            ("log.level", _) => self.level.set(&config.log.level).into(),
            // Those of connections hold from the start.
            (name, _) if name.starts_with("limits.") && !Port::has(name) => {
                limit.set(config.limits);
                overload.set_bounds(config.limits.bounds);
                Change::Applied
            }
            _ => Change::Waiting,
        }
    }
}
