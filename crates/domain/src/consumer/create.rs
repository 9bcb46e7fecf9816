//! The creation of a consumer.

use openfinance_rest::{self as rest, types as wire};

use super::{Consumer, EndUser, NewConsumer};
use crate::{
    Client, Error,
    id::{ConsumerId, CustomerId},
    operation::Operation,
    read,
    settle::{Creation, Handed, Likeness, Made, Place, Sought},
    value::{Birthday, Ssn, Text},
};

/// A consumer to create, and whose.
pub(crate) struct OwnedConsumer {
    pub(crate) owner: CustomerId,
    pub(crate) new: NewConsumer,
}

impl Creation for OwnedConsumer {
    type Record = Consumer;

    fn operation(&self) -> Operation {
        Operation::CreateConsumer
    }

    fn content(&self) -> Result<Vec<u8>, Error> {
        let body = wire::NewConsumer::from(self.new.clone());
        serde_json::to_vec(&(self.operation().name(), self.owner.as_str(), body))
            .map_err(|_| self.operation().malformed("it can't be written", None))
    }

    fn sought(&self) -> Result<Sought, Error> {
        // Any id will do: it is not compared.
        let like = self.record(Made {
            id: "0".repeat(32),
            created: None,
            updated: None,
        })?;
        Ok(Sought {
            operation: self.operation(),
            place: Place::ConsumerOf(self.owner.to_string()),
            likeness: Likeness::from(&like),
        })
    }

    async fn send(&self, client: &Client, handed: &Handed) -> Result<Made, Error> {
        let path = &wire::CustomerId::from(self.owner.as_str().to_owned());
        let body = &wire::NewConsumer::from(self.new.clone());
        let send = |rest: rest::Client| {
            handed.note();
            async move { rest.create_consumer(path, body).await }
        };
        client
            .call(self.operation(), send, |created| Ok(self.made(created)?))
            .await
    }

    fn record(&self, made: Made) -> Result<Consumer, Error> {
        let NewConsumer {
            first_name,
            last_name,
            state,
            identity,
            contact,
            address,
            city,
            zip,
            suffix,
            end_user,
        } = self.new.clone();
        let text = |text: Option<Text>| read::personal(text.map(Text::into_string));
        let unfit = |_| self.operation().malformed("it has no valid id", None);
        Ok(Consumer {
            id: made.id.try_into().map_err(unfit)?,
            customer_id: Some(self.owner.clone()),
            first_name: text(Some(first_name)),
            last_name: text(Some(last_name)),
            suffix: text(suffix),
            address: text(address),
            city: text(city),
            state: text(Some(state)),
            zip: text(zip),
            phone: read::personal(contact.phone().map(|phone| phone.as_str().to_owned())),
            email: read::personal(contact.email().map(|email| email.as_str().to_owned())),
            ssn_last_four: identity.ssn().map(Ssn::last_four),
            birthday: identity.birthday().map(Birthday::to_partial),
            end_user: end_user.map(EndUser::from),
            created: made.created,
        })
    }
}

impl OwnedConsumer {
    /// What the vendor has made of this.
    fn made(&self, created: wire::CreatedConsumer) -> Result<Made, &'static str> {
        let wire::CreatedConsumer {
            id,
            created_date,
            customer_id,
        } = created;
        if customer_id.is_some_and(|found| read::id(found) != self.owner.as_str()) {
            return Err("it is of another customer");
        }
        let id = id.and_then(|id| ConsumerId::try_from(String::from(id)).ok());
        Ok(Made {
            id: id.ok_or("it has no valid id")?.to_string(),
            created: read::epoch_seconds(created_date),
            updated: None,
        })
    }
}
