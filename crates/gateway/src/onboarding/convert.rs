//! From the request to what is to be created, checked whole and across its records.

use openfinance::{
    business::{NewBusiness, TaxId},
    consumer::{BusinessConsumer, Contact, NewConsumer},
    onboarding::Onboarding,
    value::{Birthday, Ein, InvalidValue, Phone, Text},
};
use openfinance_rpc::pb;

use crate::convert::{BadFields, Check};

/// What of a business the consumer that stands for it can't do without.
const NEEDED: &str = "is required where consumer_from_business is set";

/// How many characters the telephone number of a consumer may have.
const MOST_PHONE: usize = 15;

pub(crate) fn onboarding(request: pb::OnboardCustomerRequest) -> Result<Onboarding, BadFields> {
    let pb::OnboardCustomerRequest {
        customer,
        consumer,
        consumer_from_business,
        business,
        request_id,
    } = request;
    let mut check = Check::new();
    let new_customer = check.message("customer", customer);
    let liable = business
        .as_ref()
        .is_some_and(|business| business.personally_liable == Some(true));
    match (&consumer, &consumer_from_business) {
        (Some(_), Some(_)) => {
            check.refuse("consumer_from_business", "must not be set beside consumer")
        }
        (None, Some(_)) if liable => check.refuse(
            "consumer_from_business",
            "must not be set where business.personally_liable is true: give the owner as consumer",
        ),
        (None, None) if liable => {
            check.refuse(
                "consumer",
                "is required where business.personally_liable is true",
            );
        }
        (_, None) | (None, Some(_)) => {}
    }
    if consumer_from_business.is_some() && business.is_none() {
        check.refuse("business", NEEDED);
    }
    let person: Option<NewConsumer> = check.optional_message("consumer", consumer);
    let stand_in = consumer_from_business.map(|wanted| {
        let report_date: Option<Birthday> =
            check.message("consumer_from_business.report_date", wanted.report_date);
        let made = business.as_ref().map(of_business);
        (report_date, made)
    });
    let new_business: Option<NewBusiness> = check.optional_message("business", business);
    let stand_in = stand_in.and_then(|(report_date, made)| {
        let parts = check.inside("business", made?)?;
        Some(NewConsumer::for_business(parts.on(report_date?)))
    });
    check.request_id(&request_id);
    check.finish(|| {
        Some(Onboarding {
            customer: new_customer?,
            consumer: person.or(stand_in),
            business: new_business,
        })
    })
}

/// A [`BusinessConsumer`] but for its day.
struct Parts {
    business_name: Text,
    business_type: Text,
    ein: Ein,
    state: Text,
    contact: Contact,
    address: Option<Text>,
    city: Option<Text>,
    zip: Option<Text>,
}

impl Parts {
    fn on(self, report_date: Birthday) -> BusinessConsumer {
        let Self {
            business_name,
            business_type,
            ein,
            state,
            contact,
            address,
            city,
            zip,
        } = self;
        BusinessConsumer {
            business_name,
            business_type,
            ein,
            report_date,
            state,
            contact,
            address,
            city,
            zip,
        }
    }
}

/// What the consumer takes from its business. Names the fields that a business may lack or have otherwise and its
/// consumer may not; what is wrong with the business itself is told elsewhere.
fn of_business(business: &pb::Business) -> Result<Parts, BadFields> {
    let pb::Business {
        business_id: _,
        customer_id: _,
        name,
        personally_liable: _,
        address,
        phone_number,
        url: _,
        email,
        r#type,
        tax_id,
        create_time: _,
        update_time: _,
    } = business;
    let mut check = Check::new();
    let business_name = right(name);
    needed(&mut check, "type", r#type);
    let business_type = right(r#type);
    needed(&mut check, "tax_id", tax_id);
    let ein = right::<TaxId>(tax_id).and_then(|tax_id| {
        let digits = tax_id.as_str().replace('-', "");
        let rule =
            |_| "must be nine digits, with or without hyphens, where consumer_from_business is set";
        digits
            .parse()
            .map_err(|error: InvalidValue| check.refuse("tax_id", rule(error)))
            .ok()
    });
    // Without a message at all, the business is refused for that.
    let (state, lines, city, zip) = match address {
        Some(address) => {
            needed(&mut check, "address.state", &address.state);
            let lines = street(&mut check, &address.address_line1, &address.address_line2);
            (
                right(&address.state),
                lines,
                right(&address.city),
                right(&address.postal_code),
            )
        }
        None => (None, None, None, None),
    };
    let phone = phone_number.as_ref().and_then(phone);
    let email_given = !email.is_empty();
    if phone_number
        .as_ref()
        .is_some_and(|phone| phone.number.is_empty())
        && !email_given
    {
        check.refuse(
            "phone_number.number",
            "is required where email is empty and consumer_from_business is set",
        );
    }
    let contact = Contact::new(phone, right(email));
    check.finish(|| {
        Some(Parts {
            business_name: business_name?,
            business_type: business_type?,
            ein: ein?,
            state: state?,
            contact: contact?,
            address: lines,
            city,
            zip,
        })
    })
}

fn needed(check: &mut Check, field: &str, text: &str) {
    if text.is_empty() {
        check.refuse(field, NEEDED);
    }
}

/// The value of a text that is right; `None` where it is empty or the business is refused for it.
fn right<T: TryFrom<String>>(text: &str) -> Option<T> {
    text.to_owned().try_into().ok()
}

/// Both lines of an address in the one that a consumer has.
fn street(check: &mut Check, line1: &str, line2: &str) -> Option<Text> {
    let joined = match (line1, line2) {
        (line, "") | ("", line) => line.to_owned(),
        (line1, line2) => format!("{line1}, {line2}"),
    };
    let both_right = [line1, line2]
        .iter()
        .all(|line| line.is_empty() || right::<Text>(line).is_some());
    let street = right(&joined);
    if street.is_none() && !joined.is_empty() && both_right {
        check.refuse(
            "address.address_line2",
            "must fit into 1,000 characters together with address_line1 where consumer_from_business is set",
        );
    }
    street
}

/// Both parts of a telephone number in the one that a consumer has, with a hyphen between them where there is room.
fn phone(phone: &pb::PhoneNumber) -> Option<Phone> {
    let pb::PhoneNumber {
        country_code,
        number,
    } = phone;
    let hyphen = match country_code.chars().count() + number.chars().count() {
        _ if country_code.is_empty() => "",
        ..MOST_PHONE => "-",
        MOST_PHONE.. => "",
    };
    (!number.is_empty()).then(|| format!("{country_code}{hyphen}{number}").try_into().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::violated;

    fn customer() -> pb::Customer {
        pb::Customer {
            username: "household-4711".to_owned(),
            r#type: pb::CustomerType::Testing.into(),
            ..Default::default()
        }
    }

    fn business() -> pb::Business {
        pb::Business {
            name: "ABC Plumbing".to_owned(),
            personally_liable: Some(false),
            address: Some(pb::Address {
                address_line1: "434 W Ascension Way".to_owned(),
                address_line2: "Suite 200".to_owned(),
                city: "Murray".to_owned(),
                state: "UT".to_owned(),
                country: "US".to_owned(),
                postal_code: "84123".to_owned(),
            }),
            phone_number: Some(pb::PhoneNumber {
                country_code: "1".to_owned(),
                number: "801-984-4200".to_owned(),
            }),
            email: "office@example.com".to_owned(),
            r#type: "LLC".to_owned(),
            tax_id: "12-3456789".to_owned(),
            ..Default::default()
        }
    }

    fn stand_in(business: Option<pb::Business>) -> pb::OnboardCustomerRequest {
        pb::OnboardCustomerRequest {
            customer: Some(customer()),
            consumer_from_business: Some(pb::ConsumerFromBusiness {
                report_date: Some(pb::Date {
                    year: 2026,
                    month: 7,
                    day: 25,
                }),
            }),
            business,
            ..Default::default()
        }
    }

    #[test]
    fn a_consumer_takes_what_the_vendors_rule_says_from_its_business() {
        let consumer = onboarding(stand_in(Some(business())))
            .unwrap()
            .consumer
            .unwrap();
        let expected = NewConsumer::for_business(BusinessConsumer {
            business_name: "ABC Plumbing".parse().unwrap(),
            business_type: "LLC".parse().unwrap(),
            ein: "123456789".parse().unwrap(),
            report_date: Birthday::new(2026, 7, 25).unwrap(),
            state: "UT".parse().unwrap(),
            contact: Contact::Both(
                "1-801-984-4200".parse().unwrap(),
                "office@example.com".parse().unwrap(),
            ),
            address: "434 W Ascension Way, Suite 200".parse().ok(),
            city: "Murray".parse().ok(),
            zip: "84123".parse().ok(),
        });
        assert_eq!(consumer, expected);
    }

    #[test]
    fn the_longest_telephone_number_of_a_business_is_one_of_a_consumer() {
        let longest = pb::PhoneNumber {
            country_code: "141".to_owned(),
            number: "123456789012".to_owned(),
        };
        assert_eq!(phone(&longest).unwrap().as_str(), "141123456789012");
        let bare = pb::PhoneNumber {
            country_code: String::new(),
            number: "7992222".to_owned(),
        };
        assert_eq!(phone(&bare).unwrap().as_str(), "7992222");
        assert_eq!(phone(&pb::PhoneNumber::default()), None);
    }

    #[test]
    fn what_a_consumer_needs_and_its_business_lacks_is_told_by_name() {
        let bare = pb::Business {
            address: Some(pb::Address::default()),
            phone_number: Some(pb::PhoneNumber::default()),
            email: String::new(),
            r#type: String::new(),
            tax_id: String::new(),
            ..business()
        };
        let paths = [
            "business.type",
            "business.tax_id",
            "business.address.state",
            "business.phone_number.number",
        ];
        assert_eq!(
            violated(onboarding(stand_in(Some(bare))).unwrap_err()),
            paths
        );

        let long = pb::Address {
            address_line1: "a".repeat(999),
            address_line2: "b".to_owned(),
            state: "UT".to_owned(),
            ..Default::default()
        };
        let foreign = pb::Business {
            address: Some(long),
            tax_id: "GB123456789".to_owned(),
            ..business()
        };
        let paths = ["business.tax_id", "business.address.address_line2"];
        assert_eq!(
            violated(onboarding(stand_in(Some(foreign))).unwrap_err()),
            paths
        );
    }

    #[test]
    fn no_field_is_told_twice_where_the_business_is_wrong_by_itself() {
        let wrong = pb::Business {
            name: String::new(),
            address: None,
            phone_number: None,
            email: "\u{1}".to_owned(),
            r#type: "x".repeat(151),
            tax_id: "1".to_owned(),
            ..business()
        };
        let paths = [
            "business.name",
            "business.address",
            "business.phone_number",
            "business.email",
            "business.type",
            "business.tax_id",
        ];
        assert_eq!(
            violated(onboarding(stand_in(Some(wrong))).unwrap_err()),
            paths
        );
    }

    #[test]
    fn records_that_do_not_fit_each_other_are_refused_at_once() {
        let liable = pb::Business {
            personally_liable: Some(true),
            ..business()
        };
        let person = pb::Consumer {
            first_name: "Ada".to_owned(),
            last_name: "Lovelace".to_owned(),
            state: "UT".to_owned(),
            phone: "8015551234".to_owned(),
            ssn: "123456789".to_owned(),
            ..Default::default()
        };
        let alone = pb::OnboardCustomerRequest {
            consumer_from_business: None,
            ..stand_in(Some(liable.clone()))
        };
        let both = pb::OnboardCustomerRequest {
            consumer: Some(person),
            ..stand_in(Some(business()))
        };
        for (request, path) in [
            (alone, "consumer"),
            (both, "consumer_from_business"),
            (stand_in(Some(liable)), "consumer_from_business"),
            (stand_in(None), "business"),
        ] {
            assert_eq!(violated(onboarding(request).unwrap_err()), [path]);
        }
    }
}
