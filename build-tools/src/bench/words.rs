//! Numbers as people read them.

use super::figures::{Bar, Figure};

/// A number with as many digits as are worth reading: whole ones as they are, others with three or so.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value.fract() == 0.0 || size >= 1_000.0 {
        return grouped(value);
    }
    // Two digits that count, of what is less than one.
    let small = || (1.0 - size.log10().floor()).clamp(2.0, 9.0) as usize;
    let digits = match size {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => small(),
    };
    format!("{value:.digits$}")
}

/// A whole number with a comma at each thousand.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its unit.
pub(super) fn amount(value: f64, unit: &str) -> String {
    format!("{} {unit}", number(value)).trim_end().to_owned()
}

/// A bar, as `≤ 1.3 times`.
pub(super) fn bar(bar: Bar, unit: &str) -> String {
    let sign = match bar {
        Bar::AtMost(_) => '≤',
        Bar::AtLeast(_) => '≥',
    };
    let number = number(bar.value());
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => &number,
    };
    format!("{sign} {number} {unit}").trim_end().to_owned()
}

/// Whether a figure is good enough, and if not, how far from it.
pub(super) fn verdict(figure: &Figure) -> Option<String> {
    let bar = figure.bar?;
    if bar.is_met_by(figure.value) {
        return Some("met".to_owned());
    }
    let gap = (figure.value - bar.value()).abs();
    Some(match 100.0 * gap / bar.value().abs() {
        percent if percent < 1.0 => "**missed** by less than 1 %".to_owned(),
        percent if percent.is_finite() => format!("**missed** by {} %", grouped(percent)),
        // Of nothing there are no hundredths.
        _ => format!("**missed** by {}", amount(gap, &figure.unit)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_digits_that_are_worth_reading() {
        for (value, text) in [
            (0.0, "0"),
            (20.0, "20"),
            (9_985.0, "9,985"),
            (61_629.4, "61,629"),
            (1_234_567.0, "1,234,567"),
            (201.84, "202"),
            (69.34, "69.3"),
            (1.0712, "1.07"),
            (1.0, "1"),
            (0.856, "0.86"),
            (0.085_6, "0.086"),
            (0.000_12, "0.00012"),
            (-1.5, "-1.50"),
            (-12_000.0, "-12,000"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_bar_has_its_sign_and_no_idle_zeros() {
        assert_eq!(bar(Bar::AtMost(1.3), "times"), "≤ 1.3 times");
        assert_eq!(bar(Bar::AtLeast(0.8), ""), "≥ 0.8");
        assert_eq!(bar(Bar::AtMost(0.0), "calls"), "≤ 0 calls");
        assert_eq!(bar(Bar::AtMost(100.0), "ms"), "≤ 100 ms");
    }

    #[test]
    fn a_missed_bar_tells_by_how_much() {
        let verdict = |value, bar| {
            verdict(&Figure {
                group: String::new(),
                name: String::new(),
                value,
                unit: "calls".to_owned(),
                low: None,
                high: None,
                bar,
                met: None,
                note: None,
            })
        };
        assert_eq!(verdict(1.0, None), None);
        assert_eq!(verdict(1.0, Some(Bar::AtMost(1.0))).unwrap(), "met");
        let missed = |value, bar| verdict(value, Some(bar)).unwrap();
        assert_eq!(missed(1.4, Bar::AtMost(1.0)), "**missed** by 40 %");
        assert_eq!(missed(0.6, Bar::AtLeast(0.8)), "**missed** by 25 %");
        let close = missed(1.001, Bar::AtMost(1.0));
        assert_eq!(close, "**missed** by less than 1 %");
        assert_eq!(missed(35.0, Bar::AtMost(0.0)), "**missed** by 35 calls");
    }
}
