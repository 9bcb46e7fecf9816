//! The gateway itself: handlers.

use openfinance_rpc::pb::{self, gateway_service_server::GatewayService};
use tonic::{Request, Response, Status};

use crate::{about, api::Api, auth::Caller, config::auth::Method};

#[tonic::async_trait]
impl GatewayService for Api {
    async fn get_caller_identity(
        &self,
        request: Request<pb::GetCallerIdentityRequest>,
    ) -> Result<Response<pb::CallerIdentity>, Status> {
        let caller = Caller::of(request.extensions());
        let method = match caller.method() {
            None => pb::CallerMethod::None,
            Some(Method::Mtls) => pb::CallerMethod::Mtls,
            Some(Method::Jwt) => pb::CallerMethod::Jwt,
            Some(Method::Key) => pb::CallerMethod::Key,
        };
        Ok(Response::new(pb::CallerIdentity {
            principal: caller.principal().to_owned(),
            method: method.into(),
            permissions: caller.permissions().map(str::to_owned).collect(),
        }))
    }

    async fn get_gateway_info(
        &self,
        request: Request<pb::GetGatewayInfoRequest>,
    ) -> Result<Response<pb::GatewayInfo>, Status> {
        let pb::GetGatewayInfoRequest {} = request.into_inner();
        Ok(Response::new(self.gateway_info()))
    }

    async fn list_error_reasons(
        &self,
        request: Request<pb::ListErrorReasonsRequest>,
    ) -> Result<Response<pb::ListErrorReasonsResponse>, Status> {
        let pb::ListErrorReasonsRequest {} = request.into_inner();
        Ok(Response::new(about::error_reasons()))
    }
}
