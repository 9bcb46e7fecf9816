//! Answers that are files.

use bytes::Bytes;
use progenitor_client::{ByteStream, Error};

use crate::{Call, Failure, Sent};

impl Call {
    /// The bytes of a success, or what the attempt came to instead: [`Call::settle`] for a method that answers a
    /// [`ByteStream`]. They are read whole before this; give the call a [`Call::body_limit`] that is large enough.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn settle_bytes(&self, sent: Sent<ByteStream>) -> Result<Bytes, Failure> {
        let sent = sent.and_then(|value| value.map::<_, _, Error<()>>(|_| ()));
        self.settle(sent)?;
        Ok(self.answer().map(|answer| answer.body.clone()).unwrap_or_default())
    }
}
