//! From messages to values of the domain and back. A request is checked whole, so that all of its faults are told at
//! once, and nothing of it is kept that did not pass.

use std::fmt::Display;

use jiff::Timestamp;
use openfinance::value::{Birthday, PartialDate, Personal, Text};
use openfinance_rpc::pb;
use tonic::Status;

use crate::{
    failure::{Failure, MOST_VIOLATIONS},
    reason::Reason,
};

/// A value of the domain that a message stands for.
pub(crate) trait FromPb<P>: Sized {
    /// Checks the message whole.
    ///
    /// # Errors
    /// [`BadFields`]: every field that is wrong.
    fn from_pb(pb: P) -> Result<Self, BadFields>;
}

/// The message that stands for a value of the domain.
pub(crate) trait IntoPb {
    /// The message.
    type Pb;

    /// The message of this value.
    fn into_pb(self) -> Self::Pb;
}

/// Fields that are wrong, each as a path with the rule that it breaks. Neither holds a value.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct BadFields {
    /// The first of them, as many as are told.
    told: Vec<(String, String)>,
    /// How many there are besides.
    untold: usize,
}

impl BadFields {
    /// One field, `path`, that breaks `rule`. An empty path stands for the message itself.
    pub(crate) fn new(path: impl Into<String>, rule: impl Display) -> Self {
        let mut bad = Self::default();
        bad.push(path, rule);
        bad
    }

    /// What is not told is not even written: a request may have thousands of faults.
    fn push(&mut self, path: impl Into<String>, rule: impl Display) {
        if self.told.len() < MOST_VIOLATIONS {
            self.told.push((path.into(), rule.to_string()));
        } else {
            self.untold += 1;
        }
    }

    /// The refusal that tells of the fields, for this reason.
    pub(crate) fn status(self, reason: Reason) -> Status {
        let Self { told, untold } = self;
        let message = match told.as_slice() {
            [(path, rule)] => format!("{path} {rule}"),
            [(path, rule), rest @ ..] => {
                format!("{path} {rule}, and {} more", rest.len() + untold)
            }
            [] => "the request is invalid".to_owned(),
        };
        Failure::new(reason, message).fields(told).into()
    }
}

impl From<BadFields> for Status {
    fn from(bad: BadFields) -> Self {
        bad.status(Reason::InvalidField)
    }
}

/// Reads the fields of one message and notes what is wrong with them.
#[derive(Default)]
pub(crate) struct Check {
    bad: BadFields,
}

impl Check {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Notes that `field` breaks `rule`.
    pub(crate) fn refuse(&mut self, field: impl Into<String>, rule: impl Display) {
        self.bad.push(field, rule);
    }

    /// Whether anything was wrong so far.
    pub(crate) fn has_refused(&self) -> bool {
        self.bad != BadFields::default()
    }

    /// All that was wrong.
    pub(crate) fn into_bad(self) -> BadFields {
        self.bad
    }

    /// A text that must be there.
    pub(crate) fn required<T>(&mut self, field: &str, text: String) -> Option<T>
    where
        T: TryFrom<String, Error: Display>,
    {
        if text.is_empty() {
            self.refuse(field, "is required");
            return None;
        }
        self.optional(field, text)
    }

    /// A text that may be empty, which stands for no text.
    pub(crate) fn optional<T>(&mut self, field: &str, text: String) -> Option<T>
    where
        T: TryFrom<String, Error: Display>,
    {
        if text.is_empty() {
            return None;
        }
        text.try_into()
            .map_err(|rule| self.refuse(field, rule))
            .ok()
    }

    /// A message that must be there.
    pub(crate) fn message<T: FromPb<P>, P>(
        &mut self,
        field: &str,
        message: Option<P>,
    ) -> Option<T> {
        if message.is_none() {
            self.refuse(field, "is required");
        }
        self.optional_message(field, message)
    }

    /// A message that may be absent.
    pub(crate) fn optional_message<T: FromPb<P>, P>(
        &mut self,
        field: &str,
        message: Option<P>,
    ) -> Option<T> {
        let value = T::from_pb(message?);
        self.inside(field, value)
    }

    /// What came of checking the message at `field`: its faults become faults here, by the longer path.
    pub(crate) fn inside<T>(&mut self, field: &str, value: Result<T, BadFields>) -> Option<T> {
        let bad = |BadFields { told, untold }| {
            for (path, rule) in told {
                match path.as_str() {
                    "" => self.bad.push(field, rule),
                    path => self.bad.push(format!("{field}.{path}"), rule),
                }
            }
            self.bad.untold += untold;
        };
        value.map_err(bad).ok()
    }

    /// A field that only answers have.
    pub(crate) fn output_only(&mut self, field: &str, is_set: bool) {
        if is_set {
            self.refuse(field, "is output only");
        }
    }

    /// The name that a caller may give its request.
    pub(crate) fn request_id(&mut self, text: &str) {
        if !text.is_empty() && uuid::Uuid::try_parse(text).is_err() {
            self.refuse("request_id", "must be a UUID");
        }
    }

    /// The value that `build` makes of the fields, if none of them was wrong.
    ///
    /// # Errors
    /// [`BadFields`]: all that were wrong.
    pub(crate) fn finish<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, BadFields> {
        match build() {
            Some(value) if !self.has_refused() => Ok(value),
            _ => Err(self.into_bad()),
        }
    }
}

impl FromPb<pb::Date> for Birthday {
    fn from_pb(pb::Date { year, month, day }: pb::Date) -> Result<Self, BadFields> {
        // The date is wrong as a whole: the path ends at it.
        Self::new(year, month, day).map_err(|rule| BadFields::new("", rule))
    }
}

impl IntoPb for PartialDate {
    type Pb = pb::Date;

    fn into_pb(self) -> pb::Date {
        let Self { year, month, day } = self;
        pb::Date { year, month, day }
    }
}

impl IntoPb for Timestamp {
    type Pb = prost_types::Timestamp;

    fn into_pb(self) -> prost_types::Timestamp {
        // Protobuf counts nanoseconds forward from the second before, jiff in the direction of the sign.
        let (seconds, nanos) = (self.as_second(), self.subsec_nanosecond());
        match nanos {
            ..0 => prost_types::Timestamp {
                seconds: seconds - 1,
                nanos: nanos + 1_000_000_000,
            },
            0.. => prost_types::Timestamp { seconds, nanos },
        }
    }
}

/// A personal text, or the empty one where the vendor has none.
pub(crate) fn text(personal: Option<Personal>) -> String {
    personal.map(Personal::into_string).unwrap_or_default()
}

/// A text that was given, or the empty one.
pub(crate) fn given(text: Option<Text>) -> String {
    text.map(Text::into_string).unwrap_or_default()
}

/// Reads the only field of a request.
pub(crate) fn required<T>(field: &str, text: String) -> Result<T, BadFields>
where
    T: TryFrom<String, Error: Display>,
{
    let mut check = Check::new();
    let value = check.required(field, text);
    check.finish(|| value)
}

/// The paths of the fields that a refusal names.
#[cfg(test)]
pub(crate) fn violated(refusal: impl Into<Status>) -> Vec<String> {
    use tonic_types::StatusExt as _;

    let details = refusal.into().get_error_details();
    let bad = details.bad_request().expect("the refusal names fields");
    bad.field_violations
        .iter()
        .map(|one| one.field.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use openfinance::id::CustomerId;
    use tonic_types::StatusExt as _;

    use super::*;

    #[test]
    fn all_faults_are_told_at_once_by_path() {
        let mut inner = Check::new();
        let _: Option<Text> = inner.required("city", String::new());
        inner.output_only("customer_id", true);
        let mut check = Check::new();
        let _: Option<CustomerId> = check.required("customer_id", "x".to_owned());
        let _: Option<()> = check.inside("customer", inner.finish(|| None));
        let _: Option<Birthday> = check.message(
            "birthday",
            Some(pb::Date {
                year: 2023,
                month: 2,
                day: 29,
            }),
        );
        check.request_id("no uuid");
        let status = Status::from(check.finish(|| Some(())).unwrap_err());
        let details = status.get_error_details();
        let paths: Vec<_> = details
            .bad_request()
            .unwrap()
            .field_violations
            .iter()
            .map(|one| one.field.as_str())
            .collect();
        assert_eq!(
            paths,
            [
                "customer_id",
                "customer.city",
                "customer.customer_id",
                "birthday",
                "request_id"
            ]
        );
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        assert_eq!(details.error_info().unwrap().reason, "INVALID_FIELD");
    }

    #[test]
    fn an_empty_text_is_no_text() {
        let mut check = Check::new();
        let name: Option<Text> = check.optional("first_name", String::new());
        assert_eq!(check.finish(|| Some(name)), Ok(None));
    }

    #[test]
    fn a_request_with_thousands_of_faults_stays_small() {
        let mut check = Check::new();
        (0..5_000)
            .for_each(|index| check.refuse(format!("ids[{index}]"), "must be a positive number"));
        let status = Status::from(check.finish(|| Some(())).unwrap_err());
        assert!(status.details().len() < 4_096, "{}", status.details().len());
        assert!(status.message().contains("4999 more"));
    }

    #[test]
    fn times_before_the_epoch_count_forward() {
        let time: Timestamp = "1969-12-31T23:59:58.5Z".parse().unwrap();
        assert_eq!(
            time.into_pb(),
            prost_types::Timestamp {
                seconds: -2,
                nanos: 500_000_000
            }
        );
    }
}
