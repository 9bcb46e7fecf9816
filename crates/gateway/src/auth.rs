//! Who calls, and what they may do.
//!
//! Every request gets a [`Caller`] before anything else looks at it. With authentication off there is only one, who may
//! do everything; the gateway then serves its own machine alone, or was told aloud that this does not matter.

mod caller;
mod layer;

pub(crate) use caller::Caller;
pub(crate) use layer::AuthLayer;
