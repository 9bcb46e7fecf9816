//! What is asked of the gateway.

use openfinance_rpc::pb::{
    self, business_service_client::BusinessServiceClient,
    consumer_service_client::ConsumerServiceClient, customer_service_client::CustomerServiceClient,
};
use tonic::{Code, Request, transport::Channel};

use crate::records::{Records, customer};

/// Kinds of calls.
#[derive(Clone, Copy)]
pub(crate) enum Asked {
    GetCustomer,
    GetConsumer,
    GetBusiness,
    NotFound,
    List,
    Stream,
    Create,
    Guarded,
    Traced,
}

impl Asked {
    /// Those of a gateway with the settings that it has by default. The one that makes records comes last.
    pub(crate) const PLAIN: [Self; 7] = [
        Self::GetCustomer,
        Self::GetConsumer,
        Self::GetBusiness,
        Self::NotFound,
        Self::List,
        Self::Stream,
        Self::Create,
    ];

    /// Those of a gateway that knows its callers and writes down what they read.
    pub(crate) const GUARDED: [Self; 1] = [Self::Guarded];

    /// Those of a gateway that sends a trace of each call.
    pub(crate) const TRACED: [Self; 1] = [Self::Traced];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GetCustomer => "GetCustomer",
            Self::GetConsumer => "GetConsumer",
            Self::GetBusiness => "GetBusiness",
            Self::NotFound => "GetCustomer, not found",
            Self::List => "ListCustomers, a page of 25",
            Self::Stream => "StreamCustomers, each customer",
            Self::Create => "CreateCustomer with a request id",
            Self::Guarded => "GetCustomer with key, policy and audit",
            Self::Traced => "GetCustomer with traces",
        }
    }

    pub(crate) fn note(self) -> &'static str {
        match self {
            Self::GetCustomer | Self::GetConsumer | Self::GetBusiness => {
                "from the first byte of the call to the last of the answer, one REST call included"
            }
            Self::NotFound => "the vendor knows no such customer; all details of the error",
            Self::List => "25 customers of 1,000",
            Self::Stream => "a stream of 1,000 customers, divided by 1,000",
            Self::Create => "a new id each time, kept in the file of shared.store_path",
            Self::Guarded => {
                "one of [[auth.keys]], its [[policy]], a line in the audit file for each read"
            }
            Self::Traced => {
                "two spans for each call, and their way to a collector in batches of 512"
            }
        }
    }

    /// How many calls are counted at a time.
    pub(crate) fn calls(self) -> usize {
        match self {
            Self::GetCustomer | Self::GetConsumer | Self::GetBusiness => 100,
            Self::NotFound | Self::Guarded => 100,
            Self::List => 40,
            Self::Create => 60,
            Self::Stream => 1,
            // As many spans as one batch has, so that each round has one.
            Self::Traced => 256,
        }
    }

    /// How many are made before any is counted.
    pub(crate) fn before(self) -> usize {
        // No batch of spans leaves as a round begins or ends.
        let more = matches!(self, Self::Traced).then(|| self.calls() / 2);
        self.calls() + more.unwrap_or_default()
    }
}

/// One caller with one connection.
pub(crate) struct Calls {
    customers: CustomerServiceClient<Channel>,
    consumers: ConsumerServiceClient<Channel>,
    businesses: BusinessServiceClient<Channel>,
    key: Option<&'static str>,
    records: Records,
    created: usize,
}

impl Calls {
    pub(crate) fn over(channel: Channel, key: Option<&'static str>, records: Records) -> Self {
        Self {
            customers: CustomerServiceClient::new(channel.clone()),
            consumers: ConsumerServiceClient::new(channel.clone()),
            businesses: BusinessServiceClient::new(channel),
            key,
            records,
            created: 0,
        }
    }

    /// Makes so many calls, each after the answer to the one before, and answers how many there are to divide by.
    pub(crate) async fn make(&mut self, asked: Asked, calls: usize) -> usize {
        let mut made = 0;
        for _ in 0..calls {
            made += self.call(asked).await;
        }
        made
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(key) = self.key {
            request
                .metadata_mut()
                .insert("x-api-key", key.parse().unwrap());
        }
        request
    }

    async fn call(&mut self, asked: Asked) -> usize {
        match asked {
            Asked::GetCustomer | Asked::Guarded | Asked::Traced => {
                let customer_id = self.records.customer.clone();
                let request = self.request(pb::GetCustomerRequest { customer_id });
                let answer = self.customers.get_customer(request).await.unwrap();
                assert_eq!(answer.into_inner().first_name, "Maria");
            }
            Asked::GetConsumer => {
                let consumer_id = self.records.consumer.clone();
                let request = self.request(pb::GetConsumerRequest { consumer_id });
                let answer = self.consumers.get_consumer(request).await.unwrap();
                assert_eq!(answer.into_inner().ssn_last_four, "6789");
            }
            Asked::GetBusiness => {
                let business_id = self.records.business.clone();
                let request = self.request(pb::GetBusinessRequest { business_id });
                let answer = self.businesses.get_business(request).await.unwrap();
                assert_eq!(answer.into_inner().name, "Example Tires Inc");
            }
            Asked::NotFound => {
                let customer_id = "1".to_owned();
                let request = self.request(pb::GetCustomerRequest { customer_id });
                let refusal = self.customers.get_customer(request).await.unwrap_err();
                assert_eq!(refusal.code(), Code::NotFound);
            }
            Asked::List => {
                let request = self.request(pb::ListCustomersRequest::default());
                let answer = self.customers.list_customers(request).await.unwrap();
                assert_eq!(answer.into_inner().customers.len(), 25);
            }
            Asked::Stream => return self.stream().await,
            Asked::Create => self.create().await,
        }
        1
    }

    async fn stream(&mut self) -> usize {
        let request = self.request(pb::StreamCustomersRequest::default());
        let answer = self.customers.stream_customers(request).await.unwrap();
        let mut pages = answer.into_inner();
        let mut customers = 0;
        while let Some(page) = pages.message().await.unwrap() {
            customers += page.customers.len();
        }
        customers
    }

    async fn create(&mut self) {
        let number = self.created;
        self.created += 1;
        let request = self.request(pb::CreateCustomerRequest {
            customer: Some(customer(&format!("created-{number:05}"))),
            request_id: format!("00000000-0000-4000-8000-{number:012}"),
            ..Default::default()
        });
        let answer = self.customers.create_customer(request).await.unwrap();
        assert!(!answer.into_inner().customer_id.is_empty());
    }
}
