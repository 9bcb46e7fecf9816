//! Plots of lines.

use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::{
    EDGE, LETTER, Picture, WIDTH,
    axis::{Axis, From, label},
    colour, dash, length, rule, values,
};
use crate::bench::figures::{Place, Plot, Series};

/// The height of the field.
const FIELD: f64 = 340.0;
/// A line with more points shows them by its bends alone.
const MARKED: usize = 40;

pub(super) fn draw(plot: &Plot) -> Result<String> {
    let mut series = Vec::new();
    for one in &plot.series {
        series.push(points(one)?);
    }
    let places = || series.iter().flatten().map(|(x, _)| *x);
    let along = match plot.log_x {
        true => Axis::logarithmic(places()),
        false => Axis::even(places(), From::Least),
    };
    let up = match plot.log_y {
        true => Axis::logarithmic(values(&plot.series)),
        false => Axis::even(values(&plot.series), From::Zero),
    };

    let mut picture = Picture::new();
    let top = picture.head(plot) + 14.0;
    let bottom = top + FIELD;
    let widest = up.ticks.iter().map(|tick| label(*tick).chars().count());
    let left = EDGE + 30.0 + LETTER * widest.max().unwrap_or_default() as f64;
    let right = WIDTH - EDGE - 10.0;
    let x = |number: f64| left + along.at(number) * (right - left);
    let y = |number: f64| bottom - up.at(number) * (bottom - top);

    for tick in &up.ticks {
        rule(&mut picture, "grid", (left, y(*tick)), (right, y(*tick)));
        let attributes = " class=\"soft\" text-anchor=\"end\"";
        picture.text(left - 8.0, y(*tick) + 4.5, attributes, &label(*tick));
    }
    for tick in &along.ticks {
        rule(&mut picture, "grid", (x(*tick), top), (x(*tick), bottom));
        let attributes = " class=\"soft\" text-anchor=\"middle\"";
        picture.text(x(*tick), bottom + 20.0, attributes, &label(*tick));
    }
    rule(&mut picture, "axis", (left, top), (left, bottom));
    rule(&mut picture, "axis", (left, bottom), (right, bottom));
    let middle = (left + right) / 2.0;
    picture.text(middle, bottom + 44.0, " text-anchor=\"middle\"", &plot.x);
    let (side, middle) = (length(EDGE + 2.0), length((top + bottom) / 2.0));
    let turned = format!(" text-anchor=\"middle\" transform=\"rotate(-90 {side} {middle})\"");
    picture.text(EDGE + 2.0, (top + bottom) / 2.0, &turned, &plot.y);

    for (place, points) in series.iter().enumerate() {
        let colour = colour(place);
        let mut path = String::new();
        for (number, (along, up)) in points.iter().enumerate() {
            let step = if number == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{step}{} {}", length(x(*along)), length(y(*up)));
        }
        let dash = dash(place);
        picture.add(&format!(
            "<path class=\"line {colour}\"{dash} d=\"{path}\"/>"
        ));
        let marked = if points.len() <= MARKED {
            points.as_slice()
        } else {
            &[]
        };
        for (along, up) in marked {
            let (x, y) = (length(x(*along)), length(y(*up)));
            picture.add(&format!(
                "<circle class=\"mark {colour}\" cx=\"{x}\" cy=\"{y}\" r=\"3.2\"/>"
            ));
        }
    }
    Ok(picture.finish(plot, bottom + 62.0))
}

fn points(series: &Series) -> Result<Vec<(f64, f64)>> {
    let mut points = Vec::new();
    for (place, value) in &series.points {
        match place {
            Place::Number(at) => points.push((*at, *value)),
            Place::Label(label) => bail!("a line has no place for `{label}`"),
        }
    }
    Ok(points)
}
