//! What a figure must be, and how it is written. The benchmarks of other packages include this file.

use std::fmt;

/// What a figure must be.
pub(crate) struct Bar {
    text: &'static str,
    met: bool,
}

impl Bar {
    /// For figures that are told only.
    pub(crate) const NONE: Self = Self {
        text: "",
        met: true,
    };

    pub(crate) fn at_most(figure: f64, most: f64, text: &'static str) -> Self {
        Self::when(figure <= most, text)
    }

    /// A bar that is met when this is so.
    pub(crate) fn when(met: bool, text: &'static str) -> Self {
        Self { text, met }
    }

    pub(crate) fn is_met(&self) -> bool {
        self.met
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missed = if self.met { "" } else { ", **missed**" };
        write!(f, "{}{missed}", self.text)
    }
}

/// A number with a comma at each thousand.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
