//! How far an import or export is: a bar for a person, a line now and then for a log, or nothing.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use crate::Io;

const LINE_EVERY: Duration = Duration::from_secs(10);
const BAR_A_SECOND: u8 = 5;

/// How far it is.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    lines: bool,
    told: Instant,
    begun: Instant,
    total: Option<u64>,
    before: u64,
}

impl Progress {
    /// Begins with `before` rows that were done earlier, of `total` where that is known.
    pub(crate) fn begin(io: &Io, quiet: bool, before: u64, total: Option<u64>) -> Self {
        let bar = (io.terminal.stderr && !quiet).then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(BAR_A_SECOND);
            let bar = ProgressBar::with_draw_target(total, target).with_position(before);
            let template = match total {
                Some(_) => "{wide_bar} {human_pos}/{human_len} rows, {msg}, {eta} left",
                None => "{spinner} {human_pos} rows, {msg}",
            };
            // The template is a constant; a bar without style is a bar as well.
            match ProgressStyle::with_template(template) {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        let now = Instant::now();
        Self {
            lines: !quiet && bar.is_none(),
            bar,
            told: now,
            begun: now,
            total,
            before,
        }
    }

    /// Tells how many rows are done by now, those of earlier runs among them, and how many of them failed.
    pub(crate) fn tell(&mut self, io: &mut Io, rows: u64, failed: Option<u64>) {
        let message = || {
            let elapsed = self.begun.elapsed().as_secs_f64().max(0.001);
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let rate = rows.saturating_sub(self.before) as f64 / elapsed;
            let failed = failed.map(|failed| format!(", {failed} failed"));
            format!("{rate:.0} a second{}", failed.unwrap_or_default())
        };
        if let Some(bar) = &self.bar {
            bar.set_message(message());
            bar.set_position(rows);
        } else if self.lines && self.told.elapsed() >= LINE_EVERY {
            let of = self.total.map(|total| format!(" of {total}"));
            io.note(format_args!(
                "{rows}{} rows, {}",
                of.unwrap_or_default(),
                message()
            ));
            self.told = Instant::now();
        }
    }

    /// Lets something else be told without the bar in between.
    pub(crate) fn aside(&self, tell: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(tell),
            None => tell(),
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
