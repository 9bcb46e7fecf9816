//! Snapshots over HTTP: the one route that shows persons and secrets as they are.

use bytes::Bytes;
use http::StatusCode;

use super::{
    keys::{Problem, bad},
    summary_view,
};
use crate::{
    answer::Answer, control::snapshot::restore, shared::Shared, snapshot::InvalidSnapshot,
    store::Durable,
};

impl From<InvalidSnapshot> for Problem {
    fn from(error: InvalidSnapshot) -> Self {
        bad(error.to_string())
    }
}

/// Answers the document, written under the lock, because it must be of one moment.
pub(super) fn get(shared: &Shared) -> Result<(Answer, Durable), Problem> {
    let (json, durable) = shared.with(|state| state.snapshot());
    Ok((Answer::written_json(json), durable))
}

/// Takes a document, and answers what `GET state` would.
pub(super) fn post(shared: &Shared, body: &Bytes) -> Result<(Answer, Durable), Problem> {
    let (summary, durable) = restore(shared, body)?;
    Ok((
        Answer::json(StatusCode::OK, &summary_view(&summary)),
        durable,
    ))
}
