//! Consumers: whom a lending report is about.
//!
//! A customer has at most one consumer. It can never be deleted, survives its customer, and its reports are kept for
//! six years. Send both social security number and birthday where you know both: the vendor matches disclosures,
//! disputes and freezes by them, and submissions to the government-sponsored enterprises need the number.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = openfinance_sandbox::Sandbox::start(openfinance_sandbox::Config::for_tests()).await?;
//! # let partner = openfinance_sandbox::Config::for_tests().partner;
//! # let config = openfinance::Config::new(sandbox.base_url().parse()?, partner.id, partner.secret.into(), partner.app_key.into());
//! # let client = openfinance::Client::new(config)?;
//! # let customer = client.create_customer(openfinance::customer::NewCustomer {
//! #     customer_type: openfinance::customer::CustomerType::Testing, username: "household-4711".parse()?,
//! #     first_name: None, last_name: None, phone: None, email: None, application_id: None,
//! # }).await?;
//! use openfinance::{consumer::{ConsumerUpdate, Contact, Identity, NewConsumer}, value::Birthday};
//!
//! let consumer = client
//!     .create_consumer(
//!         &customer.id,
//!         NewConsumer {
//!             first_name: "Ada".parse()?,
//!             last_name: "Lovelace".parse()?,
//!             state: "UT".parse()?,
//!             identity: Identity::Both("123-45-6789".parse()?, Birthday::new(1990, 12, 10)?),
//!             contact: Contact::Email("ada@example.com".parse()?),
//!             address: None,
//!             city: None,
//!             zip: None,
//!             suffix: None,
//!             end_user: None,
//!         },
//!     )
//!     .await?;
//! // The number never comes back, nor does anything personal get printed.
//! assert_eq!(consumer.ssn_last_four.as_ref().map(|digits| digits.as_str()), Some("6789"));
//! assert!(!format!("{consumer:?}").contains("Lovelace"));
//!
//! let change = ConsumerUpdate { city: Some("Murray".parse()?), ..ConsumerUpdate::default() };
//! let changed = client.update_consumer(&consumer.id, change).await?;
//! assert_eq!(client.consumer_by_customer(&customer.id).await?, changed);
//! # Ok(())
//! # }
//! ```

mod convert;
mod create;
mod update;

use jiff::Timestamp;
use openfinance_rest::{self as rest, types as wire};

pub(crate) use self::create::OwnedConsumer;
use self::update::ConsumerChange;

use crate::{
    Client, Error,
    id::{ConsumerId, CustomerId},
    operation::Operation,
    value::{Birthday, Ein, PartialDate, Personal, Phone, Ssn, Text, plain, text},
};

text! {
    /// The web address of an end user: 2 to 999 characters (the vendor's document, which writes the upper limit where
    /// it has no effect).
    EndUserUrl, "must be 2 to 999 characters, not all blank and no control characters",
    |text| plain(text, 2, 999)
}

/// What tells one person from another: at least one of social security number and birthday (the vendor's page).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The social security number alone.
    Ssn(Ssn),
    /// The birthday alone.
    Birthday(Birthday),
    /// Both, which matches best.
    Both(Ssn, Birthday),
}

impl Identity {
    /// Of what is known; `None` if nothing is.
    pub fn new(ssn: Option<Ssn>, birthday: Option<Birthday>) -> Option<Self> {
        match (ssn, birthday) {
            (Some(ssn), Some(birthday)) => Some(Self::Both(ssn, birthday)),
            (Some(ssn), None) => Some(Self::Ssn(ssn)),
            (None, Some(birthday)) => Some(Self::Birthday(birthday)),
            (None, None) => None,
        }
    }

    /// The social security number, where known.
    pub fn ssn(&self) -> Option<&Ssn> {
        match self {
            Self::Ssn(ssn) | Self::Both(ssn, _) => Some(ssn),
            Self::Birthday(_) => None,
        }
    }

    /// The birthday, where known.
    pub fn birthday(&self) -> Option<Birthday> {
        match self {
            Self::Birthday(birthday) | Self::Both(_, birthday) => Some(*birthday),
            Self::Ssn(_) => None,
        }
    }
}

/// How to reach a consumer: at least one of telephone number and e-mail address (the vendor's page).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contact {
    /// The telephone number alone.
    Phone(Phone),
    /// The e-mail address alone.
    Email(Text),
    /// Both.
    Both(Phone, Text),
}

impl Contact {
    /// Of what is known; `None` if nothing is.
    pub fn new(phone: Option<Phone>, email: Option<Text>) -> Option<Self> {
        match (phone, email) {
            (Some(phone), Some(email)) => Some(Self::Both(phone, email)),
            (Some(phone), None) => Some(Self::Phone(phone)),
            (None, Some(email)) => Some(Self::Email(email)),
            (None, None) => None,
        }
    }

    /// The telephone number, where known.
    pub fn phone(&self) -> Option<&Phone> {
        match self {
            Self::Phone(phone) | Self::Both(phone, _) => Some(phone),
            Self::Email(_) => None,
        }
    }

    /// The e-mail address, where known.
    pub fn email(&self) -> Option<&Text> {
        match self {
            Self::Email(email) | Self::Both(_, email) => Some(email),
            Self::Phone(_) => None,
        }
    }
}

/// A consumer to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewConsumer {
    /// First name.
    pub first_name: Text,
    /// Last name.
    pub last_name: Text,
    /// State, in two letters.
    pub state: Text,
    /// What tells the person from another.
    pub identity: Identity,
    /// How to reach the person.
    pub contact: Contact,
    /// Street and house number.
    pub address: Option<Text>,
    /// City.
    pub city: Option<Text>,
    /// ZIP code.
    pub zip: Option<Text>,
    /// Suffix of the name, such as `Jr`.
    pub suffix: Option<Text>,
    /// Who receives the reports in the end. Resellers must say.
    pub end_user: Option<NewEndUser>,
}

impl NewConsumer {
    /// The consumer that stands for a business, for consumer lending reports in small-business decisions where no
    /// person is liable.
    ///
    /// The rule is the vendor's page's: the EIN as social security number, name and legal form as first and last
    /// name, the day on which the report is ordered as birthday. Where the owner is personally liable, the consumer is
    /// that person instead.
    ///
    /// ```
    /// use openfinance::{consumer::{BusinessConsumer, Contact, NewConsumer}, value::{Birthday, InvalidValue}};
    ///
    /// let consumer = NewConsumer::for_business(BusinessConsumer {
    ///     business_name: "ABC Plumbing".parse()?,
    ///     business_type: "LLC".parse()?,
    ///     ein: "123456789".parse()?,
    ///     report_date: Birthday::new(2026, 7, 25)?,
    ///     state: "UT".parse()?,
    ///     contact: Contact::Email("office@example.com".parse()?),
    ///     address: None,
    ///     city: None,
    ///     zip: None,
    /// });
    /// assert_eq!(consumer.first_name.as_str(), "ABC Plumbing");
    /// assert_eq!(consumer.last_name.as_str(), "LLC");
    /// # Ok::<(), InvalidValue>(())
    /// ```
    pub fn for_business(business: BusinessConsumer) -> Self {
        let BusinessConsumer {
            business_name,
            business_type,
            ein,
            report_date,
            state,
            contact,
            address,
            city,
            zip,
        } = business;
        Self {
            first_name: business_name,
            last_name: business_type,
            state,
            identity: Identity::Both(ein.into(), report_date),
            contact,
            address,
            city,
            zip,
            suffix: None,
            end_user: None,
        }
    }
}

/// What is known of a business that a consumer stands for; see [`NewConsumer::for_business`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusinessConsumer {
    /// Name of the business.
    pub business_name: Text,
    /// Legal form, such as `LLC`.
    pub business_type: Text,
    /// Employer Identification Number.
    pub ein: Ein,
    /// The day on which the report is ordered.
    pub report_date: Birthday,
    /// State, in two letters.
    pub state: Text,
    /// How to reach the business.
    pub contact: Contact,
    /// Street and house number.
    pub address: Option<Text>,
    /// City.
    pub city: Option<Text>,
    /// ZIP code.
    pub zip: Option<Text>,
}

/// Who receives a consumer's reports in the end, to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEndUser {
    /// Name.
    pub name: Text,
    /// Street and house number.
    pub address: Text,
    /// City.
    pub city: Text,
    /// State.
    pub state: Text,
    /// ZIP code.
    pub zip: Text,
    /// Telephone number.
    pub phone: Phone,
    /// E-mail address.
    pub email: Option<Text>,
    /// Web address.
    pub url: Option<EndUserUrl>,
}

/// A consumer as the vendor keeps it. Everything but the id may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Its id.
    pub id: ConsumerId,
    /// The customer that it belongs to, which may have been deleted.
    pub customer_id: Option<CustomerId>,
    /// First name.
    pub first_name: Option<Personal>,
    /// Last name.
    pub last_name: Option<Personal>,
    /// Suffix of the name.
    pub suffix: Option<Personal>,
    /// Street and house number.
    pub address: Option<Personal>,
    /// City.
    pub city: Option<Personal>,
    /// State.
    pub state: Option<Personal>,
    /// ZIP code.
    pub zip: Option<Personal>,
    /// Telephone number.
    pub phone: Option<Personal>,
    /// E-mail address.
    pub email: Option<Personal>,
    /// The last four digits of the social security number. Never send them back as a number.
    pub ssn_last_four: Option<Personal>,
    /// Date of birth.
    pub birthday: Option<PartialDate>,
    /// Who receives the reports in the end.
    pub end_user: Option<EndUser>,
    /// When it was created, to the second.
    pub created: Option<Timestamp>,
}

/// Who receives a consumer's reports in the end, as the vendor keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndUser {
    /// Name.
    pub name: Option<Personal>,
    /// Street and house number.
    pub address: Option<Personal>,
    /// City.
    pub city: Option<Personal>,
    /// State.
    pub state: Option<Personal>,
    /// ZIP code.
    pub zip: Option<Personal>,
    /// Telephone number.
    pub phone: Option<Personal>,
    /// E-mail address.
    pub email: Option<Personal>,
    /// Web address.
    pub url: Option<Personal>,
}

/// A change of a consumer: what is `None` keeps its value; the vendor can clear nothing. At least one must be set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerUpdate {
    /// First name.
    pub first_name: Option<Text>,
    /// Last name.
    pub last_name: Option<Text>,
    /// Suffix of the name.
    pub suffix: Option<Text>,
    /// Street and house number.
    pub address: Option<Text>,
    /// City.
    pub city: Option<Text>,
    /// State.
    pub state: Option<Text>,
    /// ZIP code.
    pub zip: Option<Text>,
    /// Telephone number.
    pub phone: Option<Phone>,
    /// E-mail address.
    pub email: Option<Text>,
    /// Social security number.
    pub ssn: Option<Ssn>,
    /// Date of birth.
    pub birthday: Option<Birthday>,
    /// Who receives the reports in the end, whole.
    pub end_user: Option<NewEndUser>,
}

impl Client {
    /// Creates the consumer of `owner`, which has at most one and can never lose it. The answer is made of what was
    /// sent and the vendor's id and time.
    ///
    /// # Errors
    /// [`Refusal::CustomerNotFound`](crate::Refusal::CustomerNotFound) if `owner` is unknown;
    /// [`Refusal::ConsumerExists`](crate::Refusal::ConsumerExists) if it has a consumer;
    /// [`Refusal::EndUserRequired`](crate::Refusal::EndUserRequired) if the partner resells and no end user is named;
    /// [`Error::OutcomeUnknown`] if the answer was lost and reading could not tell what became of it: read the owner's
    /// consumer before repeating.
    pub async fn create_consumer(
        &self,
        owner: &CustomerId,
        new: NewConsumer,
    ) -> Result<Consumer, Error> {
        let owner = owner.clone();
        self.create(OwnedConsumer { owner, new }).await
    }

    /// Reads a consumer, also of a customer that has been deleted.
    ///
    /// # Errors
    /// [`Refusal::ConsumerNotFound`](crate::Refusal::ConsumerNotFound) if the partner has no such consumer.
    pub async fn consumer(&self, id: &ConsumerId) -> Result<Consumer, Error> {
        let path = &wire::ConsumerId::from(id.as_str().to_owned());
        let send = |rest: rest::Client| async move { rest.get_consumer(path).await };
        self.call(Operation::GetConsumer, send, |found| {
            let consumer = Consumer::try_from(found)?;
            let asked_for = consumer.id.as_str().eq_ignore_ascii_case(id.as_str());
            if asked_for {
                Ok(consumer)
            } else {
                Err("it is of another consumer".into())
            }
        })
        .await
    }

    /// Reads the consumer of `owner`.
    ///
    /// # Errors
    /// [`Refusal::CustomerNotFound`](crate::Refusal::CustomerNotFound) if `owner` is unknown;
    /// [`Refusal::ConsumerNotFound`](crate::Refusal::ConsumerNotFound) if it has no consumer.
    pub async fn consumer_by_customer(&self, owner: &CustomerId) -> Result<Consumer, Error> {
        let path = &wire::CustomerId::from(owner.as_str().to_owned());
        let send = |rest: rest::Client| async move { rest.get_consumer_for_customer(path).await };
        self.call(Operation::GetConsumerForCustomer, send, |found| {
            let consumer = Consumer::try_from(found)?;
            let asked_for = consumer
                .customer_id
                .as_ref()
                .is_none_or(|found| found == owner);
            if asked_for {
                Ok(consumer)
            } else {
                Err("it is of another customer".into())
            }
        })
        .await
    }

    /// Changes a consumer and reads the record back. What is not set keeps its value.
    ///
    /// # Errors
    /// [`Error::NothingToUpdate`] if nothing is set;
    /// [`Refusal::ConsumerNotFound`](crate::Refusal::ConsumerNotFound) if the partner has no such consumer.
    pub async fn update_consumer(
        &self,
        id: &ConsumerId,
        update: ConsumerUpdate,
    ) -> Result<Consumer, Error> {
        if update == ConsumerUpdate::default() {
            return Err(Error::NothingToUpdate);
        }
        let id = id.clone();
        self.change(ConsumerChange { id, update }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_and_contact_need_one_of_two() {
        let ssn = || "123456789".parse::<Ssn>().unwrap();
        let birthday = Birthday::new(1989, 12, 13).unwrap();
        assert_eq!(Identity::new(None, None), None);
        assert_eq!(
            Identity::new(Some(ssn()), Some(birthday)),
            Some(Identity::Both(ssn(), birthday))
        );
        assert_eq!(Contact::new(None, None), None);
    }
}
