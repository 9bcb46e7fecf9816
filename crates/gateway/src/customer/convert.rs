//! Conversions of customers.

use openfinance::customer::{Customer, CustomerApplication, CustomerType, NewCustomer};
use openfinance_rpc::pb;

use crate::convert::{BadFields, Check, FromPb, IntoPb, given, text};

impl FromPb<pb::Customer> for NewCustomer {
    fn from_pb(customer: pb::Customer) -> Result<Self, BadFields> {
        let pb::Customer {
            customer_id,
            username,
            r#type,
            first_name,
            last_name,
            phone,
            email,
            application_id,
            create_time,
            update_time,
        } = customer;
        let mut check = Check::new();
        check.output_only("customer_id", !customer_id.is_empty());
        let username = check.required("username", username);
        let customer_type = match pb::CustomerType::try_from(r#type) {
            Ok(pb::CustomerType::Testing) => Some(CustomerType::Testing),
            Ok(pb::CustomerType::Active) => Some(CustomerType::Active),
            Ok(pb::CustomerType::Unspecified) | Err(_) => {
                check.refuse(
                    "type",
                    "must be CUSTOMER_TYPE_TESTING or CUSTOMER_TYPE_ACTIVE",
                );
                None
            }
        };
        let first_name = check.optional("first_name", first_name);
        let last_name = check.optional("last_name", last_name);
        let phone = check.optional("phone", phone);
        let email = check.optional("email", email);
        let application_id = check.optional("application_id", application_id);
        check.output_only("create_time", create_time.is_some());
        check.output_only("update_time", update_time.is_some());
        check.finish(|| {
            Some(Self {
                customer_type: customer_type?,
                username: username?,
                first_name,
                last_name,
                phone,
                email,
                application_id,
            })
        })
    }
}

impl IntoPb for CustomerType {
    type Pb = pb::CustomerType;

    fn into_pb(self) -> pb::CustomerType {
        match self {
            Self::Testing => pb::CustomerType::Testing,
            Self::Active => pb::CustomerType::Active,
        }
    }
}

impl IntoPb for NewCustomer {
    type Pb = pb::Customer;

    /// The record as it would be created, without id and time.
    fn into_pb(self) -> pb::Customer {
        let Self {
            customer_type,
            username,
            first_name,
            last_name,
            phone,
            email,
            application_id,
        } = self;
        pb::Customer {
            customer_id: String::new(),
            username: username.into_string(),
            r#type: customer_type.into_pb().into(),
            first_name: given(first_name),
            last_name: given(last_name),
            phone: phone.map(|phone| phone.into_string()).unwrap_or_default(),
            email: given(email),
            application_id: application_id.map(|id| id.to_string()).unwrap_or_default(),
            create_time: None,
            update_time: None,
        }
    }
}

impl IntoPb for Customer {
    type Pb = pb::Customer;

    fn into_pb(self) -> pb::Customer {
        let customer_type = self
            .customer_type()
            .map_or(pb::CustomerType::Unspecified, IntoPb::into_pb);
        let Self {
            id,
            username,
            type_word: _,
            first_name,
            last_name,
            phone,
            email,
            application_id,
            created,
            updated,
        } = self;
        pb::Customer {
            customer_id: id.to_string(),
            username: text(username),
            r#type: customer_type.into(),
            first_name: text(first_name),
            last_name: text(last_name),
            phone: text(phone),
            email: text(email),
            application_id: application_id.unwrap_or_default(),
            create_time: created.map(IntoPb::into_pb),
            update_time: updated.map(IntoPb::into_pb),
        }
    }
}

impl IntoPb for CustomerApplication {
    type Pb = pb::CustomerApplication;

    fn into_pb(self) -> pb::CustomerApplication {
        let Self {
            customer_id,
            application_id,
            application_name,
        } = self;
        pb::CustomerApplication {
            customer_id: customer_id.to_string(),
            application_id,
            application_name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::violated;

    #[test]
    fn everything_wrong_with_a_new_customer_is_told_at_once() {
        let bad = NewCustomer::from_pb(pb::Customer {
            customer_id: "1".to_owned(),
            username: "short".to_owned(),
            r#type: 7,
            phone: "0123456789012345".to_owned(),
            update_time: Some(prost_types::Timestamp::default()),
            ..pb::Customer::default()
        });
        assert_eq!(
            violated(bad.unwrap_err()),
            ["customer_id", "username", "type", "phone", "update_time"]
        );
        assert_eq!(
            violated(NewCustomer::from_pb(pb::Customer::default()).unwrap_err()),
            ["username", "type"]
        );
    }
}
