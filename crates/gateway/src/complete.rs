//! The layer that makes every error complete: whatever layer below it comes from, it leaves with `ErrorInfo`.
//!
//! Errors of the handlers are complete already. What is left are those that tonic makes while it reads a request or
//! writes an answer, paths that are no method, and panics.

use std::{
    any::Any,
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{FutureExt as _, future::BoxFuture};
use http::{HeaderMap, Request, Response, header::CONTENT_TYPE};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

use crate::{failure::Failure, reason::Reason};

/// Makes a service's errors complete.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CompleteLayer;

impl<S> Layer<S> for CompleteLayer {
    type Service = Complete<S>;

    fn layer(&self, inner: S) -> Complete<S> {
        Complete { inner }
    }
}

/// A service whose errors are complete.
#[derive(Clone, Debug)]
pub(crate) struct Complete<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Complete<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Box::pin(async move {
            Ok(match answer.await {
                Ok(Ok(response)) => complete(response),
                Ok(Err(never)) => match never {},
                Err(panic) => after(panic).into_http(),
            })
        })
    }
}

/// The status after a panic. The panic hook has logged where it was; what it said may hold anything.
fn after(_panic: Box<dyn Any + Send>) -> Status {
    Failure::internal().into()
}

fn complete(mut response: Response<Body>) -> Response<Body> {
    let is_grpc = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if !is_grpc {
        // An answer of the router: the path is no method.
        return Status::from(method_unknown()).into_http();
    }
    if response.headers().contains_key(Status::GRPC_STATUS) {
        complete_status(response.headers_mut());
        return response;
    }
    response.map(|body| Body::new(CompleteBody { inner: Some(body) }))
}

/// Completes the status in the headers or trailers of an answer, if it is an error without details.
fn complete_status(headers: &mut HeaderMap) {
    let Some(code) = headers.get(Status::GRPC_STATUS) else {
        return;
    };
    let code = Code::from_bytes(code.as_bytes());
    if code == Code::Ok || headers.contains_key(Status::GRPC_STATUS_DETAILS) {
        return;
    }
    // tonic says so beside its refusal, and nowhere else in an answer.
    let compressed = headers.contains_key("grpc-accept-encoding");
    let status = Status::from(failure(code, compressed));
    headers.remove(Status::GRPC_MESSAGE);
    // Its parts are plain ASCII; were they not, the code alone would be left.
    let _ = status.add_header(headers);
}

/// What an error of tonic's means. Ours have details and do not come here.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "codes that tonic does not make by itself have one meaning"
)]
fn failure(code: Code, compressed: bool) -> Failure {
    match code {
        Code::Unimplemented if compressed => Failure::new(
            Reason::CompressionUnsupported,
            "requests must not be compressed",
        ),
        Code::Unimplemented => method_unknown(),
        Code::OutOfRange | Code::ResourceExhausted => Failure::new(
            Reason::MessageTooLarge,
            "the request or its answer is larger than the gateway's settings allow",
        ),
        // tonic calls bytes that it can't decode its own failure.
        Code::Internal | Code::InvalidArgument => Failure::new(
            Reason::InvalidField,
            "the bytes of the request are not its message",
        ),
        // Health and reflection, asked for what is not there.
        Code::NotFound => {
            Failure::new(Reason::RecordNotFound, "there is no such service or symbol")
        }
        _ => Failure::internal(),
    }
}

fn method_unknown() -> Failure {
    Failure::new(Reason::MethodUnknown, "there is no such method")
}

/// The body of an answer whose error, if any, comes at its end.
struct CompleteBody {
    /// `None` once the body ended in a way that `inner` does not know of.
    inner: Option<Body>,
}

impl HttpBody for CompleteBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| Pin::new(inner).poll_frame(cx)));
        let ended = match polled {
            Ok(polled) => match ready!(polled) {
                Some(Ok(frame)) => {
                    return Poll::Ready(Some(Ok(match frame.into_trailers() {
                        Ok(mut trailers) => {
                            complete_status(&mut trailers);
                            Frame::trailers(trailers)
                        }
                        Err(frame) => frame,
                    })));
                }
                Some(Err(status)) => status,
                None => return Poll::Ready(None),
            },
            Err(panic) => after(panic),
        };
        self.inner = None;
        Poll::Ready(Some(Ok(trailers(&ended))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

/// The frame that ends an answer with `status`, made complete.
pub(crate) fn trailers(status: &Status) -> Frame<Bytes> {
    let mut headers = HeaderMap::new();
    // As above: its parts are plain ASCII.
    let _ = status.add_header(&mut headers);
    complete_status(&mut headers);
    Frame::trailers(headers)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tonic_types::StatusExt as _;
    use tower::service_fn;

    use super::*;

    /// The status that leaves when the service below answers so.
    async fn left(answer: impl Fn() -> Response<Body> + Send + Sync + 'static) -> Status {
        let answer = std::sync::Arc::new(answer);
        let inner = service_fn(move |_: Request<Body>| {
            let answer = answer.clone();
            async move { Ok::<_, Infallible>(answer()) }
        });
        let response = CompleteLayer
            .layer(inner)
            .call(Request::new(Body::empty()))
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        match Status::from_header_map(&parts.headers) {
            Some(status) => status,
            None => {
                let collected = body.collect().await.unwrap();
                Status::from_header_map(collected.trailers().unwrap()).unwrap()
            }
        }
    }

    fn reason(status: &Status) -> (Code, String) {
        let details = status.get_error_details();
        let info = details.error_info().expect("the status has details");
        assert_eq!(info.domain, "openfinance");
        (status.code(), info.reason.clone())
    }

    #[tokio::test]
    async fn errors_of_tonic_leave_complete() {
        for (made, code, word) in [
            (
                Status::unimplemented(""),
                Code::Unimplemented,
                "METHOD_UNKNOWN",
            ),
            (
                Status::out_of_range("decoded message length too large"),
                Code::ResourceExhausted,
                "MESSAGE_TOO_LARGE",
            ),
            (
                Status::internal("failed to decode Protobuf message"),
                Code::InvalidArgument,
                "INVALID_FIELD",
            ),
            (
                Status::not_found("service not registered"),
                Code::NotFound,
                "RECORD_NOT_FOUND",
            ),
            (Status::data_loss(""), Code::Internal, "GATEWAY_INTERNAL"),
        ] {
            let status = left(move || made.clone().into_http()).await;
            assert_eq!(reason(&status), (code, word.to_owned()));
        }
    }

    #[tokio::test]
    async fn a_compressed_request_is_told_apart_from_an_unknown_method() {
        let status = left(|| {
            let mut status =
                Status::unimplemented("Content is compressed with `gzip` which isn't supported");
            status
                .metadata_mut()
                .insert("grpc-accept-encoding", "identity".parse().unwrap());
            status.into_http()
        });
        assert_eq!(
            reason(&status.await),
            (Code::Unimplemented, "COMPRESSION_UNSUPPORTED".to_owned())
        );
    }

    #[tokio::test]
    async fn an_answer_that_is_not_grpc_is_an_unknown_method() {
        let status = left(|| Response::builder().status(404).body(Body::empty()).unwrap()).await;
        assert_eq!(
            reason(&status),
            (Code::Unimplemented, "METHOD_UNKNOWN".to_owned())
        );
    }

    #[tokio::test]
    async fn a_complete_error_leaves_as_it_is() {
        let status = left(|| {
            Status::from(Failure::new(
                Reason::UsernameTaken,
                "the username is in use",
            ))
            .into_http()
        });
        assert_eq!(
            reason(&status.await),
            (Code::AlreadyExists, "USERNAME_TAKEN".to_owned())
        );
    }

    #[tokio::test]
    async fn a_panic_in_a_handler_says_nothing() {
        let status = left(|| panic!("canary")).await;
        assert_eq!(
            reason(&status),
            (Code::Internal, "GATEWAY_INTERNAL".to_owned())
        );
        assert!(!format!("{status:?}").contains("canary"));
    }

    /// A body that fails as it is told when it is polled.
    struct Failing(fn() -> Status);

    impl HttpBody for Failing {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Ready(Some(Err(self.0())))
        }
    }

    #[tokio::test]
    async fn errors_and_panics_of_a_stream_end_it_complete() {
        for (fail, code, word) in [
            (
                (|| panic!("canary")) as fn() -> Status,
                Code::Internal,
                "GATEWAY_INTERNAL",
            ),
            (
                || Status::out_of_range("encoded message length too large"),
                Code::ResourceExhausted,
                "MESSAGE_TOO_LARGE",
            ),
        ] {
            let status = left(move || {
                let body = Body::new(Failing(fail));
                Response::builder()
                    .header(CONTENT_TYPE, "application/grpc")
                    .body(body)
                    .unwrap()
            });
            assert_eq!(reason(&status.await), (code, word.to_owned()));
        }
    }
}
