//! Institution logins and how long each is authorised.
//!
//! The vendor's Data Connect makes the logins; the control plane stands in for it.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    answer::Answer,
    auth::{PartnerIndex, is_first},
    customer::parse_id,
    quirk::{AuthorizationEnd, AuthorizationFraction},
    refusal::Refusal,
    state::State,
};

/// How a customer is connected to an institution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Connection {
    /// Through the institution's own authorisation; details are there.
    Oauth,
    /// With stored credentials; there is nothing to tell (code 3003).
    Legacy,
    /// Authorised before details were captured (code 3004).
    Uncaptured,
}

/// One login at an institution.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstitutionLogin {
    #[serde(default, skip_serializing_if = "is_first")]
    pub(crate) partner: PartnerIndex,
    #[serde(rename = "customerId")]
    pub(crate) customer: u64,
    connection: Connection,
    authorization: Period,
}

/// From when to when.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Period {
    #[serde(rename = "authorizationStartDate")]
    start: Timestamp,
    #[serde(rename = "authorizationEndDate")]
    end: Timestamp,
}

/// A login to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInstitutionLogin {
    /// Whose login it is.
    pub customer_id: String,
    /// How it is connected.
    pub connection: Connection,
    /// When the authorisation begins; now if absent.
    pub start: Option<Timestamp>,
    /// When it ends; 365 days after the start if absent.
    pub end: Option<Timestamp>,
}

/// Why a login cannot be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidInstitutionLogin {
    /// There is no such customer.
    #[error("no such customer")]
    UnknownCustomer,
    /// The authorisation would end before it begins.
    #[error("authorizationEndDate must not be before authorizationStartDate")]
    EndsBeforeStart,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DetailsView {
    institution_login_id: i64,
    authorization_start_date: String,
    authorization_end_date: String,
}

/// A login as the control plane shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LoginRecord {
    institution_login_id: i64,
    customer_id: String,
    connection: &'static str,
    authorization_start_date: String,
    authorization_end_date: String,
    expired: bool,
}

impl Connection {
    /// The word for it in the control plane.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Oauth => "oauth",
            Self::Legacy => "legacy",
            Self::Uncaptured => "uncaptured",
        }
    }
}

impl State {
    /// Gives a customer of any partner a login.
    pub(crate) fn add_institution_login(
        &mut self,
        new: &NewInstitutionLogin,
    ) -> Result<i64, InvalidInstitutionLogin> {
        let owner = parse_id(&new.customer_id).ok_or(InvalidInstitutionLogin::UnknownCustomer)?;
        let customer = self
            .customers
            .derived_mut(&owner)
            .ok_or(InvalidInstitutionLogin::UnknownCustomer)?;
        let start = new.start.unwrap_or_else(|| self.clock.now());
        let year = SignedDuration::from_hours(365 * 24);
        let end = new
            .end
            .unwrap_or_else(|| start.checked_add(year).unwrap_or(Timestamp::MAX));
        if end < start {
            return Err(InvalidInstitutionLogin::EndsBeforeStart);
        }
        let id = self.next_institution_login;
        self.next_institution_login += 1;
        customer.institution_logins.push(id);
        let login = InstitutionLogin {
            partner: customer.partner,
            customer: owner,
            connection: new.connection,
            authorization: Period { start, end },
        };
        self.institution_logins.insert(id, login);
        Ok(id)
    }

    /// How long a login is authorised. An id that is no number is unknown: the document declares no 400 here.
    ///
    /// No source says what becomes of an authorization that has run out. Its dates tell as much, so they stay, unless
    /// the quirk has it that the vendor forgets them.
    fn authorization_details(
        &self,
        caller: PartnerIndex,
        id: &str,
    ) -> Result<(i64, Period), Refusal> {
        let id = parse_id(id).and_then(|id| i64::try_from(id).ok());
        let id = id.ok_or(Refusal::NoSuchInstitutionLogin)?;
        let login = self
            .institution_logins
            .get(&id)
            .ok_or(Refusal::NoSuchInstitutionLogin)?;
        if login.partner != caller {
            return Err(Refusal::NoSuchInstitutionLogin);
        }
        match login.connection {
            Connection::Oauth => {
                let over = login.authorization.end <= self.clock.now();
                if over && self.config.quirks.authorization_end == AuthorizationEnd::NotCaptured {
                    return Err(Refusal::AuthorizationNotCaptured);
                }
                Ok((id, login.authorization))
            }
            Connection::Legacy => Err(Refusal::NoSuchInstitutionLogin),
            Connection::Uncaptured => Err(Refusal::AuthorizationNotCaptured),
        }
    }

    pub(crate) fn route_authorization_details(
        &self,
        caller: PartnerIndex,
        id: &str,
    ) -> Result<Answer, Refusal> {
        let (id, authorization) = self.authorization_details(caller, id)?;
        let view = DetailsView {
            institution_login_id: id,
            authorization_start_date: self.authorization_date(authorization.start),
            authorization_end_date: self.authorization_date(authorization.end),
        };
        Ok(Answer::json(StatusCode::OK, &view))
    }

    fn authorization_date(&self, time: Timestamp) -> String {
        let date = with_fraction(time);
        match self.config.quirks.authorization_fraction {
            AuthorizationFraction::Dot => date,
            AuthorizationFraction::Colon => date.replace('.', ":"),
        }
    }
}

impl InstitutionLogin {
    /// The login as the control plane shows it: more than the vendor tells, and of every connection.
    pub(crate) fn record(&self, id: i64, now: Timestamp) -> impl Serialize + use<> {
        LoginRecord {
            institution_login_id: id,
            customer_id: self.customer.to_string(),
            connection: self.connection.as_str(),
            authorization_start_date: with_fraction(self.authorization.start),
            authorization_end_date: with_fraction(self.authorization.end),
            expired: self.authorization.end <= now,
        }
    }
}

/// ISO 8601 with hundredths of a second, as in the vendor's sample.
fn with_fraction(time: Timestamp) -> String {
    // Before 1970 the fraction counts backwards, so it is brought into the same second first.
    let hundredths = time.as_nanosecond().rem_euclid(1_000_000_000) / 10_000_000;
    let seconds = i64::try_from(time.as_nanosecond().div_euclid(1_000_000_000)).unwrap_or(0);
    let second = Timestamp::from_second(seconds).unwrap_or(time);
    format!("{}.{hundredths:02}Z", second.strftime("%Y-%m-%dT%H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::customer::tests::{customer, second_partner, state};

    fn login(customer: &str, connection: Connection) -> NewInstitutionLogin {
        NewInstitutionLogin {
            customer_id: customer.to_owned(),
            connection,
            start: Some("2020-07-30T16:11:23.2Z".parse().unwrap()),
            end: None,
        }
    }

    #[test]
    fn an_oauth_login_has_details_with_hundredths() {
        let mut state = state();
        let owner = customer(&mut state, "customer1");
        let id = state
            .add_institution_login(&login(&owner, Connection::Oauth))
            .unwrap();
        let answer = state
            .route_authorization_details(0, &id.to_string())
            .unwrap();
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let expected = json!({
            "institutionLoginId": id,
            "authorizationStartDate": "2020-07-30T16:11:23.20Z",
            "authorizationEndDate": "2021-07-30T16:11:23.20Z",
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn other_logins_are_refused_each_in_its_way() {
        let mut state = state();
        let other = second_partner(&mut state);
        let owner = customer(&mut state, "customer1");
        let oauth = state
            .add_institution_login(&login(&owner, Connection::Oauth))
            .unwrap();
        let legacy = state
            .add_institution_login(&login(&owner, Connection::Legacy))
            .unwrap();
        let uncaptured = state
            .add_institution_login(&login(&owner, Connection::Uncaptured))
            .unwrap();
        let refusal =
            |state: &State, caller, id: &str| state.authorization_details(caller, id).err();
        let unknown = Some(Refusal::NoSuchInstitutionLogin);
        assert_eq!(refusal(&state, 0, &legacy.to_string()), unknown);
        assert_eq!(
            refusal(&state, 0, &uncaptured.to_string()),
            Some(Refusal::AuthorizationNotCaptured),
        );
        assert_eq!(refusal(&state, other, &oauth.to_string()), unknown);
        for id in ["1", "x", "-1", "", "18446744073709551615"] {
            assert_eq!(refusal(&state, 0, id), unknown, "{id}");
        }
        assert_eq!(refusal(&state, 0, &oauth.to_string()), None);
        state.delete_customer(0, &owner).unwrap();
        assert_eq!(refusal(&state, 0, &oauth.to_string()), unknown);
    }

    #[test]
    fn a_login_needs_a_customer_and_an_end_after_the_start() {
        let mut state = state();
        let unknown = state.add_institution_login(&login("1234", Connection::Oauth));
        assert_eq!(unknown, Err(InvalidInstitutionLogin::UnknownCustomer));
        let owner = customer(&mut state, "customer1");
        let mut backwards = login(&owner, Connection::Oauth);
        backwards.end = Some(Timestamp::UNIX_EPOCH);
        let refusal = state.add_institution_login(&backwards);
        assert_eq!(refusal, Err(InvalidInstitutionLogin::EndsBeforeStart));
    }

    #[test]
    fn fractions_before_1970_are_written_in_the_right_second() {
        let time = Timestamp::from_nanosecond(-1_500_000_000).unwrap();
        assert_eq!(with_fraction(time), "1969-12-31T23:59:58.50Z");
        assert_eq!(with_fraction(Timestamp::MAX), "9999-12-30T22:00:00.99Z");
    }
}
