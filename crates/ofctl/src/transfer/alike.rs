//! Whether a record that is there is the one that a row wants, as far as the vendor tells: field by field, letter by
//! letter, as the gateway itself compares after a lost answer.

use openfinance_rpc::pb;

/// How like what a row wants a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Likeness {
    Same,
    Different,
    /// What the caller may see of it is the same.
    Hidden,
}

/// Compares fields by name. Those that the caller may not see, all or in part, come back empty whatever they are.
fn likeness(fields: &[(&str, &str, &str)], hidden: &[String]) -> Likeness {
    let mut likeness = Likeness::Same;
    for (name, wanted, found) in fields {
        let is_hidden = hidden.iter().any(|path| {
            let below = |long: &str, short: &str| {
                long.strip_prefix(short)
                    .is_some_and(|rest| rest.starts_with('.'))
            };
            path == name || below(path, name) || below(name, path)
        });
        if is_hidden {
            likeness = Likeness::Hidden;
        } else if wanted != found {
            return Likeness::Different;
        }
    }
    likeness
}

/// A lookup does not tell the application.
pub(crate) fn customer(wanted: &pb::Customer, found: &pb::Customer, hidden: &[String]) -> Likeness {
    if wanted.r#type != found.r#type {
        return Likeness::Different;
    }
    let fields = [
        (
            "first_name",
            wanted.first_name.as_str(),
            found.first_name.as_str(),
        ),
        ("last_name", &wanted.last_name, &found.last_name),
        ("phone", &wanted.phone, &found.phone),
        ("email", &wanted.email, &found.email),
    ];
    likeness(&fields, hidden)
}

pub(crate) fn consumer(wanted: &pb::Consumer, found: &pb::Consumer, hidden: &[String]) -> Likeness {
    let last_four = last_four(&wanted.ssn);
    let birthdays = (
        birthday(wanted.birthday.as_ref()),
        birthday(found.birthday.as_ref()),
    );
    let ends = (
        wanted.end_user.clone().unwrap_or_default(),
        found.end_user.clone().unwrap_or_default(),
    );
    let (end, found_end) = (&ends.0, &ends.1);
    let fields = [
        (
            "first_name",
            wanted.first_name.as_str(),
            found.first_name.as_str(),
        ),
        ("last_name", &wanted.last_name, &found.last_name),
        ("suffix", &wanted.suffix, &found.suffix),
        ("address", &wanted.address, &found.address),
        ("city", &wanted.city, &found.city),
        ("state", &wanted.state, &found.state),
        ("zip", &wanted.zip, &found.zip),
        ("phone", &wanted.phone, &found.phone),
        ("email", &wanted.email, &found.email),
        ("ssn_last_four", &last_four, &found.ssn_last_four),
        ("birthday", &birthdays.0, &birthdays.1),
        ("end_user.name", &end.name, &found_end.name),
        ("end_user.address", &end.address, &found_end.address),
        ("end_user.city", &end.city, &found_end.city),
        ("end_user.state", &end.state, &found_end.state),
        ("end_user.zip", &end.zip, &found_end.zip),
        ("end_user.phone", &end.phone, &found_end.phone),
        ("end_user.email", &end.email, &found_end.email),
        ("end_user.url", &end.url, &found_end.url),
    ];
    likeness(&fields, hidden)
}

pub(crate) fn business(wanted: &pb::Business, found: &pb::Business, hidden: &[String]) -> Likeness {
    let liable =
        |business: &pb::Business| business.personally_liable.map(|liable| liable.to_string());
    let (liable, found_liable) = (
        liable(wanted).unwrap_or_default(),
        liable(found).unwrap_or_default(),
    );
    let addresses = (
        wanted.address.clone().unwrap_or_default(),
        found.address.clone().unwrap_or_default(),
    );
    let phones = (
        wanted.phone_number.clone().unwrap_or_default(),
        found.phone_number.clone().unwrap_or_default(),
    );
    let fields = [
        ("name", wanted.name.as_str(), found.name.as_str()),
        ("personally_liable", &liable, &found_liable),
        (
            "address.address_line1",
            &addresses.0.address_line1,
            &addresses.1.address_line1,
        ),
        (
            "address.address_line2",
            &addresses.0.address_line2,
            &addresses.1.address_line2,
        ),
        ("address.city", &addresses.0.city, &addresses.1.city),
        ("address.state", &addresses.0.state, &addresses.1.state),
        (
            "address.country",
            &addresses.0.country,
            &addresses.1.country,
        ),
        (
            "address.postal_code",
            &addresses.0.postal_code,
            &addresses.1.postal_code,
        ),
        (
            "phone_number.country_code",
            &phones.0.country_code,
            &phones.1.country_code,
        ),
        ("phone_number.number", &phones.0.number, &phones.1.number),
        ("url", &wanted.url, &found.url),
        ("email", &wanted.email, &found.email),
        ("type", &wanted.r#type, &found.r#type),
        ("tax_id", &wanted.tax_id, &found.tax_id),
    ];
    likeness(&fields, hidden)
}

/// What tells the consumer that stands for a business: the gateway puts the rest of it together.
pub(crate) fn stand_in(
    business: &pb::Business,
    from: &pb::ConsumerFromBusiness,
    found: &pb::Consumer,
    hidden: &[String],
) -> Likeness {
    let last_four = last_four(&business.tax_id);
    let birthdays = (
        birthday(from.report_date.as_ref()),
        birthday(found.birthday.as_ref()),
    );
    let fields = [
        (
            "first_name",
            business.name.as_str(),
            found.first_name.as_str(),
        ),
        ("last_name", &business.r#type, &found.last_name),
        ("ssn_last_four", &last_four, &found.ssn_last_four),
        ("birthday", &birthdays.0, &birthdays.1),
    ];
    likeness(&fields, hidden)
}

/// The last four digits, of what has four.
fn last_four(ssn: &str) -> String {
    let digits: Vec<char> = ssn.chars().filter(char::is_ascii_digit).collect();
    digits.iter().skip(digits.len().saturating_sub(4)).collect()
}

fn birthday(date: Option<&pb::Date>) -> String {
    date.map(|date| format!("{}-{}-{}", date.year, date.month, date.day))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> pb::Customer {
        pb::Customer {
            username: "ada-1815".to_owned(),
            first_name: "Ada".to_owned(),
            ..pb::Customer::default()
        }
    }

    #[test]
    fn a_record_with_the_same_fields_is_the_same() {
        let found = pb::Customer {
            customer_id: "1005061234".to_owned(),
            ..wanted()
        };
        assert_eq!(customer(&wanted(), &found, &[]), Likeness::Same);
    }

    #[test]
    fn a_record_with_a_field_more_or_less_is_different() {
        let more = pb::Customer {
            phone: "801-555-0100".to_owned(),
            ..wanted()
        };
        assert_eq!(customer(&wanted(), &more, &[]), Likeness::Different);
        assert_eq!(customer(&more, &wanted(), &[]), Likeness::Different);
    }

    #[test]
    fn a_record_is_not_told_by_fields_that_are_kept_from_the_caller() {
        let hidden = ["first_name", "last_name", "phone", "email"].map(str::to_owned);
        let found = pb::Customer::default();
        assert_eq!(customer(&wanted(), &found, &hidden), Likeness::Hidden);
        let testing = pb::Customer {
            r#type: pb::CustomerType::Testing.into(),
            ..pb::Customer::default()
        };
        assert_eq!(customer(&wanted(), &testing, &hidden), Likeness::Different);
    }

    #[test]
    fn of_a_social_security_number_the_last_four_digits_count() {
        let consumer_with = |ssn: &str, last_four: &str| pb::Consumer {
            ssn: ssn.to_owned(),
            ssn_last_four: last_four.to_owned(),
            ..pb::Consumer::default()
        };
        let wanted = consumer_with("123-45-6789", "");
        assert_eq!(
            consumer(&wanted, &consumer_with("", "6789"), &[]),
            Likeness::Same
        );
        assert_eq!(
            consumer(&wanted, &consumer_with("", "6780"), &[]),
            Likeness::Different
        );
    }
}
