//! The layer that ends calls: at the caller's deadline, at ours, or when the gateway stops.
//!
//! The header `grpc-timeout` is read here and kept from what is below: tonic would end the call by itself, and say
//! CANCELLED. A stream has no deadline of ours, only the caller's own; the questions of reflection have to arrive within
//! the longest.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, sleep_until};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use crate::{
    arriving::Arriving,
    complete::trailers,
    config::Deadlines,
    drain::{Drain, InFlight},
    failure::Failure,
    method::Called,
    reason::Reason,
};

/// Ends the calls of a service in time.
#[derive(Clone, Debug)]
pub(crate) struct DeadlineLayer {
    deadlines: Deadlines,
    drain: Drain,
}

impl DeadlineLayer {
    pub(crate) fn new(deadlines: Deadlines, drain: Drain) -> Self {
        Self { deadlines, drain }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline {
            inner,
            limits: self.clone(),
        }
    }
}

/// A service whose calls end in time.
#[derive(Clone, Debug)]
pub(crate) struct Deadline<S> {
    inner: S,
    limits: DeadlineLayer,
}

impl<S> Service<Request<Body>> for Deadline<S>
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

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let called = Called::at(request.uri().path());
        let asked = match take_timeout(request.headers_mut()) {
            Ok(asked) => asked,
            Err(Malformed) => {
                let message =
                    "grpc-timeout must be 1 to 8 digits and one of H, M, S, m, u and n, once";
                let status = Status::from(Failure::new(Reason::InvalidDeadline, message));
                return Box::pin(async move { Ok(status.into_http()) });
            }
        };
        let Deadlines { default, max } = self.limits.deadlines;
        let timeout = match asked {
            asked if called.is_unary() => Some(asked.unwrap_or(default).min(max)),
            asked => asked,
        };
        if called.method.is_none() {
            request = request.map(|body| Body::new(Arriving::within(max, body)));
        }
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Box::pin(async move { Ok(exceeded(called, false).into_http()) });
        }
        // A time that no clock reaches is no deadline.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let shared = deadline.map_or_else(openfinance::Deadline::none, openfinance::Deadline::at);
        request.extensions_mut().insert(shared.clone());
        let mut in_flight = self.limits.drain.enter(called);
        let answer = self.inner.call(request);
        Box::pin(async move {
            // Whatever is there in time counts, so the answer is looked for first.
            let response = tokio::select! {
                biased;
                Ok(response) = answer => response,
                () = passed(deadline) => return Ok(exceeded(called, shared.is_sent()).into_http()),
                status = in_flight.cut() => return Ok(status.into_http()),
            };
            Ok(
                if called.is_unary() || response.headers().contains_key(Status::GRPC_STATUS) {
                    response
                } else {
                    let end = Box::pin(end(called, deadline, in_flight));
                    response.map(|body| {
                        Body::new(EndingBody {
                            inner: Some(body),
                            end,
                        })
                    })
                },
            )
        })
    }
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Waits until a stream has to end, and says with what.
async fn end(called: Called, deadline: Option<Instant>, mut in_flight: InFlight) -> Status {
    tokio::select! {
        () = passed(deadline) => exceeded(called, false),
        status = in_flight.cut() => status,
    }
}

/// The status of a call whose time is over, and of which a write has been `sent` or not.
fn exceeded(called: Called, sent: bool) -> Status {
    let failure = match called.reads_only() {
        true => Failure::new(Reason::DeadlineExceeded, "the deadline passed"),
        false => Failure::deadline_exceeded(sent),
    };
    failure.into()
}

/// A stream that ends in time.
struct EndingBody<E> {
    /// `None` once the stream was ended.
    inner: Option<Body>,
    end: Pin<Box<E>>,
}

impl<E: Future<Output = Status>> HttpBody for EndingBody<E> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        let status = ready!(self.end.as_mut().poll(cx));
        self.inner = None;
        Poll::Ready(Some(Ok(trailers(&status))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// The header `grpc-timeout` is not as the protocol says.
#[derive(Debug, PartialEq, Eq)]
struct Malformed;

/// Takes the header `grpc-timeout` out of a request.
fn take_timeout(headers: &mut HeaderMap) -> Result<Option<Duration>, Malformed> {
    let mut values = headers.get_all(TIMEOUT).iter();
    let timeout = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => parse(value.as_bytes()).ok_or(Malformed)?,
        (Some(_), Some(_)) => return Err(Malformed),
    };
    headers.remove(TIMEOUT);
    Ok(Some(timeout))
}

const TIMEOUT: &str = "grpc-timeout";

/// Reads 1 to 8 digits and a unit.
fn parse(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits
        .iter()
        .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    match unit {
        b'H' => Some(Duration::from_secs(number * 3_600)),
        b'M' => Some(Duration::from_secs(number * 60)),
        b'S' => Some(Duration::from_secs(number)),
        b'm' => Some(Duration::from_millis(number)),
        b'u' => Some(Duration::from_micros(number)),
        b'n' => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use http_body_util::{BodyExt as _, StreamBody};
    use tonic_types::StatusExt as _;
    use tower::service_fn;

    use super::*;
    use crate::drain::Phase;

    const UNARY: &str = "/openfinance.v1.CustomerService/GetCustomer";
    const STREAM: &str = "/openfinance.v1.CustomerService/StreamCustomers";

    #[test]
    fn a_timeout_is_up_to_eight_digits_and_a_unit() {
        for (text, nanos) in [
            ("1H", 3_600_000_000_000),
            ("2M", 120_000_000_000),
            ("3S", 3_000_000_000),
            ("100m", 100_000_000),
            ("7u", 7_000),
            ("00000008n", 8),
            ("0S", 0),
        ] {
            assert_eq!(
                parse(text.as_bytes()),
                Some(Duration::from_nanos(nanos)),
                "{text}"
            );
        }
        assert!(parse(b"99999999H").is_some());
        for text in [
            "",
            "S",
            "1",
            "1s",
            "-1S",
            "+1S",
            "1.5S",
            "123456789S",
            " 1S",
            "1S ",
            "1 S",
            "oneS",
            "1SS",
            "１S",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_timeout_given_twice_is_malformed_and_one_is_taken_out() {
        let mut headers = HeaderMap::new();
        assert_eq!(take_timeout(&mut headers), Ok(None));
        headers.append(TIMEOUT, "1S".parse().unwrap());
        assert_eq!(
            take_timeout(&mut headers.clone()),
            Ok(Some(Duration::from_secs(1)))
        );
        headers.append(TIMEOUT, "1S".parse().unwrap());
        assert_eq!(take_timeout(&mut headers), Err(Malformed));
    }

    fn request(path: &str, timeout: &str) -> Request<Body> {
        let mut request = Request::builder().uri(path);
        if !timeout.is_empty() {
            request = request.header(TIMEOUT, timeout);
        }
        request.body(Body::empty()).unwrap()
    }

    fn layer() -> DeadlineLayer {
        DeadlineLayer::new(Deadlines::default(), Drain::new())
    }

    /// How long a call takes that would never end, and the status that it ends with.
    async fn ended(path: &str, timeout: &str) -> (Duration, Status) {
        let never = service_fn(|request: Request<Body>| {
            assert!(!request.headers().contains_key(TIMEOUT));
            std::future::pending::<Result<Response<Body>, Infallible>>()
        });
        let started = Instant::now();
        let response = layer()
            .layer(never)
            .call(request(path, timeout))
            .await
            .unwrap();
        (
            started.elapsed(),
            Status::from_header_map(response.headers()).unwrap(),
        )
    }

    fn reason(status: &Status) -> String {
        status
            .get_error_details()
            .error_info()
            .unwrap()
            .reason
            .clone()
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_ends_at_its_deadline_or_at_ours() {
        for (timeout, seconds) in [("", 20), ("5S", 5), ("50M", 60), ("0n", 0)] {
            let (took, status) = ended(UNARY, timeout).await;
            assert_eq!(
                (took.as_secs(), status.code()),
                (seconds, tonic::Code::DeadlineExceeded),
                "{timeout}"
            );
            assert_eq!(reason(&status), "DEADLINE_EXCEEDED");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_malformed_deadline_is_refused_at_once() {
        let (took, status) = ended(UNARY, "soon").await;
        assert_eq!(
            (took, status.code()),
            (Duration::ZERO, tonic::Code::InvalidArgument)
        );
        assert_eq!(reason(&status), "INVALID_DEADLINE");
    }

    /// The answer of a stream of one frame each second.
    fn ticking() -> Response<Body> {
        let ticks = futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((
                Ok::<_, Status>(Frame::data(Bytes::from_static(b"tick"))),
                (),
            ))
        });
        Response::new(Body::new(StreamBody::new(ticks.boxed())))
    }

    async fn stream(layer: &DeadlineLayer, timeout: &str) -> Body {
        let inner = service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(ticking()) });
        layer
            .layer(inner)
            .call(request(STREAM, timeout))
            .await
            .unwrap()
            .into_body()
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_at_the_callers_deadline_only() {
        let collected = stream(&layer(), "3500m").await.collect().await.unwrap();
        let status = Status::from_header_map(collected.trailers().unwrap()).unwrap();
        assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
        assert_eq!(collected.to_bytes(), "tick".repeat(3).as_bytes());

        let mut endless = stream(&layer(), "").await;
        for _ in 0..200 {
            assert!(endless.frame().await.unwrap().unwrap().is_data());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_cut_says_that_the_gateway_stops() {
        let layer = layer();
        let mut body = stream(&layer, "").await;
        body.frame().await.unwrap().unwrap();
        layer.drain.cut(Phase::Cut);
        let trailers = body
            .frame()
            .await
            .unwrap()
            .unwrap()
            .into_trailers()
            .unwrap();
        assert_eq!(
            reason(&Status::from_header_map(&trailers).unwrap()),
            "DRAINING"
        );
        assert!(body.frame().await.is_none());
        layer.drain.idle().await;
    }
}
