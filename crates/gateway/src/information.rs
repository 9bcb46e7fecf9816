//! The gateway itself: handlers.

use openfinance_rpc::pb::{self, gateway_service_server::GatewayService};
use tonic::{Request, Response, Status};

use crate::{
    api::Api,
    auth::{Caller, Method},
};

#[tonic::async_trait]
impl GatewayService for Api {
    async fn get_caller_identity(
        &self,
        request: Request<pb::GetCallerIdentityRequest>,
    ) -> Result<Response<pb::CallerIdentity>, Status> {
        let caller = Caller::of(request.extensions());
        let method = match caller.method() {
            Method::None => pb::CallerMethod::None,
            Method::Key => pb::CallerMethod::Key,
        };
        Ok(Response::new(pb::CallerIdentity {
            principal: caller.principal().to_owned(),
            method: method.into(),
            permissions: caller.permissions().map(str::to_owned).collect(),
        }))
    }
}
