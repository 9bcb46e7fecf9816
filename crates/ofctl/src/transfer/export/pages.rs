//! The pages of a list: a stream that is taken up again where it broke.

use std::time::Duration;

use openfinance_rpc::pb;
use tokio::time::{Instant, sleep};
use tonic::{Code, Request, Response, Status, codec::Streaming};
use tonic_types::StatusExt as _;

use super::Plan;
use crate::connect::Gateway;

/// How long the first wait is where the gateway names none; each one after that is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Fields that come back empty because the caller may not see them are listed here.
const REDACTED: &str = "x-openfinance-redacted";

/// The pages from a certain place on.
pub(super) struct Pages<'a> {
    plan: &'a Plan,
    gateway: &'a Gateway,
    token: String,
    stream: Option<Streaming<pb::StreamCustomersResponse>>,
    /// Which fields are kept from the caller.
    pub(super) hidden: String,
}

impl<'a> Pages<'a> {
    pub(super) fn new(plan: &'a Plan, gateway: &'a Gateway, token: String) -> Self {
        Self {
            plan,
            gateway,
            token,
            stream: None,
            hidden: String::new(),
        }
    }

    /// The next page; the last one has no resume token.
    pub(super) async fn next(&mut self) -> Result<pb::StreamCustomersResponse, Status> {
        let mut wait = Wait::new(self.plan.patience);
        loop {
            match self.once().await {
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

    async fn once(&mut self) -> Result<pb::StreamCustomersResponse, Status> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let request = Request::new(pb::StreamCustomersRequest {
                    r#type: self.plan.kind.into(),
                    search: self.plan.search.clone(),
                    resume_token: self.token.clone(),
                });
                let answer = self.gateway.customers().stream_customers(request).await?;
                if let Some(hidden) = answer.metadata().get(REDACTED) {
                    self.hidden = hidden.to_str().unwrap_or_default().replace(',', ", ");
                }
                self.stream.insert(answer.into_inner())
            }
        };
        // A page takes no longer than a call.
        let page = tokio::time::timeout(self.gateway.deadline, stream.message()).await;
        let page = page.map_err(|_| Status::deadline_exceeded("no page came in time"))??;
        page.ok_or_else(|| Status::unavailable("the stream ended before its last page"))
    }
}

/// Makes a call that reads until it is answered for good.
pub(super) async fn call<T>(
    patience: Duration,
    mut once: impl AsyncFnMut() -> Result<Response<T>, Status>,
) -> Result<Response<T>, Status> {
    let mut wait = Wait::new(patience);
    loop {
        match once().await {
            Ok(answer) => return Ok(answer),
            Err(status) => wait.before_repeat_of(status).await?,
        }
    }
}

/// The waits between the tries of a call.
struct Wait {
    end: Instant,
    own: Duration,
}

impl Wait {
    fn new(patience: Duration) -> Self {
        Self {
            end: Instant::now() + patience,
            own: FIRST_WAIT,
        }
    }

    /// Waits for the time of the next try, if another one may end otherwise and patience lasts.
    async fn before_repeat_of(&mut self, status: Status) -> Result<(), Status> {
        let details = status.get_error_details();
        let told = details.error_info().is_some();
        let asked = details.retry_info().and_then(|retry| retry.retry_delay);
        let passing = match status.code() {
            Code::Unavailable | Code::DeadlineExceeded => true,
            Code::ResourceExhausted => asked.is_some(),
            Code::Cancelled | Code::Unknown | Code::Internal => !told,
            Code::Ok
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::DataLoss
            | Code::Unauthenticated => false,
        };
        if !passing || Instant::now() >= self.end {
            return Err(status);
        }
        sleep(asked.unwrap_or(self.own).min(LONGEST_WAIT)).await;
        self.own = (self.own * 2).min(LONGEST_WAIT);
        Ok(())
    }
}
