//! Businesses: handlers and conversions.

use openfinance::{
    business::{
        Address, AddressUpdate, Business, BusinessType, BusinessUpdate, CallingCode, CountryCode,
        LocalNumber, NewAddress, NewBusiness, NewPhoneNumber, PhoneNumber, PhoneNumberUpdate,
        TaxId, WebAddress,
    },
    id::{BusinessId, CustomerId},
    value::Text,
};
use openfinance_rpc::pb::{self, business_service_server::BusinessService};
use tonic::{Request, Response, Status};

use crate::{
    api::Api,
    convert::{BadFields, Check, FromPb, IntoPb, text},
    customer::required,
    mask::{Edit, Fields},
    status::Subject,
};

#[tonic::async_trait]
impl BusinessService for Api {
    async fn create_business(
        &self,
        request: Request<pb::CreateBusinessRequest>,
    ) -> Result<Response<pb::Business>, Status> {
        let pb::CreateBusinessRequest {
            customer_id,
            business,
            request_id,
            validate_only,
        } = request.into_inner();
        let mut check = Check::new();
        let owner: Option<CustomerId> = check.required("customer_id", customer_id);
        let new: Option<NewBusiness> = check.message("business", business);
        check.request_id(&request_id);
        let (owner, new) = check.finish(|| Some((owner?, new?)))?;
        if validate_only {
            return Ok(Response::new(pb::Business {
                customer_id: owner.to_string(),
                ..new.into_pb()
            }));
        }
        let business = self
            .client
            .create_business(&owner, new)
            .await
            .map_err(|error| Subject::Customer(&owner).status(error))?;
        Ok(Response::new(business.into_pb()))
    }

    async fn get_business(
        &self,
        request: Request<pb::GetBusinessRequest>,
    ) -> Result<Response<pb::Business>, Status> {
        let id = required("business_id", request.into_inner().business_id)?;
        let business = self
            .client
            .business(&id)
            .await
            .map_err(|error| Subject::Business(&id).status(error))?;
        Ok(Response::new(business.into_pb()))
    }

    async fn get_business_by_customer(
        &self,
        request: Request<pb::GetBusinessByCustomerRequest>,
    ) -> Result<Response<pb::Business>, Status> {
        let owner = required("customer_id", request.into_inner().customer_id)?;
        let business = self
            .client
            .business_by_customer(&owner)
            .await
            .map_err(|error| Subject::Customer(&owner).status(error))?;
        Ok(Response::new(business.into_pb()))
    }

    async fn update_business(
        &self,
        request: Request<pb::UpdateBusinessRequest>,
    ) -> Result<Response<pb::Business>, Status> {
        let (id, update) = update(request.into_inner())?;
        let business = self
            .client
            .update_business(&id, update)
            .await
            .map_err(|error| Subject::Business(&id).status(error))?;
        Ok(Response::new(business.into_pb()))
    }
}

static FIELDS: Fields = Fields {
    record: "business",
    mutable: &[
        "name",
        "personally_liable",
        "address.address_line1",
        "address.address_line2",
        "address.city",
        "address.state",
        "address.country",
        "address.postal_code",
        "phone_number.country_code",
        "phone_number.number",
        "url",
        "email",
        "type",
        "tax_id",
    ],
    fixed: &["business_id", "customer_id", "create_time", "update_time"],
};

fn update(request: pb::UpdateBusinessRequest) -> Result<(BusinessId, BusinessUpdate), Status> {
    let pb::UpdateBusinessRequest {
        business,
        update_mask,
    } = request;
    let Some(business) = business else {
        return Err(BadFields::new("business", "is required").into());
    };
    // What can't be changed is ignored: a business that was read is edited and sent back.
    let pb::Business {
        business_id,
        customer_id: _,
        name,
        personally_liable,
        address,
        phone_number,
        url,
        email,
        r#type,
        tax_id,
        create_time: _,
        update_time: _,
    } = business;
    let pb::Address {
        address_line1,
        address_line2,
        city,
        state,
        country,
        postal_code,
    } = address.unwrap_or_default();
    let pb::PhoneNumber {
        country_code,
        number,
    } = phone_number.unwrap_or_default();
    let mut edit = Edit::new(&FIELDS, update_mask);
    let id = edit.check().required("business.business_id", business_id);
    let update = BusinessUpdate {
        name: edit.set("name", name),
        personally_liable: edit.set_bool("personally_liable", personally_liable),
        address: AddressUpdate {
            address_line1: edit.change("address.address_line1", address_line1),
            address_line2: edit.change("address.address_line2", address_line2),
            city: edit.change("address.city", city),
            state: edit.change("address.state", state),
            country: edit.change("address.country", country),
            postal_code: edit.change("address.postal_code", postal_code),
        },
        phone_number: PhoneNumberUpdate {
            country_code: edit.change("phone_number.country_code", country_code),
            number: edit.change("phone_number.number", number),
        },
        url: edit.change("url", url),
        email: edit.change("email", email),
        business_type: edit.change("type", r#type),
        tax_id: edit.change("tax_id", tax_id),
    };
    edit.finish(|| Some((id?, update)))
}

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

fn given(text: Option<Text>) -> String {
    text.map(Text::into_string).unwrap_or_default()
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
            address: Some(address.into_pb()),
            phone_number: Some(phone_number.into_pb()),
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

impl IntoPb for NewAddress {
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
            address_line1: given(address_line1),
            address_line2: given(address_line2),
            city: given(city),
            state: given(state),
            country: country.map(CountryCode::into_string).unwrap_or_default(),
            postal_code: given(postal_code),
        }
    }
}

impl IntoPb for NewPhoneNumber {
    type Pb = pb::PhoneNumber;

    fn into_pb(self) -> pb::PhoneNumber {
        let Self {
            country_code,
            number,
        } = self;
        pb::PhoneNumber {
            country_code: country_code
                .map(CallingCode::into_string)
                .unwrap_or_default(),
            number: number.map(LocalNumber::into_string).unwrap_or_default(),
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
    use openfinance::value::Change;
    use prost_types::FieldMask;
    use tonic_types::StatusExt as _;

    use super::*;

    fn fields(bad: impl Into<Status>) -> Vec<String> {
        let details = bad.into().get_error_details();
        details
            .bad_request()
            .unwrap()
            .field_violations
            .iter()
            .map(|one| one.field.clone())
            .collect()
    }

    #[test]
    fn everything_wrong_with_a_new_business_is_told_at_once() {
        let bad = NewBusiness::from_pb(pb::Business {
            business_id: "1".to_owned(),
            address: Some(pb::Address {
                country: "USA".to_owned(),
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
        assert_eq!(fields(bad.unwrap_err()), paths);
    }

    fn edit(business: pb::Business, paths: &[&str]) -> Result<BusinessUpdate, Status> {
        let business = Some(pb::Business {
            business_id: "1".to_owned(),
            ..business
        });
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        update(pb::UpdateBusinessRequest {
            business,
            update_mask: Some(FieldMask { paths }),
        })
        .map(|(_, update)| update)
    }

    #[test]
    fn a_mask_clears_what_may_be_empty_and_nothing_else() {
        let update = edit(pb::Business::default(), &["url", "address", "type"]).unwrap();
        assert_eq!(
            (update.url, update.business_type),
            (Change::Clear, Change::Clear)
        );
        assert_eq!(
            (update.address.city, update.email),
            (Change::Clear, Change::Keep)
        );
        for (path, reason) in [
            ("name", "FIELD_NOT_CLEARABLE"),
            ("personally_liable", "FIELD_NOT_CLEARABLE"),
            ("*", "FIELD_NOT_CLEARABLE"),
            ("customer_id", "FIELD_NOT_MUTABLE"),
            ("address.street", "INVALID_FIELD"),
        ] {
            let status = edit(pb::Business::default(), &[path]).unwrap_err();
            assert_eq!(
                status.get_error_details().error_info().unwrap().reason,
                reason,
                "{path}"
            );
        }
    }

    #[test]
    fn false_is_a_change_and_absent_is_none() {
        let liable = |personally_liable| {
            edit(
                pb::Business {
                    personally_liable,
                    ..pb::Business::default()
                },
                &[],
            )
        };
        assert_eq!(liable(Some(false)).unwrap().personally_liable, Some(false));
        assert_eq!(
            liable(None)
                .unwrap_err()
                .get_error_details()
                .error_info()
                .unwrap()
                .reason,
            "NOTHING_TO_UPDATE"
        );
    }

    #[test]
    fn a_fault_in_a_part_of_the_address_is_told_by_its_path() {
        let address = Some(pb::Address {
            country: "USA".to_owned(),
            ..pb::Address::default()
        });
        let status = edit(
            pb::Business {
                address,
                ..pb::Business::default()
            },
            &["address"],
        )
        .unwrap_err();
        assert_eq!(fields(status), ["business.address.country"]);
    }
}
