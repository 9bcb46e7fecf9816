//! Typed identifiers. An id in hand is well formed, so that it can stand in a path and reach no other route.

use std::fmt;

use crate::value::InvalidValue;

/// Defines an identifier: opaque, ordered, parsed once. `$check` says what the vendor's ids look like.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The id as the vendor writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidValue;

            fn try_from(id: String) -> Result<Self, InvalidValue> {
                let check: fn(&str) -> bool = $check;
                if check(&id) { Ok(Self(id)) } else { Err(InvalidValue($rule)) }
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidValue;

            fn from_str(id: &str) -> Result<Self, InvalidValue> {
                id.to_owned().try_into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// The id of a customer: 1 to 19 decimal digits.
    ///
    /// The vendor writes it as a string in customer records and as an integer in consumer records, so it is never
    /// longer than a 64-bit integer.
    CustomerId, "must be 1 to 19 decimal digits",
    |id| (1..=19).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

id! {
    /// The id of a consumer: 32 hexadecimal digits.
    ConsumerId, "must be 32 hexadecimal digits",
    |id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

id! {
    /// The id of a business: 1 to 50 characters (the vendor's OpenAPI document). All that were seen are decimal
    /// numbers; letters, digits, hyphens and underscores are taken.
    BusinessId, "must be 1 to 50 letters, digits, hyphens or underscores",
    |id| (1..=50).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

id! {
    /// The id of an application that the partner has registered with the vendor. It travels in bodies only; the limit
    /// of 255 printable characters is ours.
    ApplicationId, "must be 1 to 255 printable ASCII characters",
    |id| (1..=255).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The id of an institution login: a positive 64-bit integer. Data Connect tells it when a customer links an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstitutionLoginId(i64);

impl InstitutionLoginId {
    /// The id as a number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for InstitutionLoginId {
    type Error = InvalidValue;

    fn try_from(id: i64) -> Result<Self, InvalidValue> {
        if id > 0 {
            Ok(Self(id))
        } else {
            Err(InvalidValue("must be a positive number"))
        }
    }
}

impl fmt::Display for InstitutionLoginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_leave_its_route_is_refused() {
        for id in [
            "",
            "..",
            ".",
            "1/2",
            "%2f",
            "1%2F2",
            "1?x=1",
            "1#x",
            "1\r\nX: y",
            "1 2",
            "１",
            "-1",
            "+1",
        ] {
            assert!(id.parse::<CustomerId>().is_err(), "{id:?}");
            assert!(id.parse::<ConsumerId>().is_err(), "{id:?}");
        }
        for id in [
            "",
            "..",
            ".",
            "1/2",
            "%2f",
            "1?x=1",
            "1#x",
            "1\r\nX: y",
            "1 2",
            "é",
        ] {
            assert!(id.parse::<BusinessId>().is_err(), "{id:?}");
        }
        assert!(InstitutionLoginId::try_from(0).is_err());
        assert!(InstitutionLoginId::try_from(-1).is_err());
    }

    #[test]
    fn the_vendors_own_ids_are_taken() {
        assert!("1005061234".parse::<CustomerId>().is_ok());
        assert!(
            "0bf46322c167b562e6cbed9d40e19a4c"
                .parse::<ConsumerId>()
                .is_ok()
        );
        assert!("1112".parse::<BusinessId>().is_ok());
        assert!("123456789".parse::<ApplicationId>().is_ok());
    }
}
