//! The search for a page, against lists that move between its reads in every way that a seed comes upon.

use std::collections::{BTreeMap, HashSet};

use fastrand::Rng;

use super::*;

/// A list that a test moves, and a vendor that answers from it.
#[derive(Clone)]
struct List {
    ids: Vec<CustomerId>,
    made: u64,
    /// How many customers one answer has at most before it is too large.
    fits: u32,
    /// Whether the vendor says how many there are.
    counted: bool,
}

/// What a page took, beside the page itself.
struct Read {
    page: Vec<CustomerId>,
    next: Option<Cursor>,
    windows: Vec<(u32, u32)>,
}

impl List {
    fn of(len: u64) -> Self {
        let mut list = Self {
            ids: Vec::new(),
            made: 0,
            fits: 1_000,
            counted: true,
        };
        for _ in 0..len {
            list.insert(list.ids.len());
        }
        list
    }

    fn insert(&mut self, index: usize) {
        self.made += 1;
        self.ids.insert(index, id(self.made));
    }

    fn remove(&mut self, numbers: impl IntoIterator<Item = u64>) {
        let gone: HashSet<_> = numbers.into_iter().map(id).collect();
        self.ids.retain(|id| !gone.contains(id));
    }

    /// Reads a page, while `meanwhile` happens between its reads. `None` if its place is lost.
    fn read(
        &mut self,
        from: &Cursor,
        size: u32,
        mut meanwhile: impl FnMut(&mut Self),
    ) -> Option<Read> {
        let mut scan = Scan::new(from, PageSize::new(size));
        let mut windows = Vec::new();
        loop {
            let window = scan.window();
            let (start, limit) = (window.start.get(), window.size.get());
            windows.push((start, limit));
            assert!(windows.len() <= 6 + 10, "it reads without end: {windows:?}");
            if limit > self.fits {
                assert!(scan.narrow());
                continue;
            }
            let first = self.ids.len().min(start as usize - 1);
            let end = self.ids.len().min(first + limit as usize);
            let seen: Vec<_> = self.ids[first..end].iter().collect();
            let total = self.counted.then_some(self.ids.len() as u32);
            match scan.look(&seen, end < self.ids.len(), total) {
                Look::Again => meanwhile(self),
                Look::Lost => return None,
                Look::Malformed(problem) => panic!("{problem}"),
                Look::Page(Cut {
                    rows,
                    first,
                    lead,
                    next,
                }) => {
                    let before = &seen[..rows.start];
                    let expected = &before[before.len().saturating_sub(3)..];
                    assert_eq!(lead.iter().collect::<Vec<_>>(), expected);
                    assert_eq!(first.get(), start + rows.start as u32);
                    let page = seen[rows].iter().map(|id| (*id).clone()).collect();
                    return Some(Read {
                        page,
                        next,
                        windows,
                    });
                }
            }
        }
    }

    /// As `read`, of a list that stands still meanwhile and has the place.
    fn page(&mut self, from: &Cursor, size: u32) -> Read {
        self.read(from, size, |_| ()).expect("the place is lost")
    }
}

impl Read {
    fn numbers(&self) -> Vec<u64> {
        self.page.iter().map(number).collect()
    }

    fn next(&self) -> &Cursor {
        self.next.as_ref().expect("there is a next page")
    }
}

fn id(number: u64) -> CustomerId {
    number.to_string().parse().unwrap()
}

fn number(id: &CustomerId) -> u64 {
    id.as_str().parse().unwrap()
}

fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    range.collect()
}

#[test]
fn a_list_that_stands_still_takes_one_read_a_page() {
    for (len, size, expected) in [
        (0, 25, vec![(1, 26)]),
        (25, 25, vec![(1, 26)]),
        (60, 25, vec![(1, 26), (23, 29), (48, 29)]),
        (4, 1, vec![(1, 2), (1, 3), (1, 4), (1, 5)]),
        (1_000, 1_000, vec![(1, 1_000)]),
        (2_100, 1_000, vec![(1, 1_000), (998, 1_000), (1_994, 1_000)]),
    ] {
        let mut list = List::of(len);
        let (mut windows, mut found) = (Vec::new(), Vec::new());
        let mut from = Some(Cursor::FIRST);
        while let Some(cursor) = from {
            let read = list.page(&cursor, size);
            found.extend(read.numbers());
            windows.extend(read.windows);
            from = read.next;
        }
        assert_eq!(windows, expected, "{len} by {size}");
        assert_eq!(found, numbers(1..=len), "{len} by {size}");
    }
}

#[test]
fn deletions_in_front_of_the_place_shift_nobody_out() {
    for gone in [1, 2, 3, 4, 20, 22] {
        let mut list = List::of(100);
        let first = list.page(&Cursor::FIRST, 25);
        list.remove(1..=gone);
        let second = list.page(first.next(), 25);
        assert_eq!(second.numbers(), numbers(26..=50), "{gone}");
        assert_eq!(second.windows.len(), if gone <= 3 { 1 } else { 2 });
    }
}

#[test]
fn deletions_far_in_front_are_looked_back_for() {
    for (gone, reads) in [(900, 2), (1_900, 4), (2_800, 6)] {
        let mut list = List::of(9_000);
        list.counted = false;
        let mut from = Cursor::FIRST;
        for _ in 0..4 {
            from = list.page(&from, 1_000).next.unwrap();
        }
        let at = u64::from(from.at().get());
        list.remove(1..=gone);
        let next = list.page(&from, 25);
        assert_eq!(next.numbers(), numbers(at..=at + 24));
        assert_eq!(next.windows.len(), reads, "{:?}", next.windows);
    }
}

#[test]
fn insertions_in_front_of_the_place_repeat_nobody() {
    for new in [1, 2, 24, 25, 26, 500, 1_800] {
        let mut list = List::of(100);
        let first = list.page(&Cursor::FIRST, 25);
        for _ in 0..new {
            list.insert(0);
        }
        let second = list.page(first.next(), 25);
        let expected = numbers(26..=50);
        assert_eq!(
            second.numbers(),
            expected[..second.page.len()],
            "{new}: {:?}",
            second.windows
        );
        assert!(!second.page.is_empty());
    }
}

#[test]
fn a_list_that_shrank_below_the_place_is_looked_at_where_it_ends() {
    let mut list = List::of(8_400);
    let mut from = Cursor::FIRST;
    for _ in 0..8 {
        from = list.page(&from, 1_000).next.unwrap();
    }
    let at = u64::from(from.at().get());
    list.remove(1..=at - 3);
    let next = list.page(&from, 1_000);
    assert_eq!(next.numbers(), numbers(at..=8_400));
    assert_eq!(next.windows.len(), 2, "{:?}", next.windows);
}

#[test]
fn deleting_each_page_before_the_next_loses_nobody() {
    // The customers in front of the place are gone, the one behind it is not.
    for size in [1, 2, 25, 996, 997, 999] {
        let len = if size < 25 { 100 } else { 2_500 };
        let mut list = List::of(len);
        let mut found = Vec::new();
        let mut from = Some(Cursor::FIRST);
        while let Some(cursor) = from {
            let page = list.page(&cursor, size);
            list.remove(page.numbers());
            found.extend(page.numbers());
            from = page.next;
        }
        assert_eq!(found, numbers(1..=len), "{size}");
        assert_eq!(list.ids, []);
    }
}

#[test]
fn a_list_of_nobody_any_more_has_ended() {
    for (len, counted) in [(2, true), (60, true), (60, false), (5_000, true)] {
        let mut list = List::of(len);
        list.counted = counted;
        let mut from = Cursor::FIRST;
        for _ in 0..len / 1_000 {
            from = list.page(&from, 1_000).next.unwrap();
        }
        let from = list.page(&from, 1).next.unwrap();
        list.ids.clear();
        let end = list.page(&from, 25);
        assert_eq!((end.page, end.next), (vec![], None));
        // The end is taken from nothing but the sight of the whole list.
        assert_eq!(end.windows.last().unwrap().0, 1, "{len}");
    }
}

#[test]
fn a_list_of_which_nobody_is_known_any_more_is_lost() {
    let mut list = List::of(60);
    let first = list.page(&Cursor::FIRST, 25);
    list.remove(23..=26);
    assert!(list.read(first.next(), 25, |_| ()).is_none());
    // Nobody can tell where the place was, so it is not even the end if only new ones are left.
    list.ids.clear();
    list.insert(0);
    assert!(list.read(first.next(), 25, |_| ()).is_none());
}

#[test]
fn a_place_that_is_gone_from_a_long_list_is_given_up_after_six_reads() {
    let mut list = List::of(9_000);
    let mut from = Cursor::FIRST;
    for _ in 0..4 {
        from = list.page(&from, 1_000).next.unwrap();
    }
    let at = u64::from(from.at().get());
    list.remove(at - 3..=at);
    let mut scan = Scan::new(&from, PageSize::DEFAULT);
    let nobody: Vec<_> = (1..=10).map(|number| id(100_000 + number)).collect();
    let nobody: Vec<_> = nobody.iter().collect();
    for _ in 1..6 {
        assert_eq!(scan.look(&nobody, true, None), Look::Again);
    }
    assert_eq!(scan.look(&nobody, true, None), Look::Lost);
    assert!(list.read(&from, 25, |_| ()).is_none());
}

#[test]
fn another_order_than_before_is_told() {
    let mut list = List::of(60);
    let first = list.page(&Cursor::FIRST, 25);
    list.ids.reverse();
    assert!(list.read(first.next(), 25, |_| ()).is_none());
}

#[test]
fn a_page_begins_behind_the_last_who_is_left_and_not_among_those_who_were_returned() {
    // 23 is in sight, and 24 and 25 are further on than the answer reaches.
    for new in [1, 2, 27, 28, 40] {
        let mut list = List::of(100);
        let first = list.page(&Cursor::FIRST, 25);
        for _ in 0..new {
            list.insert(23);
        }
        let second = list.page(first.next(), 25);
        let expected = numbers(26..=50);
        assert_eq!(second.numbers(), expected[..second.page.len()], "{new}");
        assert!(second.page.len() > 20, "{new}");
    }
}

#[test]
fn an_answer_that_shows_no_more_than_the_place_is_followed_by_one_that_does() {
    let mut list = List::of(100);
    let first = list.page(&Cursor::FIRST, 1);
    // Two are asked for beside the one in front of the place.
    list.insert(0);
    list.insert(0);
    let second = list.page(first.next(), 1);
    assert_eq!(second.numbers(), [2]);
    assert_eq!(second.windows, [(1, 3), (3, 3)]);
}

#[test]
fn answers_that_are_too_large_are_asked_for_in_smaller_parts() {
    for fits in [2, 3, 4, 10, 300] {
        let mut list = List::of(700);
        list.fits = fits;
        let mut found = Vec::new();
        let mut from = Some(Cursor::FIRST);
        while let Some(cursor) = from {
            let page = list.page(&cursor, 1_000);
            list.remove([found.len() as u64 / 2]);
            found.extend(page.numbers());
            from = page.next;
        }
        assert_eq!(found, numbers(1..=700), "{fits}");
    }
    let first = List::of(9).page(&Cursor::FIRST, 3);
    let mut scan = Scan::new(first.next(), PageSize::new(1));
    assert!(scan.narrow());
    assert_eq!(scan.window().size.get(), 2);
    assert!(!scan.narrow(), "one alone can't be both known and next");
}

#[test]
fn who_is_further_on_than_answers_reach_is_returned_again_and_not_in_the_next_page() {
    // 24 and 25 were returned. Nobody can tell them from deleted ones in answers of seven, of which none shows them.
    let mut list = List::of(100);
    let first = list.page(&Cursor::FIRST, 25);
    list.fits = 7;
    for _ in 0..20 {
        list.insert(23);
    }
    let mut found = Vec::<u64>::new();
    let mut before = first.numbers();
    let mut from = first.next;
    while let Some(cursor) = from {
        let page = list.page(&cursor, 25);
        let numbers = page.numbers();
        assert!(numbers.iter().all(|number| !before.contains(number)));
        found.extend(&numbers);
        before = numbers;
        from = page.next;
    }
    let mut expected = numbers(101..=120);
    expected.reverse();
    expected.extend(24..=100);
    assert_eq!(found, expected);
}

/// How a list moves: how many come and go at most each time, and where.
#[derive(Clone, Copy, Debug)]
struct Churn {
    coming: usize,
    going: usize,
    /// Around the position of this share of the list, in percent; anywhere where there is none.
    place: Option<usize>,
}

impl Churn {
    fn happen(self, list: &mut List, dice: &mut Rng, at: usize) {
        let place = |dice: &mut Rng, len: usize| match self.place {
            Some(0) => 0,
            Some(100) => len,
            Some(_) => (at + dice.usize(..5)).saturating_sub(3).min(len),
            None => dice.usize(..len + 1),
        };
        for _ in 0..dice.usize(..self.going + 1).min(list.ids.len()) {
            let index = place(dice, list.ids.len() - 1);
            list.ids.remove(index);
        }
        for _ in 0..dice.usize(..self.coming + 1) {
            let index = place(dice, list.ids.len());
            list.insert(index);
        }
    }
}

/// After so many pages a list grows as fast as it is read.
const MOST_PAGES: usize = 200;

/// Who the scan by position alone, which this is instead of, would leave out without a word.
fn left_out_by_position(mut list: List, size: usize, churn: Churn, dice: &mut Rng) -> usize {
    let first: HashSet<_> = list.ids.iter().cloned().collect();
    let mut found = HashSet::new();
    let mut start = 0;
    for _ in 0..MOST_PAGES {
        if start >= list.ids.len() {
            break;
        }
        let end = list.ids.len().min(start + size);
        found.extend(list.ids[start..end].iter().cloned());
        start = end;
        churn.happen(&mut list, dice, start);
    }
    let staying = list.ids.iter().filter(|id| first.contains(id));
    staying.filter(|id| !found.contains(id)).count()
}

#[test]
fn whoever_stays_is_returned_and_nobody_twice_however_the_list_moves() {
    let mut ended: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    let mut left_out = 0;
    'scans: for seed in 0..500 {
        let dice = &mut Rng::with_seed(seed);
        let size = dice.choice([1, 2, 3, 25, 100, 996, 997, 1_000]).unwrap();
        let most = match size {
            ..25 => 60,
            25..=100 => dice.choice([300, 300, 300, 3_000]).unwrap(),
            _ => 3_000,
        };
        let mut list = List::of(dice.usize(..most) as u64);
        list.counted = dice.usize(..2) == 0;
        list.fits = dice.choice([1_000, 1_000, 1_000, 500, 7]).unwrap();
        let amounts = [0, 0, 1, 3, 20, 200];
        let churn = Churn {
            coming: *dice
                .choice(&amounts[..if size < 25 { 5 } else { 6 }])
                .unwrap(),
            going: dice.choice(amounts).unwrap(),
            place: dice.choice([None, Some(0), Some(50), Some(100)]).unwrap(),
        };
        if churn.going < 20 {
            left_out += left_out_by_position(list.clone(), size, churn, &mut Rng::with_seed(seed));
        }

        let first: HashSet<_> = list.ids.iter().cloned().collect();
        let (mut found, mut before) = (HashSet::new(), HashSet::new());
        let mut from = Some(Cursor::FIRST);
        let mut pages = 0;
        let whole = loop {
            let Some(cursor) = from else { break true };
            let at = cursor.at().get() as usize - 1;
            // In the middle of a page, too.
            let moves = |list: &mut List, dice: &mut Rng| {
                if dice.usize(..3) == 0 {
                    churn.happen(list, dice, at);
                }
            };
            let Some(read) = list.read(&cursor, size as u32, |list| moves(list, dice)) else {
                break false;
            };
            assert!(read.page.len() <= size);
            for id in &read.page {
                assert!(!before.contains(id), "{seed}: {id} is in the page before");
                // Answers of a few customers don't show whether one who is missing is gone or further on; see the test
                // above.
                let new = found.insert(id.clone()) || list.fits == 7;
                assert!(new, "{seed}: {id} was returned before");
            }
            assert!(!read.page.is_empty() || read.next.is_none(), "{seed}");
            churn.happen(&mut list, dice, at + read.page.len());
            before = read.page.into_iter().collect();
            from = read.next;
            pages += 1;
            if pages > MOST_PAGES {
                continue 'scans;
            }
        };
        if whole {
            // Those who go never come back, so whoever is still there was there all the time.
            let staying = list.ids.iter().filter(|id| first.contains(id));
            let missing: Vec<_> = staying.filter(|id| !found.contains(id)).collect();
            assert!(
                missing.is_empty(),
                "{seed}, {churn:?} by {size}: {missing:?}"
            );
        }
        let kind = match churn.going {
            0 => "none go",
            1..=3 => "some go",
            _ => "many go",
        };
        ended.entry(kind).or_default()[usize::from(whole)] += 1;
    }
    assert!(left_out > 300, "the lists hardly move: {left_out}");
    let share = |kind: &str| {
        let [lost, whole] = ended[kind];
        100 * whole / (lost + whole)
    };
    assert!(share("none go") > 80, "{ended:?}");
    assert!(share("some go") > 60, "{ended:?}");
    assert!(share("many go") > 20, "{ended:?}");
}
