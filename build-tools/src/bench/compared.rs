//! Counts of instructions beside those that were recorded.

use std::fmt;

use anyhow::{Context as _, Result};

use super::{
    figures::{Figure, Run},
    instructions::ACCEPT,
    words,
};

/// How much a count may differ from the recorded one, as a share of that. Five runs differ by less than a fifth of it.
const LIMIT: f64 = 0.05;

/// The same, where another compiler made what was recorded. It shifts all counts by a few hundredths, and nobody who comes
/// with a newer one should have to record before anything else; but what grows as much as this is no compiler's doing.
const LIMIT_OF_OTHERS: f64 = 0.15;

/// What there is to say of recorded counts and of those of now.
pub(super) struct Compared {
    rows: Vec<Row>,
    limit: f64,
    /// The compiler that made what was recorded, if it is another one.
    other_compiler: Option<String>,
    /// Both kinds of processor, if there are two.
    other_processor: Option<[String; 2]>,
    /// Kinds of calls that only one side has.
    unpaired: Vec<String>,
}

struct Row {
    name: String,
    before: f64,
    now: f64,
}

impl Row {
    /// The difference as a share of what was recorded.
    fn change(&self) -> f64 {
        self.now / self.before - 1.0
    }
}

impl Compared {
    /// Holds what was counted now, of a program that `rustc` made, against what was recorded.
    pub(super) fn of(recorded: &Run, now: &Run, rustc: &str) -> Result<Self> {
        let compiler = &recorded
            .circumstances
            .as_ref()
            .context("a record says what compiler was used")?
            .rustc;
        // The group names the kind of processor.
        let kind = |run: &Run| run.figures.first().map(|figure| figure.group.clone());
        let kinds = [kind(recorded), kind(now)].map(Option::unwrap_or_default);
        let find = |run: &Run, name: &str| -> Option<f64> {
            let named = |figure: &&Figure| figure.name == name;
            run.figures.iter().find(named).map(|figure| figure.value)
        };
        let mut compared = Self {
            rows: Vec::new(),
            limit: LIMIT,
            other_compiler: (compiler != rustc).then(|| compiler.clone()),
            other_processor: (kinds[0] != kinds[1]).then_some(kinds),
            unpaired: Vec::new(),
        };
        if compared.other_compiler.is_some() {
            compared.limit = LIMIT_OF_OTHERS;
        }
        for Figure { name, .. } in &recorded.figures {
            if find(now, name).is_none() {
                compared.unpaired.push(name.clone());
            }
        }
        for Figure { name, value, .. } in &now.figures {
            match find(recorded, name) {
                Some(before) => compared.rows.push(Row {
                    name: name.clone(),
                    before,
                    now: *value,
                }),
                None => compared.unpaired.push(name.clone()),
            }
        }
        Ok(compared)
    }

    /// The kinds of calls that take more than is accepted without a record.
    pub(super) fn grown(&self) -> Vec<&str> {
        let comparable = self.other_processor.is_none();
        let grown = |row: &&Row| comparable && row.change() > self.limit;
        self.rows
            .iter()
            .filter(grown)
            .map(|row| row.name.as_str())
            .collect()
    }

    /// Whether everything could be compared, and nothing has grown. A guard that compares nothing is no good one.
    pub(super) fn is_good(&self) -> bool {
        self.other_processor.is_none() && self.unpaired.is_empty() && self.grown().is_empty()
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            let Row { name, before, now } = row;
            let (before, now) = (words::number(*before), words::number(*now));
            let change = row.change();
            let percent = change * 100.0;
            let verdict = match change {
                _ if self.other_processor.is_some() => "",
                _ if change > self.limit => ": more than is accepted",
                _ if change < -self.limit && self.other_compiler.is_none() => ": less",
                _ => "",
            };
            writeln!(
                f,
                "{name}: {now} instructions, {before} recorded, {percent:+.1} %{verdict}"
            )?;
        }
        if let Some([recorded, now]) = &self.other_processor {
            writeln!(
                f,
                "Nothing can be compared: what is recorded are {recorded}, and these are {now}. If this is where changes \
                 are to be guarded from now on, record: {ACCEPT}"
            )?;
        }
        if !self.unpaired.is_empty() {
            let names = self.unpaired.join("; ");
            writeln!(f, "Recorded or counted alone: {names}. Record: {ACCEPT}")?;
        }
        let limit = self.limit * 100.0;
        if let Some(compiler) = &self.other_compiler {
            writeln!(
                f,
                "Another compiler made what is recorded, {compiler}: up to {limit:.0} % more is accepted until it is \
                 recorded anew: {ACCEPT}"
            )?;
        }
        let less = |row: &Row| row.change() < -self.limit;
        let comparable = self.other_compiler.is_none() && self.other_processor.is_none();
        if comparable && self.rows.iter().any(less) {
            writeln!(
                f,
                "Less is welcome, and guarded only when it is recorded: {ACCEPT}"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RUSTC: &str = "rustc 1.95.0";

    fn run(kind: &str, counts: &[(&str, f64)]) -> Run {
        let figures: Vec<_> = counts
            .iter()
            .map(|(name, value)| {
                json!({ "group": kind, "name": name, "value": value, "unit": "instructions" })
            })
            .collect();
        let run = json!({
            "bench": "instructions",
            "circumstances": { "date": "2026-11-23", "cores": 2, "processor": "P", "rustc": RUSTC, "commit": "c" },
            "figures": figures,
        });
        Run::read(&run.to_string()).unwrap()
    }

    fn compared(now: &[(&str, f64)], rustc: &str) -> (bool, String) {
        let recorded = run("x86_64", &[("Get", 100_000.0), ("List", 200_000.0)]);
        let compared = Compared::of(&recorded, &run("x86_64", now), rustc).unwrap();
        (compared.is_good(), compared.to_string())
    }

    #[test]
    fn what_grows_by_less_than_a_twentieth_passes_and_by_more_does_not() {
        let (good, told) = compared(&[("Get", 104_900.0), ("List", 191_000.0)], RUSTC);
        assert!(good, "{told}");
        let (good, told) = compared(&[("Get", 105_100.0), ("List", 200_000.0)], RUSTC);
        assert!(!good);
        let line = "Get: 105,100 instructions, 100,000 recorded, +5.1 %: more than is accepted\n";
        assert!(told.starts_with(line), "{told}");
    }

    #[test]
    fn what_takes_less_is_to_be_recorded_and_passes() {
        let (good, told) = compared(&[("Get", 94_000.0), ("List", 200_000.0)], RUSTC);
        assert!(good, "{told}");
        assert!(
            told.contains("-6.0 %: less") && told.contains(ACCEPT),
            "{told}"
        );
    }

    #[test]
    fn another_compiler_widens_the_limit_and_is_told() {
        let (good, told) = compared(&[("Get", 114_000.0), ("List", 150_000.0)], "rustc 1.96.0");
        assert!(good, "{told}");
        assert!(told.contains(RUSTC) && told.contains("15 %") && told.contains(ACCEPT));
        let (good, _) = compared(&[("Get", 116_000.0), ("List", 200_000.0)], "rustc 1.96.0");
        assert!(!good);
    }

    #[test]
    fn counts_of_another_kind_of_processor_are_not_compared_and_do_not_pass() {
        let counts = [("Get", 100_000.0)];
        let [recorded, now] = ["x86_64", "aarch64"].map(|kind| run(kind, &counts));
        let compared = Compared::of(&recorded, &now, RUSTC).unwrap();
        assert!(!compared.is_good() && compared.grown().is_empty());
        let told = compared.to_string();
        assert!(told.contains("aarch64") && told.contains(ACCEPT), "{told}");
    }

    #[test]
    fn a_call_that_was_never_recorded_or_is_no_longer_counted_does_not_pass() {
        for now in [
            &[("Get", 100_000.0)][..],
            &[("Get", 1.0), ("List", 1.0), ("New", 1.0)],
        ] {
            let (good, told) = compared(now, RUSTC);
            assert!(!good && told.contains("counted alone"), "{told}");
        }
    }
}
