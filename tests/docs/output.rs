//! Compares what a command printed with what the page shows. `…` stands for what differs from run to run, and for what
//! the page leaves out.

use serde_json::Value;

/// Stands for anything.
const ANYTHING: &str = "…";

/// What differs, if anything does. Output that is shown as JSON is compared as JSON, so its spaces do not matter.
pub(super) fn differs(kind: &str, shown: &str, printed: &str) -> Option<String> {
    let same = match kind {
        "json" => {
            let documents = |text: &str| {
                let documents = serde_json::Deserializer::from_str(text).into_iter();
                documents.collect::<Result<Vec<Value>, _>>()
            };
            match (documents(shown), documents(printed)) {
                (Ok(shown), Ok(printed)) => {
                    shown.len() == printed.len()
                        && shown.iter().zip(&printed).all(|(a, b)| json(a, b))
                }
                (Err(error), _) => return Some(format!("the page's output is no JSON: {error}")),
                (_, Err(_)) => false,
            }
        }
        _ => {
            let lines = |text: &str| -> Vec<String> {
                let lines = text.trim_end().lines();
                lines.map(|line| line.trim_end().to_owned()).collect()
            };
            let (shown, printed) = (lines(shown), lines(printed));
            all(&shown, &printed, &|line| line == ANYTHING, &|a, b| {
                text(a, b)
            })
        }
    };
    let told = || format!("the page shows\n{shown}and it printed\n{printed}");
    (!same).then(told)
}

/// Whether a text fits a pattern in which `…` is anything.
fn text(pattern: &str, text: &str) -> bool {
    let parts: Vec<&str> = pattern.split(ANYTHING).collect();
    let [first, between @ .., last] = &parts[..] else {
        return pattern == text;
    };
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    for part in between {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Whether a value fits what is shown: `"…"` is any value, as an item any number of them, and as a member's name any
/// other members.
fn json(shown: &Value, printed: &Value) -> bool {
    match (shown, printed) {
        (Value::String(shown), _) if shown == ANYTHING => true,
        (Value::String(shown), Value::String(printed)) => text(shown, printed),
        (Value::Array(shown), Value::Array(printed)) => {
            all(shown, printed, &|item| item == ANYTHING, &json)
        }
        (Value::Object(shown), Value::Object(printed)) => {
            let open = shown.contains_key(ANYTHING);
            let named = shown.iter().filter(|(name, _)| *name != ANYTHING);
            let fit = named.clone().all(|(name, value)| {
                let printed = printed.get(name);
                printed.is_some_and(|printed| json(value, printed))
            });
            fit && (open || named.count() == printed.len())
        }
        (shown, printed) => shown == printed,
    }
}

/// Whether items fit those shown, of which some stand for any number of items.
fn all<T>(
    shown: &[T],
    printed: &[T],
    any: &dyn Fn(&T) -> bool,
    fits: &dyn Fn(&T, &T) -> bool,
) -> bool {
    let Some((first, rest)) = shown.split_first() else {
        return printed.is_empty();
    };
    if any(first) {
        return (0..=printed.len()).any(|from| all(rest, &printed[from..], any, fits));
    }
    let fit = printed.first().is_some_and(|printed| fits(first, printed));
    fit && all(rest, &printed[1..], any, fits)
}

#[test]
fn what_is_left_out_is_the_only_difference_allowed() {
    let cases = [
        ("text", "one\n", "one  \n", true),
        ("text", "one\n", "two\n", false),
        ("text", "at … on\n", "at 12:00 on\n", true),
        ("text", "at … on\n", "at 12:00\n", false),
        ("text", "one\n…\nfour\n", "one\ntwo\nthree\nfour\n", true),
        ("text", "one\n…\nfour\n", "one\ntwo\nthree\n", false),
        ("json", "{\"a\": 1}", "{ \"a\":1 }\n", true),
        ("json", "{\"a\": 1}", "{\"a\": 1, \"b\": 2}", false),
        ("json", "{\"a\": \"…\"}", "{\"a\": 1}", true),
        (
            "json",
            "{\"a\": 1, \"…\": \"…\"}",
            "{\"a\": 1, \"b\": 2}",
            true,
        ),
        ("json", "[1, \"…\"]", "[1, 2, 3]", true),
        ("json", "[1, \"…\"]", "[2, 3]", false),
        ("json", "{\"a\": 1} {}", "{\"a\": 1}", false),
    ];
    for (kind, shown, printed, same) in cases {
        let difference = differs(kind, shown, printed);
        assert_eq!(difference.is_none(), same, "{shown} and {printed}");
    }
}
