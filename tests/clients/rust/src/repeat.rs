//! Retries, which tonic has none of by itself: the rules of `proto/service_config.json` for what the protos call safe.

use std::{
    error::Error as _,
    mem,
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full};
use openfinance_rpc::{Idempotency, METHODS};
use tokio::time::{Instant, sleep};
use tonic::{
    Code, Status, TimeoutExpired,
    body::Body,
    codegen::{BoxFuture, Bytes, Service, StdError, http},
    transport::{self, Channel},
};

/// The trailer by which the gateway says after how many milliseconds a call may be made again (gRFC A6).
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// How often a call is made at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tries {
    /// Once, whatever comes.
    One,
    /// Four times, if the method only reads or may be repeated, as long as the answer is UNAVAILABLE.
    Four,
}

// ANCHOR: retry
/// A channel that makes calls again where that is safe. A call's deadline (`Request::set_timeout`) holds for all tries.
#[derive(Clone, Debug)]
pub struct Repeating<S> {
    channel: S,
    tries: Tries,
}

impl<S> Repeating<S> {
    pub(crate) fn new(channel: S, tries: Tries) -> Self {
        Self { channel, tries }
    }
}

impl Service<http::Request<Body>> for Repeating<Channel> {
    type Response = http::Response<Body>;
    type Error = StdError;
    type Future = BoxFuture<Self::Response, StdError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        self.channel.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        // The one that is ready is the one to call.
        let other = self.channel.clone();
        let channel = mem::replace(&mut self.channel, other);
        let path = request.uri().path();
        let repeats = self.tries == Tries::Four
            && METHODS
                .iter()
                .any(|method| method.path == path && method.idempotency != Idempotency::Unknown);
        Box::pin(make(channel, request, if repeats { 4 } else { 1 }))
    }
}

async fn make(
    mut channel: Channel,
    request: http::Request<Body>,
    tries: u32,
) -> Result<http::Response<Body>, StdError> {
    let (mut head, body) = request.into_parts();
    let deadline = timeout(&head.headers).map(|timeout| Instant::now() + timeout);
    // The request of such a method is one message, which is kept for the next try.
    let body: Bytes = body.collect().await?.to_bytes();
    let mut wait = Duration::from_millis(100);
    let mut left = tries;
    loop {
        let body = Body::new(Full::new(body.clone()));
        let request = http::Request::from_parts(head.clone(), body);
        let answer = channel.call(request).await.map_err(status);
        let failed = match &answer {
            Ok(response) => Status::from_header_map(response.headers()).map(|found| found.code()),
            Err(status) => Some(status.code()),
        };
        left -= 1;
        if left == 0 || failed != Some(Code::Unavailable) {
            return Ok(answer?);
        }
        let asked = answer
            .as_ref()
            .ok()
            .and_then(|response| response.headers().get(PUSHBACK));
        let pause = match asked {
            None => wait.mul_f64(fastrand::f64()),
            // A negative number is a no.
            Some(value) => match value.to_str().unwrap_or_default().parse() {
                Ok(milliseconds) => Duration::from_millis(milliseconds),
                Err(_) => return Ok(answer?),
            },
        };
        wait = (wait * 2).min(Duration::from_secs(1));
        if let Some(deadline) = deadline {
            let rest = deadline.saturating_duration_since(Instant::now() + pause);
            if rest.is_zero() {
                return Ok(answer?);
            }
            let rest = format!("{}m", rest.as_millis().max(1)).parse()?;
            head.headers.insert("grpc-timeout", rest);
        }
        sleep(pause).await;
        std::future::poll_fn(|cx| channel.poll_ready(cx)).await?;
    }
}
// ANCHOR_END: retry

/// What a call without an answer ended with. tonic says CANCELLED where the deadline has passed, gRPC DEADLINE_EXCEEDED.
fn status(error: transport::Error) -> Status {
    let mut cause = error.source();
    while let Some(source) = cause {
        if source.is::<TimeoutExpired>() {
            return Status::deadline_exceeded("the deadline has passed");
        }
        cause = source.source();
    }
    Status::from_error(error.into())
}

/// The time that a call has, as tonic writes it down.
fn timeout(headers: &http::HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number = number.parse().ok()?;
    Some(match unit {
        "n" => Duration::from_nanos(number),
        "u" => Duration::from_micros(number),
        "m" => Duration::from_millis(number),
        "S" => Duration::from_secs(number),
        "M" => Duration::from_secs(number * 60),
        "H" => Duration::from_secs(number * 3600),
        _ => return None,
    })
}
