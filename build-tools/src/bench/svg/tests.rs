//! Plots against the files that they must be to the byte. `OPENFINANCE_WRITE=1` writes those anew: look at them then.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::*;

/// Holds a plot against its file.
fn is(name: &str, plot: Value) {
    let plot: Plot = serde_json::from_value(plot).unwrap();
    let drawn = draw(&plot).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/bench/testdata")
        .join(name);
    if std::env::var_os("OPENFINANCE_WRITE").is_some() {
        fs::write(&path, &drawn).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert!(
        drawn == expected,
        "{name} is drawn otherwise: run `OPENFINANCE_WRITE=1 cargo test --package build-tools svg`, and look at it"
    );
}

#[test]
fn lines_on_even_axes_are_drawn_with_legend_and_units() {
    is(
        "lines.svg",
        json!({
            "file": "lines", "title": "Wait at half load", "x": "offered, calls a second", "y": "milliseconds",
            "series": [
                { "name": "naked gateway", "points": [[1000, 0.4], [5000, 0.45], [10000, 0.7], [20000, 2.6]] },
                { "name": "gateway, as shipped", "points": [[1000, 0.42], [5000, 0.5], [10000, 0.9], [20000, 3.4]] },
            ],
        }),
    );
}

#[test]
fn lines_on_logarithmic_axes_are_drawn_with_a_tick_for_each_power_of_ten() {
    let line = |times: f64| -> Vec<(f64, f64)> {
        let place = |number: u32| f64::from(number) / 10.0;
        (0..=50)
            .map(|number| {
                (
                    10_f64.powf(place(number)),
                    times * 10_f64.powf(place(number) / 2.0),
                )
            })
            .collect()
    };
    let series: Vec<Value> = (1..=10)
        .map(|number| json!({ "name": format!("series {number} of many"), "points": line(f64::from(number)) }))
        .collect();
    is(
        "logarithmic.svg",
        json!({
            "file": "logarithmic", "title": "Two & more <axes>", "x": "customers", "y": "µs of CPU",
            "log_x": true, "log_y": true, "series": series,
        }),
    );
}

#[test]
fn bars_are_drawn_with_their_labels_and_numbers() {
    is(
        "bars.svg",
        json!({
            "file": "bars", "title": "CPU of one request", "kind": "bars", "y": "µs of CPU",
            "series": [
                { "name": "1,000 customers", "points": [["get", 9.8], ["create", 15.5], ["first page (25)", 19.9]] },
                { "name": "1,000,000 customers", "points": [["get", 11.0], ["create", 16.4], ["last page (25)", 20.7]] },
            ],
        }),
    );
}

#[test]
fn points_of_the_other_kind_are_refused() {
    let plot = |kind: &str, point: Value| -> Plot {
        let series = json!([{ "name": "a", "points": [point] }]);
        let plot = json!({ "file": "a", "title": "A", "kind": kind, "y": "ms", "series": series });
        serde_json::from_value(plot).unwrap()
    };
    assert!(draw(&plot("bars", json!([1, 1]))).is_err());
    assert!(draw(&plot("lines", json!(["get", 1]))).is_err());
}
