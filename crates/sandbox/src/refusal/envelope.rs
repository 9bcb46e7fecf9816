//! The shapes in which the vendor's services refuse.

use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::Answer;

/// The envelope of the aggregation and decisioning services.
#[derive(Serialize)]
struct Short {
    code: Value,
    message: String,
}

/// The envelope of the business services: one text three times, and explicit nulls.
#[derive(Serialize)]
struct Long<'text> {
    code: u32,
    status: &'text str,
    title: &'text str,
    level: Option<&'text str>,
    message: &'text str,
    user_message: &'text str,
    #[serde(rename = "assetId")]
    asset_id: Option<&'text str>,
    #[serde(rename = "accountId")]
    account_id: Option<&'text str>,
}

pub(super) fn short(
    status: StatusCode,
    code: impl Into<Value>,
    message: impl Into<String>,
) -> Answer {
    let body = Short {
        code: code.into(),
        message: message.into(),
    };
    Answer::json(status, &body)
}

pub(super) fn long(status: StatusCode, code: u32, text: &str) -> Answer {
    let body = Long {
        code,
        status: status.as_str(),
        title: text,
        level: None,
        message: text,
        user_message: text,
        asset_id: None,
        account_id: None,
    };
    Answer::json(status, &body)
}

/// The envelope of the vendor's newer services: a code that is text, and tags that say nothing.
pub(super) fn tagged(status: StatusCode, code: &str, message: &str, user_message: &str) -> Answer {
    let body = json!({
        "code": code,
        "status": status.as_str(),
        "message": message,
        "user_message": user_message,
        "tags": "",
    });
    Answer::json(status, &body)
}

/// The envelope of Mastercard's gateways. What its members say is ours: the document gives their types only.
pub(super) fn wrapped(status: StatusCode, code: &str, description: &str) -> Answer {
    let error = json!({
        "Source": "openfinance-sandbox",
        "ReasonCode": code,
        "Description": description,
        "Recoverable": false,
        "Details": "",
    });
    Answer::json(status, &json!({ "Errors": { "Error": [error] } }))
}

pub(super) fn login(code: &str, user_message: &str) -> Answer {
    let body = json!({
        "code": code,
        "status": "404",
        "message": "Resource Not Found.",
        "user_message": user_message,
    });
    Answer::json(StatusCode::NOT_FOUND, &body)
}

/// Writes the code as text, unless it is the one that is a number in every version of the vendor's document.
pub(super) fn with_text_code(answer: Answer) -> Answer {
    let Ok(Value::Object(mut body)) = serde_json::from_slice(&answer.body) else {
        return answer;
    };
    match body.get_mut("code") {
        Some(code) if code.is_number() && *code != 12401 => *code = code.to_string().into(),
        Some(_) | None => return answer,
    }
    let worded = Answer::json(answer.status, &body);
    Answer {
        body: worded.body,
        ..answer
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header::ALLOW};

    use super::*;

    fn code(answer: &Answer) -> Value {
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        body["code"].clone()
    }

    #[test]
    fn a_code_becomes_text_and_nothing_else_changes() {
        let plain = || long(StatusCode::NOT_FOUND, 10003, "Business ID was not found.");
        let text = with_text_code(plain());
        assert_eq!((text.status, code(&text)), (plain().status, json!("10003")));
        let mut body: Value = serde_json::from_slice(&text.body).unwrap();
        body["code"] = json!(10003);
        assert_eq!(
            body,
            serde_json::from_slice::<Value>(&plain().body).unwrap()
        );
    }

    #[test]
    fn headers_and_codes_that_are_text_already_are_kept() {
        let mut answer = short(StatusCode::METHOD_NOT_ALLOWED, 405, "Method Not Allowed");
        answer
            .headers
            .push((ALLOW, HeaderValue::from_static("GET")));
        assert_eq!(with_text_code(answer).headers.len(), 1);
        let text = with_text_code(login("3003", "Institution Login Id is not found"));
        assert_eq!(code(&text), json!("3003"));
    }

    #[test]
    fn the_code_for_an_unknown_partner_stays_a_number_and_plain_text_stays_plain() {
        let partner = with_text_code(short(StatusCode::NOT_FOUND, 12401, "partner not found"));
        assert_eq!(code(&partner), json!(12401));
        let plain = with_text_code(Answer::text(StatusCode::UNAUTHORIZED, "Invalid"));
        assert_eq!(plain.body, "Invalid");
        let wrapper = || wrapped(StatusCode::NOT_FOUND, "12401", "partner not found");
        assert_eq!(with_text_code(wrapper()).body, wrapper().body);
    }
}
