//! What happens to each request on its way out and to each answer on its way in.

use std::{
    borrow::Cow,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::Frame;
use progenitor_client::{ClientHooks, Error, OperationInfo, ResponseValue};
use reqwest::{
    Body, Method, Request, RequestBuilder, Response, ResponseBuilderExt as _, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde::de::DeserializeOwned;

use crate::{Answer, Call, Client, Failure, OPERATIONS, call::Attempt};

/// Why a second request is not sent.
const ONCE: &str = "a call is for one request, and it has had it";

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

/// A hook behind a request, `post`, would not be called: the generated methods have no call of it.
impl ClientHooks<Attempt> for Client {
    async fn pre<E>(&self, request: &mut Request, info: &OperationInfo) -> Result<(), Error<E>> {
        let call = &self.inner.call;
        stamp(call, &self.baseurl, request, info).map_err(|reason| {
            // The first reason stays.
            let _ = call.trace.failed.set(Failure::Unsendable(reason));
            Error::Custom(reason.to_owned())
        })
    }

    async fn exec(&self, request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        self.inner.exec(request).await.map(Response::from)
    }
}

/// What the generated methods call beside the hooks, or in their place.
impl Attempt {
    /// A request to this URL.
    pub(crate) fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.http.server.request(method, url)
    }

    /// Sends a request and reads its answer, once, and only one that the first hook has seen.
    pub(crate) async fn exec(&self, request: Request) -> reqwest::Result<Answered<'_>> {
        let trace = &self.call.trace;
        let url = request.url().clone();
        let may_go = trace.started.get().is_some() && trace.sent.set(()).is_ok();
        let exchanged = match may_go {
            true => self.exchange(request).await,
            false => Err(Failure::Unsendable(ONCE)),
        };
        match exchanged {
            Ok(answer) => Ok(Answered {
                // Not set before: only one request comes so far.
                answer: Cow::Borrowed(trace.answer.get_or_init(|| answer)),
                url,
            }),
            Err(failure) => {
                let _ = trace.failed.set(failure.clone());
                let answer = error(failure).await.map(Cow::Owned);
                answer.map(|answer| Answered { answer, url })
            }
        }
    }
}

/// An answer as the generated methods look at it. It becomes a response of the library's where somebody wants one, which
/// takes longer to make than most answers to decode.
pub(crate) struct Answered<'call> {
    answer: Cow<'call, Answer>,
    url: Url,
}

impl Answered<'_> {
    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        self.answer.status
    }

    /// The value of the body.
    #[allow(dead_code, reason = "there are documents of which no answer has one")]
    #[expect(
        clippy::result_large_err,
        reason = "it is what the generated methods answer"
    )]
    pub(crate) fn decoded<T: DeserializeOwned, E>(self) -> Result<ResponseValue<T>, Error<E>> {
        let answer = &*self.answer;
        match answer.decoded() {
            Ok(value) => Ok(ResponseValue::new(value, answer.status, HeaderMap::new())),
            Err(error) => Err(Error::InvalidResponsePayload(answer.body.clone(), error)),
        }
    }
}

impl From<Answered<'_>> for Response {
    fn from(Answered { answer, url }: Answered<'_>) -> Self {
        let mut response = http::Response::new(Body::from(answer.body.clone()));
        *response.status_mut() = answer.status;
        // An answer without a URL gets one that is made up, and parsed each time.
        let named = http::Response::builder().url(url);
        if let Ok(named) = named.body(()) {
            *response.extensions_mut() = named.into_parts().0.extensions;
        }
        Self::from(response)
    }
}

/// Puts the call's headers and deadline on a request, or says why it must not go out.
fn stamp(
    call: &Call,
    base_url: &str,
    request: &mut Request,
    info: &OperationInfo,
) -> Result<(), &'static str> {
    call.trace.started.set(()).map_err(|()| ONCE)?;
    let operation = OPERATIONS
        .iter()
        .find(|operation| operation.name == info.operation_id)
        .ok_or("it is no operation of the document")?;
    if !leads_there(request.url(), base_url, operation.path) {
        return Err("an argument in the path would lead to another operation");
    }
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static(operation.accept));
    if let Some(content_type) = operation.content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    call.credentials.put(request)?;
    Ok(())
}

/// Whether a URL is that of the path template: each literal segment in its place, each parameter one segment and not
/// empty. Ids are percent-encoded, but no encoding keeps `.` and `..` from being resolved away, or a backslash from
/// being read as a slash.
fn leads_there(url: &Url, base_url: &str, template: &str) -> bool {
    leads_there_as_written(url, base_url, template) || leads_there_as_read(url, base_url, template)
}

/// As [`leads_there`], for a base URL and a template that stand in the URL as they are written, as nearly all do:
/// nothing has to be parsed for each request.
fn leads_there_as_written(url: &Url, base_url: &str, template: &str) -> bool {
    let behind = [url.query(), url.fragment()].into_iter().flatten();
    let behind: usize = behind.map(|part| part.len() + 1).sum();
    let whole = &url.as_str()[..url.as_str().len() - behind];
    // Behind the base a path begins, so that scheme, host and port are those of the base, and the base has no query.
    let path = whole.strip_prefix(base_url);
    path.is_some_and(|path| are_segments(path, template))
}

/// As [`leads_there`], for any base URL and template.
fn leads_there_as_read(url: &Url, base_url: &str, template: &str) -> bool {
    let Ok(base) = Url::parse(base_url) else {
        return false;
    };
    // The template's blanks become what they are in a URL, too, and braces in a URL what they are in the template.
    let mut wanted = base.clone();
    wanted.set_path(&format!("{}{template}", base.path().trim_end_matches('/')));
    let [path, wanted] =
        [url, &wanted].map(|url| url.path().replace("%7B", "{").replace("%7D", "}"));
    are_segments(&path, &wanted) && url.origin() == base.origin()
}

/// Whether a path has the template's segments.
fn are_segments(path: &str, template: &str) -> bool {
    // Before the first parameter all is as it is written, and need not be taken apart.
    let literal = template.find('{').unwrap_or(template.len());
    let literal = template[..literal].rfind('/').map_or(0, |slash| slash + 1);
    let (literal, template) = template.split_at(literal);
    let Some(path) = path.strip_prefix(literal) else {
        return false;
    };
    let (mut actual, mut expected) = (path.split('/'), template.split('/'));
    loop {
        match (actual.next(), expected.next()) {
            (None, None) => return true,
            (Some(actual), Some(expected)) if is_segment(actual, expected) => {}
            _ => return false,
        }
    }
}

/// Whether a segment is one of the template's, with something in the place of its parameters.
fn is_segment(actual: &str, expected: &str) -> bool {
    // One that is named like its own parameter is something, too.
    if actual == expected {
        return true;
    }
    let [Some(opening), Some(closing)] = [expected.find('{'), expected.rfind('}')] else {
        return false;
    };
    let (before, after) = (&expected[..opening], &expected[closing + 1..]);
    actual.len() > before.len() + after.len()
        && actual.starts_with(before)
        && actual.ends_with(after)
}

/// A failure as an error of the library's, which lets nobody make one: that of an answer with a body that fails so.
async fn error(failure: Failure) -> reqwest::Result<Answer> {
    let broken = http::Response::new(Body::wrap(Broken(Some(failure))));
    let read = Response::from(broken).bytes().await;
    read.map(|body| Answer {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body,
    })
}

/// A body that fails.
struct Broken(Option<Failure>);

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        Poll::Ready(self.0.take().map(Err))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::AccessToken;

    /// An answer to a request for this.
    fn answered(body: &'static [u8]) -> Answered<'static> {
        let (status, headers) = (StatusCode::ACCEPTED, HeaderMap::new());
        let body = Bytes::from_static(body);
        let answer = Answer {
            status,
            headers,
            body,
        };
        Answered {
            answer: Cow::Owned(answer),
            url: Url::parse("http://h/a").unwrap(),
        }
    }

    #[test]
    fn an_answer_is_decoded_or_an_error_with_its_body() {
        let token = answered(b"{\"token\":\"canary\"}");
        let token = token.decoded::<AccessToken, ()>().unwrap();
        assert_eq!(token.status(), StatusCode::ACCEPTED);
        assert_eq!(token.token.as_deref(), Some("canary"));
        for body in [&b""[..], b"{\"token\":1}", b"{\"token\":\"\xff\"}"] {
            match answered(body).decoded::<AccessToken, ()>().err() {
                Some(Error::InvalidResponsePayload(bytes, _)) => assert_eq!(bytes, body),
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn an_answer_becomes_a_response_with_all_that_it_was() {
        let response = Response::from(answered(b"canary"));
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        assert_eq!(response.url().as_str(), "http://h/a");
        assert_eq!(response.bytes().await.unwrap(), "canary");
    }

    #[tokio::test]
    async fn a_failure_becomes_an_error() {
        assert!(error(Failure::Unsendable("for a test")).await.is_err());
    }

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
    fn a_path_leads_to_its_operation_however_the_base_is_written() {
        let leads = |url: &str, base: &str, template: &str| {
            leads_there(&Url::parse(url).unwrap(), base, template)
        };
        for (url, base) in [
            ("http://h/a/1", "http://h:80"),
            ("http://H/a/1", "HTTP://h"),
            ("http://h:8080/a/1?b=/c#/d", "http://h:8080"),
            ("http://h/a/1?", "http://h"),
            ("http://h/a/1#", "http://h"),
            ("http://h/a/1#b?c", "http://h"),
            ("http://h/a/1?#", "http://h"),
            ("http://h/stem%20s/a/1", "http://h/stem s"),
        ] {
            assert!(leads(url, base, "/a/{id}"), "{url} of {base}");
        }
        for (url, base) in [
            ("http://hh/a/1", "http://h"),
            ("http://h:81/a/1", "http://h:8"),
            ("http://h/b?x/a/1", "http://h/b?x"),
            ("http://h/?x/a/1", "http://h/?x"),
            ("http://h/a/1", "http://h/a"),
        ] {
            assert!(!leads(url, base, "/a/{id}"), "{url} of {base}");
        }
    }

    #[test]
    fn segments_count_on_both_sides_of_a_parameter() {
        let leads = |path: &str, template: &str| {
            let url = Url::parse(&format!("http://h{path}")).unwrap();
            leads_there(&url, "http://h", template)
        };
        for (path, template) in [
            ("/", "/"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/1", "/{id}"),
            ("/{id}", "/{id}"),
            ("/1/a/2/b", "/{x}/a/{y}/b"),
            ("/a}/1", "/a}/{id}"),
        ] {
            assert!(leads(path, template), "{path} for {template}");
        }
        for (path, template) in [
            ("/", "/a"),
            ("/a", "/"),
            ("/a", "/a/"),
            ("/a/", "/a"),
            ("/ab", "/a"),
            ("/a", "/a/{id}"),
            ("/ab/1", "/a/{id}"),
            ("/b/1", "/a/{id}"),
            ("/1/2", "/{id}"),
            ("/1/a/2", "/{x}/a/{y}/b"),
            ("/1/a//b", "/{x}/a/{y}/b"),
            ("/1/a/../b", "/{x}/a/{y}/b"),
            ("/1/c/2/b", "/{x}/a/{y}/b"),
        ] {
            assert!(!leads(path, template), "{path} for {template}");
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
