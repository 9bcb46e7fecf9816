//! The rules about one customer, and the customers that other tests need.

use std::time::Duration;

use super::*;
use crate::{
    auth::Partner,
    config::{Config, PartnerCredentials},
};

pub(crate) fn named(username: &str) -> NewCustomer {
    NewCustomer {
        username: Some(username.to_owned()),
        ..NewCustomer::default()
    }
}

pub(crate) fn person(username: &str, first_name: &str, last_name: &str) -> NewCustomer {
    NewCustomer {
        first_name: Some(first_name.to_owned()),
        last_name: Some(last_name.to_owned()),
        ..named(username)
    }
}

pub(crate) fn state() -> State {
    State::new(Config::for_tests())
}

/// Creates a testing customer of the first partner and answers its id as text.
pub(crate) fn customer(state: &mut State, username: &str) -> String {
    let id = state
        .create_customer(0, CustomerType::Testing, named(username))
        .unwrap();
    id.to_string()
}

pub(crate) fn second_partner(state: &mut State) -> PartnerIndex {
    let credentials = PartnerCredentials {
        id: "2".to_owned(),
        secret: "s".to_owned(),
        app_key: "k".to_owned(),
    };
    state.partners.push(Partner::new(&credentials));
    1
}

fn create(state: &mut State, new: NewCustomer) -> Result<u64, Refusal> {
    state.create_customer(0, CustomerType::Testing, new)
}

fn update(first_name: Option<&str>, last_name: Option<&str>) -> CustomerUpdate {
    CustomerUpdate {
        first_name: first_name.map(str::to_owned),
        last_name: last_name.map(str::to_owned),
    }
}

#[test]
fn usernames_follow_the_policy() {
    let mut state = state();
    let longest = "a".repeat(255);
    for good in ["abcdef", "ABC.12", "!@.#$%&*_-+", longest.as_str()] {
        assert!(create(&mut state, named(good)).is_ok(), "{good}");
    }
    let too_long = "a".repeat(256);
    for bad in [
        "abcde",
        "abc def",
        "abcdé1",
        "abc/def",
        "abcdef\n",
        too_long.as_str(),
    ] {
        assert_eq!(
            create(&mut state, named(bad)),
            Err(Refusal::UsernamePolicy),
            "{bad}"
        );
    }
    let missing = create(&mut state, NewCustomer::default());
    assert_eq!(missing, Err(Refusal::MissingParameter("username")));
}

#[test]
fn a_username_is_unique_across_types_and_partners_until_deleted() {
    let mut state = state();
    let other = second_partner(&mut state);
    let id = customer(&mut state, "customer1");
    let taken = state.create_customer(0, CustomerType::Active, named("customer1"));
    assert_eq!(taken, Err(Refusal::UsernameTaken));
    let taken = state.create_customer(other, CustomerType::Testing, named("customer1"));
    assert_eq!(taken, Err(Refusal::UsernameTaken));
    assert!(create(&mut state, named("Customer1")).is_ok());
    state.delete_customer(0, &id).unwrap();
    assert!(
        state
            .create_customer(other, CustomerType::Testing, named("customer1"))
            .is_ok()
    );
}

#[test]
fn illegal_characters_in_names_are_refused_on_create_and_change() {
    let mut state = state();
    let id = customer(&mut state, "customer1");
    for bad in ["a<b", "a\u{0}b", "{a}", "a|b", "a\\b", "a\nb", "a^"] {
        let refusal = create(&mut state, person("customer2", bad, "Smith"));
        assert_eq!(refusal, Err(Refusal::NameCharacters), "{bad:?}");
        let refusal = state.update_customer(0, &id, update(None, Some(bad)));
        assert_eq!(refusal, Err(Refusal::NameCharacters), "{bad:?}");
    }
    assert!(
        create(
            &mut state,
            person("customer2", "Zoë-Anne", "O'Brien, Jr. & Söhne")
        )
        .is_ok()
    );
}

#[test]
fn the_limit_counts_live_testing_customers_of_one_partner() {
    let mut config = Config::for_tests();
    config.testing_customer_limit = 2;
    let mut state = State::new(config);
    let other = second_partner(&mut state);
    let first = customer(&mut state, "customer1");
    customer(&mut state, "customer2");
    assert_eq!(
        create(&mut state, named("customer3")),
        Err(Refusal::TestingCustomerLimit)
    );
    assert!(
        state
            .create_customer(0, CustomerType::Active, named("customer3"))
            .is_ok()
    );
    assert!(
        state
            .create_customer(other, CustomerType::Testing, named("customer4"))
            .is_ok()
    );
    state.delete_customer(0, &first).unwrap();
    assert!(create(&mut state, named("customer5")).is_ok());
}

#[test]
fn a_change_needs_a_name_and_leaves_the_other_alone() {
    let mut state = state();
    let id = create(&mut state, person("customer1", "John", "Smith")).unwrap();
    let text = id.to_string();
    assert_eq!(
        state.update_customer(0, &text, update(None, None)),
        Err(Refusal::NothingToUpdate),
    );
    assert_eq!(state.customers[&id].modified, None);
    state.clock.advance(Duration::from_secs(60)).unwrap();
    state
        .update_customer(0, &text, update(Some("Jane"), None))
        .unwrap();
    let customer = &state.customers[&id];
    assert_eq!(customer.first_name.as_deref(), Some("Jane"));
    assert_eq!(customer.last_name.as_deref(), Some("Smith"));
    assert_eq!(
        customer.modified.unwrap().as_second(),
        customer.created.as_second() + 60
    );
    let unknown = state.update_customer(0, "1234", update(Some("Jane"), None));
    assert_eq!(unknown, Err(Refusal::NoCustomerToModify));
}

#[test]
fn deleting_twice_is_not_found_and_a_malformed_id_is_told() {
    let mut state = state();
    let id = customer(&mut state, "customer1");
    state.delete_customer(0, &id).unwrap();
    assert_eq!(
        state.delete_customer(0, &id),
        Err(Refusal::NoCustomerToDelete)
    );
    assert!(state.customer(0, &id).is_none());
    assert_eq!(state.partners[0].customers.len(), 0);
    assert_eq!(state.partners[0].testing_customers.len(), 0);
    for malformed in ["abc", "+7", "007", "../7", "99999999999999999999999"] {
        let expected = Refusal::MalformedCustomerId(malformed.to_owned());
        assert_eq!(state.delete_customer(0, malformed), Err(expected));
    }
}

#[test]
fn another_partners_customer_is_not_found() {
    let mut state = state();
    let other = second_partner(&mut state);
    let id = customer(&mut state, "customer1");
    assert!(state.customer(other, &id).is_none());
    assert_eq!(
        state.delete_customer(other, &id),
        Err(Refusal::NoCustomerToDelete)
    );
    let refusal = state.update_customer(other, &id, update(Some("A"), None));
    assert_eq!(refusal, Err(Refusal::NoCustomerToModify));
    assert_eq!(
        state.customer_application(other, &id).err(),
        Some(Refusal::NoSuchCustomer)
    );
    assert!(state.customer(0, &id).is_some());
}

#[test]
fn the_application_must_be_registered_and_assigned() {
    let mut state = state();
    let with = NewCustomer {
        application_id: Some("app-1".to_owned()),
        ..named("customer1")
    };
    let with = create(&mut state, with).unwrap().to_string();
    let without = customer(&mut state, "customer2");
    assert_eq!(
        state.customer_application(0, &with).err(),
        Some(Refusal::NoApplications)
    );
    state
        .applications
        .insert("app-1".to_owned(), "Shop".to_owned());
    assert_eq!(state.customer_application(0, &with).unwrap().2, "Shop");
    let refusal = state.customer_application(0, &without).err();
    assert_eq!(refusal, Some(Refusal::NoApplicationAssigned));
    assert_eq!(
        state.customer_application(0, "1234").err(),
        Some(Refusal::NoSuchCustomer)
    );
    let refusal = state.customer_application(0, "x").err();
    assert_eq!(refusal, Some(Refusal::MalformedCustomerId("x".to_owned())));
}
