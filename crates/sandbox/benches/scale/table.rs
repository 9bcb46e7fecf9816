//! What requests cost at two sizes as figures, and as plots.

use crate::{
    cost::{Cost, Operation},
    figures::{Figure, Findings, Kind, Limit, Place, Plot, Series, Spread},
};

/// The tables.
const REQUESTS: &str = "One request at the large size, over one at the small";
pub(crate) const MANY: &str = "With many customers";

/// A request at the large size may cost so many times what it costs at the small one.
const LARGEST_RATIO: f64 = 1.3;

/// One side of what a request costs.
struct Side {
    name: &'static str,
    of: fn(&Cost) -> &[f64],
    file: &'static str,
    title: &'static str,
}

const SIDES: [Side; 2] = [
    Side {
        name: "CPU",
        of: |cost| &cost.processor,
        file: "cpu-of-a-request",
        title: "CPU of one request, by the number of customers",
    },
    Side {
        name: "wait",
        of: |cost| &cost.wait,
        file: "wait-for-a-request",
        title: "Wait for one request, by the number of customers",
    },
];

/// Tells what each operation costs at both sizes.
pub(crate) fn compare(findings: &mut Findings, sizes: [u64; 2], costs: &[(Operation, Cost, Cost)]) {
    let [few, many] = sizes;
    for (operation, small, large) in costs {
        for side in &SIDES {
            let (small, large) = ((side.of)(small), (side.of)(large));
            // There is none of what the system does not tell.
            if small.is_empty() || large.is_empty() {
                continue;
            }
            let name = format!("{}, {}", operation.name(), side.name);
            let ratio = Spread::of_ratios(large, small);
            let figure = Figure::of(REQUESTS, name, ratio, "times");
            findings.add(figure.bar(Limit::AtMost(LARGEST_RATIO)).note(format!(
                "{:.1} µs at {many}, {:.1} µs at {few}",
                median(large),
                median(small)
            )));
        }
    }
    for side in &SIDES {
        let at = |size: u64, cost: fn(&(Operation, Cost, Cost)) -> &Cost| Series {
            name: format!("{size} customers"),
            points: costs
                .iter()
                .map(|costs| (costs.0.name(), (side.of)(cost(costs))))
                .filter(|(_, values)| !values.is_empty())
                .map(|(name, values)| (Place::Name(name.to_owned()), median(values)))
                .collect(),
        };
        let series = vec![at(few, |costs| &costs.1), at(many, |costs| &costs.2)];
        if series.iter().any(|series| series.points.is_empty()) {
            continue;
        }
        findings.draw(Plot {
            file: side.file,
            title: side.title,
            kind: Kind::Bars,
            x: "request",
            y: "µs",
            series,
            ..Plot::default()
        });
    }
}

fn median(values: &[f64]) -> f64 {
    Spread::of(values.iter().copied()).median
}
