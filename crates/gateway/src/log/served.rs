//! The line of a call that was served, in JSON: there is one for nearly every call, so it is put together by hand. It is as the
//! library would write it, to the byte.

use std::{
    cell::RefCell,
    fmt::{self, Write as _},
};

use jiff::Timestamp;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use super::lines::SERVED;

/// Writes the lines of calls that were served, and has `others` write all other lines.
pub(super) struct Json<F> {
    pub(super) others: F,
    /// The wall clock.
    pub(super) now: fn() -> Timestamp,
}

impl<S, N, F> FormatEvent<S, N> for Json<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        if metadata.name() != SERVED {
            return self.others.format_event(context, writer, event);
        }
        writer.write_str("{\"timestamp\":\"")?;
        write_time((self.now)(), &mut writer)?;
        writer.write_str("\",\"level\":\"")?;
        writer.write_str(metadata.level().as_str())?;
        writer.write_str("\"")?;
        let mut fields = Fields {
            writer: &mut writer,
            written: Ok(()),
        };
        event.record(&mut fields);
        fields.written?;
        writer.write_str(",\"target\":\"")?;
        writer.write_str(metadata.target())?;
        writer.write_str("\"}\n")
    }
}

thread_local! {
    /// The last second that was written by this thread, and how.
    static SECOND: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
}

/// Writes a time to the microsecond.
fn write_time(time: Timestamp, writer: &mut Writer<'_>) -> fmt::Result {
    let second = time.as_second();
    SECOND.with_borrow_mut(|(known, text)| {
        if *known != second {
            text.clear();
            write!(text, "{}", time.strftime("%Y-%m-%dT%H:%M:%S"))?;
            *known = second;
        }
        writer.write_str(text)
    })?;
    write!(writer, ".{:06}Z", time.subsec_nanosecond() / 1_000)
}

/// Writes the fields, which are names of ours and durations.
struct Fields<'w, 'a> {
    writer: &'w mut Writer<'a>,
    written: fmt::Result,
}

impl Fields<'_, '_> {
    /// Writes a field, its value as `write` does.
    fn write(&mut self, field: &Field, write: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        let all = || {
            // Piece by piece: formatting them together takes three times as long.
            for piece in [",\"", field.name(), "\":"] {
                self.writer.write_str(piece)?;
            }
            write(self.writer)
        };
        if self.written.is_ok() {
            self.written = all();
        }
    }
}

impl Visit for Fields<'_, '_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.write(field, |writer| write!(writer, "{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, |writer| {
            ["\"", value, "\""]
                .into_iter()
                .try_for_each(|piece| writer.write_str(piece))
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field, |writer| write!(writer, "\"{value:?}\""));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::fmt::time::FormatTime;

    use super::*;

    const TEXT: &str = "2026-11-23T09:05:07.000042Z";

    fn now() -> Timestamp {
        TEXT.parse().unwrap()
    }

    struct Now;

    impl FormatTime for Now {
        fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
            writer.write_str(TEXT)
        }
    }

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines of a few events, by hand or not.
    fn lines(by_hand: bool) -> String {
        let written = Written::default();
        let writer = written.clone();
        let log = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_timer(Now)
            .with_writer(move || writer.clone());
        let tell = || {
            for duration_ms in [0.0, 0.001, 0.207, 1.0, 1.5, 12_345.678] {
                let (method, code) = ("openfinance.v1.CustomerService/GetCustomer", "OK");
                tracing::info!(name: SERVED, method, code, duration_ms, "call");
            }
            tracing::info!(duration_ms = 1.5, text = "\"", "another");
        };
        if by_hand {
            let log = log.map_event_format(|others| Json { others, now });
            tracing::subscriber::with_default(log.finish(), tell);
        } else {
            tracing::subscriber::with_default(log.finish(), tell);
        }
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_is_to_the_byte_what_the_library_writes() {
        let lines = [lines(true), lines(false)];
        assert_eq!(lines[0], lines[1]);
        assert_eq!(lines[0].lines().count(), 7);
    }
}
