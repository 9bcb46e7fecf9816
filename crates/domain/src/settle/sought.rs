//! What a created record is found by, and what it is compared by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Made;
use crate::{
    Client, Error, Refusal,
    business::{self, Address, Business, PhoneNumber},
    consumer::{Consumer, EndUser},
    customer::{Customer, UsernameQuery},
    id::CustomerId,
    operation::Operation,
    value::Personal,
};

/// A record to look for.
#[derive(Clone)]
pub(crate) struct Sought {
    /// What was to create it.
    pub(crate) operation: Operation,
    /// Where it is.
    pub(crate) place: Place,
    /// What it looks like.
    pub(crate) likeness: Likeness,
}

/// What the vendor keeps unique: there is at most one record in each place.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Place {
    /// The customer with this username.
    Username(String),
    /// The consumer of this customer.
    ConsumerOf(String),
    /// The business of this customer.
    BusinessOf(String),
}

/// What can be compared of a record: the fields that have a value, letter by letter. Of a social security number that is
/// the last four digits, all that the vendor tells.
///
/// No source says that the vendor writes any of these in another way than it got them. If it did, its record would
/// pass for somebody else's, and the caller would be told that the record exists, which is so.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Likeness(BTreeMap<String, String>);

/// A record that was found.
pub(crate) struct Sighting {
    pub(crate) made: Made,
    pub(crate) likeness: Likeness,
}

impl Likeness {
    /// With a field. One that is empty is one that is missing.
    fn with(mut self, field: &str, value: Option<&str>) -> Self {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.0.insert(field.to_owned(), value.to_owned());
        }
        self
    }

    fn with_personal(self, field: &str, value: Option<&Personal>) -> Self {
        self.with(field, value.map(Personal::as_str))
    }
}

impl From<&Customer> for Likeness {
    fn from(customer: &Customer) -> Self {
        let Customer {
            id: _,
            username,
            type_word,
            first_name,
            last_name,
            phone,
            email,
            // A lookup does not tell it.
            application_id: _,
            created: _,
            updated: _,
        } = customer;
        Self::default()
            .with("type", type_word.as_deref())
            .with_personal("username", username.as_ref())
            .with_personal("first_name", first_name.as_ref())
            .with_personal("last_name", last_name.as_ref())
            .with_personal("phone", phone.as_ref())
            .with_personal("email", email.as_ref())
    }
}

impl From<&Consumer> for Likeness {
    fn from(consumer: &Consumer) -> Self {
        let Consumer {
            id: _,
            // It is what the record is found by.
            customer_id: _,
            first_name,
            last_name,
            suffix,
            address,
            city,
            state,
            zip,
            phone,
            email,
            ssn_last_four,
            birthday,
            end_user,
            created: _,
        } = consumer;
        let birthday = birthday.map(|date| format!("{}-{}-{}", date.year, date.month, date.day));
        let likeness = Self::default()
            .with_personal("first_name", first_name.as_ref())
            .with_personal("last_name", last_name.as_ref())
            .with_personal("suffix", suffix.as_ref())
            .with_personal("address", address.as_ref())
            .with_personal("city", city.as_ref())
            .with_personal("state", state.as_ref())
            .with_personal("zip", zip.as_ref())
            .with_personal("phone", phone.as_ref())
            .with_personal("email", email.as_ref())
            .with_personal("ssn_last_four", ssn_last_four.as_ref())
            .with("birthday", birthday.as_deref());
        match end_user {
            Some(end_user) => likeness.with_end_user(end_user),
            None => likeness,
        }
    }
}

impl Likeness {
    fn with_end_user(self, end_user: &EndUser) -> Self {
        let EndUser {
            name,
            address,
            city,
            state,
            zip,
            phone,
            email,
            url,
        } = end_user;
        self.with_personal("end_user.name", name.as_ref())
            .with_personal("end_user.address", address.as_ref())
            .with_personal("end_user.city", city.as_ref())
            .with_personal("end_user.state", state.as_ref())
            .with_personal("end_user.zip", zip.as_ref())
            .with_personal("end_user.phone", phone.as_ref())
            .with_personal("end_user.email", email.as_ref())
            .with_personal("end_user.url", url.as_ref())
    }

    fn with_address(self, address: &Address) -> Self {
        let Address {
            address_line1,
            address_line2,
            city,
            state,
            country,
            postal_code,
        } = address;
        self.with_personal("address.address_line1", address_line1.as_ref())
            .with_personal("address.address_line2", address_line2.as_ref())
            .with_personal("address.city", city.as_ref())
            .with_personal("address.state", state.as_ref())
            .with_personal("address.country", country.as_ref())
            .with_personal("address.postal_code", postal_code.as_ref())
    }
}

impl From<&Business> for Likeness {
    fn from(business: &Business) -> Self {
        let Business {
            id: _,
            // It is what the record is found by.
            customer_id: _,
            name,
            personally_liable,
            address,
            phone_number,
            url,
            email,
            business_type,
            tax_id,
            created: _,
            updated: _,
        } = business;
        let liable = personally_liable.map(|liable| if liable { "yes" } else { "no" });
        let no_number = PhoneNumber::default();
        let PhoneNumber {
            country_code,
            number,
        } = phone_number.as_ref().unwrap_or(&no_number);
        Self::default()
            .with_personal("name", name.as_ref())
            .with("personally_liable", liable)
            .with_address(address.as_ref().unwrap_or(&Address::default()))
            .with_personal("phone_number.country_code", country_code.as_ref())
            .with_personal("phone_number.number", number.as_ref())
            .with_personal("url", url.as_ref())
            .with_personal("email", email.as_ref())
            .with_personal("type", business_type.as_ref())
            .with_personal("tax_id", tax_id.as_ref())
    }
}

impl Sought {
    /// The operation that finds it.
    pub(super) fn reader(&self) -> Operation {
        match self.place {
            Place::Username(_) => Operation::GetCustomers,
            Place::ConsumerOf(_) => Operation::GetConsumerForCustomer,
            Place::BusinessOf(_) => Operation::GetBusinessByCustomer,
        }
    }

    /// Whether a failed look settles the matter: the owner is gone, or has what it can't have.
    pub(crate) fn is_final(&self, error: &Error) -> bool {
        matches!(
            error,
            Error::Refused {
                refusal: Refusal::CustomerNotFound,
                ..
            } | Error::Malformed {
                problem: business::SEVERAL,
                ..
            }
        )
    }
}

impl Client {
    /// What is in the place of what is sought.
    pub(super) async fn sighting(&self, sought: &Sought) -> Result<Option<Sighting>, Error> {
        let no_place = |_| sought.operation.malformed("nothing can be there", None);
        let owner = |id: &String| CustomerId::try_from(id.clone()).map_err(no_place);
        let found = match &sought.place {
            Place::Username(username) => {
                let username = UsernameQuery::try_from(username.clone()).map_err(no_place)?;
                let customer = Box::pin(self.lookup_customer(&username)).await;
                customer.map(Sighting::from)
            }
            Place::ConsumerOf(id) => {
                let consumer = Box::pin(self.consumer_by_customer(&owner(id)?)).await;
                consumer.map(Sighting::from)
            }
            Place::BusinessOf(id) => {
                let business = Box::pin(self.business_by_customer(&owner(id)?)).await;
                business.map(Sighting::from)
            }
        };
        match found {
            Ok(sighting) => Ok(Some(sighting)),
            Err(
                Error::NoSuchUsername
                | Error::Refused {
                    refusal: Refusal::ConsumerNotFound | Refusal::BusinessNotFound,
                    ..
                },
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl From<Customer> for Sighting {
    fn from(customer: Customer) -> Self {
        Self {
            likeness: Likeness::from(&customer),
            made: Made {
                id: customer.id.to_string(),
                created: customer.created,
                updated: customer.updated,
            },
        }
    }
}

impl From<Consumer> for Sighting {
    fn from(consumer: Consumer) -> Self {
        Self {
            likeness: Likeness::from(&consumer),
            made: Made {
                id: consumer.id.to_string(),
                created: consumer.created,
                updated: None,
            },
        }
    }
}

impl From<Business> for Sighting {
    fn from(business: Business) -> Self {
        Self {
            likeness: Likeness::from(&business),
            made: Made {
                id: business.id.to_string(),
                created: business.created,
                updated: business.updated,
            },
        }
    }
}
