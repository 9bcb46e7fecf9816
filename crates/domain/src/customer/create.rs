//! The creation of a customer.

use openfinance_rest::{self as rest, types as wire};

use super::{Customer, CustomerType, NewCustomer};
use crate::{
    Client, Error,
    id::CustomerId,
    operation::Operation,
    read,
    settle::{Creation, Handed, Likeness, Made, Place, Sought},
    value::{Phone, Text},
};

impl Creation for NewCustomer {
    type Record = Customer;

    fn operation(&self) -> Operation {
        match self.customer_type {
            CustomerType::Testing => Operation::AddTestingCustomer,
            CustomerType::Active => Operation::AddCustomer,
        }
    }

    fn content(&self) -> Result<Vec<u8>, Error> {
        let operation = self.operation();
        serde_json::to_vec(&(operation.name(), wire::NewCustomer::from(self.clone())))
            .map_err(|_| operation.malformed("it can't be written", None))
    }

    fn sought(&self) -> Result<Sought, Error> {
        // Any id will do: it is not compared.
        let like = self.record(Made {
            id: "0".to_owned(),
            created: None,
            updated: None,
        })?;
        Ok(Sought {
            operation: self.operation(),
            place: Place::Username(self.username.as_str().to_owned()),
            likeness: Likeness::from(&like),
        })
    }

    async fn send(&self, client: &Client, handed: &Handed) -> Result<Made, Error> {
        let body = &wire::NewCustomer::from(self.clone());
        let customer_type = self.customer_type;
        let send = |rest: rest::Client| {
            handed.note();
            async move {
                match customer_type {
                    CustomerType::Testing => rest.add_testing_customer(body).await,
                    CustomerType::Active => rest.add_customer(body).await,
                }
            }
        };
        client
            .call(self.operation(), send, |created| Ok(self.made(created)?))
            .await
    }

    fn record(&self, made: Made) -> Result<Customer, Error> {
        let Self {
            customer_type,
            username,
            first_name,
            last_name,
            phone,
            email,
            application_id,
        } = self.clone();
        let unfit = |_| self.operation().malformed("it has no valid id", None);
        Ok(Customer {
            id: made.id.try_into().map_err(unfit)?,
            username: read::personal(Some(username.into_string())),
            type_word: Some(customer_type.as_str().to_owned()),
            first_name: read::personal(first_name.map(Text::into_string)),
            last_name: read::personal(last_name.map(Text::into_string)),
            phone: read::personal(phone.map(Phone::into_string)),
            email: read::personal(email.map(Text::into_string)),
            application_id: application_id.map(|id| id.as_str().to_owned()),
            created: made.created,
            updated: None,
        })
    }
}

impl NewCustomer {
    /// What the vendor has made of this.
    fn made(&self, created: wire::CreatedCustomer) -> Result<Made, &'static str> {
        let wire::CreatedCustomer {
            id,
            username,
            created_date,
        } = created;
        let of_another = |found| !String::from(found).eq_ignore_ascii_case(self.username.as_str());
        if username.is_some_and(of_another) {
            return Err("it is of another username");
        }
        let id = id.and_then(|id| CustomerId::try_from(read::id(id)).ok());
        Ok(Made {
            id: id.ok_or("it has no valid id")?.to_string(),
            created: read::epoch_seconds(created_date),
            updated: None,
        })
    }
}
