//! gRPC-Web, which pages in browsers speak: a gRPC call in a request as browsers can make it, with its status in the body.
//!
//! Outside of all layers, [`WebLayer`] turns such a call into one of gRPC and its answer back, so that no layer knows the
//! difference: whoever refuses it, the page reads the status with its details. It also answers the question that a browser
//! asks before a page of another origin may call (CORS).
//!
//! That question is the browser's own. A page can't do without it, since no form can send the content type of gRPC-Web. All
//! the same nothing here trusts the browser: below, [`OriginLayer`] refuses each call that says that it comes from a page
//! that may not call, in whatever form.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::{self, Ready, ready};
use http::{
    HeaderName, HeaderValue, Method, Request, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN},
};
use http_body_util::BodyExt as _;
use tonic::{Status, body::Body};
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer, Service, util::Either};
use tower_http::cors::{AllowOrigin, Cors, CorsLayer};

use crate::{
    config::Web,
    failure::{Failure, PUSHBACK},
    reason::Reason,
    seen::REDACTED,
};

/// How long browsers may go by what they were told a page may do. Some take no longer.
const REMEMBERED: Duration = Duration::from_secs(2 * 60 * 60);

/// What a page may send beside its message: who calls, for how long, in which trace, and what gRPC-Web adds by itself.
const SENT: [HeaderName; 9] = [
    CONTENT_TYPE,
    AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static("x-grpc-web"),
    HeaderName::from_static("x-user-agent"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("baggage"),
];

/// What a page may read of an answer beside its message.
const READ: [HeaderName; 5] = [
    Status::GRPC_STATUS,
    Status::GRPC_MESSAGE,
    Status::GRPC_STATUS_DETAILS,
    HeaderName::from_static(PUSHBACK),
    HeaderName::from_static(REDACTED),
];

/// The origins of the pages that may call, as they come in headers.
fn origins(web: &Web) -> Vec<HeaderValue> {
    let origins = web.origins.iter();
    // Settings with others are refused.
    origins
        .filter_map(|origin| HeaderValue::from_str(origin).ok())
        .collect()
}

/// Turns calls of pages into those of gRPC and their answers back; without settings it does nothing.
#[derive(Clone, Debug)]
pub(crate) struct WebLayer(Option<CorsLayer>);

impl WebLayer {
    pub(crate) fn new(web: Option<&Web>) -> Self {
        Self(web.map(|web| {
            CorsLayer::new()
                .allow_origin(AllowOrigin::list(origins(web)))
                .allow_methods([Method::POST])
                .allow_headers(SENT)
                .expose_headers(READ)
                .max_age(REMEMBERED)
                .vary([ORIGIN])
        }))
    }
}

impl<S> Layer<S> for WebLayer
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Service = Either<Cors<Mark<GrpcWebService<S>>>, S>;

    fn layer(&self, inner: S) -> Self::Service {
        match &self.0 {
            Some(cors) => Either::Left(cors.layer(Mark(GrpcWebLayer::new().layer(inner)))),
            None => Either::Right(inner),
        }
    }
}

/// In the extensions of a request that came by gRPC-Web.
#[derive(Clone, Copy, Debug)]
struct ByWeb;

/// Marks requests that come by gRPC-Web: below it they look like all others.
#[derive(Clone, Debug)]
pub(crate) struct Mark<S>(S);

impl<S: Service<Request<Body>>> Service<Request<Body>> for Mark<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> S::Future {
        let kind = request.headers().get(CONTENT_TYPE);
        if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc-web")) {
            request.extensions_mut().insert(ByWeb);
        }
        self.0.call(request)
    }
}

/// Refuses the calls of pages that may not call; without settings it does nothing.
#[derive(Clone, Debug)]
pub(crate) struct OriginLayer(Option<Arc<[HeaderValue]>>);

impl OriginLayer {
    pub(crate) fn new(web: Option<&Web>) -> Self {
        Self(web.map(|web| origins(web).into()))
    }
}

impl<S> Layer<S> for OriginLayer {
    type Service = OfOrigin<S>;

    fn layer(&self, inner: S) -> OfOrigin<S> {
        OfOrigin {
            inner,
            origins: self.0.clone(),
        }
    }
}

/// A service that is called by pages of some origins alone, and by what is no page.
#[derive(Clone, Debug)]
pub(crate) struct OfOrigin<S> {
    inner: S,
    origins: Option<Arc<[HeaderValue]>>,
}

impl<S> Service<Request<Body>> for OfOrigin<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = future::Either<S::Future, Ready<Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(may) = &self.origins {
            let mut origins = request.headers().get_all(ORIGIN).iter();
            if !origins.all(|origin| may.contains(origin)) {
                let message =
                    "pages of this origin may not call: grpc.web_origins does not name it";
                let status = Status::from(Failure::new(Reason::CallerForbidden, message));
                return future::Either::Right(ready(Ok(status.into_http())));
            }
            if request.extensions().get::<ByWeb>().is_some() {
                request = request.map(|body| Body::new(body.map_err(broken)));
            }
        }
        future::Either::Left(self.inner.call(request))
    }
}

/// The status of a call whose body can't be read: its base64 is none, or it ends too early. The library's own has no
/// details.
fn broken(_: Status) -> Status {
    let message = "the bytes of the request are not its message";
    Failure::new(Reason::InvalidField, message).into()
}
