//! The members of a consumer: their formats, what a new one needs, and what is kept of the social security number.
//!
//! No type in here has `Debug`: they hold a person.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    json::Fields,
    quirk::ConsumerFields,
    refusal::{ConsumerField, Refusal},
};

/// What is known of a consumer, as it is read. Absent members are left out: since version 1.38.2 of the document most
/// of them are optional on create, although the read schema still lists them as required.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    /// The last four digits; the rest is not even kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    ssn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    birthday: Option<Birthday>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suffix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_user: Option<EndUser>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Birthday {
    year: i16,
    month: i8,
    day_of_month: i8,
}

/// On whose behalf a reseller asks.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndUser {
    name: String,
    address: String,
    city: String,
    state: String,
    zip: String,
    phone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl Details {
    /// Reads a create or a change: every member is optional here, but what is there must be well-formed.
    pub(super) fn read(fields: Fields<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            first_name: fields.owned("firstName")?,
            last_name: fields.owned("lastName")?,
            address: fields.owned("address")?,
            city: fields.owned("city")?,
            state: fields.owned("state")?,
            zip: fields.owned("zip")?,
            phone: fields.text("phone")?.map(phone).transpose()?,
            ssn: fields.text("ssn")?.map(last_four).transpose()?,
            birthday: fields.object("birthday")?.map(birthday).transpose()?,
            email: fields.text("email")?.map(email).transpose()?,
            suffix: fields.owned("suffix")?,
            end_user: fields.object("endUser")?.map(end_user).transpose()?,
        })
    }

    /// What a new consumer needs: names and state, and one of each pair. The names of the pairs in the refusal are ours.
    pub(super) fn check_complete(&self, required: ConsumerFields) -> Result<(), Refusal> {
        let three = required == ConsumerFields::Three;
        for (present, name) in [
            (self.first_name.is_some(), "firstName"),
            (self.last_name.is_some(), "lastName"),
            (self.state.is_some(), "state"),
            (three || self.address.is_some(), "address"),
            (three || self.city.is_some(), "city"),
            (three || self.zip.is_some(), "zip"),
            (three || self.phone.is_some(), "phone"),
            (three || self.ssn.is_some(), "ssn"),
            (three || self.birthday.is_some(), "birthday"),
            (
                self.ssn.is_some() || self.birthday.is_some(),
                "ssn or birthday",
            ),
            (
                self.phone.is_some() || self.email.is_some(),
                "phone or email",
            ),
        ] {
            if !present {
                return Err(Refusal::MissingParameter(name));
            }
        }
        Ok(())
    }

    /// Whether there is no more of the social security number than may be shown, and the birthday is a day.
    pub(super) fn is_sound(&self) -> bool {
        let ssn = self.ssn.as_deref();
        ssn.is_none_or(|ssn| ssn.len() == 4 && ssn.bytes().all(|byte| byte.is_ascii_digit()))
            && self.birthday.is_none_or(Birthday::is_day)
    }

    /// Whether a reseller's end user is named.
    pub(super) fn names_end_user(&self) -> bool {
        self.end_user.is_some()
    }

    pub(super) fn take_over(&mut self, changes: Self) {
        fn set<T>(member: &mut Option<T>, change: Option<T>) {
            if change.is_some() {
                *member = change;
            }
        }
        let Self {
            first_name,
            last_name,
            address,
            city,
            state,
            zip,
            phone,
            ssn,
            birthday,
            email,
            suffix,
            end_user,
        } = changes;
        set(&mut self.first_name, first_name);
        set(&mut self.last_name, last_name);
        set(&mut self.address, address);
        set(&mut self.city, city);
        set(&mut self.state, state);
        set(&mut self.zip, zip);
        set(&mut self.phone, phone);
        set(&mut self.ssn, ssn);
        set(&mut self.birthday, birthday);
        set(&mut self.email, email);
        set(&mut self.suffix, suffix);
        set(&mut self.end_user, end_user);
    }
}

impl Birthday {
    fn is_day(self) -> bool {
        Date::new(self.year, self.month, self.day_of_month).is_ok()
    }
}

/// At most 15 characters, the limit in the document's prose; digits and the usual punctuation, which is our reading of
/// "invalid format".
fn phone(text: &str) -> Result<String, Refusal> {
    let usual = |letter: char| letter.is_ascii_digit() || " +-().".contains(letter);
    if text.len() > 15
        || !text.chars().all(usual)
        || !text.contains(|letter: char| letter.is_ascii_digit())
    {
        return Err(Refusal::ConsumerFormat(ConsumerField::Phone));
    }
    Ok(text.to_owned())
}

/// One `@` with something on both sides and no blanks, which is our reading of "invalid format".
fn email(text: &str) -> Result<String, Refusal> {
    let refusal = Refusal::ConsumerFormat(ConsumerField::Email);
    let Some((local, host)) = text.split_once('@') else {
        return Err(refusal);
    };
    let blank = |letter: char| letter.is_whitespace() || letter.is_control();
    if local.is_empty() || host.is_empty() || host.contains('@') || text.contains(blank) {
        return Err(refusal);
    }
    Ok(text.to_owned())
}

/// The last four of nine digits. Hyphens are allowed in a create, so they are dropped before the digits are counted.
fn last_four(text: &str) -> Result<String, Refusal> {
    let digits = text.replace('-', "");
    if digits.len() != 9 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::ConsumerFormat(ConsumerField::Ssn));
    }
    Ok(digits[5..].to_owned())
}

/// All three members, which must make a day of the calendar. The generic refusal of an impossible day is our choice.
fn birthday(fields: Fields<'_>) -> Result<Birthday, Refusal> {
    let member = |key, name| {
        fields
            .integer_or_text(key)?
            .ok_or(Refusal::MissingParameter(name))
    };
    let year = member("year", "birthday.year")?;
    let month = member("month", "birthday.month")?;
    let day_of_month = member("dayOfMonth", "birthday.dayOfMonth")?;
    let birthday = Birthday {
        year: i16::try_from(year).map_err(|_| Refusal::BadRequest)?,
        month: i8::try_from(month).map_err(|_| Refusal::BadRequest)?,
        day_of_month: i8::try_from(day_of_month).map_err(|_| Refusal::BadRequest)?,
    };
    birthday
        .is_day()
        .then_some(birthday)
        .ok_or(Refusal::BadRequest)
}

fn end_user(fields: Fields<'_>) -> Result<EndUser, Refusal> {
    let required = |key, name| fields.owned(key)?.ok_or(Refusal::MissingParameter(name));
    Ok(EndUser {
        name: required("name", "endUser.name")?,
        address: required("address", "endUser.address")?,
        city: required("city", "endUser.city")?,
        state: required("state", "endUser.state")?,
        zip: required("zip", "endUser.zip")?,
        phone: required("phone", "endUser.phone")?,
        email: fields.owned("email")?,
        url: fields.owned("url")?,
    })
}
