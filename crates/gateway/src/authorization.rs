//! Authorizations: handlers and conversions.

use futures_util::{StreamExt as _, stream};
use openfinance::{Client, authorization::AuthorizationDetails, id::InstitutionLoginId};
use openfinance_rpc::pb::{
    self, authorization_details_result, authorization_service_server::AuthorizationService,
};
use tonic::{Request, Response, Status};
use tonic_types::StatusExt as _;

use crate::{
    api::Api,
    convert::{BadFields, Check, IntoPb},
    overload::Admission,
    status::Subject,
};

/// How many logins one batch may name.
const MOST_IN_BATCH: usize = 100;

/// How many calls one batch has at the vendor at once, at most.
const AT_ONCE: usize = 8;

#[tonic::async_trait]
impl AuthorizationService for Api {
    async fn get_authorization_details(
        &self,
        request: Request<pb::GetAuthorizationDetailsRequest>,
    ) -> Result<Response<pb::AuthorizationDetails>, Status> {
        let client = self.client(&request);
        let id = request.into_inner().institution_login_id;
        let id = InstitutionLoginId::try_from(id)
            .map_err(|rule| BadFields::new("institution_login_id", rule))?;
        Ok(Response::new(authorization_details(&client, id).await?))
    }

    async fn batch_get_authorization_details(
        &self,
        request: Request<pb::BatchGetAuthorizationDetailsRequest>,
    ) -> Result<Response<pb::BatchGetAuthorizationDetailsResponse>, Status> {
        let client = self.client(&request);
        let admission = request.extensions().get::<Admission>().cloned();
        let ids = batch(&request.into_inner().institution_login_ids)?;
        // The place of the call itself is one; where no more are free, its parts take turns.
        let places = admission.map_or_else(Vec::new, |admission| admission.more(AT_ONCE - 1));
        let results = stream::iter(ids)
            .map(|id| result(&client, id))
            .buffered(1 + places.len())
            .collect()
            .await;
        Ok(Response::new(pb::BatchGetAuthorizationDetailsResponse {
            results,
        }))
    }
}

async fn authorization_details(
    client: &Client,
    id: InstitutionLoginId,
) -> Result<pb::AuthorizationDetails, Status> {
    let details = client.authorization_details(id).await;
    details
        .map(IntoPb::into_pb)
        .map_err(|error| Subject::InstitutionLogin(id).status(error))
}

async fn result(client: &Client, id: InstitutionLoginId) -> pb::AuthorizationDetailsResult {
    let result = match authorization_details(client, id).await {
        Ok(details) => authorization_details_result::Result::Details(details),
        Err(status) => authorization_details_result::Result::Error(pb::AuthorizationDetailsError {
            code: status.code().into(),
            reason: status
                .get_details_error_info()
                .map(|info| info.reason)
                .unwrap_or_default(),
            message: status.message().to_owned(),
        }),
    };
    pb::AuthorizationDetailsResult {
        institution_login_id: id.get(),
        result: Some(result),
    }
}

pub(crate) fn batch(ids: &[i64]) -> Result<Vec<InstitutionLoginId>, BadFields> {
    let mut check = Check::new();
    if ids.is_empty() || ids.len() > MOST_IN_BATCH {
        check.refuse(
            "institution_login_ids",
            format!("must be 1 to {MOST_IN_BATCH} ids"),
        );
        return check.finish(|| None);
    }
    let mut good = Vec::with_capacity(ids.len());
    for (index, id) in ids.iter().enumerate() {
        match InstitutionLoginId::try_from(*id) {
            Ok(id) => good.push(id),
            Err(rule) => check.refuse(format!("institution_login_ids[{index}]"), rule),
        }
    }
    check.finish(|| Some(good))
}

impl IntoPb for AuthorizationDetails {
    type Pb = pb::AuthorizationDetails;

    fn into_pb(self) -> pb::AuthorizationDetails {
        let Self {
            institution_login_id,
            start,
            end,
        } = self;
        pb::AuthorizationDetails {
            institution_login_id: institution_login_id.get(),
            start_time: start.map(IntoPb::into_pb),
            end_time: end.map(IntoPb::into_pb),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(ids: &[i64]) -> Vec<String> {
        let details = Status::from(batch(ids).unwrap_err()).get_error_details();
        details
            .bad_request()
            .unwrap()
            .field_violations
            .iter()
            .map(|one| one.field.clone())
            .collect()
    }

    #[test]
    fn a_batch_is_1_to_100_positive_ids() {
        assert_eq!(
            batch(&[3, 1, 2, 1])
                .unwrap()
                .iter()
                .map(|id| id.get())
                .collect::<Vec<_>>(),
            [3, 1, 2, 1]
        );
        assert!(batch(&[1; 100]).is_ok());
        assert_eq!(fields(&[]), ["institution_login_ids"]);
        assert_eq!(fields(&[1; 101]), ["institution_login_ids"]);
        assert_eq!(
            fields(&[1, 0, 2, -5]),
            ["institution_login_ids[1]", "institution_login_ids[3]"]
        );
    }
}
