//! gRPC-Web, which pages in browsers speak: a gRPC call in a request as browsers can make it, with its status in the body.
//!
//! Outside of all layers, [`WebLayer`] turns such a call into one of gRPC and its answer back, so that no layer knows the
//! difference: whoever refuses it, the page reads the status with its details. It also answers the question that a browser
//! asks before a page of another origin may call (CORS).
//!
//! That question is the browser's own. A page can't do without it, since no form can send the content type of gRPC-Web. All
//! the same nothing here trusts the browser: [`crate::calls_only`] refuses each call that says that it comes from a page
//! that may not call, in whatever form.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN},
};
use http_body_util::BodyExt as _;
use tonic::{Status, body::Body};
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{
    Layer, Service,
    util::{Either, MapRequest},
};
use tower_http::cors::{AllowOrigin, Cors, CorsLayer};

use crate::{
    calls_only::content_is,
    config::Web,
    failure::{Failure, PUSHBACK},
    metrics::{Metrics, Page},
    ready::take_ready,
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

/// The two forms of gRPC-Web, each as it is written in full and by its other name.
const BINARY: [&str; 2] = ["application/grpc-web+proto", "application/grpc-web"];
const TEXT: [&str; 2] = [
    "application/grpc-web-text+proto",
    "application/grpc-web-text",
];

/// The origins of the pages that may call, as they come in headers.
#[derive(Debug)]
pub(crate) struct Origins(Vec<HeaderValue>);

impl Origins {
    pub(crate) fn new(web: &Web) -> Self {
        let origins = web.origins.iter();
        // Settings with others are refused.
        let origins = origins.filter_map(|origin| HeaderValue::from_str(origin).ok());
        Self(origins.collect())
    }

    /// Whether each origin among these headers is one of them; there is none in what comes from no page.
    pub(crate) fn name_all(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(ORIGIN).iter();
        given.all(|origin| self.0.contains(origin))
    }
}

/// Turns calls of pages into those of gRPC and their answers back; without settings it does nothing.
#[derive(Clone, Debug)]
pub(crate) struct WebLayer(Option<CorsLayer>);

impl WebLayer {
    pub(crate) fn new(web: Option<&Web>, metrics: &Metrics) -> Self {
        Self(web.map(|web| {
            let (origins, metrics) = (Arc::new(Origins::new(web)), metrics.clone());
            CorsLayer::new()
                .allow_origin(AllowOrigin::predicate(move |_, request| {
                    let page = match origins.name_all(&request.headers) {
                        true => Page::Named,
                        false => Page::Other,
                    };
                    // Each request of a page is looked at here once, and its browser's question is one.
                    if request.method == Method::OPTIONS {
                        metrics.preflight(page);
                    }
                    page == Page::Named
                }))
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
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    type Service = Either<Cors<Translated<S>>, S>;

    fn layer(&self, inner: S) -> Self::Service {
        match &self.0 {
            Some(cors) => Either::Left(cors.layer(Translated(inner))),
            None => Either::Right(inner),
        }
    }
}

/// A service of gRPC that is called by gRPC-Web too. What is neither goes on as it is, to be refused where all is.
#[derive(Clone, Debug)]
pub(crate) struct Translated<S>(S);

/// A service of gRPC as the library makes it one of gRPC-Web.
type ByLibrary<S> = GrpcWebService<MapRequest<S, fn(Request<Body>) -> Request<Body>>>;

impl<S> Service<Request<Body>> for Translated<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = future::Either<<ByLibrary<S> as Service<Request<Body>>>::Future, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let mut forms = [BINARY, TEXT].into_iter();
        let form = forms.find(|names| content_is(request.headers(), names));
        match form {
            Some([in_full, _]) if request.method() == Method::POST => {
                // The library knows it in these letters alone.
                let in_full = HeaderValue::from_static(in_full);
                request.headers_mut().insert(CONTENT_TYPE, in_full);
                let inner = MapRequest::new(take_ready(&mut self.0), translated as fn(_) -> _);
                future::Either::Left(GrpcWebLayer::new().layer(inner).call(request))
            }
            Some(_) | None => future::Either::Right(self.0.call(request)),
        }
    }
}

/// In the extensions of a request that came by gRPC-Web.
#[derive(Clone, Copy, Debug)]
struct ByWeb;

/// Whether a request came by gRPC-Web; below [`WebLayer`] it looks like all others.
pub(crate) fn is_by_web(request: &Request<Body>) -> bool {
    request.extensions().get::<ByWeb>().is_some()
}

/// A request as the library has made it, which says where it is from, and of whose body we tell what is wrong with it.
fn translated(mut request: Request<Body>) -> Request<Body> {
    request.extensions_mut().insert(ByWeb);
    request.map(|body| Body::new(body.map_err(broken)))
}

/// The status of a call whose body can't be read: its base64 is none, or it ends too early. The library's own has no
/// details.
fn broken(_: Status) -> Status {
    let message = "the bytes of the request are not its message";
    Failure::new(Reason::InvalidField, message).into()
}
