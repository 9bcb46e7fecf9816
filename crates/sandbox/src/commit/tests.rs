//! What is done to a state is in its file: random histories, and what opening a file again has to keep.

use std::{path::Path, sync::Arc, time::Duration};

use http::Method;
use serde_json::{Value, json};

use super::*;
use crate::{
    auth::{Lock, Revoke},
    authorization::{Connection, NewInstitutionLogin},
    call::tests::call,
    config::{PartnerCredentials, Start},
    control::Control,
    customer::tests::{customer, state},
    random::Random,
    shared::Shared,
};

fn config(path: &Path) -> Config {
    Config {
        state: Some(path.to_owned()),
        ..Config::for_tests()
    }
}

/// A sandbox without its server, in which anything may happen.
struct World {
    shared: Arc<Shared>,
    control: Control,
    random: Random,
}

impl World {
    fn open(config: Config, random: Random) -> Self {
        let shared = Arc::new(Shared::new(State::open(config).unwrap()));
        Self {
            control: Control::new(Arc::clone(&shared)),
            shared,
            random,
        }
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        self.shared.with(f).0
    }

    fn send(&self, method: &Method, path: &str, body: &Value) {
        self.with(|state| {
            // Whichever token is alive; a locked partner has none, and is refused.
            let last = state.tokens.iter().max_by_key(|(_, token)| token.number);
            let token = last.map(|(token, _)| token.clone());
            let call = call(method, path, body.to_string().as_bytes());
            state.take(call.with_token(&token.unwrap_or_default()));
        });
    }

    /// One of these ids, or one that never was.
    fn one_of(&mut self, mut ids: Vec<String>) -> String {
        ids.push("77".to_owned());
        let position = self.random.below(ids.len() as u64);
        ids.swap_remove(usize::try_from(position).unwrap())
    }

    fn customer(&mut self) -> String {
        let ids = self.with(|state| {
            state
                .customers
                .sorted()
                .iter()
                .map(|row| row.0.to_string())
                .collect()
        });
        self.one_of(ids)
    }

    fn consumer(&mut self) -> String {
        let ids = self.with(|state| {
            state
                .consumers
                .sorted()
                .iter()
                .map(|row| row.0.clone())
                .collect()
        });
        self.one_of(ids)
    }

    fn business(&mut self) -> String {
        let ids = self.with(|state| {
            state
                .businesses
                .sorted()
                .iter()
                .map(|row| row.0.to_string())
                .collect()
        });
        self.one_of(ids)
    }

    fn do_something(&mut self) {
        let number = self.random.below(40);
        let secret = self.with(|state| state.config.partner.secret.clone());
        let person = json!({
            "username": format!("customer{number}"), "firstName": "Jane", "lastName": format!("Doe {number}"),
            "state": "UT", "ssn": "999-60-1111", "phone": "1-801-984-4200",
            "birthday": {"year": 1989, "month": 8, "dayOfMonth": 13},
        });
        let business = json!({
            "name": format!("Tires {number}"), "personallyLiable": number.is_multiple_of(2), "address": {"city": "Murray"},
            "phoneNumber": {}, "taxId": "A1",
        });
        let partner = self.with(|state| state.config.partner.id.clone());
        match self.random.below(20) {
            0..=4 => self.send(&Method::POST, "/aggregation/v2/customers/testing", &person),
            5 => self.send(&Method::POST, "/aggregation/v2/customers/active", &person),
            6 => {
                let path = format!("/aggregation/v1/customers/{}", self.customer());
                self.send(&Method::PUT, &path, &person);
            }
            7 => {
                let path = format!("/aggregation/v1/customers/{}", self.customer());
                self.send(&Method::DELETE, &path, &json!({}));
            }
            8..=9 => {
                let path = format!("/decisioning/v1/customers/{}/consumer", self.customer());
                self.send(&Method::POST, &path, &person);
            }
            10 => {
                let path = format!("/decisioning/v1/consumers/{}", self.consumer());
                self.send(
                    &Method::PUT,
                    &path,
                    &json!({"city": format!("City {number}")}),
                );
            }
            11 => {
                let path = format!(
                    "/business-services/customers/{}/businesses",
                    self.customer()
                );
                self.send(&Method::POST, &path, &business);
            }
            12 => {
                let path = format!("/business-services/businesses/{}", self.business());
                self.send(&Method::PUT, &path, &business);
            }
            13..=14 => {
                let secret = if number < 15 { "wrong" } else { &secret };
                let body = json!({"partnerId": partner, "partnerSecret": secret});
                self.send(
                    &Method::POST,
                    "/aggregation/v2/partners/authentication",
                    &body,
                );
            }
            15 => {
                let body = json!({
                    "partnerId": partner, "partnerSecret": secret, "newPartnerSecret": secret,
                    "immediate": number.is_multiple_of(2),
                });
                self.send(
                    &Method::PUT,
                    "/aggregation/v2/partners/authentication",
                    &body,
                );
            }
            16..=17 => {
                let new = NewInstitutionLogin {
                    customer_id: self.customer(),
                    connection: Connection::Legacy,
                    start: None,
                    end: None,
                };
                // Some customers are not there.
                let _ = self.control.add_institution_login(&new);
            }
            18 => {
                self.control
                    .advance(Duration::from_millis(number * 98_765))
                    .unwrap();
                self.control
                    .set_partner_locked(None, Lock::Unlocked)
                    .unwrap();
            }
            _ => self.turn_something(number),
        }
    }

    fn turn_something(&self, number: u64) {
        match number {
            0..=4 => {
                let credentials = PartnerCredentials {
                    id: format!("partner {number}"),
                    secret: "s".to_owned(),
                    app_key: "k".to_owned(),
                };
                // It may have been added before.
                let _ = self.control.add_partner(&credentials);
            }
            5..=9 => self
                .control
                .add_application("a", &format!("Application {number}")),
            10..=14 => drop(self.control.revoke_tokens(Revoke::Last)),
            15..=16 => drop(self.control.revoke_tokens(Revoke::All)),
            17 => self.control.reset(Some(number)),
            18..=19 => {
                let snapshot = self.control.snapshot();
                self.control.reset(None);
                self.control.restore(&snapshot).unwrap();
            }
            _ => {}
        }
    }
}

/// What no snapshot holds, because it follows from the rows.
fn derived(state: &State) -> Value {
    let customers = state.customers.sorted().into_iter();
    let customers = customers.map(|(id, customer)| {
        json!([
            id,
            customer.consumer,
            customer.business,
            customer.institution_logins
        ])
    });
    let lists = state.partners.iter().map(|partner| {
        let lists = [
            &partner.customers,
            &partner.testing_customers,
            &partner.active_customers,
        ];
        json!(lists.map(|list| list.iter().collect::<Vec<_>>()))
    });
    json!([
        state
            .usernames
            .iter()
            .collect::<std::collections::BTreeMap<_, _>>(),
        customers.collect::<Vec<_>>(),
        lists.collect::<Vec<_>>(),
    ])
}

#[test]
fn whatever_happens_a_file_opened_again_holds_what_memory_held() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 1..=4 {
        let config = config(&folder.path().join(format!("{seed}.redb")));
        let mut world = World::open(config.clone(), Random::from_seed(seed));
        let mut most = 0;
        for _ in 0..12 {
            for _ in 0..40 {
                world.do_something();
            }
            let before = (
                world.with(|state| state.snapshot()),
                world.with(|state| derived(state)),
            );
            world.with(State::close);
            world = World::open(config.clone(), world.random);
            let after = (
                world.with(|state| state.snapshot()),
                world.with(|state| derived(state)),
            );
            assert!(before == after, "seed {seed}:\n{before:#?}\n{after:#?}");
            most = most.max(world.control.counts().consumers);
        }
        assert!(most > 5, "seed {seed} has done too little");
    }
}

#[test]
fn a_refused_change_and_a_read_are_no_change() {
    let mut state = state();
    let id = customer(&mut state, "customer1");
    let told = state.commit();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].change, &told[0].id), (Change::Created, &id));
    for (method, path, body) in [
        (
            Method::GET,
            format!("/aggregation/v1/customers/{id}"),
            json!({}),
        ),
        (
            Method::PUT,
            format!("/aggregation/v1/customers/{id}"),
            json!({}),
        ),
        (
            Method::PUT,
            format!("/aggregation/v1/customers/{id}"),
            json!({"firstName": "a<b"}),
        ),
        (
            Method::POST,
            "/aggregation/v2/customers/testing".to_owned(),
            json!({"username": "customer1"}),
        ),
        (
            Method::POST,
            format!("/decisioning/v1/customers/{id}/consumer"),
            json!({}),
        ),
    ] {
        let partner = state.config.partner.clone();
        let token = state
            .create_token(&partner.app_key, &partner.id, &partner.secret)
            .unwrap();
        state.take(call(&method, &path, body.to_string().as_bytes()).with_token(&token));
        assert!(state.commit().is_empty(), "{method} {path}");
    }
}

#[test]
fn a_clock_that_runs_is_not_behind_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder.path().join("state.redb"));
    config.start = Start::At("2027-01-01T00:00:00Z".parse().unwrap());
    let world = World::open(config.clone(), Random::from_seed(1));
    let before = world.control.advance(Duration::from_secs(7200)).unwrap();
    world.with(State::close);
    let world = World::open(config, Random::from_seed(1));
    let behind = before.duration_since(world.control.now());
    assert!(!behind.is_positive() && behind.as_secs() > -600, "{behind}");
}

#[test]
fn a_file_goes_before_the_configuration_but_for_the_partner_id() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder.path().join("state.redb"));
    let world = World::open(config.clone(), Random::from_seed(1));
    world.control.set_partner_secret(None, "turned").unwrap();
    world.with(State::close);
    config.seed = 9;
    let world = World::open(config.clone(), Random::from_seed(1));
    assert_eq!(world.control.summary().seed, 1);
    assert!(world.control.snapshot().as_json().contains("turned"));
    world.with(State::close);
    config.partner.id = "another".to_owned();
    let refusal = State::open(config).err().unwrap();
    assert!(
        matches!(refusal, StateFileError::OtherPartner { .. }),
        "{refusal}"
    );
}

#[test]
fn a_file_in_which_a_bit_has_turned_is_refused_or_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&folder.path().join("state.redb"));
    let path = config.state.clone().unwrap();
    let mut state = State::open(config.clone()).unwrap();
    for number in 0..100 {
        customer(&mut state, &format!("customer{number}"));
        state.commit();
    }
    let expected = state.snapshot();
    drop(state);
    let whole = std::fs::read(&path).unwrap();
    let mut random = Random::from_seed(1);
    for _ in 0..200 {
        let mut damaged = whole.clone();
        let position = usize::try_from(random.below(whole.len() as u64)).unwrap();
        damaged[position] ^= 1 << random.below(8);
        std::fs::write(&path, damaged).unwrap();
        if let Ok(state) = State::open(config.clone()) {
            assert_eq!(state.snapshot(), expected, "byte {position}");
        }
    }
}
