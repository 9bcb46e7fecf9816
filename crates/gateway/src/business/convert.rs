//! Conversions of businesses.

use openfinance::business::{
    Address, Business, BusinessType, NewAddress, NewBusiness, NewPhoneNumber, PhoneNumber, TaxId,
    WebAddress,
};
use openfinance_rpc::pb;

use crate::convert::{BadFields, Check, FromPb, IntoPb, given, text};

impl FromPb<pb::Business> for NewBusiness {
    fn from_pb(business: pb::Business) -> Result<Self, BadFields> {
        let pb::Business {
            business_id,
            customer_id,
            name,
            personally_liable,
            address,
            phone_number,
            url,
            email,
            r#type,
            tax_id,
            create_time,
            update_time,
        } = business;
        let mut check = Check::new();
        check.output_only("business_id", !business_id.is_empty());
        check.output_only("customer_id", !customer_id.is_empty());
        let name = check.required("name", name);
        if personally_liable.is_none() {
            check.refuse("personally_liable", "is required");
        }
        let address = check.message("address", address);
        let phone_number = check.message("phone_number", phone_number);
        let url = check.optional("url", url);
        let email = check.optional("email", email);
        let business_type = check.optional("type", r#type);
        let tax_id = check.optional("tax_id", tax_id);
        check.output_only("create_time", create_time.is_some());
        check.output_only("update_time", update_time.is_some());
        check.finish(|| {
            Some(Self {
                name: name?,
                personally_liable: personally_liable?,
                address: address?,
                phone_number: phone_number?,
                url,
                email,
                business_type,
                tax_id,
            })
        })
    }
}

impl FromPb<pb::Address> for NewAddress {
    fn from_pb(address: pb::Address) -> Result<Self, BadFields> {
        let pb::Address {
            address_line1,
            address_line2,
            city,
            state,
            country,
            postal_code,
        } = address;
        let mut check = Check::new();
        let address = Self {
            address_line1: check.optional("address_line1", address_line1),
            address_line2: check.optional("address_line2", address_line2),
            city: check.optional("city", city),
            state: check.optional("state", state),
            country: check.optional("country", country),
            postal_code: check.optional("postal_code", postal_code),
        };
        check.finish(|| Some(address))
    }
}

impl FromPb<pb::PhoneNumber> for NewPhoneNumber {
    fn from_pb(phone_number: pb::PhoneNumber) -> Result<Self, BadFields> {
        let pb::PhoneNumber {
            country_code,
            number,
        } = phone_number;
        let mut check = Check::new();
        let phone_number = Self {
            country_code: check.optional("country_code", country_code),
            number: check.optional("number", number),
        };
        check.finish(|| Some(phone_number))
    }
}

impl IntoPb for NewBusiness {
    type Pb = pb::Business;

    /// The record as it would be created, without id and time.
    fn into_pb(self) -> pb::Business {
        let Self {
            name,
            personally_liable,
            address,
            phone_number,
            url,
            email,
            business_type,
            tax_id,
        } = self;
        pb::Business {
            business_id: String::new(),
            customer_id: String::new(),
            name: name.into_string(),
            personally_liable: Some(personally_liable),
            address: Some(Address::from(address).into_pb()),
            phone_number: Some(PhoneNumber::from(phone_number).into_pb()),
            url: url.map(WebAddress::into_string).unwrap_or_default(),
            email: given(email),
            r#type: business_type
                .map(BusinessType::into_string)
                .unwrap_or_default(),
            tax_id: tax_id.map(TaxId::into_string).unwrap_or_default(),
            create_time: None,
            update_time: None,
        }
    }
}

impl IntoPb for Business {
    type Pb = pb::Business;

    fn into_pb(self) -> pb::Business {
        let Self {
            id,
            customer_id,
            name,
            personally_liable,
            address,
            phone_number,
            url,
            email,
            business_type,
            tax_id,
            created,
            updated,
        } = self;
        pb::Business {
            business_id: id.to_string(),
            customer_id: customer_id.map(|id| id.to_string()).unwrap_or_default(),
            name: text(name),
            personally_liable,
            address: address.map(IntoPb::into_pb),
            phone_number: phone_number.map(IntoPb::into_pb),
            url: text(url),
            email: text(email),
            r#type: text(business_type),
            tax_id: text(tax_id),
            create_time: created.map(IntoPb::into_pb),
            update_time: updated.map(IntoPb::into_pb),
        }
    }
}

impl IntoPb for Address {
    type Pb = pb::Address;

    fn into_pb(self) -> pb::Address {
        let Self {
            address_line1,
            address_line2,
            city,
            state,
            country,
            postal_code,
        } = self;
        pb::Address {
            address_line1: text(address_line1),
            address_line2: text(address_line2),
            city: text(city),
            state: text(state),
            country: text(country),
            postal_code: text(postal_code),
        }
    }
}

impl IntoPb for PhoneNumber {
    type Pb = pb::PhoneNumber;

    fn into_pb(self) -> pb::PhoneNumber {
        let Self {
            country_code,
            number,
        } = self;
        pb::PhoneNumber {
            country_code: text(country_code),
            number: text(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::violated;

    #[test]
    fn everything_wrong_with_a_new_business_is_told_at_once() {
        let bad = NewBusiness::from_pb(pb::Business {
            business_id: "1".to_owned(),
            address: Some(pb::Address {
                country: "United States".to_owned(),
                ..pb::Address::default()
            }),
            url: "no url".to_owned(),
            tax_id: "12345678".to_owned(),
            ..pb::Business::default()
        });
        let paths = [
            "business_id",
            "name",
            "personally_liable",
            "address.country",
            "phone_number",
            "url",
            "tax_id",
        ];
        assert_eq!(violated(bad.unwrap_err()), paths);
    }
}
