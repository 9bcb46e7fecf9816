//! The layer that writes a line for each call that is refused before it reaches the layer for reads and writes: who
//! calls is not known or may not, or calls too often.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use http::{Extensions, HeaderMap, Request, Response};
use jiff::Timestamp;
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::{
    Audit,
    layer::end_of,
    record::{Event, Record},
};
use crate::{auth::Caller, method::Called};

/// How many refusals have a line of their own at once, and how many more each second: whoever may not call must not be
/// able to fill the disk. The others are counted.
const BURST: u32 = 2_000;
const PER_SECOND: u32 = 100;

/// What the layers between learn of a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    caller: OnceLock<Caller>,
    is_inside: AtomicBool,
}

impl Trail {
    /// Notes who calls, for the line of a refusal.
    pub(crate) fn identify(extensions: &Extensions, caller: &Caller) {
        if let Some(Self(known)) = extensions.get() {
            let _ = known.caller.set(caller.clone());
        }
    }

    /// Notes that the call has come as far as the layer for reads and writes, which tells of it.
    pub(super) fn enter(extensions: &Extensions) {
        if let Some(Self(known)) = extensions.get() {
            known.is_inside.store(true, Ordering::Relaxed);
        }
    }
}

/// Writes a line for each refusal by a layer below this one.
#[derive(Clone)]
pub(crate) struct RefusalLayer(Option<Arc<Gate>>);

struct Gate {
    audit: Audit,
    allowance: Mutex<Allowance>,
}

struct Allowance {
    left: u32,
    since: Timestamp,
}

impl RefusalLayer {
    pub(crate) fn new(audit: Option<Audit>) -> Self {
        Self(audit.map(|audit| {
            let since = audit.0.queue.now();
            Arc::new(Gate {
                audit,
                allowance: Mutex::new(Allowance { left: BURST, since }),
            })
        }))
    }
}

impl Gate {
    async fn tell(&self, called: Called, Trail(known): &Trail, headers: &HeaderMap) {
        if known.is_inside.load(Ordering::Relaxed) || !headers.contains_key(Status::GRPC_STATUS) {
            return;
        }
        let queue = &self.audit.0.queue;
        if !self.is_allowed() {
            queue.pass_over();
            return;
        }
        let caller = known.caller.get();
        let told = queue.mention(Record {
            caller: caller.map(|caller| caller.principal().to_owned()),
            auth: caller.map(Caller::way),
            rpc: Some(called.name),
            end: Some(end_of(headers)),
            ..Record::new(Event::Refusal)
        });
        told.await;
    }

    fn is_allowed(&self) -> bool {
        let now = self.audit.0.queue.now();
        let allowance = self.allowance.lock();
        let mut allowance = allowance.unwrap_or_else(PoisonError::into_inner);
        let seconds = now.duration_since(allowance.since).as_secs();
        if seconds != 0 {
            let more = u32::try_from(seconds).unwrap_or(1);
            let more = more.saturating_mul(PER_SECOND);
            allowance.left = allowance.left.saturating_add(more).min(BURST);
            allowance.since = now;
        }
        let left = allowance.left.checked_sub(1);
        allowance.left = left.unwrap_or(0);
        left.is_some()
    }
}

impl<S> Layer<S> for RefusalLayer {
    type Service = Refusals<S>;

    fn layer(&self, inner: S) -> Refusals<S> {
        Refusals {
            inner,
            gate: self.0.clone(),
        }
    }
}

/// A service whose refusals are told.
#[derive(Clone)]
pub(crate) struct Refusals<S> {
    inner: S,
    gate: Option<Arc<Gate>>,
}

impl<S> Service<Request<Body>> for Refusals<S>
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
        let Some(gate) = self.gate.clone() else {
            return Box::pin(self.inner.call(request));
        };
        let called = Called::at(request.uri().path());
        let trail = Trail::default();
        request.extensions_mut().insert(trail.clone());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let Ok(response) = answer.await;
            gate.tell(called, &trail, response.headers()).await;
            Ok(response)
        })
    }
}
