//! Who is let in, and what each may do: the settings, ready to be asked for each call.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
};

use http::{HeaderMap, header::AUTHORIZATION};

use super::{Caller, Method, key};
use crate::config::auth::{Auth, StaticKey};

/// Knows callers and what they may do. Clones share what they know, which can be replaced while calls go on.
#[derive(Clone, Debug)]
pub(crate) struct Gatekeeper(Arc<RwLock<Arc<Rules>>>);

/// The settings at one time.
#[derive(Debug)]
struct Rules {
    /// Who everybody is, where callers are not told apart.
    everybody: Option<Caller>,
    keys: Vec<StaticKey>,
    policy: BTreeMap<String, Arc<BTreeSet<&'static str>>>,
}

/// There is no credential, or none that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stranger;

impl Gatekeeper {
    pub(crate) fn new(auth: Auth) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(Rules::new(auth)))))
    }

    /// Other settings from now on. Answers whether they are in force: authentication is not switched on or off under
    /// calls that go on.
    pub(crate) fn replace(&self, auth: Auth) -> bool {
        let rules = Rules::new(auth);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if rules.everybody.is_some() != known.everybody.is_some() {
            return false;
        }
        *known = Arc::new(rules);
        true
    }

    fn rules(&self) -> Arc<Rules> {
        // Nothing panics with the lock held.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who sends a request with these headers. Takes the credentials out of the
    /// headers: what is below has no use for them.
    pub(super) fn caller(&self, headers: &mut HeaderMap) -> Result<Caller, Stranger> {
        let rules = self.rules();
        headers.remove(AUTHORIZATION);
        let key = take_one(headers, key::HEADER)?;
        if let Some(caller) = &rules.everybody {
            return Ok(caller.clone());
        }
        if let Some(key) = key {
            let holder = key::holder(&rules.keys, &key).ok_or(Stranger)?;
            return Ok(rules.known(holder, Method::Key));
        }
        Err(Stranger)
    }
}

/// The value of a header that must not be there twice: of two, another program may take the other one.
fn take_one(headers: &mut HeaderMap, name: &str) -> Result<Option<http::HeaderValue>, Stranger> {
    if headers.get_all(name).iter().nth(1).is_some() {
        headers.remove(name);
        return Err(Stranger);
    }
    Ok(headers.remove(name))
}

impl Rules {
    fn new(auth: Auth) -> Self {
        let everybody = (!auth.is_on()).then(Caller::anonymous);
        let policy = auth.policy.into_iter();
        Self {
            everybody,
            keys: auth.keys,
            policy: policy
                .map(|grant| (grant.principal, Arc::new(grant.permissions)))
                .collect(),
        }
    }

    /// A caller whose name is proven, with what the policy grants: nothing to whom it does not name.
    fn known(&self, principal: &str, method: Method) -> Caller {
        let permissions = self.policy.get(principal).cloned().unwrap_or_default();
        Caller::new(principal, method, permissions)
    }
}
