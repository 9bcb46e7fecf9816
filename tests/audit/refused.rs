//! Callers who are refused: the audit file says who tried what.

use openfinance_gateway::config::auth::Role;

use super::*;
use crate::callers::{by, by_key};

#[tokio::test]
async fn a_caller_who_calls_too_often_has_a_line_for_each_refusal() {
    let (world, folder) = world(|gateway| {
        gateway.limits.calls = Some(openfinance::store::Rate {
            per_second: 0.01,
            burst: 1,
        });
    })
    .await;
    for _ in 0..4 {
        let get = pb::GetCustomerRequest {
            customer_id: "1005".to_owned(),
        };
        world.customers().get_customer(get).await.unwrap_err();
    }
    world.stop().await;
    verify(&folder.file());
    let lines = folder.lines();
    let refused: Vec<_> = lines
        .iter()
        .filter(|line| word(line, "reason") == "CALLER_RATE_LIMITED")
        .collect();
    assert_eq!(refused.len(), 3);
    for line in refused {
        assert_eq!(word(line, "event"), "refusal");
        assert_eq!(word(line, "caller"), "anonymous");
        assert_eq!(
            word(line, "rpc"),
            "openfinance.v1.CustomerService/GetCustomer"
        );
    }
}

#[tokio::test]
async fn whoever_is_not_let_in_or_may_not_is_told_of() {
    let (world, folder) = world(|gateway| {
        gateway.auth = by_key(&[
            ("reader", &[Role::Reader], &[]),
            ("clerk", &[], &["businesses.read"]),
        ]);
    })
    .await;
    let get = || pb::GetCustomerRequest {
        customer_id: "1005".to_owned(),
    };
    let search = pb::ListCustomersRequest {
        search: canary::LAST_NAME.to_owned(),
        ..Default::default()
    };
    let create = pb::CreateCustomerRequest::default();
    let mut customers = world.customers();
    customers.get_customer(get()).await.unwrap_err();
    customers
        .get_customer(by("nobody", get()))
        .await
        .unwrap_err();
    customers
        .get_customer(by("clerk", get()))
        .await
        .unwrap_err();
    customers
        .create_customer(by("reader", create))
        .await
        .unwrap_err();
    customers
        .list_customers(by("reader", search))
        .await
        .unwrap_err();
    let secret = pb::RotatePartnerSecretRequest::default();
    let mut partner = world.partner();
    let rotated = partner.rotate_partner_secret(by("reader", secret));
    rotated.await.unwrap_err();
    assert_eq!(world.calls(), 0, "nothing went to the vendor");
    world.stop().await;
    verify(&folder.file());
    let lines = folder.lines();
    let of_event = |event: &str| -> Vec<&Value> {
        let lines = lines.iter();
        lines.filter(|line| word(line, "event") == event).collect()
    };
    assert_eq!(of_event("intent").len() + of_event("read").len(), 0);
    let told: Vec<_> = of_event("refusal")
        .into_iter()
        .map(|line| {
            let rpc = word(line, "rpc").rsplit_once('/').unwrap().1;
            let who = [word(line, "caller"), word(line, "auth"), word(line, "peer")];
            (who, rpc, word(line, "code"), word(line, "reason"))
        })
        .collect();
    let stranger = ["", "", "127.0.0.1"];
    let (clerk, reader) = (["clerk", "key", ""], ["reader", "key", ""]);
    let unknown = ("UNAUTHENTICATED", "CALLER_UNAUTHENTICATED");
    let forbidden = ("PERMISSION_DENIED", "CALLER_FORBIDDEN");
    let expected = [
        (stranger, "GetCustomer", unknown),
        (stranger, "GetCustomer", unknown),
        (clerk, "GetCustomer", forbidden),
        (reader, "CreateCustomer", forbidden),
        (reader, "ListCustomers", forbidden),
        (reader, "RotatePartnerSecret", forbidden),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(who, rpc, (code, reason))| (who, rpc, code, reason))
        .collect();
    assert_eq!(told, expected);
}
