//! Plots as SVG, in the style of `docs/diagrams`: text stays text, and colours follow the reader's light or dark theme.
//!
//! Libraries of plots write colours into each element, where no style sheet of the reader's theme can change them, and
//! bring several times the code that is here. The same figures make the same bytes.

mod axis;
mod bars;
mod lines;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use anyhow::Result;

use super::figures::{Kind, Plot, Series};

/// Of the whole picture.
const WIDTH: f64 = 900.0;
/// Between the edge and what is written beside it.
const EDGE: f64 = 24.0;
/// The height of a row of the legend.
const ROW: f64 = 22.0;
/// About the width of a letter at the size of the legend and of the axes.
const LETTER: f64 = 7.2;
/// The colours of series on white paper, and on dark paper. What comes after has the same ones again, and another dash.
const LIGHT: [&str; 8] = [
    "#1f6fb2", "#b85c00", "#2d7d4f", "#8a4bb0", "#c23b3b", "#0f7f86", "#7a5a2e", "#55636f",
];
const DARK: [&str; 8] = [
    "#6cb2eb", "#f0a35e", "#6fcf97", "#c79be6", "#f08a8a", "#5fd0d6", "#d0ab78", "#a3b1bd",
];
/// Dashes of lines, so that colours are not all that tells them apart.
const DASHES: [&str; 4] = ["", "8 4", "2 4", "10 4 2 4"];

/// All but the colours of series.
const STYLE: &str = "\
.paper { fill: #ffffff; }
text { fill: #1f2933; }
.soft { fill: #55636f; }
.grid { stroke: #dde3e8; stroke-width: 1; }
.axis { stroke: #55636f; stroke-width: 1.4; }
.line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
";
const DARK_STYLE: &str = "\
.paper { fill: #161b22; }
text { fill: #e6edf3; }
.soft { fill: #a3b1bd; }
.grid { stroke: #2d3640; }
.axis { stroke: #a3b1bd; }
";

/// The style sheet, which follows the reader's theme.
fn style() -> String {
    let series = |colours: [&str; 8]| -> String {
        let colours = colours.iter().enumerate();
        colours
            .map(|(place, colour)| {
                format!(
                    ".line.c{place} {{ stroke: {colour}; }} .mark.c{place} {{ fill: {colour}; }}\n"
                )
            })
            .collect()
    };
    format!(
        "{STYLE}{}@media (prefers-color-scheme: dark) {{\n{DARK_STYLE}{}}}\n",
        series(LIGHT),
        series(DARK)
    )
}

/// Draws a plot.
///
/// # Errors
/// Points of the other kind of plot.
pub(super) fn draw(plot: &Plot) -> Result<String> {
    match plot.kind {
        Kind::Lines => lines::draw(plot),
        Kind::Bars => bars::draw(plot),
    }
}

/// A picture that is being drawn.
struct Picture {
    body: String,
}

impl Picture {
    fn new() -> Self {
        Self {
            body: String::new(),
        }
    }

    /// Adds a line of SVG.
    fn add(&mut self, line: &str) {
        self.body.push_str(line);
        self.body.push('\n');
    }

    /// Adds text of the usual size, which has these attributes too.
    fn text(&mut self, x: f64, y: f64, attributes: &str, text: &str) {
        let (x, y, text) = (length(x), length(y), escaped(text));
        self.add(&format!(
            "<text x=\"{x}\" y=\"{y}\"{attributes}>{text}</text>"
        ));
    }

    /// Adds the title and the legend, and answers where there is room below them.
    fn head(&mut self, plot: &Plot) -> f64 {
        self.text(
            EDGE,
            36.0,
            " font-size=\"17\" font-weight=\"600\"",
            &plot.title,
        );
        let mut y = 50.0;
        if plot.series.len() < 2 {
            return y;
        }
        let mut x = EDGE;
        y += ROW / 2.0 + 6.0;
        for (place, series) in plot.series.iter().enumerate() {
            let width = 34.0 + LETTER * series.name.chars().count() as f64 + 22.0;
            if x > EDGE && x + width > WIDTH {
                (x, y) = (EDGE, y + ROW);
            }
            self.sample(plot.kind, place, x, y);
            self.text(x + 34.0, y + 4.5, "", &series.name);
            x += width;
        }
        y + ROW / 2.0 + 2.0
    }

    /// Adds a piece of what a series looks like.
    fn sample(&mut self, kind: Kind, place: usize, x: f64, y: f64) {
        let colour = colour(place);
        let (left, right) = (length(x), length(x + 26.0));
        match kind {
            Kind::Lines => {
                let dash = dash(place);
                let y = length(y);
                self.add(&format!(
                    "<path class=\"line {colour}\"{dash} d=\"M{left} {y}H{right}\"/>"
                ));
            }
            Kind::Bars => {
                let y = length(y - 6.0);
                self.add(&format!(
                    "<rect class=\"mark {colour}\" x=\"{left}\" y=\"{y}\" width=\"26\" height=\"12\" rx=\"2\"/>"
                ));
            }
        }
    }

    /// The whole file.
    fn finish(self, plot: &Plot, height: f64) -> String {
        let title = escaped(&plot.title);
        let about = escaped(&about(plot));
        let (width, height) = (length(WIDTH), length(height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\" aria-labelledby=\"title desc\"\n  \
             font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif\" font-size=\"13\">\n\
             <title id=\"title\">{title}</title>\n<desc id=\"desc\">{about}</desc>\n<style>\n{}</style>\n\
             <rect class=\"paper\" width=\"{width}\" height=\"{height}\" rx=\"12\"/>\n{}</svg>\n",
            style(),
            self.body
        )
    }
}

/// What somebody is told who does not see the plot.
fn about(plot: &Plot) -> String {
    let names: Vec<&str> = plot.series.iter().map(|series| &*series.name).collect();
    let by = match plot.x.as_str() {
        "" => String::new(),
        x => format!(" by {x}"),
    };
    format!("{}{by}, of {}.", plot.y, names.join(", "))
}

fn colour(place: usize) -> String {
    format!("c{}", place % LIGHT.len())
}

/// The attribute of a line's dash, after the blank before it.
fn dash(place: usize) -> String {
    let turn = place + place / LIGHT.len();
    match DASHES.get(turn % DASHES.len()) {
        Some(&dash) if !dash.is_empty() => format!(" stroke-dasharray=\"{dash}\""),
        Some(_) | None => String::new(),
    }
}

/// A length to a tenth of a pixel.
fn length(length: f64) -> String {
    let text = format!("{length:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // No other control character may stand in XML.
            _ if letter.is_control() => safe.push(' '),
            _ => safe.push(letter),
        }
    }
    safe
}

/// The values of all series.
fn values(series: &[Series]) -> impl Iterator<Item = f64> {
    let points = series.iter().flat_map(|series| &series.points);
    points.map(|(_, value)| *value)
}

/// Adds a horizontal or vertical line.
fn rule(picture: &mut Picture, class: &str, from: (f64, f64), to: (f64, f64)) {
    let mut line = format!(
        "<path class=\"{class}\" d=\"M{} {}",
        length(from.0),
        length(from.1)
    );
    let _ = match from.0 == to.0 {
        true => write!(line, "V{}\"/>", length(to.1)),
        false => write!(line, "H{}\"/>", length(to.0)),
    };
    picture.add(&line);
}
