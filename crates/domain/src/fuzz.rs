//! Entrances for the fuzz targets in `tests/fuzz`, and no part of what this crate offers: compiled for them and for the
//! test that runs their corpora with every `cargo test`.
//!
//! Each takes what a stranger sent, and panics if reading it breaks a promise.

use openfinance_rest::{self as rest, types as wire};
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER},
};
use serde::de::DeserializeOwned;

use crate::{
    business::{Business, convert::Draft},
    consumer::Consumer,
    customer::{Customer, list::customers},
    operation::Operation,
    outcome::Outcome,
    read,
};

/// Reads `data` as every answer that the vendor may give.
pub fn vendor_json(data: &[u8]) {
    if let Some(found) = parsed::<wire::GetCustomerResponse>(data) {
        printed(&Customer::try_from(found));
    }
    if let Some(found) = parsed::<wire::Customers>(data)
        && let Ok(listed) = customers(found)
    {
        printed(&listed.customers);
    }
    if let Some(found) = parsed::<wire::Consumer>(data) {
        printed(&Consumer::try_from(found));
    }
    if let Some(found) = parsed::<wire::Business>(data) {
        let business = Business::try_from(found);
        printed(&business);
        // An update sends back what was found.
        if let Ok(business) = business {
            let _ = wire::NewBusiness::try_from(Draft::from(business));
        }
    }
    let _ = parsed::<wire::BusinessList>(data);
    let _ = parsed::<wire::CustomerWithAppData>(data);
    let _ = parsed::<wire::CreatedCustomer>(data);
    let _ = parsed::<wire::CreatedConsumer>(data);
    let _ = parsed::<wire::AccessToken>(data);
    if let Some(found) = parsed::<wire::CustomerAuthorizationDetails>(data) {
        let _ = found.institution_login_id.and_then(read::number);
        let _ = found
            .authorization_start_date
            .and_then(|text| read::iso_8601(&text));
    }
}

fn parsed<T: DeserializeOwned>(data: &[u8]) -> Option<T> {
    serde_json::from_slice(data).ok()
}

fn printed(value: &impl std::fmt::Debug) {
    // As a failing test would, or a careless log line.
    drop(format!("{value:?}"));
}

/// Reads `data` as an answer that is no success, and judges it for every operation. The first two bytes are its status; a
/// first line behind them is `Retry-After`, `Date` and `Content-Type`, with `|` between.
pub fn error_body(data: &[u8]) {
    let Some((status, rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let Ok(status) = StatusCode::from_u16(u16::from_be_bytes(*status) % 600) else {
        return;
    };
    let (line, body) = match rest.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&rest[..end], &rest[end + 1..]),
        None => (&[][..], rest),
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [RETRY_AFTER, DATE, CONTENT_TYPE]
        .into_iter()
        .zip(line.split(|byte| *byte == b'|'))
    {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
    }
    let answer = rest::Answer {
        status,
        headers,
        body: body.to_vec().into(),
    };
    // Numbers and words of ours: nothing that was sent fits in here.
    let told = format!("{:?}{answer:?}", answer.error());
    assert!(told.len() < 200, "an error tells more than its code");
    for operation in Operation::ALL {
        let outcome = Outcome::<serde_json::Value>::of_answer(*operation, &answer);
        let _ = (outcome.class(), outcome.retry_after());
        let error = outcome.error(*operation);
        let told = format!("{error}{error:?}");
        assert!(told.len() < 500, "an error tells more than its code");
    }
}

#[cfg(test)]
#[path = "../../../tests/fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::{replay::replay, *};

    #[test]
    fn answers_in_the_corpus_are_read_without_a_panic() {
        replay("vendor_json", vendor_json);
    }

    #[test]
    fn errors_in_the_corpus_are_read_without_a_panic() {
        replay("error_body", error_body);
    }
}
