//! The pages of a list: a stream that is taken up again where it broke.

use openfinance_rpc::pb;
use tokio::time::timeout;
use tonic::{Request, Status, codec::Streaming};

use super::Plan;
use crate::{
    connect::{Gateway, kept_back},
    transfer::patience::Wait,
};

/// The pages from a certain place on.
pub(super) struct Pages<'a> {
    plan: &'a Plan,
    gateway: &'a Gateway,
    token: String,
    stream: Option<Streaming<pb::StreamCustomersResponse>>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(plan: &'a Plan, gateway: &'a Gateway, token: String) -> Self {
        Self {
            plan,
            gateway,
            token,
            stream: None,
        }
    }

    /// The next page; the last one has no resume token. `told` hears of trouble on the way, and `hidden` of fields that
    /// are kept from the caller.
    pub(super) async fn next(
        &mut self,
        told: impl FnMut(&Status),
        mut hidden: impl FnMut(Vec<String>),
    ) -> Result<pb::StreamCustomersResponse, Status> {
        let mut wait = Wait::new(self.plan.patience, told);
        loop {
            match self.once(&mut hidden).await {
                Ok(page) => {
                    self.token.clone_from(&page.resume_token);
                    return Ok(page);
                }
                Err(status) => {
                    self.stream = None;
                    wait.before_repeat_of(status).await?;
                }
            }
        }
    }

    async fn once(
        &mut self,
        hidden: &mut impl FnMut(Vec<String>),
    ) -> Result<pb::StreamCustomersResponse, Status> {
        let late = |_| Status::deadline_exceeded("no page came in time");
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let request = Request::new(pb::StreamCustomersRequest {
                    r#type: self.plan.kind.into(),
                    search: self.plan.search.clone(),
                    resume_token: self.token.clone(),
                });
                let mut customers = self.gateway.customers();
                let opened = timeout(self.gateway.deadline, customers.stream_customers(request));
                let answer = opened.await.map_err(late)??;
                hidden(kept_back(&answer));
                self.stream.insert(answer.into_inner())
            }
        };
        // A page takes no longer than a call.
        let page = timeout(self.gateway.deadline, stream.message()).await;
        let page = page.map_err(late)??;
        page.ok_or_else(|| Status::unavailable("the stream ended before its last page"))
    }
}
