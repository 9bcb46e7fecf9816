//! One attempt: what it carries, how long and how large it may be, and what came of it.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use progenitor_client::{Error, ResponseValue};
use reqwest::StatusCode;
use serde::de::DeserializeOwned;

use crate::{
    Answer, Cause, CauseKind, Client, Failure, HttpClient, Place, credentials::Credentials,
};

/// What a method of [`Client`] answers. [`Call::settle`] turns it into a value or a [`Failure`], which print nothing of
/// a body; the error in here is the generator's, and its `Debug` does.
pub type Sent<T> = Result<ResponseValue<T>, Error<()>>;

const TIMEOUT: Duration = Duration::from_secs(20);
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// One attempt at one operation: its credentials, its limits and, afterwards, what the server answered.
///
/// A call is for one request. Its clones share it, and a second request is refused before it is sent.
#[derive(Clone)]
pub struct Call {
    pub(crate) credentials: Credentials,
    pub(crate) timeout: Duration,
    pub(crate) body_limit: usize,
    pub(crate) trace: Arc<Trace>,
}

/// What the hooks saw of the request on its way.
#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) started: OnceLock<()>,
    pub(crate) sent: OnceLock<()>,
    pub(crate) connected: OnceLock<()>,
    pub(crate) status: OnceLock<StatusCode>,
    pub(crate) answer: OnceLock<Answer>,
    pub(crate) failed: OnceLock<Failure>,
}

/// A call, and what it is made with: what a generated client knows beside its operations.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub(crate) call: Call,
    pub(crate) http: HttpClient,
}

impl Call {
    /// A call with these credentials and the usual limits.
    pub(crate) fn with(credentials: Credentials) -> Self {
        Self {
            credentials,
            timeout: TIMEOUT,
            body_limit: BODY_LIMIT,
            trace: Arc::default(),
        }
    }

    /// With a time limit for the whole attempt, from connecting to the last byte of the body. 20 seconds by default.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// With a limit on the size of the answer's body in bytes. 4 MiB by default.
    #[must_use]
    pub fn body_limit(self, body_limit: usize) -> Self {
        Self { body_limit, ..self }
    }

    /// The client to make this call with. Cheap: it shares the connections of `http`, which is one of the same server.
    pub fn client(&self, base_url: &str, http: &HttpClient) -> Client {
        let attempt = Attempt {
            call: self.clone(),
            http: http.clone(),
        };
        let maker = http.server.maker.clone();
        Client::new_with_client(base_url.trim_end_matches('/'), maker, attempt)
    }

    /// What the server answered, whatever became of it; `None` before and if no complete answer came.
    pub fn answer(&self) -> Option<&Answer> {
        self.trace.answer.get()
    }

    /// The decoded value, or what the attempt came to instead.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn settle<T: DeserializeOwned>(&self, sent: Sent<T>) -> Result<T, Failure> {
        let error = match sent {
            Ok(value) => return Ok(value.into_inner()),
            Err(error) => error,
        };
        let Trace {
            status,
            answer,
            failed,
            ..
        } = &*self.trace;
        if let Some(failure) = failed.get() {
            return Err(failure.clone());
        }
        let unknown = || Failure::Interrupted {
            status: status.get().copied(),
            cause: Cause::unknown(),
        };
        Err(match error {
            Error::InvalidRequest(_) | Error::Custom(_) => {
                Failure::Unsendable("an argument has no place in a request")
            }
            Error::CommunicationError(error) if error.is_builder() => {
                Failure::Unsendable("the base URL or an argument makes no request")
            }
            // What else goes wrong with a request has failed above, and a body is decoded from memory.
            Error::CommunicationError(_)
            | Error::ResponseBodyError(_)
            | Error::InvalidUpgrade(_) => unknown(),
            Error::InvalidResponsePayload(_, error) => match answer.get() {
                Some(answer) => Failure::Undecodable {
                    at: Place::find::<T>(&answer.body, &error),
                    answer: Box::new(answer.clone()),
                },
                None => unknown(),
            },
            Error::UnexpectedResponse(_) | Error::ErrorResponse(_) => match answer.get() {
                Some(answer) => Failure::Refused(Box::new(answer.clone())),
                None => unknown(),
            },
        })
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("timeout", &self.timeout)
            .field("body_limit", &self.body_limit)
            .field("answer", &self.answer())
            .finish_non_exhaustive()
    }
}

impl Cause {
    fn unknown() -> Self {
        Self {
            kind: CauseKind::Other,
            detail: String::new(),
        }
    }
}
