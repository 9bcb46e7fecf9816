//! What a command costs: time, processor, memory, its children's included.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

#[expect(
    clippy::disallowed_types,
    reason = "what is timed is another process, whose time no test can pause"
)]
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use wait4::Wait4 as _;

use super::figures::{Bar, Figure};

/// What one run of a command cost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// Until it ended.
    pub(super) wall: Duration,
    /// Of all processors, user and system time of it and of all that it started.
    pub(super) processor: Duration,
    /// The most memory that it, or the largest of what it started, had at once, in bytes.
    pub(super) peak: u64,
}

/// Runs a command, which has to succeed, and shows no more of it than its errors.
#[expect(
    clippy::disallowed_types,
    reason = "what is timed is another process, whose time no test can pause"
)]
pub(super) fn cost(command: &mut Command) -> Result<Cost> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let name = command.get_program().to_owned();
    let started = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {}", name.display()))?;
    let used = child.wait4()?;
    let wall = started.elapsed();
    ensure!(
        used.status.success(),
        "{} failed: {}",
        name.display(),
        used.status
    );
    Ok(Cost {
        wall,
        processor: used.rusage.utime + used.rusage.stime,
        peak: used.rusage.maxrss,
    })
}

/// Figures of several runs of the same: median and spread of the seconds until it ended, of processor, and of memory.
pub(super) fn figures(
    [group, name]: [&str; 2],
    costs: &[Cost],
    bar: Option<Bar>,
    note: &str,
) -> Vec<Figure> {
    let seconds = |of: fn(&Cost) -> Duration| costs.iter().map(move |cost| of(cost).as_secs_f64());
    let peak = costs
        .iter()
        .map(|cost| cost.peak as f64 / f64::from(1 << 20));
    let mut wall = figure([group, name], seconds(|cost| cost.wall).collect(), "s");
    wall.met = bar.map(|bar| bar.is_met_by(wall.value));
    wall.bar = bar;
    wall.note = Some(note.to_owned());
    let processor = seconds(|cost| cost.processor).collect();
    vec![
        wall,
        figure([group, &format!("{name}, CPU")], processor, "s"),
        figure(
            [group, &format!("{name}, peak memory")],
            peak.collect(),
            "MiB",
        ),
    ]
}

/// The median of some measurements, with their spread.
fn figure([group, name]: [&str; 2], mut values: Vec<f64>, unit: &str) -> Figure {
    values.sort_by(f64::total_cmp);
    let several = values.len() > 1;
    Figure {
        group: group.to_owned(),
        name: name.to_owned(),
        value: values.get(values.len() / 2).copied().unwrap_or_default(),
        unit: unit.to_owned(),
        low: values.first().copied().filter(|_| several),
        high: values.last().copied().filter(|_| several),
        bar: None,
        met: None,
        note: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_measured_with_what_it_starts() {
        let cost = cost(Command::new("sh").args(["-c", "sh -c 'exit 0'; exit 0"])).unwrap();
        assert!(cost.wall > Duration::ZERO);
        // No shell runs in less.
        assert!(cost.peak > 100_000, "{} bytes", cost.peak);
    }

    #[test]
    fn a_command_that_fails_is_no_measurement() {
        let error = cost(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert!(error.to_string().contains("sh failed"), "{error}");
    }

    #[test]
    fn the_figure_is_the_median_with_its_spread_and_bar() {
        let run = |seconds: u64| Cost {
            wall: Duration::from_secs(seconds),
            processor: Duration::from_secs(2 * seconds),
            peak: seconds << 20,
        };
        let figures = figures(
            ["codegen", "check"],
            &[run(3), run(1), run(2)],
            Some(Bar::AtMost(1.0)),
            "three times",
        );
        let all: Vec<_> = figures
            .iter()
            .map(|figure| {
                (
                    figure.name.as_str(),
                    figure.value,
                    figure.low,
                    figure.high,
                    figure.met,
                )
            })
            .collect();
        assert_eq!(
            all,
            [
                ("check", 2.0, Some(1.0), Some(3.0), Some(false)),
                ("check, CPU", 4.0, Some(2.0), Some(6.0), None),
                ("check, peak memory", 2.0, Some(1.0), Some(3.0), None),
            ]
        );
    }
}
