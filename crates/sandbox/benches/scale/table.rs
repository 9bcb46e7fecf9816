//! The figures as Markdown tables, and whether they are good enough.

use std::fmt;

use crate::{
    bar::{Bar, grouped},
    cost::{Cost, Operation},
};

/// A request at the large size may cost so many times what it costs at the small one.
const LARGEST_RATIO: f64 = 1.3;

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
        of_comparisons.chain(of_figures).all(Bar::is_met)
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
