//! The layers that find out who calls, before anything else is done with a request, and that refuse what callers may not do,
//! before anything is read of it.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use futures_util::future::{Either, Ready, ready};
use http::{Request, Response};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::{Caller, Gatekeeper, rules::Stranger};
use crate::{audit::Trail, failure::Failure, method::Called, reason::Reason, server::peer::Peer};

/// Finds out who calls. What a stranger says steers nothing, so this is found out before anything is told of the call.
#[derive(Clone, Debug)]
pub(crate) struct IdentifyLayer(Gatekeeper);

impl IdentifyLayer {
    pub(crate) fn new(gatekeeper: Gatekeeper) -> Self {
        Self(gatekeeper)
    }
}

impl<S> Layer<S> for IdentifyLayer {
    type Service = Identify<S>;

    fn layer(&self, inner: S) -> Identify<S> {
        Identify {
            inner,
            gatekeeper: self.0.clone(),
        }
    }
}

/// A service that is told who calls.
#[derive(Clone, Debug)]
pub(crate) struct Identify<S> {
    inner: S,
    gatekeeper: Gatekeeper,
}

/// Whom a request was found to be of.
#[derive(Clone, Debug)]
struct Found(Result<Caller, Stranger>);

/// Whether somebody stands for this request: a caller that is known, or everybody where callers are not told apart.
pub(crate) fn is_known(request: &Request<Body>) -> bool {
    matches!(request.extensions().get(), Some(Found(Ok(_))))
}

impl<S> Service<Request<Body>> for Identify<S>
where
    S: Service<Request<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> S::Future {
        let peer = request.extensions().get::<Peer>().cloned();
        let found = self.gatekeeper.caller(request.headers_mut(), peer.as_ref());
        request.extensions_mut().insert(Found(found));
        self.inner.call(request)
    }
}

/// Lets through what callers may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuthLayer;

impl AuthLayer {
    /// Who makes the request.
    ///
    /// # Errors
    /// CALLER_UNAUTHENTICATED or CALLER_FORBIDDEN. Neither tells what was wrong with a credential, nor anything of
    /// records: it is the same whether what the caller asks for exists or not.
    fn admit(request: &mut Request<Body>) -> Result<Caller, Status> {
        let called = Called::at(request.uri().path());
        let found = request.extensions_mut().remove();
        let Found(caller) = found.unwrap_or(Found(Err(Stranger)));
        // What checks health has no credential, and learns nothing but whether the gateway is well.
        if called.is_health() {
            return Ok(caller.unwrap_or_else(|_| Caller::unknown()));
        }
        let caller = caller.map_err(|_| {
            let peer = request.extensions().get::<Peer>();
            let address = peer.map(|peer| peer.address.ip());
            tracing::debug!(?address, "a caller is unknown");
            let message = "the gateway does not know the caller: there is no credential, or none that it takes";
            Failure::new(Reason::CallerUnauthenticated, message)
        })?;
        Trail::identify(request.extensions(), &caller);
        let may = match called.method {
            Some(method) => caller.may(method.permission),
            // Reflection tells the contract to whoever may do anything at all; a method that does not exist is told so.
            None => caller.permissions().next().is_some(),
        };
        if may {
            return Ok(caller);
        }
        // Whom the gateway takes a caller for is what one who is refused must know; nobody else is told.
        let (principal, way) = (caller.principal(), caller.way());
        let message = match called.method {
            Some(method) => format!(
                "the caller, who is {principal} by {way}, lacks the permission {}",
                method.permission
            ),
            None => format!("the caller, who is {principal} by {way}, has no permission at all"),
        };
        Err(Failure::new(Reason::CallerForbidden, message).into())
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> AuthService<S> {
        AuthService { inner }
    }
}

/// A service that is called only as callers may.
#[derive(Clone, Debug)]
pub(crate) struct AuthService<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for AuthService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match AuthLayer::admit(&mut request) {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
                Either::Left(self.inner.call(request))
            }
            Err(status) => Either::Right(ready(Ok(status.into_http()))),
        }
    }
}
