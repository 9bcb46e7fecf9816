//! Businesses on their way to the vendor and back.

use openfinance_rest::types as wire;

use super::{
    Address, AddressUpdate, Business, BusinessName, BusinessType, BusinessUpdate, CallingCode,
    CountryCode, LocalNumber, NewAddress, NewBusiness, NewPhoneNumber, PhoneNumber,
    PhoneNumberUpdate, TaxId, WebAddress,
};
use crate::{
    Error, read,
    value::{Change, Personal, Text},
};

/// A whole business on its way to the vendor: what was read, what was set, not yet checked against the document.
pub(crate) struct Draft {
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

/// Puts texts into the types that the document gives them, and notes the fields that do not fit.
#[derive(Default)]
struct Fit {
    wrong: Vec<&'static str>,
}

impl Fit {
    fn text<T: TryFrom<String>>(&mut self, text: Option<String>, field: &'static str) -> Option<T> {
        let text = text.filter(|text| !text.is_empty())?;
        let fit = T::try_from(text).ok();
        if fit.is_none() {
            self.wrong.push(field);
        }
        fit
    }

    fn personal<T: TryFrom<String>>(
        &mut self,
        text: Option<Personal>,
        field: &'static str,
    ) -> Option<T> {
        self.text(text.map(Personal::into_string), field)
    }

    fn required<T>(&mut self, value: Option<T>, field: &'static str) -> Option<T> {
        if value.is_none() && !self.wrong.contains(&field) {
            self.wrong.push(field);
        }
        value
    }
}

impl TryFrom<Draft> for wire::NewBusiness {
    /// [`Error::RecordIncomplete`], with all fields that are missing or that the document does not allow as they are.
    type Error = Error;

    fn try_from(draft: Draft) -> Result<Self, Error> {
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
        let mut fit = Fit::default();
        let name = fit.text(name, "name");
        let name = fit.required(name, "name");
        let personally_liable = fit.required(personally_liable, "personally_liable");
        let address = address.fit(&mut fit);
        let phone_number = phone_number.fit(&mut fit);
        let url = fit.text(url, "url");
        let email = fit.text(email, "email");
        let type_ = fit.text(business_type, "type");
        let tax_id = fit.text(tax_id, "tax_id");
        match (name, personally_liable) {
            (Some(name), Some(personally_liable)) if fit.wrong.is_empty() => Ok(Self {
                name,
                personally_liable,
                address,
                phone_number,
                url,
                email,
                type_,
                tax_id,
            }),
            _ => Err(Error::RecordIncomplete { fields: fit.wrong }),
        }
    }
}

impl Address {
    fn fit(self, fit: &mut Fit) -> wire::NewAddress {
        let Self {
            address_line1,
            address_line2,
            city,
            state,
            country,
            postal_code,
        } = self;
        wire::NewAddress {
            address_line1: fit.personal(address_line1, "address.address_line1"),
            address_line2: fit.personal(address_line2, "address.address_line2"),
            city: fit.personal(city, "address.city"),
            state: fit.personal(state, "address.state"),
            country: fit.personal(country, "address.country"),
            postal_code: fit.personal(postal_code, "address.postal_code"),
        }
    }
}

impl PhoneNumber {
    fn fit(self, fit: &mut Fit) -> wire::PhoneNumberFormat {
        let Self {
            country_code,
            number,
        } = self;
        wire::PhoneNumberFormat {
            country_code: fit.personal(country_code, "phone_number.country_code"),
            phone_no: fit.personal(number, "phone_number.number"),
        }
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
                .and_then(|id| read::id(id).try_into().ok())
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

    fn stored() -> Draft {
        Draft {
            name: Some("ABC".to_owned()),
            personally_liable: Some(false),
            address: Address {
                country: Some("United States".to_owned().into()),
                ..Address::default()
            },
            phone_number: PhoneNumber::default(),
            url: None,
            email: None,
            business_type: None,
            tax_id: None,
        }
    }

    #[test]
    fn an_update_keeps_what_the_vendor_has_even_if_we_would_not_send_it() {
        let address = AddressUpdate {
            city: Change::Set("Murray".parse().unwrap()),
            ..AddressUpdate::default()
        };
        let update = BusinessUpdate {
            address,
            ..BusinessUpdate::default()
        };
        let sent = wire::NewBusiness::try_from(stored().with(update))
            .unwrap()
            .address;
        assert_eq!(
            sent.country.map(String::from).as_deref(),
            Some("United States")
        );
        assert_eq!(sent.city.map(String::from).as_deref(), Some("Murray"));
    }

    #[test]
    fn everything_that_can_not_be_written_back_is_told_at_once() {
        let draft = Draft {
            name: Some("x".repeat(151)),
            personally_liable: None,
            phone_number: PhoneNumber {
                country_code: Some("12345".to_owned().into()),
                number: None,
            },
            tax_id: Some("1".to_owned()),
            ..stored()
        };
        let fields = vec![
            "name",
            "personally_liable",
            "phone_number.country_code",
            "tax_id",
        ];
        assert_eq!(
            wire::NewBusiness::try_from(draft).err(),
            Some(Error::RecordIncomplete { fields })
        );
    }
}
