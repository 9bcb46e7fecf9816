//! The services, as one thing: what their handlers share, and how they are mounted.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use jiff::Timestamp;
use openfinance::{Client, Deadline, RequestId};
use openfinance_rpc::{
    FILE_DESCRIPTOR_SET,
    pb::{
        authorization_service_server::AuthorizationServiceServer,
        business_service_server::BusinessServiceServer,
        consumer_service_server::ConsumerServiceServer,
        customer_service_server::CustomerServiceServer,
        gateway_service_server::GatewayServiceServer,
        onboarding_service_server::OnboardingServiceServer,
        partner_service_server::PartnerServiceServer,
    },
};
use tonic::{body::Body, server::NamedService, service::Routes};
use tonic_health::pb::health_server::{Health, HealthServer};
use tower::Service;

use crate::{
    about::About, auth::Caller, config::Port, metrics::Metrics, page_token::PageTokens,
    rotation::Rotator, seen::Seen,
};

/// How large messages may be, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    request: usize,
    pub(crate) answer: usize,
}

impl Sizes {
    pub(crate) fn of(port: &Port) -> Self {
        let size = |bytes: u32| usize::try_from(bytes).unwrap_or(usize::MAX);
        Self {
            request: size(port.request_bytes),
            answer: size(port.answer_bytes),
        }
    }
}

/// What the handlers share. Each noun's file has its own handlers.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) client: Client,
    pub(crate) page_tokens: PageTokens,
    pub(crate) sizes: Sizes,
    pub(crate) metrics: Metrics,
    /// What this gateway is.
    pub(crate) about: About,
    pub(crate) rotator: Rotator,
    /// The wall clock, for the times that are told.
    pub(crate) now: fn() -> Timestamp,
}

/// Who calls, for whom alone a request id counts.
pub(crate) fn caller<T>(request: &tonic::Request<T>) -> String {
    Caller::of(request.extensions()).scope().to_owned()
}

/// What a create is done once under; `None` if its caller gave no request id, or one that is refused elsewhere.
pub(crate) fn once(caller: String, method: &'static str, request_id: &str) -> Option<RequestId> {
    let id = uuid::Uuid::try_parse(request_id).ok()?;
    Some(RequestId { caller, method, id })
}

/// Mounts our services, each with the limits that all have.
macro_rules! services {
    ($($name:ident: $server:ident<$handlers:ty>,)*) => {
        /// The names of our services.
        pub(crate) const SERVICES: &[&str] = &[$(<$server<$handlers> as NamedService>::NAME,)*];

        /// All services of the gRPC port. Ours are found by their names, one after the other: a router for any path would put
        /// each body that comes and goes into two more boxes.
        #[derive(Clone)]
        pub(crate) struct Services {
            $($name: $server<$handlers>,)*
            /// Health and reflection, and what does not exist.
            others: Routes,
        }

        impl Services {
            fn new(api: Api, others: Routes) -> Self {
                let sizes = api.sizes;
                Self {
                    $($name: $server::new(<$handlers>::from(api.clone()))
                        .max_decoding_message_size(sizes.request)
                        .max_encoding_message_size(sizes.answer),)*
                    others,
                }
            }
        }

        impl Service<Request<Body>> for Services {
            type Response = Response<Body>;
            type Error = Infallible;
            type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                // They always are.
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: Request<Body>) -> Self::Future {
                // What is no path of a method is the router's, which refuses it.
                let name = request.uri().path().strip_prefix('/').unwrap_or_default();
                match name.split_once('/') {
                    $(Some((<$server<$handlers> as NamedService>::NAME, method)) if !method.is_empty() => {
                        self.$name.call(request)
                    })*
                    Some(_) | None => Box::pin(self.others.call(request)),
                }
            }
        }
    };
}

services! {
    customers: CustomerServiceServer<Seen>,
    businesses: BusinessServiceServer<Seen>,
    consumers: ConsumerServiceServer<Seen>,
    authorizations: AuthorizationServiceServer<Seen>,
    onboarding: OnboardingServiceServer<Seen>,
    partner: PartnerServiceServer<Api>,
    gateway: GatewayServiceServer<Api>,
}

impl From<Api> for Seen {
    fn from(api: Api) -> Self {
        Self(api)
    }
}

impl Api {
    /// The client for what this request asks for, within its deadline.
    pub(crate) fn client<T>(&self, request: &tonic::Request<T>) -> Client {
        match request.extensions().get::<Deadline>() {
            Some(deadline) => self.client.within(deadline.clone()),
            None => self.client.clone(),
        }
    }

    /// All services of the gRPC port: ours, health, and reflection in both its versions.
    ///
    /// # Errors
    /// If the descriptors do not decode, which a test rules out.
    pub(crate) fn services(
        self,
        health: HealthServer<impl Health>,
    ) -> Result<Services, tonic_reflection::server::Error> {
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let sizes = self.sizes;
        let others = Routes::new(health.max_decoding_message_size(sizes.request))
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?);
        Ok(Services::new(self, others.prepare()))
    }
}
