//! Plots of bars: a group for each label, in it a bar for each series, all from left to right so that labels can be long.

use anyhow::{Result, bail};

use super::{
    EDGE, LETTER, Picture, WIDTH,
    axis::{Axis, From, label},
    colour, length, rule, values,
};
use crate::bench::{
    figures::{Place, Plot},
    words,
};

/// The height of a bar, and what lies between groups of them.
const BAR: f64 = 18.0;
const GAP: f64 = 14.0;
/// Labels take no more than this.
const LABELS: f64 = 330.0;
/// What is left for the numbers behind the longest bars.
const NUMBERS: f64 = 84.0;

pub(super) fn draw(plot: &Plot) -> Result<String> {
    let mut labels: Vec<&str> = Vec::new();
    for (place, _) in plot.series.iter().flat_map(|series| &series.points) {
        match place {
            Place::Label(label) if labels.contains(&label.as_str()) => {}
            Place::Label(label) => labels.push(label),
            Place::Number(at) => bail!("bars have no place for the number {at}"),
        }
    }
    let axis = match plot.log_y {
        true => Axis::logarithmic(values(&plot.series)),
        false => Axis::even(values(&plot.series), From::Zero),
    };

    let mut picture = Picture::new();
    let top = picture.head(plot) + 14.0;
    let group = BAR * plot.series.len() as f64 + GAP;
    let bottom = top + group * labels.len() as f64;
    let widest = labels.iter().map(|label| label.chars().count()).max();
    let left = EDGE + 12.0 + (LETTER * widest.unwrap_or_default() as f64).min(LABELS);
    let right = WIDTH - EDGE - NUMBERS;
    let x = |number: f64| left + axis.at(number) * (right - left);

    for tick in &axis.ticks {
        rule(&mut picture, "grid", (x(*tick), top), (x(*tick), bottom));
        let attributes = " class=\"soft\" text-anchor=\"middle\"";
        picture.text(x(*tick), bottom + 20.0, attributes, &label(*tick));
    }
    for (row, label) in labels.iter().enumerate() {
        let above = top + group * row as f64 + GAP / 2.0;
        let middle = above + (group - GAP) / 2.0 + 4.5;
        picture.text(left - 10.0, middle, " text-anchor=\"end\"", label);
        for (place, series) in plot.series.iter().enumerate() {
            let mut points = series.points.iter();
            let is_it = |at: &Place| matches!(at, Place::Label(of) if of == label);
            let Some((_, value)) = points.find(|(at, _)| is_it(at)) else {
                continue;
            };
            let y = above + BAR * place as f64;
            // Bars begin at zero; where there is none, at the axis.
            let start = if plot.log_y { left } else { x(0.0) };
            let (from, to) = (start.min(x(*value)), start.max(x(*value)));
            let (at, width) = (length(from), length(to - from));
            let (colour, y_text, height) = (colour(place), length(y), length(BAR - 3.0));
            picture.add(&format!(
                "<rect class=\"mark {colour}\" x=\"{at}\" y=\"{y_text}\" width=\"{width}\" height=\"{height}\" rx=\"2\"/>"
            ));
            picture.text(
                to + 6.0,
                y + 12.0,
                " class=\"soft\"",
                &words::number(*value),
            );
        }
    }
    rule(&mut picture, "axis", (left, top), (left, bottom));
    let middle = (left + right) / 2.0;
    picture.text(middle, bottom + 44.0, " text-anchor=\"middle\"", &plot.y);
    Ok(picture.finish(plot, bottom + 62.0))
}
