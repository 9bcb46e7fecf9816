//! The partner's authentication: handlers.

use std::time::Duration;

use jiff::Timestamp;
use openfinance::{
    Client, Deadline,
    partner::{Guard, OldSecret, PartnerAuthentication, PartnerSecret},
};
use openfinance_rpc::pb::{self, partner_service_server::PartnerService};
use tonic::{Request, Response, Status};

use crate::{
    api::Api,
    convert::{Check, IntoPb},
    failure::Failure,
    reason::Reason,
    rotation::RotationError,
    status::Subject,
};

/// How long a caller is asked to wait for a rotation that is under way or unsettled.
const PAUSE: Duration = Duration::from_secs(5);

#[tonic::async_trait]
impl PartnerService for Api {
    async fn get_partner_authentication(
        &self,
        request: Request<pb::GetPartnerAuthenticationRequest>,
    ) -> Result<Response<pb::PartnerAuthentication>, Status> {
        let pb::GetPartnerAuthenticationRequest {} = request.into_inner();
        Ok(Response::new(self.authentication().await))
    }

    async fn reset_authentication_guard(
        &self,
        request: Request<pb::ResetAuthenticationGuardRequest>,
    ) -> Result<Response<pb::PartnerAuthentication>, Status> {
        let client: Client = self.client(&request);
        let pb::ResetAuthenticationGuardRequest {} = request.into_inner();
        let reset = client.reset_authentication_guard().await;
        reset.map_err(|error| Subject::Nothing.status(error))?;
        tracing::warn!("an operator has reset the guard of the logins");
        Ok(Response::new(self.authentication().await))
    }

    async fn rotate_partner_secret(
        &self,
        request: Request<pb::RotatePartnerSecretRequest>,
    ) -> Result<Response<pb::PartnerAuthentication>, Status> {
        let deadline = request
            .extensions()
            .get::<Deadline>()
            .cloned()
            .unwrap_or_default();
        let pb::RotatePartnerSecretRequest {
            new_secret,
            immediate,
        } = request.into_inner();
        let mut check = Check::new();
        let new: Option<PartnerSecret> = check.required("new_secret", new_secret);
        let new = check.finish(|| new)?;
        let old = match immediate {
            true => OldSecret::EndsNow,
            false => OldSecret::WorksOn,
        };
        self.rotator
            .rotate(new, old, &deadline)
            .await
            .map_err(status)?;
        Ok(Response::new(self.authentication().await))
    }
}

impl Api {
    async fn authentication(&self) -> pb::PartnerAuthentication {
        let authentication = self.client.partner_authentication().await;
        told(authentication, (self.now)())
    }
}

fn told(authentication: PartnerAuthentication, now: Timestamp) -> pb::PartnerAuthentication {
    let PartnerAuthentication {
        token,
        guard,
        failed_attempts,
        refusal,
    } = authentication;
    let second = |time: Timestamp| prost_types::Timestamp {
        nanos: 0,
        ..time.into_pb()
    };
    let guard = match guard {
        Guard::Closed => pb::AuthenticationGuard::Closed,
        Guard::Open => pb::AuthenticationGuard::Open,
    };
    pb::PartnerAuthentication {
        token_issue_time: token
            .and_then(|token| now.checked_sub(token.age).ok())
            .map(second),
        token_renew_time: token
            .and_then(|token| now.checked_add(token.renewal_in).ok())
            .map(second),
        token_expire_time: token
            .and_then(|token| now.checked_add(token.usable_for).ok())
            .map(second),
        guard: guard.into(),
        failed_attempts: i32::try_from(failed_attempts).unwrap_or(i32::MAX),
        refusal_http_status: refusal.map_or(0, |vendor| vendor.http_status.into()),
        refusal_vendor_code: refusal.and_then(|vendor| vendor.code).unwrap_or(0),
    }
}

fn status(error: RotationError) -> Status {
    let failure = match error {
        RotationError::NoFile => Failure::new(
            Reason::SecretFileUnusable,
            "the partner's secret is in no file that could be changed: set partner.secret_file",
        ),
        RotationError::File(error) => Failure::new(
            Reason::SecretFileUnusable,
            format!("the file of the partner's secret, or its folder, can't be read or written: {error}"),
        ),
        RotationError::NotPromoted(error) => Failure::new(
            Reason::SecretFileUnusable,
            format!(
                "the vendor has the new secret and it is in use, but the file could not be replaced by FILE.next: {error}"
            ),
        ),
        RotationError::InProgress => Failure::new(
            Reason::RotationInProgress,
            "another rotation of the partner's secret is under way",
        )
        .retry_after(PAUSE),
        RotationError::TooLate => Failure::deadline_exceeded(false),
        RotationError::NotTaken => Failure::new(
            Reason::UpstreamUnavailable,
            "the vendor has not taken the new secret, and the old one stays in use; repeating is safe",
        )
        .operation("ModifyPartnerSecret")
        .retry_after(PAUSE),
        RotationError::Unsettled => Failure::new(
            Reason::OutcomeUnknown,
            "nobody knows yet whether the vendor took the new secret; it is kept beside the old one and tried until that \
             is known: repeat with the same secret",
        )
        .unavailable()
        .operation("ModifyPartnerSecret")
        .retry_after(PAUSE),
        RotationError::Vendor(error) => return Subject::Nothing.status(error),
    };
    failure.into()
}

#[cfg(test)]
mod tests {
    use openfinance::partner::TokenAge;

    use super::*;

    #[test]
    fn the_times_of_a_token_are_told_to_the_second() {
        let authentication = PartnerAuthentication {
            token: Some(TokenAge {
                age: Duration::from_millis(10_900),
                renewal_in: Duration::from_secs(80 * 60),
                usable_for: Duration::from_secs(115 * 60),
            }),
            guard: Guard::Closed,
            failed_attempts: 0,
            refusal: None,
        };
        let now = "2026-07-25T12:00:20.950Z".parse().unwrap();
        let told = told(authentication, now);
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap().into_pb());
        assert_eq!(told.token_issue_time, at("2026-07-25T12:00:10Z"));
        assert_eq!(told.token_renew_time, at("2026-07-25T13:20:20Z"));
        assert_eq!(told.token_expire_time, at("2026-07-25T13:55:20Z"));
        assert_eq!(told.guard(), pb::AuthenticationGuard::Closed);
    }

    #[test]
    fn a_refused_login_is_told_with_the_vendors_code() {
        let authentication = PartnerAuthentication {
            token: None,
            guard: Guard::Open,
            failed_attempts: 1,
            refusal: Some(openfinance::Vendor {
                operation: "CreateToken",
                http_status: 401,
                code: Some(10_001),
            }),
        };
        let told = told(authentication, Timestamp::UNIX_EPOCH);
        let expected = pb::PartnerAuthentication {
            guard: pb::AuthenticationGuard::Open.into(),
            failed_attempts: 1,
            refusal_http_status: 401,
            refusal_vendor_code: 10_001,
            ..Default::default()
        };
        assert_eq!(told, expected);
    }
}
