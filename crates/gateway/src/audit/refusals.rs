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

use futures_util::future::{BoxFuture, Either};
use http::{Extensions, HeaderMap, Request, Response};
use jiff::Timestamp;
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

use super::{
    Audit,
    layer::end_of,
    record::{Event, Record},
};
use crate::{auth::Caller, method::Called, server::peer::Peer};

/// How many refusals have a line of their own at once, and how many more each second: whoever may not call must not be
/// able to fill the disk, and whoever is not known must not be able to drown what is told of those who are. The others are
/// counted.
const STRANGERS: Rate = Rate {
    burst: 1_000,
    per_second: 10,
};
const CALLERS: Rate = Rate {
    burst: 2_000,
    per_second: 100,
};

#[derive(Clone, Copy)]
struct Rate {
    burst: u32,
    per_second: u32,
}

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
    strangers: Mutex<Allowance>,
    callers: Mutex<Allowance>,
}

/// How many lines there may be now.
struct Allowance {
    rate: Rate,
    left: u32,
    since: Timestamp,
}

impl Allowance {
    fn new(rate: Rate, since: Timestamp) -> Mutex<Self> {
        let left = rate.burst;
        Mutex::new(Self { rate, left, since })
    }

    /// Takes one, if there is one left.
    fn take(&mut self, now: Timestamp) -> bool {
        let Rate { burst, per_second } = self.rate;
        let seconds = now.duration_since(self.since).as_secs();
        if seconds != 0 {
            // A clock that was set back costs no more than one that runs.
            let more = u32::try_from(seconds)
                .unwrap_or(1)
                .saturating_mul(per_second);
            self.left = self.left.saturating_add(more).min(burst);
            self.since = now;
        }
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or(0);
        left.is_some()
    }
}

impl RefusalLayer {
    pub(crate) fn new(audit: Option<Audit>) -> Self {
        Self(audit.map(|audit| {
            let since = audit.0.queue.now();
            Arc::new(Gate {
                audit,
                strangers: Allowance::new(STRANGERS, since),
                callers: Allowance::new(CALLERS, since),
            })
        }))
    }
}

impl Gate {
    async fn tell(
        &self,
        called: Called,
        Trail(known): &Trail,
        peer: Option<&Peer>,
        headers: &HeaderMap,
    ) {
        if known.is_inside.load(Ordering::Relaxed) {
            return;
        }
        // Who takes a call back before it has come is not refused.
        let code = headers.get(Status::GRPC_STATUS);
        if code.is_none_or(|code| Code::from_bytes(code.as_bytes()) == Code::Cancelled) {
            return;
        }
        let queue = &self.audit.0.queue;
        let caller = known.caller.get();
        let allowance = match caller {
            Some(_) => &self.callers,
            None => &self.strangers,
        };
        let is_allowed = allowance
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(queue.now());
        if !is_allowed {
            queue.pass_over();
            return;
        }
        // A caller is known by its name; of a stranger the address is all there is.
        let peer = match caller {
            Some(_) => None,
            None => peer.map(|peer| peer.address.ip().to_canonical().to_string()),
        };
        let told = queue.mention(Record {
            caller: caller.map(|caller| caller.principal().to_owned()),
            auth: caller.map(Caller::way),
            peer,
            rpc: Some(called.name),
            end: Some(end_of(headers)),
            ..Record::new(Event::Refusal)
        });
        told.await;
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
    type Future = Either<S::Future, BoxFuture<'static, Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let Some(gate) = self.gate.clone() else {
            return Either::Left(self.inner.call(request));
        };
        let called = Called::at(request.uri().path());
        let trail = Trail::default();
        let peer = request.extensions().get::<Peer>().cloned();
        request.extensions_mut().insert(trail.clone());
        let answer = self.inner.call(request);
        Either::Right(Box::pin(async move {
            let Ok(response) = answer.await;
            gate.tell(called, &trail, peer.as_ref(), response.headers())
                .await;
            Ok(response)
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::SocketAddr,
        sync::atomic::{AtomicI64, Ordering::SeqCst},
        time::Duration,
    };

    use futures_util::future::join_all;
    use serde_json::Value;
    use tokio::time::Instant;
    use tower::service_fn;

    use super::*;
    use crate::{config::SharedKey, failure::Failure, reason::Reason};

    /// The seconds that have passed.
    static CLOCK: AtomicI64 = AtomicI64::new(0);

    fn now() -> Timestamp {
        Timestamp::from_second(1_772_323_200 + CLOCK.load(SeqCst)).unwrap()
    }

    /// Refuses everybody; who says its name is known.
    async fn refuse(request: Request<Body>) -> Result<Response<Body>, Infallible> {
        let reason = match request.headers().get("name") {
            Some(name) => {
                let caller = Caller::named(name.to_str().unwrap());
                Trail::identify(request.extensions(), &caller);
                Reason::CallerForbidden
            }
            None => Reason::CallerUnauthenticated,
        };
        Ok(Status::from(Failure::new(reason, "no")).into_http())
    }

    async fn calls(layer: &RefusalLayer, name: Option<&str>, count: usize) {
        let call = |_| {
            let mut request = Request::builder().uri("/openfinance.v1.CustomerService/GetCustomer");
            if let Some(name) = name {
                request = request.header("name", name);
            }
            let mut request = request.body(Body::empty()).unwrap();
            let address = SocketAddr::from(([192, 0, 2, 7], 50_000));
            request.extensions_mut().insert(Peer::new(address, []));
            layer.layer(service_fn(refuse)).call(request)
        };
        // So many at once that they all find room to wait.
        for _ in 0..count / 250 {
            join_all((0..250).map(call)).await;
        }
    }

    #[tokio::test]
    async fn a_flood_of_refusals_is_counted_and_leaves_room_for_all_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let key = SharedKey::new([7; 32]);
        let (audit, writing) = Audit::open(path.clone(), &key, now).unwrap();
        let layer = RefusalLayer::new(Some(audit.clone()));
        calls(&layer, None, 5_000).await;
        // Whoever is known is told of also then, and so is what is done.
        calls(&layer, Some("clerk"), 250).await;
        let read = Record::new(Event::Read);
        assert!(audit.0.queue.write(read).await.is_ok());
        CLOCK.store(10, SeqCst);
        calls(&layer, None, 500).await;
        let untold = audit.untold();
        let limit = Instant::now() + Duration::from_secs(60);
        audit.close(writing, limit).await;

        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let of = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
        let strangers = lines.iter().filter(|line| line["peer"] == "192.0.2.7");
        assert_eq!(strangers.count(), 1_000 + 10 * 10);
        let clerks: Vec<_> = lines
            .iter()
            .filter(|line| line["caller"] == "clerk")
            .collect();
        assert_eq!(clerks.len(), 250);
        assert!(clerks.iter().all(|line| line["peer"].is_null()));
        assert_eq!(of("read"), 1);
        // What has no line is counted, in a line for each second and one at the end at most.
        assert_eq!(untold, 4_000 + 400);
        let told: u64 = lines
            .iter()
            .filter_map(|line| line["untold"].as_u64())
            .sum();
        assert_eq!(told, untold);
        assert!(of("untold") <= 3, "{}", of("untold"));
        assert!(text.len() < 600_000, "{}", text.len());
    }
}
