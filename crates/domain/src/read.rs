//! Lenient readers of what the vendor writes in more than one way.

use jiff::{Timestamp, civil, tz::TimeZone};
use openfinance_rest::types::NumberOrString;

use crate::value::Personal;

/// A personal text, where there is one.
pub(crate) fn personal<T: Into<String>>(text: Option<T>) -> Option<Personal> {
    text.map(|text| Personal::from(text.into()))
}

/// A number that comes as a number or as digits, padded or not.
pub(crate) fn number(value: NumberOrString) -> Option<i64> {
    match value {
        NumberOrString::Integer(number) => Some(number),
        NumberOrString::String(text) => text.trim().parse().ok(),
    }
}

/// An id that comes as a number or as text.
pub(crate) fn id(value: NumberOrString) -> String {
    match value {
        NumberOrString::Integer(number) => number.to_string(),
        NumberOrString::String(text) => text,
    }
}

/// The first moment of the year 1. Earlier ones are no times of records, and no protobuf timestamps.
const YEAR_ONE: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// A time in seconds since 1970, which may be negative.
pub(crate) fn epoch_seconds(value: Option<NumberOrString>) -> Option<Timestamp> {
    value
        .and_then(number)
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .filter(|time| *time >= YEAR_ONE)
}

/// A time in ISO 8601 as the vendor has written it over the years: with `Z`, an offset or no zone (then UTC), and with
/// a fraction behind a point or behind a colon.
pub(crate) fn iso_8601(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let zone = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone);
    let clock = match clock.match_indices(':').nth(2) {
        Some((colon, _)) => format!("{}.{}", &clock[..colon], &clock[colon + 1..]),
        None => clock.to_owned(),
    };
    let time = if zone.is_empty() {
        let local: civil::DateTime = format!("{date}T{clock}").parse().ok()?;
        TimeZone::UTC.to_timestamp(local).ok()
    } else {
        format!("{date}T{clock}{zone}").parse().ok()
    };
    time.filter(|time| *time >= YEAR_ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_spelling_of_a_time_is_read() {
        for (text, expected) in [
            ("2022-04-12T11:51:23", "2022-04-12T11:51:23Z"),
            ("2024-02-01T17:13:39Z", "2024-02-01T17:13:39Z"),
            ("2020-07-30T16:11:23:20Z", "2020-07-30T16:11:23.2Z"),
            ("2020-07-30T16:11:23.20Z", "2020-07-30T16:11:23.2Z"),
            ("2020-07-30T16:11:23:20", "2020-07-30T16:11:23.2Z"),
            (
                "2020-07-30T16:11:23.123456789+02:00",
                "2020-07-30T14:11:23.123456789Z",
            ),
            ("2020-07-30T16:11:23-0600", "2020-07-30T22:11:23Z"),
            ("2020-07-30 16:11:23", "2020-07-30T16:11:23Z"),
        ] {
            assert_eq!(iso_8601(text), Some(expected.parse().unwrap()), "{text}");
        }
        for text in [
            "",
            "2020-07-30",
            "yesterday",
            "2020-13-30T16:11:23Z",
            "2020-07-30T16:11:23:20:1Z",
        ] {
            assert_eq!(iso_8601(text), None, "{text}");
        }
    }

    #[test]
    fn seconds_are_read_as_number_and_as_digits() {
        let expected = Some(Timestamp::from_second(1_607_450_357).unwrap());
        assert_eq!(
            epoch_seconds(Some(NumberOrString::Integer(1_607_450_357))),
            expected
        );
        assert_eq!(
            epoch_seconds(Some(NumberOrString::String("1607450357".to_owned()))),
            expected
        );
        assert_eq!(epoch_seconds(Some(NumberOrString::Integer(i64::MAX))), None);
        assert_eq!(
            epoch_seconds(Some(NumberOrString::String("soon".to_owned()))),
            None
        );
        assert_eq!(epoch_seconds(None), None);
        assert_eq!(
            epoch_seconds(Some(NumberOrString::Integer(-377_705_023_201))),
            None
        );
        assert_eq!(number(NumberOrString::String("07".to_owned())), Some(7));
        assert_eq!(
            Timestamp::from_second(-1).ok(),
            epoch_seconds(Some(NumberOrString::Integer(-1)))
        );
    }
}
