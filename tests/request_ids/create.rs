//! The requests that create something, alike in how they are sent.

use openfinance_rpc::pb::{
    self, business_service_client::BusinessServiceClient,
    consumer_service_client::ConsumerServiceClient, customer_service_client::CustomerServiceClient,
};
use openfinance_sandbox::{Operation, RecordKind};
use tonic::{Status, transport::Channel};

use crate::world::REQUEST_ID;

/// The methods that create something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Customer,
    Consumer,
    ConsumerForBusiness,
    Business,
}

pub(super) const METHODS: [Method; 4] = [
    Method::Customer,
    Method::Consumer,
    Method::ConsumerForBusiness,
    Method::Business,
];

impl Method {
    /// What the vendor calls it.
    pub(super) fn operation(self) -> Operation {
        match self {
            Self::Customer => Operation::AddTestingCustomer,
            Self::Consumer | Self::ConsumerForBusiness => Operation::CreateConsumer,
            Self::Business => Operation::AddBusinessDetails,
        }
    }

    /// What finds the record.
    pub(super) fn reader(self) -> Operation {
        match self {
            Self::Customer => Operation::GetCustomers,
            Self::Consumer | Self::ConsumerForBusiness => Operation::GetConsumerForCustomer,
            Self::Business => Operation::GetBusinessByCustomer,
        }
    }

    pub(super) fn record(self) -> RecordKind {
        match self {
            Self::Customer => RecordKind::Customer,
            Self::Consumer | Self::ConsumerForBusiness => RecordKind::Consumer,
            Self::Business => RecordKind::Business,
        }
    }

    /// The reason where there is such a record already.
    pub(super) fn exists(self) -> &'static str {
        match self {
            Self::Customer => "USERNAME_TAKEN",
            Self::Consumer | Self::ConsumerForBusiness => "CONSUMER_EXISTS",
            Self::Business => "BUSINESS_EXISTS",
        }
    }

    /// A request of this method, of a customer that is made for it, and under no request id.
    pub(super) async fn request(self, channel: Channel) -> Create {
        if self == Self::Customer {
            return customer("household-4711").into();
        }
        let bystander = Create::from(customer("bystander"));
        let owner = bystander.send(channel).await.unwrap();
        match self {
            Self::Customer | Self::Consumer => consumer(&owner).into(),
            Self::ConsumerForBusiness => for_business(&owner).into(),
            Self::Business => business(&owner).into(),
        }
    }
}

/// A request that creates something.
#[derive(Clone, PartialEq)]
pub(super) enum Create {
    Customer(pb::CreateCustomerRequest),
    Consumer(pb::CreateConsumerRequest),
    ConsumerForBusiness(pb::CreateConsumerForBusinessRequest),
    Business(pb::CreateBusinessRequest),
}

impl Create {
    /// Sends it, and answers the record's id.
    pub(super) async fn send(self, channel: Channel) -> Result<String, Status> {
        match self {
            Self::Customer(request) => {
                let mut client = CustomerServiceClient::new(channel);
                let answer = client.create_customer(request).await?;
                Ok(answer.into_inner().customer_id)
            }
            Self::Consumer(request) => {
                let mut client = ConsumerServiceClient::new(channel);
                let answer = client.create_consumer(request).await?;
                Ok(answer.into_inner().consumer_id)
            }
            Self::ConsumerForBusiness(request) => {
                let mut client = ConsumerServiceClient::new(channel);
                let answer = client.create_consumer_for_business(request).await?;
                Ok(answer.into_inner().consumer_id)
            }
            Self::Business(request) => {
                let mut client = BusinessServiceClient::new(channel);
                let answer = client.create_business(request).await?;
                Ok(answer.into_inner().business_id)
            }
        }
    }

    /// The same under a request id.
    pub(super) fn once(mut self) -> Self {
        let id = match &mut self {
            Self::Customer(request) => &mut request.request_id,
            Self::Consumer(request) => &mut request.request_id,
            Self::ConsumerForBusiness(request) => &mut request.request_id,
            Self::Business(request) => &mut request.request_id,
        };
        REQUEST_ID.clone_into(id);
        self
    }

    /// The same place, another content.
    pub(super) fn other(mut self) -> Self {
        let name = match &mut self {
            Self::Customer(request) => &mut some(&mut request.customer).first_name,
            Self::Consumer(request) => &mut some(&mut request.consumer).first_name,
            Self::ConsumerForBusiness(request) => &mut request.business_name,
            Self::Business(request) => &mut some(&mut request.business).name,
        };
        "Somebody Else".clone_into(name);
        self
    }
}

impl From<pb::CreateCustomerRequest> for Create {
    fn from(request: pb::CreateCustomerRequest) -> Self {
        Self::Customer(request)
    }
}

impl From<pb::CreateConsumerRequest> for Create {
    fn from(request: pb::CreateConsumerRequest) -> Self {
        Self::Consumer(request)
    }
}

impl From<pb::CreateConsumerForBusinessRequest> for Create {
    fn from(request: pb::CreateConsumerForBusinessRequest) -> Self {
        Self::ConsumerForBusiness(request)
    }
}

impl From<pb::CreateBusinessRequest> for Create {
    fn from(request: pb::CreateBusinessRequest) -> Self {
        Self::Business(request)
    }
}

/// What is in there, made if need be.
pub(super) fn some<T: Default>(value: &mut Option<T>) -> &mut T {
    value.get_or_insert_default()
}

pub(super) fn customer(username: &str) -> pb::CreateCustomerRequest {
    pb::CreateCustomerRequest {
        customer: Some(crate::customer::testing(username)),
        ..Default::default()
    }
}

pub(super) fn consumer(owner: &str) -> pb::CreateConsumerRequest {
    pb::CreateConsumerRequest {
        customer_id: owner.to_owned(),
        consumer: Some(crate::consumer::whole()),
        ..Default::default()
    }
}

pub(super) fn for_business(owner: &str) -> pb::CreateConsumerForBusinessRequest {
    crate::consumer::for_business(owner)
}

pub(super) fn business(owner: &str) -> pb::CreateBusinessRequest {
    pb::CreateBusinessRequest {
        customer_id: owner.to_owned(),
        business: Some(crate::business::whole()),
        ..Default::default()
    }
}
