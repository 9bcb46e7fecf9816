//! Reads that lag behind: what they show, and that they leave nothing behind.

use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::{
    consumer::tests::consumer,
    customer::tests::{customer, second_partner, state},
    quirk::Usernames,
    random::Random,
};

const LAG: Duration = Duration::from_secs(10);

fn until(state: &State, lag: Duration) -> Timestamp {
    state.clock.now() + jiff::SignedDuration::try_from(lag).unwrap()
}

fn lagging<T>(state: &mut State, lag: Duration, write: impl FnOnce(&mut State) -> T) -> T {
    let until = until(state, lag);
    let result = state.write_unseen(until, write);
    state.commit();
    result
}

fn at_once<T>(state: &mut State, write: impl FnOnce(&mut State) -> T) -> T {
    let result = state.write_seen(write);
    state.commit();
    result
}

fn touch(state: &mut State, id: &str) {
    state.customers.get_mut(&id.parse().unwrap()).unwrap();
}

fn finds(state: &mut State, id: &str) -> bool {
    state.read_as_seen(|state| state.route_customer(0, id).is_ok())
}

/// Everything that a read could leave behind.
fn whole(state: &State) -> (String, BTreeMap<String, u64>, Vec<String>) {
    let usernames = state.usernames.iter();
    let usernames = usernames.map(|(name, id)| (name.to_string(), *id));
    let mut derived = Vec::new();
    for partner in state.partners.iter() {
        for list in [
            &partner.customers,
            &partner.testing_customers,
            &partner.active_customers,
        ] {
            derived.push(format!("{:?}", list.iter().collect::<Vec<_>>()));
        }
    }
    for (id, customer) in state.customers.sorted() {
        derived.push(format!(
            "{id} {:?} {:?} {:?}",
            customer.consumer, customer.business, customer.institution_logins
        ));
    }
    (state.snapshot(), usernames.collect(), derived)
}

#[test]
fn a_later_write_that_is_seen_shows_the_row_as_it_is() {
    let mut state = state();
    let id = customer(&mut state, "customer1");
    state.commit();
    lagging(&mut state, LAG, |state| touch(state, &id));
    at_once(&mut state, |state| state.delete_customer(0, &id)).unwrap();
    assert!(!finds(&mut state, &id), "a deletion that was seen");
    // The same if the later one is seen first because it lags less.
    let id = customer(&mut state, "customer2");
    state.commit();
    lagging(&mut state, LAG, |state| touch(state, &id));
    lagging(&mut state, LAG / 2, |state| state.delete_customer(0, &id)).unwrap();
    assert!(finds(&mut state, &id));
    state.clock.advance(LAG / 2).unwrap();
    assert!(!finds(&mut state, &id), "a deletion that is seen by now");
}

#[test]
fn a_record_that_is_seen_is_found_through_a_customer_that_lags() {
    let mut state = state();
    let owner = customer(&mut state, "customer1");
    state.commit();
    lagging(&mut state, LAG, |state| touch(state, &owner));
    at_once(&mut state, |state| consumer(state, &owner));
    let found = state.read_as_seen(|state| state.route_consumer_by_customer(0, &owner).is_ok());
    assert!(found);
}

#[test]
fn writes_that_change_nothing_or_are_seen_by_now_are_forgotten() {
    let mut state = state();
    lagging(&mut state, LAG, |state| state.delete_customer(0, "7")).unwrap_err();
    assert!(state.unseen.is_empty());
    lagging(&mut state, LAG, |state| customer(state, "customer1"));
    state.clock.advance(LAG).unwrap();
    lagging(&mut state, LAG, |state| customer(state, "customer2"));
    assert_eq!(state.unseen.len(), 1);
}

#[test]
fn no_read_leaves_anything_behind_whatever_was_written() {
    for seed in 0..60 {
        let mut random = Random::from_seed(seed);
        let mut state = state();
        if seed % 2 == 0 {
            state.config.quirks.usernames = Usernames::Partner;
        }
        second_partner(&mut state);
        state.commit();
        for step in 0..150 {
            let ids: Vec<_> = state.customers.sorted().iter().map(|row| *row.0).collect();
            let some = usize::try_from(random.below(ids.len() as u64 + 1)).unwrap();
            let some = ids.get(some).copied().unwrap_or(7);
            let owner = state.customers.get(&some).map_or(0, |row| row.partner);
            let (some, what) = (some.to_string(), random.below(6));
            let name = format!("customer{}", random.below(4));
            let caller = usize::try_from(random.below(2)).unwrap();
            let body = serde_json::json!({
                "name": "A", "personallyLiable": false, "address": {}, "phoneNumber": {}, "firstName": name,
                "lastName": "Doe", "state": "UT", "ssn": "123456789", "email": "a@example.com", "username": name,
            });
            let call =
                crate::call::tests::call(&http::Method::POST, "/", body.to_string().as_bytes());
            let write = |state: &mut State| match what {
                0 | 1 => state.route_add_testing_customer(caller, &call).is_ok(),
                2 => state.delete_customer(owner, &some).is_ok(),
                3 => state.route_update_customer(owner, &some, &call).is_ok(),
                4 => state.route_create_consumer(owner, &some, &call).is_ok(),
                _ => state.route_create_business(owner, &some, &call).is_ok(),
            };
            match random.below(3) {
                0 => at_once(&mut state, write),
                1 => lagging(&mut state, LAG, write),
                _ => lagging(&mut state, LAG / 3, write),
            };
            let by = Duration::from_secs(random.below(4));
            state.clock.advance(by).unwrap();
            let before = whole(&state);
            state.read_as_seen(|state| {
                for id in ids.iter().map(u64::to_string) {
                    for partner in 0..2 {
                        let _ = state.route_customer(partner, &id);
                        let _ = state.route_consumer_by_customer(partner, &id);
                        let _ = state.route_business_by_customer(partner, &id);
                    }
                }
                for partner in 0..2 {
                    state.route_customers(partner, "").unwrap();
                    state
                        .route_customers(partner, &format!("username={name}"))
                        .unwrap();
                }
            });
            assert_eq!(before, whole(&state), "seed {seed}, step {step}");
            assert!(state.commit().is_empty());
        }
        state.clock.advance(LAG).unwrap();
        let now = whole(&state);
        let seen = state.read_as_seen(|state| whole(state));
        assert_eq!(now, seen, "in the end all is seen");
    }
}
