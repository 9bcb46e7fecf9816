//! The layer that tells of calls: one line of log and one measurement each, when the call has ended.
//!
//! Neither holds anything of the request or the answer but the method, the code, the reason and what the vendor said in
//! numbers.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Instant;
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt as _;
use tower::{Layer, Service};
use tracing::{Instrument as _, Level, Span};

use crate::{
    method::Called,
    metrics::{Metrics, Open, code_name},
    reason::Reason,
    trace,
};

/// Tells of the calls of a service.
#[derive(Clone, Debug)]
pub(crate) struct ObserveLayer {
    metrics: Metrics,
}

impl ObserveLayer {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe {
            inner,
            metrics: self.metrics.clone(),
        }
    }
}

/// A service whose calls are told of.
#[derive(Clone, Debug)]
pub(crate) struct Observe<S> {
    inner: S,
    metrics: Metrics,
}

impl<S> Service<Request<Body>> for Observe<S>
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
        let method = Called::at(request.uri().path()).name;
        let span = trace::call(method, request.headers());
        let mut call = Call {
            metrics: self.metrics.clone(),
            method,
            started: Instant::now(),
            span: span.clone(),
            open: Some(self.metrics.begin()),
        };
        let answer = span.in_scope(|| self.inner.call(request)).instrument(span);
        Box::pin(async move {
            let Ok(response) = answer.await;
            Ok(if response.headers().contains_key(Status::GRPC_STATUS) {
                call.end(response.headers());
                response
            } else {
                response.map(|inner| Body::new(ObservedBody { inner, call }))
            })
        })
    }
}

/// A call that runs. Dropped before its end, it counts as cancelled: the caller has gone away.
struct Call {
    metrics: Metrics,
    method: &'static str,
    started: Instant,
    span: Span,
    /// `None` once it has ended.
    open: Option<Open>,
}

impl Call {
    /// Tells of the call, which ended with the status in `headers`.
    fn end(&mut self, headers: &HeaderMap) {
        match Status::from_header_map(headers) {
            Some(status) if status.code() != Code::Ok => {
                let details = status.get_error_details();
                let info = details.error_info();
                let metadata = |key: &str| {
                    info.and_then(|info| info.metadata.get(key))
                        .map(String::as_str)
                };
                let reason = info.map(|info| info.reason.as_str());
                self.tell(
                    status.code(),
                    reason,
                    metadata("operation"),
                    metadata("http_status"),
                    metadata("vendor_code"),
                );
            }
            Some(_) | None => self.tell(Code::Ok, None, None, None, None),
        }
    }

    fn tell(
        &mut self,
        code: Code,
        reason: Option<&str>,
        operation: Option<&str>,
        http_status: Option<&str>,
        vendor_code: Option<&str>,
    ) {
        self.open = None;
        let took = self.started.elapsed();
        let known = reason.and_then(Reason::of);
        self.metrics.call(self.method, code, known, took);
        trace::ended(&self.span, code, known);
        // To the microsecond; more digits only look exact.
        let duration_ms = (took.as_secs_f64() * 1_000_000.0).round() / 1_000.0;
        // No reason is given where none is needed.
        let level = known.map_or(Level::INFO, Reason::level);
        let (method, code) = (self.method, code_name(code));
        // The level of a line is a part of its place in the code.
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    method,
                    code,
                    reason,
                    operation,
                    http_status,
                    vendor_code,
                    duration_ms,
                    "call"
                )
            };
        }
        match level {
            Level::ERROR => line!(error),
            Level::WARN => line!(warn),
            _ => line!(info),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.open.is_some() {
            self.tell(Code::Cancelled, None, None, None, None);
        }
    }
}

/// The body of an answer whose status comes at its end.
struct ObservedBody {
    inner: Body,
    call: Call,
}

impl HttpBody for ObservedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            self.call.end(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use http_body_util::BodyExt as _;
    use tower::service_fn;

    use super::*;
    use crate::{complete::trailers, failure::Failure, reason::Reason};

    const PATH: &str = "/openfinance.v1.CustomerService/GetCustomer";

    async fn call(metrics: &Metrics, answer: fn() -> Response<Body>) -> Response<Body> {
        let inner =
            service_fn(move |_: Request<Body>| async move { Ok::<_, Infallible>(answer()) });
        let request = Request::builder().uri(PATH).body(Body::empty()).unwrap();
        ObserveLayer::new(metrics.clone())
            .layer(inner)
            .call(request)
            .await
            .unwrap()
    }

    fn counted(metrics: &Metrics, code: &str) -> bool {
        let text = metrics.text();
        let label = format!(
            "_count{{rpc_system_name=\"grpc\",rpc_method=\"{}\",rpc_response_status_code=\"{code}\"}} 1",
            &PATH[1..]
        );
        text.contains(&label)
    }

    #[tokio::test]
    async fn a_call_is_counted_once_by_the_code_that_it_ends_with() {
        let metrics = Metrics::new();
        call(&metrics, || {
            Status::from(Failure::new(Reason::CustomerNotFound, "gone")).into_http()
        })
        .await;
        assert!(counted(&metrics, "NOT_FOUND"));

        let ok = || {
            Response::new(Body::new(http_body_util::StreamBody::new(
                futures_util::stream::iter([Ok::<_, Status>(trailers(&Status::ok("")))]),
            )))
        };
        let response = call(&metrics, ok).await;
        assert!(!counted(&metrics, "OK"));
        response.into_body().collect().await.unwrap();
        assert!(counted(&metrics, "OK") && !counted(&metrics, "CANCELLED"));

        drop(call(&metrics, ok).await);
        assert!(counted(&metrics, "CANCELLED"));
    }

    #[test]
    fn a_call_is_logged_at_the_level_of_what_it_means() {
        for (reason, expected) in [
            (Reason::GatewayInternal, "ERROR"),
            (Reason::OutcomeUnknown, "ERROR"),
            (Reason::Draining, "WARN"),
            (Reason::DeadlineExceeded, "WARN"),
            (Reason::UpstreamRateLimited, "WARN"),
            (Reason::PartnerCredentialsRejected, "WARN"),
            (Reason::ConsumerRequired, "INFO"),
            (Reason::CustomerNotFound, "INFO"),
            (Reason::InvalidField, "INFO"),
        ] {
            let lines = Lines::default();
            let writer = lines.clone();
            let log = tracing_subscriber::fmt()
                .with_ansi(false)
                .with_writer(move || writer.clone())
                .finish();
            tracing::subscriber::with_default(log, || {
                let metrics = Metrics::new();
                let mut call = Call {
                    open: Some(metrics.begin()),
                    metrics,
                    method: "Get",
                    started: Instant::now(),
                    span: Span::none(),
                };
                let answer = Status::from(Failure::new(reason, "no")).into_http::<Body>();
                call.end(answer.headers());
            });
            let text = lines.text();
            assert_eq!(text.lines().count(), 1, "{text}");
            let word = format!(" {expected} ");
            assert!(
                text.contains(&word) && text.contains(reason.as_str()),
                "{text}"
            );
        }
    }

    /// Where a log may be written and read again.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
