//! Who calls, and what they may do.
//!
//! Every request gets a [`Caller`] before anything else looks at it: by the certificate of its connection, a token, or a
//! key, and by nothing else that it says of itself. What a caller may do is in the policy, and whoever is not in it may
//! do nothing. With authentication off there is only one caller, who may do everything; the gateway then serves its own
//! machine alone, or was told aloud that this does not matter.

mod caller;
mod certificate;
mod jwks;
mod jwt;
mod key;
mod layer;
mod rules;

pub(crate) use caller::Caller;
pub(crate) use jwks::check_file;
pub(crate) use layer::{AuthLayer, IdentifyLayer, is_known};
pub(crate) use rules::Gatekeeper;
