//! What happens to each request on its way out and to each answer on its way in.

use std::time::Duration;

use bytes::BytesMut;
use progenitor_client::{ClientHooks, Error, OperationInfo};
use reqwest::{
    Request, Response, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue},
};

use crate::{Answer, Call, Client, OPERATIONS, call::Trace};

/// The generator's invention: the version of the document, which no document asks for.
const API_VERSION: HeaderName = HeaderName::from_static("api-version");

/// An operation of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The document's name for it, such as `AddPet`.
    pub id: &'static str,
    /// The method of [`Client`] that calls it, such as `add_pet`.
    pub name: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// The media types that it asks for.
    pub accept: &'static str,
    /// The media type of its body, where that is not what the generated method says.
    pub content_type: Option<&'static str>,
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
    let operation = OPERATIONS
        .iter()
        .find(|operation| operation.name == info.operation_id)
        .ok_or("it is no operation of the document")?;
    if !leads_there(request.url(), base_url, operation.path) {
        return Err("an argument in the path would lead to another operation");
    }
    let headers = request.headers_mut();
    headers.remove(API_VERSION);
    headers.insert(ACCEPT, HeaderValue::from_static(operation.accept));
    if let Some(content_type) = operation.content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    call.credentials.put(request)?;
    *request.timeout_mut() = Some(call.timeout.max(Duration::from_millis(1)));
    Ok(())
}

/// Whether a URL is that of the path template: each literal segment in its place, each parameter one segment and not
/// empty. Ids are percent-encoded, but no encoding keeps `.` and `..` from being resolved away, or a backslash from
/// being read as a slash.
fn leads_there(url: &Url, base_url: &str, template: &str) -> bool {
    let Ok(base) = Url::parse(base_url) else {
        return false;
    };
    // The template's braces and blanks become what they are in a URL, too.
    let mut wanted = base.clone();
    wanted.set_path(&format!("{}{template}", base.path().trim_end_matches('/')));
    let (mut actual, mut expected) = (url.path().split('/'), wanted.path().split('/'));
    loop {
        match (actual.next(), expected.next()) {
            (None, None) => return url.origin() == base.origin(),
            (Some(actual), Some(expected)) if is_segment(actual, expected) => {}
            _ => return false,
        }
    }
}

/// Whether a segment is one of the template's, with something in the place of its parameters.
fn is_segment(actual: &str, expected: &str) -> bool {
    const BRACES: [&str; 2] = ["%7B", "%7D"];
    let [Some(opening), Some(closing)] = [expected.find(BRACES[0]), expected.rfind(BRACES[1])]
    else {
        return actual == expected;
    };
    let (before, after) = (&expected[..opening], &expected[closing + BRACES[1].len()..]);
    actual.len() > before.len() + after.len()
        && actual.starts_with(before)
        && actual.ends_with(after)
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
        let template = "/aggregation/v1/customers/{customerId}";
        let leads = |url: &str, base: &str| leads_there(&Url::parse(url).unwrap(), base, template);
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

    #[test]
    fn a_parameter_may_be_a_part_of_its_segment() {
        let leads = |path: &str| {
            let url = Url::parse(&format!("http://h{path}")).unwrap();
            leads_there(&url, "http://h", "/a b/{name}.json/x:{from}-{to}")
        };
        assert!(leads("/a%20b/n.json/x:1-2"));
        for path in [
            "/a%20b/.json/x:1-2",
            "/a%20b/n.xml/x:1-2",
            "/a%20b/n.json/1-2",
        ] {
            assert!(!leads(path), "{path}");
        }
    }
}
