//! The layer that holds callers to their rates, so that none of them uses up what is there for all.

use std::{
    convert::Infallible,
    sync::{Arc, PoisonError, RwLock},
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::{BoxFuture, Either};
use hkdf::Hkdf;
use http::{Request, Response};
use openfinance::{
    replica::Replica,
    store::{Key, Memory, Rate, Space, Store, Taken},
};
use sha2::Sha256;
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use crate::{
    auth::Caller,
    config::{Limits, SharedKey},
    failure::Failure,
    method::Called,
    ready::take_ready,
    reason::Reason,
};

/// Holds callers to their rates, over all replicas.
#[derive(Clone)]
pub(crate) struct LimitLayer(Arc<Limiter>);

struct Limiter {
    limits: RwLock<Limits>,
    store: Arc<dyn Store>,
    replica: Arc<Replica>,
    /// Names callers in the store: the name that one goes by is in no key.
    names: Hkdf<Sha256>,
    /// Takes the store's place while that does not answer: with a share of the rate, and never without a limit.
    alone: Memory,
}

impl LimitLayer {
    pub(crate) fn new(
        limits: Limits,
        key: &SharedKey,
        store: Arc<dyn Store>,
        replica: Arc<Replica>,
    ) -> Self {
        Self(Arc::new(Limiter {
            limits: RwLock::new(limits),
            store,
            replica,
            names: Hkdf::new(Some(b"rate limit"), key.bytes()),
            alone: Memory::new(),
        }))
    }
}

impl LimitLayer {
    /// Other limits from now on.
    pub(crate) fn set(&self, limits: Limits) {
        *self
            .0
            .limits
            .write()
            .unwrap_or_else(PoisonError::into_inner) = limits;
    }
}

impl Limiter {
    fn limits(&self) -> Limits {
        *self.limits.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one call from what `caller` may do; a create counts twice, as a call and as a create.
    async fn take(&self, caller: &str, called: Called) -> Taken {
        // Health checks and reflection cost next to nothing, and whoever is limited has to see them all the more.
        if called.method.is_none() {
            return Taken::Yes;
        }
        // Calls first: a call that is refused as one does not cost a create. A create that is refused was a call.
        let limits = self.limits();
        let creates = limits.creates.filter(|_| called.creates());
        let allowances = [("calls", limits.calls), ("creates", creates)];
        let caller = self.name(caller);
        for (what, rate) in allowances {
            let Some(rate) = rate else { continue };
            let key = Key::new(Space::Limit, format!("{what}:{caller}"));
            match self.take_one(&key, rate).await {
                Taken::Yes => {}
                Taken::No(wait) => return Taken::No(wait),
            }
        }
        Taken::Yes
    }

    /// What the caller is called in the store, by all replicas alike.
    fn name(&self, caller: &str) -> String {
        let mut name = [0; 16];
        // HKDF fails only on an output of more than 255 hashes.
        let _ = self.names.expand(caller.as_bytes(), &mut name);
        URL_SAFE_NO_PAD.encode(name)
    }

    async fn take_one(&self, key: &Key, rate: Rate) -> Taken {
        let shared = self.store.take(key, rate).await;
        let Err(error) = shared.as_ref() else {
            return shared.unwrap_or(Taken::Yes);
        };
        tracing::debug!(%error, "callers are limited by this replica alone");
        let share = share(rate, self.replica.count());
        // Memory always answers; if it did not, waiting would be right.
        self.alone
            .take(key, share)
            .await
            .unwrap_or(Taken::No(Duration::from_secs(1)))
    }
}

/// What one of so many replicas may let through by itself: at least one at a time.
fn share(rate: Rate, replicas: u32) -> Rate {
    let replicas = replicas.max(1);
    Rate {
        per_second: rate.per_second / f64::from(replicas),
        burst: (rate.burst / replicas).max(1),
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limit<S>;

    fn layer(&self, inner: S) -> Limit<S> {
        Limit {
            inner,
            limiter: Arc::clone(&self.0),
        }
    }
}

/// A service whose callers are held to their rates.
#[derive(Clone)]
pub(crate) struct Limit<S> {
    inner: S,
    limiter: Arc<Limiter>,
}

impl<S> Service<Request<Body>> for Limit<S>
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
        let Limits { calls, creates, .. } = self.limiter.limits();
        if calls.is_none() && creates.is_none() {
            return Either::Left(self.inner.call(request));
        }
        let mut inner = take_ready(&mut self.inner);
        let limiter = Arc::clone(&self.limiter);
        Either::Right(Box::pin(async move {
            let caller = Caller::of(request.extensions());
            match limiter.take(caller.scope(), called).await {
                Taken::Yes => inner.call(request).await,
                Taken::No(wait) => Ok(refusal(wait).into_http()),
            }
        }))
    }
}

fn refusal(wait: Duration) -> Status {
    let message = "the caller calls more often than it may";
    Failure::new(Reason::CallerRateLimited, message)
        .retry_after(wait)
        .into()
}

#[cfg(test)]
mod tests {
    use openfinance::store::{Change, Committed, Kept, StoreError, StoreFuture};

    use super::*;

    const READ: &str = "/openfinance.v1.CustomerService/GetCustomer";
    const CREATE: &str = "/openfinance.v1.CustomerService/CreateCustomer";
    const HEALTH: &str = "/grpc.health.v1.Health/Check";

    /// A store that never answers.
    struct Broken;

    fn broken<T: Send + 'static>() -> StoreFuture<'static, T> {
        Box::pin(std::future::ready(Err(StoreError("gone".to_owned()))))
    }

    impl Store for Broken {
        fn get<'a>(&'a self, _: &'a Key) -> StoreFuture<'a, Option<Kept>> {
            broken()
        }

        fn commit<'a>(&'a self, _: &'a [Change]) -> StoreFuture<'a, Committed> {
            broken()
        }

        fn list(&self, _: Space) -> StoreFuture<'_, Vec<(Key, Kept)>> {
            broken()
        }

        fn take<'a>(&'a self, _: &'a Key, _: Rate) -> StoreFuture<'a, Taken> {
            broken()
        }

        fn is_shared(&self) -> bool {
            true
        }
    }

    const RATE: Rate = Rate {
        per_second: 10.0,
        burst: 4,
    };

    fn limiter(calls: Option<Rate>, creates: Option<Rate>, store: Arc<dyn Store>) -> Limiter {
        let replica = Arc::new(Replica::new(Arc::clone(&store)));
        let LimitLayer(limiter) = LimitLayer::new(
            Limits {
                calls,
                creates,
                ..Limits::default()
            },
            &SharedKey::sandbox(),
            store,
            replica,
        );
        Arc::into_inner(limiter).unwrap()
    }

    async fn allowed(limiter: &Limiter, caller: &str, path: &str) -> usize {
        let mut allowed = 0;
        while allowed < 20 && limiter.take(caller, Called::at(path)).await == Taken::Yes {
            allowed += 1;
        }
        allowed
    }

    #[tokio::test(start_paused = true)]
    async fn each_caller_has_its_own_allowance_and_health_has_no_limit() {
        let limiter = limiter(Some(RATE), None, Arc::new(Memory::new()));
        for caller in ["a", "b"] {
            assert_eq!(allowed(&limiter, caller, READ).await, 4);
            assert_eq!(allowed(&limiter, caller, CREATE).await, 0);
            assert_eq!(allowed(&limiter, caller, HEALTH).await, 20);
        }
        let refused = limiter.take("a", Called::at(READ)).await;
        assert_eq!(refused, Taken::No(Duration::from_millis(100)));
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(allowed(&limiter, "a", READ).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn creates_have_a_smaller_allowance_that_leaves_reads_alone() {
        let creates = Rate { burst: 1, ..RATE };
        let limiter = limiter(Some(RATE), Some(creates), Arc::new(Memory::new()));
        assert_eq!(allowed(&limiter, "a", CREATE).await, 1);
        // The create that was refused counts as a call.
        assert_eq!(allowed(&limiter, "a", READ).await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_create_that_is_refused_as_a_call_costs_no_create() {
        let creates = Rate {
            per_second: 0.001,
            burst: 2,
        };
        let limiter = limiter(Some(RATE), Some(creates), Arc::new(Memory::new()));
        assert_eq!(allowed(&limiter, "a", READ).await, 4);
        for _ in 0..10 {
            let refused = limiter.take("a", Called::at(CREATE)).await;
            assert!(matches!(refused, Taken::No(_)));
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(allowed(&limiter, "a", CREATE).await, 2);
    }

    #[test]
    fn the_store_is_told_no_name_of_a_caller() {
        let limiter = limiter(None, None, Arc::new(Memory::new()));
        let name = limiter.name("spiffe://example.com/canary");
        assert_eq!(name, limiter.name("spiffe://example.com/canary"));
        assert_ne!(name, limiter.name("spiffe://example.com/canary2"));
        assert!(name.len() == 22 && !name.contains("canary"), "{name}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_the_store_a_replica_limits_by_itself() {
        let limiter = limiter(Some(RATE), None, Arc::new(Broken));
        assert_eq!(allowed(&limiter, "a", READ).await, 4);
    }

    #[test]
    fn the_share_of_a_replica_is_never_nothing() {
        let half = share(RATE, 2);
        assert_eq!((half.per_second, half.burst), (5.0, 2));
        assert_eq!(share(RATE, 100).burst, 1);
        assert_eq!(share(RATE, 0), RATE);
    }
}
