//! What is refused to callers of every method, a case for each row of the table in `common.proto`.

use super::*;
use crate::refusals::refusals;

async fn read(world: &World, request: Request<pb::GetCustomerRequest>) -> Status {
    world.customers().get_customer(request).await.unwrap_err()
}

/// A request for a customer that the world does not have.
fn missing() -> pb::GetCustomerRequest {
    pb::GetCustomerRequest {
        customer_id: "1005061234".to_owned(),
    }
}

refusals! {
    caller_unknown: "*" => UNAUTHENTICATED "CALLER_UNAUTHENTICATED" from OURS at [], |_world| {
        let world = world(by_key(&[("reader", &[Role::Reader], &[])])).await;
        let status = read(&world, by("somebody", missing())).await;
        world.stop().await;
        status
    }
    caller_without_permission: "*" => PERMISSION_DENIED "CALLER_FORBIDDEN" from OURS at [], |_world| {
        let world = world(by_key(&[("clerk", &[], &["businesses.read"])])).await;
        let status = read(&world, by("clerk", missing())).await;
        world.stop().await;
        status
    }
    customers_searched_unseen: "CustomerService/ListCustomers" => PERMISSION_DENIED "CALLER_FORBIDDEN" from OURS at [], |_world| {
        let world = world(by_key(&[("reader", &[Role::Reader], &[])])).await;
        let request = pb::ListCustomersRequest { search: canary::LAST_NAME.to_owned(), ..Default::default() };
        let status = world.customers().list_customers(by("reader", request)).await.unwrap_err();
        world.stop().await;
        status
    }
    customers_streamed_unseen: "CustomerService/StreamCustomers" => PERMISSION_DENIED "CALLER_FORBIDDEN" from OURS at [], |_world| {
        let world = world(by_key(&[("reader", &[Role::Reader], &[])])).await;
        let request = pb::StreamCustomersRequest { search: canary::LAST_NAME.to_owned(), ..Default::default() };
        let status = world.customers().stream_customers(by("reader", request)).await.unwrap_err();
        world.stop().await;
        status
    }
}
