//! What an update of customers changes.

use openfinance::{customer::CustomerUpdate, id::CustomerId};
use openfinance_rpc::pb;
use tonic::Status;

use crate::{
    convert::BadFields,
    mask::{Edit, Fields},
};

static FIELDS: Fields = Fields {
    record: "customer",
    mutable: &["first_name", "last_name"],
    fixed: &[
        "customer_id",
        "username",
        "type",
        "phone",
        "email",
        "application_id",
        "create_time",
        "update_time",
    ],
};

pub(crate) fn update(
    request: pb::UpdateCustomerRequest,
) -> Result<(CustomerId, CustomerUpdate), Status> {
    let pb::UpdateCustomerRequest {
        customer,
        update_mask,
    } = request;
    let Some(customer) = customer else {
        return Err(BadFields::new("customer", "is required").into());
    };
    // What can't be changed is ignored: a customer that was read is edited and sent back.
    let pb::Customer {
        customer_id,
        first_name,
        last_name,
        username: _,
        r#type: _,
        phone: _,
        email: _,
        application_id: _,
        create_time: _,
        update_time: _,
    } = customer;
    let mut edit = Edit::new(&FIELDS, update_mask);
    let id = edit.check().required("customer.customer_id", customer_id);
    let update = CustomerUpdate {
        first_name: edit.set("first_name", first_name),
        last_name: edit.set("last_name", last_name),
    };
    edit.finish(|| Some((id?, update)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::violated;

    #[test]
    fn an_update_needs_a_customer_with_its_id() {
        let request = pb::UpdateCustomerRequest::default();
        assert_eq!(violated(update(request.clone()).unwrap_err()), ["customer"]);
        let request = pb::UpdateCustomerRequest {
            customer: Some(pb::Customer::default()),
            ..request
        };
        assert_eq!(
            violated(update(request).unwrap_err()),
            ["customer.customer_id"]
        );
    }

    #[test]
    fn a_customer_that_was_read_can_be_edited_and_sent_back() {
        let customer = pb::Customer {
            customer_id: "1005".to_owned(),
            username: "household".to_owned(),
            first_name: "Ada".to_owned(),
            create_time: Some(prost_types::Timestamp::default()),
            ..pb::Customer::default()
        };
        let (id, change) = update(pb::UpdateCustomerRequest {
            customer: Some(customer),
            update_mask: None,
        })
        .unwrap();
        assert_eq!(id.as_str(), "1005");
        assert_eq!(
            change,
            CustomerUpdate {
                first_name: "Ada".parse().ok(),
                last_name: None
            }
        );
    }
}
