//! The form of snapshots, the way back, and what is told of documents that are none.

use serde_json::json;

use super::*;
use crate::{
    authorization::{Connection, NewInstitutionLogin},
    config::{Config, PartnerCredentials},
    consumer::tests::consumer,
    customer::tests::{customer, state},
};

/// A state with one of each, and its snapshot.
fn furnished() -> (State, Value) {
    let mut state = state();
    let partner = state.config.partner.clone();
    state
        .create_token(&partner.app_key, &partner.id, &partner.secret)
        .unwrap();
    let owner = customer(&mut state, "customer1");
    consumer(&mut state, &owner);
    let new = NewInstitutionLogin {
        customer_id: owner,
        connection: Connection::Oauth,
        start: None,
        end: None,
    };
    state.add_institution_login(&new).unwrap();
    state
        .applications
        .insert("a".to_owned(), "Application".to_owned());
    let snapshot = serde_json::from_str(&state.snapshot()).unwrap();
    (state, snapshot)
}

fn refusal(document: &Value) -> String {
    let json = document.to_string();
    let content = Content::parse(json.as_bytes());
    let linked = content.and_then(|content| Ok(content.link(&Config::for_tests())?));
    linked.err().unwrap().to_string()
}

#[test]
fn a_snapshot_is_as_the_documents_that_people_keep() {
    let (_, snapshot) = furnished();
    let expected = json!({
        "format": "openfinance-sandbox",
        "version": 1,
        "meta": {
            "seed": 1, "random": "736ae31d6e461e0e", "nextCustomerId": 1_005_822_466, "nextBusinessId": 1_519,
            "nextInstitutionLoginId": 5_890_591, "issuedTokens": 1, "now": "2026-01-01T00:00:00Z",
        },
        "partners": [{
            "partnerId": "2445580000001", "partnerSecret": "SandboxSecret1234",
            "appKey": "5a6e64626f786170706b657930303031", "consecutiveFailedAuthentications": 0, "locked": false,
            "failedAuthentications": 0, "maxConsecutiveFailedAuthentications": 0, "tokenRequests": 1,
        }],
        "applications": {"a": "Application"},
        "customers": {
            "1005822465": {
                "username": "customer1", "type": "testing", "createdDate": "2026-01-01T00:00:00Z",
            },
        },
        "consumers": {
            "1f8410633ef306ac497305c5d1aab99f": {
                "customerId": 1_005_822_465, "createdDate": "2026-01-01T00:00:00Z",
                "details": {
                    "firstName": "Jane", "lastName": "Doe", "state": "UT", "ssn": "1111",
                    "phone": "1-801-984-4200",
                },
            },
        },
        "businesses": {},
        "institutionLogins": {
            "5890590": {
                "customerId": 1_005_822_465, "connection": "oauth",
                "authorization": {
                    "authorizationStartDate": "2026-01-01T00:00:00Z",
                    "authorizationEndDate": "2027-01-01T00:00:00Z",
                },
            },
        },
        "tokens": {"pXgXhWmbuoCGLzxQiqkD": {"issued": "2026-01-01T00:00:00Z", "number": 1}},
    });
    assert_eq!(snapshot, expected, "{snapshot:#}");
}

#[test]
fn what_is_restored_is_what_was_there_and_counting_goes_on_as_it_did() {
    let (mut state, _) = furnished();
    let before = state.snapshot();
    let next = customer(&mut state, "customer2");
    let after = state.snapshot();
    assert_ne!(before, after);
    let mut other = State::new(Config::for_tests());
    for state in [&mut state, &mut other] {
        let content = Content::parse(before.as_bytes()).unwrap();
        state.restore(content.link(&state.config).unwrap());
        assert_eq!(state.snapshot(), before);
        assert_eq!(customer(state, "customer2"), next);
        assert_eq!(state.snapshot(), after);
    }
}

#[test]
fn a_partner_but_the_first_is_named_by_its_place() {
    let (mut state, _) = furnished();
    let other = PartnerCredentials {
        id: "2".to_owned(),
        secret: "s".to_owned(),
        app_key: "k".to_owned(),
    };
    state.partners.push(Partner::new(&other));
    state.create_token("k", "2", "s").unwrap();
    let snapshot: Value = serde_json::from_str(&state.snapshot()).unwrap();
    let tokens = snapshot["tokens"].as_object().unwrap().values();
    let partners: Vec<_> = tokens.map(|token| token["partner"].as_u64()).collect();
    assert!(partners.contains(&None) && partners.contains(&Some(1)));
}

#[test]
fn what_is_no_snapshot_is_told_from_what_is_an_old_one() {
    let parse = |json: &str| Content::parse(json.as_bytes()).err().unwrap();
    let not_json = InvalidSnapshot::NotJson { line: 1, column: 3 };
    assert_eq!(
        parse("{x}"),
        InvalidSnapshot::NotJson { line: 1, column: 2 }
    );
    assert_eq!(parse("[1 "), not_json);
    for other in [
        "[]",
        "7",
        "{}",
        r#"{"format": 7}"#,
        r#"{"format":"openfinance-sandbox"}"#,
    ] {
        assert_eq!(parse(other), InvalidSnapshot::OtherFormat, "{other}");
    }
    let newer = r#"{"format":"openfinance-sandbox","version":2,"sheep":[]}"#;
    assert_eq!(parse(newer), InvalidSnapshot::OtherVersion { found: 2 });
}

#[test]
fn a_wrong_member_is_named_and_no_value_is() {
    let (_, snapshot) = furnished();
    let consumer = snapshot["consumers"].as_object().unwrap().keys().next();
    let consumer = consumer.unwrap();
    let token = snapshot["tokens"]
        .as_object()
        .unwrap()
        .keys()
        .next()
        .unwrap();
    let belongs = "this is not what belongs there";
    for (pointer, value, path, problem) in [
        (
            "/customers/1005822465/firstName",
            json!(["hush"]),
            "customers.1005822465.firstName",
            belongs,
        ),
        (
            "/customers/1005822465/type",
            json!("hush"),
            "customers.1005822465.type",
            belongs,
        ),
        (
            "/customers/1005822465/createdDate",
            json!("hush"),
            "customers.1005822465.createdDate",
            belongs,
        ),
        ("/customers/hush", json!({}), "customers", belongs),
        ("/meta/random", json!(7), "meta.random", belongs),
        (
            &format!("/consumers/{consumer}/details/nick"),
            json!("hush"),
            "",
            "unknown field `nick`",
        ),
        (
            &format!("/tokens/{token}/number"),
            json!("hush"),
            "tokens.*.number",
            belongs,
        ),
        ("/sheep", json!([]), "sheep", "unknown field `sheep`"),
        (
            "/partners/0/partnerSecret",
            json!(["hush"]),
            "partners.0.partnerSecret",
            belongs,
        ),
    ] {
        let mut document = snapshot.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[name] = value;
        let told = refusal(&document);
        assert!(
            told.contains(path) && told.contains(problem),
            "{pointer}: {told}"
        );
        assert!(!told.contains("hush") && !told.contains(token), "{told}");
    }
    let mut document = snapshot.clone();
    document["meta"].as_object_mut().unwrap().remove("seed");
    assert_eq!(
        refusal(&document),
        "the snapshot is wrong at meta: missing field `seed`"
    );
    let twice = snapshot.to_string();
    let twice = twice.replace(r#""5890590":"#, r#""5890590":{"customerId":1,"connection":"oauth","authorization":
        {"authorizationStartDate":"2026-01-01T00:00:00Z","authorizationEndDate":"2026-01-01T00:00:00Z"}},"5890590":"#);
    let told = Content::parse(twice.as_bytes()).err().unwrap().to_string();
    assert!(
        told.starts_with("the snapshot is wrong at institutionLogins: two rows have the same id"),
        "{told}"
    );
}

#[test]
fn what_an_edited_snapshot_holds_already_is_not_drawn_again() {
    let mut state = state();
    let partner = state.config.partner.clone();
    let early = state.meta();
    let log_in =
        |state: &mut State| state.create_token(&partner.app_key, &partner.id, &partner.secret);
    log_in(&mut state).unwrap();
    let first = customer(&mut state, "customer1");
    let owner = customer(&mut state, "customer2");
    consumer(&mut state, &first);
    let mut snapshot: Value = serde_json::from_str(&state.snapshot()).unwrap();
    // The generator goes back to where it was before all of this.
    snapshot["meta"]["random"] = serde_json::to_value(early).unwrap()["random"].clone();
    snapshot["partners"][0]["tokenRequests"] = json!(u64::MAX);
    snapshot["partners"][0]["failedAuthentications"] = json!(u64::MAX);
    snapshot["partners"][0]["consecutiveFailedAuthentications"] = json!(u32::MAX);
    let content = Content::parse(snapshot.to_string().as_bytes()).unwrap();
    let linked = content.link(&Config::for_tests()).ok().unwrap();
    drop(state.restore(linked));
    log_in(&mut state).unwrap();
    assert_eq!(state.live_tokens(), 2);
    consumer(&mut state, &owner);
    assert_eq!(state.consumers.len(), 2);
    let wrong = state.create_token(&partner.app_key, &partner.id, "wrong");
    assert!(wrong.is_err());
}
