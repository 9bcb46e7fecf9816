//! The layer that keeps calls within what the gateway and the vendor can carry: so many at the vendor, so many that wait
//! a moment for a place there, and the rest refused at once, while it costs nothing yet.
//!
//! A queue that grows makes every call late and none fast, so a call waits half a second at most and a quarter of the
//! time that it has. [`line`](self::line) says who is next.

mod line;

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::{BoxFuture, Either};
use http::{Request, Response};
use openfinance::Deadline;
use tokio::{sync::oneshot, time::Instant};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use self::line::{Arrival, Line, Work};
use crate::{
    auth::Caller, config::Bounds, failure::Failure, method::Called, metrics::Metrics,
    ready::take_ready, reason::Reason,
};

/// The places at the vendor. Clones are the same.
#[derive(Clone)]
pub(crate) struct Overload {
    line: Arc<Mutex<Line<oneshot::Sender<Place>>>>,
    metrics: Metrics,
}

impl Overload {
    /// As many places as `bounds` say. How many are taken is told to `metrics`.
    pub(crate) fn new(bounds: Bounds, metrics: Metrics) -> Self {
        Self {
            line: Arc::new(Mutex::new(Line::new(bounds))),
            metrics,
        }
    }

    /// Other bounds from now on.
    pub(crate) fn set_bounds(&self, bounds: Bounds) {
        self.lock().set_bounds(bounds);
        self.serve();
    }

    /// Tells how many wait. Whoever has been called or pushed out of the line may not know it yet, and waits no more.
    fn tell(&self, line: &Line<oneshot::Sender<Place>>) {
        let (_, waiting) = line.figures();
        let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
        self.metrics.calls_waiting().set(waiting);
    }

    /// How many calls are at the vendor, and how many wait.
    #[cfg(test)]
    fn figures(&self) -> (usize, usize) {
        self.lock().figures()
    }

    fn lock(&self) -> MutexGuard<'_, Line<oneshot::Sender<Place>>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, work: Work, caller: Arc<str>) -> Place {
        self.metrics.calls_in_flight().inc();
        Place {
            overload: self.clone(),
            work,
            caller,
        }
    }

    fn try_enter(&self, work: Work, caller: &Arc<str>) -> Option<Place> {
        let entered = self.lock().enter(work, caller, Instant::now());
        entered.then(|| self.place(work, Arc::clone(caller)))
    }

    /// Gives the free places to those who wait.
    fn serve(&self) {
        loop {
            // Told outside of the lock: who has gone in the meantime gives the place back, which takes it.
            let next = {
                let mut line = self.lock();
                let next = line.next(Instant::now());
                if next.is_some() {
                    self.tell(&line);
                }
                next
            };
            let Some((work, caller, tell)) = next else {
                return;
            };
            let _ = tell.send(self.place(work, caller));
        }
    }

    /// A place, waited for if there is time; `None` if there is none to be had.
    async fn enter(&self, work: Work, caller: &Arc<str>, left: Option<Duration>) -> Option<Place> {
        let (told, place) = oneshot::channel();
        let (arrival, longest) = {
            let mut line = self.lock();
            if line.enter(work, caller, Instant::now()) {
                drop(line);
                return Some(self.place(work, Arc::clone(caller)));
            }
            let arrival = line.wait(work, caller, told);
            self.tell(&line);
            (arrival, line.bounds().longest_wait)
        };
        let Arrival::Waits { ticket, pushed_out } = arrival else {
            return None;
        };
        // Whoever was pushed out is told by this.
        drop(pushed_out);
        let _waiting = Waiting {
            overload: self,
            work,
            caller,
            ticket,
        };
        let patience = left.map_or(longest, |left| longest.min(left / 4));
        tokio::time::timeout(patience, place).await.ok()?.ok()
    }
}

/// A call in the line. Dropped, it is there no longer.
struct Waiting<'a> {
    overload: &'a Overload,
    work: Work,
    caller: &'a Arc<str>,
    ticket: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut line = self.overload.lock();
        line.forget(self.work, self.caller, self.ticket);
        self.overload.tell(&line);
    }
}

/// A place at the vendor, for one request at a time. Dropped, it is free for the next.
pub(crate) struct Place {
    overload: Overload,
    work: Work,
    caller: Arc<str>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.overload.metrics.calls_in_flight().dec();
        let (_, waiting) = {
            let mut line = self.overload.lock();
            line.leave(self.work, &self.caller);
            line.figures()
        };
        if waiting > 0 {
            self.overload.serve();
        }
    }
}

/// The right of a call to ask for places by itself, in the extensions of its request.
#[derive(Clone)]
pub(crate) struct Admission {
    overload: Overload,
    work: Work,
    /// The name of the caller.
    caller: Arc<str>,
    deadline: Deadline,
}

impl Admission {
    /// A place, for a call that has none yet.
    ///
    /// # Errors
    /// OVERLOADED if there is none to be had soon.
    pub(crate) async fn enter(&self) -> Result<Place, Status> {
        let Self {
            overload,
            work,
            caller,
            deadline,
        } = self;
        let place = overload.enter(*work, caller, deadline.left()).await;
        place.ok_or_else(refusal)
    }

    /// As many more places as are free, and no more than these. Nobody waits for them.
    pub(crate) fn more(&self, most: usize) -> Vec<Place> {
        std::iter::from_fn(|| self.overload.try_enter(self.work, &self.caller))
            .take(most)
            .collect()
    }
}

/// Keeps the calls of a service within bounds.
#[derive(Clone)]
pub(crate) struct OverloadLayer(Overload);

impl OverloadLayer {
    pub(crate) fn new(overload: Overload) -> Self {
        Self(overload)
    }
}

impl<S> Layer<S> for OverloadLayer {
    type Service = Bounded<S>;

    fn layer(&self, inner: S) -> Bounded<S> {
        Bounded {
            inner,
            overload: self.0.clone(),
        }
    }
}

/// A service whose calls are kept within bounds.
#[derive(Clone)]
pub(crate) struct Bounded<S> {
    inner: S,
    overload: Overload,
}

impl<S> Service<Request<Body>> for Bounded<S>
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

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let called = Called::at(request.uri().path());
        if !goes_to_the_vendor(called) {
            return Either::Left(self.inner.call(request));
        }
        let deadline = request.extensions().get::<Deadline>().cloned();
        let admission = Admission {
            overload: self.overload.clone(),
            work: if called.reads_only() {
                Work::Read
            } else {
                Work::Write
            },
            caller: Caller::of(request.extensions()).shared_scope(),
            deadline: deadline.unwrap_or_default(),
        };
        request.extensions_mut().insert(admission.clone());
        // A stream asks for each of its pages: it would keep a place as long as its caller likes.
        if !called.is_unary() {
            return Either::Left(self.inner.call(request));
        }
        if let Some(place) = self.overload.try_enter(admission.work, &admission.caller) {
            hold(&mut request, admission.deadline, place);
            return Either::Left(self.inner.call(request));
        }
        let mut inner = take_ready(&mut self.inner);
        Either::Right(Box::pin(async move {
            match admission.enter().await {
                Ok(place) => {
                    hold(&mut request, admission.deadline, place);
                    inner.call(request).await
                }
                Err(status) => Ok(status.into_http()),
            }
        }))
    }
}

/// Whether the vendor is asked for the sake of this call. What operators look at and steer with must not wait for what
/// they look at; they are few.
fn goes_to_the_vendor(called: Called) -> bool {
    const FOR_OPERATORS: [&str; 2] = [
        "/openfinance.v1.PartnerService/",
        "/openfinance.v1.GatewayService/",
    ];
    called.method.is_some_and(|method| {
        !FOR_OPERATORS
            .iter()
            .any(|service| method.path.starts_with(service))
    })
}

/// Keeps the place until all that is done for the call has ended, also a write that its caller no longer waits for.
fn hold(request: &mut Request<Body>, deadline: Deadline, place: Place) {
    request.extensions_mut().insert(deadline.holding(place));
}

/// When to come again: about when those who wait now have been served.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// The refusal of a call for which there is no room.
pub(crate) fn refusal() -> Status {
    let message = "more calls are under way than the gateway carries; nothing was done";
    Failure::new(Reason::Overloaded, message)
        .retry_after(COME_AGAIN)
        .into()
}

#[cfg(test)]
mod tests;
