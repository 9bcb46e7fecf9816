//! The bars that the design sets, each with the figure that it is about.

use anyhow::{Result, bail};

use super::{
    Bench,
    figures::{Bar, Figure, Run},
};

/// A bar of the design.
#[derive(Clone, Copy)]
pub(super) struct Headline {
    /// What it is about, in the words of the report.
    pub(super) what: &'static str,
    pub(super) bench: Bench,
    /// The table and the row of the figure.
    group: &'static str,
    name: &'static str,
    pub(super) bar: Bar,
    pub(super) unit: &'static str,
}

const fn row(
    what: &'static str,
    bench: Bench,
    [group, name]: [&'static str; 2],
    at_most: f64,
    unit: &'static str,
) -> Headline {
    Headline {
        what,
        bench,
        group,
        name,
        bar: Bar::AtMost(at_most),
        unit,
    }
}

impl Headline {
    /// In the order of the design.
    pub(super) const ALL: [Self; 6] = [
        row(
            "sandbox: CPU of a get at a million customers, over that at a thousand",
            Bench::Sandbox,
            ["one request at 1,000,000 customers, over 1,000", "get, CPU"],
            1.3,
            "times",
        ),
        row(
            "the same, wait",
            Bench::Sandbox,
            [
                "one request at 1,000,000 customers, over 1,000",
                "get, wait",
            ],
            1.3,
            "times",
        ),
        row(
            "sandbox: CPU of a create at a million customers, over that at a thousand",
            Bench::Sandbox,
            [
                "one request at 1,000,000 customers, over 1,000",
                "create, CPU",
            ],
            1.3,
            "times",
        ),
        row(
            "the same, wait",
            Bench::Sandbox,
            [
                "one request at 1,000,000 customers, over 1,000",
                "create, wait",
            ],
            1.3,
            "times",
        ),
        row(
            "the vendor's whole document to formatted client code",
            Bench::Codegen,
            super::codegen::WHOLE,
            5.0,
            "s",
        ),
        row(
            "`codegen --check` of ours",
            Bench::Codegen,
            super::codegen::CHECK,
            1.0,
            "s",
        ),
    ];

    /// The figure of this run.
    ///
    /// # Errors
    /// A run of the benchmark without the figure, or with it in another unit.
    pub(super) fn find<'a>(&self, run: &'a Run) -> Result<&'a Figure> {
        let figure = run.figure(self.group, self.name);
        let Some(figure) = figure.filter(|figure| figure.unit == self.unit) else {
            bail!(
                "the record of {} has no figure `{}` of `{}` in {}, which the table of bars needs: \
                 name the one that it has in build-tools/src/bench/headlines.rs",
                run.bench,
                self.name,
                self.group,
                self.unit
            );
        };
        Ok(figure)
    }
}
