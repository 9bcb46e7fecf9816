//! Conversions of consumers.

use openfinance::{
    consumer::{BusinessConsumer, Consumer, Contact, EndUser, Identity, NewConsumer, NewEndUser},
    id::CustomerId,
    value::{Birthday, Phone, Ssn, Text},
};
use openfinance_rpc::pb;

use crate::convert::{BadFields, Check, FromPb, IntoPb, given, text};

pub(crate) fn for_business(
    request: pb::CreateConsumerForBusinessRequest,
) -> Result<(CustomerId, BusinessConsumer), BadFields> {
    let pb::CreateConsumerForBusinessRequest {
        customer_id,
        business_name,
        business_type,
        ein,
        report_date,
        address,
        city,
        state,
        zip,
        phone,
        email,
        request_id,
    } = request;
    let mut check = Check::new();
    let owner = check.required("customer_id", customer_id);
    let business_name = check.required("business_name", business_name);
    let business_type = check.required("business_type", business_type);
    let ein = check.required("ein", ein);
    let report_date = check.message("report_date", report_date);
    let address = check.optional("address", address);
    let city = check.optional("city", city);
    let state = check.required("state", state);
    let zip = check.optional("zip", zip);
    let contact = contact(&mut check, phone, email);
    check.request_id(&request_id);
    check.finish(|| {
        let business = BusinessConsumer {
            business_name: business_name?,
            business_type: business_type?,
            ein: ein?,
            report_date: report_date?,
            state: state?,
            contact: contact?,
            address,
            city,
            zip,
        };
        Some((owner?, business))
    })
}

/// How to reach a consumer. At least one of both fields must be there.
fn contact(check: &mut Check, phone: String, email: String) -> Option<Contact> {
    if phone.is_empty() && email.is_empty() {
        check.refuse("phone", "is required where email is empty");
    }
    let phone = check.optional("phone", phone);
    let email = check.optional("email", email);
    Contact::new(phone, email)
}

/// Who a consumer is. At least one of both fields must be there.
fn identity(check: &mut Check, ssn: String, birthday: Option<pb::Date>) -> Option<Identity> {
    if ssn.is_empty() && birthday.is_none() {
        check.refuse("ssn", "is required where birthday is absent");
    }
    let ssn = check.optional("ssn", ssn);
    let birthday = check.optional_message("birthday", birthday);
    Identity::new(ssn, birthday)
}

impl FromPb<pb::Consumer> for NewConsumer {
    fn from_pb(consumer: pb::Consumer) -> Result<Self, BadFields> {
        let pb::Consumer {
            consumer_id,
            customer_id,
            first_name,
            last_name,
            suffix,
            address,
            city,
            state,
            zip,
            phone,
            email,
            ssn,
            ssn_last_four,
            birthday,
            end_user,
            create_time,
        } = consumer;
        let mut check = Check::new();
        check.output_only("consumer_id", !consumer_id.is_empty());
        check.output_only("customer_id", !customer_id.is_empty());
        let first_name = check.required("first_name", first_name);
        let last_name = check.required("last_name", last_name);
        let suffix = check.optional("suffix", suffix);
        let address = check.optional("address", address);
        let city = check.optional("city", city);
        let state = check.required("state", state);
        let zip = check.optional("zip", zip);
        let contact = contact(&mut check, phone, email);
        check.output_only("ssn_last_four", !ssn_last_four.is_empty());
        let identity = identity(&mut check, ssn, birthday);
        let end_user = check.optional_message("end_user", end_user);
        check.output_only("create_time", create_time.is_some());
        check.finish(|| {
            Some(Self {
                first_name: first_name?,
                last_name: last_name?,
                state: state?,
                identity: identity?,
                contact: contact?,
                address,
                city,
                zip,
                suffix,
                end_user,
            })
        })
    }
}

impl FromPb<pb::EndUser> for NewEndUser {
    fn from_pb(end_user: pb::EndUser) -> Result<Self, BadFields> {
        let pb::EndUser {
            name,
            address,
            city,
            state,
            zip,
            phone,
            email,
            url,
        } = end_user;
        let mut check = Check::new();
        let name = check.required("name", name);
        let address = check.required("address", address);
        let city = check.required("city", city);
        let state = check.required("state", state);
        let zip = check.required("zip", zip);
        let phone = check.required("phone", phone);
        let email = check.optional("email", email);
        let url = check.optional("url", url);
        check.finish(|| {
            Some(Self {
                name: name?,
                address: address?,
                city: city?,
                state: state?,
                zip: zip?,
                phone: phone?,
                email,
                url,
            })
        })
    }
}

impl IntoPb for NewConsumer {
    type Pb = pb::Consumer;

    /// The record as it would be created, without id and time. Of the social security number the last digits remain.
    fn into_pb(self) -> pb::Consumer {
        let Self {
            first_name,
            last_name,
            state,
            identity,
            contact,
            address,
            city,
            zip,
            suffix,
            end_user,
        } = self;
        pb::Consumer {
            consumer_id: String::new(),
            customer_id: String::new(),
            first_name: first_name.into_string(),
            last_name: last_name.into_string(),
            suffix: given(suffix),
            address: given(address),
            city: given(city),
            state: state.into_string(),
            zip: given(zip),
            phone: contact
                .phone()
                .map(Phone::as_str)
                .unwrap_or_default()
                .to_owned(),
            email: contact
                .email()
                .map(Text::as_str)
                .unwrap_or_default()
                .to_owned(),
            ssn: String::new(),
            ssn_last_four: text(identity.ssn().map(Ssn::last_four)),
            birthday: identity
                .birthday()
                .map(|birthday: Birthday| birthday.to_partial().into_pb()),
            end_user: end_user.map(|end_user| EndUser::from(end_user).into_pb()),
            create_time: None,
        }
    }
}

impl IntoPb for Consumer {
    type Pb = pb::Consumer;

    fn into_pb(self) -> pb::Consumer {
        let Self {
            id,
            customer_id,
            first_name,
            last_name,
            suffix,
            address,
            city,
            state,
            zip,
            phone,
            email,
            ssn_last_four,
            birthday,
            end_user,
            created,
        } = self;
        pb::Consumer {
            consumer_id: id.to_string(),
            customer_id: customer_id.map(|id| id.to_string()).unwrap_or_default(),
            first_name: text(first_name),
            last_name: text(last_name),
            suffix: text(suffix),
            address: text(address),
            city: text(city),
            state: text(state),
            zip: text(zip),
            phone: text(phone),
            email: text(email),
            ssn: String::new(),
            ssn_last_four: text(ssn_last_four),
            birthday: birthday.map(IntoPb::into_pb),
            end_user: end_user.map(IntoPb::into_pb),
            create_time: created.map(IntoPb::into_pb),
        }
    }
}

impl IntoPb for EndUser {
    type Pb = pb::EndUser;

    fn into_pb(self) -> pb::EndUser {
        let Self {
            name,
            address,
            city,
            state,
            zip,
            phone,
            email,
            url,
        } = self;
        pb::EndUser {
            name: text(name),
            address: text(address),
            city: text(city),
            state: text(state),
            zip: text(zip),
            phone: text(phone),
            email: text(email),
            url: text(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::violated;

    fn ada() -> pb::Consumer {
        pb::Consumer {
            first_name: "Ada".to_owned(),
            last_name: "Lovelace".to_owned(),
            state: "UT".to_owned(),
            phone: "8015551234".to_owned(),
            ssn: "123-45-6789".to_owned(),
            ..pb::Consumer::default()
        }
    }

    #[test]
    fn everything_wrong_with_a_new_consumer_is_told_at_once() {
        let bad = NewConsumer::from_pb(pb::Consumer {
            consumer_id: "1".to_owned(),
            ssn_last_four: "6789".to_owned(),
            end_user: Some(pb::EndUser {
                url: "x".to_owned(),
                ..pb::EndUser::default()
            }),
            birthday: Some(pb::Date {
                year: 2023,
                month: 2,
                day: 29,
            }),
            ..pb::Consumer::default()
        });
        assert_eq!(
            violated(bad.unwrap_err()),
            [
                "consumer_id",
                "first_name",
                "last_name",
                "state",
                "phone",
                "ssn_last_four",
                "birthday",
                "end_user.name",
                "end_user.address",
                "end_user.city",
                "end_user.state",
                "end_user.zip",
                "end_user.phone",
                "end_user.url",
            ]
        );
        assert!(
            violated(
                NewConsumer::from_pb(pb::Consumer {
                    ssn: String::new(),
                    ..ada()
                })
                .unwrap_err()
            ) == ["ssn"]
        );
    }

    #[test]
    fn a_preview_keeps_the_last_digits_only() {
        let preview = NewConsumer::from_pb(ada()).unwrap().into_pb();
        assert_eq!(
            (preview.ssn.as_str(), preview.ssn_last_four.as_str()),
            ("", "6789")
        );
    }

    #[test]
    fn everything_wrong_with_a_consumer_for_a_business_is_told_at_once() {
        let bad = for_business(pb::CreateConsumerForBusinessRequest {
            ein: "12-3456789".to_owned(),
            request_id: "x".to_owned(),
            ..pb::CreateConsumerForBusinessRequest::default()
        });
        let paths = [
            "customer_id",
            "business_name",
            "business_type",
            "ein",
            "report_date",
            "state",
            "phone",
            "request_id",
        ];
        assert_eq!(violated(bad.unwrap_err()), paths);
    }
}
