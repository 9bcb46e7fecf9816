//! Every refusal, and the envelope in which the vendor sends it.
//!
//! Codes and wording are those of the vendor's OpenAPI document and Java tests. Codes are JSON numbers, as the Java
//! tests need them; the ones introduced as text (3003, 3004 and the consumer format errors) are text. Where the sources
//! disagree, the quirks decide; where no source names a code, a comment says that the choice is ours.

mod envelope;

use http::{HeaderValue, StatusCode, header::ALLOW};

use crate::{
    answer::Answer,
    quirk::{
        DeleteUnknownCustomer, ErrorCodes, LockedStatus, MalformedCustomerId, MissingCredential,
        ModifyUnknownCustomer, Quirks, SecondBusiness, TestDriveRefusal, UnknownPartner,
        UnknownToken, UsernamePolicyStatus,
    },
};

use envelope::{login, long, short, tagged, with_text_code, wrapped};

/// Why the vendor's API says no. Holds ids and field names at most, never the value of a personal field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    // Requests that reach no rule. The vendor's document is silent on the first four; their code repeats the status.
    UnknownRoute,
    WrongMethod { allow: String },
    WrongMediaType,
    BodyTooLarge,
    BadRequest,
    MissingParameter(&'static str),
    MissingCredential(&'static str),

    // Authentication.
    AppKeyMissing,
    AppKeyUnknown,
    TokenMissing,
    TokenUnknown,
    TokenExpired,
    PlanNotEntitled,
    WrongCredentials,
    NoSuchPartner,
    PartnerLocked,
    BadCredentials,
    SecretPolicy,

    // Customers.
    UsernamePolicy,
    UsernameTaken,
    NameCharacters,
    TestingCustomerLimit,
    NothingToUpdate,
    NoSuchCustomer,
    NoCustomerToModify,
    NoCustomerToDelete,
    MalformedCustomerId(String),
    UnknownCustomerType,
    StartBelowOne,
    LimitBelowOne,
    NoApplications,
    NoApplicationAssigned,

    // Consumers.
    NoCustomerForConsumer,
    NoConsumerForCustomer(String),
    NoSuchConsumer(String),
    ConsumerExists(String),
    ConsumerFormat(ConsumerField),
    EndUserRequired,

    // Businesses.
    BusinessParameterMissing(&'static str),
    NoCustomerForBusiness,
    NoSuchBusiness,
    BusinessExists(String),
    ConsumerRequired,

    // Authorization details.
    NoSuchInstitutionLogin,
    AuthorizationNotCaptured,
}

/// The consumer fields whose format is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConsumerField {
    Ssn,
    Phone,
    Email,
}

impl Refusal {
    /// The answer that says so, worded as the quirks have it.
    pub(crate) fn answer(self, quirks: &Quirks) -> Answer {
        let answer = self.worded(quirks);
        match quirks.error_codes {
            ErrorCodes::Number => answer,
            ErrorCodes::Text => with_text_code(answer),
        }
    }

    fn worded(self, quirks: &Quirks) -> Answer {
        use StatusCode as S;
        match self {
            Self::UnknownRoute => short(S::NOT_FOUND, 404, "Not Found"),
            Self::WrongMethod { allow } => {
                let mut answer = short(S::METHOD_NOT_ALLOWED, 405, "Method Not Allowed");
                if let Ok(allow) = HeaderValue::from_str(&allow) {
                    answer.headers.push((ALLOW, allow));
                }
                answer
            }
            Self::WrongMediaType => short(S::UNSUPPORTED_MEDIA_TYPE, 415, "Unsupported Media Type"),
            Self::BodyTooLarge => short(S::PAYLOAD_TOO_LARGE, 413, "Payload Too Large"),
            Self::BadRequest => short(S::BAD_REQUEST, 14020, "Bad request."),
            Self::MissingParameter(name) => {
                short(S::BAD_REQUEST, 10005, format!("Missing parameter ({name})"))
            }
            Self::MissingCredential(name) => {
                let status = match quirks.missing_credential {
                    MissingCredential::Code10005 => {
                        return Self::MissingParameter(name).worded(quirks);
                    }
                    MissingCredential::Code10010 => S::BAD_REQUEST,
                    MissingCredential::Code10010As500 => S::INTERNAL_SERVER_ERROR,
                };
                let text = format!("\"{name}\" is required");
                tagged(status, "10010", &text, &text)
            }

            Self::AppKeyMissing => short(
                S::UNAUTHORIZED,
                10026,
                "Missing parameter (Finicity-App-Key)",
            ),
            Self::AppKeyUnknown => Answer::text(S::UNAUTHORIZED, "Invalid (Finicity-App-Key)"),
            Self::PlanNotEntitled => match quirks.test_drive_refusal {
                // The vendor uses the same words as for a wrong key.
                TestDriveRefusal::Unauthorized => Self::AppKeyUnknown.worded(quirks),
                TestDriveRefusal::TooManyRequests => Answer::empty(S::TOO_MANY_REQUESTS),
            },
            Self::TokenMissing => short(
                S::UNAUTHORIZED,
                10024,
                "Missing parameter (Finicity-App-Token)",
            ),
            Self::TokenUnknown => match quirks.unknown_token {
                UnknownToken::Short => {
                    short(S::UNAUTHORIZED, 10022, "Invalid (Finicity-App-Token)")
                }
                UnknownToken::Long => tagged(
                    S::UNAUTHORIZED,
                    "10022",
                    "Invalid authorization credentials",
                    "The session has expired or is invalid",
                ),
            },
            Self::TokenExpired => short(S::UNAUTHORIZED, 10023, "Expired (Finicity-App-Token)"),
            Self::WrongCredentials => short(S::UNAUTHORIZED, 10001, "Invalid credentials"),
            Self::NoSuchPartner => match quirks.unknown_partner {
                UnknownPartner::Flat => short(S::NOT_FOUND, 12401, "partner not found"),
                UnknownPartner::Wrapped => wrapped(S::NOT_FOUND, "12401", "partner not found"),
            },
            Self::PartnerLocked => match quirks.locked_status {
                // The wording is ours.
                LockedStatus::InternalServerError => short(
                    S::INTERNAL_SERVER_ERROR,
                    24302,
                    "Account locked for security, password reset required.",
                ),
                LockedStatus::Unauthorized => Self::BadCredentials.worded(quirks),
            },
            Self::BadCredentials => short(S::UNAUTHORIZED, 24302, "Bad credentials"),
            Self::SecretPolicy => short(S::BAD_REQUEST, 24437, "New password is not as per policy"),

            Self::UsernamePolicy => {
                let status = match quirks.username_policy_status {
                    UsernamePolicyStatus::BadRequest => S::BAD_REQUEST,
                    UsernamePolicyStatus::InternalServerError => S::INTERNAL_SERVER_ERROR,
                };
                short(status, 110_039, "Username is not as per the policy.")
            }
            Self::UsernameTaken => short(S::CONFLICT, 110_002, "Username is not available."),
            Self::NameCharacters => {
                short(S::BAD_REQUEST, 45003, "Invalid character in name fields.")
            }
            // HTTP 400 is what the vendor's page on this error code says; the document does not list it.
            Self::TestingCustomerLimit => {
                short(S::BAD_REQUEST, 42000, "Testing customer limit exceeded.")
            }
            Self::NothingToUpdate => short(S::BAD_REQUEST, 10025, "No data to update."),
            Self::NoSuchCustomer => short(S::NOT_FOUND, 14001, "Customer not found."),
            Self::NoCustomerToModify => match quirks.modify_unknown_customer {
                ModifyUnknownCustomer::NotFound => Self::NoSuchCustomer.worded(quirks),
                ModifyUnknownCustomer::BadRequest => Self::BadRequest.worded(quirks),
            },
            Self::NoCustomerToDelete => match quirks.delete_unknown_customer {
                DeleteUnknownCustomer::Code14001 => Self::NoSuchCustomer.worded(quirks),
                DeleteUnknownCustomer::Code12401 => short(S::NOT_FOUND, 12401, "partner not found"),
                DeleteUnknownCustomer::Code14006 => {
                    short(S::NOT_FOUND, 14006, "Institution not found.")
                }
                DeleteUnknownCustomer::Code60013 => short(
                    S::NOT_FOUND,
                    60013,
                    "No active subscription found for a given customer.",
                ),
            },
            Self::MalformedCustomerId(id) => {
                let status = match quirks.malformed_customer_id {
                    MalformedCustomerId::BadRequest => S::BAD_REQUEST,
                    MalformedCustomerId::NotFound => S::NOT_FOUND,
                };
                short(
                    status,
                    14023,
                    format!("Invalid customer id. customerId = ({id})"),
                )
            }
            Self::UnknownCustomerType => short(S::BAD_REQUEST, 14016, "Invalid customer type."),
            Self::StartBelowOne => short(
                S::BAD_REQUEST,
                41003,
                "Start index cannot be less than one.",
            ),
            Self::LimitBelowOne => short(S::BAD_REQUEST, 41004, "Limit cannot be less than one."),
            Self::NoApplications => short(
                S::NOT_FOUND,
                50051,
                "No registered partner applications found.",
            ),
            Self::NoApplicationAssigned => {
                short(S::NOT_FOUND, 50052, "Customer has no assigned application.")
            }

            // The decisioning service words the same code differently from the aggregation service.
            Self::NoCustomerForConsumer => short(S::NOT_FOUND, 14001, "Resource not found."),
            Self::NoConsumerForCustomer(id) => short(
                S::NOT_FOUND,
                10100,
                format!("Cannot find consumer for customer with id {id}."),
            ),
            Self::NoSuchConsumer(id) => short(
                S::NOT_FOUND,
                10100,
                format!("Cannot find consumer with id {id}."),
            ),
            Self::ConsumerExists(id) => short(
                S::CONFLICT,
                11000,
                format!("A consumer already exists for customer {id}"),
            ),
            Self::ConsumerFormat(field) => {
                let message = match field {
                    // The two spaces are the vendor's.
                    ConsumerField::Ssn => {
                        "Invalid format for field consumer.ssn.  Required format is 9 digits."
                    }
                    ConsumerField::Phone => "Invalid format for field consumer.phone.",
                    ConsumerField::Email => "Invalid format for field consumer.email.",
                };
                short(S::BAD_REQUEST, "10100", message)
            }
            // The documentation page has the code without a status or a text; both are ours.
            Self::EndUserRequired => {
                short(S::BAD_REQUEST, 1201, "End user information is required.")
            }

            Self::BusinessParameterMissing(name) => long(
                S::BAD_REQUEST,
                10005,
                &format!("Missing parameter ({name})"),
            ),
            Self::NoCustomerForBusiness => long(S::NOT_FOUND, 10002, "Customer ID was not found."),
            Self::NoSuchBusiness => long(S::NOT_FOUND, 10003, "Business ID was not found."),
            Self::BusinessExists(owner) => match quirks.second_business {
                SecondBusiness::Code10004 => long(
                    S::CONFLICT,
                    10004,
                    "Business already exists for the given customer ID.",
                ),
                SecondBusiness::Code11000 => Self::ConsumerExists(owner).worded(quirks),
            },
            // The documentation page has the status without a code; 10006 and the text are ours.
            Self::ConsumerRequired => long(
                S::CONFLICT,
                10006,
                "A personally liable owner needs a consumer record first.",
            ),

            Self::NoSuchInstitutionLogin => login("3003", "Institution Login Id is not found"),
            Self::AuthorizationNotCaptured => {
                login("3004", "Institution Login Id details are not found")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn body(refusal: Refusal) -> Value {
        serde_json::from_slice(&refusal.answer(&Quirks::default()).body).unwrap()
    }

    #[test]
    fn the_short_envelope_has_a_numeric_code_and_a_message() {
        assert_eq!(
            body(Refusal::NoSuchCustomer),
            json!({"code": 14001, "message": "Customer not found."}),
        );
    }

    #[test]
    fn the_long_envelope_has_one_text_three_times_and_explicit_nulls() {
        let text = "Business ID was not found.";
        assert_eq!(
            body(Refusal::NoSuchBusiness),
            json!({
                "code": 10003, "status": "404", "title": text, "message": text, "user_message": text,
                "level": null, "assetId": null, "accountId": null,
            }),
        );
    }

    #[test]
    fn codes_that_began_as_text_are_text() {
        assert_eq!(body(Refusal::NoSuchInstitutionLogin)["code"], json!("3003"));
        assert_eq!(
            body(Refusal::AuthorizationNotCaptured)["code"],
            json!("3004")
        );
        assert_eq!(
            body(Refusal::ConsumerFormat(ConsumerField::Ssn))["code"],
            json!("10100")
        );
        assert_eq!(
            body(Refusal::NoSuchConsumer("x".to_owned()))["code"],
            json!(10100)
        );
    }

    #[test]
    fn a_wrong_key_and_a_missing_entitlement_are_plain_text() {
        for refusal in [Refusal::AppKeyUnknown, Refusal::PlanNotEntitled] {
            let answer = refusal.answer(&Quirks::default());
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
            assert_eq!(answer.content_type.unwrap(), "text/plain");
            assert_eq!(answer.body, "Invalid (Finicity-App-Key)");
        }
    }
}
