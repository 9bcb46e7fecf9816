//! The creation of a business.

use openfinance_rest::{self as rest, types as wire};

use super::{Business, BusinessName, BusinessType, NewBusiness, TaxId, WebAddress, convert::Draft};
use crate::{
    Client, Error, Refusal,
    id::CustomerId,
    operation::Operation,
    read,
    settle::{Creation, Handed, Likeness, Made, Place, Sought},
    value::Text,
};

/// A business to create, and whose.
pub(crate) struct OwnedBusiness {
    pub(crate) owner: CustomerId,
    pub(crate) new: NewBusiness,
}

impl Creation for OwnedBusiness {
    type Record = Business;

    fn operation(&self) -> Operation {
        Operation::AddBusinessDetails
    }

    fn content(&self) -> Result<Vec<u8>, Error> {
        let body = self.new.body()?;
        serde_json::to_vec(&(self.operation().name(), self.owner.as_str(), body))
            .map_err(|_| self.operation().malformed("it can't be written", None))
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
            place: Place::BusinessOf(self.owner.to_string()),
            likeness: Likeness::from(&like),
        })
    }

    async fn send(&self, client: &Client, handed: &Handed) -> Result<Made, Error> {
        let path = &wire::CustomerId::from(self.owner.as_str().to_owned());
        let body = &self.new.body()?;
        let send = |rest: rest::Client| {
            handed.note();
            async move { rest.add_business_details(path, body).await }
        };
        let read = |created| {
            let business = Business::try_from(created)?;
            Ok(Made {
                id: business.id.to_string(),
                created: business.created,
                updated: business.updated,
            })
        };
        let made = client.call(self.operation(), send, read).await;
        made.map_err(|mut error| {
            if let Error::Refused { refusal, .. } = &mut error
                && *refusal == Refusal::ConsumerRequired
                && !self.new.personally_liable
            {
                // Without liability, the only conflict that is left is a business that exists.
                *refusal = Refusal::BusinessExists;
            }
            error
        })
    }

    fn record(&self, made: Made) -> Result<Business, Error> {
        let NewBusiness {
            name,
            personally_liable,
            address,
            phone_number,
            url,
            email,
            business_type,
            tax_id,
        } = self.new.clone();
        let unfit = |_| self.operation().malformed("it has no valid id", None);
        Ok(Business {
            id: made.id.try_into().map_err(unfit)?,
            customer_id: Some(self.owner.clone()),
            name: read::personal(Some(BusinessName::into_string(name))),
            personally_liable: Some(personally_liable),
            address: Some(address.into()),
            phone_number: Some(phone_number.into()),
            url: read::personal(url.map(WebAddress::into_string)),
            email: read::personal(email.map(Text::into_string)),
            business_type: read::personal(business_type.map(BusinessType::into_string)),
            tax_id: read::personal(tax_id.map(TaxId::into_string)),
            created: made.created,
            updated: made.updated,
        })
    }
}

impl NewBusiness {
    /// What the vendor is sent of it.
    pub(crate) fn body(&self) -> Result<wire::NewBusiness, Error> {
        Draft::from(self.clone()).try_into()
    }
}
