//! Customers: handlers.

mod convert;
mod update;

use std::pin::Pin;

use futures_core::Stream;
use openfinance::{
    Client, Error, Refusal,
    customer::{Customer, CustomerType, NewCustomer},
    page::{CustomerPage, CustomerQuery, PageSize, Start},
    value::Text,
};
use openfinance_rpc::pb::{self, customer_service_server::CustomerService};
use prost::Message as _;
use tonic::{Request, Response, Status};

use crate::{
    api::{Api, MOST_OUT},
    convert::{Check, IntoPb, required},
    status::Subject,
};

#[tonic::async_trait]
impl CustomerService for Api {
    async fn create_customer(
        &self,
        request: Request<pb::CreateCustomerRequest>,
    ) -> Result<Response<pb::Customer>, Status> {
        let client = self.client(&request);
        let pb::CreateCustomerRequest {
            customer,
            request_id,
            validate_only,
        } = request.into_inner();
        let mut check = Check::new();
        let new: Option<NewCustomer> = check.message("customer", customer);
        check.request_id(&request_id);
        let new = check.finish(|| new)?;
        if validate_only {
            return Ok(Response::new(new.into_pb()));
        }
        let customer = client
            .create_customer(new)
            .await
            .map_err(|error| Subject::Nothing.status(error))?;
        Ok(Response::new(self.told(customer)))
    }

    async fn get_customer(
        &self,
        request: Request<pb::GetCustomerRequest>,
    ) -> Result<Response<pb::Customer>, Status> {
        let client = self.client(&request);
        let id = required("customer_id", request.into_inner().customer_id)?;
        let customer = client
            .customer(&id)
            .await
            .map_err(|error| Subject::Customer(&id).status(error))?;
        Ok(Response::new(self.told(customer)))
    }

    async fn lookup_customer(
        &self,
        request: Request<pb::LookupCustomerRequest>,
    ) -> Result<Response<pb::Customer>, Status> {
        let client = self.client(&request);
        let username = required("username", request.into_inner().username)?;
        let customer = client
            .lookup_customer(&username)
            .await
            .map_err(|error| Subject::Nothing.status(error))?;
        Ok(Response::new(self.told(customer)))
    }

    async fn list_customers(
        &self,
        request: Request<pb::ListCustomersRequest>,
    ) -> Result<Response<pb::ListCustomersResponse>, Status> {
        let client = self.client(&request);
        let pb::ListCustomersRequest {
            page_size,
            page_token,
            r#type,
            search,
        } = request.into_inner();
        let mut check = Check::new();
        let size = page_size_of(&mut check, page_size);
        let query = query(&mut check, r#type, search);
        let (size, query) = check.finish(|| Some((size?, query?)))?;
        let start = self.page_tokens.open(&query, "page_token", &page_token)?;
        let page = self.page(&client, &query, start, size).await?;
        let next_page_token = self.token(&query, page.next)?;
        Ok(Response::new(pb::ListCustomersResponse {
            customers: page.customers,
            next_page_token,
            total_size: page.total,
        }))
    }

    type StreamCustomersStream =
        Pin<Box<dyn Stream<Item = Result<pb::StreamCustomersResponse, Status>> + Send>>;

    async fn stream_customers(
        &self,
        request: Request<pb::StreamCustomersRequest>,
    ) -> Result<Response<Self::StreamCustomersStream>, Status> {
        let client = self.client(&request);
        let pb::StreamCustomersRequest {
            r#type,
            search,
            resume_token,
        } = request.into_inner();
        let mut check = Check::new();
        let query = query(&mut check, r#type, search);
        let query = check.finish(|| query)?;
        let first = self
            .page_tokens
            .open(&query, "resume_token", &resume_token)?;
        let api = self.clone();
        // The next page is fetched only when the one before has been taken.
        Ok(Response::new(Box::pin(async_stream::try_stream! {
            let mut next = Some(first);
            while let Some(start) = next {
                let page = api.page(&client, &query, start, PageSize::MAX).await?;
                next = page.next;
                let resume_token = api.token(&query, next)?;
                yield pb::StreamCustomersResponse { customers: page.customers, resume_token };
            }
        })))
    }

    async fn update_customer(
        &self,
        request: Request<pb::UpdateCustomerRequest>,
    ) -> Result<Response<pb::Customer>, Status> {
        let client = self.client(&request);
        let (id, update) = update::update(request.into_inner())?;
        let customer = client
            .update_customer(&id, update)
            .await
            .map_err(|error| Subject::Customer(&id).status(error))?;
        Ok(Response::new(self.told(customer)))
    }

    async fn delete_customer(
        &self,
        request: Request<pb::DeleteCustomerRequest>,
    ) -> Result<Response<()>, Status> {
        let client = self.client(&request);
        let pb::DeleteCustomerRequest {
            customer_id,
            allow_missing,
        } = request.into_inner();
        let id = required("customer_id", customer_id)?;
        match client.delete_customer(&id).await {
            Ok(()) => Ok(Response::new(())),
            Err(Error::Refused {
                refusal: Refusal::CustomerNotFound,
                ..
            }) if allow_missing => Ok(Response::new(())),
            Err(error) => Err(Subject::Customer(&id).status(error)),
        }
    }

    async fn get_customer_application(
        &self,
        request: Request<pb::GetCustomerApplicationRequest>,
    ) -> Result<Response<pb::CustomerApplication>, Status> {
        let client = self.client(&request);
        let id = required("customer_id", request.into_inner().customer_id)?;
        let application = client
            .customer_application(&id)
            .await
            .map_err(|error| Subject::Customer(&id).status(error))?;
        Ok(Response::new(application.into_pb()))
    }
}

/// A page as it is answered.
struct Page {
    customers: Vec<pb::Customer>,
    next: Option<Start>,
    total: Option<i32>,
}

impl Api {
    /// The customer as it is answered. Counts a type that this version does not know.
    pub(crate) fn told(&self, customer: Customer) -> pb::Customer {
        if customer.type_word.is_some() && customer.customer_type().is_none() {
            self.metrics.unknown_customer_type();
        }
        customer.into_pb()
    }

    async fn page(
        &self,
        client: &Client,
        query: &CustomerQuery,
        start: Start,
        size: PageSize,
    ) -> Result<Page, Status> {
        let CustomerPage {
            customers,
            next,
            total,
        } = client
            .customers_page(query, start, size)
            .await
            .map_err(|error| Subject::Nothing.status(error))?;
        let mut customers: Vec<_> = customers
            .into_iter()
            .map(|customer| self.told(customer))
            .collect();
        let fitting = fitting(&customers);
        let next = match fitting < customers.len() {
            true => u32::try_from(fitting)
                .ok()
                .and_then(|fitting| Start::new(start.get().checked_add(fitting)?)),
            false => next,
        };
        customers.truncate(fitting);
        Ok(Page {
            customers,
            next,
            total: total.and_then(|total| i32::try_from(total).ok()),
        })
    }

    fn token(&self, query: &CustomerQuery, next: Option<Start>) -> Result<String, Status> {
        next.map_or(Ok(String::new()), |next| self.page_tokens.seal(query, next))
    }
}

/// How many of the customers fit into one answer, at least one. A page may hold fewer than were asked for, and a
/// thousand customers with long fields are more than 4 MiB.
fn fitting(customers: &[pb::Customer]) -> usize {
    // What stands around a customer in the list, and the list's other fields, are far below these.
    let (around, rest) = (16, 1_024);
    let mut room = MOST_OUT - rest;
    let fits = |customer: &&pb::Customer| {
        let left = room.checked_sub(customer.encoded_len() + around);
        room = left.unwrap_or(0);
        left.is_some()
    };
    customers
        .iter()
        .take_while(fits)
        .count()
        .max(1)
        .min(customers.len())
}

fn page_size_of(check: &mut Check, page_size: i32) -> Option<PageSize> {
    match u32::try_from(page_size) {
        Ok(0) => Some(PageSize::DEFAULT),
        Ok(size) => Some(PageSize::new(size)),
        Err(_) => {
            check.refuse("page_size", "must not be negative");
            None
        }
    }
}

fn query(check: &mut Check, customer_type: i32, search: String) -> Option<CustomerQuery> {
    let customer_type = match pb::CustomerType::try_from(customer_type) {
        Ok(pb::CustomerType::Unspecified) => None,
        Ok(pb::CustomerType::Testing) => Some(CustomerType::Testing),
        Ok(pb::CustomerType::Active) => Some(CustomerType::Active),
        Err(_) => {
            check.refuse("type", "must be a value of CustomerType");
            None
        }
    };
    let search: Option<Text> = check.optional("search", search);
    Some(CustomerQuery {
        customer_type,
        search,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::violated;

    #[test]
    fn a_negative_page_size_and_an_unknown_type_are_refused() {
        let mut check = Check::new();
        page_size_of(&mut check, -1);
        query(&mut check, 9, "\u{1}".to_owned());
        assert_eq!(
            violated(check.finish(|| Some(())).unwrap_err()),
            ["page_size", "type", "search"]
        );
        let size = |size| page_size_of(&mut Check::new(), size).map(PageSize::get);
        assert_eq!(
            [size(0), size(1), size(1_000), size(1_001)],
            [Some(25), Some(1), Some(1_000), Some(1_000)]
        );
    }

    #[test]
    fn a_page_that_is_too_large_is_cut_and_never_empty() {
        let customer = |len| pb::Customer {
            email: "x".repeat(len),
            ..pb::Customer::default()
        };
        assert_eq!(fitting(&[]), 0);
        assert_eq!(fitting(&[customer(MOST_OUT)]), 1);
        assert_eq!(fitting(&vec![customer(100); 1_000]), 1_000);
        let large = vec![customer(8_000); 1_000];
        let kept = fitting(&large);
        let list = pb::ListCustomersResponse {
            customers: large[..kept].to_vec(),
            ..Default::default()
        };
        assert!(kept > 500 && list.encoded_len() < MOST_OUT, "{kept}");
    }
}
