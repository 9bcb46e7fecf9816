//! The yardsticks on the side of the server: a gateway that does nothing but the calls, and a server that does not even
//! make them.
//!
//! Both are tonic as it comes, with what a handler has to do and nothing else: no deadline, no retry, no limit, no check,
//! no log, no figures.

use std::{net::Ipv4Addr, pin::Pin};

use futures_core::Stream;
use openfinance_rpc::pb::{
    self,
    customer_service_server::{CustomerService, CustomerServiceServer},
};
use prost_types::Timestamp;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

use crate::{
    role::{Orders, say, until_the_end},
    vendor::{ACTIVE, Access, CUSTOMERS, TESTING},
};

/// As many as the vendor gives at once.
const PAGE: i32 = 1_000;

/// Serves the same customer over and over, from memory.
pub(crate) async fn play_echo(orders: Orders) {
    let customer = Customer {
        id: "1005061234".to_owned(),
        username: "household-4711".to_owned(),
        first_name: "Ada".to_owned(),
        last_name: "Lovelace".to_owned(),
        phone: "8015550123".to_owned(),
        email: "ada.lovelace@example.com".to_owned(),
        r#type: "testing".to_owned(),
        created_date: "1700000000".to_owned(),
    };
    serve(Source::Memory(customer.into_pb()), orders).await;
}

/// Serves what the vendor at this URL has.
pub(crate) async fn play(base_url: &str, orders: Orders) {
    serve(Source::Vendor(Access::log_in(base_url).await), orders).await;
}

async fn serve(source: Source, orders: Orders) {
    // Without delay, as tonic's own way to listen has it.
    let incoming = TcpIncoming::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let incoming = incoming.with_nodelay(Some(true));
    say(incoming.local_addr().unwrap());
    let server = Server::builder().add_service(CustomerServiceServer::new(Naked(source)));
    tokio::select! {
        served = server.serve_with_incoming(incoming) => served.unwrap(),
        () = until_the_end(orders) => {}
    }
}

struct Naked(Source);

/// Where customers come from.
enum Source {
    Memory(pb::Customer),
    Vendor(Access),
}

/// A customer as the vendor answers it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Customer {
    id: String,
    username: String,
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    last_name: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    email: String,
    r#type: String,
    created_date: String,
}

impl Customer {
    fn into_pb(self) -> pb::Customer {
        let customer_type = match self.r#type.as_str() {
            "testing" => pb::CustomerType::Testing,
            _ => pb::CustomerType::Active,
        };
        pb::Customer {
            customer_id: self.id,
            username: self.username,
            r#type: customer_type.into(),
            first_name: self.first_name,
            last_name: self.last_name,
            phone: self.phone,
            email: self.email,
            create_time: self.created_date.parse().ok().map(at),
            ..Default::default()
        }
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

/// A page as the vendor answers it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    found: Option<i32>,
    more_available: bool,
    customers: Vec<Customer>,
}

/// What the vendor is asked for a new customer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewCustomer<'request> {
    username: &'request str,
    first_name: &'request str,
    last_name: &'request str,
    phone: &'request str,
    email: &'request str,
}

/// What it answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    id: String,
    created_date: i64,
}

impl Access {
    async fn answer<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, Status> {
        let failed = |error: reqwest::Error| Status::unavailable(error.without_url().to_string());
        let answer = request.send().await.map_err(failed)?;
        match answer.status() {
            status if status.is_success() => answer.json().await.map_err(failed),
            StatusCode::NOT_FOUND => Err(Status::not_found("there is no such customer")),
            status => Err(Status::unknown(status.to_string())),
        }
    }

    async fn page(&self, start: i64, limit: i32) -> Result<Page, Status> {
        let url = format!("{}{CUSTOMERS}?start={start}&limit={limit}", self.base_url);
        self.answer(self.http.get(url)).await
    }
}

impl Naked {
    fn vendor(&self) -> Result<&Access, Status> {
        match &self.0 {
            Source::Memory(_) => Err(Status::unimplemented("an echo of reads")),
            Source::Vendor(access) => Ok(access),
        }
    }
}

#[tonic::async_trait]
impl CustomerService for Naked {
    async fn create_customer(
        &self,
        request: Request<pb::CreateCustomerRequest>,
    ) -> Result<Response<pb::Customer>, Status> {
        let access = self.vendor()?;
        let customer = request.into_inner().customer;
        let customer = customer.ok_or_else(|| Status::invalid_argument("no customer"))?;
        let path = match customer.r#type() {
            pb::CustomerType::Testing => TESTING,
            pb::CustomerType::Active | pb::CustomerType::Unspecified => ACTIVE,
        };
        let new = NewCustomer {
            username: &customer.username,
            first_name: &customer.first_name,
            last_name: &customer.last_name,
            phone: &customer.phone,
            email: &customer.email,
        };
        let request = access.http.post(format!("{}{path}", access.base_url));
        let created: Created = access.answer(request.json(&new)).await?;
        Ok(Response::new(pb::Customer {
            customer_id: created.id,
            create_time: Some(at(created.created_date)),
            ..customer
        }))
    }

    async fn get_customer(
        &self,
        request: Request<pb::GetCustomerRequest>,
    ) -> Result<Response<pb::Customer>, Status> {
        let access = match &self.0 {
            Source::Memory(customer) => return Ok(Response::new(customer.clone())),
            Source::Vendor(access) => access,
        };
        let id = request.into_inner().customer_id;
        let request = access
            .http
            .get(format!("{}{CUSTOMERS}/{id}", access.base_url));
        let customer: Customer = access.answer(request).await?;
        Ok(Response::new(customer.into_pb()))
    }

    async fn list_customers(
        &self,
        request: Request<pb::ListCustomersRequest>,
    ) -> Result<Response<pb::ListCustomersResponse>, Status> {
        let page = self
            .vendor()?
            .page(1, request.into_inner().page_size)
            .await?;
        Ok(Response::new(pb::ListCustomersResponse {
            customers: page.customers.into_iter().map(Customer::into_pb).collect(),
            total_size: page.found,
            ..Default::default()
        }))
    }

    type StreamCustomersStream =
        Pin<Box<dyn Stream<Item = Result<pb::StreamCustomersResponse, Status>> + Send>>;

    async fn stream_customers(
        &self,
        request: Request<pb::StreamCustomersRequest>,
    ) -> Result<Response<Self::StreamCustomersStream>, Status> {
        let access = self.vendor()?.clone();
        let mut start = request.into_inner().resume_token.parse().unwrap_or(1);
        Ok(Response::new(Box::pin(async_stream::try_stream! {
            loop {
                let page = access.page(start, PAGE).await?;
                start += i64::from(PAGE);
                yield pb::StreamCustomersResponse {
                    customers: page.customers.into_iter().map(Customer::into_pb).collect(),
                    resume_token: start.to_string(),
                };
                if !page.more_available {
                    break;
                }
            }
        })))
    }

    async fn lookup_customer(
        &self,
        _: Request<pb::LookupCustomerRequest>,
    ) -> Result<Response<pb::Customer>, Status> {
        Err(not_measured())
    }

    async fn update_customer(
        &self,
        _: Request<pb::UpdateCustomerRequest>,
    ) -> Result<Response<pb::Customer>, Status> {
        Err(not_measured())
    }

    async fn delete_customer(
        &self,
        _: Request<pb::DeleteCustomerRequest>,
    ) -> Result<Response<()>, Status> {
        Err(not_measured())
    }

    async fn get_customer_application(
        &self,
        _: Request<pb::GetCustomerApplicationRequest>,
    ) -> Result<Response<pb::CustomerApplication>, Status> {
        Err(not_measured())
    }
}

fn not_measured() -> Status {
    Status::unimplemented("nothing is measured with this")
}
