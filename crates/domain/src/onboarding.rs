//! Onboarding: a customer, its consumer and its business, in the order that the vendor needs.
//!
//! The vendor creates one record at a time, so an onboarding can break off half-way. It then says how far it came, and
//! under a [`RequestId`] a repeat goes on from there.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = openfinance_sandbox::Sandbox::start(openfinance_sandbox::Config::for_tests()).await?;
//! # let partner = openfinance_sandbox::Config::for_tests().partner;
//! # let config = openfinance::Config::new(sandbox.base_url().parse()?, partner.id, partner.secret.into(), partner.app_key.into());
//! # let client = openfinance::Client::new(config)?;
//! use openfinance::{RequestId, consumer::{BusinessConsumer, Contact, NewConsumer}, onboarding::{MadeBy, Onboarding}};
//! use openfinance::{customer::{CustomerType, NewCustomer}, value::Birthday};
//!
//! let onboarding = Onboarding {
//!     customer: NewCustomer {
//!         customer_type: CustomerType::Testing,
//!         username: "engines-4711".parse()?,
//!         first_name: None,
//!         last_name: None,
//!         phone: None,
//!         email: None,
//!         application_id: None,
//!     },
//!     consumer: Some(NewConsumer::for_business(BusinessConsumer {
//!         business_name: "Analytical Engines".parse()?,
//!         business_type: "LLC".parse()?,
//!         ein: "123456789".parse()?,
//!         report_date: Birthday::new(2026, 7, 25)?,
//!         state: "UT".parse()?,
//!         contact: Contact::Email("office@example.com".parse()?),
//!         address: None,
//!         city: None,
//!         zip: None,
//!     })),
//!     business: None,
//! };
//! let request = RequestId { caller: "loans".to_owned(), method: "OnboardCustomer", id: uuid::Uuid::from_u128(4711) };
//!
//! let first = client.once(request.clone()).onboard_customer(onboarding.clone()).await?;
//! assert_eq!(first.customer.by, MadeBy::ThisCall);
//! // Whatever became of the first call, a repeat goes on from there. This one finds all of it done.
//! let again = client.once(request).onboard_customer(onboarding).await?;
//! assert_eq!(again.customer.by, MadeBy::EarlierCall);
//! assert_eq!(again.customer.record.id, first.customer.record.id);
//! # Ok(())
//! # }
//! ```

use openfinance_rest::types as wire;

use crate::{
    Client, Error, Once, RequestId,
    business::{Business, NewBusiness, OwnedBusiness},
    consumer::{Consumer, NewConsumer, OwnedConsumer},
    customer::{Customer, NewCustomer},
    id::{ConsumerId, CustomerId},
    settle::Creation,
};

/// The records to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onboarding {
    /// The customer.
    pub customer: NewCustomer,
    /// Its consumer.
    pub consumer: Option<NewConsumer>,
    /// Its business.
    pub business: Option<NewBusiness>,
}

/// The records that were created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onboarded {
    /// The customer.
    pub customer: Made<Customer>,
    /// Its consumer, if one was asked for.
    pub consumer: Option<Made<Consumer>>,
    /// Its business, if one was asked for.
    pub business: Option<Made<Business>>,
}

/// A record, and which call made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made<T> {
    /// The record.
    pub record: T,
    /// Which call made it.
    pub by: MadeBy,
}

/// Which call made a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MadeBy {
    /// This one: it sent the creation.
    ThisCall,
    /// An earlier one with the same request id. This one sent nothing to make it, and at most found out that it is there.
    EarlierCall,
}

/// A step of an onboarding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The customer.
    Customer,
    /// Its consumer.
    Consumer,
    /// Its business.
    Business,
}

impl Step {
    /// The step in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Consumer => "consumer",
            Self::Business => "business",
        }
    }
}

/// An onboarding that broke off, and how far it came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step} of an onboarding: {error}", step = step.map_or("the beginning", Step::as_str))]
pub struct OnboardingError {
    /// The step that failed; `None` if it was what comes before the first, and then nothing was sent.
    pub step: Option<Step>,
    /// The customer, if it is there.
    pub customer: Option<CustomerId>,
    /// The consumer, if it is there.
    pub consumer: Option<ConsumerId>,
    /// Why it failed.
    #[source]
    pub error: Error,
}

impl Client {
    /// Creates a customer, then its consumer, then its business, as far as they are asked for.
    ///
    /// # Errors
    /// [`OnboardingError`] with the step that failed and the records that are there. Its error is one of
    /// [`Client::create_customer`], [`Client::create_consumer`] or [`Client::create_business`].
    pub async fn onboard_customer(
        &self,
        onboarding: Onboarding,
    ) -> Result<Onboarded, OnboardingError> {
        Steps::of(self, None).all(onboarding).await
    }
}

impl Once {
    /// As [`Client::onboard_customer`], and resumes: a repeat with the same content goes on with the step that the last
    /// call broke off at, whatever became of that, and answers the steps before it as they were. No record is made twice.
    ///
    /// # Errors
    /// As [`Client::onboard_customer`], each step with the errors of [`Once::create_customer`].
    /// [`Error::RequestIdReused`] if anything in the onboarding is other than in the first call with this id within 24
    /// hours; nothing was sent then.
    pub async fn onboard_customer(
        &self,
        onboarding: Onboarding,
    ) -> Result<Onboarded, OnboardingError> {
        let Self { client, request } = self;
        let claim = async {
            let content = onboarding.content()?;
            let operation = onboarding.customer.operation();
            client
                .in_time(operation, client.claim(request, &content))
                .await?
        };
        claim.await.map_err(|error| OnboardingError {
            step: None,
            customer: None,
            consumer: None,
            error,
        })?;
        Steps::of(client, Some(request)).all(onboarding).await
    }
}

impl Onboarding {
    /// What identifies it and everything in it, as bytes.
    fn content(&self) -> Result<Vec<u8>, Error> {
        let Self {
            customer,
            consumer,
            business,
        } = self;
        let operation = customer.operation();
        let whole = (
            "onboarding",
            operation.name(),
            wire::NewCustomer::from(customer.clone()),
            consumer.clone().map(wire::NewConsumer::from),
            business.as_ref().map(NewBusiness::body).transpose()?,
        );
        serde_json::to_vec(&whole).map_err(|_| operation.malformed("it can't be written", None))
    }
}

/// The steps of an onboarding, and how far it came.
struct Steps<'a> {
    client: &'a Client,
    request: Option<&'a RequestId>,
    customer: Option<CustomerId>,
    consumer: Option<ConsumerId>,
}

impl<'a> Steps<'a> {
    fn of(client: &'a Client, request: Option<&'a RequestId>) -> Self {
        Self {
            client,
            request,
            customer: None,
            consumer: None,
        }
    }

    async fn all(mut self, onboarding: Onboarding) -> Result<Onboarded, OnboardingError> {
        let Onboarding {
            customer,
            consumer,
            business,
        } = onboarding;
        let customer = self.make(Step::Customer, customer).await?;
        let owner = &customer.record.id;
        self.customer = Some(owner.clone());
        let consumer = match consumer {
            Some(new) => {
                let owner = owner.clone();
                let creation = OwnedConsumer { owner, new };
                Some(self.make(Step::Consumer, creation).await?)
            }
            None => None,
        };
        self.consumer = consumer.as_ref().map(|made| made.record.id.clone());
        let business = match business {
            Some(new) => {
                let owner = owner.clone();
                let creation = OwnedBusiness { owner, new };
                Some(self.make(Step::Business, creation).await?)
            }
            None => None,
        };
        Ok(Onboarded {
            customer,
            consumer,
            business,
        })
    }

    async fn make<C: Creation>(
        &self,
        step: Step,
        creation: C,
    ) -> Result<Made<C::Record>, OnboardingError> {
        let made = match self.request {
            Some(request) => {
                let created = self.client.create_once(request, Some(step), creation);
                created.await.map(|(record, by)| Made { record, by })
            }
            None => {
                let created = self.client.create(creation);
                created.await.map(|record| Made {
                    record,
                    by: MadeBy::ThisCall,
                })
            }
        };
        made.map_err(|error| OnboardingError {
            step: Some(step),
            customer: self.customer.clone(),
            consumer: self.consumer.clone(),
            error,
        })
    }
}
