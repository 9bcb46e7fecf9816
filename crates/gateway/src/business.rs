//! Businesses: handlers.

mod convert;
pub(crate) mod update;

use openfinance::{business::NewBusiness, id::CustomerId};
use openfinance_rpc::pb::{self, business_service_server::BusinessService};
use tonic::{Request, Response, Status};

use crate::{
    api::{Api, caller, once},
    convert::{Check, IntoPb, required},
    status::Subject,
};

#[tonic::async_trait]
impl BusinessService for Api {
    async fn create_business(
        &self,
        request: Request<pb::CreateBusinessRequest>,
    ) -> Result<Response<pb::Business>, Status> {
        let client = self.client(&request);
        let caller = caller(&request);
        let pb::CreateBusinessRequest {
            customer_id,
            business,
            request_id,
            validate_only,
        } = request.into_inner();
        let mut check = Check::new();
        let owner: Option<CustomerId> = check.required("customer_id", customer_id);
        let new: Option<NewBusiness> = check.message("business", business);
        check.request_id(&request_id);
        let (owner, new) = check.finish(|| Some((owner?, new?)))?;
        if validate_only {
            return Ok(Response::new(pb::Business {
                customer_id: owner.to_string(),
                ..new.into_pb()
            }));
        }
        let business = match once(caller, "BusinessService/CreateBusiness", &request_id) {
            Some(request) => client.once(request).create_business(&owner, new).await,
            None => client.create_business(&owner, new).await,
        };
        let business = business.map_err(|error| Subject::Customer(&owner).status(error))?;
        Ok(Response::new(business.into_pb()))
    }

    async fn get_business(
        &self,
        request: Request<pb::GetBusinessRequest>,
    ) -> Result<Response<pb::Business>, Status> {
        let client = self.client(&request);
        let id = required("business_id", request.into_inner().business_id)?;
        let business = client
            .business(&id)
            .await
            .map_err(|error| Subject::Business(&id).status(error))?;
        Ok(Response::new(business.into_pb()))
    }

    async fn get_business_by_customer(
        &self,
        request: Request<pb::GetBusinessByCustomerRequest>,
    ) -> Result<Response<pb::Business>, Status> {
        let client = self.client(&request);
        let owner = required("customer_id", request.into_inner().customer_id)?;
        let business = client
            .business_by_customer(&owner)
            .await
            .map_err(|error| Subject::Customer(&owner).status(error))?;
        Ok(Response::new(business.into_pb()))
    }

    async fn update_business(
        &self,
        request: Request<pb::UpdateBusinessRequest>,
    ) -> Result<Response<pb::Business>, Status> {
        let client = self.client(&request);
        let (id, update) = update::update(request.into_inner())?;
        let business = client
            .update_business(&id, update)
            .await
            .map_err(|error| Subject::Business(&id).status(error))?;
        Ok(Response::new(business.into_pb()))
    }
}
