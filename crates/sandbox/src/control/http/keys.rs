//! Reading the members of a control request. Errors name keys, never values, which may be secrets.

use http::StatusCode;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::{Map, Value, json};

/// A refusal with its status.
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) text: String,
}

pub(super) fn bad(text: impl Into<String>) -> Problem {
    Problem {
        status: StatusCode::BAD_REQUEST,
        text: text.into(),
    }
}

pub(super) fn not_found(text: impl Into<String>) -> Problem {
    Problem {
        status: StatusCode::NOT_FOUND,
        text: text.into(),
    }
}

/// The members of a control request. Each is taken once; what is left at the end is unknown.
pub(super) struct Keys {
    members: Map<String, Value>,
    /// Before the names in errors.
    prefix: &'static str,
}

impl Keys {
    /// Reads a body; an empty one is an empty object.
    pub(super) fn read(body: &[u8]) -> Result<Self, Problem> {
        if body.is_empty() {
            return Self::of(json!({}), "");
        }
        let value = serde_json::from_slice(body).map_err(|_| bad("the body is not JSON"))?;
        Self::of(value, "")
    }

    pub(super) fn of(value: Value, prefix: &'static str) -> Result<Self, Problem> {
        if let Value::Object(members) = value {
            return Ok(Self { members, prefix });
        }
        let name = if prefix.is_empty() {
            "the body"
        } else {
            prefix.trim_end_matches('.')
        };
        Err(bad(format!("{name} must be a JSON object")))
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.members.remove(key)
    }

    /// Like [`Keys::take`], but `null` is as good as absent: clients write it for an option that they leave open.
    fn present(&mut self, key: &str) -> Option<Value> {
        self.take(key).filter(|value| !value.is_null())
    }

    fn wrong(&self, key: &str, wanted: &str) -> Problem {
        bad(format!("{}{key} must be {wanted}", self.prefix))
    }

    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, Problem> {
        self.present(key)
            .map(|value| {
                value
                    .as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| self.wrong(key, "text"))
            })
            .transpose()
    }

    /// Text that is there and not blank.
    pub(super) fn required(&mut self, key: &str) -> Result<String, Problem> {
        self.text(key)?
            .filter(|text| !text.trim().is_empty())
            .ok_or_else(|| bad(format!("{}{key} is required", self.prefix)))
    }

    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>, Problem> {
        self.present(key)
            .map(|value| {
                value
                    .as_bool()
                    .ok_or_else(|| self.wrong(key, "true or false"))
            })
            .transpose()
    }

    pub(super) fn count(&mut self, key: &str) -> Result<Option<u64>, Problem> {
        self.present(key)
            .map(|value| {
                value
                    .as_u64()
                    .ok_or_else(|| self.wrong(key, "a whole number that is not negative"))
            })
            .transpose()
    }

    pub(super) fn number(&mut self, key: &str) -> Result<Option<f64>, Problem> {
        self.present(key)
            .map(|value| value.as_f64().ok_or_else(|| self.wrong(key, "a number")))
            .transpose()
    }

    /// A time in ISO 8601; one without a zone is taken as UTC.
    pub(super) fn time(&mut self, key: &str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let without_zone = || {
            let civil = text.parse::<DateTime>().ok()?;
            Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
        };
        text.parse()
            .ok()
            .or_else(without_zone)
            .map(Some)
            .ok_or_else(|| self.wrong(key, "a time in ISO 8601"))
    }

    pub(super) fn end(self) -> Result<(), Problem> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(key) => Err(bad(format!("unknown key {}{key}", self.prefix))),
        }
    }
}
