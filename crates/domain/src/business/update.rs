//! The change of a business, which the vendor can only replace whole.

use openfinance_rest::{self as rest, types as wire};

use super::{Business, asked_for, business_id, convert::Draft};
use crate::{
    Client, Error,
    call::Earlier,
    id::BusinessId,
    operation::Operation,
    update::{Change, Standing},
};

/// A business to put in the place of another.
pub(super) struct Replacement {
    pub(super) id: BusinessId,
    /// What was there when the change was made up; `None` if it can't be written as it was.
    pub(super) before: Option<wire::NewBusiness>,
    pub(super) after: wire::NewBusiness,
}

impl Change for Replacement {
    type Record = Business;

    fn operation(&self) -> Operation {
        Operation::UpdateBusiness
    }

    fn record_id(&self) -> &str {
        self.id.as_str()
    }

    async fn send(
        &self,
        client: &Client,
        earlier: &mut Earlier,
    ) -> Result<Option<Business>, Error> {
        let path = &business_id(&self.id)?;
        let body = &self.after;
        let send = |rest: rest::Client| async move { rest.update_business(path, body).await };
        let read = |updated: wire::Business| asked_for(&self.id, updated.try_into()?).map(Some);
        client
            .call_noting(self.operation(), earlier, send, read)
            .await
    }

    async fn read(&self, client: &Client) -> Result<Business, Error> {
        client.business(&self.id).await
    }

    fn standing(&self, record: &Business) -> Standing {
        match wire::NewBusiness::try_from(Draft::from(record.clone())) {
            Ok(found) if found == self.after => Standing::Done,
            Ok(found) if self.before.is_none() || self.before == Some(found.clone()) => {
                Standing::NotDone
            }
            Err(_) if self.before.is_none() => Standing::NotDone,
            Ok(_) | Err(_) => Standing::Overtaken,
        }
    }
}
