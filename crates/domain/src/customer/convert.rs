//! Customers on their way to the vendor and back.

use openfinance_rest::types as wire;

use super::{Customer, CustomerUpdate, NewCustomer};
use crate::{
    read,
    value::{Phone, Text},
};

impl NewCustomer {
    /// The record that the vendor has made of this.
    pub(super) fn created(self, created: wire::CreatedCustomer) -> Result<Customer, &'static str> {
        let Self {
            customer_type,
            username,
            first_name,
            last_name,
            phone,
            email,
            application_id,
        } = self;
        let wire::CreatedCustomer {
            id,
            username: found,
            created_date,
        } = created;
        if found.is_some_and(|found| !String::from(found).eq_ignore_ascii_case(username.as_str())) {
            return Err("it is of another username");
        }
        Ok(Customer {
            id: id
                .and_then(|id| read::id(id).try_into().ok())
                .ok_or("it has no valid id")?,
            username: read::personal(Some(username.into_string())),
            type_word: Some(customer_type.as_str().to_owned()),
            first_name: read::personal(first_name.map(Text::into_string)),
            last_name: read::personal(last_name.map(Text::into_string)),
            phone: read::personal(phone.map(Phone::into_string)),
            email: read::personal(email.map(Text::into_string)),
            application_id: application_id.map(|id| id.as_str().to_owned()),
            created: read::epoch_seconds(created_date),
            updated: None,
        })
    }
}

impl From<NewCustomer> for wire::NewCustomer {
    fn from(new: NewCustomer) -> Self {
        let NewCustomer {
            customer_type: _,
            username,
            first_name,
            last_name,
            phone,
            email,
            application_id,
        } = new;
        Self {
            username: username.into_string().into(),
            first_name: first_name.map(|text| text.into_string().into()),
            last_name: last_name.map(|text| text.into_string().into()),
            phone: phone.map(|text| text.into_string().into()),
            email: email.map(|text| text.into_string().into()),
            application_id: application_id.map(|id| id.as_str().to_owned().into()),
        }
    }
}

impl From<CustomerUpdate> for wire::CustomerUpdate {
    fn from(update: CustomerUpdate) -> Self {
        let CustomerUpdate {
            first_name,
            last_name,
        } = update;
        Self {
            first_name: first_name.map(|text| text.into_string().into()),
            last_name: last_name.map(|text| text.into_string().into()),
        }
    }
}

impl TryFrom<wire::GetCustomerResponse> for Customer {
    type Error = &'static str;

    fn try_from(found: wire::GetCustomerResponse) -> Result<Self, &'static str> {
        let wire::GetCustomerResponse {
            id,
            username,
            type_,
            first_name,
            last_name,
            phone,
            email,
            application_id,
            created_date,
            last_modified_date,
        } = found;
        Ok(Self {
            id: id
                .and_then(|id| read::id(id).try_into().ok())
                .ok_or("it has no valid id")?,
            username: read::personal(username),
            type_word: type_.map(String::from),
            first_name: read::personal(first_name),
            last_name: read::personal(last_name),
            phone: read::personal(phone),
            email: read::personal(email),
            application_id: application_id.map(String::from),
            created: read::epoch_seconds(created_date),
            updated: read::epoch_seconds(last_modified_date),
        })
    }
}

impl TryFrom<wire::Customer> for Customer {
    type Error = &'static str;

    fn try_from(found: wire::Customer) -> Result<Self, &'static str> {
        let wire::Customer {
            id,
            username,
            type_,
            first_name,
            last_name,
            phone,
            email,
            created_date,
            last_modified_date,
        } = found;
        Self::try_from(wire::GetCustomerResponse {
            id,
            username,
            type_,
            first_name,
            last_name,
            phone,
            email,
            application_id: None,
            created_date,
            last_modified_date,
        })
    }
}
