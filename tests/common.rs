//! What holds for every method: the refusals that `common.proto` lists, health, reflection, the admin page, the stop.

use std::{sync::Arc, time::Duration};

use openfinance::store::{
    Change, Committed, Kept, Key, Rate, Space, Store, StoreError, StoreFuture, Taken,
};
use openfinance_rpc::pb;
use openfinance_sandbox::{Commit, FaultRule, Operation, Revoke};
use prost::Message;
use serde_json::json;
use tonic::{Code, Request, Status, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_types::StatusExt as _;

use crate::{refusals::refusals, world::World};

const CUSTOMER: &str = "1005061234";

/// A store that can't be reached.
struct NoStore;

impl NoStore {
    fn fail<'a, T: Send + 'a>() -> StoreFuture<'a, T> {
        Box::pin(async { Err(StoreError("it can't be reached".to_owned())) })
    }
}

impl Store for NoStore {
    fn get<'a>(&'a self, _key: &'a Key) -> StoreFuture<'a, Option<Kept>> {
        Self::fail()
    }

    fn commit<'a>(&'a self, _changes: &'a [Change]) -> StoreFuture<'a, Committed> {
        Self::fail()
    }

    fn list(&self, _space: Space) -> StoreFuture<'_, Vec<(Key, Kept)>> {
        Self::fail()
    }

    fn take<'a>(&'a self, _key: &'a Key, _rate: Rate) -> StoreFuture<'a, Taken> {
        Self::fail()
    }

    fn is_shared(&self) -> bool {
        true
    }
}

async fn get(world: &World) -> Result<pb::Customer, Status> {
    let request = pb::GetCustomerRequest {
        customer_id: CUSTOMER.to_owned(),
    };
    world
        .customers()
        .get_customer(request)
        .await
        .map(world.seen())
}

/// Calls a path with a message that need not be the path's own.
async fn call<M: Message + 'static>(
    world: &World,
    path: &'static str,
    message: M,
) -> Result<(), Status> {
    let mut grpc = Grpc::new(world.channel());
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<M, ()>::default();
    grpc.unary(
        Request::new(message),
        PathAndQuery::from_static(path),
        codec,
    )
    .await
    .map(|_| ())
}

refusals! {
    undecodable: "*" => INVALID_ARGUMENT "INVALID_FIELD" from OURS at [], |world| {
        // A number where the id's text should be.
        let message = pb::GetAuthorizationDetailsRequest { institution_login_id: 5 };
        call(&world, "/openfinance.v1.CustomerService/GetCustomer", message).await.unwrap_err()
    }
    malformed_deadline: "*" => INVALID_ARGUMENT "INVALID_DEADLINE" from OURS at [], |world| {
        let mut request = Request::new(pb::GetCustomerRequest { customer_id: CUSTOMER.to_owned() });
        request.metadata_mut().insert("grpc-timeout", "soon".parse().unwrap());
        world.customers().get_customer(request).await.unwrap_err()
    }
    too_large: "*" => RESOURCE_EXHAUSTED "MESSAGE_TOO_LARGE" from OURS at [], |world| {
        let request = pb::GetCustomerRequest { customer_id: "1".repeat(65 * 1024) };
        world.customers().get_customer(request).await.unwrap_err()
    }
    compressed: "*" => UNIMPLEMENTED "COMPRESSION_UNSUPPORTED" from OURS at [], |world| {
        let mut request = Request::new(pb::GetCustomerRequest { customer_id: CUSTOMER.to_owned() });
        request.metadata_mut().insert("grpc-encoding", "gzip".parse().unwrap());
        world.customers().get_customer(request).await.unwrap_err()
    }
    unknown_method: "*" => UNIMPLEMENTED "METHOD_UNKNOWN" from OURS at [], |world| {
        call(&world, "/openfinance.v1.CustomerService/Nothing", pb::GetCustomerRequest::default()).await.unwrap_err()
    }
    deadline_passed: "*" => DEADLINE_EXCEEDED "DEADLINE_EXCEEDED" from OURS at [], |_world| {
        let world = World::with_gateway(|_| (), |gateway| gateway.deadline.default = Duration::from_millis(50)).await;
        let rule = FaultRule::on(Operation::GetCustomer).latency(Duration::from_secs(30));
        world.sandbox().add_fault(rule).unwrap();
        get(&world).await.unwrap_err()
    }
    calls_too_often: "*" => RESOURCE_EXHAUSTED "CALLER_RATE_LIMITED" from OURS at [], |_world| {
        let world = World::with_gateway(|_| (), |gateway| {
            gateway.limits.calls = Some(openfinance::store::Rate { per_second: 0.01, burst: 2 });
        }).await;
        for _ in 0..2 {
            assert_eq!(get(&world).await.unwrap_err().code(), Code::NotFound);
        }
        let before = world.calls();
        let refused = get(&world).await.unwrap_err();
        assert_eq!(world.calls(), before, "the vendor was asked");
        let wait = refused.get_error_details().retry_info().unwrap().retry_delay.unwrap();
        assert!(wait > Duration::from_secs(60) && wait <= Duration::from_secs(100), "{wait:?}");
        let mut health = tonic_health::pb::health_client::HealthClient::new(world.channel());
        for _ in 0..5 {
            health.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();
        }
        refused
    }
    too_many_at_once: "*" => RESOURCE_EXHAUSTED "OVERLOADED" from OURS at [], |_world| {
        let world = World::with_gateway(|_| (), |gateway| {
            let bounds = &mut gateway.limits.bounds;
            (bounds.in_flight, bounds.waiting, bounds.reserved_for_writes) = (2, 1, 1);
            bounds.longest_wait = Duration::from_millis(20);
        }).await;
        let barrier = world.sandbox().add_barrier(openfinance_sandbox::Target::Operation(Operation::GetCustomer));
        let first = get(&world);
        let refused = async {
            world.sandbox().barrier_holds(barrier, 1).await.unwrap();
            let refused = get(&world).await.unwrap_err();
            // The place that is left is for writes, and what operators look at needs none.
            world.customer().await;
            world.partner().get_partner_authentication(pb::GetPartnerAuthenticationRequest {}).await.unwrap();
            let at_vendor = "openfinance_calls_in_flight 1";
            assert!(world.admin("/metrics").await.contains(at_vendor));
            world.sandbox().release_barrier(barrier).unwrap();
            refused
        };
        let (first, refused) = tokio::join!(first, refused);
        assert_eq!(first.unwrap_err().code(), Code::NotFound);
        assert_eq!(world.called(Operation::GetCustomer), 1, "the vendor was asked");
        assert_eq!(
            refused.get_error_details().retry_info().unwrap().retry_delay,
            Some(Duration::from_secs(1))
        );
        refused
    }
    credentials_rejected: "*" => FAILED_PRECONDITION "PARTNER_CREDENTIALS_REJECTED" from OURS at [], |world| {
        world.sandbox().set_partner_secret(None, "AnotherSecret1234").unwrap();
        let first = get(&world).await.unwrap_err();
        assert_eq!(first.get_error_details().error_info().unwrap().reason, "PARTNER_CREDENTIALS_REJECTED");
        let mut last = first;
        for _ in 0..10 {
            last = get(&world).await.unwrap_err();
        }
        assert_eq!(world.called(Operation::CreateToken), 1, "five failed logins lock the company out");
        assert_eq!(world.calls(), 1);
        assert_eq!(world.admin_status("/readyz").await, 503);
        last
    }
    store_unavailable: "*" => UNAVAILABLE "STORE_UNAVAILABLE" from OURS at [], |_world| {
        let world = World::over_store(Arc::new(NoStore)).await;
        assert_eq!(world.admin_status("/readyz").await, 503);
        let refusal = get(&world).await.unwrap_err();
        assert_eq!(world.calls(), 0, "what can't be counted is not tried");
        world.stop().await;
        refusal
    }
    audit_unavailable: "*" => UNAVAILABLE "AUDIT_UNAVAILABLE" from OURS at [], |_world| {
        crate::audit::refused_on_a_full_disk().await
    }
    token_rejected_twice: "*" => UNAVAILABLE "UPSTREAM_TOKEN_REJECTED" from VENDOR at [], |world| {
        let body = json!({"code": 10022, "message": "Invalid (Finicity-App-Token)"});
        world.answers(Operation::GetCustomer, 401, body.clone());
        world.answers(Operation::GetCustomer, 401, body);
        let refusal = get(&world).await.unwrap_err();
        assert_eq!(world.called(Operation::GetCustomer), 2);
        assert_eq!(world.called(Operation::CreateToken), 2);
        refusal
    }
    rate_limited: "*" => RESOURCE_EXHAUSTED "UPSTREAM_RATE_LIMITED" from VENDOR at [], |world| {
        let mut rule = FaultRule::on(Operation::GetCustomer).commit(Commit::Never).answer(429, None);
        rule.answer.as_mut().unwrap().headers.push(("retry-after".to_owned(), "70".to_owned()));
        world.sandbox().add_fault(rule).unwrap();
        let refusal = get(&world).await.unwrap_err();
        let wait = refusal.get_error_details().retry_info().unwrap().retry_delay;
        assert_eq!(wait, Some(Duration::from_secs(70)), "no longer than the call may take");
        refusal
    }
    unavailable: "*" => UNAVAILABLE "UPSTREAM_UNAVAILABLE" from VENDOR at [], |world| {
        let rule = FaultRule::on(Operation::GetCustomer).commit(Commit::Never).times(9);
        world.fault(rule, 503, "text/html", "<html>Service Unavailable</html>");
        let refusal = get(&world).await.unwrap_err();
        assert_eq!(world.called(Operation::GetCustomer), 3, "a read is tried three times");
        refusal
    }
    kept_failing: "*" => UNAVAILABLE "UPSTREAM_CIRCUIT_OPEN" from OURS at [], |world| {
        world.fails(Operation::GetCustomer);
        // Ten failures in a row are enough.
        for _ in 0..10 {
            get(&world).await.unwrap_err();
        }
        let calls = world.calls();
        let refusal = get(&world).await.unwrap_err();
        assert_eq!(world.calls(), calls, "the vendor was asked");
        let wait = refusal.get_error_details().retry_info().unwrap().retry_delay.unwrap();
        assert!(!wait.is_zero() && wait <= Duration::from_secs(5), "{wait:?}");
        refusal
    }
    not_found_without_code: "*" => NOT_FOUND "RECORD_NOT_FOUND" from VENDOR at [], |world| {
        world.answers_text(Operation::GetCustomer, 404, "text/html", "<html>Not Found</html>");
        get(&world).await.unwrap_err()
    }
    malformed_answer: "*" => INTERNAL "UPSTREAM_MALFORMED" from OURS at [], |world| {
        world.answers_text(Operation::GetCustomer, 200, "text/html", "<html>Welcome</html>");
        get(&world).await.unwrap_err()
    }
    stopping: "*" => UNAVAILABLE "DRAINING" from OURS at [], |_world| {
        let world = World::with_gateway(|_| (), |gateway| gateway.drain_grace = Duration::from_millis(50)).await;
        let rule = FaultRule::on(Operation::GetCustomer).latency(Duration::from_secs(30));
        world.sandbox().add_fault(rule).unwrap();
        let mut customers = world.customers();
        let control = world.sandbox().clone();
        let call = tokio::spawn(async move {
            customers.get_customer(pb::GetCustomerRequest { customer_id: CUSTOMER.to_owned() }).await
        });
        while control.requests(Some(Operation::GetCustomer)).is_empty() {
            tokio::task::yield_now().await;
        }
        world.stop_gateway().await;
        call.await.unwrap().unwrap_err()
    }
}

#[tokio::test]
async fn a_passing_failure_of_a_read_is_not_seen_by_the_caller() {
    let world = World::start().await;
    let id = world.customer().await;
    let rule = FaultRule::on(Operation::GetCustomer)
        .commit(Commit::Never)
        .times(2);
    world.fault(rule, 502, "text/html", "<html>Bad Gateway</html>");
    let request = pb::GetCustomerRequest { customer_id: id };
    world.customers().get_customer(request).await.unwrap();
    assert_eq!(world.called(Operation::GetCustomer), 3);
    world.stop().await;
}

#[tokio::test]
async fn an_expired_token_and_a_revoked_one_are_renewed_without_the_caller_noticing() {
    let world = World::start().await;
    let id = world.customer().await;
    let request = pb::GetCustomerRequest { customer_id: id };
    assert_eq!(world.called(Operation::CreateToken), 1);
    world
        .sandbox()
        .advance(Duration::from_secs(2 * 60 * 60 + 1))
        .unwrap();
    world
        .customers()
        .get_customer(request.clone())
        .await
        .unwrap();
    assert_eq!(world.called(Operation::CreateToken), 2);
    world.sandbox().revoke_tokens(Revoke::All);
    world
        .customers()
        .get_customer(request.clone())
        .await
        .unwrap();
    assert_eq!(world.called(Operation::CreateToken), 3);
    world.customers().get_customer(request).await.unwrap();
    assert_eq!(world.called(Operation::CreateToken), 3);
    world.stop().await;
}

#[tokio::test]
async fn callers_at_once_share_one_login() {
    let world = World::start().await;
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let mut customers = world.customers();
            tokio::spawn(async move {
                customers
                    .list_customers(pb::ListCustomersRequest::default())
                    .await
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(world.called(Operation::CreateToken), 1);
    world.stop().await;
}

#[tokio::test]
async fn neither_a_caller_who_goes_away_nor_a_stop_cuts_a_write_short() {
    let world = World::start().await;
    let rule = FaultRule::on(Operation::AddTestingCustomer).latency(Duration::from_millis(200));
    world.sandbox().add_fault(rule).unwrap();
    let customer = pb::Customer {
        username: "household-4711".to_owned(),
        r#type: pb::CustomerType::Testing.into(),
        ..Default::default()
    };
    let mut customers = world.customers();
    let call = tokio::spawn(async move {
        customers
            .create_customer(pb::CreateCustomerRequest {
                customer: Some(customer),
                ..Default::default()
            })
            .await
    });
    while world.called(Operation::AddTestingCustomer) == 0 {
        tokio::task::yield_now().await;
    }
    call.abort();
    // The stop waits for the write, although nobody asks for its answer any more.
    let control = world.sandbox().clone();
    world.stop_gateway().await;
    let requests = control.requests(Some(Operation::AddTestingCustomer));
    assert_eq!(
        requests[0].status,
        Some(201),
        "the write was given up when its caller went away"
    );
    assert_eq!(control.counts().customers, 1);
}

#[tokio::test]
async fn health_and_the_admin_page_say_that_it_is_ready() {
    use tonic_health::pb::{
        HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
    };
    let world = World::start().await;
    let mut health = HealthClient::new(world.channel());
    for service in [
        "",
        "openfinance.v1.CustomerService",
        "openfinance.v1.AuthorizationService",
        "openfinance.v1.OnboardingService",
        "openfinance.v1.PartnerService",
        "openfinance.v1.GatewayService",
    ] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(world.admin_status(path).await, 200, "{path}");
    }
    assert_eq!(world.admin_status("/customers").await, 404);
    world.stop().await;
}

#[tokio::test]
async fn reflection_tells_the_services_in_both_versions() {
    use tonic_reflection::pb::{v1, v1alpha};
    let world = World::start().await;
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(world.channel());
    let mut answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    let Some(v1::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
        answer.message_response
    else {
        panic!("{answer:?}");
    };
    let names: Vec<_> = list
        .service
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    for service in [
        "CustomerService",
        "BusinessService",
        "ConsumerService",
        "AuthorizationService",
        "OnboardingService",
        "PartnerService",
        "GatewayService",
    ] {
        assert!(
            names.contains(&format!("openfinance.v1.{service}").as_str()),
            "{names:?}"
        );
    }
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
                "openfinance.v1.CustomerService".to_owned(),
            ),
        ),
    };
    let mut client =
        v1alpha::server_reflection_client::ServerReflectionClient::new(world.channel());
    let mut answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    let described = matches!(
        answer.message_response,
        Some(v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_))
    );
    assert!(described, "{answer:?}");
    world.stop().await;
}

#[tokio::test]
async fn every_method_of_the_protos_is_served() {
    let world = World::start().await;
    for method in openfinance_rpc::METHODS {
        // An empty request is refused for its content by each that needs some, so it was understood.
        let refusal = call(&world, method.path, ()).await;
        let code = refusal.as_ref().err().map(Status::code);
        let needs_nothing = [
            "/ListCustomers",
            "/StreamCustomers",
            "/GetGatewayInfo",
            "/GetPartnerAuthentication",
            "/ListErrorReasons",
            "/ResetAuthenticationGuard",
            "/GetCallerIdentity",
        ];
        let needs_nothing = needs_nothing.iter().any(|name| method.path.ends_with(name));
        let expected = (!needs_nothing).then_some(Code::InvalidArgument);
        assert_eq!(code, expected, "{}: {refusal:?}", method.path);
    }
    world.stop().await;
}
