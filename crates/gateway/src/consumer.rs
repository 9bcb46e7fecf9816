//! Consumers: handlers.

pub(crate) mod convert;
pub(crate) mod update;

use openfinance::{Client, RequestId, consumer::NewConsumer, id::CustomerId};
use openfinance_rpc::pb::{self, consumer_service_server::ConsumerService};
use tonic::{Request, Response, Status};

use crate::{
    api::{Api, caller, once},
    convert::{Check, IntoPb, required},
    status::Subject,
};

#[tonic::async_trait]
impl ConsumerService for Api {
    async fn create_consumer(
        &self,
        request: Request<pb::CreateConsumerRequest>,
    ) -> Result<Response<pb::Consumer>, Status> {
        let client = self.client(&request);
        let caller = caller(&request);
        let pb::CreateConsumerRequest {
            customer_id,
            consumer,
            request_id,
            validate_only,
        } = request.into_inner();
        let mut check = Check::new();
        let owner: Option<CustomerId> = check.required("customer_id", customer_id);
        let new: Option<NewConsumer> = check.message("consumer", consumer);
        check.request_id(&request_id);
        let (owner, new) = check.finish(|| Some((owner?, new?)))?;
        if validate_only {
            return Ok(Response::new(pb::Consumer {
                customer_id: owner.to_string(),
                ..new.into_pb()
            }));
        }
        let request = once(caller, "ConsumerService/CreateConsumer", &request_id);
        create(&client, request, owner, new).await
    }

    async fn create_consumer_for_business(
        &self,
        request: Request<pb::CreateConsumerForBusinessRequest>,
    ) -> Result<Response<pb::Consumer>, Status> {
        let client = self.client(&request);
        let method = "ConsumerService/CreateConsumerForBusiness";
        let once = once(caller(&request), method, &request.get_ref().request_id);
        let (owner, business) = convert::for_business(request.into_inner())?;
        create(&client, once, owner, NewConsumer::for_business(business)).await
    }

    async fn get_consumer(
        &self,
        request: Request<pb::GetConsumerRequest>,
    ) -> Result<Response<pb::Consumer>, Status> {
        let client = self.client(&request);
        let id = required("consumer_id", request.into_inner().consumer_id)?;
        let consumer = client
            .consumer(&id)
            .await
            .map_err(|error| Subject::Consumer(&id).status(error))?;
        Ok(Response::new(consumer.into_pb()))
    }

    async fn get_consumer_by_customer(
        &self,
        request: Request<pb::GetConsumerByCustomerRequest>,
    ) -> Result<Response<pb::Consumer>, Status> {
        let client = self.client(&request);
        let owner = required("customer_id", request.into_inner().customer_id)?;
        let consumer = client
            .consumer_by_customer(&owner)
            .await
            .map_err(|error| Subject::Customer(&owner).status(error))?;
        Ok(Response::new(consumer.into_pb()))
    }

    async fn update_consumer(
        &self,
        request: Request<pb::UpdateConsumerRequest>,
    ) -> Result<Response<pb::Consumer>, Status> {
        let client = self.client(&request);
        let (id, update) = update::update(request.into_inner())?;
        let consumer = client
            .update_consumer(&id, update)
            .await
            .map_err(|error| Subject::Consumer(&id).status(error))?;
        Ok(Response::new(consumer.into_pb()))
    }
}

async fn create(
    client: &Client,
    request: Option<RequestId>,
    owner: CustomerId,
    new: NewConsumer,
) -> Result<Response<pb::Consumer>, Status> {
    let consumer = match request {
        Some(request) => client.once(request).create_consumer(&owner, new).await,
        None => client.create_consumer(&owner, new).await,
    };
    let consumer = consumer.map_err(|error| Subject::Customer(&owner).status(error))?;
    Ok(Response::new(consumer.into_pb()))
}
