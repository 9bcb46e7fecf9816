//! Axes: which part of the numbers one shows, where its ticks are, and where along it a number lies.

/// How many ticks an even axis has at most.
const TICKS: f64 = 7.0;
/// Up to so many powers of ten a logarithmic axis has ticks between them.
const FEW_DECADES: i32 = 3;

/// An axis.
#[derive(Debug)]
pub(super) struct Axis {
    log: bool,
    low: f64,
    high: f64,
    /// The numbers that are written along it.
    pub(super) ticks: Vec<f64>,
}

/// Where an even axis begins.
#[derive(Clone, Copy)]
pub(super) enum From {
    /// At zero, so that lengths can be compared.
    Zero,
    /// At the least of the numbers.
    Least,
}

impl Axis {
    /// An even axis on which these numbers lie.
    pub(super) fn even(numbers: impl Iterator<Item = f64>, from: From) -> Self {
        let (mut least, mut most) = range(numbers);
        if let From::Zero = from {
            (least, most) = (least.min(0.0), most.max(0.0));
        }
        if least == most {
            most = least + 1.0;
        }
        let step = step((most - least) / TICKS);
        let (low, high) = match from {
            From::Zero => ((least / step).floor() * step, (most / step).ceil() * step),
            From::Least => (least, most),
        };
        // A hair more, so that a tick at the very end is one.
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        Self {
            log: false,
            low,
            high,
            ticks: (first..=last).map(|tick| tick as f64 * step).collect(),
        }
    }

    /// A logarithmic axis on which these numbers lie, all above zero.
    pub(super) fn logarithmic(numbers: impl Iterator<Item = f64>) -> Self {
        let (least, most) = range(numbers);
        let (first, last) = (exponent(least), exponent(most));
        let between: &[f64] = match last - first {
            decades if decades < FEW_DECADES => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let all: Vec<f64> = (first..=last + 1)
            .flat_map(|exponent| between.iter().map(move |times| times * power(exponent)))
            .collect();
        let before = all.iter().rposition(|tick| *tick <= least).unwrap_or(0);
        let after = all
            .iter()
            .position(|tick| *tick >= most && *tick > all[before])
            .unwrap_or(all.len() - 1);
        let ticks = all[before..=after].to_vec();
        Self {
            log: true,
            low: all[before],
            high: all[after],
            ticks,
        }
    }

    /// How far along the axis a number lies, from 0 to 1.
    pub(super) fn at(&self, number: f64) -> f64 {
        match self.log {
            true => (number / self.low).log10() / (self.high / self.low).log10(),
            false => (number - self.low) / (self.high - self.low),
        }
    }
}

fn range(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for number in numbers {
        (least, most) = (least.min(number), most.max(number));
    }
    (least, most)
}

/// The least of 1, 2 and 5 times a power of ten that is no less.
fn step(least: f64) -> f64 {
    let exponent = exponent(least);
    let steps = [1.0, 2.0, 5.0, 10.0].map(|times| times * power(exponent));
    steps
        .into_iter()
        .find(|step| *step >= least)
        .unwrap_or(least)
}

/// Of the greatest power of ten that is no greater.
fn exponent(number: f64) -> i32 {
    // The text is exact where a logarithm is not.
    let text = format!("{number:e}");
    let (_, exponent) = text.split_once('e').unwrap_or_default();
    exponent.parse().unwrap_or_default()
}

fn power(exponent: i32) -> f64 {
    format!("1e{exponent}").parse().unwrap_or(1.0)
}

/// How a tick is written: without the noise of fractions.
pub(super) fn label(tick: f64) -> String {
    let text = format!("{tick:.9}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", whole),
    };
    let mut label = sign.to_owned();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            label.push(',');
        }
        label.push(digit);
    }
    match fraction {
        "" => label,
        fraction => format!("{label}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().copied().map(label).collect()
    }

    #[test]
    fn an_even_axis_has_round_ticks() {
        let axis = Axis::even([0.4, 1.3].into_iter(), From::Zero);
        let expected = ["0", "0.2", "0.4", "0.6", "0.8", "1", "1.2", "1.4"];
        assert_eq!(labels(&axis), expected);
        assert!((axis.at(0.7) - 0.5).abs() < 1e-9);

        let axis = Axis::even([1_000.0, 27_500.0].into_iter(), From::Least);
        let expected = ["5,000", "10,000", "15,000", "20,000", "25,000"];
        assert_eq!(labels(&axis), expected);
        assert_eq!((axis.at(1_000.0), axis.at(27_500.0)), (0.0, 1.0));
    }

    #[test]
    fn an_axis_of_one_number_is_one_all_the_same() {
        for numbers in [0.0, 3.0, -2.0] {
            let numbers = || std::iter::once(numbers);
            for axis in [
                Axis::even(numbers(), From::Zero),
                Axis::even(numbers(), From::Least),
            ] {
                let places = numbers().map(|number| axis.at(number));
                assert!(places.into_iter().all(|at| (0.0..=1.0).contains(&at)));
            }
        }
        let axis = Axis::logarithmic([10.0].into_iter());
        assert_eq!(labels(&axis), ["10", "20"]);
        assert_eq!(axis.at(10.0), 0.0);
    }

    #[test]
    fn a_logarithmic_axis_has_a_tick_on_either_side_of_all_numbers() {
        let axis = Axis::logarithmic([0.3, 4.0].into_iter());
        assert_eq!(labels(&axis), ["0.2", "0.5", "1", "2", "5"]);
        let axis = Axis::logarithmic([1.0, 1_000.0].into_iter());
        assert_eq!(labels(&axis), ["1", "10", "100", "1,000"]);
        assert!((axis.at(10.0) - 1.0 / 3.0).abs() < 1e-9);
    }
}
