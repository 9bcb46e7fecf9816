//! Who is let in, and what each may do: the settings, ready to be asked for each call.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};
use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::{Caller, certificate, jwks::Jwks, jwt::Tokens, key};
use crate::{
    config::auth::{Auth, Grant, Jwt, KeySource, Method, StaticKey},
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
    tokens: Option<Arc<Issued>>,
    keys: Arc<Vec<StaticKey>>,
    policy: BTreeMap<(String, Option<Method>), Arc<BTreeSet<&'static str>>>,
    /// Whoever is named in the policy, by each method, ready to be looked up for each call.
    callers: BTreeMap<String, [Caller; Method::ALL.len()]>,
}

/// The tokens of one issuer.
#[derive(Debug)]
struct Issued {
    jwt: Jwt,
    tokens: Tokens,
    /// Keeps the issuer's keys fresh, and ends with the settings that named it.
    keeping: Option<JoinHandle<()>>,
}

impl Issued {
    fn new(jwt: Jwt) -> Self {
        Self {
            tokens: Tokens::new(&jwt, Arc::new(Jwks::new())),
            jwt,
            keeping: None,
        }
    }

    /// From now on the issuer's keys are kept fresh.
    fn kept(mut self) -> Self {
        let (jwks, source) = (Arc::clone(&self.tokens.jwks), self.jwt.keys.clone());
        self.keeping = Some(tokio::spawn(async move { jwks.keep(source).await }));
        self
    }
}

impl Drop for Issued {
    fn drop(&mut self) {
        if let Some(keeping) = &self.keeping {
            keeping.abort();
        }
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

    /// Another issuer of tokens, other keys and another policy from now on; certificates stay as they were. Answers whether
    /// they are in force: authentication is not switched on under calls that go on, and neither is it switched off. Where it
    /// was on and nothing is left that tells callers apart, nobody may call: whoever takes the last key away wants it to be
    /// of no use. But where certificates take the place of keys, which waits for a restart, the keys count until then.
    pub(crate) async fn replace(&self, mut auth: Auth) -> bool {
        let known = self.rules();
        if known.everybody.is_some() {
            return !auth.is_on();
        }
        let tokens = match (auth.jwt.take(), &known.tokens) {
            (None, _) => None,
            (Some(jwt), Some(issued)) if issued.jwt == jwt => Some(Arc::clone(issued)),
            (Some(jwt), _) => {
                let issued = Issued::new(jwt);
                // Calls go on as before meanwhile.
                issued.tokens.jwks.look(&issued.jwt.keys).await;
                Some(Arc::new(issued.kept()))
            }
        };
        let waits = auth.mtls && !known.mtls && tokens.is_none() && auth.keys.is_empty();
        let mut rules = Rules {
            everybody: None,
            mtls: known.mtls,
            ..Rules::new(auth, tokens)
        };
        if waits {
            tracing::warn!(
                "certificates take the place of keys after a restart; until then the keys stay in force"
            );
            rules.keys = Arc::clone(&known.keys);
            rules.callers = rules.named();
        }
        rules.tell();
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        true
    }

    /// Lets in whom these settings say, from the next call on. An issuer's keys in a file are there then; those at an
    /// address are not waited for.
    pub(crate) async fn set(&self, mut auth: Auth) {
        let tokens = match auth.jwt.take() {
            Some(jwt) => {
                let issued = Issued::new(jwt);
                if let KeySource::File(_) = issued.jwt.keys {
                    issued.tokens.jwks.look(&issued.jwt.keys).await;
                }
                Some(Arc::new(issued.kept()))
            }
            None => None,
        };
        let rules = Rules::new(auth, tokens);
        rules.tell();
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    fn rules(&self) -> Arc<Rules> {
        // Nothing panics with the lock held.
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether callers can be told apart: not while all of them come with tokens and the keys of their issuer can't be had.
    pub(crate) fn is_able(&self) -> bool {
        let rules = self.rules();
        match &rules.tokens {
            Some(issued) if !rules.mtls && rules.keys.is_empty() => issued.tokens.jwks.is_usable(),
            Some(_) | None => true,
        }
    }

    /// A header for a caller's credential, with a word in the credential's place; `None` where callers need none in headers.
    pub(crate) fn header(&self) -> Option<String> {
        let rules = self.rules();
        let by_key = (!rules.keys.is_empty()).then(|| format!("{}: YOUR_KEY", key::HEADER));
        let by_token = || {
            rules
                .tokens
                .as_ref()
                .map(|_| "authorization: Bearer YOUR_TOKEN".to_owned())
        };
        by_key.or_else(by_token)
    }

    /// How long ago the keys of the callers' issuer were read, or for how long that has been tried; `None` without one.
    pub(crate) fn issuer_keys_age(&self) -> Option<Duration> {
        let rules = self.rules();
        rules.tokens.as_ref().map(|issued| issued.tokens.jwks.age())
    }

    /// Who sends a request with these headers over the connection to `peer`. A credential in the headers goes before the
    /// connection's, and must hold; two of them are none. Takes them out of the headers: what is below has no use for them.
    pub(super) fn caller(
        &self,
        headers: &mut HeaderMap,
        peer: Option<&Peer>,
    ) -> Result<Caller, Stranger> {
        let rules = self.rules();
        let (token, key) = (
            take_one(headers, &AUTHORIZATION),
            take_one(headers, &key::HEADER),
        );
        if let Some(caller) = &rules.everybody {
            return Ok(caller.clone());
        }
        let token = token?.filter(|_| rules.tokens.is_some());
        let key = key?.filter(|_| !rules.keys.is_empty());
        match (token, key) {
            (Some(_), Some(_)) => Err(Stranger),
            (Some(token), None) => {
                let issued = rules.tokens.as_deref().ok_or(Stranger)?;
                let holder = issued.tokens.holder(&token, (self.now)()).ok_or(Stranger)?;
                Ok(rules.known(&holder, Method::Jwt))
            }
            (None, Some(key)) => {
                let holder = key::holder(&rules.keys, &key).ok_or(Stranger)?;
                Ok(rules.known(holder, Method::Key))
            }
            (None, None) if rules.mtls => {
                let holder = peer.and_then(|peer| peer.holder(certificate::holder));
                Ok(rules.known(holder.ok_or(Stranger)?, Method::Mtls))
            }
            (None, None) => Err(Stranger),
        }
    }
}

/// The value of a header that must not be there twice: of two, another program may take the other one.
fn take_one(headers: &mut HeaderMap, name: &HeaderName) -> Result<Option<HeaderValue>, Stranger> {
    let is_one = headers.get_all(name).iter().nth(1).is_none();
    let value = headers.remove(name);
    if is_one { Ok(value) } else { Err(Stranger) }
}

impl Rules {
    fn new(auth: Auth, tokens: Option<Arc<Issued>>) -> Self {
        let is_on = auth.is_on() || tokens.is_some();
        let everybody = (!is_on).then(Caller::anonymous);
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
        let mut rules = Self {
            everybody,
            mtls,
            tokens,
            keys: Arc::new(keys),
            policy: policy.into_iter().map(grant).collect(),
            callers: BTreeMap::new(),
        };
        rules.callers = rules.named();
        rules
    }

    /// The callers that the policy names.
    fn named(&self) -> BTreeMap<String, [Caller; Method::ALL.len()]> {
        let named = |(principal, _): &(String, Option<Method>)| {
            let by = |method| self.granted(principal, method);
            (principal.clone(), Method::ALL.map(by))
        };
        self.policy.keys().map(named).collect()
    }

    /// A caller whose name is proven.
    fn known(&self, principal: &str, method: Method) -> Caller {
        match self.callers.get(principal) {
            Some(callers) => callers[method as usize].clone(),
            None => Caller::new(principal, Some(method), Arc::default()),
        }
    }

    /// A caller whose name is proven, with what the policy grants: nothing to whom it does not name. A grant that names no
    /// method is that of the key with the name, where there is one: an issuer could give the name to anybody.
    fn granted(&self, principal: &str, method: Method) -> Caller {
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

#[cfg(test)]
mod tests;
