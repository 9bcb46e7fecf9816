//! Request ids: what is asked twice under one id is done once.

use std::fmt;

use uuid::Uuid;

use crate::{
    Client, Error,
    business::{Business, NewBusiness, OwnedBusiness},
    consumer::{Consumer, NewConsumer, OwnedConsumer},
    customer::{Customer, NewCustomer},
    id::CustomerId,
    onboarding::Step,
    seal::Keys,
    settle::Creation,
};

/// What identifies a request: the caller's id for it, within the method that was called and for that caller alone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId {
    /// Who called.
    pub caller: String,
    /// The method that was called.
    pub method: &'static str,
    /// The caller's id for the request.
    pub id: Uuid,
}

impl RequestId {
    /// The name of what is kept of it, or of a step of what is done under it.
    pub(crate) fn name(&self, keys: &Keys, step: Option<Step>) -> String {
        let Self { caller, method, id } = self;
        let mut parts = vec![caller.as_bytes(), method.as_bytes(), id.as_bytes()];
        parts.extend(step.map(|step| step.as_str().as_bytes()));
        keys.name(&parts)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A caller may put into an id what is nobody's business.
        f.debug_struct("RequestId")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// The creates of a client, done once under a [`RequestId`].
///
/// For 24 hours a repeat with the same content gets the first answer, success or refusal, without a call of the vendor,
/// over restarts and from every replica that shares the store. Where nothing was done, a repeat starts anew. A repeat
/// while the first is under way waits for its answer.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = openfinance_sandbox::Sandbox::start(openfinance_sandbox::Config::for_tests()).await?;
/// # let partner = openfinance_sandbox::Config::for_tests().partner;
/// # let config = openfinance::Config::new(sandbox.base_url().parse()?, partner.id, partner.secret.into(), partner.app_key.into());
/// # let client = openfinance::Client::new(config)?;
/// use openfinance::{Error, RequestId, customer::{CustomerType, NewCustomer}};
///
/// let new = NewCustomer {
///     customer_type: CustomerType::Testing,
///     username: "household-4711".parse()?,
///     first_name: None,
///     last_name: None,
///     phone: None,
///     email: None,
///     application_id: None,
/// };
/// // A random id, chosen before the first try and kept until one has succeeded.
/// let id = uuid::Uuid::from_u128(0x7c9e_6679_7425_40de_944b_e07f_c1f9_0ae7);
/// let once = client.once(RequestId { caller: "loans".to_owned(), method: "CreateCustomer", id });
///
/// let created = once.create_customer(new.clone()).await?;
/// assert_eq!(once.create_customer(new.clone()).await?, created);
///
/// let other = NewCustomer { username: "household-4712".parse()?, ..new };
/// assert_eq!(once.create_customer(other).await, Err(Error::RequestIdReused));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Once {
    pub(crate) client: Client,
    pub(crate) request: RequestId,
}

impl Client {
    /// This client's creates, done once under this id.
    #[must_use]
    pub fn once(&self, request: RequestId) -> Once {
        Once {
            client: self.clone(),
            request,
        }
    }
}

impl Once {
    /// Creates a customer.
    ///
    /// # Errors
    /// As [`Client::create_customer`], and: [`Error::RequestIdReused`] if the id was used for something else;
    /// [`Error::RequestInFlight`] if another replica is at work on it still; [`Error::StoreUnavailable`] if nothing
    /// could be noted, and so nothing was sent. [`Error::OutcomeUnknown`] is resumable: repeating settles it.
    pub async fn create_customer(&self, new: NewCustomer) -> Result<Customer, Error> {
        self.create(new).await
    }

    /// Creates the consumer of `owner`.
    ///
    /// # Errors
    /// As [`Client::create_consumer`] and [`Once::create_customer`].
    pub async fn create_consumer(
        &self,
        owner: &CustomerId,
        new: NewConsumer,
    ) -> Result<Consumer, Error> {
        let owner = owner.clone();
        self.create(OwnedConsumer { owner, new }).await
    }

    /// Creates the business of `owner`.
    ///
    /// # Errors
    /// As [`Client::create_business`] and [`Once::create_customer`].
    pub async fn create_business(
        &self,
        owner: &CustomerId,
        new: NewBusiness,
    ) -> Result<Business, Error> {
        let owner = owner.clone();
        self.create(OwnedBusiness { owner, new }).await
    }

    async fn create<C: Creation>(&self, creation: C) -> Result<C::Record, Error> {
        let Self { client, request } = self;
        let (record, _) = client.create_once(request, None, creation).await?;
        Ok(record)
    }
}
