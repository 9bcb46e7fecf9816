//! The format in which every benchmark tells its figures: one JSON document, held against itself before it is used.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// What one run of a benchmark found.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    /// Its name: the word after `cargo xtask bench`.
    pub(crate) bench: String,
    /// When and on what; only in what is recorded, the benchmarks don't say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) circumstances: Option<Circumstances>,
    /// In the order of the tables.
    pub(crate) figures: Vec<Figure>,
    /// In the order of the page.
    #[serde(default)]
    pub(crate) plots: Vec<Plot>,
}

/// When and on what a run was made.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Circumstances {
    /// The day, as 2026-11-23, UTC.
    pub(crate) date: String,
    pub(crate) cores: usize,
    /// What the system calls it.
    pub(crate) processor: String,
    /// What `rustc --version` says.
    pub(crate) rustc: String,
    /// What was measured; with `, changed` if more than that lay in the folder.
    pub(crate) commit: String,
}

/// One figure: a row of a table.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Figure {
    /// The table it stands in.
    pub(crate) group: String,
    /// The row.
    pub(crate) name: String,
    /// The median of the repeats.
    pub(crate) value: f64,
    /// Of the value, the spread and the bar; `times` for ratios.
    pub(crate) unit: String,
    /// The spread; absent if it was measured once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) low: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) high: Option<f64>,
    /// What it must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bar: Option<Bar>,
    /// Whether it is so; there if there is a bar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) met: Option<bool>,
    /// What exactly was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// What a figure must be.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bar {
    AtMost(f64),
    AtLeast(f64),
}

impl Bar {
    /// Whether a figure is good enough.
    pub(crate) fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }

    pub(crate) fn value(self) -> f64 {
        match self {
            Self::AtMost(value) | Self::AtLeast(value) => value,
        }
    }
}

/// A drawing of figures.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plot {
    /// Its name among those of the benchmark: small letters, digits and hyphens.
    pub(crate) file: String,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) kind: Kind,
    /// What lies along the axis, with its unit; of bars, what their labels are.
    #[serde(default)]
    pub(crate) x: String,
    /// What is measured, with its unit.
    pub(crate) y: String,
    #[serde(default)]
    pub(crate) log_x: bool,
    #[serde(default)]
    pub(crate) log_y: bool,
    pub(crate) series: Vec<Series>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    #[default]
    Lines,
    Bars,
}

/// What has one colour in a plot.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(Place, f64)>,
}

/// Where a point lies along the axis.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Place {
    Number(f64),
    /// Of a bar.
    Label(String),
}

impl Run {
    /// What a benchmark has printed.
    ///
    /// # Errors
    /// Text that is not of this format, or does not agree with itself.
    pub(crate) fn read(text: &str) -> Result<Self> {
        serde_json::from_str::<Self>(text)?.settled()
    }

    /// The run with rounded numbers, held against itself.
    ///
    /// # Errors
    /// A run that does not agree with itself.
    pub(crate) fn settled(mut self) -> Result<Self> {
        ensure!(!self.figures.is_empty(), "no figure was measured");
        self.figures.iter().try_for_each(Figure::check)?;
        self.plots.iter().try_for_each(Plot::check)?;
        self.round();
        Ok(self)
    }

    /// Leaves of each number what can mean something. A record of all digits of a fraction would be mostly noise.
    fn round(&mut self) {
        for figure in &mut self.figures {
            figure.value = rounded(figure.value);
            figure.low = figure.low.map(rounded);
            figure.high = figure.high.map(rounded);
            figure.met = figure.bar.map(|bar| bar.is_met_by(figure.value));
        }
        let series = self.plots.iter_mut().flat_map(|plot| &mut plot.series);
        for (place, value) in series.flat_map(|series| &mut series.points) {
            *value = rounded(*value);
            if let Place::Number(at) = place {
                *at = rounded(*at);
            }
        }
    }

    /// Whether no bar was missed.
    pub(crate) fn is_met(&self) -> bool {
        self.figures.iter().all(|figure| figure.met != Some(false))
    }

    /// The figure of this table and row.
    pub(crate) fn figure(&self, group: &str, name: &str) -> Option<&Figure> {
        let mut figures = self.figures.iter();
        figures.find(|figure| figure.group == group && figure.name == name)
    }
}

/// The number to six digits.
fn rounded(value: f64) -> f64 {
    // Through text, which is the same on every machine.
    format!("{value:.5e}").parse().unwrap_or(value)
}

impl Figure {
    fn check(&self) -> Result<()> {
        let Self { group, name, .. } = self;
        let all = [Some(self.value), self.low, self.high];
        ensure!(
            all.into_iter().flatten().all(f64::is_finite),
            "`{name}` of `{group}` is not a finite number"
        );
        ensure!(
            self.low.is_some() == self.high.is_some(),
            "`{name}` of `{group}` has half a spread"
        );
        if let (Some(low), Some(high)) = (self.low, self.high) {
            ensure!(
                low <= self.value && self.value <= high,
                "`{name}` of `{group}` is not within its own spread"
            );
        }
        let met = self.bar.map(|bar| bar.is_met_by(self.value));
        ensure!(
            self.met == met,
            "`{name}` of `{group}` and its bar do not agree with what it says of them"
        );
        Ok(())
    }
}

impl Plot {
    fn check(&self) -> Result<()> {
        let Self { file, .. } = self;
        let plain =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        ensure!(
            !file.is_empty() && file.chars().all(plain),
            "`{file}` is no name for a plot: small letters, digits and hyphens"
        );
        ensure!(
            self.series.iter().any(|series| !series.points.is_empty()),
            "the plot {file} has no points"
        );
        for (place, value) in self.series.iter().flat_map(|series| &series.points) {
            ensure!(
                value.is_finite() && (!self.log_y || *value > 0.0),
                "the plot {file} has a value of {value}, for which its axis has no place"
            );
            match (self.kind, place) {
                (Kind::Bars, Place::Label(_)) => {}
                (Kind::Lines, Place::Number(at)) => ensure!(
                    at.is_finite() && (!self.log_x || *at > 0.0),
                    "the plot {file} has a point at {at}, for which its axis has no place"
                ),
                (Kind::Bars, Place::Number(_)) | (Kind::Lines, Place::Label(_)) => {
                    anyhow::bail!("the plot {file} has points of the other kind of plot")
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn run(figure: Value, plot: Value) -> Result<Run> {
        let run = json!({ "bench": "speed", "figures": [figure], "plots": [plot] });
        Run::read(&run.to_string())
    }

    fn figure() -> Value {
        json!({ "group": "reads", "name": "CPU", "value": 1.07, "unit": "times", "low": 1.05, "high": 1.1,
            "bar": { "at_most": 1.15 }, "met": true, "note": "eight callers" })
    }

    fn plot() -> Value {
        json!({ "file": "latency", "title": "Latency", "x": "percentile", "y": "ms", "log_x": false, "log_y": true,
            "series": [{ "name": "naked", "points": [[50, 0.4], [99, 1.5]] }] })
    }

    #[test]
    fn what_a_benchmark_prints_is_read() {
        let run = run(figure(), plot()).unwrap();
        assert!(run.is_met());
        let figure = run.figure("reads", "CPU").unwrap();
        assert_eq!(figure.bar, Some(Bar::AtMost(1.15)));
        assert_eq!(run.figure("reads", "memory"), None);
        assert_eq!(run.plots[0].series[0].points[1], (Place::Number(99.0), 1.5));
        let again = Run::read(&serde_json::to_string(&run).unwrap()).unwrap();
        assert_eq!(again, run);
    }

    #[test]
    fn a_figure_that_does_not_agree_with_itself_is_refused() {
        let refused = |key: &str, value: Value| {
            let mut figure = figure();
            figure[key] = value;
            run(figure, plot()).unwrap_err().to_string()
        };
        assert!(refused("value", json!(1.2)).contains("spread"));
        assert!(refused("met", json!(false)).contains("bar"));
        assert!(refused("bar", Value::Null).contains("bar"));
        assert!(refused("low", Value::Null).contains("half a spread"));
        assert!(refused("median", json!(1)).contains("unknown field"));
    }

    #[test]
    fn a_plot_that_cannot_be_drawn_is_refused() {
        let refused = |key: &str, value: Value| {
            let mut plot = plot();
            plot[key] = value;
            run(figure(), plot).unwrap_err().to_string()
        };
        assert!(refused("file", json!("../latency")).contains("no name"));
        assert!(refused("series", json!([])).contains("no points"));
        let zero = json!([{ "name": "a", "points": [[1, 0]] }]);
        assert!(refused("series", zero).contains("no place"));
        assert!(refused("kind", json!("bars")).contains("other kind"));
    }

    #[test]
    fn numbers_keep_six_digits() {
        for (all, kept) in [
            (1.0712345678, 1.07123),
            (9_985.0, 9_985.0),
            (61_629.4, 61_629.4),
            (0.000_123_456_78, 0.000_123_457),
            (-1.0 / 3.0, -0.333_333),
            (0.0, 0.0),
        ] {
            assert_eq!(rounded(all), kept);
        }
    }

    #[test]
    fn a_run_without_figures_is_none() {
        let error = Run::read(r#"{"bench":"speed","figures":[]}"#).unwrap_err();
        assert!(error.to_string().contains("no figure"), "{error}");
    }
}
