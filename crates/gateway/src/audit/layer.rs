//! The layer that tells of writes and of reads of records.
//!
//! It looks at the bytes that come in and go out, so that no handler has a part in it and none can forget its part.

use std::{
    convert::Infallible,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::future::{BoxFuture, Either};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use openfinance::Deadline;
use openfinance_rpc::code_name;
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt as _;
use tower::{Layer, Service};
use tracing::Instrument as _;

use super::{
    Audit, Open, Trail,
    ids::{Ids, Method},
    queue::Announced,
    record::{End, Event, Record},
};
use crate::{
    auth::Caller,
    complete::trailers,
    failure::{Failure, OURS, failed},
    method::Called,
    ready::take_ready,
    reason::Reason,
    seen::REDACTED,
};

/// What stands before a message: whether it is compressed, and its length in four bytes.
const PREFIX: usize = 5;

/// How long a caller is asked to wait where lines can't be written.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells of the writes of a service and of its reads of records. Without a file it does nothing.
#[derive(Clone)]
pub(crate) struct AuditLayer(Option<Audit>);

impl AuditLayer {
    pub(crate) fn new(audit: Option<Audit>) -> Self {
        Self(audit)
    }
}

impl<S> Layer<S> for AuditLayer {
    type Service = Audited<S>;

    fn layer(&self, inner: S) -> Audited<S> {
        Audited {
            inner,
            audit: self.0.clone(),
        }
    }
}

/// A service whose writes and reads are told of.
#[derive(Clone)]
pub(crate) struct Audited<S> {
    inner: S,
    audit: Option<Audit>,
}

impl<S> Service<Request<Body>> for Audited<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Trail::enter(request.extensions());
        let path = request.uri().path();
        let called = Called::at(path);
        let told = Method::at(path).filter(|method| !called.reads_only() || method.names_records);
        let (Some(audit), Some(method)) = (&self.audit, told) else {
            return Either::Left(self.inner.call(request));
        };
        let inner = take_ready(&mut self.inner);
        let call = Call {
            audit: audit.clone(),
            called,
            method,
        };
        Either::Right(Box::pin(async move { Ok(call.run(inner, request).await) }))
    }
}

/// One call that is told of.
#[derive(Clone)]
struct Call {
    audit: Audit,
    called: Called,
    method: Method,
}

impl Call {
    async fn run<S>(self, mut inner: S, request: Request<Body>) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Send + 'static,
        S::Future: Send,
    {
        if !self.audit.is_usable() {
            return unavailable().into_http();
        }
        let announced = self.audit.0.queue.announce();
        let (parts, body) = request.into_parts();
        let (message, body) = first_message(body).await;
        let mut ids = Ids::default();
        self.method.request(&self.audit.0.chain, &message, &mut ids);
        let caller = Caller::of(&parts.extensions);
        let record = Record {
            caller: Some(caller.principal().to_owned()),
            auth: Some(caller.way()),
            rpc: Some(self.called.name),
            ids,
            ..Record::new(Event::Read)
        };
        let request = Request::from_parts(parts, body);
        if !self.called.reads_only() {
            return self.write(inner, request, record, announced).await;
        }
        if self.called.is_unary() {
            let Ok(response) = inner.call(request).await;
            self.read(response, record, announced).await
        } else {
            // It may take long until its first message.
            drop(announced);
            let Ok(response) = inner.call(request).await;
            self.stream(response, record).await
        }
    }

    /// A write: its intent is on disk before anything is done. It runs in a task of its own, since how it ends is told
    /// also where its caller does not wait for that.
    async fn write<S>(
        self,
        mut inner: S,
        mut request: Request<Body>,
        record: Record,
        announced: Announced,
    ) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Send + 'static,
        S::Future: Send,
    {
        let deadline = request.extensions().get::<Deadline>();
        let deadline = deadline.cloned().unwrap_or_default();
        request.extensions_mut().insert(deadline.to_the_end());
        let caller = Waiting(deadline.clone());
        let intent = Record {
            event: Event::Intent,
            call: Some(self.audit.call()),
            ..record
        };
        // From here on there is an outcome, whatever happens.
        let mut open = OpenWrite {
            open: self.audit.begin(),
            outcome: Some(Record {
                event: Event::Outcome,
                ..intent.clone()
            }),
            deadline,
        };
        let write = async move {
            if announced.write(intent).await.is_err() {
                // Nothing was done, and the intent is not in the file.
                open.outcome.take();
                return unavailable().into_http();
            }
            let Ok(response) = inner.call(request).await;
            let answer = Answer::whole(response).await;
            open.conclude(self.method, &answer).await;
            answer.into_response()
        };
        let written = tokio::spawn(write.in_current_span()).await;
        drop(caller);
        match written {
            Ok(response) => response,
            Err(error) => match error.try_into_panic() {
                // A panic goes on as if the call had run here.
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is ending, and this task with it.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// A read: what was read is on disk before the answer leaves.
    async fn read(
        &self,
        response: Response<Body>,
        mut record: Record,
        announced: Announced,
    ) -> Response<Body> {
        let answer = Answer::whole(response).await;
        let end = answer.end();
        let is_ok = end.code == code_name(Code::Ok);
        if answer.status_headers().is_some_and(is_our_refusal) {
            record.event = Event::Refusal;
        }
        record.end = Some(end);
        self.method.response(&answer.message(), &mut record.ids);
        match announced.write(record).await {
            Err(_) if is_ok => unavailable().into_http(),
            Ok(()) => answer.into_response(),
            // An error has nothing of a record in it.
            Err(_) => {
                self.audit.0.queue.pass_over();
                answer.into_response()
            }
        }
    }

    /// A stream of reads: a line for each message, and one for how it ends if that is not well.
    async fn stream(self, response: Response<Body>, record: Record) -> Response<Body> {
        let (parts, body) = response.into_parts();
        let redacted = parts.headers.contains_key(REDACTED);
        if parts.headers.contains_key(Status::GRPC_STATUS) {
            let mut record = record;
            if is_our_refusal(&parts.headers) {
                record.event = Event::Refusal;
            }
            record.end = Some(end_of(&parts.headers));
            self.audit.0.queue.mention(record).await;
            return Response::from_parts(parts, body);
        }
        let frames = async_stream::stream! {
            let mut body = body;
            // A frame need not hold whole messages.
            let mut held = BytesMut::new();
            while let Some(frame) = body.frame().await {
                let frame = match frame {
                    Ok(frame) => frame,
                    Err(status) => {
                        yield Err(status);
                        return;
                    }
                };
                let frame = match frame.into_data() {
                    Ok(data) => {
                        held.extend_from_slice(&data);
                        let mut part = record.clone();
                        while let Some(message) = take_message(&mut held) {
                            self.method.response(&message, &mut part.ids);
                        }
                        part.end = Some(End { code: code_name(Code::Ok), redacted, ..End::default() });
                        if self.audit.0.queue.write(part).await.is_err() {
                            yield Ok(trailers(&unavailable()));
                            return;
                        }
                        Frame::data(data)
                    }
                    Err(frame) => frame,
                };
                if let Some(trailers) = frame.trailers_ref() {
                    let end = end_of(trailers);
                    if end.code != code_name(Code::Ok) {
                        let mut last = record.clone();
                        last.end = Some(end);
                        self.audit.0.queue.mention(last).await;
                    }
                }
                yield Ok::<_, Status>(frame);
            }
        };
        Response::from_parts(parts, Body::new(StreamBody::new(Box::pin(frames))))
    }
}

/// The caller of a write; when this is dropped, it has gone, its time is over, or it has its answer.
struct Waiting(Deadline);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// A write of which there is an intent, and will be an outcome.
struct OpenWrite {
    open: Open,
    outcome: Option<Record>,
    deadline: Deadline,
}

impl OpenWrite {
    /// Tells how the write has ended.
    async fn conclude(mut self, method: Method, answer: &Answer) {
        let Some(mut outcome) = self.outcome.take() else {
            return;
        };
        let Audit(inner) = &self.open.0;
        outcome.end = Some(End {
            unheard: self.deadline.is_left(),
            ..answer.end()
        });
        for (field, id) in answer.half_done() {
            outcome.ids.add(field, &id);
        }
        method.response(&answer.message(), &mut outcome.ids);
        inner.queue.conclude(outcome).await;
    }
}

impl Drop for OpenWrite {
    /// It has not ended as it should: it panicked, or the process ends.
    fn drop(&mut self) {
        if let Some(mut outcome) = self.outcome.take() {
            let word = if self.deadline.is_sent() {
                "UNKNOWN"
            } else {
                "NOT_SENT"
            };
            outcome.end = Some(End {
                code: code_name(Code::Internal),
                outcome: Some(word.to_owned()),
                unheard: self.deadline.is_left(),
                ..End::default()
            });
            self.open.0.0.queue.conclude_later(outcome);
        }
    }
}

fn unavailable() -> Status {
    let message = "the audit file can't be written, and nothing is done unaudited";
    Failure::new(Reason::AuditUnavailable, message)
        .retry_after(PAUSE)
        .into()
}

/// Whether the status in these headers or trailers says that we refused the request for what it says, or for who says it.
fn is_our_refusal(headers: &HeaderMap) -> bool {
    failed(headers).is_some_and(|status| {
        matches!(
            status.code(),
            Code::InvalidArgument | Code::PermissionDenied
        ) && status
            .get_details_error_info()
            .is_some_and(|info| info.domain == OURS)
    })
}

/// What the status in these headers or trailers says.
pub(super) fn end_of(headers: &HeaderMap) -> End {
    let redacted = headers.contains_key(REDACTED);
    let Some(status) = failed(headers) else {
        return End {
            code: code_name(Code::Ok),
            redacted,
            ..End::default()
        };
    };
    let mut info = status.get_details_error_info();
    let mut metadata = |key: &str| info.as_mut().and_then(|info| info.metadata.remove(key));
    let (operation, vendor_code, http_status, outcome) = (
        metadata("operation"),
        metadata("vendor_code"),
        metadata("http_status"),
        metadata("outcome"),
    );
    End {
        code: code_name(status.code()),
        reason: info
            .and_then(|info| Reason::of(&info.reason))
            .map(Reason::as_str),
        operation,
        vendor_code,
        http_status,
        outcome,
        redacted,
        unheard: false,
    }
}

/// The answer of a call that answers once.
struct Answer {
    parts: http::response::Parts,
    frames: Vec<Frame<Bytes>>,
    failed: Option<Status>,
}

impl Answer {
    async fn whole(response: Response<Body>) -> Self {
        let (parts, mut body) = response.into_parts();
        let (mut frames, mut failed) = (Vec::new(), None);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => frames.push(frame),
                Err(status) => {
                    failed = Some(status);
                    break;
                }
            }
        }
        Self {
            parts,
            frames,
            failed,
        }
    }

    /// The headers or trailers with the status.
    fn status_headers(&self) -> Option<&HeaderMap> {
        let trailers = self.frames.iter().filter_map(Frame::trailers_ref);
        std::iter::once(&self.parts.headers)
            .chain(trailers)
            .find(|headers| headers.contains_key(Status::GRPC_STATUS))
    }

    fn end(&self) -> End {
        let mut end = match self.status_headers() {
            Some(headers) => end_of(headers),
            None => End {
                code: code_name(Code::Internal),
                ..End::default()
            },
        };
        end.redacted |= self.parts.headers.contains_key(REDACTED);
        end
    }

    /// The records that are there although the call failed.
    fn half_done(&self) -> Vec<(&'static str, String)> {
        let status = self.status_headers().and_then(failed);
        let info = status.and_then(|status| status.get_details_error_info());
        let mut metadata = info.map(|info| info.metadata).unwrap_or_default();
        ["customer_id", "consumer_id"]
            .into_iter()
            .filter_map(|key| Some((key, metadata.remove(key)?)))
            .collect()
    }

    fn message(&self) -> Bytes {
        let mut data = self.frames.iter().filter_map(Frame::data_ref);
        match (data.next(), data.next()) {
            // As a rule.
            (Some(all), None) => message_in(all),
            (Some(first), Some(second)) => {
                let mut all = BytesMut::from(&first[..]);
                for part in std::iter::once(second).chain(data) {
                    all.extend_from_slice(part);
                }
                message_in(&all.freeze())
            }
            (None, _) => Bytes::new(),
        }
    }

    fn into_response(self) -> Response<Body> {
        let Self {
            parts,
            frames,
            failed,
        } = self;
        if frames.is_empty() && failed.is_none() {
            return Response::from_parts(parts, Body::empty());
        }
        let frames = frames.into_iter().map(Ok).chain(failed.map(Err));
        let body = StreamBody::new(futures_util::stream::iter(frames));
        Response::from_parts(parts, Body::new(body))
    }
}

/// How long the first message of these bytes is; `None` if it is not whole.
fn whole(held: &[u8]) -> Option<usize> {
    let ([_, length @ ..], rest) = held.split_first_chunk::<PREFIX>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    (rest.len() >= length).then_some(length)
}

/// The first message of these bytes, which are not copied; empty if it is not whole.
fn message_in(bytes: &Bytes) -> Bytes {
    whole(bytes).map_or_else(Bytes::new, |length| bytes.slice(PREFIX..PREFIX + length))
}

/// Takes the first message out of these bytes; `None` if it is not whole.
fn take_message(held: &mut BytesMut) -> Option<Bytes> {
    let length = whole(held)?;
    held.advance(PREFIX);
    Some(held.split_to(length).freeze())
}

/// The message of a request, and the body as if nobody had looked. All of it has come by now: nothing waits here.
async fn first_message(body: Body) -> (Bytes, Body) {
    let Ok(whole) = body.collect().await else {
        // Its caller has gone, and what is below finds no message.
        return (Bytes::new(), Body::empty());
    };
    let whole = whole.to_bytes();
    (message_in(&whole), Body::new(Full::new(whole)))
}

#[cfg(test)]
mod tests;
