//! One caller, as the layers and handlers see it.

use std::sync::Arc;

use http::Extensions;

/// Who calls, and what they may do. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Caller(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    principal: String,
}

impl Caller {
    /// Every caller, where authentication is off: may do everything.
    pub(crate) fn anonymous() -> Self {
        Self::new("anonymous")
    }

    /// Somebody of whom nothing is known, and who may do nothing.
    fn unknown() -> Self {
        Self::new("unknown")
    }

    fn new(principal: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            principal: principal.into(),
        }))
    }

    /// Who makes the request with these extensions. A request that came past the layer that asks has nobody's
    /// permissions.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_else(Self::unknown)
    }

    /// The name that the caller goes by. Not for logs and metrics: it may be the name of a person.
    pub(crate) fn principal(&self) -> &str {
        &self.0.principal
    }
}
