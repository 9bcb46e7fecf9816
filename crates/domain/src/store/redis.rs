//! A store in Redis or Valkey, for all processes that use it.

mod link;

use std::time::Duration;

use redis::{
    Client, FromRedisValue, IntoConnectionInfo as _, ProtocolVersion, Script, ScriptInvocation,
};

use super::{Change, Committed, Kept, Key, Rate, Space, Store, StoreError, StoreFuture, Taken};

use link::Link;

/// How long an operation may take.
const PATIENCE: Duration = Duration::from_millis(250);

/// For so long and no longer does Redis keep what should be kept for ever longer: a hundred years.
const LONGEST_MILLISECONDS: u128 = 100 * 365 * 24 * 60 * 60 * 1000;

/// A store in a server of Redis 6 or later, or of Valkey. It expires values by its own clock.
///
/// An operation takes 250 milliseconds at most, unless [told otherwise](Self::patient_for), and fails then. Connections
/// are made in the background, again and again until one stands; while none does, operations fail at once.
///
/// What is durable is the server's to say: with `appendonly yes` and `appendfsync always` a commit is when it returns,
/// with less it may be lost together with the server. `maxmemory-policy` should be `noeviction`.
pub struct Redis {
    link: Link,
    patience: Duration,
    commit: Script,
    get: Script,
    list: Script,
    take: Script,
}

/// A URL is not one of a Redis server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a URL such as redis://host:6379/0, rediss://user:password@host:6379/0 (with TLS) or unix:///path/to/socket"
)]
pub struct InvalidRedisUrl;

impl std::fmt::Debug for Redis {
    /// Without the URL, which may have a password in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis")
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

impl Redis {
    /// A store at this URL; nothing is sent before the first operation. The schemes are `redis`, `rediss` (with TLS,
    /// trusting what the system trusts), `unix`, and their likes of Valkey. For a server or
    /// proxy that speaks only the second version of the protocol, add `?protocol=resp2`.
    ///
    /// # Errors
    ///
    /// [`InvalidRedisUrl`] if it is not such a URL. The error does not show it, since it may have a password in it.
    pub fn connect(url: &str) -> Result<Self, InvalidRedisUrl> {
        let url: url::Url = url.parse().map_err(|_| InvalidRedisUrl)?;
        // The fragment would turn the check of certificates off.
        if url.fragment().is_some() {
            return Err(InvalidRedisUrl);
        }
        // With the third version of the protocol we are told when a connection ends, before it is used once more.
        let says_protocol = url.query_pairs().any(|(name, _)| name == "protocol");
        let server = url.into_connection_info().map_err(|_| InvalidRedisUrl)?;
        let mut settings = server.redis_settings().clone().set_skip_set_lib_name();
        if !says_protocol {
            settings = settings.set_protocol(ProtocolVersion::RESP3);
        }
        let client = Client::open(server.set_redis_settings(settings));
        Ok(Self {
            link: Link::new(client.map_err(|_| InvalidRedisUrl)?),
            patience: PATIENCE,
            commit: Script::new(include_str!("redis/commit.lua")),
            get: Script::new(include_str!("redis/get.lua")),
            list: Script::new(include_str!("redis/list.lua")),
            take: Script::new(include_str!("redis/take.lua")),
        })
    }

    /// The same with operations that may take so long.
    #[must_use]
    pub fn patient_for(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    async fn run<T: FromRedisValue>(&self, script: ScriptInvocation<'_>) -> Result<T, StoreError> {
        self.link.run(&script, self.patience).await
    }
}

/// What comes before the name in the keys of a space. The braces keep all keys together in a cluster.
fn prefix(space: Space) -> String {
    format!("{{openfinance}}:{}:", space.as_str())
}

fn key_text(key: &Key) -> String {
    prefix(key.space) + &key.name
}

/// The set of the names in a space. No name of a key is empty, so it can't be the key of a value.
fn index(space: Space) -> String {
    prefix(space)
}

fn milliseconds(keep: Duration) -> u128 {
    keep.as_nanos()
        .div_ceil(1_000_000)
        .min(LONGEST_MILLISECONDS)
}

/// What a key has, from its milliseconds; `None` if it ends now.
fn kept((value, milliseconds): (Vec<u8>, i64)) -> Option<Kept> {
    let left = match u64::try_from(milliseconds) {
        Ok(0) => return None,
        Ok(milliseconds) => Some(Duration::from_millis(milliseconds)),
        Err(_) => None,
    };
    Some(Kept { value, left })
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Store for Redis {
    fn get<'a>(&'a self, key: &'a Key) -> StoreFuture<'a, Option<Kept>> {
        Box::pin(async move {
            let mut script = self.get.prepare_invoke();
            script.key(key_text(key));
            let found: Option<(Vec<u8>, i64)> = self.run(script).await?;
            Ok(found.and_then(kept))
        })
    }

    fn commit<'a>(&'a self, changes: &'a [Change]) -> StoreFuture<'a, Committed> {
        Box::pin(async move {
            let mut script = self.commit.prepare_invoke();
            for Change { key, .. } in changes {
                script.key(key_text(key));
            }
            let flag = |is_set: bool| if is_set { "1" } else { "" };
            for Change { key, expected, new } in changes {
                script.key(index(key.space));
                let (value, keep) = match new {
                    Some((value, keep)) => (&**value, *keep),
                    None => (&[][..], None),
                };
                let keep = keep.map(|keep| milliseconds(keep).to_string());
                script.arg(flag(expected.is_some()));
                script.arg(expected.as_deref().unwrap_or_default());
                script.arg(flag(new.is_some()));
                script.arg(value);
                script.arg(keep.unwrap_or_default());
                script.arg(flag(key.space.is_listed()));
                script.arg(&*key.name);
            }
            let made: bool = self.run(script).await?;
            Ok(if made {
                Committed::Yes
            } else {
                Committed::Conflict
            })
        })
    }

    fn list(&self, space: Space) -> StoreFuture<'_, Vec<(Key, Kept)>> {
        Box::pin(async move {
            let mut script = self.list.prepare_invoke();
            script.key(index(space)).arg(prefix(space));
            let found: Vec<(String, Vec<u8>, i64)> = self.run(script).await?;
            Ok(found
                .into_iter()
                .filter_map(|(name, value, left)| {
                    Some((Key::new(space, name), kept((value, left))?))
                })
                .collect())
        })
    }

    fn take<'a>(&'a self, key: &'a Key, rate: Rate) -> StoreFuture<'a, Taken> {
        Box::pin(async move {
            let each = rate.each().max(Duration::from_micros(1));
            let mut script = self.take.prepare_invoke();
            script
                .key(key_text(key))
                .arg(microseconds(each))
                .arg(microseconds(each.saturating_mul(rate.burst)));
            let wait: u64 = self.run(script).await?;
            Ok(match wait {
                0 => Taken::Yes,
                wait => Taken::No(Duration::from_micros(wait)),
            })
        })
    }

    fn is_shared(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_of_redis_are_taken() {
        for url in [
            "redis://127.0.0.1",
            "redis://localhost:6380/2",
            "rediss://user:pass@redis.internal:6380/0",
            "unix:///run/redis.sock",
            "valkey://localhost",
        ] {
            assert!(Redis::connect(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "localhost:6379",
            "http://localhost",
            "redis://",
            "redis://host/word",
            "rediss://host/#insecure",
            "rediss://host/#other",
        ] {
            assert_eq!(Redis::connect(url).unwrap_err(), InvalidRedisUrl, "{url}");
        }
    }

    #[test]
    fn neither_the_store_nor_an_error_shows_the_password() {
        let store = Redis::connect("redis://user:topsecret@localhost").unwrap();
        assert!(!format!("{store:?}").contains("topsecret"));
        let error = Redis::connect("http://user:topsecret@localhost").unwrap_err();
        assert!(!format!("{error:?} {error}").contains("topsecret"));
    }
}
