//! The figures as Markdown tables, and whether they are good enough.

use std::fmt;

use crate::cost::{Cost, Operation};

/// A request at the large size may cost so many times what it costs at the small one.
const LARGEST_RATIO: f64 = 1.3;

/// What a figure must be.
pub(crate) struct Bar {
    text: &'static str,
    met: bool,
}

impl Bar {
    /// For figures that are told only.
    pub(crate) const NONE: Self = Self {
        text: "",
        met: true,
    };

    pub(crate) fn at_most(figure: f64, most: f64, text: &'static str) -> Self {
        let met = figure <= most;
        Self { text, met }
    }

    pub(crate) fn below(figure: f64, limit: f64, text: &'static str) -> Self {
        let met = figure < limit;
        Self { text, met }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missed = if self.met { "" } else { ", **missed**" };
        write!(f, "{}{missed}", self.text)
    }
}

/// All figures of one run.
#[derive(Default)]
pub(crate) struct Report {
    sizes: [u64; 2],
    comparisons: Vec<(Operation, Cost, Cost, Bar)>,
    figures: Vec<(String, String, Bar)>,
}

impl Report {
    pub(crate) fn compare(&mut self, sizes: [u64; 2], costs: &[(Operation, Cost, Cost)]) {
        self.sizes = sizes;
        self.comparisons = costs
            .iter()
            .map(|&(operation, small, large)| {
                let worst = ratios(small, large).into_iter().flatten();
                let worst = worst.fold(0.0, f64::max);
                let bar = Bar::at_most(worst, LARGEST_RATIO, "≤ 1.3");
                (operation, small, large, bar)
            })
            .collect();
    }

    /// A line of its own: what it is, its value and its bar.
    pub(crate) fn figure(&mut self, name: &str, value: String, bar: Bar) {
        self.figures.push((name.to_owned(), value, bar));
    }

    pub(crate) fn is_met(&self) -> bool {
        let of_comparisons = self.comparisons.iter().map(|(.., bar)| bar);
        let of_figures = self.figures.iter().map(|(.., bar)| bar);
        of_comparisons.chain(of_figures).all(|bar| bar.met)
    }
}

/// Large over small, on the processor and until the answer is there.
fn ratios(small: Cost, large: Cost) -> [Option<f64>; 2] {
    let processor = small.processor.zip(large.processor);
    [
        processor.map(|(small, large)| large / small),
        Some(large.wait / small.wait),
    ]
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [small, large] = self.sizes.map(grouped);
        let text = |figure: Option<f64>, digits: usize| {
            figure.map_or("-".to_owned(), |figure| format!("{figure:.digits$}"))
        };
        writeln!(
            f,
            "| one request | CPU µs at {small} | at {large} | ratio | wait µs at {small} | at {large} | ratio | bar |"
        )?;
        writeln!(f, "|---|--:|--:|--:|--:|--:|--:|---|")?;
        for (operation, small, large, bar) in &self.comparisons {
            let [processor, wait] = ratios(*small, *large);
            writeln!(
                f,
                "| {} | {} | {} | {} | {:.1} | {:.1} | {} | {bar} |",
                operation.name(),
                text(small.processor, 1),
                text(large.processor, 1),
                text(processor, 2),
                small.wait,
                large.wait,
                text(wait, 2),
            )?;
        }
        writeln!(f, "\n| with {large} customers | | bar |\n|---|--:|---|")?;
        for (name, value, bar) in &self.figures {
            writeln!(f, "| {name} | {value} | {bar} |")?;
        }
        Ok(())
    }
}

/// A number with a comma at each thousand.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
