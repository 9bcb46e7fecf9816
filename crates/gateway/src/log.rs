//! The log, and what a panic leaves in it.

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Log, LogFormat};

/// The embedded sandbox has a line for each request, beside ours for each call. Settings that name it win.
const QUIETER: &str = "openfinance_sandbox=warn";

/// Sends log lines to standard error from now on. Standard output is for what was asked for.
pub(crate) fn start(log: &Log) {
    // The settings have been checked; were they wrong, the default level is better than none.
    let filter = |level: &str| EnvFilter::try_new(format!("{QUIETER},{level}"));
    let filter = filter(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    // Colours are for eyes that want them; in a file or a pipe they are noise.
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr()) && !unwanted;
    let lines = fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(std::io::stderr);
    // Fails only if there is a log already, as in a test.
    let _ = match log.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .try_init(),
    };
}

/// Logs where a panic was, from now on, and nothing of what it says: that may hold a value of a request.
pub(crate) fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        tracing::error!(location, "a panic: a defect of the gateway");
    }));
}
