//! The services, as one thing: what their handlers share, and how they are mounted.

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
use tonic::{Request, service::Routes};
use tonic_health::pb::health_server::{Health, HealthServer};

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

/// The names of our services.
pub(crate) const SERVICES: [&str; 7] = [
    openfinance_rpc::pb::customer_service_server::SERVICE_NAME,
    openfinance_rpc::pb::business_service_server::SERVICE_NAME,
    openfinance_rpc::pb::consumer_service_server::SERVICE_NAME,
    openfinance_rpc::pb::authorization_service_server::SERVICE_NAME,
    openfinance_rpc::pb::onboarding_service_server::SERVICE_NAME,
    openfinance_rpc::pb::partner_service_server::SERVICE_NAME,
    openfinance_rpc::pb::gateway_service_server::SERVICE_NAME,
];

/// Who calls, for whom alone a request id counts.
pub(crate) fn caller<T>(request: &Request<T>) -> String {
    Caller::of(request.extensions()).scope().to_owned()
}

/// What a create is done once under; `None` if its caller gave no request id, or one that is refused elsewhere.
pub(crate) fn once(caller: String, method: &'static str, request_id: &str) -> Option<RequestId> {
    let id = uuid::Uuid::try_parse(request_id).ok()?;
    Some(RequestId { caller, method, id })
}

/// Mounts a service with the limits that all have.
macro_rules! limited {
    ($server:ident, $api:expr, $sizes:expr) => {
        $server::new($api)
            .max_decoding_message_size($sizes.request)
            .max_encoding_message_size($sizes.answer)
    };
}

impl Api {
    /// The client for what this request asks for, within its deadline.
    pub(crate) fn client<T>(&self, request: &Request<T>) -> Client {
        match request.extensions().get::<Deadline>() {
            Some(deadline) => self.client.within(deadline.clone()),
            None => self.client.clone(),
        }
    }

    /// All services of the gRPC port: ours, health, and reflection in both its versions.
    ///
    /// # Errors
    /// If the descriptors do not decode, which a test rules out.
    pub(crate) fn routes(
        self,
        health: HealthServer<impl Health>,
    ) -> Result<Routes, tonic_reflection::server::Error> {
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let sizes = self.sizes;
        let seen = || Seen(self.clone());
        let routes = Routes::new(limited!(CustomerServiceServer, seen(), sizes))
            .add_service(limited!(BusinessServiceServer, seen(), sizes))
            .add_service(limited!(ConsumerServiceServer, seen(), sizes))
            .add_service(limited!(AuthorizationServiceServer, seen(), sizes))
            .add_service(limited!(OnboardingServiceServer, seen(), sizes))
            .add_service(limited!(PartnerServiceServer, self.clone(), sizes))
            .add_service(limited!(GatewayServiceServer, self.clone(), sizes))
            .add_service(health.max_decoding_message_size(sizes.request))
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?);
        Ok(routes.prepare())
    }
}
