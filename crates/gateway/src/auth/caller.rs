//! One caller, as the layers and handlers see it.

use std::{collections::BTreeSet, fmt, sync::Arc};

use http::Extensions;

use crate::config::auth::{Method, all_permissions};

/// Who calls, and what they may do. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Caller(Arc<Inner>);

struct Inner {
    principal: String,
    /// The name with how it was proven before it.
    scope: Arc<str>,
    method: Option<Method>,
    permissions: Arc<BTreeSet<&'static str>>,
}

impl Caller {
    /// Every caller, where authentication is off: may do everything.
    pub(crate) fn anonymous() -> Self {
        Self::new("anonymous", None, Arc::new(all_permissions()))
    }

    /// Somebody of whom nothing is known, and who may do nothing.
    pub(super) fn unknown() -> Self {
        Self::new("unknown", None, Arc::default())
    }

    /// A caller with this name, who may do nothing.
    #[cfg(test)]
    pub(crate) fn named(principal: &str) -> Self {
        Self::new(principal, Some(Method::Key), Arc::default())
    }

    pub(super) fn new(
        principal: impl Into<String>,
        method: Option<Method>,
        permissions: Arc<BTreeSet<&'static str>>,
    ) -> Self {
        let principal = principal.into();
        let scope = match method {
            Some(method) => format!("{}:{principal}", method.as_str()).into(),
            None => principal.as_str().into(),
        };
        Self(Arc::new(Inner {
            principal,
            scope,
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

    /// Whose things are whose: request ids, page tokens, rates and turns are of one scope. A name counts with how it was
    /// proven, for whoever issues tokens chooses their names, and they may be those of others' keys.
    pub(crate) fn scope(&self) -> &str {
        &self.0.scope
    }

    /// [`Caller::scope`], for who keeps it.
    pub(crate) fn shared_scope(&self) -> Arc<str> {
        Arc::clone(&self.0.scope)
    }

    /// How the caller was told apart; `None` where it was not: authentication is off, or the call needs none.
    pub(crate) fn method(&self) -> Option<Method> {
        self.0.method
    }

    /// The word for how the caller was told apart in the audit file.
    pub(crate) fn way(&self) -> &'static str {
        self.0.method.map_or("none", Method::as_str)
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
        let caller = Caller::new("canary", Some(Method::Key), Arc::default());
        assert_eq!(format!("{caller:?}"), "Caller { method: Some(Key), .. }");
    }

    #[test]
    fn the_same_name_by_another_method_is_another_callers_scope() {
        let scope = |method| {
            Caller::new("web", method, Arc::default())
                .scope()
                .to_owned()
        };
        assert_eq!(scope(Some(Method::Key)), "key:web");
        assert_eq!(scope(Some(Method::Jwt)), "jwt:web");
        assert_eq!(Caller::anonymous().scope(), "anonymous");
    }
}
