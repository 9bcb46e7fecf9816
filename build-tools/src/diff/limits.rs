//! What a schema says of single values: limits, format, the words of an enum. Each function answers how it changed;
//! what that means depends on who writes the value and is decided in one place, [`Verdict::class`].

use std::{cmp::Ordering, collections::BTreeSet};

use serde_json::{Number, Value, json};

use super::{Class, schema::View, walk::Direction};

/// How a limit changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Fewer values pass than before.
    Narrowed,
    /// All that passed passes, and more of the same.
    Widened,
    /// All that passed passes, and larger numbers, for which a reader may have no room.
    Grown,
    /// Anything passes, however it is written.
    Freed,
    /// Values are written in another way.
    Rewritten,
}

impl Verdict {
    /// In a request the vendor checks: what is narrowed refuses what was fine. In a response a limit binds the vendor
    /// alone, and readers must not rely on it; but a value that is written in another way is not read any more.
    pub(super) fn class(self, direction: Direction) -> Class {
        match (direction, self) {
            (Direction::Request, Self::Narrowed | Self::Rewritten)
            | (Direction::Response, Self::Grown | Self::Freed | Self::Rewritten) => Class::Breaking,
            (Direction::Request, Self::Widened | Self::Grown | Self::Freed) => Class::Additive,
            (Direction::Response, Self::Narrowed | Self::Widened) => Class::Quiet,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Narrowed => "narrowed",
            Self::Widened | Self::Grown => "widened",
            Self::Freed => "dropped",
            Self::Rewritten => "changed",
        }
    }
}

/// One keyword that says something else than before.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) keyword: &'static str,
    pub(super) verdict: Verdict,
    pub(super) before: Value,
    pub(super) after: Value,
}

/// The end of a range, and whether the end itself is out of it.
#[derive(Clone, Debug)]
struct Bound {
    number: Number,
    exclusive: bool,
}

/// Which end of a range a keyword sets, and the keyword that takes the end itself out.
#[derive(Clone, Copy)]
enum End {
    Lower(Option<&'static str>),
    Upper(Option<&'static str>),
}

const RANGES: [(&str, End); 8] = [
    ("minLength", End::Lower(None)),
    ("maxLength", End::Upper(None)),
    ("minItems", End::Lower(None)),
    ("maxItems", End::Upper(None)),
    ("minProperties", End::Lower(None)),
    ("maxProperties", End::Upper(None)),
    ("minimum", End::Lower(Some("exclusiveMinimum"))),
    ("maximum", End::Upper(Some("exclusiveMaximum"))),
];

/// Formats that only narrow which texts there may be: a reader takes them as text like any other.
const TEXTS: [&str; 11] = [
    "email",
    "hostname",
    "idn-email",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "iri",
    "regex",
    "uri",
    "uri-reference",
    "uuid",
];

/// Every limit that changed.
pub(super) fn limits(old: &View<'_>, new: &View<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    for (keyword, end) in RANGES {
        changes.extend(range(old, new, keyword, end));
    }
    changes.extend(patterns(old, new));
    changes.extend(unique(old, new));
    changes.extend(multiples(old, new));
    changes
}

fn range(old: &View<'_>, new: &View<'_>, keyword: &'static str, end: End) -> Option<Change> {
    let (before, after) = (bound(old, keyword, end), bound(new, keyword, end));
    let verdict = match (&before, &after) {
        (None, None) => return None,
        (None, Some(_)) => Verdict::Narrowed,
        (Some(_), None) => Verdict::Widened,
        (Some(before), Some(after)) => match tighter(before, after, end) {
            Ordering::Equal => return None,
            Ordering::Less => Verdict::Narrowed,
            Ordering::Greater => Verdict::Widened,
        },
    };
    let told = |bound: Option<Bound>| match bound {
        None => Value::Null,
        Some(Bound {
            number,
            exclusive: false,
        }) => Value::Number(number),
        Some(Bound { number, .. }) => json!(format!("{number}, itself excluded")),
    };
    Some(Change {
        keyword,
        verdict,
        before: told(before),
        after: told(after),
    })
}

/// The tightest bound that the parts set; a lower bound of 0 for a count is none.
fn bound(view: &View<'_>, keyword: &str, end: End) -> Option<Bound> {
    let (End::Lower(exclusive) | End::Upper(exclusive)) = end;
    let bounds = view.parts.iter().filter_map(|part| {
        let Value::Number(number) = part.value.get(keyword)? else {
            return None;
        };
        let counts = exclusive.is_none() && matches!(end, End::Lower(_));
        (!(counts && number.as_u64() == Some(0))).then(|| Bound {
            number: number.clone(),
            exclusive: exclusive.is_some_and(|keyword| part.flag(keyword)),
        })
    });
    bounds.reduce(|one, other| match tighter(&one, &other, end) {
        Ordering::Less => other,
        Ordering::Equal | Ordering::Greater => one,
    })
}

/// `Less` if `one` lets more pass than `other`.
fn tighter(one: &Bound, other: &Bound, end: End) -> Ordering {
    let numbers = order(&one.number, &other.number);
    let numbers = match end {
        End::Lower(_) => numbers,
        End::Upper(_) => numbers.reverse(),
    };
    numbers.then(one.exclusive.cmp(&other.exclusive))
}

fn order(one: &Number, other: &Number) -> Ordering {
    if let (Some(one), Some(other)) = (one.as_i64(), other.as_i64()) {
        return one.cmp(&other);
    }
    if let (Some(one), Some(other)) = (one.as_u64(), other.as_u64()) {
        return one.cmp(&other);
    }
    let float = |number: &Number| number.as_f64().unwrap_or(f64::NAN);
    float(one).total_cmp(&float(other))
}

/// Whether one pattern lets pass what another does is not to be told, so a new one narrows.
fn patterns(old: &View<'_>, new: &View<'_>) -> Option<Change> {
    let all = |view: &View<'_>| -> BTreeSet<String> {
        let patterns = view.all("pattern").filter_map(Value::as_str);
        patterns.map(str::to_owned).collect()
    };
    let (before, after) = (all(old), all(new));
    if before == after {
        return None;
    }
    Some(Change {
        keyword: "pattern",
        verdict: if after.is_subset(&before) {
            Verdict::Widened
        } else {
            Verdict::Narrowed
        },
        before: listed(&before),
        after: listed(&after),
    })
}

fn unique(old: &View<'_>, new: &View<'_>) -> Option<Change> {
    let is = |view: &View<'_>| view.parts.iter().any(|part| part.flag("uniqueItems"));
    let verdict = match (is(old), is(new)) {
        (false, true) => Verdict::Narrowed,
        (true, false) => Verdict::Widened,
        (true, true) | (false, false) => return None,
    };
    Some(Change {
        keyword: "uniqueItems",
        verdict,
        before: json!(is(old)),
        after: json!(is(new)),
    })
}

fn multiples(old: &View<'_>, new: &View<'_>) -> Option<Change> {
    let of = |view: &View<'_>| view.with("multipleOf").map(|node| node.value.clone());
    let (before, after) = (of(old), of(new));
    let verdict = match (&before, &after) {
        (None, None) => return None,
        (None, Some(_)) => Verdict::Narrowed,
        (Some(_), None) => Verdict::Widened,
        (Some(before), Some(after)) => {
            let (before, after) = (before.as_f64()?, after.as_f64()?);
            if before.total_cmp(&after).is_eq() {
                return None;
            }
            // Every multiple of six is one of three.
            if before % after == 0.0 {
                Verdict::Widened
            } else {
                Verdict::Narrowed
            }
        }
    };
    Some(Change {
        keyword: "multipleOf",
        verdict,
        before: before.unwrap_or_default(),
        after: after.unwrap_or_default(),
    })
}

/// How the format changed, by what happens on the wire: on numbers it is a range; on texts it either says how a value
/// is written (`date`, or digits by `int64`) or only which texts there may be (`email`).
pub(super) fn format(old: &View<'_>, new: &View<'_>) -> Option<Change> {
    let (before, after) = (old.format(), new.format());
    if before == after {
        return None;
    }
    let number = |kind: Option<String>| matches!(kind.as_deref(), Some("integer" | "number"));
    let ranges = size(&before).zip(size(&after));
    let text = |formats: &BTreeSet<&str>| formats.iter().all(|format| TEXTS.contains(format));
    let verdict = match ranges {
        Some((before, after)) if number(old.kind()) && number(new.kind()) => {
            match before.cmp(&after) {
                Ordering::Less | Ordering::Equal => Verdict::Grown,
                Ordering::Greater => Verdict::Narrowed,
            }
        }
        _ if before.is_empty() && text(&after) => Verdict::Narrowed,
        _ if text(&before) && after.is_empty() => Verdict::Widened,
        _ if after.is_empty() => Verdict::Freed,
        _ if text(&before) && text(&after) => Verdict::Narrowed,
        _ => Verdict::Rewritten,
    };
    Some(Change {
        keyword: "format",
        verdict,
        before: listed(&before),
        after: listed(&after),
    })
}

/// How much room the format of a number gives; none if it is not one of these.
fn size(formats: &BTreeSet<&str>) -> Option<u8> {
    let mut formats = formats.iter().copied();
    match (formats.next(), formats.next()) {
        (None, _) => Some(3),
        (Some("int32" | "float"), None) => Some(1),
        (Some("int64" | "double"), None) => Some(2),
        _ => None,
    }
}

/// One text as itself, several as a list, none as null.
fn listed<T: AsRef<str>>(texts: &BTreeSet<T>) -> Value {
    let mut texts: Vec<Value> = texts.iter().map(|text| json!(text.as_ref())).collect();
    match texts.len() {
        0 => Value::Null,
        1 => texts.remove(0),
        _ => Value::Array(texts),
    }
}
