//! The settings of `limits.*` that may change while the gateway runs.

use super::*;

#[test]
fn callers_are_not_limited_unless_it_is_set() {
    let config = Given::complete().load().unwrap();
    assert_eq!(config.limits, Limits::default());
}

#[test]
fn a_limit_has_a_rate_and_a_burst_of_a_second_unless_another_is_set() {
    let mut given = Given::complete();
    given
        .set("LIMITS__CALLS_PER_SECOND", "50")
        .set("LIMITS__CREATES_PER_SECOND", "0.5")
        .set("LIMITS__CREATES_BURST", "10");
    let settings = given.settings().unwrap();
    let rate = |per_second, burst| Some(Rate { per_second, burst });
    let Limits { calls, creates, .. } = settings.config.limits;
    assert_eq!((calls, creates), (rate(50.0, 50), rate(0.5, 10)));
    let shown = settings.show();
    for line in [
        "calls_per_second = \"50\" # OPENFINANCE_LIMITS__CALLS_PER_SECOND",
        "calls_burst = \"50\" # default",
        "creates_per_second = \"0.5\" # OPENFINANCE_LIMITS__CREATES_PER_SECOND",
        "creates_burst = \"10\" # OPENFINANCE_LIMITS__CREATES_BURST",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    given.set("LIMITS__CREATES_PER_SECOND", "0.5");
    let config = given.unset("LIMITS__CREATES_BURST").load().unwrap();
    assert_eq!(config.limits.creates, rate(0.5, 1));
}

#[test]
fn a_limit_that_makes_no_sense_is_refused() {
    for wrong in ["", "0", "-1", "NaN", "inf", "many", "1000000"] {
        let problem = Given::complete()
            .set("LIMITS__CALLS_PER_SECOND", wrong)
            .set("LIMITS__CALLS_BURST", "1")
            .problem();
        assert_eq!(
            problem,
            "limits.calls_per_second (OPENFINANCE_LIMITS__CALLS_PER_SECOND): must be a number from 0.001 to 100000"
        );
    }
    for wrong in ["", "0", "-1", "1.5", "1000000"] {
        let problem = Given::complete()
            .set("LIMITS__CALLS_PER_SECOND", "1")
            .set("LIMITS__CALLS_BURST", wrong)
            .problem();
        assert_eq!(
            problem,
            "limits.calls_burst (OPENFINANCE_LIMITS__CALLS_BURST): must be a whole number from 1 to 100000"
        );
    }
    let problem = Given::complete()
        .set("LIMITS__CREATES_BURST", "5")
        .problem();
    assert_eq!(
        problem,
        "limits.creates_burst (OPENFINANCE_LIMITS__CREATES_BURST): limits nothing without limits.creates_per_second"
    );
}

#[test]
fn the_bounds_of_overload_are_settings_too() {
    let mut given = Given::complete();
    assert_eq!(
        given.load().unwrap().limits.bounds,
        Bounds {
            in_flight: 256,
            waiting: 256,
            reserved_for_writes: 32,
            longest_wait: Duration::from_millis(500),
        }
    );
    given
        .set("LIMITS__IN_FLIGHT", "64")
        .set("LIMITS__WAITING", "0")
        .set("LIMITS__LONGEST_WAIT", "2s");
    let bounds = given.load().unwrap().limits.bounds;
    assert_eq!((bounds.in_flight, bounds.waiting), (64, 0));
    // An eighth of them, unless it is set.
    assert_eq!(bounds.reserved_for_writes, 8);
    assert_eq!(bounds.longest_wait, Duration::from_secs(2));
    assert_eq!(
        given.set("LIMITS__RESERVED_FOR_WRITES", "64").problem(),
        "limits.reserved_for_writes (OPENFINANCE_LIMITS__RESERVED_FOR_WRITES): must be less than limits.in_flight, 64: \
         reads need a place too"
    );
}
