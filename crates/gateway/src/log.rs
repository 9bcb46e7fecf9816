//! The log.

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Log, LogFormat};

/// The embedded sandbox has a line for each request, beside ours for each call. Settings that name it win.
const QUIETER: &str = "openfinance_sandbox=warn";

/// What is logged, which may change while the gateway runs.
pub(crate) struct Level(Box<dyn Fn(EnvFilter) -> bool + Send + Sync>);

impl Level {
    /// From now on `level` is logged. Answers whether it could be changed.
    pub(crate) fn set(&self, level: &str) -> bool {
        self.0(filter(level))
    }
}

fn filter(level: &str) -> EnvFilter {
    // The settings have been checked; were they wrong, the default level is better than none.
    EnvFilter::try_new(format!("{QUIETER},{level}")).unwrap_or_else(|_| EnvFilter::new("info"))
}

/// Sends log lines to standard error from now on. Standard output is for what was asked for.
pub(crate) fn start(log: &Log) -> Level {
    // Colours are for eyes that want them; in a file or a pipe they are noise.
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr()) && !unwanted;
    let lines = fmt()
        .with_env_filter(filter(&log.level))
        .with_ansi(colours)
        .with_writer(std::io::stderr);
    // Fails only if there is a log already, as in a test.
    match log.format {
        LogFormat::Text => {
            let lines = lines.with_filter_reloading();
            let handle = lines.reload_handle();
            let _ = lines.try_init();
            Level(Box::new(move |level| handle.reload(level).is_ok()))
        }
        LogFormat::Json => {
            let lines = lines
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .with_filter_reloading();
            let handle = lines.reload_handle();
            let _ = lines.try_init();
            Level(Box::new(move |level| handle.reload(level).is_ok()))
        }
    }
}
