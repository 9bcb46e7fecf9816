//! Customers on their way to the vendor and back.

use openfinance_rest::types as wire;

use super::{Customer, CustomerUpdate, NewCustomer};
use crate::read;

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
