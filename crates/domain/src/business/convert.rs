//! Businesses on their way to the vendor and back.

use openfinance_rest::types as wire;

use super::{
    Address, AddressUpdate, Business, BusinessName, BusinessType, BusinessUpdate, CallingCode,
    CountryCode, LocalNumber, NewAddress, NewBusiness, NewPhoneNumber, PhoneNumber,
    PhoneNumberUpdate, TaxId, WebAddress,
};
use crate::{
    read,
    value::{Change, Personal, Text},
};

/// A whole business on its way to the vendor: what was read, what was set, not yet checked against the document.
pub(super) struct Draft {
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
    pub(super) fn with(self, update: BusinessUpdate) -> Self {
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
