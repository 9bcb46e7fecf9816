//! Businesses: what the vendor knows of a customer that is a business.
//!
//! A customer has at most one business, which can't be deleted. Where the owner is personally liable for loans, the
//! customer's consumer must exist before the business is created.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = openfinance_sandbox::Sandbox::start(openfinance_sandbox::Config::for_tests()).await?;
//! # let partner = openfinance_sandbox::Config::for_tests().partner;
//! # let config = openfinance::Config::new(sandbox.base_url().parse()?, partner.id, partner.secret.into(), partner.app_key.into());
//! # let client = openfinance::Client::new(config)?;
//! # let customer = client.create_customer(openfinance::customer::NewCustomer {
//! #     customer_type: openfinance::customer::CustomerType::Testing, username: "household-4711".parse()?,
//! #     first_name: None, last_name: None, phone: None, email: None, application_id: None,
//! # }).await?;
//! use openfinance::{business::{BusinessUpdate, NewAddress, NewBusiness, NewPhoneNumber}, value::Change};
//!
//! let business = client
//!     .create_business(
//!         &customer.id,
//!         NewBusiness {
//!             name: "Analytical Engines".parse()?,
//!             personally_liable: false,
//!             address: NewAddress { city: Some("Murray".parse()?), ..NewAddress::default() },
//!             phone_number: NewPhoneNumber::default(),
//!             url: None,
//!             email: Some("office@example.com".parse()?),
//!             business_type: Some("LLC".parse()?),
//!             tax_id: None,
//!         },
//!     )
//!     .await?;
//!
//! // The vendor replaces the whole record; the client reads it first, and so keeps what is not named.
//! let change = BusinessUpdate {
//!     url: Change::Set("https://engines.example".parse()?),
//!     email: Change::Clear,
//!     ..BusinessUpdate::default()
//! };
//! let changed = client.update_business(&business.id, change).await?;
//! assert_eq!(changed.name, business.name);
//! assert_eq!(changed.email, None);
//! # Ok(())
//! # }
//! ```

pub(crate) mod convert;
mod create;
mod update;

use jiff::Timestamp;
use openfinance_rest::{self as rest, types as wire};

use self::convert::Draft;
pub(crate) use self::create::OwnedBusiness;
use self::update::Replacement;
use crate::{
    Client, Error,
    error::Refusal,
    id::{BusinessId, CustomerId},
    operation::Operation,
    outcome::Unfit,
    value::{Change, Personal, Text, plain, text},
};

text! {
    /// The legal name of a business: 1 to 150 characters (the vendor's document).
    BusinessName, "must be 1 to 150 characters, not all blank and no control characters",
    |text| plain(text, 1, 150)
}

text! {
    /// The legal form or kind of a business in free words, such as `LLC`: 1 to 150 characters (the vendor's document).
    BusinessType, "must be 1 to 150 characters, not all blank and no control characters",
    |text| plain(text, 1, 150)
}

text! {
    /// The web address of a business: an absolute URL of at most 2,000 characters (the vendor's document: a URI).
    WebAddress, "must be an absolute URL of at most 2,000 characters",
    |text| plain(text, 1, 2_000) && url::Url::parse(text).is_ok()
}

text! {
    /// A tax id: 9 to 15 characters (the vendor's document).
    TaxId, "must be 9 to 15 characters, not all blank and no control characters",
    |text| plain(text, 9, 15)
}

text! {
    /// A country in two letters (the vendor's document), or in three, which its own tests send and expect to be taken.
    /// Longer words are read, and kept through an update of something else, but never sent anew.
    CountryCode, "must be two or three letters",
    |text| (2..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

text! {
    /// A country calling code: 1 to 3 characters (the vendor's document).
    CallingCode, "must be 1 to 3 characters, not all blank and no control characters",
    |text| plain(text, 1, 3)
}

text! {
    /// A telephone number without country calling code: 1 to 12 characters (the vendor's document).
    LocalNumber, "must be 1 to 12 characters, not all blank and no control characters",
    |text| plain(text, 1, 12)
}

/// A business to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBusiness {
    /// Legal name.
    pub name: BusinessName,
    /// Whether the owner answers for loans with their own property. If so, the customer's consumer must exist.
    pub personally_liable: bool,
    /// Address. The vendor wants one, and nothing in it.
    pub address: NewAddress,
    /// Telephone number. The vendor wants one, and nothing in it.
    pub phone_number: NewPhoneNumber,
    /// Web address.
    pub url: Option<WebAddress>,
    /// E-mail address.
    pub email: Option<Text>,
    /// Legal form or kind.
    pub business_type: Option<BusinessType>,
    /// Tax id.
    pub tax_id: Option<TaxId>,
}

/// The address of a business, to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewAddress {
    /// Street and house number.
    pub address_line1: Option<Text>,
    /// Suite, floor or unit.
    pub address_line2: Option<Text>,
    /// City.
    pub city: Option<Text>,
    /// State.
    pub state: Option<Text>,
    /// Country.
    pub country: Option<CountryCode>,
    /// ZIP code or other postal code.
    pub postal_code: Option<Text>,
}

/// The telephone number of a business, to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPhoneNumber {
    /// Country calling code.
    pub country_code: Option<CallingCode>,
    /// Number without country calling code.
    pub number: Option<LocalNumber>,
}

/// A business as the vendor keeps it. Everything but the id may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Business {
    /// Its id.
    pub id: BusinessId,
    /// The customer that it belongs to, where the call knows it: on a create and on a read by customer.
    pub customer_id: Option<CustomerId>,
    /// Legal name.
    pub name: Option<Personal>,
    /// Whether the owner answers for loans with their own property.
    pub personally_liable: Option<bool>,
    /// Address.
    pub address: Option<Address>,
    /// Telephone number.
    pub phone_number: Option<PhoneNumber>,
    /// Web address.
    pub url: Option<Personal>,
    /// E-mail address.
    pub email: Option<Personal>,
    /// Legal form or kind.
    pub business_type: Option<Personal>,
    /// Tax id.
    pub tax_id: Option<Personal>,
    /// When it was created, to the second. A time without zone is taken for UTC.
    pub created: Option<Timestamp>,
    /// When it was last changed, to the second. A time without zone is taken for UTC.
    pub updated: Option<Timestamp>,
}

/// The address of a business, as the vendor keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Street and house number.
    pub address_line1: Option<Personal>,
    /// Suite, floor or unit.
    pub address_line2: Option<Personal>,
    /// City.
    pub city: Option<Personal>,
    /// State.
    pub state: Option<Personal>,
    /// Country.
    pub country: Option<Personal>,
    /// ZIP code or other postal code.
    pub postal_code: Option<Personal>,
}

/// The telephone number of a business, as the vendor keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhoneNumber {
    /// Country calling code.
    pub country_code: Option<Personal>,
    /// Number without country calling code.
    pub number: Option<Personal>,
}

/// A change of a business. At least one field must change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BusinessUpdate {
    /// Legal name.
    pub name: Option<BusinessName>,
    /// Whether the owner answers for loans with their own property.
    pub personally_liable: Option<bool>,
    /// Address.
    pub address: AddressUpdate,
    /// Telephone number.
    pub phone_number: PhoneNumberUpdate,
    /// Web address.
    pub url: Change<WebAddress>,
    /// E-mail address.
    pub email: Change<Text>,
    /// Legal form or kind.
    pub business_type: Change<BusinessType>,
    /// Tax id.
    pub tax_id: Change<TaxId>,
}

/// A change of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressUpdate {
    /// Street and house number.
    pub address_line1: Change<Text>,
    /// Suite, floor or unit.
    pub address_line2: Change<Text>,
    /// City.
    pub city: Change<Text>,
    /// State.
    pub state: Change<Text>,
    /// Country.
    pub country: Change<CountryCode>,
    /// ZIP code or other postal code.
    pub postal_code: Change<Text>,
}

/// A change of a telephone number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhoneNumberUpdate {
    /// Country calling code.
    pub country_code: Change<CallingCode>,
    /// Number without country calling code.
    pub number: Change<LocalNumber>,
}

impl Client {
    /// Creates the business of `owner`, which has at most one.
    ///
    /// # Errors
    /// [`Refusal::CustomerNotFound`] if `owner` is unknown; [`Refusal::BusinessExists`] if it has a business;
    /// [`Refusal::ConsumerRequired`] if the owner is personally liable and `owner` has no consumer;
    /// [`Error::OutcomeUnknown`] if the answer was lost and reading could not tell what became of it: read the owner's
    /// business before repeating.
    pub async fn create_business(
        &self,
        owner: &CustomerId,
        new: NewBusiness,
    ) -> Result<Business, Error> {
        let owner = owner.clone();
        self.create(OwnedBusiness { owner, new }).await
    }

    /// Reads a business.
    ///
    /// # Errors
    /// [`Refusal::BusinessNotFound`] if the partner has no such business.
    pub async fn business(&self, id: &BusinessId) -> Result<Business, Error> {
        let path = &business_id(id)?;
        let send = |rest: rest::Client| async move { rest.get_business_by_id(path).await };
        self.call(Operation::GetBusinessById, send, |found| {
            asked_for(id, only(found)?)
        })
        .await
    }

    /// Reads the business of `owner`.
    ///
    /// # Errors
    /// [`Refusal::CustomerNotFound`] if `owner` is unknown; [`Refusal::BusinessNotFound`] if it has no business.
    pub async fn business_by_customer(&self, owner: &CustomerId) -> Result<Business, Error> {
        let path = &wire::CustomerId::from(owner.as_str().to_owned());
        let send = |rest: rest::Client| async move { rest.get_business_by_customer(path).await };
        let read = |found| {
            Ok(Business {
                customer_id: Some(owner.clone()),
                ..only(found)?
            })
        };
        self.call(Operation::GetBusinessByCustomer, send, read)
            .await
    }

    /// Changes a business: reads it, puts the changes in, writes it back. The vendor can only replace it whole, so of
    /// two writers at once the later one may undo the earlier one's change.
    ///
    /// # Errors
    /// [`Error::NothingToUpdate`] if nothing changes; [`Refusal::BusinessNotFound`] if the partner has no such
    /// business; [`Error::RecordIncomplete`] if the record lacks what every business must have and the update does not
    /// set it.
    pub async fn update_business(
        &self,
        id: &BusinessId,
        update: BusinessUpdate,
    ) -> Result<Business, Error> {
        if update == BusinessUpdate::default() {
            return Err(Error::NothingToUpdate);
        }
        let present = Box::pin(self.business(id)).await?;
        let id = id.clone();
        let before = Draft::from(present.clone()).try_into().ok();
        let after = Draft::from(present).with(update).try_into()?;
        self.change(Replacement { id, before, after }).await
    }
}

fn business_id(id: &BusinessId) -> Result<wire::BusinessId, Error> {
    // Both have the same limits; a document that says otherwise shows up here and not as a wrong request.
    id.as_str()
        .parse()
        .map_err(|_| Operation::GetBusinessById.malformed("the document refuses the id", None))
}

/// The problem of a list of businesses where there can be one at most.
pub(crate) const SEVERAL: &str = "it has more than one business";

/// The one business of the vendor's list of one.
fn only(found: wire::BusinessList) -> Result<Business, Unfit> {
    let mut found = found.0.into_iter();
    match (found.next(), found.next()) {
        // The document does not allow an empty list, and there is no other word for it than this.
        (None, _) => Err(Unfit::Refused(Refusal::BusinessNotFound)),
        (Some(business), None) => Ok(business.try_into()?),
        (Some(_), Some(_)) => Err(SEVERAL.into()),
    }
}

fn asked_for(id: &BusinessId, found: Business) -> Result<Business, Unfit> {
    if found.id == *id {
        Ok(found)
    } else {
        Err("it is of another business".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_the_documents() {
        assert!("x".repeat(150).parse::<BusinessName>().is_ok());
        assert!("x".repeat(151).parse::<BusinessName>().is_err());
        assert!("A1234561Z".parse::<TaxId>().is_ok());
        assert!("12345678".parse::<TaxId>().is_err());
        assert!("https://www.example.com/".parse::<WebAddress>().is_ok());
        assert!("www.example.com".parse::<WebAddress>().is_err());
        assert!("US".parse::<CountryCode>().is_ok());
        assert!("USA".parse::<CountryCode>().is_ok());
        assert!("United States".parse::<CountryCode>().is_err());
        assert!("141".parse::<CallingCode>().is_ok());
        assert!("7992222".parse::<LocalNumber>().is_ok());
    }
}
