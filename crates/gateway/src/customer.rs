//! Customers: handlers.

mod convert;
pub(crate) mod update;

use std::pin::Pin;

use futures_core::Stream;
use openfinance::{
    Client, Error, Refusal,
    customer::{Customer, CustomerType, NewCustomer},
    page::{Cursor, CustomerPage, CustomerQuery, PageSize},
    value::Text,
};
use openfinance_rpc::pb::{self, customer_service_server::CustomerService};
use tonic::{Request, Response, Status};

use crate::{
    api::{Api, caller, once},
    convert::{Check, IntoPb, required},
    overload::Admission,
    status::Subject,
};

#[tonic::async_trait]
impl CustomerService for Api {
    async fn create_customer(
        &self,
        request: Request<pb::CreateCustomerRequest>,
    ) -> Result<Response<pb::Customer>, Status> {
        let client = self.client(&request);
        let caller = caller(&request);
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
        let customer = match once(caller, "CustomerService/CreateCustomer", &request_id) {
            Some(request) => client.once(request).create_customer(new).await,
            None => client.create_customer(new).await,
        };
        let customer = customer.map_err(|error| Subject::Nothing.status(error))?;
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
        let api = self.tokens_of(&request);
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
        let from = api.page_tokens.open(&query, "page_token", &page_token)?;
        let page = self.page(&client, &query, &from, size).await?;
        let next_page_token = api.token(&query, page.next.as_ref())?;
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
        let admission = request.extensions().get::<Admission>().cloned();
        let api = self.tokens_of(&request);
        let pb::StreamCustomersRequest {
            r#type,
            search,
            resume_token,
        } = request.into_inner();
        let mut check = Check::new();
        let query = query(&mut check, r#type, search);
        let query = check.finish(|| query)?;
        let first = api
            .page_tokens
            .open(&query, "resume_token", &resume_token)?;
        // The next page is fetched only when the one before has been taken.
        Ok(Response::new(Box::pin(async_stream::try_stream! {
            let mut next = Some(first);
            while let Some(from) = next {
                let place = match &admission {
                    Some(admission) => Some(admission.enter().await?),
                    None => None,
                };
                let page = api.page(&client, &query, &from, PageSize::MAX).await?;
                drop(place);
                next = page.next;
                let resume_token = api.token(&query, next.as_ref())?;
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
    next: Option<Cursor>,
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
        from: &Cursor,
        size: PageSize,
    ) -> Result<Page, Status> {
        let mut page = client
            .customers_page(query, from, size)
            .await
            .map_err(|error| Subject::Nothing.status(error))?;
        page.truncate(fitting(&page.customers, self.sizes.answer));
        let CustomerPage {
            customers,
            next,
            total,
            ..
        } = page;
        Ok(Page {
            customers: customers
                .into_iter()
                .map(|customer| self.told(customer))
                .collect(),
            next,
            total: total.and_then(|total| i32::try_from(total).ok()),
        })
    }

    /// With the page tokens of whoever makes the request.
    fn tokens_of<T>(&self, request: &Request<T>) -> Self {
        Self {
            page_tokens: self.page_tokens.of(&caller(request)),
            ..self.clone()
        }
    }

    fn token(&self, query: &CustomerQuery, next: Option<&Cursor>) -> Result<String, Status> {
        next.map_or(Ok(String::new()), |next| self.page_tokens.seal(query, next))
    }
}

/// How many of the customers fit into an answer of `most` bytes, at least one. A page may hold fewer than were asked
/// for, and a thousand customers with long fields are more than 4 MiB.
fn fitting(customers: &[Customer], most: usize) -> usize {
    // The list's other fields are far below this.
    let rest = 1_024;
    let mut room = most - rest;
    let fits = |customer: &&Customer| {
        let left = room.checked_sub(most_encoded(customer));
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

/// How many bytes a customer takes in an answer at most.
fn most_encoded(customer: &Customer) -> usize {
    let Customer {
        id,
        username,
        type_word: _,
        first_name,
        last_name,
        phone,
        email,
        application_id,
        created: _,
        updated: _,
    } = customer;
    let personal = [username, first_name, last_name, phone, email];
    let texts: usize = personal
        .into_iter()
        .flatten()
        .map(|text| text.as_str().len())
        .chain(application_id.as_ref().map(String::len))
        .sum();
    // A tag and a length for the customer and each of seven texts, the type, and two times.
    let around = 8 * 6 + 2 + 2 * 19;
    id.as_str().len() + texts + around
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
    use jiff::Timestamp;
    use prost::Message as _;

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

    fn customer(len: usize) -> Customer {
        let text = || Some("x".repeat(len).into());
        Customer {
            id: "9223372036854775807".parse().unwrap(),
            username: text(),
            type_word: Some("active".to_owned()),
            first_name: text(),
            last_name: text(),
            phone: text(),
            email: text(),
            application_id: Some("x".repeat(len)),
            created: Some(Timestamp::MAX),
            updated: Some(Timestamp::MIN),
        }
    }

    fn list(customers: &[Customer]) -> pb::ListCustomersResponse {
        pb::ListCustomersResponse {
            customers: customers.iter().cloned().map(IntoPb::into_pb).collect(),
            next_page_token: "x".repeat(200),
            total_size: Some(i32::MAX),
        }
    }

    #[test]
    fn a_page_that_is_too_large_is_cut_and_never_empty() {
        const MOST: usize = 4 * 1024 * 1024;
        assert_eq!(fitting(&[], MOST), 0);
        assert_eq!(fitting(&[customer(MOST)], MOST), 1);
        assert_eq!(fitting(&vec![customer(100); 1_000], MOST), 1_000);
        let large = vec![customer(1_000); 1_000];
        let kept = fitting(&large, MOST);
        let size = list(&large[..kept]).encoded_len();
        assert!(kept > 500 && size < MOST, "{kept}: {size}");
    }

    #[test]
    fn what_a_customer_takes_is_never_more_than_was_reckoned() {
        for len in [0, 1, 127, 128, 20_000, 3_000_000] {
            let one = customer(len);
            let empty = list(&[]).encoded_len();
            let taken = list(std::slice::from_ref(&one)).encoded_len() - empty;
            let most = most_encoded(&one);
            assert!((taken..taken + 60).contains(&most), "{taken}, not {most}");
        }
    }
}
