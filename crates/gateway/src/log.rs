//! The log, and where spans go.

mod lines;
mod served;

use std::io::Stderr;

use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt as _};

use self::lines::Lines;
pub(crate) use self::lines::SERVED;
use crate::{
    config::{Log, LogFormat},
    trace::{self, Traces},
};

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

/// Lines of this level, and none of the spans that make traces.
fn filter(level: &str) -> EnvFilter {
    // The settings have been checked; were they wrong, the default level is better than none.
    EnvFilter::try_new(format!("{QUIETER},{level},{}=off", trace::TARGET))
        .unwrap_or_else(|_| EnvFilter::new("info"))
}

/// The end of the log: dropped, it has the last lines leave.
pub(crate) struct End(Lines<Stderr>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Sends log lines to standard error from now on, and spans to where `traces` go. Standard output is for what was asked
/// for.
pub(crate) fn start(log: &Log, traces: Option<&Traces>) -> (Level, End) {
    let lines = Lines::new(std::io::stderr());
    let end = End(lines.clone());
    (level(log, traces, lines), end)
}

fn level(log: &Log, traces: Option<&Traces>, out: Lines<Stderr>) -> Level {
    // Colours are for eyes that want them; in a file or a pipe they are noise.
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr()) && !unwanted;
    let lines = fmt()
        .with_env_filter(filter(&log.level))
        .with_ansi(colours)
        .with_writer(out);
    match log.format {
        LogFormat::Text => {
            let lines = lines.with_filter_reloading();
            let handle = lines.reload_handle();
            begin(lines.finish(), traces);
            Level(Box::new(move |level| handle.reload(level).is_ok()))
        }
        LogFormat::Json => {
            let lines = lines
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .map_event_format(by_hand)
                .with_filter_reloading();
            let handle = lines.reload_handle();
            begin(lines.finish(), traces);
            Level(Box::new(move |level| handle.reload(level).is_ok()))
        }
    }
}

fn begin(lines: impl Subscriber + Send + Sync, traces: Option<&Traces>) {
    // Fails only if there is a log already, as in a test.
    let _ = match traces {
        Some(traces) => traces.beside(lines).try_init(),
        None => lines.try_init(),
    };
}

fn by_hand<F>(others: F) -> served::Json<F> {
    let now = jiff::Timestamp::now;
    served::Json { others, now }
}
