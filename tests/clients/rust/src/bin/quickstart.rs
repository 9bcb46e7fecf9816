//! A first call: creates a customer at a gateway that was started with `--sandbox`, and reads it.
#![expect(clippy::print_stdout, reason = "it shows what was answered")]

use std::time::Duration;

use openfinance_client::{Problem, create_again};
use openfinance_rpc::pb::{
    CreateCustomerRequest, Customer, CustomerType, GetCustomerRequest,
    customer_service_client::CustomerServiceClient,
};
use tokio::time::sleep;
use tonic::Request;
use uuid::Uuid;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::var("GATEWAY_PLAINTEXT_ADDRESS");
    let address = address.unwrap_or_else(|_| "127.0.0.1:50051".to_owned());
    // ANCHOR: quickstart
    let mut customers = CustomerServiceClient::connect(format!("http://{address}")).await?;
    let request = CreateCustomerRequest {
        // Makes the call safe to repeat: whatever happens, there is one customer.
        request_id: Uuid::new_v4().to_string(),
        customer: Some(Customer {
            username: format!("rust-{}", Uuid::new_v4()),
            r#type: CustomerType::Testing.into(),
            first_name: "Ada".to_owned(),
            last_name: "Lovelace".to_owned(),
            ..Customer::default()
        }),
        ..CreateCustomerRequest::default()
    };
    let create = async || {
        // A call without a deadline gets 20 seconds. Set your own: it begins with each try.
        let mut request = Request::new(request.clone());
        request.set_timeout(Duration::from_secs(5));
        customers.clone().create_customer(request).await
    };
    let customer_id = create_again(create, sleep).await?.customer_id;
    let read = customers
        .get_customer(GetCustomerRequest { customer_id })
        .await?
        .into_inner();
    println!("{read:?}");

    let unknown = GetCustomerRequest {
        customer_id: "1".to_owned(),
    };
    if let Err(status) = customers.get_customer(unknown).await {
        println!("{}", Problem::from(&status).reason); // CUSTOMER_NOT_FOUND
    }
    // ANCHOR_END: quickstart
    Ok(())
}
