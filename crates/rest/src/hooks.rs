//! What happens to each request on its way out and to each answer on its way in.

use std::time::Duration;

use bytes::BytesMut;
use progenitor_client::{ClientHooks, Error, OperationInfo};
use reqwest::{
    Request, Response, Url,
    header::{ACCEPT, HeaderName, HeaderValue},
};

use crate::{Answer, Call, Client, OPERATIONS, call::Trace};

const APP_KEY: HeaderName = HeaderName::from_static("finicity-app-key");
const APP_TOKEN: HeaderName = HeaderName::from_static("finicity-app-token");
/// The generator's invention: the version of the document, which the vendor does not ask for.
const API_VERSION: HeaderName = HeaderName::from_static("api-version");

/// An operation of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The vendor's name for it, such as `AddBusinessDetails`.
    pub id: &'static str,
    /// The method of [`Client`] that calls it, such as `add_business_details`.
    pub name: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with parameters in braces.
    pub path: &'static str,
}

impl ClientHooks<Call> for Client {
    async fn pre<E>(&self, request: &mut Request, info: &OperationInfo) -> Result<(), Error<E>> {
        stamp(&self.inner, &self.baseurl, request, info).map_err(|reason| {
            // The first reason stays.
            let _ = self.inner.trace.unsendable.set(reason);
            Error::Custom(reason.to_owned())
        })
    }

    async fn exec(&self, request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        let Call {
            body_limit, trace, ..
        } = &self.inner;
        let response = self.client.execute(request).await?;
        collect(response, *body_limit, trace).await
    }
}

/// Puts the call's headers and deadline on a request, or says why it must not go out.
fn stamp(
    call: &Call,
    base_url: &str,
    request: &mut Request,
    info: &OperationInfo,
) -> Result<(), &'static str> {
    call.trace
        .started
        .set(())
        .map_err(|()| "a call is for one request, and it has had it")?;
    if !leads_there(request.url(), base_url, info.operation_id) {
        return Err("an argument in the path would lead to another operation");
    }
    let headers = request.headers_mut();
    headers.remove(API_VERSION);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(
        APP_KEY,
        call.app_key
            .clone()
            .ok_or("the application key is no header value")?,
    );
    if let Some(token) = &call.token {
        headers.insert(
            APP_TOKEN,
            token.clone().ok_or("the token is no header value")?,
        );
    }
    *request.timeout_mut() = Some(call.timeout.max(Duration::from_millis(1)));
    Ok(())
}

/// Whether a URL is that of the operation: each literal segment in its place, each parameter one segment and not
/// empty. Ids are percent-encoded, but no encoding keeps `.` and `..` from being resolved away, or a backslash from
/// being read as a slash.
fn leads_there(url: &Url, base_url: &str, name: &str) -> bool {
    let Some(operation) = OPERATIONS.iter().find(|operation| operation.name == name) else {
        return false;
    };
    let Ok(base) = Url::parse(base_url) else {
        return false;
    };
    let Some(path) = url.path().strip_prefix(base.path().trim_end_matches('/')) else {
        return false;
    };
    let (mut actual, mut expected) = (path.split('/'), operation.path.split('/'));
    loop {
        match (actual.next(), expected.next()) {
            (None, None) => return url.origin() == base.origin(),
            (Some(actual), Some(expected)) if expected.starts_with('{') && !actual.is_empty() => {}
            (Some(actual), Some(expected)) if actual == expected => {}
            _ => return false,
        }
    }
}

/// Reads the whole body within the limit, keeps the answer, and hands out a copy for decoding.
async fn collect(mut response: Response, limit: usize, trace: &Trace) -> reqwest::Result<Response> {
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    // Set once: `started` lets only one request through.
    let _ = trace.status.set(status);
    let announced = response.content_length();
    let mut body =
        BytesMut::with_capacity(announced.map_or(0, |length| length.min(limit as u64) as usize));
    let mut too_large = announced.is_some_and(|length| length > limit as u64);
    while !too_large && let Some(chunk) = response.chunk().await? {
        too_large = body.len() + chunk.len() > limit;
        if !too_large {
            body.extend_from_slice(&chunk);
        }
    }
    if too_large {
        let _ = trace.too_large.set(());
        body.clear();
    }
    let body = body.freeze();
    let mut copy = http::Response::new(reqwest::Body::from(body.clone()));
    *copy.status_mut() = status;
    if !too_large {
        let _ = trace.answer.set(Answer {
            status,
            headers,
            body,
        });
    }
    Ok(Response::from(copy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_operation_or_nowhere() {
        let leads =
            |url: &str, base: &str| leads_there(&Url::parse(url).unwrap(), base, "get_customer");
        assert!(leads("http://h/aggregation/v1/customers/1", "http://h"));
        assert!(leads(
            "http://h/stem/aggregation/v1/customers/1",
            "http://h/stem"
        ));
        assert!(leads(
            "http://h/aggregation/v1/customers/1?x=/../",
            "http://h"
        ));
        for url in [
            "http://h/aggregation/v1/customers/",
            "http://h/aggregation/v1/customers/..",
            "http://h/aggregation/v1/customers/.",
            "http://h/aggregation/v1/customers/%2e%2E",
            "http://h/aggregation/v1/customers/1/application",
            "http://h/aggregation/v1/customers/1\\application",
            "http://h/aggregation/v2/customers/1",
            "http://elsewhere/aggregation/v1/customers/1",
        ] {
            assert!(!leads(url, "http://h"), "{url}");
        }
    }
}
