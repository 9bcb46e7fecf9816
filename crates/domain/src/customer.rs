//! Customers: whom the vendor knows a bank connection by.
//!
//! Advice of the vendor's page, kept here because no type can: do not use an e-mail address as a username; leave
//! `application_id` out for testing customers; there may be 500 testing customers a partner.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = openfinance_sandbox::Sandbox::start(openfinance_sandbox::Config::for_tests()).await?;
//! # let partner = openfinance_sandbox::Config::for_tests().partner;
//! # let config = openfinance::Config::new(sandbox.base_url().parse()?, partner.id, partner.secret.into(), partner.app_key.into());
//! # let client = openfinance::Client::new(config)?;
//! use openfinance::customer::{CustomerType, CustomerUpdate, NewCustomer};
//!
//! let created = client
//!     .create_customer(NewCustomer {
//!         customer_type: CustomerType::Testing,
//!         username: "household-4711".parse()?,
//!         first_name: Some("Ada".parse()?),
//!         last_name: Some("Lovelace".parse()?),
//!         phone: None,
//!         email: None,
//!         application_id: None,
//!     })
//!     .await?;
//!
//! // What is not named keeps its value, and the answer is the whole record.
//! let change = CustomerUpdate { last_name: Some("King".parse()?), ..CustomerUpdate::default() };
//! let changed = client.update_customer(&created.id, change).await?;
//! assert_eq!(changed.first_name, created.first_name);
//! assert_eq!(changed.last_name.as_ref().map(|name| name.as_str()), Some("King"));
//!
//! // By the partner's own name for it.
//! let found = client.lookup_customer(&"household-4711".parse()?).await?;
//! assert_eq!(found.id, created.id);
//!
//! client.delete_customer(&created.id).await?;
//! assert!(client.customer(&created.id).await.is_err());
//! # Ok(())
//! # }
//! ```

mod convert;
mod create;
mod delete;
pub(crate) mod list;
mod update;

use jiff::Timestamp;
use openfinance_rest::{self as rest, types as wire};

use self::update::CustomerChange;
use crate::{
    Client, Error,
    error::Refusal,
    id::{ApplicationId, CustomerId},
    operation::Operation,
    outcome::Unfit,
    read,
    value::{InvalidValue, Personal, Phone, Text, text},
};

text! {
    /// The partner's own name for a customer: 6 to 255 letters of either case, digits and `! @ . # $ % & * _ - +`.
    ///
    /// The rule is the vendor's page's; letters with accents "may" fail there, so they are refused here. A username is
    /// unique over all plans and is never changed.
    Username, "must be 6 to 255 letters (A to Z of either case), digits or ! @ . # $ % & * _ - +",
    |text| (6..=255).contains(&text.len()) && text.bytes().all(is_username_byte)
}

text! {
    /// A username to look up. The vendor looks short ones up too, so only the characters and the upper limit are
    /// checked.
    UsernameQuery, "must be 1 to 255 letters (A to Z of either case), digits or ! @ . # $ % & * _ - +",
    |text| (1..=255).contains(&text.len()) && text.bytes().all(is_username_byte)
}

fn is_username_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!@.#$%&*_-+".contains(&byte)
}

impl From<Username> for UsernameQuery {
    fn from(username: Username) -> Self {
        Self(username.into_string())
    }
}

/// What a customer is for. The vendor has an operation of its own to create each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CustomerType {
    /// Free of charge, connects to the vendor's mock bank only.
    Testing,
    /// Billable, connects to real banks, and only in a paid plan.
    Active,
}

impl CustomerType {
    /// The vendor's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Testing => "testing",
            Self::Active => "active",
        }
    }
}

impl std::str::FromStr for CustomerType {
    type Err = InvalidValue;

    fn from_str(word: &str) -> Result<Self, InvalidValue> {
        match word {
            "testing" => Ok(Self::Testing),
            "active" => Ok(Self::Active),
            _ => Err(InvalidValue("must be testing or active")),
        }
    }
}

/// A customer to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCustomer {
    /// What it is for.
    pub customer_type: CustomerType,
    /// The partner's own name for it.
    pub username: Username,
    /// First name.
    pub first_name: Option<Text>,
    /// Last name.
    pub last_name: Option<Text>,
    /// Telephone number.
    pub phone: Option<Phone>,
    /// E-mail address.
    pub email: Option<Text>,
    /// The registered application that it belongs to. Leave it out for testing customers.
    pub application_id: Option<ApplicationId>,
}

/// A customer as the vendor keeps it. Everything but the id may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// The partner's own name for it.
    pub username: Option<Personal>,
    /// The vendor's word for what it is for; see [`Customer::customer_type`].
    pub type_word: Option<String>,
    /// First name.
    pub first_name: Option<Personal>,
    /// Last name.
    pub last_name: Option<Personal>,
    /// Telephone number.
    pub phone: Option<Personal>,
    /// E-mail address.
    pub email: Option<Personal>,
    /// The registered application that it belongs to, where the operation tells: a list and a lookup do not.
    pub application_id: Option<String>,
    /// When it was created, to the second.
    pub created: Option<Timestamp>,
    /// When it was last changed, to the second.
    pub updated: Option<Timestamp>,
}

impl Customer {
    /// What the customer is for; `None` where the vendor does not say or uses a word that this version does not know.
    pub fn customer_type(&self) -> Option<CustomerType> {
        self.type_word.as_deref()?.parse().ok()
    }
}

/// A change of a customer: the vendor lets only the names change, and can't clear them. At least one must be set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomerUpdate {
    /// First name.
    pub first_name: Option<Text>,
    /// Last name.
    pub last_name: Option<Text>,
}

/// The registered application that a customer belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerApplication {
    /// The customer.
    pub customer_id: CustomerId,
    /// The application's id.
    pub application_id: String,
    /// The name it was registered under.
    pub application_name: String,
}

impl Client {
    /// Creates a customer. The answer is made of what was sent and the vendor's id and time.
    ///
    /// # Errors
    /// [`Refusal::UsernameTaken`] if the username is in use in any plan; [`Refusal::TestingCustomerLimit`] or
    /// [`Refusal::PlanNotEntitled`] if there may be no further customer of this type; [`Error::OutcomeUnknown`] if the
    /// answer was lost and reading could not tell what became of it: look the username up before repeating.
    pub async fn create_customer(&self, new: NewCustomer) -> Result<Customer, Error> {
        self.create(new).await
    }

    /// Reads a customer.
    ///
    /// # Errors
    /// [`Refusal::CustomerNotFound`] if the partner has no such customer.
    pub async fn customer(&self, id: &CustomerId) -> Result<Customer, Error> {
        let path = &wire::CustomerId::from(id.as_str().to_owned());
        let send = |rest: rest::Client| async move { rest.get_customer(path).await };
        self.call(Operation::GetCustomer, send, |found| {
            let customer = Customer::try_from(found)?;
            if customer.id == *id {
                Ok(customer)
            } else {
                Err("it is of another customer".into())
            }
        })
        .await
    }

    /// Finds the customer with exactly this username.
    ///
    /// # Errors
    /// [`Error::NoSuchUsername`] if the partner has none.
    pub async fn lookup_customer(&self, username: &UsernameQuery) -> Result<Customer, Error> {
        let query = &wire::CustomerUsername::from(username.as_str().to_owned());
        let send = |rest: rest::Client| async move {
            rest.get_customers(None, None, None, None, Some(query))
                .await
        };
        let found = self
            .call(Operation::GetCustomers, send, |page| {
                let mut customers = list::customers(page)?.customers.into_iter();
                let customer = match (customers.next(), customers.next()) {
                    (None, _) => return Ok(None),
                    (Some(customer), None) => customer,
                    (Some(_), Some(_)) => return Err(FILTER_IGNORED.into()),
                };
                let found = customer.username.as_ref().map_or("", Personal::as_str);
                match (
                    found == username.as_str(),
                    found.eq_ignore_ascii_case(username.as_str()),
                ) {
                    (true, _) => Ok(Some(customer)),
                    // No source says whether the vendor tells upper from lower case; we do.
                    (false, true) => Ok(None),
                    (false, false) => Err(Unfit::Malformed(FILTER_IGNORED)),
                }
            })
            .await?;
        found.ok_or(Error::NoSuchUsername)
    }

    /// Changes a customer's names and reads the record back.
    ///
    /// # Errors
    /// [`Error::NothingToUpdate`] if no name is set; [`Refusal::CustomerNotFound`] if the partner has no such customer;
    /// [`Refusal::DisputeActive`] while a dispute freezes the names. [`Error::UpdateConflict`] if the answer was lost and
    /// another update has written the customer since.
    pub async fn update_customer(
        &self,
        id: &CustomerId,
        update: CustomerUpdate,
    ) -> Result<Customer, Error> {
        if update == CustomerUpdate::default() {
            return Err(Error::NothingToUpdate);
        }
        let id = id.clone();
        self.change(CustomerChange { id, update }).await
    }

    /// Reads which registered application a customer belongs to.
    ///
    /// # Errors
    /// [`Refusal::CustomerNotFound`] if the partner has no such customer; [`Refusal::ApplicationNotFound`] if no
    /// application is registered or the customer belongs to none.
    pub async fn customer_application(
        &self,
        id: &CustomerId,
    ) -> Result<CustomerApplication, Error> {
        let path = &wire::CustomerId::from(id.as_str().to_owned());
        let send = |rest: rest::Client| async move { rest.get_customer_with_app_data(path).await };
        self.call(Operation::GetCustomerWithAppData, send, |found| {
            let wire::CustomerWithAppData {
                id: found_id,
                application_id,
                application_name,
                ..
            } = found;
            if found_id.map(read::id).as_deref() != Some(id.as_str()) {
                return Err("it is of another customer".into());
            }
            let application_id = application_id
                .map(String::from)
                .filter(|text| !text.is_empty());
            Ok(CustomerApplication {
                customer_id: id.clone(),
                // The vendor has two codes for "none", and no rule against an answer that leaves the application out.
                application_id: application_id
                    .ok_or(Unfit::Refused(Refusal::ApplicationNotFound))?,
                application_name: application_name.map(String::from).unwrap_or_default(),
            })
        })
        .await
    }
}

/// The problem of an answer to a lookup that has others than the one customer who was looked up.
const FILTER_IGNORED: &str = "it has customers that were not asked for";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_is_what_the_vendors_page_allows() {
        for good in [
            "abcdef",
            "a!@.#$%&*_-+",
            "customer_1607450357",
            &"x".repeat(255),
        ] {
            assert!(good.parse::<Username>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "abcde",
            "with space",
            "müller-1",
            "a/b/c/d",
            "abc\ndef",
            "abcdef?",
            &"x".repeat(256),
        ] {
            assert!(bad.parse::<Username>().is_err(), "{bad}");
        }
        assert!("1234".parse::<UsernameQuery>().is_ok());
    }
}
