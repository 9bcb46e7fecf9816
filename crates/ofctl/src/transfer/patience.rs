//! Calls that are made again for as long as patience lasts, and how long to wait between them.

use std::time::Duration;

use openfinance_rpc::pb;
use tokio::time::{Instant, sleep};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;

use crate::{connect::Gateway, exit::Failure};

/// How long the first wait is where the gateway names none; each one after that is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// A longer time that the gateway asks for is cut short: it may be well again, and patience ends some time.
pub(crate) const LONGEST_ASKED: Duration = Duration::from_secs(120);

/// How long to wait after so many tries in a row that came to nothing: as the gateway asks, or else longer each time.
pub(crate) fn wait(asked: Option<Duration>, tries: u32) -> Duration {
    match asked {
        Some(asked) => asked.min(LONGEST_ASKED),
        None => FIRST_WAIT
            .saturating_mul(1 << tries.min(10))
            .min(LONGEST_WAIT),
    }
}

/// Makes a call that reads until it is answered for good. `told` hears of the first try that came to nothing.
pub(crate) async fn call<T>(
    patience: Duration,
    told: impl FnMut(&Status),
    mut once: impl AsyncFnMut() -> Result<Response<T>, Status>,
) -> Result<Response<T>, Status> {
    let mut wait = Wait::new(patience, told);
    loop {
        match once().await {
            Ok(answer) => return Ok(answer),
            Err(status) => wait.before_repeat_of(status).await?,
        }
    }
}

/// Which vendor the gateway calls; nothing where the caller may not ask.
///
/// # Errors
///
/// [`Failure::Refused`] if it did not answer.
pub(crate) async fn environment(
    gateway: &Gateway,
    patience: Duration,
    told: impl FnMut(&Status),
) -> Result<String, Failure> {
    let asked = call(patience, told, async || {
        let mut request = Request::new(pb::GetGatewayInfoRequest {});
        request.set_timeout(gateway.deadline);
        gateway.itself().get_gateway_info(request).await
    });
    match asked.await {
        Ok(answer) => Ok(answer.into_inner().environment),
        Err(status) if status.code() == Code::PermissionDenied => Ok(String::new()),
        Err(status) => Err(Failure::read(status)),
    }
}

/// The waits between the tries of a call.
pub(crate) struct Wait<F> {
    end: Instant,
    tries: u32,
    told: F,
}

impl<F: FnMut(&Status)> Wait<F> {
    pub(crate) fn new(patience: Duration, told: F) -> Self {
        Self {
            end: Instant::now() + patience,
            tries: 0,
            told,
        }
    }

    /// Waits for the time of the next try, if another one may end otherwise and patience lasts.
    pub(crate) async fn before_repeat_of(&mut self, status: Status) -> Result<(), Status> {
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
        if self.tries == 0 {
            (self.told)(&status);
        }
        sleep(wait(asked, self.tries)).await;
        self.tries = self.tries.saturating_add(1);
        Ok(())
    }
}
