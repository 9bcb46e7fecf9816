//! The settings of `limits.*` that may change while the gateway runs, as meant.

use openfinance::store::Rate;

use super::{
    super::{Bounds, Limits, Problem},
    Reader,
};

impl Reader {
    pub(super) fn limits(&mut self) -> Limits {
        Limits {
            calls: self.rate("limits.calls_per_second", "limits.calls_burst"),
            creates: self.rate("limits.creates_per_second", "limits.creates_burst"),
            bounds: self.bounds(),
        }
    }

    fn bounds(&mut self) -> Bounds {
        let Bounds {
            in_flight,
            waiting,
            reserved_for_writes,
            longest_wait,
        } = Bounds::default();
        let in_flight = self
            .number(
                "limits.in_flight",
                "must be a whole number from 1 to 10000",
                |number: &usize| (1..=10_000).contains(number),
            )
            .unwrap_or(in_flight);
        let waiting = self
            .number(
                "limits.waiting",
                "must be a whole number up to 10000",
                |number: &usize| *number <= 10_000,
            )
            .unwrap_or(waiting);
        let source = self.entries.source("limits.reserved_for_writes");
        let reserved = self.number(
            "limits.reserved_for_writes",
            "must be a whole number",
            |_: &usize| true,
        );
        if reserved.is_some_and(|reserved| reserved >= in_flight)
            && !self.entries.file_is_lost
            && !self.entries.is_wrong("limits.in_flight")
        {
            self.entries.problems.push(Problem {
                key: "limits.reserved_for_writes".to_owned(),
                source,
                message: format!(
                    "must be less than limits.in_flight, {in_flight}: reads need a place too"
                ),
            });
        }
        Bounds {
            in_flight,
            waiting,
            // Our default is an eighth; of fewer places it stays that.
            reserved_for_writes: reserved.unwrap_or(reserved_for_writes.min(in_flight / 8)),
            longest_wait: self.duration("limits.longest_wait").unwrap_or(longest_wait),
        }
    }

    /// A rate, if one was given. The burst is what comes in a second unless it is given too.
    fn rate(&mut self, per_second: &'static str, burst: &'static str) -> Option<Rate> {
        let rate = self.number(
            per_second,
            "must be a number from 0.001 to 100000",
            |number: &f64| (0.001..=100_000.0).contains(number),
        );
        let given = self.entries.source(burst);
        let most = self.number(
            burst,
            "must be a whole number from 1 to 100000",
            |number: &u32| (1..=100_000).contains(number),
        );
        if let Some(source) = given
            && rate.is_none()
            && !self.entries.file_is_lost
            && !self.entries.is_wrong(per_second)
        {
            self.entries.problems.push(Problem {
                key: burst.to_owned(),
                source: Some(source),
                message: format!("limits nothing without {per_second}"),
            });
        }
        let per_second = rate?;
        Some(Rate {
            per_second,
            // No more than 100,000.
            burst: most.unwrap_or(per_second.ceil() as u32),
        })
    }
}
