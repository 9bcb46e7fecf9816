//! The layer that finds out who calls and refuses what they may not do, before anything is read of the request.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use futures_util::future::{Either, Ready, ready};
use http::{Request, Response};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::{Caller, Gatekeeper};
use crate::{audit::Trail, failure::Failure, method::Called, reason::Reason, server::peer::Peer};

/// Lets through what callers may do.
#[derive(Clone, Debug)]
pub(crate) struct AuthLayer {
    gatekeeper: Gatekeeper,
}

impl AuthLayer {
    pub(crate) fn new(gatekeeper: Gatekeeper) -> Self {
        Self { gatekeeper }
    }

    /// Who makes the request.
    ///
    /// # Errors
    /// CALLER_UNAUTHENTICATED or CALLER_FORBIDDEN. Neither tells what was wrong with a credential, nor anything of
    /// records: it is the same whether what the caller asks for exists or not.
    fn admit(&self, request: &mut Request<Body>) -> Result<Caller, Status> {
        let called = Called::at(request.uri().path());
        let peer = request.extensions().get::<Peer>().cloned();
        let caller = self.gatekeeper.caller(request.headers_mut(), peer.as_ref());
        // What checks health has no credential, and learns nothing but whether the gateway is well.
        if called.is_health() {
            return Ok(caller.unwrap_or_else(|_| Caller::unknown()));
        }
        let caller = caller.map_err(|_| {
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
        let message = match called.method {
            Some(method) => format!("the caller lacks the permission {}", method.permission),
            None => "the caller has no permission at all".to_owned(),
        };
        Err(Failure::new(Reason::CallerForbidden, message).into())
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> AuthService<S> {
        AuthService {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service that is called only as callers may.
#[derive(Clone, Debug)]
pub(crate) struct AuthService<S> {
    inner: S,
    layer: AuthLayer,
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
        match self.layer.admit(&mut request) {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
                Either::Left(self.inner.call(request))
            }
            Err(status) => Either::Right(ready(Ok(status.into_http()))),
        }
    }
}
