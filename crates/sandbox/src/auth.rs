//! Who calls: logging in, tokens, and changing the secret. What a partner remembers is in `partner`.
//!
//! The vendor's OpenAPI document has the figures: a token lives two hours, and several may be valid at once. Other
//! sources have others, which the quirks choose.

mod partner;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    answer::Answer,
    call::Call,
    json::Fields,
    quirk::{ImmediateDefault, LockReach, TokenLife},
    refusal::Refusal,
    state::State,
};

pub use partner::Lock;
pub(crate) use partner::{OldSecret, Partner};

use partner::is_secret_by_policy;

/// How long an expired token is remembered as expired, rather than as one that never was. Ours, to bound memory.
const TOKEN_MEMORY: SignedDuration = SignedDuration::from_hours(48);
/// Position of a partner in [`State::partners`].
pub(crate) type PartnerIndex = usize;

/// Whether it is the configured partner, which snapshots leave out.
pub(crate) fn is_first(partner: &PartnerIndex) -> bool {
    *partner == 0
}

/// An issued token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    #[serde(default, skip_serializing_if = "is_first")]
    pub(crate) partner: PartnerIndex,
    issued: Timestamp,
    /// Counts tokens, so that the last one can be told.
    pub(crate) number: u64,
}

/// Which tokens to revoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoke {
    /// Every token of every partner.
    All,
    /// The token issued last.
    Last,
}

impl State {
    /// The partner that calls, proved by its app key and token.
    ///
    /// No source has the order of the checks. Ours: key there, key known, token there, token known, token alive, key
    /// and token of one partner.
    pub(crate) fn authenticate(
        &self,
        app_key: Option<&str>,
        token: Option<&str>,
    ) -> Result<PartnerIndex, Refusal> {
        let app_key = self.known_app_key(app_key)?;
        let token = present(token).ok_or(Refusal::TokenMissing)?;
        let token = self.tokens.get(token).ok_or(Refusal::TokenUnknown)?;
        if self.clock.now().duration_since(token.issued) >= self.token_life() {
            return Err(Refusal::TokenExpired);
        }
        let partner = &self.partners[token.partner];
        if partner.app_key != app_key {
            return Err(Refusal::AppKeyUnknown);
        }
        if partner.locked && self.config.quirks.lock_reach == LockReach::Everything {
            return Err(Refusal::BadCredentials);
        }
        Ok(token.partner)
    }

    fn token_life(&self) -> SignedDuration {
        match self.config.quirks.token_life {
            TokenLife::TwoHours => SignedDuration::from_hours(2),
            TokenLife::NinetyMinutes => SignedDuration::from_mins(90),
        }
    }

    /// The app key, if any partner has it.
    pub(crate) fn known_app_key<'key>(
        &self,
        app_key: Option<&'key str>,
    ) -> Result<&'key str, Refusal> {
        let app_key = present(app_key).ok_or(Refusal::AppKeyMissing)?;
        if self
            .partners
            .iter()
            .any(|partner| partner.app_key == app_key)
        {
            Ok(app_key)
        } else {
            Err(Refusal::AppKeyUnknown)
        }
    }

    /// Issues a token for the right secret.
    pub(crate) fn create_token(
        &mut self,
        app_key: &str,
        partner: &str,
        secret: &str,
    ) -> Result<String, Refusal> {
        let now = self.clock.now();
        let index = self.partner_index(partner).ok_or(Refusal::NoSuchPartner)?;
        let partner = &mut self.partners[index];
        partner.token_requests = partner.token_requests.saturating_add(1);
        if partner.app_key != app_key {
            return Err(Refusal::AppKeyUnknown);
        }
        partner.check_secret(secret, now, self.config.quirks.lock_after)?;
        // Seldom enough that issuing stays cheap, often enough that memory stays bounded.
        if self.tokens.len().is_power_of_two() {
            self.tokens
                .retain(|_, token| now.duration_since(token.issued) < TOKEN_MEMORY);
        }
        // A snapshot that was edited may hold what is yet to be drawn.
        let mut token = self.random.token();
        while self.tokens.get(&token).is_some() {
            token = self.random.token();
        }
        self.issued_tokens += 1;
        self.tokens.insert(
            token.clone(),
            Token {
                partner: index,
                issued: now,
                number: self.issued_tokens,
            },
        );
        Ok(token)
    }

    /// Replaces a partner's secret. Tokens live on.
    ///
    /// A second change during the grace period takes either secret; the sources do not say.
    pub(crate) fn modify_partner_secret(
        &mut self,
        app_key: &str,
        partner: &str,
        secret: &str,
        new_secret: &str,
        old: OldSecret,
    ) -> Result<(), Refusal> {
        let now = self.clock.now();
        // The document declares no 404 here, so an unknown partner is a wrong credential.
        let index = self
            .partner_index(partner)
            .ok_or(Refusal::WrongCredentials)?;
        let partner = &mut self.partners[index];
        if partner.app_key != app_key {
            return Err(Refusal::AppKeyUnknown);
        }
        partner.check_secret(secret, now, self.config.quirks.lock_after)?;
        if !is_secret_by_policy(new_secret) {
            return Err(Refusal::SecretPolicy);
        }
        partner.replace_secret(new_secret, old, now);
        Ok(())
    }

    /// Forgets tokens and tells how many; they become unknown, not expired.
    pub(crate) fn revoke_tokens(&mut self, which: Revoke) -> usize {
        let before = self.tokens.len();
        match which {
            Revoke::All => self.tokens.clear(),
            Revoke::Last => {
                let last = self.tokens.values().map(|token| token.number).max();
                self.tokens.retain(|_, token| Some(token.number) != last);
            }
        }
        before - self.tokens.len()
    }

    /// How many tokens are alive.
    pub(crate) fn live_tokens(&self) -> usize {
        let now = self.clock.now();
        let life = self.token_life();
        let alive = |token: &&Token| now.duration_since(token.issued) < life;
        self.tokens.values().filter(alive).count()
    }

    pub(crate) fn partner_index(&self, id: &str) -> Option<PartnerIndex> {
        self.partners.iter().position(|partner| partner.id == id)
    }

    pub(crate) fn route_create_token(
        &mut self,
        app_key: &str,
        call: &Call,
    ) -> Result<Answer, Refusal> {
        let body = call.json()?;
        let fields = Fields::of(&body)?;
        let partner = credential(fields, "partnerId")?;
        let secret = credential(fields, "partnerSecret")?;
        let token = self.create_token(app_key, partner, secret)?;
        Ok(Answer::json(StatusCode::OK, &json!({ "token": token })))
    }

    pub(crate) fn route_modify_partner_secret(
        &mut self,
        app_key: &str,
        call: &Call,
    ) -> Result<Answer, Refusal> {
        let body = call.json()?;
        let fields = Fields::of(&body)?;
        let partner = credential(fields, "partnerId")?;
        let secret = credential(fields, "partnerSecret")?;
        let new_secret = credential(fields, "newPartnerSecret")?;
        let default = self.config.quirks.immediate_default == ImmediateDefault::True;
        let old = if fields.flag("immediate")?.unwrap_or(default) {
            OldSecret::DiesNow
        } else {
            OldSecret::KeepsGrace
        };
        self.modify_partner_secret(app_key, partner, secret, new_secret, old)?;
        Ok(Answer::no_content())
    }
}

fn credential<'json>(fields: Fields<'json>, name: &'static str) -> Result<&'json str, Refusal> {
    fields.text(name)?.ok_or(Refusal::MissingCredential(name))
}

fn present(header: Option<&str>) -> Option<&str> {
    header.filter(|value| !value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{Config, PartnerCredentials};

    const NEW: &str = "Another_secret_42";

    fn state() -> (State, PartnerCredentials) {
        let config = Config::for_tests();
        let partner = config.partner.clone();
        (State::new(config), partner)
    }

    fn log_in(
        state: &mut State,
        partner: &PartnerCredentials,
        secret: &str,
    ) -> Result<String, Refusal> {
        state.create_token(&partner.app_key, &partner.id, secret)
    }

    fn change(
        state: &mut State,
        partner: &PartnerCredentials,
        old: OldSecret,
    ) -> Result<(), Refusal> {
        state.modify_partner_secret(&partner.app_key, &partner.id, &partner.secret, NEW, old)
    }

    #[test]
    fn a_token_lives_two_hours_and_no_longer() {
        let (mut state, partner) = state();
        let token = log_in(&mut state, &partner, &partner.secret).unwrap();
        let key = Some(partner.app_key.as_str());
        state.clock.advance(Duration::from_secs(7190)).unwrap();
        assert_eq!(state.authenticate(key, Some(&token)), Ok(0));
        assert_eq!(state.live_tokens(), 1);
        state.clock.advance(Duration::from_secs(10)).unwrap();
        assert_eq!(
            state.authenticate(key, Some(&token)),
            Err(Refusal::TokenExpired)
        );
        assert_eq!(state.live_tokens(), 0);
    }

    #[test]
    fn several_tokens_are_valid_at_once_and_revoking_makes_them_unknown() {
        let (mut state, partner) = state();
        let key = Some(partner.app_key.as_str());
        let first = log_in(&mut state, &partner, &partner.secret).unwrap();
        let second = log_in(&mut state, &partner, &partner.secret).unwrap();
        assert_eq!(state.authenticate(key, Some(&first)), Ok(0));
        assert_eq!(state.authenticate(key, Some(&second)), Ok(0));
        assert_eq!(state.revoke_tokens(Revoke::Last), 1);
        assert_eq!(state.authenticate(key, Some(&first)), Ok(0));
        assert_eq!(
            state.authenticate(key, Some(&second)),
            Err(Refusal::TokenUnknown)
        );
        assert_eq!(state.revoke_tokens(Revoke::All), 1);
        assert_eq!(
            state.authenticate(key, Some(&first)),
            Err(Refusal::TokenUnknown)
        );
    }

    #[test]
    fn missing_and_wrong_headers_are_told_apart() {
        let (mut state, partner) = state();
        let token = log_in(&mut state, &partner, &partner.secret).unwrap();
        let key = Some(partner.app_key.as_str());
        assert_eq!(
            state.authenticate(None, Some(&token)),
            Err(Refusal::AppKeyMissing)
        );
        assert_eq!(
            state.authenticate(Some(" "), Some(&token)),
            Err(Refusal::AppKeyMissing)
        );
        assert_eq!(
            state.authenticate(Some("no"), Some(&token)),
            Err(Refusal::AppKeyUnknown)
        );
        assert_eq!(state.authenticate(key, None), Err(Refusal::TokenMissing));
        assert_eq!(
            state.authenticate(key, Some("no")),
            Err(Refusal::TokenUnknown)
        );
    }

    #[test]
    fn the_fifth_failure_locks_and_then_the_right_secret_is_refused_too() {
        let (mut state, partner) = state();
        for _ in 0..5 {
            assert_eq!(
                log_in(&mut state, &partner, "wrong"),
                Err(Refusal::WrongCredentials)
            );
        }
        assert_eq!(
            log_in(&mut state, &partner, &partner.secret),
            Err(Refusal::PartnerLocked)
        );
        assert_eq!(
            change(&mut state, &partner, OldSecret::DiesNow),
            Err(Refusal::PartnerLocked)
        );
        assert_eq!(state.partners[0].failures, 5);
        assert_eq!(state.partners[0].most_consecutive_failures, 5);
        assert_eq!(state.partners[0].token_requests, 6);
        state.partners[0].set_lock(Lock::Unlocked);
        assert!(log_in(&mut state, &partner, &partner.secret).is_ok());
    }

    #[test]
    fn a_success_starts_the_count_anew_and_a_wrong_secret_on_a_change_counts() {
        let (mut state, partner) = state();
        for _ in 0..4 {
            log_in(&mut state, &partner, "wrong").unwrap_err();
        }
        log_in(&mut state, &partner, &partner.secret).unwrap();
        for _ in 0..4 {
            log_in(&mut state, &partner, "wrong").unwrap_err();
        }
        let wrong = state.modify_partner_secret(
            &partner.app_key,
            &partner.id,
            "wrong",
            NEW,
            OldSecret::DiesNow,
        );
        assert_eq!(wrong, Err(Refusal::WrongCredentials));
        assert_eq!(
            log_in(&mut state, &partner, &partner.secret),
            Err(Refusal::PartnerLocked)
        );
    }

    #[test]
    fn unknown_partners_are_not_found_by_a_log_in_and_not_trusted_by_a_change() {
        let (mut state, partner) = state();
        assert_eq!(
            state.create_token(&partner.app_key, "nobody", "x"),
            Err(Refusal::NoSuchPartner),
        );
        assert_eq!(
            state.modify_partner_secret(&partner.app_key, "nobody", "x", NEW, OldSecret::DiesNow),
            Err(Refusal::WrongCredentials),
        );
    }

    #[test]
    fn another_partners_app_key_fits_neither_log_in_nor_token() {
        let (mut state, partner) = state();
        let other = PartnerCredentials {
            id: "2".to_owned(),
            secret: "s".to_owned(),
            app_key: "other".to_owned(),
        };
        state.partners.push(Partner::new(&other));
        let token = log_in(&mut state, &partner, &partner.secret).unwrap();
        assert_eq!(
            state.authenticate(Some("other"), Some(&token)),
            Err(Refusal::AppKeyUnknown)
        );
        assert_eq!(
            state.create_token("other", &partner.id, &partner.secret),
            Err(Refusal::AppKeyUnknown),
        );
        assert_eq!(state.partners[0].failures, 0);
    }

    #[test]
    fn an_immediate_change_kills_the_old_secret_and_keeps_tokens() {
        let (mut state, partner) = state();
        let token = log_in(&mut state, &partner, &partner.secret).unwrap();
        change(&mut state, &partner, OldSecret::DiesNow).unwrap();
        assert_eq!(
            state.authenticate(Some(&partner.app_key), Some(&token)),
            Ok(0)
        );
        assert_eq!(
            log_in(&mut state, &partner, &partner.secret),
            Err(Refusal::WrongCredentials)
        );
        assert!(log_in(&mut state, &partner, NEW).is_ok());
    }

    #[test]
    fn with_grace_the_old_secret_works_for_thirty_days() {
        let (mut state, partner) = state();
        change(&mut state, &partner, OldSecret::KeepsGrace).unwrap();
        state
            .clock
            .advance(Duration::from_secs(30 * 86400 - 10))
            .unwrap();
        assert!(log_in(&mut state, &partner, &partner.secret).is_ok());
        assert!(log_in(&mut state, &partner, NEW).is_ok());
        state.clock.advance(Duration::from_secs(10)).unwrap();
        assert_eq!(
            log_in(&mut state, &partner, &partner.secret),
            Err(Refusal::WrongCredentials)
        );
    }

    #[test]
    fn a_new_secret_against_the_policy_is_refused() {
        let (mut state, partner) = state();
        let short = state.modify_partner_secret(
            &partner.app_key,
            &partner.id,
            &partner.secret,
            "short1",
            OldSecret::DiesNow,
        );
        assert_eq!(short, Err(Refusal::SecretPolicy));
    }
}
