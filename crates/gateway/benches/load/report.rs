//! The figures as a Markdown table, and whether they are good enough.

use std::fmt;

use crate::bar::Bar;

/// All figures of one run.
#[derive(Default)]
pub(crate) struct Report(Vec<(String, String, Bar)>);

impl Report {
    /// A line: what it is, its value and its bar.
    pub(crate) fn figure(&mut self, name: &str, value: String, bar: Bar) {
        self.0.push((name.to_owned(), value, bar));
    }

    pub(crate) fn is_met(&self) -> bool {
        self.0.iter().all(|(.., bar)| bar.is_met())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| | | bar |\n|---|---|---|")?;
        for (name, value, bar) in &self.0 {
            writeln!(f, "| {name} | {value} | {bar} |")?;
        }
        Ok(())
    }
}

pub(crate) fn millis(time: f64) -> String {
    format!("{time:.1} ms")
}

pub(crate) fn mebibytes(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}
