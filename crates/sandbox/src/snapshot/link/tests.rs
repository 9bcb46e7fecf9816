//! What follows from rows, and which rows contradict each other.

use serde_json::{Value, json};

use super::*;
use crate::snapshot::FORMAT;

const CUSTOMER: u64 = 1_005_000_007;
const OTHER: u64 = 1_005_000_008;

/// Two partners, two customers of the first, and one of everything else.
fn document() -> Value {
    let at = "2026-01-01T00:00:00Z";
    let partner = Config::for_tests().partner;
    json!({
        "format": FORMAT, "version": 1,
        "meta": {
            "seed": 1, "random": "0", "nextCustomerId": 1_005_000_009, "nextBusinessId": 9,
            "nextInstitutionLoginId": 9, "issuedTokens": 1, "now": at,
        },
        "partners": [
            {"partnerId": partner.id, "partnerSecret": "s", "appKey": "k"},
            {"partnerId": "2", "partnerSecret": "s", "appKey": "k"},
        ],
        "applications": {},
        "customers": {
            CUSTOMER.to_string(): {"username": "hush-1", "type": "testing", "createdDate": at},
            OTHER.to_string(): {"username": "hush-2", "type": "active", "createdDate": at},
        },
        "consumers": {
            "c1": {"customerId": CUSTOMER, "createdDate": at, "details": {"ssn": "1111"}},
            "c2": {"customerId": 7, "createdDate": at, "details": {}},
        },
        "businesses": {
            "7": {
                "customerId": CUSTOMER, "createdDate": at, "modifiedDate": at,
                "details": {"name": "n", "personallyLiable": true, "address": {}, "phoneNumber": {}},
            },
        },
        "institutionLogins": {
            "7": {
                "customerId": CUSTOMER, "connection": "legacy",
                "authorization": {"authorizationStartDate": at, "authorizationEndDate": at},
            },
        },
        "tokens": {"hush": {"issued": at, "number": 1}},
    })
}

fn link(document: &Value) -> Result<Linked, Broken> {
    let content = Content::parse(document.to_string().as_bytes()).unwrap();
    content.link(&Config::for_tests())
}

#[test]
fn what_follows_from_the_rows_is_made_anew() {
    let Linked { content, usernames } = link(&document()).ok().unwrap();
    assert_eq!(
        (usernames["hush-1"], usernames["hush-2"]),
        (CUSTOMER, OTHER)
    );
    let partner = &content.partners[0];
    assert!(partner.customers.iter().eq([CUSTOMER, OTHER]));
    assert!(partner.testing_customers.iter().eq([CUSTOMER]));
    assert!(partner.active_customers.iter().eq([OTHER]));
    let customer = &content.customers[&CUSTOMER];
    assert_eq!(customer.consumer.as_deref(), Some("c1"));
    assert_eq!(customer.business, Some(7));
    assert_eq!(customer.institution_logins, [7]);
}

#[test]
fn contradictions_are_told_by_id_and_without_a_value() {
    for (pointer, value, told) in [
        (
            "/partners/1/partnerId",
            json!("2445580000001"),
            "there are two partners 2445580000001",
        ),
        (
            "/customers/1005000008/username",
            json!("hush-1"),
            "customers 1005000007 and 1005000008 have the same username",
        ),
        (
            "/customers/1005000008/partner",
            json!(2),
            "customer 1005000008 names partner 2, which is not there",
        ),
        (
            "/meta/nextCustomerId",
            json!(OTHER),
            "customer 1005000008 is not below nextCustomerId",
        ),
        (
            "/consumers/c1/partner",
            json!(1),
            "consumer c1 and customer 1005000007 have different partners",
        ),
        (
            "/consumers/c2/customerId",
            json!(CUSTOMER),
            "customer 1005000007 has two consumers",
        ),
        (
            "/consumers/c2/customerId",
            json!(1_005_000_009),
            "consumer c2 names customer 1005000009, which never was",
        ),
        (
            "/consumers/c1/details/ssn",
            json!("999601111"),
            "consumer c1 has an ssn of other than four digits",
        ),
        (
            "/consumers/c1/details/birthday",
            json!({"year": 2026, "month": 2, "dayOfMonth": 30}),
            "a birthday that is no day",
        ),
        (
            "/meta/nextBusinessId",
            json!(7),
            "business 7 is not below nextBusinessId",
        ),
        (
            "/businesses/7/customerId",
            json!(1_005_000_009),
            "business 7 names customer 1005000009, which never was",
        ),
        (
            "/businesses/7/partner",
            json!(1),
            "business 7 and customer 1005000007 have different partners",
        ),
        (
            "/meta/nextInstitutionLoginId",
            json!(7),
            "institution login 7 is not below nextInstitutionLoginId",
        ),
        (
            "/institutionLogins/7/customerId",
            json!(7),
            "institution login 7 names customer 7, which is not there",
        ),
        (
            "/institutionLogins/7/partner",
            json!(1),
            "institution login 7 and customer 1005000007 have different partners",
        ),
        (
            "/meta/nextCustomerId",
            json!(u64::MAX),
            "nextCustomerId is above 9007199254740992",
        ),
        (
            "/meta/nextBusinessId",
            json!(u64::MAX),
            "nextBusinessId is above 9007199254740992",
        ),
        (
            "/meta/nextInstitutionLoginId",
            json!(i64::MAX),
            "nextInstitutionLoginId is above 9007199254740992",
        ),
        (
            "/meta/issuedTokens",
            json!(u64::MAX),
            "issuedTokens is above 9007199254740992",
        ),
        (
            "/tokens/hush/partner",
            json!(2),
            "a token names partner 2, which is not there",
        ),
        (
            "/meta/issuedTokens",
            json!(0),
            "a token has a number above issuedTokens",
        ),
    ] {
        let mut document = document();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[name] = value;
        let Err(Broken::Contradiction(what)) = link(&document) else {
            panic!("{pointer} contradicts the rest");
        };
        assert!(
            what.contains(told) && !what.contains("hush"),
            "{pointer}: {what}"
        );
    }
}

#[test]
fn two_businesses_of_one_customer_are_one_too_many() {
    let mut document = document();
    document["businesses"]["8"] = document["businesses"]["7"].clone();
    let expected = contradiction("customer 1005000007 has two businesses");
    assert_eq!(link(&document).err(), Some(expected));
}

#[test]
fn a_snapshot_of_another_partner_is_refused() {
    let mut document = document();
    document["partners"][0]["partnerId"] = json!("another");
    assert_eq!(link(&document).err(), Some(Broken::OtherPartner));
    document["partners"] = json!([]);
    assert_eq!(link(&document).err(), Some(Broken::OtherPartner));
}

#[test]
fn two_partners_may_share_a_username_where_a_quirk_says_so() {
    let mut document = document();
    document["customers"][OTHER.to_string()]["username"] = json!("hush-1");
    document["customers"][OTHER.to_string()]["partner"] = json!(1);
    assert!(link(&document).is_err());
    let mut config = Config::for_tests();
    config.quirks.usernames = crate::quirk::Usernames::Partner;
    let content = Content::parse(document.to_string().as_bytes()).unwrap();
    assert!(content.link(&config).is_ok());
}
