//! `health`: whether the gateway is ready to serve.

use tonic::{Request, Status};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    Context,
    call::{Attempts, Repeat},
    exit::Failure,
};

/// Asks the standard health service, once.
///
/// # Errors
///
/// The gateway can't be reached, or is not ready.
pub(crate) async fn run(context: &mut Context<'_>) -> Result<(), Failure> {
    let attempts = Attempts {
        deadline: context.gateway.deadline,
        repeat: Repeat::Never,
        random: context.io.new_id.clone(),
    };
    let channel = context.gateway.channel();
    let answer = attempts.make(
        |_, _| (),
        async |left| {
            let mut request = Request::new(HealthCheckRequest::default());
            request.set_timeout(left);
            HealthClient::new(channel.clone()).check(request).await
        },
    );
    let interrupted = context.io.interrupted();
    let answer = tokio::select! {
        answer = answer => answer.map_err(Failure::read)?,
        () = interrupted => return Err(Failure::Interrupted(None)),
    };
    match answer.into_inner().status() {
        ServingStatus::Serving => context.io.line("serving"),
        ServingStatus::NotServing | ServingStatus::Unknown | ServingStatus::ServiceUnknown => Err(
            Failure::read(Status::unavailable("the gateway does not serve now")),
        ),
    }
}
