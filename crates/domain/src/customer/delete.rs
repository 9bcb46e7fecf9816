//! The deletion of a customer, seen through: one whose answer was lost is found out by reading, and sent once more.

use openfinance_rest::{self as rest, types as wire};

use crate::{Client, Deadline, Error, call::Earlier, id::CustomerId, operation::Operation, write};

impl Client {
    /// Deletes a customer and access to its linked accounts, at once and for good. Its consumer survives.
    ///
    /// # Errors
    /// [`Refusal::CustomerNotFound`](crate::Refusal::CustomerNotFound) if the partner has no such customer (any more);
    /// [`Refusal::TemporaryCustomer`](crate::Refusal::TemporaryCustomer) if the vendor keeps it itself.
    pub async fn delete_customer(&self, id: &CustomerId) -> Result<(), Error> {
        let (client, id) = (self.clone(), id.clone());
        self.detached(Operation::DeleteCustomer, async move {
            match client.delete_and_look(&id, Earlier::NotDone).await {
                Ok(Deleted::Yes) => return Ok(()),
                Ok(Deleted::Lost(lost)) if !client.inner.retries.spare() => return Err(lost),
                Ok(Deleted::Lost(_)) => {}
                Err(error) => return Err(error),
            }
            // It is still there, so nothing was done. From here on it is nobody's choice any more whether to go on.
            let client = client.within(Deadline::none());
            let again = Box::pin(client.delete_and_look(&id, Earlier::MaybeDone));
            match write::for_its_own_sake(again).await? {
                Deleted::Yes => Ok(()),
                Deleted::Lost(lost) => Err(lost),
            }
        })
        .await
    }

    /// Deletes a customer, and looks whether it is gone if the answer is lost. `earlier` says whether it may have been
    /// deleted before.
    async fn delete_and_look(
        &self,
        id: &CustomerId,
        mut earlier: Earlier,
    ) -> Result<Deleted, Error> {
        let path = &wire::CustomerId::from(id.as_str().to_owned());
        let send = |rest: rest::Client| async move { rest.delete_customer(path).await };
        let deleted = self
            .call_noting(Operation::DeleteCustomer, &mut earlier, send, Ok)
            .await;
        let lost = match (deleted, earlier) {
            (Ok(()), _) => return Ok(Deleted::Yes),
            // It is gone because an earlier attempt, whose answer was lost, has deleted it.
            (Err(error), Earlier::MaybeDone) if error.is_customer_not_found() => {
                return Ok(Deleted::Yes);
            }
            (Err(error @ Error::Refused { .. }), _) | (Err(error), Earlier::NotDone) => {
                return Err(error);
            }
            (Err(lost), Earlier::MaybeDone) => lost,
        };
        if !self.inner.retries.spare() {
            // Where many calls fail, the vendor is spared the looks: whoever repeats the deletion does no harm.
            return Err(lost);
        }
        match write::for_its_own_sake(Box::pin(self.customer(id))).await {
            Ok(_) => Ok(Deleted::Lost(lost)),
            Err(error) if error.is_customer_not_found() => Ok(Deleted::Yes),
            // Nothing was found out, and repeating does no harm.
            Err(_) => Err(lost),
        }
    }
}

/// What became of a deletion.
enum Deleted {
    /// The customer is gone.
    Yes,
    /// It is there, and this is why nobody knows whether it will be.
    Lost(Error),
}
