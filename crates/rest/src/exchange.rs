//! One request and its answer, whole and within its limits, or what it failed of.

use bytes::{Bytes, BytesMut};
use http::{
    HeaderValue, Uri,
    header::{HOST, USER_AGENT},
    uri::PathAndQuery,
};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use reqwest::{Body, Request};
use tokio::time::timeout;

use crate::{
    Answer, Call, Cause, CauseKind, Failure,
    call::{Attempt, Trace},
    connections::Connection,
    http_client::Server,
};

const AGENT: HeaderValue = HeaderValue::from_static(concat!(
    env!("CARGO_PKG_NAME"),
    "/",
    env!("CARGO_PKG_VERSION")
));

impl Attempt {
    /// Sends the request, once, and reads its answer.
    pub(crate) async fn exchange(&self, request: Request) -> Result<Answer, Failure> {
        let Self { call, http } = self;
        let request = http.server.finish(request)?;
        let connected = &call.trace.connected;
        match timeout(call.timeout, http.server.exchange(request, call)).await {
            Ok(answered) => answered,
            Err(over) if connected.get().is_none() => Err(Failure::NotSent {
                cause: Cause::of(CauseKind::Timeout, &over),
            }),
            Err(over) => Err(call.interrupted(CauseKind::Timeout, &over)),
        }
    }
}

impl Server {
    /// Makes what goes out of what the generated method has made.
    fn finish(&self, mut request: Request) -> Result<http::Request<Body>, Failure> {
        const ELSEWHERE: Failure = Failure::Unsendable("the HTTP client is one of another server");
        let target = self.behind(request.url().as_str()).ok_or(ELSEWHERE)?;
        let target = PathAndQuery::try_from(target)
            .map_err(|_| Failure::Unsendable("the base URL or an argument makes no request"))?;
        let body = request.body_mut().take().unwrap_or_default();
        let mut finished = http::Request::new(body);
        *finished.method_mut() = request.method().clone();
        *finished.uri_mut() = Uri::from(target);
        *finished.headers_mut() = std::mem::take(request.headers_mut());
        finished.headers_mut().insert(HOST, self.host.clone());
        finished.headers_mut().insert(USER_AGENT, AGENT);
        Ok(finished)
    }

    /// As [`Attempt::exchange`], for as long as it takes.
    async fn exchange(
        &self,
        mut request: http::Request<Body>,
        call: &Call,
    ) -> Result<Answer, Failure> {
        loop {
            let kept = self.connections.take();
            let is_new = kept.is_none();
            let mut connection = match kept {
                Some(connection) => connection,
                // In a box: what connecting needs is large, and nearly no request comes here.
                None => Box::pin(self.connections.open()).await.map_err(|cause| {
                    let kind = CauseKind::of_connecting(&*cause);
                    let cause = Cause::of(kind, &*cause);
                    Failure::NotSent { cause }
                })?,
            };
            // Set once: `started` lets only one request through.
            let _ = call.trace.connected.set(());
            let mut error = match connection.send(request).await {
                Ok(head) => {
                    let answer = call.collect(head, &mut connection).await?;
                    self.connections.keep(connection);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            match error.take_message() {
                // It was closed while it was idle: not a byte of the request is on its way.
                Some(unsent) if !is_new => request = unsent,
                Some(_) => {
                    let cause = Cause::of(CauseKind::Connection, error.error());
                    return Err(Failure::NotSent { cause });
                }
                None => return Err(call.interrupted(CauseKind::Connection, error.error())),
            }
        }
    }
}

impl Call {
    /// Reads the whole body, within the limit.
    async fn collect(
        &self,
        head: http::Response<Incoming>,
        connection: &mut Connection,
    ) -> Result<Answer, Failure> {
        let (head, mut incoming) = head.into_parts();
        let Trace { status, .. } = &*self.trace;
        // Set once, as `connected` is.
        let _ = status.set(head.status);
        let limit = self.body_limit;
        let too_large = Failure::TooLarge {
            status: head.status,
            limit,
        };
        let announced = incoming.size_hint().exact().unwrap_or_default();
        if announced > limit as u64 {
            return Err(too_large);
        }
        let mut body = Pieces::None;
        while let Some(frame) = connection.bring(incoming.frame()).await {
            let frame = frame.map_err(|error| self.interrupted(CauseKind::Body, &error))?;
            // Trailers say nothing that anybody asked for.
            let Ok(piece) = frame.into_data() else {
                continue;
            };
            if body.len() + piece.len() > limit {
                return Err(too_large);
            }
            body.add(piece, announced as usize);
        }
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.whole(),
        })
    }

    fn interrupted(&self, kind: CauseKind, error: &(dyn std::error::Error + 'static)) -> Failure {
        Failure::Interrupted {
            status: self.trace.status.get().copied(),
            cause: Cause::of(kind, error),
        }
    }
}

/// A body as it comes. Most come in one piece, which is not copied.
enum Pieces {
    None,
    One(Bytes),
    Many(BytesMut),
}

impl Pieces {
    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(piece) => piece.len(),
            Self::Many(pieces) => pieces.len(),
        }
    }

    /// Adds a piece of a body that was said to have `announced` bytes, which are within the limit.
    fn add(&mut self, piece: Bytes, announced: usize) {
        *self = match std::mem::replace(self, Self::None) {
            Self::None => Self::One(piece),
            Self::One(first) => {
                let mut pieces = BytesMut::with_capacity(announced.max(first.len() + piece.len()));
                pieces.extend_from_slice(&first);
                pieces.extend_from_slice(&piece);
                Self::Many(pieces)
            }
            Self::Many(mut pieces) => {
                pieces.extend_from_slice(&piece);
                Self::Many(pieces)
            }
        };
    }

    fn whole(self) -> Bytes {
        match self {
            Self::None => Bytes::new(),
            Self::One(piece) => piece,
            Self::Many(pieces) => pieces.freeze(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_whole_in_however_many_pieces_it_comes() {
        for pieces in [&[][..], &["one"], &["one", "two"], &["one", "two", "three"]] {
            for announced in [0, 11] {
                let mut body = Pieces::None;
                let mut len = 0;
                for piece in pieces {
                    body.add(Bytes::from_static(piece.as_bytes()), announced);
                    len += piece.len();
                    assert_eq!(body.len(), len);
                }
                assert_eq!(body.whole(), pieces.concat());
            }
        }
    }
}
