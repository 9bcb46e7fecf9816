//! The layer that finds out who calls.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use http::{Request, Response};
use tonic::body::Body;
use tower::{Layer, Service};

use super::Caller;

/// Tells the service below who calls.
#[derive(Clone, Debug)]
pub(crate) struct AuthLayer {
    anonymous: Caller,
}

impl AuthLayer {
    /// A layer that lets everybody do everything.
    pub(crate) fn off() -> Self {
        Self {
            anonymous: Caller::anonymous(),
        }
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Auth<S>;

    fn layer(&self, inner: S) -> Auth<S> {
        Auth {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service that is told who calls.
#[derive(Clone, Debug)]
pub(crate) struct Auth<S> {
    inner: S,
    layer: AuthLayer,
}

impl<S> Service<Request<Body>> for Auth<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> S::Future {
        request
            .extensions_mut()
            .insert(self.layer.anonymous.clone());
        self.inner.call(request)
    }
}
