//! Who is let in, and what each may do: the settings, ready to be asked for each call.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
};

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::{Caller, certificate, jwks::Jwks, jwt::Tokens, key};
use crate::{
    config::auth::{Auth, Grant, Jwt, Method, StaticKey},
    server::peer::Peer,
};

/// Knows callers and what they may do. Clones share what they know, which can be replaced while calls go on.
#[derive(Clone, Debug)]
pub(crate) struct Gatekeeper {
    rules: Arc<RwLock<Arc<Rules>>>,
    /// The wall clock, by which tokens end.
    now: fn() -> Timestamp,
}

/// The settings at one time.
#[derive(Debug, Default)]
struct Rules {
    /// Who everybody is, where callers are not told apart.
    everybody: Option<Caller>,
    mtls: bool,
    tokens: Option<Arc<(Tokens, Keeping)>>,
    keys: Vec<StaticKey>,
    policy: BTreeMap<(String, Option<Method>), Arc<BTreeSet<&'static str>>>,
}

/// The task that keeps an issuer's keys fresh, which ends with the settings that named it.
#[derive(Debug)]
struct Keeping(JoinHandle<()>);

impl Drop for Keeping {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// There is no credential, or none that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stranger;

impl Gatekeeper {
    /// One who lets nobody in.
    pub(crate) fn new(now: fn() -> Timestamp) -> Self {
        Self {
            rules: Arc::default(),
            now,
        }
    }

    /// Other keys and another policy from now on; certificates and tokens stay as they were. Answers whether they are in
    /// force: authentication is not switched on under calls that go on, and neither is it switched off. Where it was on and
    /// nothing is left that tells callers apart, nobody may call: whoever takes the last key away wants it to be of no use.
    pub(crate) fn replace(&self, auth: Auth) -> bool {
        let mut known = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        if known.everybody.is_some() {
            return !auth.is_on();
        }
        let rules = Rules {
            everybody: None,
            mtls: known.mtls,
            tokens: known.tokens.clone(),
            ..Rules::new(auth, None)
        };
        rules.tell();
        *known = Arc::new(rules);
        true
    }

    /// Lets in whom these settings say, from the next call on. Waits a while for an issuer's keys, so that its first
    /// callers are not refused; they are looked for further on where they can't be had yet.
    pub(crate) async fn set(&self, auth: Auth) {
        let tokens = match &auth.jwt {
            Some(jwt) => Some(Arc::new(tokens(jwt.clone()).await)),
            None => None,
        };
        let rules = Arc::new(Rules::new(auth, tokens));
        rules.tell();
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }

    /// Who sends a request with these headers over the connection to `peer`. A credential in the headers goes before the
    /// connection's, and must hold; two of them are none. Takes them out of the headers: what is below has no use for them.
    pub(super) fn caller(
        &self,
        headers: &mut HeaderMap,
        peer: Option<&Peer>,
    ) -> Result<Caller, Stranger> {
        // Nothing panics with the lock held.
        let rules = Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner));
        let (token, key) = (
            take_one(headers, AUTHORIZATION.as_str()),
            take_one(headers, key::HEADER),
        );
        if let Some(caller) = &rules.everybody {
            return Ok(caller.clone());
        }
        let token = token?.filter(|_| rules.tokens.is_some());
        let key = key?.filter(|_| !rules.keys.is_empty());
        match (token, key) {
            (Some(_), Some(_)) => Err(Stranger),
            (Some(token), None) => {
                let (tokens, _) = rules.tokens.as_deref().ok_or(Stranger)?;
                let holder = tokens.holder(&token, (self.now)()).ok_or(Stranger)?;
                Ok(rules.known(&holder, Method::Jwt))
            }
            (None, Some(key)) => {
                let holder = key::holder(&rules.keys, &key).ok_or(Stranger)?;
                Ok(rules.known(holder, Method::Key))
            }
            (None, None) if rules.mtls => {
                let own = peer.and_then(|peer| peer.certificates.first());
                let holder = own.and_then(certificate::holder).ok_or(Stranger)?;
                Ok(rules.known(&holder, Method::Mtls))
            }
            (None, None) => Err(Stranger),
        }
    }
}

/// The value of a header that must not be there twice: of two, another program may take the other one.
fn take_one(headers: &mut HeaderMap, name: &str) -> Result<Option<HeaderValue>, Stranger> {
    let is_one = headers.get_all(name).iter().nth(1).is_none();
    let value = headers.remove(name);
    if is_one { Ok(value) } else { Err(Stranger) }
}

impl Rules {
    fn new(auth: Auth, tokens: Option<Arc<(Tokens, Keeping)>>) -> Self {
        let everybody = (!auth.is_on()).then(Caller::anonymous);
        let Auth {
            mtls,
            jwt: _,
            keys,
            policy,
        } = auth;
        let grant = |grant: Grant| {
            let Grant {
                principal,
                method,
                permissions,
            } = grant;
            ((principal, method), Arc::new(permissions))
        };
        Self {
            everybody,
            mtls,
            tokens,
            keys,
            policy: policy.into_iter().map(grant).collect(),
        }
    }

    /// A caller whose name is proven, with what the policy grants: nothing to whom it does not name. A grant that names no
    /// method is that of the key with the name, where there is one: an issuer could give the name to anybody.
    fn known(&self, principal: &str, method: Method) -> Caller {
        let granted = |method| self.policy.get(&(principal.to_owned(), method));
        let is_a_keys = || self.keys.iter().any(|key| key.principal == principal);
        let by_any_method = || {
            let may = method == Method::Key || !is_a_keys();
            granted(None).filter(|_| may)
        };
        let permissions = granted(Some(method)).or_else(by_any_method);
        Caller::new(
            principal,
            Some(method),
            permissions.cloned().unwrap_or_default(),
        )
    }

    /// Says aloud where nobody can call.
    fn tell(&self) {
        let has_method = self.mtls || self.tokens.is_some() || !self.keys.is_empty();
        if self.everybody.is_none() && !has_method {
            tracing::error!(
                "nobody can call: authentication is on, and there is no key, no issuer of tokens and no authority of \
                 certificates"
            );
        }
    }
}

async fn tokens(jwt: Jwt) -> (Tokens, Keeping) {
    let jwks = Arc::new(Jwks::default());
    if let Err(error) = jwks.look(&jwt.keys).await {
        tracing::warn!(%error, "the keys of the callers' issuer can't be read yet; its callers are refused");
    }
    let tokens = Tokens::new(&jwt, Arc::clone(&jwks));
    let keeping = tokio::spawn(async move { jwks.keep(jwt.keys).await });
    (tokens, Keeping(keeping))
}

#[cfg(test)]
mod tests;
