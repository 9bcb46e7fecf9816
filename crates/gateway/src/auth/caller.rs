//! One caller, as the layers and handlers see it.

use std::{collections::BTreeSet, fmt, sync::Arc};

use http::Extensions;

use crate::config::auth::all_permissions;

/// Who calls, and what they may do. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Caller(Arc<Inner>);

struct Inner {
    principal: String,
    method: Method,
    permissions: Arc<BTreeSet<&'static str>>,
}

/// How a caller was told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// Not at all: authentication is off, or the call needs none.
    None,
    /// By the certificate of the connection.
    Mtls,
    /// By a token in the header `authorization`.
    Jwt,
    /// By a key in the header `x-api-key`.
    Key,
}

impl Method {
    /// The word for it in the audit file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Mtls => "mtls",
            Self::Jwt => "jwt",
            Self::Key => "key",
        }
    }
}

impl Caller {
    /// Every caller, where authentication is off: may do everything.
    pub(crate) fn anonymous() -> Self {
        Self::new("anonymous", Method::None, Arc::new(all_permissions()))
    }

    /// Somebody of whom nothing is known, and who may do nothing.
    pub(super) fn unknown() -> Self {
        Self::new("unknown", Method::None, Arc::default())
    }

    pub(super) fn new(
        principal: impl Into<String>,
        method: Method,
        permissions: Arc<BTreeSet<&'static str>>,
    ) -> Self {
        Self(Arc::new(Inner {
            principal: principal.into(),
            method,
            permissions,
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

    /// How the caller was told apart.
    pub(crate) fn method(&self) -> Method {
        self.0.method
    }

    /// All that the caller may do, in alphabetical order.
    pub(crate) fn permissions(&self) -> impl Iterator<Item = &'static str> {
        self.0.permissions.iter().copied()
    }

    /// Whether the caller may do what this permission stands for, such as `customers.read`.
    pub(crate) fn may(&self, permission: &str) -> bool {
        self.0.permissions.contains(permission)
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("method", &self.0.method)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_nobody_asked_has_no_permission() {
        let caller = Caller::of(&Extensions::new());
        assert_eq!(caller.permissions().count(), 0);
        assert!(!caller.may("customers.read"));
    }

    #[test]
    fn a_caller_does_not_print_its_name() {
        let caller = Caller::new("canary", Method::Key, Arc::default());
        assert_eq!(format!("{caller:?}"), "Caller { method: Key, .. }");
    }
}
