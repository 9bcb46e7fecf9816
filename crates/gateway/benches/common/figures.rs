//! Figures as JSON: what was measured, how far its repeats lie apart, and whether it is good enough.
#![allow(
    dead_code,
    unused_imports,
    reason = "the benchmarks that include this file need different parts of it, and run none of its tests"
)]

use serde::Serialize;

/// Repeats of one measurement, in short.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// Of at least one value, none of which is a NaN.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        assert!(!values.is_empty(), "nothing was measured");
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Self {
            median,
            low: values[0],
            high: values[values.len() - 1],
        }
    }

    /// Of what each repeat of one measurement comes to over that of another in the same turn.
    pub(crate) fn of_ratios(values: &[f64], over: &[f64]) -> Self {
        let pairs = values.iter().zip(over);
        Self::of(pairs.map(|(value, over)| value / over))
    }

    /// Of how much more each repeat of one measurement comes to than that of another in the same turn.
    pub(crate) fn of_differences(values: &[f64], less: &[f64]) -> Self {
        let pairs = values.iter().zip(less);
        Self::of(pairs.map(|(value, less)| value - less))
    }
}

/// What a figure must be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Limit {
    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

/// One number, its name, and what is to be known of it.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    group: &'static str,
    name: String,
    value: f64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    low: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bar: Option<Limit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Figure {
    /// A line of the table `group`, measured once.
    pub(crate) fn once(
        group: &'static str,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) -> Self {
        Self {
            group,
            name: name.into(),
            value: rounded(value),
            unit,
            low: None,
            high: None,
            bar: None,
            met: None,
            note: None,
        }
    }

    /// A line of the table `group`, measured several times.
    pub(crate) fn of(
        group: &'static str,
        name: impl Into<String>,
        spread: Spread,
        unit: &'static str,
    ) -> Self {
        let mut figure = Self::once(group, name, spread.median, unit);
        figure.low = Some(rounded(spread.low));
        figure.high = Some(rounded(spread.high));
        figure
    }

    /// Which is good enough if it keeps to this.
    pub(crate) fn bar(mut self, bar: Limit) -> Self {
        self.met = Some(bar.is_met_by(self.value));
        self.bar = Some(bar);
        self
    }

    /// What exactly was measured.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// Four digits: more would only look exact.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powi(3 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

/// How a plot looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Points by two numbers.
    #[default]
    Lines,
    /// A bar for each name.
    Bars,
}

/// A picture of several series.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Plot {
    /// The name of its file, without an ending.
    pub(crate) file: &'static str,
    pub(crate) title: &'static str,
    pub(crate) kind: Kind,
    pub(crate) x: &'static str,
    pub(crate) y: &'static str,
    pub(crate) log_x: bool,
    pub(crate) log_y: bool,
    pub(crate) series: Vec<Series>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(Place, f64)>,
}

/// Where a point is.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Place {
    Number(f64),
    Name(String),
}

/// All that one run has found.
#[derive(Debug, Serialize)]
pub(crate) struct Findings {
    bench: &'static str,
    figures: Vec<Figure>,
    plots: Vec<Plot>,
}

impl Findings {
    /// Of the benchmark with this name, without anything yet.
    pub(crate) fn of(bench: &'static str) -> Self {
        Self {
            bench,
            figures: Vec::new(),
            plots: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    pub(crate) fn draw(&mut self, plot: Plot) {
        self.plots.push(plot);
    }

    pub(crate) fn is_met(&self) -> bool {
        self.figures.iter().all(|figure| figure.met != Some(false))
    }

    /// One JSON document, on one line.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts are JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_of_the_repeats_or_between_the_two_there() {
        let odd = Spread::of([9.0, 1.0, 2.0]);
        assert_eq!((odd.low, odd.median, odd.high), (1.0, 2.0, 9.0));
        assert_eq!(Spread::of([4.0, 1.0]).median, 2.5);
    }

    #[test]
    fn repeats_are_held_against_those_of_the_same_turn() {
        // The machine was half as fast in the second turn, for both.
        let (values, over) = ([11.0, 22.0], [10.0, 20.0]);
        let ratios = Spread::of_ratios(&values, &over);
        assert_eq!((ratios.low, ratios.high), (1.1, 1.1));
        assert_eq!(Spread::of_differences(&values, &over).median, 1.5);
    }

    #[test]
    fn a_figure_says_whether_it_is_good_enough_and_so_does_the_run() {
        let mut findings = Findings::of("speed");
        findings.add(Figure::once("a", "b", 1.15, "times").bar(Limit::AtMost(1.15)));
        findings.add(Figure::once("a", "told only", 9.0, "times"));
        assert!(findings.is_met());
        findings.add(Figure::once("a", "c", 0.9, "times").bar(Limit::AtLeast(1.0)));
        assert!(!findings.is_met());
    }

    #[test]
    fn findings_are_one_json_document_that_leaves_out_what_there_is_none_of() {
        let mut findings = Findings::of("speed");
        let spread = Spread::of([1.0, 12_345.6, 0.000_123_449]);
        findings.add(Figure::of("reads", "gateway", spread, "µs").note("of CPU"));
        findings.add(Figure::once("reads", "ratio", 1.2, "times").bar(Limit::AtMost(1.5)));
        findings.draw(Plot {
            file: "cost",
            kind: Kind::Bars,
            series: vec![Series {
                name: "µs".to_owned(),
                points: vec![(Place::Name("TLS".to_owned()), 2.0)],
            }],
            ..Plot::default()
        });
        let expected = concat!(
            r#"{"bench":"speed","figures":["#,
            r#"{"group":"reads","name":"gateway","value":1.0,"unit":"µs","low":0.0001234,"high":12350.0,"note":"of CPU"},"#,
            r#"{"group":"reads","name":"ratio","value":1.2,"unit":"times","bar":{"at_most":1.5},"met":true}],"#,
            r#""plots":[{"file":"cost","title":"","kind":"bars","x":"","y":"","log_x":false,"log_y":false,"#,
            r#""series":[{"name":"µs","points":[["TLS",2.0]]}]}]}"#,
        );
        assert_eq!(findings.json(), expected);
    }
}
