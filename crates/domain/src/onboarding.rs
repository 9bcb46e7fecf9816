//! Onboarding: a customer, its consumer and its business, in the order that the vendor needs.
//!
//! The vendor creates one record at a time, so an onboarding can break off half-way. It then says how far it came.

use crate::{
    Client, Error,
    business::{Business, NewBusiness},
    consumer::{Consumer, NewConsumer},
    customer::{Customer, NewCustomer},
    id::{ConsumerId, CustomerId},
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
    /// This one.
    ThisCall,
    /// An earlier one with the same request id.
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
#[error("the {step} of an onboarding: {error}", step = step.as_str())]
pub struct OnboardingError {
    /// The step that failed.
    pub step: Step,
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
        let Onboarding {
            customer,
            consumer,
            business,
        } = onboarding;
        let mut progress = Progress::default();
        let customer = self
            .create_customer(customer)
            .await
            .map_err(|error| progress.failed(Step::Customer, error))?;
        let owner = customer.id.clone();
        progress.customer = Some(owner.clone());
        let consumer = match consumer {
            Some(new) => Some(
                self.create_consumer(&owner, new)
                    .await
                    .map_err(|error| progress.failed(Step::Consumer, error))?,
            ),
            None => None,
        };
        progress.consumer = consumer.as_ref().map(|consumer| consumer.id.clone());
        let business = match business {
            Some(new) => Some(
                self.create_business(&owner, new)
                    .await
                    .map_err(|error| progress.failed(Step::Business, error))?,
            ),
            None => None,
        };
        Ok(Onboarded {
            customer: Made::now(customer),
            consumer: consumer.map(Made::now),
            business: business.map(Made::now),
        })
    }
}

impl<T> Made<T> {
    fn now(record: T) -> Self {
        Self {
            record,
            by: MadeBy::ThisCall,
        }
    }
}

/// The records that are there.
#[derive(Default)]
struct Progress {
    customer: Option<CustomerId>,
    consumer: Option<ConsumerId>,
}

impl Progress {
    fn failed(&self, step: Step, error: Error) -> OnboardingError {
        OnboardingError {
            step,
            customer: self.customer.clone(),
            consumer: self.consumer.clone(),
            error,
        }
    }
}
