//! What callgrind writes: how many instructions each line of each function took.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Instructions, by where they stand in the source and by function. Those of what a function calls are not its own.
#[derive(Clone, Default)]
pub(crate) struct Profile {
    places: BTreeMap<String, f64>,
    functions: BTreeMap<String, f64>,
}

impl Profile {
    /// Reads one file; `None` if it is not whole.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut profile = Self::default();
        let mut names = Names::default();
        // What was inlined has a file of its own, and with it a place of its own.
        let (mut object, mut function, mut place) = (String::new(), String::new(), String::new());
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(total) = line.strip_prefix("totals:") {
                let total: f64 = total.trim().parse().unwrap();
                assert!(total == profile.total(), "a line was read wrongly");
                return Some(profile);
            }
            let Some((key, value)) = line.split_once('=') else {
                let mut words = line.split_whitespace();
                let is_position = line.starts_with(|first: char| "+-*0123456789".contains(first));
                if let (true, Some(count)) = (is_position, words.nth(1)) {
                    let count: f64 = count.parse().unwrap();
                    *profile.places.entry(place.clone()).or_default() += count;
                    *profile.functions.entry(function.clone()).or_default() += count;
                }
                continue;
            };
            match key {
                "ob" => object = names.of("ob", value),
                "fl" | "fi" | "fe" => place = self::place(&names.of("fl", value), &object),
                "fn" => function = names.of("fn", value),
                // The names of what is called have a meaning for later lines.
                "cob" => _ = names.of("ob", value),
                "cfi" | "cfl" => _ = names.of("fl", value),
                "cfn" => _ = names.of("fn", value),
                // The line behind it has what was called.
                "calls" => _ = lines.next(),
                _ => {}
            }
        }
        None
    }

    pub(crate) fn total(&self) -> f64 {
        self.places.values().sum()
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (mine, others) in [
            (&mut self.places, other.places),
            (&mut self.functions, other.functions),
        ] {
            for (name, count) in others {
                *mine.entry(name).or_default() += count;
            }
        }
    }

    pub(crate) fn less(mut self, other: &Self) -> Self {
        for (mine, others) in [
            (&mut self.places, &other.places),
            (&mut self.functions, &other.functions),
        ] {
            for (name, count) in others {
                *mine.entry(name.clone()).or_default() -= count;
            }
        }
        self
    }

    /// What each of so many took.
    pub(crate) fn each(mut self, made: usize) -> Self {
        let counts = self.places.values_mut().chain(self.functions.values_mut());
        counts.for_each(|count| *count /= made as f64);
        self
    }

    /// The places with most of the instructions.
    pub(crate) fn places(&self, most: usize) -> Value {
        largest(&self.places, most)
    }

    /// The functions with most of the instructions.
    pub(crate) fn functions(&self, most: usize) -> Value {
        largest(&self.functions, most)
    }
}

fn largest(counts: &BTreeMap<String, f64>, most: usize) -> Value {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by(|one, other| other.1.total_cmp(one.1));
    let told = counts.into_iter().take(most);
    let told: Map<_, _> = told
        .map(|(name, count)| (name.clone(), json!(count.round())))
        .collect();
    Value::Object(told)
}

/// A file of ours by its path; one of another crate by the crate; the system's by the library.
fn place(file: &str, object: &str) -> String {
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    // Not every machine knows the sources of the system's libraries.
    if object.contains(".so") {
        return last(object);
    }
    if let Some((_, rest)) = file.split_once("/registry/src/") {
        // The index, then the crate with its version.
        let name = rest.split('/').nth(1).unwrap_or_default();
        let numbered = |&(at, _): &(usize, &str)| {
            name[at + 1..].starts_with(|next: char| next.is_ascii_digit())
        };
        let version = name.match_indices('-').find(numbered);
        return name[..version.map_or(name.len(), |(at, _)| at)].to_owned();
    }
    if let Some((_, rest)) = file.split_once("/library/") {
        return format!("std ({})", rest.split('/').next().unwrap_or_default());
    }
    if let Some(at) = file.find("crates/") {
        return file[at..].to_owned();
    }
    if file == "???" {
        return last(object);
    }
    last(file)
}

/// Names stand whole the first time and by number after that: `(3) malloc`, then `(3)`.
#[derive(Default)]
struct Names(BTreeMap<(&'static str, String), String>);

impl Names {
    fn of(&mut self, kind: &'static str, text: &str) -> String {
        let Some((number, name)) = text.split_once(')') else {
            return text.to_owned();
        };
        let name = name.trim();
        let known = self.0.entry((kind, number.to_owned())).or_default();
        if !name.is_empty() {
            name.clone_into(known);
        }
        known.clone()
    }
}
