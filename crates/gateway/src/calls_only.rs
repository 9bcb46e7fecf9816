//! The layer that lets nothing through but calls, and of the calls of pages only those of pages that may call.
//!
//! A page can make any browser send what a form could send (`text/plain`, say, or no content type at all) to any address,
//! and the browser asks nobody before and shows the certificate of the person in front of it. It asks before it sends the
//! content type of gRPC. So that content type is required, in whatever HTTP a request comes, and whether pages may call or
//! not: who is known by a certificate alone could otherwise be made to call by any page.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::{Either, Ready, ready};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{ALLOW, CONTENT_TYPE, HOST},
};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use crate::{
    config::Web,
    failure::Failure,
    reason::Reason,
    web::{Origins, is_by_web},
};

/// The content types of gRPC whose messages are those of the contract. What its specification allows besides, such as
/// `+json`, would be other bytes.
const GRPC: [&str; 2] = ["application/grpc", "application/grpc+proto"];

/// Whether the one content type among these headers is one of `types`. Neither its parameters nor upper case matter.
pub(crate) fn content_is(headers: &HeaderMap, types: &[&str]) -> bool {
    let mut given = headers.get_all(CONTENT_TYPE).iter();
    let (Some(given), None) = (given.next(), given.next()) else {
        return false;
    };
    let essence = given.as_bytes().split(|byte| *byte == b';').next();
    let essence = essence.unwrap_or_default().trim_ascii();
    let is = |one: &&str| one.as_bytes().eq_ignore_ascii_case(essence);
    types.iter().any(is)
}

/// Refuses what is no call, and the calls of pages that may not call.
#[derive(Clone, Debug)]
pub(crate) struct CallsOnlyLayer(Option<Arc<Origins>>);

impl CallsOnlyLayer {
    pub(crate) fn new(web: Option<&Web>) -> Self {
        Self(web.map(|web| Arc::new(Origins::new(web))))
    }
}

impl<S> Layer<S> for CallsOnlyLayer {
    type Service = CallsOnly<S>;

    fn layer(&self, inner: S) -> CallsOnly<S> {
        CallsOnly {
            inner,
            origins: self.0.clone(),
        }
    }
}

/// A service that is given calls alone.
#[derive(Clone, Debug)]
pub(crate) struct CallsOnly<S> {
    inner: S,
    /// The pages that may call. Without it there is no gRPC-Web, which is all that a page can speak.
    origins: Option<Arc<Origins>>,
}

impl<S> CallsOnly<S> {
    /// The answer to what is no call, or none that its page may make.
    fn refusal(&self, request: &Request<Body>) -> Option<Response<Body>> {
        let headers = request.headers();
        if request.method() != Method::POST {
            let mut answer = no_call(StatusCode::METHOD_NOT_ALLOWED, "a call is a POST");
            let post = HeaderValue::from_static("POST");
            answer.headers_mut().insert(ALLOW, post);
            return Some(answer);
        }
        // HTTP/1.1 asks for that, so that all who pass a request on take it for the same.
        if request.version() == Version::HTTP_11 && headers.get_all(HOST).iter().count() != 1 {
            let message = "a request in HTTP/1.1 has one header `host`";
            return Some(no_call(StatusCode::BAD_REQUEST, message));
        }
        // In HTTP/1.1 there are no trailers for the status of a call, so only calls by gRPC-Web come in it.
        let fits = request.version() >= Version::HTTP_2 || is_by_web(request);
        if !fits || !content_is(headers, &GRPC) {
            return Some(no_call(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the content type of a call is application/grpc or application/grpc+proto, once; where grpc.web is on it \
                 may be one of gRPC-Web, and is in HTTP/1.1",
            ));
        }
        let origins = self.origins.as_ref()?;
        (!origins.name_all(headers)).then(|| {
            let message = "pages of this origin may not call: grpc.web_origins does not name it";
            Status::from(Failure::new(Reason::CallerForbidden, message)).into_http()
        })
    }
}

/// The answer to what is no call: in HTTP, so that whatever sent it does not take it for a success, and in gRPC, so that
/// it is counted and told as other refusals are.
fn no_call(code: StatusCode, message: &'static str) -> Response<Body> {
    let mut answer = Status::from(Failure::new(Reason::InvalidField, message)).into_http();
    *answer.status_mut() = code;
    answer
}

impl<S> Service<Request<Body>> for CallsOnly<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.refusal(&request) {
            None => Either::Left(self.inner.call(request)),
            Some(answer) => Either::Right(ready(Ok(answer))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_grpc(given: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for one in given {
            headers.append(CONTENT_TYPE, HeaderValue::from_static(one));
        }
        content_is(&headers, &GRPC)
    }

    #[test]
    fn the_content_types_that_clients_send_are_taken_with_any_parameters() {
        for sent in [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc;charset=utf-8",
            "application/grpc+proto ; charset=utf-8; messageType=\"a.B\"",
            "application/grpc;",
            "Application/GRPC",
        ] {
            assert!(is_grpc(&[sent]), "{sent}");
        }
    }

    #[test]
    fn a_content_type_that_is_another_or_none_or_two_is_not() {
        for sent in [
            &[][..],
            &[""],
            &["text/plain"],
            &["text/plain;application/grpc"],
            &["text/plain; a=b, application/grpc"],
            &["application/grpc, text/plain"],
            &["application/x-www-form-urlencoded"],
            &["multipart/form-data; boundary=application/grpc"],
            &["application/json"],
            &["application/grpc+json"],
            &["application/grpc-web"],
            &["application/grpc-web+proto"],
            &["application/grpc-web-text"],
            &["application/grpcx"],
            &["application/grpc proto"],
            &["application/grpc", "application/grpc"],
            &["application/grpc", "text/plain"],
            &["text/plain", "application/grpc"],
        ] {
            assert!(!is_grpc(sent), "{sent:?}");
        }
    }
}
