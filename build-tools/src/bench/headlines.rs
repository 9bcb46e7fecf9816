//! The bars that the design sets, each with the figure that it is about.

use anyhow::{Result, bail};

use super::{
    Bench,
    figures::{Bar, Figure, Run},
};

/// Tables of the benchmark of speed.
const LATENCY: &str = "Latency at half load";
const MEMORY: &str = "Memory";
/// A table of the benchmark of the sandbox.
const REQUESTS: &str = "One request at the large size, over one at the small";

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
    /// Whether the README tells it too, which has room for a few.
    pub(super) in_readme: bool,
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
        in_readme: false,
    }
}

const fn in_readme(headline: Headline) -> Headline {
    Headline {
        in_readme: true,
        ..headline
    }
}

impl Headline {
    /// In the order of the design.
    pub(super) const ALL: [Self; 14] = [
        in_readme(row(
            "CPU of the gateway for a unary read as it ships, over the naked gateway's",
            Bench::Speed,
            ["Unary read", "gateway over naked gateway"],
            1.15,
            "times",
        )),
        row(
            "the same with certificates of callers, policy, audit and traces",
            Bench::Speed,
            ["Unary read", "gateway with everything over naked gateway"],
            1.5,
            "times",
        ),
        in_readme(row(
            "median of a read at half load, over the naked gateway's",
            Bench::Speed,
            [LATENCY, "gateway over naked gateway: median"],
            1.2,
            "times",
        )),
        row(
            "99th percentile of a read at half load, over the naked gateway's",
            Bench::Speed,
            [LATENCY, "gateway over naked gateway: 99th percentile"],
            1.5,
            "times",
        ),
        in_readme(row(
            "memory of a gateway at rest",
            Bench::Speed,
            [MEMORY, "gateway, at rest"],
            20.0,
            "MiB",
        )),
        row(
            "memory with 256 calls stalled at the vendor and 10,000 offered",
            Bench::Speed,
            [MEMORY, "while the vendor stalls, at most"],
            64.0,
            "MiB",
        ),
        row(
            "growth of memory while a million customers are streamed",
            Bench::Speed,
            [MEMORY, "growth while a million customers are streamed"],
            1.0,
            "MiB",
        ),
        in_readme(row(
            "start to serving, embedded sandbox included",
            Bench::Speed,
            ["Start", "until it serves"],
            100.0,
            "ms",
        )),
        row(
            "sandbox: CPU of a get at a million customers, over that at a thousand",
            Bench::Sandbox,
            [REQUESTS, "get, CPU"],
            1.3,
            "times",
        ),
        row(
            "the same, wait",
            Bench::Sandbox,
            [REQUESTS, "get, wait"],
            1.3,
            "times",
        ),
        row(
            "sandbox: CPU of a create at a million customers, over that at a thousand",
            Bench::Sandbox,
            [REQUESTS, "create, CPU"],
            1.3,
            "times",
        ),
        row(
            "the same, wait",
            Bench::Sandbox,
            [REQUESTS, "create, wait"],
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::output;

    #[test]
    fn every_table_that_the_bars_are_about_is_one_of_its_benchmark() {
        for headline in &Headline::ALL {
            let folder = match headline.bench {
                Bench::Speed => "crates/gateway/benches/speed",
                Bench::Sandbox => "crates/sandbox/benches/scale",
                Bench::Drift => "crates/rest/benches",
                Bench::Load => "crates/gateway/benches/load",
                Bench::Instructions => "crates/gateway/benches/instructions",
                Bench::Build | Bench::Codegen => "build-tools/src/bench",
            };
            let title = format!("\"{}\"", headline.group);
            let sources = output::walk(&crate::root().join(folder)).unwrap();
            let mut sources = sources
                .iter()
                .filter(|path| !path.ends_with("headlines.rs"));
            assert!(
                sources
                    .any(|path| fs::read_to_string(path).is_ok_and(|text| text.contains(&title))),
                "no table of {folder} is called {title}: correct its name in headlines.rs"
            );
        }
    }
}
