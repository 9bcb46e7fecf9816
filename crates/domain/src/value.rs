//! Validated values that several records share, and personal values as read.
//!
//! What we send is strict: a value in hand is one that the vendor documents as right. What we receive is lenient: a
//! personal value that was read is whatever the vendor keeps. Neither prints what it holds.

use std::{fmt, str::FromStr};

/// Why a value can't be accepted: the rule that it breaks, never the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(pub(crate) &'static str);

/// Defines a validated string: one private field, checked on the way in, redacted when printed.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The text as it is sent.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text as it is sent, without a copy.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::value::InvalidValue;

            fn try_from(text: String) -> Result<Self, $crate::value::InvalidValue> {
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text)) } else { Err($crate::value::InvalidValue($rule)) }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::value::InvalidValue;

            fn from_str(text: &str) -> Result<Self, $crate::value::InvalidValue> {
                text.to_owned().try_into()
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}
pub(crate) use text;

/// Whether `text` has `least` to `most` characters, none of them a control character and not all of them blank: what is
/// blank counts as missing with the vendor (code 10005).
pub(crate) fn plain(text: &str, least: usize, most: usize) -> bool {
    // A character has at most four bytes: a text that is far too long is not counted through.
    text.len() <= 4 * most
        && (least..=most).contains(&text.chars().count())
        && !text.chars().any(char::is_control)
        && !text.trim().is_empty()
}

text! {
    /// Free text of 1 to 1,000 characters, none of them a control character: names, streets, cities, e-mail
    /// addresses.
    ///
    /// The vendor documents no limit for these; this one is ours and keeps a mistake from growing. What characters a
    /// name may have is the vendor's secret, so it alone refuses them (code 45003).
    Text, "must be 1 to 1,000 characters, not all blank and no control characters",
    |text| plain(text, 1, 1_000)
}

text! {
    /// A telephone number of 1 to 15 characters, as the vendor's document limits it. The vendor keeps free text, so
    /// nothing else is asked of it.
    Phone, "must be 1 to 15 characters, not all blank and no control characters",
    |text| plain(text, 1, 15)
}

/// A social security number, or the EIN that stands for it: nine digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Ssn(String);

impl Ssn {
    /// The nine digits, without hyphens.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last four digits, which is all of it that the vendor ever answers.
    pub fn last_four(&self) -> Personal {
        Personal(self.0[5..].to_owned())
    }
}

impl TryFrom<String> for Ssn {
    type Error = InvalidValue;

    /// Takes nine digits, with or without hyphens: the vendor strips them and counts (code 10100).
    fn try_from(text: String) -> Result<Self, InvalidValue> {
        let digits = text.replace('-', "");
        if digits.len() == 9 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(digits))
        } else {
            Err(InvalidValue("must be nine digits, with or without hyphens"))
        }
    }
}

impl FromStr for Ssn {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        text.to_owned().try_into()
    }
}

impl fmt::Debug for Ssn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ssn([redacted])")
    }
}

text! {
    /// An Employer Identification Number: nine digits without hyphens (the vendor's page, on small-business lending).
    Ein, "must be nine digits without hyphens",
    |text| text.len() == 9 && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl From<Ein> for Ssn {
    /// The vendor's rule for a consumer that is a business: the EIN stands for the social security number.
    fn from(ein: Ein) -> Self {
        Self(ein.0)
    }
}

/// A date of birth, or the date that stands for it: a real day of the calendar.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Birthday(jiff::civil::Date);

impl Birthday {
    /// A day of the Gregorian calendar, years 1 to 9999.
    ///
    /// # Errors
    /// [`InvalidValue`] if there is no such day.
    pub fn new(year: i32, month: i32, day: i32) -> Result<Self, InvalidValue> {
        let date = || {
            let year = i16::try_from(year).ok().filter(|year| *year >= 1)?;
            jiff::civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
        };
        date().map(Self).ok_or(InvalidValue(
            "must be a day of the calendar with year, month and day",
        ))
    }

    /// The day as it is read back.
    pub fn to_partial(self) -> PartialDate {
        PartialDate {
            year: i32::from(self.0.year()),
            month: i32::from(self.0.month()),
            day: i32::from(self.0.day()),
        }
    }
}

impl fmt::Debug for Birthday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Birthday([redacted])")
    }
}

/// A date as the vendor keeps it: a part that it does not say is 0.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PartialDate {
    /// Year, or 0.
    pub year: i32,
    /// Month, 1 to 12, or 0.
    pub month: i32,
    /// Day of the month, 1 to 31, or 0.
    pub day: i32,
}

impl fmt::Debug for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PartialDate([redacted])")
    }
}

/// A personal text as the vendor keeps it. Prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Personal(String);

impl Personal {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, without a copy.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl From<String> for Personal {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What an update does to a field that the vendor can clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// Leave it as it is.
    #[default]
    Keep,
    /// Remove its value.
    Clear,
    /// Give it this value.
    Set(T),
}

impl<T> Change<T> {
    /// Whether the field stays as it is.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The value afterwards, where `current` is the value before.
    pub(crate) fn apply(
        self,
        current: Option<String>,
        into: impl FnOnce(T) -> String,
    ) -> Option<String> {
        match self {
            Self::Keep => current,
            Self::Clear => None,
            Self::Set(value) => Some(into(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{business::TaxId, consumer::Consumer, customer::Customer, partner::PartnerSecret};

    /// Does not compile if the type has the trait: then there are two ways to be `Told`, and none is said.
    macro_rules! never {
        ($trait:path: $($type:ty),+) => {
            $({
                trait Told<Way> {
                    fn told() {}
                }
                impl<T: ?Sized> Told<()> for T {}
                struct Too;
                impl<T: ?Sized + $trait> Told<Too> for T {}
                <$type as Told<_>>::told();
            })+
        };
    }

    #[test]
    fn what_is_personal_or_secret_can_be_neither_shown_nor_serialized() {
        never!(fmt::Display: Ssn, Birthday, PartialDate, Personal, Text, Phone, Ein, TaxId);
        never!(serde::Serialize: Ssn, Birthday, PartialDate, Personal, Text, Phone, Ein, TaxId);
        never!(fmt::Display: PartnerSecret, Customer, Consumer);
        never!(serde::Serialize: PartnerSecret, Customer, Consumer);
    }

    #[test]
    fn a_social_security_number_is_nine_digits_with_or_without_hyphens() {
        for text in ["123-45-6789", "123456789", "12-3456789"] {
            assert_eq!(text.parse::<Ssn>().unwrap().as_str(), "123456789");
        }
        assert_eq!(
            "123456789".parse::<Ssn>().unwrap().last_four().as_str(),
            "6789"
        );
        for text in [
            "",
            "12345678",
            "1234567890",
            "123 45 6789",
            "１２３４５６７８９",
            "6789",
        ] {
            assert!(text.parse::<Ssn>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_ein_has_no_formatting() {
        assert!("123456789".parse::<Ein>().is_ok());
        assert!("12-3456789".parse::<Ein>().is_err());
    }

    #[test]
    fn a_birthday_is_a_day_of_the_calendar() {
        assert!(Birthday::new(2024, 2, 29).is_ok());
        for (year, month, day) in [
            (2023, 2, 29),
            (0, 1, 1),
            (1989, 13, 1),
            (1989, 0, 1),
            (1989, 1, 0),
            (10_000, 1, 1),
        ] {
            assert!(
                Birthday::new(year, month, day).is_err(),
                "{year}-{month}-{day}"
            );
        }
    }

    #[test]
    fn free_text_is_counted_in_characters() {
        assert!("é".repeat(1_000).parse::<Text>().is_ok());
        assert!("é".repeat(1_001).parse::<Text>().is_err());
        assert!("a\u{0}b".parse::<Text>().is_err());
        assert!("a\u{85}b".parse::<Text>().is_err());
        assert!("".parse::<Text>().is_err());
        assert!(" \u{a0} ".parse::<Text>().is_err());
    }

    #[test]
    fn nothing_prints_what_it_holds() {
        let printed = format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            "canary".parse::<Text>(),
            "canary".parse::<Phone>(),
            "123456789".parse::<Ssn>(),
            "123456789".parse::<Ein>(),
            Birthday::new(1989, 12, 13),
            Birthday::new(1989, 12, 13).unwrap().to_partial(),
            Personal::from("canary".to_owned()),
        );
        for canary in ["canary", "123456789", "1989", "12", "13"] {
            assert!(!printed.contains(canary), "{printed}");
        }
    }
}
