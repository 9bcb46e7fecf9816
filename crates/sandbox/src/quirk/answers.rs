//! Both sides of every switch, as a client would see them.

mod records;

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use http::{Request, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::SWITCHES;
use crate::{
    auth::Lock,
    authorization::{Connection, NewInstitutionLogin},
    call::{Call, Submitted},
    config::{Config, PartnerCredentials, PersonallyLiableRule, Plan},
    state::State,
};

const LOG_IN: &str = "/aggregation/v2/partners/authentication";
const TESTING: &str = "/aggregation/v2/customers/testing";
const ACTIVE: &str = "/aggregation/v2/customers/active";
const CUSTOMERS: &str = "/aggregation/v1/customers";
const SECRET: &str = "SandboxSecret1234";

/// One sandbox without HTTP, and a client that is logged in.
struct World {
    state: State,
    partner: PartnerCredentials,
    token: String,
}

/// Status and body; an empty body, or one that is not JSON, is null.
type Seen = (u16, Value);

impl World {
    fn with(quirk: &str) -> Self {
        let mut config = Config::for_tests();
        config.personally_liable_rule = PersonallyLiableRule::Off;
        config.quirks.set(quirk.parse().unwrap());
        let partner = config.partner.clone();
        let mut world = Self {
            state: State::new(config),
            partner,
            token: String::new(),
        };
        world.log_in();
        world
    }

    fn log_in(&mut self) {
        let (_, body) = self.try_secret(SECRET);
        body["token"].as_str().unwrap().clone_into(&mut self.token);
    }

    fn try_secret(&mut self, secret: &str) -> Seen {
        let body = json!({"partnerId": self.partner.id, "partnerSecret": secret});
        self.ask("POST", LOG_IN, body)
    }

    /// The same as another partner, whose app key is `k`.
    fn as_partner(&mut self, id: &str) {
        self.partner = PartnerCredentials {
            id: id.to_owned(),
            secret: SECRET.to_owned(),
            app_key: "k".to_owned(),
        };
        let partner = crate::auth::Partner::new(&self.partner);
        self.state.partners.push(partner);
        self.log_in();
    }

    fn ask(&mut self, method: &str, path: &str, body: Value) -> Seen {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("finicity-app-key", &self.partner.app_key)
            .header("finicity-app-token", &self.token)
            .header(CONTENT_TYPE, "application/json");
        let (head, ()) = request.body(()).unwrap().into_parts();
        let arrival = self.state.arrive(&head);
        let call = Call::new(head, Ok(Bytes::from(body.to_string())));
        let Submitted::Done(outcome) = self.state.submit(call, arrival) else {
            panic!("there is no barrier");
        };
        let answer = outcome.answer;
        let body = serde_json::from_slice(&answer.body).unwrap_or_default();
        (answer.status.as_u16(), body)
    }

    /// Status and code of a refusal.
    fn refusal(&mut self, method: &str, path: &str, body: Value) -> Seen {
        let (status, mut body) = self.ask(method, path, body);
        (status, body["code"].take())
    }

    fn get(&mut self, path: &str) -> Value {
        self.ask("GET", path, json!(null)).1
    }

    /// Creates a customer with these names and answers its path.
    fn customer(&mut self, username: &str, first_name: &str) -> String {
        let body = json!({"username": username, "firstName": first_name});
        let (_, body) = self.ask("POST", TESTING, body);
        format!("{CUSTOMERS}/{}", body["id"].as_str().unwrap())
    }
}

/// What a question gets under each choice of a switch.
fn each<T>(switch: &str, ask: impl Fn(&mut World) -> T) -> Vec<T> {
    let row = SWITCHES.iter().find(|row| row.switch == Some(switch));
    let choices = row.expect("the switch exists").claims;
    let worlds = choices
        .iter()
        .map(|claim| World::with(&format!("{switch}={}", claim.choice)));
    worlds.map(|mut world| ask(&mut world)).collect()
}

#[test]
fn every_switch_has_a_test_here() {
    let tests = [
        include_str!("answers.rs"),
        include_str!("answers/records.rs"),
    ];
    let tested: BTreeSet<&str> = tests
        .into_iter()
        .flat_map(|tests| tests.split("each(\"").skip(1))
        .filter_map(|rest| rest.split_once('"').map(|(name, _)| name))
        .collect();
    let names: BTreeSet<&str> = super::names().into_iter().collect();
    assert_eq!(tested, names);
}

#[test]
fn a_token_lives_two_hours_or_ninety_minutes() {
    let seen = each("token-life", |world| {
        let ninety_minutes = Duration::from_secs(90 * 60);
        world.state.clock.advance(ninety_minutes).unwrap();
        world.ask("GET", CUSTOMERS, json!(null)).0
    });
    assert_eq!(seen, [200, 401]);
}

#[test]
fn the_fifth_or_the_sixth_failure_locks() {
    let seen = each("lock-after", |world| {
        let failures = (0..7).map(|_| world.try_secret("wrong").0);
        failures.filter(|status| *status == 401).count()
    });
    assert_eq!(seen, [5, 6]);
}

#[test]
fn a_locked_partner_is_told_with_500_or_401() {
    let seen = each("locked-status", |world| {
        world.state.partners[0].set_lock(Lock::Locked);
        let (status, body) = world.try_secret(SECRET);
        (status, body["code"].clone())
    });
    assert_eq!(seen, [(500, json!(24302)), (401, json!(24302))]);
}

#[test]
fn a_lock_closes_authentication_or_everything() {
    let seen = each("lock-reach", |world| {
        world.state.partners[0].set_lock(Lock::Locked);
        let locked = world.refusal("GET", CUSTOMERS, json!(null));
        world.state.partners[0].set_lock(Lock::Unlocked);
        (locked, world.ask("GET", CUSTOMERS, json!(null)).0)
    });
    let expected = [((200, json!(null)), 200), ((401, json!(24302)), 200)];
    assert_eq!(seen, expected);
}

#[test]
fn a_missing_credential_is_told_in_three_ways() {
    let seen = each("missing-credential", |world| {
        world.ask("POST", LOG_IN, json!({"partnerId": " "}))
    });
    let text = "\"partnerId\" is required";
    let mut long = json!({
        "code": "10010", "status": "400", "message": text, "user_message": text, "tags": "",
    });
    let short = json!({"code": 10005, "message": "Missing parameter (partnerId)"});
    assert_eq!(seen[..2], [(400, short), (400, long.clone())]);
    long["status"] = json!("500");
    assert_eq!(seen[2], (500, long));
}

#[test]
fn an_unknown_partner_is_told_flat_or_wrapped() {
    let seen = each("unknown-partner", |world| {
        let (status, body) = world.ask(
            "POST",
            LOG_IN,
            json!({"partnerId": "7", "partnerSecret": "x"}),
        );
        let inner = body["Errors"]["Error"][0]["ReasonCode"].clone();
        (status, body["code"].clone(), inner)
    });
    let expected = [
        (404, json!(12401), json!(null)),
        (404, json!(null), json!("12401")),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_change_that_does_not_say_kills_the_old_secret_or_leaves_it() {
    let seen = each("immediate-default", |world| {
        let body = json!({
            "partnerId": world.partner.id, "partnerSecret": SECRET, "newPartnerSecret": "Another_secret_42",
        });
        assert_eq!(world.ask("PUT", LOG_IN, body).0, 204);
        world.try_secret(SECRET).0
    });
    assert_eq!(seen, [401, 200]);
}

#[test]
fn a_username_is_unique_over_the_platform_or_the_partner() {
    let seen = each("usernames", |world| {
        let new = json!({"username": "customer1"});
        let path = world.customer("customer1", "John");
        let own = world.ask("POST", ACTIVE, new.clone()).0;
        world.as_partner("2");
        let theirs = world.ask("POST", TESTING, new.clone()).0;
        let found = world.get(&format!("{CUSTOMERS}?username=customer1"))["found"].clone();
        let twice = world.ask("POST", TESTING, new.clone()).0;
        // Neither partner frees the other's.
        assert_eq!(world.ask("DELETE", &path, json!(null)).0, 404);
        assert_eq!(world.ask("POST", ACTIVE, new).0, 409);
        (own, theirs, found, twice)
    });
    let expected = [(409, 409, json!(0), 409), (409, 201, json!(1), 409)];
    assert_eq!(seen, expected);
}

#[test]
fn a_username_is_freed_for_its_partner_alone() {
    let mut world = World::with("usernames=partner");
    let path = world.customer("customer1", "John");
    let page = world.get(&format!("{CUSTOMERS}?username=customer1"));
    assert_eq!(page["customers"][0]["username"], "customer1");
    assert_eq!(world.ask("DELETE", &path, json!(null)).0, 204);
    world.customer("customer1", "John");
}

#[test]
fn a_username_may_have_a_dot_or_not() {
    let seen = each("username-dot", |world| {
        world
            .ask("POST", TESTING, json!({"username": "john.smith"}))
            .0
    });
    assert_eq!(seen, [201, 400]);
}

#[test]
fn a_username_against_the_policy_is_400_or_500() {
    let seen = each("username-policy-status", |world| {
        world.refusal("POST", TESTING, json!({"username": "short"}))
    });
    assert_eq!(seen, [(400, json!(110_039)), (500, json!(110_039))]);
}

#[test]
fn a_create_tells_its_date_as_number_or_text() {
    let seen = each("created-date", |world| {
        world
            .ask("POST", TESTING, json!({"username": "customer1"}))
            .1["createdDate"]
            .clone()
    });
    assert_eq!(seen, [json!(1_767_225_600), json!("1767225600")]);
}

#[test]
fn a_plan_without_active_customers_is_401_in_text_or_429_without() {
    let seen = each("test-drive-refusal", |world| {
        world.state.config.plan = Plan::TestDrive;
        world.ask("POST", ACTIVE, json!({"username": "customer1"}))
    });
    assert_eq!(seen, [(401, json!(null)), (429, json!(null))]);
}

#[test]
fn a_search_takes_usernames_too_or_names_only() {
    let seen = each("search", |world| {
        world.customer("johnny5", "Élodie");
        world.customer("customer2", "John");
        world.get(&format!("{CUSTOMERS}?search=john"))["found"].clone()
    });
    assert_eq!(seen, [json!(2), json!(1)]);
}

#[test]
fn a_list_tells_how_many_match_or_not() {
    let seen = each("found", |world| {
        let page = world.get(CUSTOMERS);
        (page.get("found").cloned(), page["displaying"].clone())
    });
    assert_eq!(seen, [(Some(json!(0)), json!(0)), (None, json!(0))]);
}

#[test]
fn a_fresh_customer_was_never_modified_or_when_it_was_created() {
    let seen = each("fresh-last-modified", |world| {
        let path = world.customer("customer1", "John");
        let fresh = world.get(&path).get("lastModifiedDate").cloned();
        let listed = world.get(CUSTOMERS)["customers"][0]
            .get("lastModifiedDate")
            .cloned();
        assert_eq!(fresh, listed);
        fresh
    });
    assert_eq!(seen, [None, Some(json!("1767225600"))]);
}

#[test]
fn a_change_of_nobody_is_404_or_400() {
    let seen = each("modify-unknown-customer", |world| {
        let path = format!("{CUSTOMERS}/1234");
        world.refusal("PUT", &path, json!({"firstName": "A"}))
    });
    assert_eq!(seen, [(404, json!(14001)), (400, json!(14020))]);
}

#[test]
fn deleting_nobody_is_told_with_one_of_four_codes() {
    let seen = each("delete-unknown-customer", |world| {
        world.refusal("DELETE", &format!("{CUSTOMERS}/1234"), json!(null))
    });
    let expected = [14001, 12401, 14006, 60013].map(|code| (404, json!(code)));
    assert_eq!(seen, expected);
}

#[test]
fn a_malformed_customer_id_is_400_or_404() {
    let seen = each("malformed-customer-id", |world| {
        let path = format!("{CUSTOMERS}/x/application");
        world.refusal("GET", &path, json!(null))
    });
    assert_eq!(seen, [(400, json!(14023)), (404, json!(14023))]);
}
