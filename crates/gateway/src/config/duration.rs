//! Durations as people write them: `20s`, `500ms`, `2m`.

use std::time::Duration;

/// The longest that any setting may be: 30 days. Times are added to the clock and multiplied, and none needs more.
pub(super) const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Reads a whole number with one of the units `ms`, `s`, `m` and `h`.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let seconds = |each: u64| number.checked_mul(each).map(Duration::from_secs);
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3_600),
        _ => None,
    }
}

/// Writes a duration so that [`parse`] reads it back, exact to the millisecond.
pub(super) fn show(duration: Duration) -> String {
    let millis = duration.as_millis();
    let whole = |unit: u128| millis.is_multiple_of(unit).then(|| millis / unit);
    match (millis, whole(3_600_000), whole(60_000), whole(1_000)) {
        (0, ..) => "0s".to_owned(),
        (_, Some(hours), ..) => format!("{hours}h"),
        (_, _, Some(minutes), _) => format!("{minutes}m"),
        (_, _, _, Some(seconds)) => format!("{seconds}s"),
        _ => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        for (text, millis) in [
            ("500ms", 500),
            ("20s", 20_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("0s", 0),
        ] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse(text), Some(duration), "{text}");
            assert_eq!(show(duration), text);
        }
        assert_eq!(show(Duration::from_millis(90_000)), "90s");
        for text in [
            "",
            "20",
            "s",
            "-1s",
            "1.5s",
            "20 s",
            "20S",
            "20sec",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
