//! A run as Markdown: a table for each group of figures, the plots below them.

use std::fmt::Write as _;

use super::{
    figures::{Circumstances, Figure, Run},
    headlines::Headline,
    words,
};

/// What stands between the markers of one benchmark.
pub(super) fn section(run: &Run) -> String {
    let mut text = String::new();
    if let Some(circumstances) = &run.circumstances {
        let Circumstances {
            date,
            cores,
            processor,
            rustc,
            commit,
        } = circumstances;
        let _ = writeln!(
            text,
            "{date}, {cores} cores, {processor}, {rustc}, commit {commit}:\n"
        );
    }
    text.push_str(&tables(run));
    for plot in &run.plots {
        let file = file(run, &plot.file);
        let _ = writeln!(text, "\n![{}]({file})", cell(&plot.title));
    }
    text
}

/// Where a plot of a run is written, beside the report.
pub(super) fn file(run: &Run, plot: &str) -> String {
    format!("{}-{plot}.svg", run.bench)
}

/// A table for each group, in the order in which they come first.
pub(super) fn tables(run: &Run) -> String {
    let mut groups: Vec<(&str, Vec<&Figure>)> = Vec::new();
    for figure in &run.figures {
        match groups.iter_mut().find(|(group, _)| *group == figure.group) {
            Some((_, figures)) => figures.push(figure),
            None => groups.push((&figure.group, vec![figure])),
        }
    }
    let tables = groups
        .iter()
        .map(|(group, figures)| table(group, figures))
        .collect::<Vec<_>>();
    tables.join("\n")
}

/// A column beside the figure itself.
#[derive(Clone, Copy)]
struct Column {
    head: &'static str,
    rule: &'static str,
    text: fn(&Figure) -> Option<String>,
}

const COLUMNS: [Column; 3] = [
    Column {
        head: "spread",
        rule: "---",
        text: spread,
    },
    Column {
        head: "bar",
        rule: "---",
        text: bar,
    },
    Column {
        head: "what was measured",
        rule: "---",
        text: |figure| figure.note.as_deref().map(cell),
    },
];

/// One table, without the columns that would be empty.
fn table(group: &str, figures: &[&Figure]) -> String {
    let columns: Vec<Column> = COLUMNS
        .into_iter()
        .filter(|column| figures.iter().any(|figure| (column.text)(figure).is_some()))
        .collect();
    let mut text = format!("| {} | |", cell(group));
    for column in &columns {
        let _ = write!(text, " {} |", column.head);
    }
    text.push_str("\n|---|--:|");
    for column in &columns {
        let _ = write!(text, "{}|", column.rule);
    }
    text.push('\n');
    for figure in figures {
        let value = cell(&words::amount(figure.value, &figure.unit));
        let _ = write!(text, "| {} | {value} |", cell(&figure.name));
        for column in &columns {
            let _ = write!(text, " {} |", (column.text)(figure).unwrap_or_default());
        }
        text.push('\n');
    }
    text
}

fn spread(figure: &Figure) -> Option<String> {
    let (low, high) = (words::number(figure.low?), words::number(figure.high?));
    Some(match low == high {
        true => "none".to_owned(),
        false => format!("{low} to {high}"),
    })
}

fn bar(figure: &Figure) -> Option<String> {
    let verdict = words::verdict(figure)?;
    let bar = cell(&words::bar(figure.bar?, &figure.unit));
    Some(match verdict.as_str() {
        "met" => bar,
        missed => format!("{bar}, {missed}"),
    })
}

/// The table of the bars that the design sets.
pub(super) fn headlines(rows: &[(&Headline, Option<&Figure>)]) -> String {
    let mut text = String::from("| figure | bar | measured | |\n|---|---|--:|---|\n");
    for (headline, figure) in rows {
        let bar = words::bar(headline.bar, headline.unit);
        let (value, verdict) = match figure {
            None => (String::new(), "not recorded yet".to_owned()),
            Some(figure) => {
                let figure = Figure {
                    bar: Some(headline.bar),
                    ..(*figure).clone()
                };
                let value = words::amount(figure.value, &figure.unit);
                (value, words::verdict(&figure).unwrap_or_default())
            }
        };
        let what = cell(headline.what);
        let _ = writeln!(
            text,
            "| {what} | {} | {} | {verdict} |",
            cell(&bar),
            cell(&value)
        );
    }
    text
}

/// Text that stays within its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::figures::Bar;

    fn figure(group: &str, name: &str, value: f64) -> Figure {
        Figure {
            group: group.to_owned(),
            name: name.to_owned(),
            value,
            unit: "ms".to_owned(),
            low: None,
            high: None,
            bar: None,
            met: None,
            note: None,
        }
    }

    #[test]
    fn groups_become_tables_without_empty_columns() {
        let ratio = Figure {
            unit: "times".to_owned(),
            low: Some(1.05),
            high: Some(1.2),
            bar: Some(Bar::AtMost(1.15)),
            met: Some(false),
            note: Some("a | b".to_owned()),
            ..figure("reads", "CPU", 1.173)
        };
        let run = Run {
            bench: "speed".to_owned(),
            circumstances: None,
            figures: vec![
                ratio,
                figure("start", "cold", 61.5),
                figure("reads", "wait", 0.4),
            ],
            plots: Vec::new(),
        };
        assert_eq!(
            tables(&run),
            "| reads | | spread | bar | what was measured |\n|---|--:|---|---|---|\n\
             | CPU | 1.17 times | 1.05 to 1.20 | ≤ 1.15 times, **missed** by 2 % | a \\| b |\n\
             | wait | 0.40 ms |  |  |  |\n\
             \n| start | |\n|---|--:|\n| cold | 61.5 ms |\n"
        );
    }

    #[test]
    fn the_table_of_bars_tells_what_is_met_missed_and_not_recorded() {
        let mut headline = Headline::ALL[0];
        headline.what = "start to serving";
        headline.bar = Bar::AtMost(100.0);
        headline.unit = "ms";
        let (good, bad) = (
            figure("start", "cold", 61.5),
            figure("start", "cold", 150.0),
        );
        let text = headlines(&[
            (&headline, Some(&good)),
            (&headline, Some(&bad)),
            (&headline, None),
        ]);
        assert_eq!(
            text,
            "| figure | bar | measured | |\n|---|---|--:|---|\n\
             | start to serving | ≤ 100 ms | 61.5 ms | met |\n\
             | start to serving | ≤ 100 ms | 150 ms | **missed** by 50 % |\n\
             | start to serving | ≤ 100 ms |  | not recorded yet |\n"
        );
    }
}
