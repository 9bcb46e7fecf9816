//! The change of a customer.

use openfinance_rest::{self as rest, types as wire};

use super::{Customer, CustomerUpdate};
use crate::{
    Client, Error,
    call::Earlier,
    id::CustomerId,
    operation::Operation,
    update::{Change, Standing},
    value::{Personal, Text},
};

/// A change, and of which customer.
pub(super) struct CustomerChange {
    pub(super) id: CustomerId,
    pub(super) update: CustomerUpdate,
}

impl Change for CustomerChange {
    type Record = Customer;

    fn operation(&self) -> Operation {
        Operation::ModifyCustomer
    }

    fn record_id(&self) -> &str {
        self.id.as_str()
    }

    async fn send(
        &self,
        client: &Client,
        earlier: &mut Earlier,
    ) -> Result<Option<Customer>, Error> {
        let path = &wire::CustomerId::from(self.id.as_str().to_owned());
        let body = &wire::CustomerUpdate::from(self.update.clone());
        let send = |rest: rest::Client| async move { rest.modify_customer(path, body).await };
        client
            .call_noting(self.operation(), earlier, send, |()| Ok(None))
            .await
    }

    async fn read(&self, client: &Client) -> Result<Customer, Error> {
        client.customer(&self.id).await
    }

    fn standing(&self, record: &Customer) -> Standing {
        let CustomerUpdate {
            first_name,
            last_name,
        } = &self.update;
        let has = |wanted: &Option<Text>, found: &Option<Personal>| {
            wanted
                .as_ref()
                .is_none_or(|wanted| found.as_ref().map(Personal::as_str) == Some(wanted.as_str()))
        };
        if has(first_name, &record.first_name) && has(last_name, &record.last_name) {
            Standing::Done
        } else {
            Standing::NotDone
        }
    }
}
