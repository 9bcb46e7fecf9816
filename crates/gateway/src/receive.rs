//! The layer that waits for the message of a call, so that nothing below it ever does.
//!
//! Headers alone cost a caller nothing. Were a place at the vendor given for them, a few connections that send no more
//! would keep all others out. So a call is taken on once it is whole, it has a short time for that, and what waits for
//! more has little room.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Either},
};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use crate::{
    auth::Caller, config::Port, failure::Failure, method::Called, overload, ready::take_ready,
    reason::Reason,
};

/// What stands before a message: whether it is compressed, and its length in four bytes.
const PREFIX: usize = 5;

/// What a call that waits for its message costs beside what has come of it, in bytes: about what it takes in memory.
const COST: usize = 4 * 1024;

/// How much may wait to become whole, in bytes: of all callers, and of one of them. Who sends a message with its headers,
/// as clients do, needs nothing of it.
const ROOM: usize = 32 * 1024 * 1024;
const ROOM_OF_ONE: usize = ROOM / 4;

/// Gives a service requests that have come whole.
#[derive(Clone)]
pub(crate) struct ReceiveLayer {
    /// The longest message, in bytes.
    longest: usize,
    /// How long a message may take to come after the headers.
    time: Duration,
    room: Room,
}

impl ReceiveLayer {
    pub(crate) fn new(port: &Port) -> Self {
        Self {
            longest: usize::try_from(port.request_bytes).unwrap_or(usize::MAX),
            time: port.message_timeout,
            room: Room::default(),
        }
    }

    /// Waits until the body has ended.
    ///
    /// # Errors
    /// MESSAGE_TOO_LARGE, DEADLINE_EXCEEDED if it does not come in time, and OVERLOADED if too much waits for more.
    async fn receive(&self, called: Called, caller: &Caller, body: Body) -> Result<Bytes, Status> {
        match tokio::time::timeout(self.time, self.whole(caller, body)).await {
            Ok(received) => received,
            Err(_) => Err(late(called)),
        }
    }

    async fn whole(&self, caller: &Caller, mut body: Body) -> Result<Bytes, Status> {
        let mut held = BytesMut::new();
        let mut share = None;
        loop {
            let frame = match body.frame().now_or_never() {
                Some(frame) => frame,
                None => {
                    let share = share.get_or_insert_with(|| self.room.share(caller));
                    if !share.grow(COST + held.len()) {
                        return Err(overload::refusal());
                    }
                    body.frame().await
                }
            };
            // Trailers of a request mean nothing, and nobody has checked them.
            let Some(Ok(data)) = frame.transpose()?.map(http_body::Frame::into_data) else {
                return Ok(held.freeze());
            };
            held.extend_from_slice(&data);
            if held.len() > PREFIX + self.longest || announced(&held) > self.longest {
                return Err(self.too_large());
            }
        }
    }

    fn too_large(&self) -> Status {
        let message = format!(
            "the message is too large: requests have {} bytes",
            self.longest
        );
        Failure::new(Reason::MessageTooLarge, message).into()
    }
}

/// How long the message says that it is.
fn announced(held: &[u8]) -> usize {
    let length = held.first_chunk::<PREFIX>();
    length.map_or(0, |[_, length @ ..]| {
        usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX)
    })
}

fn late(called: Called) -> Status {
    let failure = match called.reads_only() {
        true => Failure::new(Reason::DeadlineExceeded, "the time of the call is over"),
        false => Failure::deadline_exceeded(false),
    };
    failure
        .advised("its message did not come within limits.message_timeout")
        .into()
}

/// What waits to become whole. Clones are the same.
#[derive(Clone, Default)]
struct Room(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    all: usize,
    /// Of each caller, for as long as it has any.
    of: HashMap<Arc<str>, usize>,
}

impl Room {
    /// A share for one call, of nothing as yet.
    fn share(&self, caller: &Caller) -> Share {
        Share {
            room: self.clone(),
            caller: caller.shared_scope(),
            bytes: 0,
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one call has of the room. Dropped, it is free again.
struct Share {
    room: Room,
    caller: Arc<str>,
    bytes: usize,
}

impl Share {
    /// Makes it as large as this, if there is room.
    fn grow(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let mut taken = self.room.taken();
        let of_caller = taken.of.get(&self.caller).copied().unwrap_or_default();
        let fits = taken.all + more <= ROOM && of_caller + more <= ROOM_OF_ONE;
        if fits && more > 0 {
            taken.all += more;
            taken.of.insert(Arc::clone(&self.caller), of_caller + more);
            self.bytes += more;
        }
        fits
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.room.taken();
        taken.all -= self.bytes;
        if let Some(of_caller) = taken.of.get_mut(&self.caller) {
            *of_caller -= self.bytes;
            if *of_caller == 0 {
                taken.of.remove(&self.caller);
            }
        }
    }
}

impl<S> Layer<S> for ReceiveLayer {
    type Service = Receive<S>;

    fn layer(&self, inner: S) -> Receive<S> {
        Receive {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service whose requests have come whole.
#[derive(Clone)]
pub(crate) struct Receive<S> {
    inner: S,
    layer: ReceiveLayer,
}

impl<S> Service<Request<Body>> for Receive<S>
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
        let called = Called::at(request.uri().path());
        // Reflection is a conversation, and what does not exist is refused unread.
        if called.method.is_none() && !called.is_health() {
            return Either::Left(self.inner.call(request));
        }
        let mut inner = take_ready(&mut self.inner);
        let layer = self.layer.clone();
        Either::Right(Box::pin(async move {
            let (parts, body) = request.into_parts();
            let caller = Caller::of(&parts.extensions);
            match layer.receive(called, &caller, body).await {
                Ok(whole) => {
                    let body = Body::new(Full::new(whole));
                    inner.call(Request::from_parts(parts, body)).await
                }
                Err(status) => Ok(status.into_http()),
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use http_body::Frame;
    use http_body_util::StreamBody;
    use tokio::time::Instant;
    use tonic_types::StatusExt as _;
    use tower::service_fn;

    use super::*;

    const READ: &str = "/openfinance.v1.CustomerService/GetCustomer";
    const WRITE: &str = "/openfinance.v1.CustomerService/DeleteCustomer";
    const HEALTH: &str = "/grpc.health.v1.Health/Check";
    const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

    fn layer() -> ReceiveLayer {
        ReceiveLayer::new(&Port::default())
    }

    /// A request whose body is these pieces, a second apart; it ends after them or not.
    fn request(path: &str, pieces: &[&'static [u8]], ends: bool) -> Request<Body> {
        let pieces: Vec<_> = pieces.to_vec();
        let frames = async_stream::stream! {
            for piece in pieces {
                tokio::time::sleep(Duration::from_secs(1)).await;
                yield Ok::<_, Status>(Frame::data(Bytes::from_static(piece)));
            }
            if !ends {
                std::future::pending::<()>().await;
            }
        };
        let mut request = Request::new(Body::new(StreamBody::new(frames.boxed())));
        *request.uri_mut() = path.parse().unwrap();
        request
    }

    /// The body that is served of this request, or the status without that, and the seconds that it took.
    async fn served(layer: &ReceiveLayer, request: Request<Body>) -> (Result<Bytes, Status>, u64) {
        let started = Instant::now();
        let inner = service_fn(|request: Request<Body>| async {
            let body = request.into_body().frame().now_or_never();
            let data = body.flatten().map(|frame| frame.unwrap().into_data());
            let data = data.map_or_else(Bytes::new, Result::unwrap);
            Ok(Response::new(Body::new(Full::new(data))))
        });
        let Ok(response) = layer.layer(inner).call(request).await;
        let served = match Status::from_header_map(response.headers()) {
            Some(status) => Err(status),
            None => Ok(response.into_body().collect().await.unwrap().to_bytes()),
        };
        (served, started.elapsed().as_secs())
    }

    fn reason(status: &Status) -> String {
        status.get_details_error_info().unwrap().reason
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_taken_on_when_its_message_has_come_whole() {
        for path in [READ, WRITE, HEALTH] {
            let request = request(path, &[b"\0\0\0", b"\0\x02a", b"b"], true);
            let (served, seconds) = served(&layer(), request).await;
            assert_eq!((&served.unwrap()[..], seconds), (&b"\0\0\0\0\x02ab"[..], 3));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_does_not_come_or_end_in_time_is_refused() {
        for path in [READ, WRITE, HEALTH] {
            for pieces in [&[][..], &[&b"\0\0\0\0\x02a"[..]], &[b"\0\0\0\0\x01a"]] {
                let (served, seconds) = served(&layer(), request(path, pieces, false)).await;
                let status = served.unwrap_err();
                assert_eq!(
                    (reason(&status).as_str(), seconds),
                    ("DEADLINE_EXCEEDED", 5),
                    "{path}"
                );
                let outcome = status.get_details_error_info().unwrap().metadata;
                let not_sent = outcome
                    .get("outcome")
                    .is_some_and(|word| word == "NOT_SENT");
                assert_eq!(not_sent, path == WRITE);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_is_too_large_is_refused_as_soon_as_that_is_known() {
        const FULL: &[u8] = &[0; 65_536 + PREFIX];
        for (pieces, ends) in [
            (&[&b"\0\0\x01\0\x01"[..]][..], false),
            (&[FULL, b"!"], false),
        ] {
            let (served, seconds) = served(&layer(), request(READ, pieces, ends)).await;
            assert_eq!(reason(&served.unwrap_err()), "MESSAGE_TOO_LARGE");
            assert!(seconds <= 2);
        }
        let (served, _) = served(&layer(), request(READ, &[FULL], true)).await;
        assert_eq!(served.unwrap().len(), FULL.len());
    }

    #[tokio::test(start_paused = true)]
    async fn reflection_and_unknown_methods_are_passed_on_as_they_are() {
        for path in [REFLECTION, "/none"] {
            let (served, seconds) = served(&layer(), request(path, &[], false)).await;
            assert_eq!((served.unwrap().len(), seconds), (0, 0), "{path}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_has_bounds_for_each_caller_and_for_all() {
        let layer = layer();
        let caller = |number: usize| Caller::named(&format!("caller-{number}"));
        let mut shares = Vec::new();
        for number in 0..4 {
            let caller = caller(number);
            let before = shares.len();
            while let mut share = layer.room.share(&caller)
                && share.grow(COST)
            {
                shares.push(share);
            }
            assert_eq!(shares.len() - before, ROOM_OF_ONE / COST);
        }
        let quiet = caller(5);
        assert!(!layer.room.share(&quiet).grow(COST));
        // What comes with its headers needs no room.
        let whole = Body::new(Full::new(Bytes::from_static(b"\0\0\0\0\0")));
        let read = Called::at(READ);
        assert!(layer.receive(read, &quiet, whole).await.is_ok());
        let waits = request(READ, &[], false).into_body();
        let refused = layer.receive(read, &quiet, waits).await.unwrap_err();
        assert_eq!(reason(&refused), "OVERLOADED");
        shares.clear();
        let taken = layer.room.taken();
        assert_eq!((taken.all, taken.of.len()), (0, 0));
    }
}
