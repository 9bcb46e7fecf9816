//! Customers: all of them by pages or by a stream, and one that is created exactly once.

use std::time::Duration;

use futures_core::Stream;
use openfinance_rpc::pb::{
    Customer, ListCustomersRequest, StreamCustomersRequest,
    customer_service_client::CustomerServiceClient,
};
use tokio::time::sleep;
use tonic::{Code, Response, Status};

use crate::{Connection, Problem};

/// How often a create or a stream is begun at most without getting further.
const TRIES: u32 = 5;

// ANCHOR: create_again
/// Repeats a create until it is settled, after `wait`. It must send the same `request_id` each time: whatever became of the
/// tries before, there is one record.
///
/// # Errors
/// The last answer.
pub async fn create_again<T>(
    mut create: impl AsyncFnMut() -> Result<Response<T>, Status>,
    mut wait: impl AsyncFnMut(Duration),
) -> Result<T, Status> {
    for _ in 1..TRIES {
        match create().await {
            Err(status) if Problem::from(&status).is_unsettled() => wait(delay(&status)).await,
            answer => return answer.map(Response::into_inner),
        }
    }
    create().await.map(Response::into_inner)
}
// ANCHOR_END: create_again

/// How long to wait after this status.
fn delay(status: &Status) -> Duration {
    Problem::from(status)
        .retry_delay
        .unwrap_or(Duration::from_secs(1))
}

// ANCHOR: paging
/// Every customer that the request finds. The next page is asked for when it is needed.
pub fn customers(
    mut service: CustomerServiceClient<Connection>,
    mut request: ListCustomersRequest,
) -> impl Stream<Item = Result<Customer, Status>> {
    async_stream::try_stream! {
        loop {
            let page = service.list_customers(request.clone()).await?.into_inner();
            for customer in page.customers {
                yield customer;
            }
            if page.next_page_token.is_empty() {
                return;
            }
            request.page_token = page.next_page_token;
        }
    }
}
// ANCHOR_END: paging

// ANCHOR: streaming
/// Every customer that the request finds, each once. A stream that breaks is taken up where it broke.
pub fn stream(
    mut service: CustomerServiceClient<Connection>,
    mut request: StreamCustomersRequest,
) -> impl Stream<Item = Result<Customer, Status>> {
    async_stream::try_stream! {
        let mut left = TRIES;
        loop {
            let broken = match service.stream_customers(request.clone()).await {
                Err(status) => status,
                Ok(answer) => {
                    let mut pages = answer.into_inner();
                    loop {
                        match pages.message().await {
                            Err(status) => break status,
                            Ok(None) => return,
                            Ok(Some(page)) => {
                                for customer in page.customers {
                                    yield customer;
                                }
                                if page.resume_token.is_empty() {
                                    return;
                                }
                                (request.resume_token, left) = (page.resume_token, TRIES);
                            }
                        }
                    }
                }
            };
            left -= 1;
            if left == 0 || broken.code() != Code::Unavailable {
                Err(broken)?;
            } else {
                sleep(delay(&broken)).await;
            }
        }
    }
}
// ANCHOR_END: streaming
