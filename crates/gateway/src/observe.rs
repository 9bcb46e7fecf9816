//! The layer that tells of calls: one line of log and one measurement each, when the call has ended.
//!
//! Neither holds anything of the request or the answer but the method, the code, the reason and what the vendor said in
//! numbers. A flood of calls that fail for one reason has so many lines a second, and the number of those left out.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use openfinance_rpc::code_name;
use tokio::time::Instant;
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt as _;
use tower::{Layer, Service};
use tracing::{Instrument as _, Level, Span};

use crate::{
    auth,
    failure::failed,
    log,
    method::Called,
    metrics::{Metrics, Open},
    reason::Reason,
    sample::Sample,
    trace,
};

/// How many calls that fail for one reason have a line of their own at once, and how many more each second: whoever
/// sends calls that are refused must not be able to fill the disk. Defects and records in doubt have one each.
const BURST: u32 = 1_000;
const PER_SECOND: u32 = 100;

/// The lines of failures, by reason.
#[derive(Clone, Debug)]
struct Lines(Arc<[Sample]>);

impl Lines {
    fn new() -> Self {
        let each = Reason::ALL.iter().map(|_| Sample::new(BURST, PER_SECOND));
        Self(each.collect())
    }

    /// How many were left out since the last line of this reason, if there is to be one.
    fn take(&self, reason: Option<Reason>) -> Option<u64> {
        let reason = reason.filter(|reason| reason.level() != Level::ERROR);
        let lines = reason.and_then(|reason| self.0.get(reason as usize));
        lines.map_or(Some(0), Sample::take)
    }
}

/// Tells of the calls of a service.
#[derive(Clone, Debug)]
pub(crate) struct ObserveLayer {
    metrics: Metrics,
    lines: Lines,
}

impl ObserveLayer {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            lines: Lines::new(),
        }
    }
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe {
            inner,
            metrics: self.metrics.clone(),
            lines: self.lines.clone(),
        }
    }
}

/// A service whose calls are told of.
#[derive(Clone, Debug)]
pub(crate) struct Observe<S> {
    inner: S,
    metrics: Metrics,
    lines: Lines,
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
        let called = Called::at(request.uri().path());
        let span = trace::call(called.name, request.headers(), auth::is_known(&request));
        let mut call = Call {
            metrics: self.metrics.clone(),
            lines: self.lines.clone(),
            called,
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
    lines: Lines,
    called: Called,
    started: Instant,
    span: Span,
    /// `None` once it has ended.
    open: Option<Open>,
}

impl Call {
    /// Tells of the call, which ended with the status in `headers`.
    fn end(&mut self, headers: &HeaderMap) {
        match failed(headers) {
            Some(status) => {
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
            None => self.tell(Code::Ok, None, None, None, None),
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
        self.metrics.call(self.called, code, known, took);
        trace::ended(&self.span, code, known);
        let Some(left_out) = self.lines.take(known) else {
            return;
        };
        let left_out = (left_out > 0).then_some(left_out);
        // To the microsecond; more digits only look exact.
        let duration_ms = (took.as_secs_f64() * 1_000_000.0).round() / 1_000.0;
        if code == Code::Ok && left_out.is_none() {
            let (method, code) = (self.called.name, code_name(code));
            tracing::info!(name: log::SERVED, method, code, duration_ms, "call");
            return;
        }
        // No reason is given where none is needed.
        let level = known.map_or(Level::INFO, Reason::level);
        let (method, code) = (self.called.name, code_name(code));
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
                    left_out,
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
        sync::Mutex,
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
            let lines = Written::default();
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
                    lines: Lines::new(),
                    called: Called::at(PATH),
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

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_one_reason_is_sampled_and_leaves_the_others_their_lines() {
        let written = Written::default();
        let writer = written.clone();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let guard = tracing::subscriber::set_default(log);
        let metrics = Metrics::new();
        let layer = ObserveLayer::new(metrics.clone());
        let fail = async |reason: Reason, times: usize| {
            for _ in 0..times {
                let answer = move |_: Request<Body>| async move {
                    Ok::<_, Infallible>(Status::from(Failure::new(reason, "no")).into_http())
                };
                let request = Request::builder().uri(PATH).body(Body::empty()).unwrap();
                layer.layer(service_fn(answer)).call(request).await.unwrap();
            }
        };
        fail(Reason::Overloaded, 10_000).await;
        fail(Reason::CallerForbidden, 1).await;
        fail(Reason::OutcomeUnknown, 1_500).await;
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        fail(Reason::Overloaded, 500).await;
        drop(guard);
        let text = written.text();
        let lines = |word: &str| text.lines().filter(|line| line.contains(word)).count();
        assert_eq!(lines("OVERLOADED"), 1_100);
        assert_eq!(lines("left_out=9000"), 1);
        assert_eq!(lines("left_out"), 1);
        assert_eq!(lines("CALLER_FORBIDDEN"), 1);
        assert_eq!(lines("OUTCOME_UNKNOWN"), 1_500);
        assert!(metrics.text().contains("reason=\"OVERLOADED\"} 10500"));
    }

    /// Where a log may be written and read again.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
