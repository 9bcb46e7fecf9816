//! Calls: one at a time within their deadline, and again where that is safe.

use std::{sync::Arc, time::Duration};

use openfinance_rpc::Idempotency;
use prost::{Message as _, bytes::Buf as _};
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor};
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{
    Code, Request, Response, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder, Streaming},
    codegen::http::uri::PathAndQuery,
};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::{
    connect::Gateway,
    exit::{Call, unsent},
    schema,
};

/// How often a call is made at most, as the service config beside the protos says.
const ATTEMPTS: u32 = 4;
/// How long the first wait is at most; each one after that is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Whether the same call may be made again after it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It may: it reads, or changes no more than once.
    Safe,
    /// It may only where it surely never left.
    Unsent,
    /// It may not: one answer is what was asked for.
    Never,
}

/// What a call of the method does, and whether it may be made again: what only reads or says that it is idempotent, and
/// a creation under a request id.
pub(crate) fn nature(method: &MethodDescriptor, request: &DynamicMessage) -> (Call, Repeat) {
    match schema::idempotency(method) {
        Idempotency::NoSideEffects => (Call::Read, Repeat::Safe),
        Idempotency::Idempotent => (Call::Write, Repeat::Safe),
        Idempotency::Unknown if request.has_field_by_name("request_id") => {
            (Call::Write, Repeat::Safe)
        }
        Idempotency::Unknown => (Call::Write, Repeat::Unsent),
    }
}

/// How calls are repeated.
#[derive(Clone)]
pub(crate) struct Attempts {
    /// How long all attempts may take together.
    pub(crate) deadline: Duration,
    /// Whether there may be more than one.
    pub(crate) repeat: Repeat,
    /// What the waits are spread with.
    pub(crate) random: Arc<dyn Fn() -> Uuid + Send + Sync>,
}

impl Attempts {
    /// Makes attempts until one succeeds, one fails for good, or the next would begin too late. Each is told how long it
    /// may take. `told` hears of every failed one that is followed by another, and of the wait before that.
    ///
    /// # Errors
    ///
    /// What the last attempt failed with.
    pub(crate) async fn make<T>(
        &self,
        mut told: impl FnMut(&Status, Duration),
        mut attempt: impl AsyncFnMut(Duration) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let end = Instant::now() + self.deadline;
        let mut longest = FIRST_WAIT;
        let mut made = 1;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let status = match timeout_at(end, attempt(left)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(status)) => timely(status),
                Err(_) => late(),
            };
            if made == ATTEMPTS || !self.again(&status) {
                return Err(status);
            }
            let wait = self.wait(&status, longest);
            if Instant::now() + wait >= end {
                return Err(status);
            }
            told(&status, wait);
            sleep(wait).await;
            longest *= 2;
            made += 1;
        }
    }

    /// Whether another attempt may end otherwise, and does no harm.
    fn again(&self, status: &Status) -> bool {
        match self.repeat {
            Repeat::Never => return false,
            Repeat::Safe | Repeat::Unsent if unsent(status) => return true,
            Repeat::Unsent => return false,
            Repeat::Safe => {}
        }
        let details = status.get_error_details();
        let told = details.error_info().is_some();
        match status.code() {
            Code::Unavailable => true,
            Code::ResourceExhausted | Code::Aborted => details.retry_info().is_some(),
            // A connection that broke, and no word of the gateway's.
            Code::Unknown | Code::Cancelled => !told,
            Code::Ok
            | Code::InvalidArgument
            | Code::DeadlineExceeded
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Internal
            | Code::DataLoss
            | Code::Unauthenticated => false,
        }
    }

    /// The time that the gateway asks for, or else one between half of `longest` and all of it.
    fn wait(&self, status: &Status, longest: Duration) -> Duration {
        let asked = status.get_details_retry_info();
        if let Some(delay) = asked.and_then(|info| info.retry_delay) {
            return delay;
        }
        let spread = (self.random)().as_bytes()[0];
        longest / 2 + longest.mul_f64(f64::from(spread) / 510.0)
    }
}

/// The deadline passed while an attempt was under way.
fn late() -> Status {
    Status::deadline_exceeded("no answer came before the deadline")
}

/// The client's own clock ends a call with `CANCELLED`; who called did not cancel it.
fn timely(status: Status) -> Status {
    if status.code() == Code::Cancelled && status.message() == "Timeout expired" {
        late()
    } else {
        status
    }
}

/// Makes one call of a method whose answer is one message.
///
/// # Errors
///
/// What came instead of the answer.
pub(crate) async fn unary(
    gateway: &Gateway,
    method: &MethodDescriptor,
    message: DynamicMessage,
    left: Duration,
) -> Result<Response<DynamicMessage>, Status> {
    let mut grpc = ready(gateway).await?;
    let mut request = Request::new(message);
    request.set_timeout(left);
    grpc.unary(request, uri(method)?, Messages::of(method))
        .await
}

/// Opens the stream of a method whose answer is many messages. It has no deadline.
///
/// # Errors
///
/// What came instead of the stream.
pub(crate) async fn streaming(
    gateway: &Gateway,
    method: &MethodDescriptor,
    message: DynamicMessage,
) -> Result<Response<Streaming<DynamicMessage>>, Status> {
    let mut grpc = ready(gateway).await?;
    grpc.server_streaming(Request::new(message), uri(method)?, Messages::of(method))
        .await
}

async fn ready(gateway: &Gateway) -> Result<Grpc<crate::connect::Caller>, Status> {
    let mut grpc = Grpc::new(gateway.channel());
    grpc.ready()
        .await
        .map_err(|error| Status::from_error(error.into()))?;
    Ok(grpc)
}

fn uri(method: &MethodDescriptor) -> Result<PathAndQuery, Status> {
    PathAndQuery::try_from(schema::path(method))
        .map_err(|_| Status::internal("the method has no path"))
}

/// Messages that are known by their descriptor.
struct Messages {
    answer: MessageDescriptor,
}

impl Messages {
    fn of(method: &MethodDescriptor) -> Self {
        Self {
            answer: method.output(),
        }
    }
}

impl Codec for Messages {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Writer;
    type Decoder = Reader;

    fn encoder(&mut self) -> Writer {
        Writer
    }

    fn decoder(&mut self) -> Reader {
        Reader(self.answer.clone())
    }
}

struct Writer;

impl Encoder for Writer {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(
        &mut self,
        message: DynamicMessage,
        buffer: &mut EncodeBuf<'_>,
    ) -> Result<(), Status> {
        message
            .encode(buffer)
            .map_err(|_| Status::internal("the request does not fit"))
    }
}

struct Reader(MessageDescriptor);

impl Decoder for Reader {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        DynamicMessage::decode(self.0.clone(), bytes)
            .map(Some)
            .map_err(|_| Status::internal("the answer is not the message that it should be"))
    }
}
