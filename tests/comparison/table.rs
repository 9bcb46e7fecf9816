//! What was counted, and how it is shown.

use std::{collections::HashMap, fmt::Write as _, ops::AddAssign};

use super::{caller::Caller, client::Kind, login::Case};

/// What one client made of the creates that met one fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Creates asked for.
    pub(crate) asked: usize,
    /// Records beyond the one that was asked for.
    pub(crate) duplicates: usize,
    /// Records that are there and whose id nobody was told.
    pub(crate) lost: usize,
    /// Callers who were told the id of a record that is not theirs.
    pub(crate) wrong: usize,
    /// Callers who were left with an error.
    pub(crate) errors: usize,
    /// Creates that were sent to the vendor.
    pub(crate) creates: usize,
    /// Requests to somebody who is not the vendor.
    pub(crate) strangers: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.asked += other.asked;
        self.duplicates += other.duplicates;
        self.lost += other.lost;
        self.wrong += other.wrong;
        self.errors += other.errors;
        self.creates += other.creates;
        self.strangers += other.strangers;
    }
}

/// What one client did about logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Logins {
    pub(crate) sent: usize,
    pub(crate) refused_in_a_row: u32,
    pub(crate) locked: bool,
    /// Callers who got what they wanted.
    pub(crate) served: usize,
}

/// One line of a table of faults: the name of the fault and whether the work was done, in the order of the list.
pub(crate) type Line = (usize, &'static str, &'static str);

pub(crate) fn faults(
    caller: Caller,
    lines: &[Line],
    tallies: &HashMap<(usize, Caller, Kind), Tally>,
) -> String {
    let mut text = String::from(
        "| fault | work | plain: duplicates | lost | errors | creates | retrying: duplicates | lost | errors | creates \
         | ours: duplicates | lost | errors | creates |\n\
         |---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    let mut totals = Kind::ALL.map(|_| Tally::default());
    for &(index, name, work) in lines {
        let _ = write!(text, "| {name} | {work} |");
        for (kind, total) in Kind::ALL.into_iter().zip(&mut totals) {
            let tally = tallies[&(index, caller, kind)];
            *total += tally;
            cells(&mut text, tally);
        }
        text.push('\n');
    }
    let _ = write!(text, "| **all** | |");
    for total in totals {
        cells(&mut text, total);
    }
    text.push_str("\n\n| of these | plain | retrying | ours |\n|---|--:|--:|--:|\n");
    type Count = fn(Tally) -> usize;
    let counts: [(&str, Count); 6] = [
        ("creates asked for", |tally| tally.asked),
        ("duplicates", |tally| tally.duplicates),
        ("records whose id nobody was told", |tally| tally.lost),
        ("callers told a wrong id", |tally| tally.wrong),
        ("callers left with an error", |tally| tally.errors),
        ("requests, token included, sent to a stranger", |tally| {
            tally.strangers
        }),
    ];
    for (name, count) in counts {
        let [plain, retrying, ours] = totals.map(count);
        let _ = writeln!(text, "| {name} | {plain} | {retrying} | {ours} |");
    }
    text
}

/// The figures that matter most, for whoever has one minute.
pub(crate) fn at_a_glance(
    lines: &[Line],
    tallies: &HashMap<(usize, Caller, Kind), Tally>,
    all: &HashMap<(Case, Kind), Logins>,
) -> String {
    let total = |caller, kind| {
        let mut total = Tally::default();
        for &(index, ..) in lines {
            total += tallies[&(index, caller, kind)];
        }
        total
    };
    let logins = |kind| all[&(Case::WrongSecret, kind)];
    let asked = total(Caller::KeepsKey, Kind::Ours).asked;
    let wanted = super::login::WANTED;
    let yes_or_no = |yes| if yes { "yes" } else { "no" }.to_owned();
    type Figure<'a> = Box<dyn Fn(Kind) -> String + 'a>;
    let rows: [(String, Figure<'_>); 5] = [
        (
            format!("of {asked} creates: records whose id nobody was told"),
            Box::new(|kind| total(Caller::KeepsKey, kind).lost.to_string()),
        ),
        (
            "callers told the id of another's record".to_owned(),
            Box::new(|kind| total(Caller::KeepsKey, kind).wrong.to_string()),
        ),
        (
            "duplicates, where callers try again under a new key".to_owned(),
            Box::new(|kind| total(Caller::NewKey, kind).duplicates.to_string()),
        ),
        (
            format!("a wrong secret and {wanted} callers: logins sent"),
            Box::new(|kind| logins(kind).sent.to_string()),
        ),
        (
            "the company is locked out".to_owned(),
            Box::new(|kind| yes_or_no(logins(kind).locked)),
        ),
    ];
    let mut text =
        "| | plain client | with retries | openfinance |\n|---|--:|--:|--:|\n".to_owned();
    for (name, figure) in rows {
        let [plain, retrying, ours] = Kind::ALL.map(figure);
        let _ = writeln!(text, "| {name} | {plain} | {retrying} | **{ours}** |");
    }
    text
}

fn cells(text: &mut String, tally: Tally) {
    let bad = |count: usize| match count {
        0 => "0".to_owned(),
        count => format!("**{count}**"),
    };
    let _ = write!(
        text,
        " {} | {} | {} | {} |",
        bad(tally.duplicates),
        bad(tally.lost),
        tally.errors,
        tally.creates
    );
}

pub(crate) fn logins(all: &HashMap<(Case, Kind), Logins>) -> String {
    let mut text = String::from(
        "| case | plain: logins | refused in a row | served | retrying: logins | refused in a row | served \
         | ours: logins | refused in a row | served |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for case in Case::ALL {
        let _ = write!(text, "| {} |", case.name());
        for kind in Kind::ALL {
            let logins = all[&(case, kind)];
            let locked = if logins.locked {
                ", **locked out**"
            } else {
                ""
            };
            let _ = write!(
                text,
                " {} | {}{locked} | {} of {} |",
                logins.sent,
                logins.refused_in_a_row,
                logins.served,
                super::login::WANTED
            );
        }
        text.push('\n');
    }
    text
}
