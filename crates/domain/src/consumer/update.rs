//! The change of a consumer.

use openfinance_rest::{self as rest, types as wire};

use super::{Consumer, ConsumerUpdate};
use crate::{
    Client, Error,
    call::Earlier,
    id::ConsumerId,
    operation::Operation,
    read,
    update::{Change, Standing},
    value::{Birthday, Personal, Phone, Ssn, Text},
};

/// A change, and of which consumer.
pub(super) struct ConsumerChange {
    pub(super) id: ConsumerId,
    pub(super) update: ConsumerUpdate,
}

impl Change for ConsumerChange {
    type Record = Consumer;

    fn operation(&self) -> Operation {
        Operation::ModifyConsumer
    }

    fn record_id(&self) -> &str {
        self.id.as_str()
    }

    async fn send(
        &self,
        client: &Client,
        earlier: &mut Earlier,
    ) -> Result<Option<Consumer>, Error> {
        let path = &wire::ConsumerId::from(self.id.as_str().to_owned());
        let body = &wire::ConsumerUpdate::from(self.update.clone());
        let send = |rest: rest::Client| async move { rest.modify_consumer(path, body).await };
        client
            .call_noting(self.operation(), earlier, send, |()| Ok(None))
            .await
    }

    async fn read(&self, client: &Client) -> Result<Consumer, Error> {
        client.consumer(&self.id).await
    }

    /// Of a social security number only the last four digits can be compared. If another number with the same ones was
    /// there before, this takes it for changed: one case in ten thousand, of those whose answer was lost.
    fn standing(&self, record: &Consumer) -> Standing {
        if self.changed(record.clone()) == *record {
            Standing::Done
        } else {
            Standing::NotDone
        }
    }
}

impl ConsumerChange {
    /// The record with the change made.
    fn changed(&self, record: Consumer) -> Consumer {
        let ConsumerUpdate {
            first_name,
            last_name,
            suffix,
            address,
            city,
            state,
            zip,
            phone,
            email,
            ssn,
            birthday,
            end_user,
        } = self.update.clone();
        let text = |wanted: Option<Text>, found: Option<Personal>| {
            read::personal(wanted.map(Text::into_string)).or(found)
        };
        Consumer {
            first_name: text(first_name, record.first_name),
            last_name: text(last_name, record.last_name),
            suffix: text(suffix, record.suffix),
            address: text(address, record.address),
            city: text(city, record.city),
            state: text(state, record.state),
            zip: text(zip, record.zip),
            phone: read::personal(phone.map(Phone::into_string)).or(record.phone),
            email: text(email, record.email),
            ssn_last_four: ssn.as_ref().map(Ssn::last_four).or(record.ssn_last_four),
            birthday: birthday.map(Birthday::to_partial).or(record.birthday),
            end_user: end_user.map(Into::into).or(record.end_user),
            ..record
        }
    }
}
