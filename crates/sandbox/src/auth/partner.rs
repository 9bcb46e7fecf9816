//! One partner account: its secrets, its failures, its lock.
//!
//! The vendor's OpenAPI document has the figures: five failed authentications lock the partner, and a replaced secret
//! may be kept for 30 days.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{config::PartnerCredentials, id_list::IdList, quirk::LockAfter, refusal::Refusal};

/// How long the old secret works after a change with `immediate: false`.
const SECRET_GRACE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// One partner account. No `Debug`: secrets are in here.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Partner {
    #[serde(rename = "partnerId")]
    pub(crate) id: String,
    #[serde(rename = "partnerSecret")]
    secret: String,
    #[serde(
        default,
        rename = "retiredSecrets",
        skip_serializing_if = "Vec::is_empty"
    )]
    retired: Vec<RetiredSecret>,
    pub(crate) app_key: String,
    /// Failures since the last success.
    #[serde(default, rename = "consecutiveFailedAuthentications")]
    consecutive_failures: u32,
    #[serde(default)]
    pub(crate) locked: bool,
    #[serde(default, rename = "failedAuthentications")]
    pub(crate) failures: u64,
    #[serde(default, rename = "maxConsecutiveFailedAuthentications")]
    pub(crate) most_consecutive_failures: u32,
    #[serde(default)]
    pub(crate) token_requests: u64,
    /// Ids of this partner's live customers, ascending, which is the order of creation and of lists. These lists are
    /// derived from the customers.
    #[serde(skip)]
    pub(crate) customers: IdList,
    #[serde(skip)]
    pub(crate) testing_customers: IdList,
    #[serde(skip)]
    pub(crate) active_customers: IdList,
}

/// A replaced secret that still works.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetiredSecret {
    secret: String,
    until: Timestamp,
}

impl Partner {
    pub(crate) fn new(credentials: &PartnerCredentials) -> Self {
        Self {
            id: credentials.id.clone(),
            secret: credentials.secret.clone(),
            retired: Vec::new(),
            app_key: credentials.app_key.clone(),
            consecutive_failures: 0,
            locked: false,
            failures: 0,
            most_consecutive_failures: 0,
            token_requests: 0,
            customers: IdList::default(),
            testing_customers: IdList::default(),
            active_customers: IdList::default(),
        }
    }

    /// Takes a secret, or counts the failure. While locked nothing is tried and nothing is counted.
    ///
    /// No source says when the count starts anew. The vendor's Java tests fail once in every nightly run of one
    /// partner, so a success must reset it.
    pub(super) fn check_secret(
        &mut self,
        secret: &str,
        now: Timestamp,
        lock_after: LockAfter,
    ) -> Result<(), Refusal> {
        if self.locked {
            return Err(Refusal::PartnerLocked);
        }
        self.retired.retain(|retired| retired.until > now);
        if self.secret == secret || self.retired.iter().any(|retired| retired.secret == secret) {
            self.consecutive_failures = 0;
            return Ok(());
        }
        // A snapshot that was edited may begin at the last number there is.
        self.failures = self.failures.saturating_add(1);
        self.consecutive_failures = self.consecutive_failures.saturating_add(1);
        self.most_consecutive_failures = self
            .most_consecutive_failures
            .max(self.consecutive_failures);
        let enough = match lock_after {
            LockAfter::FifthFailure => 5,
            LockAfter::SixthFailure => 6,
        };
        self.locked = self.consecutive_failures >= enough;
        Err(Refusal::WrongCredentials)
    }

    /// Replaces the secret as the partner itself does.
    pub(super) fn replace_secret(&mut self, new_secret: &str, old: OldSecret, now: Timestamp) {
        let replaced = std::mem::replace(&mut self.secret, new_secret.to_owned());
        match old {
            OldSecret::DiesNow => self.retired.clear(),
            OldSecret::KeepsGrace => {
                let until = now.checked_add(SECRET_GRACE).unwrap_or(Timestamp::MAX);
                self.retired.push(RetiredSecret {
                    secret: replaced,
                    until,
                });
            }
        }
    }

    /// Locks as after five failures, or unlocks as the vendor's support does.
    pub(crate) fn set_lock(&mut self, lock: Lock) {
        self.locked = lock == Lock::Locked;
        self.consecutive_failures = 0;
    }

    /// Replaces the secret at once, whatever the policy says.
    pub(crate) fn set_secret(&mut self, secret: &str) {
        self.retired.clear();
        secret.clone_into(&mut self.secret);
    }
}

/// Whether a partner may authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Every authentication is refused with code 24302.
    Locked,
    /// Authentication works; failures are counted from zero.
    Unlocked,
}

/// What happens to a replaced secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OldSecret {
    DiesNow,
    KeepsGrace,
}

/// 12 to 255 letters, digits and `! @ # $ % & * _ - +`, with a letter and a digit among them. No dot, unlike usernames.
pub(super) fn is_secret_by_policy(secret: &str) -> bool {
    (12..=255).contains(&secret.len())
        && secret
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!@#$%&*_-+".contains(&byte))
        && secret.bytes().any(|byte| byte.is_ascii_alphabetic())
        && secret.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_follow_the_policy() {
        for good in [
            "abcdefghijk1",
            "A1!@#$%&*_-+",
            &format!("1{}", "a".repeat(254)),
        ] {
            assert!(is_secret_by_policy(good), "{good}");
        }
        for bad in [
            "abcdefghij1",
            "abcdefghijkl",
            "123456789012",
            "abcdefghij.1",
            "abcdefghijé1",
        ] {
            assert!(!is_secret_by_policy(bad), "{bad}");
        }
        assert!(!is_secret_by_policy(&format!("1{}", "a".repeat(255))));
    }
}
