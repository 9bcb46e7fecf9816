//! Who gets a place, who waits, and who has to go, under a held clock.

use super::*;

const BOUNDS: Bounds = Bounds {
    in_flight: 8,
    waiting: 8,
    reserved_for_writes: 2,
    longest_wait: std::time::Duration::from_millis(500),
};

fn line() -> Line<&'static str> {
    Line::new(BOUNDS)
}

/// Puts a call into the line; answers what was pushed out, or `"full"`.
fn wait(line: &mut Line<&'static str>, work: Work, caller: &str, name: &'static str) -> String {
    match line.wait(work, &caller.into(), name) {
        Arrival::Waits { pushed_out, .. } => pushed_out.unwrap_or_default().to_owned(),
        Arrival::Full => "full".to_owned(),
    }
}

/// Takes all places that `caller` gets.
fn fill_as(line: &mut Line<&'static str>, work: Work, caller: &str, now: Instant) -> usize {
    let caller = caller.into();
    (0..1_000)
        .take_while(|_| line.enter(work, &caller, now))
        .count()
}

fn fill(line: &mut Line<&'static str>, work: Work) -> usize {
    fill_as(line, work, "filler", Instant::now())
}

fn leave(line: &mut Line<&'static str>, work: Work) {
    line.leave(work, &"filler".into());
}

/// Who is next where everybody may have all.
fn next(line: &mut Line<&'static str>) -> Option<(Work, &'static str)> {
    next_at(line, Instant::now() + LATELY)
}

fn next_at(line: &mut Line<&'static str>, now: Instant) -> Option<(Work, &'static str)> {
    let next = line.next(now);
    next.map(|(work, _, name)| (work, name))
}

#[test]
fn reads_leave_the_reserve_to_writes_and_writes_may_have_all() {
    let mut line = line();
    assert_eq!(fill(&mut line, Work::Read), 6);
    assert_eq!(fill(&mut line, Work::Write), 2);
    let mut line = self::line();
    assert_eq!(fill(&mut line, Work::Write), 8);
    assert_eq!(fill(&mut line, Work::Read), 0);
    assert_eq!(line.figures(), (8, 0));
}

#[test]
fn the_line_has_an_end_and_keeps_room_for_writes() {
    let mut line = line();
    let reads = (0..20).filter(|_| wait(&mut line, Work::Read, "a", "read").is_empty());
    assert_eq!(reads.count(), 6);
    let writes = (0..20).filter(|_| wait(&mut line, Work::Write, "a", "write").is_empty());
    assert_eq!(writes.count(), 2);
    assert_eq!(line.figures(), (0, 8));
}

#[test]
fn callers_take_turns_however_many_calls_each_has() {
    let mut line = line();
    fill(&mut line, Work::Write);
    for name in ["a1", "a2", "a3"] {
        wait(&mut line, Work::Write, "a", name);
    }
    wait(&mut line, Work::Write, "b", "b1");
    wait(&mut line, Work::Write, "c", "c1");
    let served: Vec<_> = (0..5)
        .filter_map(|_| {
            leave(&mut line, Work::Write);
            next(&mut line)
        })
        .map(|(_, name)| name)
        .collect();
    assert_eq!(served, ["a1", "b1", "c1", "a2", "a3"]);
    assert!(next(&mut line).is_none());
    assert!(line.callers.is_empty() && line.reads.is_empty() && line.writes.is_empty());
}

#[test]
fn reads_and_writes_take_turns_beyond_the_reserve() {
    let mut line = line();
    fill(&mut line, Work::Write);
    for name in ["w1", "w2", "w3"] {
        wait(&mut line, Work::Write, "a", name);
    }
    for name in ["r1", "r2", "r3"] {
        wait(&mut line, Work::Read, "b", name);
    }
    let mut served = String::new();
    for _ in 0..6 {
        leave(&mut line, Work::Write);
        served.push_str(next(&mut line).unwrap().1);
    }
    assert_eq!(served, "w1r1w2r2w3r3");
}

#[test]
fn a_free_place_of_the_reserve_is_for_a_write() {
    let mut line = line();
    fill(&mut line, Work::Read);
    wait(&mut line, Work::Read, "a", "read");
    assert!(
        next(&mut line).is_none(),
        "a read got a place of the reserve"
    );
    wait(&mut line, Work::Write, "b", "write");
    assert_eq!(next(&mut line), Some((Work::Write, "write")));
    leave(&mut line, Work::Read);
    assert_eq!(next(&mut line), Some((Work::Read, "read")));
}

#[test]
fn a_full_line_makes_room_for_a_quiet_caller_and_not_for_the_one_that_filled_it() {
    let mut line = line();
    for name in ["1", "2", "3", "4", "5", "6"] {
        wait(&mut line, Work::Read, "loud", name);
    }
    assert_eq!(wait(&mut line, Work::Read, "loud", "7"), "full");
    assert_eq!(wait(&mut line, Work::Read, "quiet", "q1"), "6");
    assert_eq!(wait(&mut line, Work::Read, "quiet", "q2"), "5");
    assert_eq!(wait(&mut line, Work::Read, "quiet", "q3"), "4");
    // Three each: nobody is the louder one any more.
    assert_eq!(wait(&mut line, Work::Read, "quiet", "q4"), "full");
    // Writes fill what is left, and then the last of the loudest goes, whatever it is.
    for name in ["w1", "w2"] {
        assert_eq!(wait(&mut line, Work::Write, "loud", name), "");
    }
    assert_eq!(wait(&mut line, Work::Write, "third", "w"), "w2");
    assert_eq!(line.figures(), (0, 8));
}

#[test]
fn who_gives_up_leaves_no_trace() {
    let mut line = line();
    let caller: Arc<str> = "a".into();
    let Arrival::Waits { ticket, .. } = line.wait(Work::Read, &caller, "read") else {
        panic!("the line is empty");
    };
    line.forget(Work::Read, &caller, ticket);
    line.forget(Work::Read, &caller, ticket);
    assert_eq!(line.figures(), (0, 0));
    assert!(line.callers.is_empty() && line.reads.is_empty());
    assert!(next(&mut line).is_none());
}

#[test]
fn fewer_places_empty_by_themselves_and_more_are_taken_at_once() {
    let mut line = line();
    fill(&mut line, Work::Write);
    wait(&mut line, Work::Write, "a", "next");
    line.set_bounds(Bounds {
        in_flight: 4,
        ..BOUNDS
    });
    for _ in 0..4 {
        leave(&mut line, Work::Write);
        assert!(next(&mut line).is_none());
    }
    line.set_bounds(BOUNDS);
    assert_eq!(next(&mut line), Some((Work::Write, "next")));
    assert_eq!(line.bounds(), BOUNDS);
}

const MANY: Bounds = Bounds {
    in_flight: 256,
    reserved_for_writes: 32,
    ..BOUNDS
};

#[test]
fn a_caller_that_is_alone_has_all_places_and_others_leave_it_two_thirds() {
    let start = Instant::now();
    let mut line = Line::new(MANY);
    assert_eq!(fill_as(&mut line, Work::Read, "loud", start), 224);
    let later = start + LATELY / 2;
    assert!(!line.enter(Work::Read, &"quiet".into(), later));
    // As many as it has too many of leave before it gets another one.
    for _ in 0..74 {
        line.leave(Work::Read, &"loud".into());
        assert!(!line.enter(Work::Read, &"loud".into(), later));
    }
    line.leave(Work::Read, &"loud".into());
    assert!(line.enter(Work::Read, &"loud".into(), later));
    assert_eq!(line.figures().0, 150);
    let longer = later + LATELY;
    assert_eq!(fill_as(&mut line, Work::Read, "loud", longer), 74);
}

#[test]
fn each_further_caller_has_two_thirds_of_what_is_left() {
    let now = Instant::now();
    let mut line = Line::new(MANY);
    assert!(line.enter(Work::Read, &"first".into(), now));
    line.leave(Work::Read, &"first".into());
    let has: Vec<_> = (0..6)
        .map(|caller| fill_as(&mut line, Work::Read, &caller.to_string(), now))
        .collect();
    assert_eq!(has, [150, 50, 16, 6, 2, 0]);
    assert_eq!(fill_as(&mut line, Work::Write, "writer", now), 22);
}

#[test]
fn who_has_its_share_waits_while_places_are_free_and_lets_others_pass() {
    let now = Instant::now();
    let mut line = line();
    line.enter(Work::Read, &"quiet".into(), now);
    assert_eq!(fill_as(&mut line, Work::Read, "loud", now), 4);
    wait(&mut line, Work::Read, "loud", "l1");
    wait(&mut line, Work::Read, "quiet", "q1");
    assert_eq!(next_at(&mut line, now), Some((Work::Read, "q1")));
    assert_eq!(next_at(&mut line, now), None);
    line.leave(Work::Read, &"loud".into());
    line.leave(Work::Read, &"quiet".into());
    assert_eq!(next_at(&mut line, now), Some((Work::Read, "l1")));
    assert!(line.callers.is_empty() && line.reads.is_empty());
}
