//! What an update of businesses changes.

use openfinance::{
    business::{AddressUpdate, BusinessUpdate, PhoneNumberUpdate},
    id::BusinessId,
};
use openfinance_rpc::pb;
use tonic::Status;

use crate::{
    convert::BadFields,
    mask::{Edit, Fields},
};

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

pub(crate) fn update(
    request: pb::UpdateBusinessRequest,
) -> Result<(BusinessId, BusinessUpdate), Status> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::violated;
    use openfinance::value::Change;
    use prost_types::FieldMask;
    use tonic_types::StatusExt as _;

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
            country: "United States".to_owned(),
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
        assert_eq!(violated(status), ["business.address.country"]);
    }
}
