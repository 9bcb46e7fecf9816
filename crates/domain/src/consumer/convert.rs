//! Consumers on their way to the vendor and back.

use openfinance_rest::types as wire;

use super::{Consumer, ConsumerUpdate, EndUser, EndUserUrl, NewConsumer, NewEndUser};
use crate::{
    read,
    value::{Birthday, PartialDate, Personal, Text},
};

impl From<NewEndUser> for EndUser {
    fn from(end_user: NewEndUser) -> Self {
        let NewEndUser {
            name,
            address,
            city,
            state,
            zip,
            phone,
            email,
            url,
        } = end_user;
        Self {
            name: read::personal(Some(name.into_string())),
            address: read::personal(Some(address.into_string())),
            city: read::personal(Some(city.into_string())),
            state: read::personal(Some(state.into_string())),
            zip: read::personal(Some(zip.into_string())),
            phone: read::personal(Some(phone.into_string())),
            email: read::personal(email.map(Text::into_string)),
            url: read::personal(url.map(EndUserUrl::into_string)),
        }
    }
}

impl From<NewEndUser> for wire::ConsumerEndUser {
    fn from(end_user: NewEndUser) -> Self {
        let NewEndUser {
            name,
            address,
            city,
            state,
            zip,
            phone,
            email,
            url,
        } = end_user;
        Self {
            name: name.into_string().into(),
            address: address.into_string().into(),
            city: city.into_string().into(),
            state: state.into_string().into(),
            zip: zip.into_string().into(),
            phone: phone.into_string().into(),
            email: email.map(|text| text.into_string().into()),
            // Its length was checked by the same rule, which a test below holds together.
            url: url.and_then(|text| text.into_string().try_into().ok()),
        }
    }
}

impl From<Birthday> for wire::Birthday {
    fn from(birthday: Birthday) -> Self {
        let PartialDate { year, month, day } = birthday.to_partial();
        Self {
            year: Some(year),
            month: Some(month),
            day_of_month: Some(day),
        }
    }
}

impl From<NewConsumer> for wire::NewConsumer {
    fn from(new: NewConsumer) -> Self {
        let NewConsumer {
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
        } = new;
        Self {
            first_name: first_name.into_string().into(),
            last_name: last_name.into_string().into(),
            state: state.into_string().into(),
            ssn: identity.ssn().map(|ssn| ssn.as_str().to_owned().into()),
            birthday: identity.birthday().map(Into::into),
            phone: contact
                .phone()
                .map(|phone| phone.as_str().to_owned().into()),
            email: contact
                .email()
                .map(|email| email.as_str().to_owned().into()),
            address: address.map(|text| text.into_string().into()),
            city: city.map(|text| text.into_string().into()),
            zip: zip.map(|text| text.into_string().into()),
            suffix: suffix.map(|text| text.into_string().into()),
            end_user: end_user.map(Into::into),
        }
    }
}

impl From<ConsumerUpdate> for wire::ConsumerUpdate {
    fn from(update: ConsumerUpdate) -> Self {
        let ConsumerUpdate {
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
            birthday,
            end_user,
        } = update;
        Self {
            first_name: first_name.map(|text| text.into_string().into()),
            last_name: last_name.map(|text| text.into_string().into()),
            suffix: suffix.map(|text| text.into_string().into()),
            address: address.map(|text| text.into_string().into()),
            city: city.map(|text| text.into_string().into()),
            state: state.map(|text| text.into_string().into()),
            zip: zip.map(|text| text.into_string().into()),
            phone: phone.map(|text| text.into_string().into()),
            email: email.map(|text| text.into_string().into()),
            ssn: ssn.map(|ssn| ssn.as_str().to_owned().into()),
            birthday: birthday.map(Into::into),
            end_user: end_user.map(Into::into),
        }
    }
}

impl TryFrom<wire::Consumer> for Consumer {
    type Error = &'static str;

    fn try_from(found: wire::Consumer) -> Result<Self, &'static str> {
        let wire::Consumer {
            id,
            first_name,
            last_name,
            customer_id,
            address,
            city,
            state,
            zip,
            phone,
            ssn,
            birthday,
            email,
            created_date,
            suffix,
            end_user,
        } = found;
        Ok(Self {
            id: id
                .and_then(|id| String::from(id).try_into().ok())
                .ok_or("it has no valid id")?,
            customer_id: customer_id.and_then(|id| read::id(id).try_into().ok()),
            first_name: read::personal(first_name),
            last_name: read::personal(last_name),
            suffix: read::personal(suffix),
            address: read::personal(address),
            city: read::personal(city),
            state: read::personal(state),
            zip: read::personal(zip),
            phone: read::personal(phone),
            email: read::personal(email),
            ssn_last_four: ssn.and_then(|ssn| last_four(&String::from(ssn))),
            birthday: birthday.map(Into::into),
            end_user: end_user.map(Into::into),
            created: read::epoch_seconds(created_date),
        })
    }
}

/// The last four digits of what the vendor says of a social security number, whatever mask stands before them, and
/// even if it should say more than it ought to.
fn last_four(masked: &str) -> Option<Personal> {
    let digits: String = masked.chars().filter(char::is_ascii_digit).collect();
    digits
        .len()
        .checked_sub(4)
        .map(|start| digits[start..].to_owned().into())
}

impl From<wire::BirthdayRead> for PartialDate {
    fn from(birthday: wire::BirthdayRead) -> Self {
        let wire::BirthdayRead {
            year,
            month,
            day_of_month,
        } = birthday;
        // A part that is none is one that is not said: the rest is still worth something.
        let part = |part: Option<wire::NumberOrString>, most: i64| {
            let number = part
                .and_then(read::number)
                .filter(|number| (0..=most).contains(number));
            number
                .and_then(|number| i32::try_from(number).ok())
                .unwrap_or_default()
        };
        Self {
            year: part(year, 9_999),
            month: part(month, 12),
            day: part(day_of_month, 31),
        }
    }
}

impl From<wire::ConsumerEndUserRead> for EndUser {
    fn from(end_user: wire::ConsumerEndUserRead) -> Self {
        let wire::ConsumerEndUserRead {
            name,
            address,
            city,
            state,
            zip,
            phone,
            email,
            url,
        } = end_user;
        Self {
            name: read::personal(name),
            address: read::personal(address),
            city: read::personal(city),
            state: read::personal(state),
            zip: read::personal(zip),
            phone: read::personal(phone),
            email: read::personal(email),
            url: read::personal(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_takes_every_url_that_we_take() {
        for length in [2, 999] {
            let url: EndUserUrl = "x".repeat(length).parse().unwrap();
            assert!(
                wire::EndUserUrl::try_from(url.into_string()).is_ok(),
                "{length}"
            );
        }
        for length in [1, 1_000] {
            assert!(
                "x".repeat(length).parse::<EndUserUrl>().is_err(),
                "{length}"
            );
        }
    }

    #[test]
    fn a_masked_number_gives_its_last_four_digits_and_never_more() {
        for masked in [
            "6789",
            "XXX-XX-6789",
            "*****6789",
            "123-45-6789",
            "123456789",
        ] {
            assert_eq!(last_four(masked).unwrap().as_str(), "6789", "{masked}");
        }
        assert_eq!(last_four(""), None);
        assert_eq!(last_four("89"), None);
    }
}
