//! Businesses: what the vendor knows of a customer that is a business.
//!
//! A customer has at most one business, which can't be deleted. Where the owner is personally liable for loans, the
//! customer's consumer must exist before the business is created.

use jiff::Timestamp;
use openfinance_rest::types as wire;

use crate::{
    Client, Error,
    call::{Kind, Operation},
    error::Refusal,
    id::{BusinessId, CustomerId},
    read,
    value::{Change, Personal, Text, plain, text},
};

text! {
    /// The legal name of a business: 1 to 150 characters (the vendor's document).
    BusinessName, "must be 1 to 150 characters without control characters",
    |text| plain(text, 1, 150)
}

text! {
    /// The legal form or kind of a business in free words, such as `LLC`: 1 to 150 characters (the vendor's document).
    BusinessType, "must be 1 to 150 characters without control characters",
    |text| plain(text, 1, 150)
}

text! {
    /// The web address of a business: an absolute URL of at most 2,000 characters (the vendor's document: a URI).
    WebAddress, "must be an absolute URL of at most 2,000 characters",
    |text| plain(text, 1, 2_000) && url::Url::parse(text).is_ok()
}

text! {
    /// A tax id: 9 to 15 characters (the vendor's document).
    TaxId, "must be 9 to 15 characters without control characters",
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
    CallingCode, "must be 1 to 3 characters without control characters",
    |text| plain(text, 1, 3)
}

text! {
    /// A telephone number without country calling code: 1 to 12 characters (the vendor's document).
    LocalNumber, "must be 1 to 12 characters without control characters",
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

const ADD_BUSINESS_DETAILS: Operation = Operation::new("AddBusinessDetails", Kind::Create);
const GET_BUSINESS_BY_ID: Operation = Operation::new("GetBusinessById", Kind::Read);
const GET_BUSINESS_BY_CUSTOMER: Operation = Operation::new("GetBusinessByCustomer", Kind::Read);
const UPDATE_BUSINESS: Operation = Operation::new("UpdateBusiness", Kind::Repeatable);

impl Client {
    /// Creates the business of `owner`, which has at most one.
    ///
    /// # Errors
    /// [`Refusal::CustomerNotFound`] if `owner` is unknown; [`Refusal::BusinessExists`] if it has a business;
    /// [`Refusal::ConsumerRequired`] if the owner is personally liable and `owner` has no consumer;
    /// [`Error::OutcomeUnknown`] if the answer was lost: read the owner's business before repeating.
    pub async fn create_business(
        &self,
        owner: &CustomerId,
        new: NewBusiness,
    ) -> Result<Business, Error> {
        let (client, owner) = (self.clone(), owner.clone());
        self.detached(async move {
            let path = &wire::CustomerId::from(owner.as_str().to_owned());
            let personally_liable = new.personally_liable;
            let body = &wire::NewBusiness::try_from(Draft::from(new))
                .map_err(|field| Error::RecordIncomplete { field })?;
            let created = client
                .call(ADD_BUSINESS_DETAILS, |rest| async move {
                    rest.add_business_details(path, body).await
                })
                .await
                .map_err(|error| {
                    if let Error::Refused {
                        refusal: Refusal::ConsumerRequired,
                        vendor,
                    } = error
                        && !personally_liable
                    {
                        // Without liability, the only conflict that is left is a business that exists.
                        let refusal = Refusal::BusinessExists;
                        return Error::Refused { refusal, vendor };
                    }
                    error
                })?;
            let business = Business::try_from(created)
                .map_err(|problem| ADD_BUSINESS_DETAILS.unusable(problem))?;
            Ok(Business {
                customer_id: Some(owner),
                ..business
            })
        })
        .await
    }

    /// Reads a business.
    ///
    /// # Errors
    /// [`Refusal::BusinessNotFound`] if the partner has no such business.
    pub async fn business(&self, id: &BusinessId) -> Result<Business, Error> {
        let path = &business_id(id)?;
        let found = self
            .call(GET_BUSINESS_BY_ID, |rest| async move {
                rest.get_business_by_id(path).await
            })
            .await?;
        let business = only(GET_BUSINESS_BY_ID, found)?;
        if business.id == *id {
            Ok(business)
        } else {
            Err(GET_BUSINESS_BY_ID.malformed("it is of another business"))
        }
    }

    /// Reads the business of `owner`.
    ///
    /// # Errors
    /// [`Refusal::CustomerNotFound`] if `owner` is unknown; [`Refusal::BusinessNotFound`] if it has no business.
    pub async fn business_by_customer(&self, owner: &CustomerId) -> Result<Business, Error> {
        let path = &wire::CustomerId::from(owner.as_str().to_owned());
        let found = self
            .call(GET_BUSINESS_BY_CUSTOMER, |rest| async move {
                rest.get_business_by_customer(path).await
            })
            .await?;
        let business = only(GET_BUSINESS_BY_CUSTOMER, found)?;
        Ok(Business {
            customer_id: Some(owner.clone()),
            ..business
        })
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
        let (client, id) = (self.clone(), id.clone());
        self.detached(async move {
            let path = &business_id(&id)?;
            let draft = Draft::from(client.business(&id).await?).with(update);
            let body = &wire::NewBusiness::try_from(draft)
                .map_err(|field| Error::RecordIncomplete { field })?;
            let updated = client
                .call(UPDATE_BUSINESS, |rest| async move {
                    rest.update_business(path, body).await
                })
                .await?;
            Business::try_from(updated).map_err(|problem| UPDATE_BUSINESS.malformed(problem))
        })
        .await
    }
}

fn business_id(id: &BusinessId) -> Result<wire::BusinessId, Error> {
    // Both have the same limits; a document that says otherwise shows up here and not as a wrong request.
    id.as_str()
        .parse()
        .map_err(|_| GET_BUSINESS_BY_ID.malformed("the document refuses the id"))
}

/// The one business of the vendor's list of one.
fn only(operation: Operation, found: wire::BusinessList) -> Result<Business, Error> {
    let mut found = found.0.into_iter();
    match (found.next(), found.next()) {
        // The document does not allow an empty list, and there is no other word for it than this.
        (None, _) => Err(operation.refused(Refusal::BusinessNotFound)),
        (Some(business), None) => {
            Business::try_from(business).map_err(|problem| operation.malformed(problem))
        }
        (Some(_), Some(_)) => Err(operation.malformed("it has more than one business")),
    }
}

/// A whole business on its way to the vendor: what was read, what was set, not yet checked against the document.
struct Draft {
    name: Option<String>,
    personally_liable: Option<bool>,
    address: Address,
    phone_number: PhoneNumber,
    url: Option<String>,
    email: Option<String>,
    business_type: Option<String>,
    tax_id: Option<String>,
}

impl Draft {
    fn with(self, update: BusinessUpdate) -> Self {
        let BusinessUpdate {
            name,
            personally_liable,
            address,
            phone_number,
            url,
            email,
            business_type,
            tax_id,
        } = update;
        Self {
            name: name.map(BusinessName::into_string).or(self.name),
            personally_liable: personally_liable.or(self.personally_liable),
            address: self.address.with(address),
            phone_number: self.phone_number.with(phone_number),
            url: url.apply(self.url, WebAddress::into_string),
            email: email.apply(self.email, Text::into_string),
            business_type: business_type.apply(self.business_type, BusinessType::into_string),
            tax_id: tax_id.apply(self.tax_id, TaxId::into_string),
        }
    }
}

impl Address {
    fn with(self, update: AddressUpdate) -> Self {
        let AddressUpdate {
            address_line1,
            address_line2,
            city,
            state,
            country,
            postal_code,
        } = update;
        let text = |change: Change<Text>, current| changed(change, current, Text::into_string);
        Self {
            address_line1: text(address_line1, self.address_line1),
            address_line2: text(address_line2, self.address_line2),
            city: text(city, self.city),
            state: text(state, self.state),
            country: changed(country, self.country, CountryCode::into_string),
            postal_code: text(postal_code, self.postal_code),
        }
    }
}

impl PhoneNumber {
    fn with(self, update: PhoneNumberUpdate) -> Self {
        let PhoneNumberUpdate {
            country_code,
            number,
        } = update;
        Self {
            country_code: changed(country_code, self.country_code, CallingCode::into_string),
            number: changed(number, self.number, LocalNumber::into_string),
        }
    }
}

fn changed<T>(
    change: Change<T>,
    current: Option<Personal>,
    into: fn(T) -> String,
) -> Option<Personal> {
    change
        .apply(current.map(Personal::into_string), into)
        .map(Personal::from)
}

impl From<NewBusiness> for Draft {
    fn from(new: NewBusiness) -> Self {
        let NewBusiness {
            name,
            personally_liable,
            address,
            phone_number,
            url,
            email,
            business_type,
            tax_id,
        } = new;
        Self {
            name: Some(name.into_string()),
            personally_liable: Some(personally_liable),
            address: address.into(),
            phone_number: phone_number.into(),
            url: url.map(WebAddress::into_string),
            email: email.map(Text::into_string),
            business_type: business_type.map(BusinessType::into_string),
            tax_id: tax_id.map(TaxId::into_string),
        }
    }
}

impl From<Business> for Draft {
    fn from(business: Business) -> Self {
        let Business {
            id: _,
            customer_id: _,
            name,
            personally_liable,
            address,
            phone_number,
            url,
            email,
            business_type,
            tax_id,
            created: _,
            updated: _,
        } = business;
        Self {
            name: name.map(Personal::into_string),
            personally_liable,
            address: address.unwrap_or_default(),
            phone_number: phone_number.unwrap_or_default(),
            url: url.map(Personal::into_string),
            email: email.map(Personal::into_string),
            business_type: business_type.map(Personal::into_string),
            tax_id: tax_id.map(Personal::into_string),
        }
    }
}

impl From<NewAddress> for Address {
    fn from(new: NewAddress) -> Self {
        let NewAddress {
            address_line1,
            address_line2,
            city,
            state,
            country,
            postal_code,
        } = new;
        Self {
            address_line1: read::personal(address_line1.map(Text::into_string)),
            address_line2: read::personal(address_line2.map(Text::into_string)),
            city: read::personal(city.map(Text::into_string)),
            state: read::personal(state.map(Text::into_string)),
            country: read::personal(country.map(CountryCode::into_string)),
            postal_code: read::personal(postal_code.map(Text::into_string)),
        }
    }
}

impl From<NewPhoneNumber> for PhoneNumber {
    fn from(new: NewPhoneNumber) -> Self {
        let NewPhoneNumber {
            country_code,
            number,
        } = new;
        Self {
            country_code: read::personal(country_code.map(CallingCode::into_string)),
            number: read::personal(number.map(LocalNumber::into_string)),
        }
    }
}

/// The text in the type that the document gives it, where there is any; fails with the name of the field.
fn fit<T: TryFrom<String>>(
    text: Option<String>,
    field: &'static str,
) -> Result<Option<T>, &'static str> {
    text.filter(|text| !text.is_empty())
        .map(|text| T::try_from(text).map_err(|_| field))
        .transpose()
}

impl TryFrom<Draft> for wire::NewBusiness {
    /// The field that is missing, or that the document does not allow as it is.
    type Error = &'static str;

    fn try_from(draft: Draft) -> Result<Self, &'static str> {
        let Draft {
            name,
            personally_liable,
            address,
            phone_number,
            url,
            email,
            business_type,
            tax_id,
        } = draft;
        Ok(Self {
            name: fit(name, "name")?.ok_or("name")?,
            personally_liable: personally_liable.ok_or("personally_liable")?,
            address: address.try_into()?,
            phone_number: phone_number.try_into()?,
            url: fit(url, "url")?,
            email: fit(email, "email")?,
            type_: fit(business_type, "type")?,
            tax_id: fit(tax_id, "tax_id")?,
        })
    }
}

impl TryFrom<Address> for wire::NewAddress {
    type Error = &'static str;

    fn try_from(address: Address) -> Result<Self, &'static str> {
        let Address {
            address_line1,
            address_line2,
            city,
            state,
            country,
            postal_code,
        } = address;
        let text = |text: Option<Personal>| text.map(Personal::into_string);
        Ok(Self {
            address_line1: fit(text(address_line1), "address.address_line1")?,
            address_line2: fit(text(address_line2), "address.address_line2")?,
            city: fit(text(city), "address.city")?,
            state: fit(text(state), "address.state")?,
            country: fit(text(country), "address.country")?,
            postal_code: fit(text(postal_code), "address.postal_code")?,
        })
    }
}

impl TryFrom<PhoneNumber> for wire::PhoneNumberFormat {
    type Error = &'static str;

    fn try_from(phone_number: PhoneNumber) -> Result<Self, &'static str> {
        let PhoneNumber {
            country_code,
            number,
        } = phone_number;
        Ok(Self {
            country_code: fit(
                country_code.map(Personal::into_string),
                "phone_number.country_code",
            )?,
            phone_no: fit(number.map(Personal::into_string), "phone_number.number")?,
        })
    }
}

impl TryFrom<wire::Business> for Business {
    type Error = &'static str;

    fn try_from(found: wire::Business) -> Result<Self, &'static str> {
        let wire::Business {
            business_id,
            name,
            personally_liable,
            address,
            phone_number,
            url,
            email,
            type_,
            tax_id,
            created_date,
            modified_date,
        } = found;
        let time = |text: Option<wire::NoZoneDateTime>| {
            text.and_then(|text| read::iso_8601(&String::from(text)))
        };
        Ok(Self {
            id: business_id
                .and_then(|id| String::from(id).try_into().ok())
                .ok_or("it has no valid id")?,
            customer_id: None,
            name: read::personal(name),
            personally_liable,
            address: address.map(Into::into),
            phone_number: phone_number.map(Into::into),
            url: read::personal(url),
            email: read::personal(email),
            business_type: read::personal(type_),
            tax_id: read::personal(tax_id),
            created: time(created_date),
            updated: time(modified_date),
        })
    }
}

impl From<wire::NewAddressRead> for Address {
    fn from(address: wire::NewAddressRead) -> Self {
        let wire::NewAddressRead {
            address_line1,
            address_line2,
            city,
            state,
            country,
            postal_code,
        } = address;
        Self {
            address_line1: read::personal(address_line1),
            address_line2: read::personal(address_line2),
            city: read::personal(city),
            state: read::personal(state),
            country: read::personal(country),
            postal_code: read::personal(postal_code),
        }
    }
}

impl From<wire::PhoneNumberFormatRead> for PhoneNumber {
    fn from(phone_number: wire::PhoneNumberFormatRead) -> Self {
        let wire::PhoneNumberFormatRead {
            country_code,
            phone_no,
        } = phone_number;
        Self {
            country_code: read::personal(country_code),
            number: read::personal(phone_no),
        }
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

    #[test]
    fn an_update_keeps_what_the_vendor_has_even_if_we_would_not_send_it() {
        let stored = Address {
            country: Some("United States".to_owned().into()),
            ..Address::default()
        };
        let update = AddressUpdate {
            city: Change::Set("Murray".parse().unwrap()),
            ..AddressUpdate::default()
        };
        let sent = wire::NewAddress::try_from(stored.with(update)).unwrap();
        assert_eq!(
            sent.country.map(String::from).as_deref(),
            Some("United States")
        );
        assert_eq!(sent.city.map(String::from).as_deref(), Some("Murray"));
    }
}
