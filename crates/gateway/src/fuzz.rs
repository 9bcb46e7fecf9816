//! Entrances for the fuzz targets in `tests/fuzz`, and no part of what this crate offers: compiled for them and for the
//! test that runs their corpora with every `cargo test`.
//!
//! Each takes what a stranger sent, and panics if reading it breaks a promise.

use openfinance::{
    business::NewBusiness, consumer::NewConsumer, customer::NewCustomer, page::CustomerQuery,
};
use openfinance_rpc::pb;
use prost::Message;
use prost_types::FieldMask;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    audit, authorization, business,
    config::{Flags, Settings, SharedKey},
    consumer,
    convert::{FromPb as _, IntoPb as _},
    customer, onboarding,
    page_token::{self, PageTokens},
};

/// Reads `data` as every message that a caller may send with a record in it, and makes values of the domain of it.
pub fn request(data: &[u8]) {
    audit::fuzz::message(data);
    if let Some(message) = decoded::<pb::Customer>(data) {
        let read = NewCustomer::from_pb(message.clone());
        // What is accepted is shown as it was understood, and accepted again.
        if let Ok(shown) = held(read.map(NewCustomer::into_pb)) {
            let again = held(NewCustomer::from_pb(shown.clone())).map(NewCustomer::into_pb);
            assert!(again.is_ok_and(|again| again == shown));
        }
        let _ = held(customer::update::update(pb::UpdateCustomerRequest {
            customer: Some(message),
            update_mask: None,
        }));
    }
    if let Some(message) = decoded::<pb::Business>(data) {
        let _ = held(NewBusiness::from_pb(message.clone()).map(NewBusiness::into_pb));
        let _ = held(business::update::update(pb::UpdateBusinessRequest {
            business: Some(message),
            update_mask: None,
        }));
    }
    if let Some(message) = decoded::<pb::Consumer>(data) {
        let read = NewConsumer::from_pb(message.clone());
        if let Ok(shown) = held(read.map(NewConsumer::into_pb)) {
            assert!(shown.ssn.is_empty(), "the number is never shown");
        }
        let _ = held(consumer::update::update(pb::UpdateConsumerRequest {
            consumer: Some(message),
            update_mask: None,
        }));
    }
    if let Some(message) = decoded(data) {
        let _ = held(consumer::convert::for_business(message));
    }
    if let Some(message) = decoded(data) {
        let _ = held(onboarding::convert::onboarding(message));
    }
    if let Some(message) = decoded::<pb::BatchGetAuthorizationDetailsRequest>(data) {
        let _ = held(authorization::batch(&message.institution_login_ids));
    }
}

fn decoded<M: Message + Default + std::fmt::Debug>(data: &[u8]) -> Option<M> {
    let message = M::decode(data).ok()?;
    drop(format!("{message:?}"));
    Some(message)
}

/// Holds what every refusal of a request promises: it is the caller's mistake, and names the fields.
fn held<T>(read: Result<T, impl Into<Status>>) -> Result<T, ()> {
    read.map_err(|refusal| {
        let status: Status = refusal.into();
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let info = details.error_info().map(|info| info.reason.as_str());
        let fields = details.bad_request();
        let named = fields.is_some_and(|bad| !bad.field_violations.is_empty());
        assert!(named || info == Some("NOTHING_TO_UPDATE"), "{info:?}");
    })
}

/// Reads `data` as a page token, and as what is sealed in one.
pub fn page_token(data: &[u8]) {
    let tokens = PageTokens::new(&SharedKey::new([7; 32]));
    let query = CustomerQuery {
        customer_type: None,
        search: None,
    };
    if let Ok(token) = std::str::from_utf8(data)
        && !token.is_empty()
        && let Ok(cursor) = tokens.open(&query, "page_token", token)
    {
        // Nobody but us makes one, and we make each place's in one way only.
        assert_eq!(tokens.seal(&query, &cursor).as_deref().ok(), Some(token));
    }
    if let Some(cursor) = page_token::read(data) {
        assert_eq!(page_token::written(&cursor), data);
        let sealed = tokens.seal(&query, &cursor).unwrap_or_default();
        let opened = tokens.open(&query, "page_token", &sealed);
        assert!(opened.is_ok_and(|opened| opened == cursor));
    }
}

/// Reads `data` as a field mask, a path on each line, over whole records of all kinds.
pub fn field_mask(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let paths = text.split('\n').map(str::to_owned).collect();
    let update_mask = Some(FieldMask { paths });
    let word = || "word".to_owned();
    let id = || "17".to_owned();
    let _ = held(customer::update::update(pb::UpdateCustomerRequest {
        customer: Some(pb::Customer {
            customer_id: id(),
            first_name: word(),
            ..Default::default()
        }),
        update_mask: update_mask.clone(),
    }));
    let _ = held(business::update::update(pb::UpdateBusinessRequest {
        business: Some(pb::Business {
            business_id: id(),
            name: word(),
            address: Some(pb::Address::default()),
            ..Default::default()
        }),
        update_mask: update_mask.clone(),
    }));
    let _ = held(consumer::update::update(pb::UpdateConsumerRequest {
        consumer: Some(pb::Consumer {
            consumer_id: id(),
            last_name: word(),
            ..Default::default()
        }),
        update_mask,
    }));
}

/// Reads `data` as an audit file.
pub fn audit_file(data: &[u8]) {
    audit::fuzz::file(data);
}

/// A secret that stands in the settings beside what the fuzzer makes up.
const SECRET: &str = "Periwinkle-4242-Zeugma";

/// Reads `data` as settings: variables, one on each line, up to a line of `---`, and a TOML file behind it.
pub fn settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // Settings name files, and those of this machine are not to be read. A secret that was guessed is not kept.
    if ["/dev", "/proc", "/sys", SECRET]
        .iter()
        .any(|word| text.contains(word))
    {
        return;
    }
    let (variables, file) = text.split_once("---\n").unwrap_or((text, ""));
    let mut environment: Vec<(String, String)> = variables
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    environment.push(("OPENFINANCE_PARTNER__SECRET".to_owned(), SECRET.to_owned()));
    let name = format!("openfinance-fuzz-{}.toml", std::process::id());
    let path = std::env::temp_dir().join(name);
    if std::fs::write(&path, file).is_err() {
        return;
    }
    for sandbox in [false, true] {
        let flags = Flags {
            file: Some(path.clone()),
            sandbox,
            insecure: false,
        };
        let told = match Settings::load(&flags, environment.clone()) {
            Ok(settings) => settings.show(),
            Err(problems) => problems.to_string(),
        };
        assert!(!told.contains(SECRET), "a secret has been told");
    }
    // What is left over would only lie in a folder for such things.
    let _ = std::fs::remove_file(path);
}

#[cfg(test)]
#[path = "../../../tests/fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::{replay::replay, *};

    #[test]
    fn requests_in_the_corpus_are_read_without_a_panic() {
        replay("request", request);
    }

    #[test]
    fn page_tokens_in_the_corpus_are_read_without_a_panic() {
        replay("page_token", page_token);
    }

    #[test]
    fn field_masks_in_the_corpus_are_read_without_a_panic() {
        replay("field_mask", field_mask);
    }

    #[test]
    fn audit_files_in_the_corpus_are_read_without_a_panic() {
        replay("audit_file", audit_file);
    }

    #[test]
    fn settings_in_the_corpus_are_read_without_a_panic() {
        replay("settings", settings);
    }
}
