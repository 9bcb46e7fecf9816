//! The records that are read.

use std::sync::Arc;

use openfinance_rpc::pb::{
    self, business_service_client::BusinessServiceClient,
    consumer_service_client::ConsumerServiceClient, customer_service_client::CustomerServiceClient,
};
use openfinance_sandbox::Sandbox;

use crate::process::Process;

/// How many customers there are before any is created for counting: the pages that are listed and streamed are full.
const CUSTOMERS: usize = 1_000;

/// Ids of records with every field that callers fill in as a rule.
#[derive(Clone)]
pub(crate) struct Records {
    pub(crate) customer: String,
    pub(crate) consumer: String,
    pub(crate) business: String,
}

impl Records {
    /// Makes them over a gateway of its own, which nobody counts.
    pub(crate) async fn make(vendor: Arc<Sandbox>) -> Self {
        let process = Process::over(vendor, "", &[]).await;
        let channel = process.channel().await;
        let mut customers = CustomerServiceClient::new(channel.clone());
        let mut first = None;
        for number in 0..CUSTOMERS {
            let request = pb::CreateCustomerRequest {
                customer: Some(customer(&format!("customer-{number:05}"))),
                ..Default::default()
            };
            let made = customers.create_customer(request).await.unwrap();
            first.get_or_insert(made.into_inner().customer_id);
        }
        let customer = first.unwrap();
        let request = pb::CreateConsumerRequest {
            customer_id: customer.clone(),
            consumer: Some(consumer()),
            ..Default::default()
        };
        let mut consumers = ConsumerServiceClient::new(channel.clone());
        let consumer = consumers.create_consumer(request).await.unwrap();
        let request = pb::CreateBusinessRequest {
            customer_id: customer.clone(),
            business: Some(business()),
            ..Default::default()
        };
        let mut businesses = BusinessServiceClient::new(channel);
        let business = businesses.create_business(request).await.unwrap();
        drop((customers, consumers, businesses));
        process.stop().await;
        Self {
            customer,
            consumer: consumer.into_inner().consumer_id,
            business: business.into_inner().business_id,
        }
    }
}

pub(crate) fn customer(username: &str) -> pb::Customer {
    pb::Customer {
        username: username.to_owned(),
        r#type: pb::CustomerType::Testing.into(),
        first_name: "Maria".to_owned(),
        last_name: "Example".to_owned(),
        phone: "801-555-0100".to_owned(),
        email: "maria@example.com".to_owned(),
        ..Default::default()
    }
}

fn consumer() -> pb::Consumer {
    pb::Consumer {
        first_name: "Maria".to_owned(),
        last_name: "Example".to_owned(),
        address: "434 W Ascension Way".to_owned(),
        city: "Murray".to_owned(),
        state: "UT".to_owned(),
        zip: "84123".to_owned(),
        phone: "8015550100".to_owned(),
        email: "maria@example.com".to_owned(),
        ssn: "123-45-6789".to_owned(),
        birthday: Some(pb::Date {
            year: 1989,
            month: 8,
            day: 13,
        }),
        ..Default::default()
    }
}

fn business() -> pb::Business {
    pb::Business {
        name: "Example Tires Inc".to_owned(),
        personally_liable: Some(false),
        address: Some(pb::Address {
            address_line1: "434 W Ascension Way".to_owned(),
            city: "Murray".to_owned(),
            state: "UT".to_owned(),
            country: "USA".to_owned(),
            postal_code: "84123".to_owned(),
            ..Default::default()
        }),
        phone_number: Some(pb::PhoneNumber {
            country_code: "1".to_owned(),
            number: "8015550100".to_owned(),
        }),
        email: "office@example.com".to_owned(),
        tax_id: "12-3456789".to_owned(),
        ..Default::default()
    }
}
