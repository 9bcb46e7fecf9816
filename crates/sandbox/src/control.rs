//! The control plane: what a test does to the sandbox that no caller of the vendor could.
//!
//! [`Control`] is for Rust tests in the same process; `http` offers the same as JSON under `/__sandbox/v1`. Neither
//! shows a secret, a token or a personal field, but for snapshots, which must be complete.

mod http;
mod records;
mod snapshot;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    auth::{Lock, Partner, Revoke},
    authorization::{InvalidInstitutionLogin, NewInstitutionLogin},
    barrier::BarrierStatus,
    config::PartnerCredentials,
    fault::{FaultRule, FaultStatus, InvalidFault, Target},
    journal::{Journal, RequestRecord},
    operation::Operation,
    shared::Shared,
    snapshot::InvalidSnapshot,
    state::State,
};

pub(crate) use http::{control_path, refuse_another_site, route};
pub use records::{Personal, RecordKind, RecordQuery, Records};

/// Why the control plane refuses.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The clock ends with the year 9999.
    #[error("the clock cannot go past the year 9999")]
    ClockOverflow,
    /// No partner has this id.
    #[error("no such partner")]
    UnknownPartner,
    /// A partner has this id already.
    #[error("partnerId is taken")]
    PartnerExists,
    /// No rule has this id.
    #[error("no such fault")]
    UnknownFault,
    /// No barrier has this id.
    #[error("no such barrier")]
    UnknownBarrier,
    /// The rule cannot be kept to.
    #[error(transparent)]
    Fault(#[from] InvalidFault),
    /// The login cannot be made.
    #[error(transparent)]
    InstitutionLogin(#[from] InvalidInstitutionLogin),
    /// The snapshot cannot be restored.
    #[error(transparent)]
    Snapshot(#[from] InvalidSnapshot),
}

/// How many records there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Live customers of all partners.
    pub customers: usize,
    /// Consumers, those of deleted customers included.
    pub consumers: usize,
    /// Businesses, those of deleted customers included.
    pub businesses: usize,
    /// Institution logins of live customers.
    pub institution_logins: usize,
    /// Tokens that are neither expired nor revoked.
    pub tokens: usize,
}

/// One partner as the control plane shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerSummary {
    /// The partner id.
    pub partner_id: String,
    /// Whether authentication is refused with code 24302.
    pub locked: bool,
    /// Secrets refused since the start; attempts while locked are not tried, so not counted.
    pub failed_authentications: u64,
    /// The longest run of refused secrets.
    pub max_consecutive_failed_authentications: u32,
    /// CreateToken requests that named this partner, whatever their outcome.
    pub token_requests: u64,
}

/// The sandbox at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The virtual time.
    pub now: Timestamp,
    /// What ids and tokens are derived from.
    pub seed: u64,
    /// How many records there are.
    pub counts: Counts,
    /// The configured partner, then the added ones.
    pub partners: Vec<PartnerSummary>,
}

/// Controls one sandbox. Clones control the same one, also after it has stopped.
///
/// With a state file, a method returns when what it did is on disk.
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

impl Control {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        let (result, durable) = self.shared.with(f);
        // A failure has been logged, and whoever asks over HTTP gets no answer any more.
        let _ = durable.wait_blocking();
        result
    }

    /// Starts over as if just started, from `seed` if one is given.
    pub fn reset(&self, seed: Option<u64>) {
        self.with(|state| state.reset(seed));
    }

    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.with(|state| state.clock.now())
    }

    /// Puts the clock forward and answers the new time. What falls due meanwhile happens at its own time.
    ///
    /// # Errors
    /// [`ControlError::ClockOverflow`] beyond the year 9999; the clock is then left as it was.
    pub fn advance(&self, by: Duration) -> Result<Timestamp, ControlError> {
        self.with(|state| state.clock.advance(by))
            .ok_or(ControlError::ClockOverflow)
    }

    /// Forgets tokens and answers how many; using one is refused with code 10022 from now on.
    pub fn revoke_tokens(&self, which: Revoke) -> usize {
        self.with(|state| state.revoke_tokens(which))
    }

    /// Adds a partner. Records of one partner do not exist for the other; usernames stay unique over all.
    ///
    /// # Errors
    /// [`ControlError::PartnerExists`] if the id is taken.
    pub fn add_partner(&self, credentials: &PartnerCredentials) -> Result<(), ControlError> {
        self.with(|state| state.add_partner(credentials))
    }

    /// Locks or unlocks a partner, `None` being the configured one.
    ///
    /// # Errors
    /// [`ControlError::UnknownPartner`].
    pub fn set_partner_locked(&self, partner: Option<&str>, to: Lock) -> Result<(), ControlError> {
        self.with(|state| {
            state.partner_mut(partner)?.set_lock(to);
            Ok(())
        })
    }

    /// Gives a partner another secret at once, whatever the policy; `None` is the configured partner.
    ///
    /// # Errors
    /// [`ControlError::UnknownPartner`].
    pub fn set_partner_secret(
        &self,
        partner: Option<&str>,
        secret: &str,
    ) -> Result<(), ControlError> {
        self.with(|state| {
            state.partner_mut(partner)?.set_secret(secret);
            Ok(())
        })
    }

    /// Registers an application for all partners, or renames it.
    pub fn add_application(&self, id: &str, name: &str) {
        self.with(|state| state.applications.insert(id.to_owned(), name.to_owned()));
    }

    /// Gives a customer a login at an institution, as Data Connect would, and answers the login's id.
    ///
    /// # Errors
    /// [`ControlError::InstitutionLogin`] if the customer is unknown or the dates are the wrong way round.
    pub fn add_institution_login(&self, new: &NewInstitutionLogin) -> Result<i64, ControlError> {
        Ok(self.with(|state| state.add_institution_login(new))?)
    }

    /// Plans a fault and answers its id.
    ///
    /// # Errors
    /// [`ControlError::Fault`] if the rule cannot be kept to.
    pub fn add_fault(&self, rule: FaultRule) -> Result<u64, ControlError> {
        Ok(self.with(|state| state.add_fault(rule))?)
    }

    /// All rules, oldest first, spent ones too.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultStatus> {
        self.with(|state| state.faults.list())
    }

    /// Removes one rule.
    ///
    /// # Errors
    /// [`ControlError::UnknownFault`].
    pub fn remove_fault(&self, id: u64) -> Result<(), ControlError> {
        if self.with(|state| state.remove_fault(id)) {
            Ok(())
        } else {
            Err(ControlError::UnknownFault)
        }
    }

    /// Removes all rules and answers how many there were.
    pub fn clear_faults(&self) -> usize {
        self.with(|state| state.clear_faults())
    }

    /// Holds requests from now on, each when it is complete and before anything is done, and answers the barrier's id.
    pub fn add_barrier(&self, target: Target) -> u64 {
        self.with(|state| state.barriers.add(target))
    }

    /// How many requests wait at a barrier.
    ///
    /// # Errors
    /// [`ControlError::UnknownBarrier`].
    pub fn barrier(&self, id: u64) -> Result<BarrierStatus, ControlError> {
        self.with(|state| state.barriers.status(id))
            .ok_or(ControlError::UnknownBarrier)
    }

    /// Ends when at least `waiting` requests wait at a barrier.
    ///
    /// # Errors
    /// [`ControlError::UnknownBarrier`], also if a reset removes it meanwhile.
    pub async fn barrier_holds(&self, id: u64, waiting: usize) -> Result<(), ControlError> {
        let mut signals = self.shared.signals();
        while self.barrier(id)?.waiting < waiting {
            if signals.changed().await.is_err() {
                return Err(ControlError::UnknownBarrier);
            }
        }
        Ok(())
    }

    /// Lets the requests at a barrier go on, in the order of their arrival, and answers how many there were. Later
    /// ones are not held.
    ///
    /// # Errors
    /// [`ControlError::UnknownBarrier`].
    pub fn release_barrier(&self, id: u64) -> Result<usize, ControlError> {
        self.with(|state| {
            let held = state.barriers.release(id)?;
            Some(state.let_go(held))
        })
        .ok_or(ControlError::UnknownBarrier)
    }

    /// The requests to one operation, or all, oldest first; at least the last 100,000 are kept.
    #[must_use]
    pub fn requests(&self, operation: Option<Operation>) -> Vec<RequestRecord> {
        self.with(|state| state.journal.requests(operation))
    }

    /// The requests that arrived and the records that were committed after line `since`, oldest first.
    #[must_use]
    pub fn journal(&self, since: u64) -> Journal {
        self.with(|state| state.journal.since(since)).read()
    }

    /// Time, counts and partners.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.with(|state| state.summary())
    }

    /// How many records there are.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.with(|state| state.counts())
    }
}

impl State {
    fn counts(&self) -> Counts {
        Counts {
            customers: self.customers.len(),
            consumers: self.consumers.len(),
            businesses: self.businesses.len(),
            institution_logins: self.institution_logins.len(),
            tokens: self.live_tokens(),
        }
    }

    fn summary(&self) -> Summary {
        Summary {
            now: self.clock.now(),
            seed: self.config.seed,
            counts: self.counts(),
            partners: self.partners.iter().map(Partner::summary).collect(),
        }
    }

    fn add_partner(&mut self, credentials: &PartnerCredentials) -> Result<(), ControlError> {
        if self.partner_index(&credentials.id).is_some() {
            return Err(ControlError::PartnerExists);
        }
        self.partners.push(Partner::new(credentials));
        Ok(())
    }

    /// The partner with this id, or the configured one, which is always the first.
    fn partner_mut(&mut self, id: Option<&str>) -> Result<&mut Partner, ControlError> {
        let index = id.map_or(Some(0), |id| self.partner_index(id));
        index
            .and_then(|index| self.partners.get_mut(index))
            .ok_or(ControlError::UnknownPartner)
    }
}

impl Partner {
    fn summary(&self) -> PartnerSummary {
        PartnerSummary {
            partner_id: self.id.clone(),
            locked: self.locked,
            failed_authentications: self.failures,
            max_consecutive_failed_authentications: self.most_consecutive_failures,
            token_requests: self.token_requests,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn control() -> Control {
        Control::new(Arc::new(Shared::new(State::new(Config::for_tests()))))
    }

    #[test]
    fn reset_forgets_everything_but_the_configuration() {
        let control = control();
        let fresh = control.summary();
        let other = PartnerCredentials {
            id: "2".to_owned(),
            secret: "s".to_owned(),
            app_key: "k".to_owned(),
        };
        control.add_partner(&other).unwrap();
        assert!(matches!(
            control.add_partner(&other),
            Err(ControlError::PartnerExists)
        ));
        control.add_application("a", "b");
        control.set_partner_locked(None, Lock::Locked).unwrap();
        control
            .add_fault(FaultRule::on_any().answer(500, None))
            .unwrap();
        control.advance(Duration::from_secs(86_400)).unwrap();
        assert_ne!(control.summary().partners, fresh.partners);
        control.reset(Some(7));
        let after = control.summary();
        assert_eq!(
            (after.seed, after.counts, &after.partners),
            (7, fresh.counts, &fresh.partners)
        );
        assert_eq!(after.now.as_second(), fresh.now.as_second());
        assert_eq!(control.faults(), []);
        assert!(control.with(|state| state.applications.is_empty()));
    }

    #[test]
    fn partners_are_locked_by_id_or_by_default() {
        let control = control();
        control.set_partner_locked(None, Lock::Locked).unwrap();
        assert!(control.summary().partners[0].locked);
        control
            .set_partner_locked(Some("2445580000001"), Lock::Unlocked)
            .unwrap();
        assert!(!control.summary().partners[0].locked);
        let unknown = control.set_partner_locked(Some("nobody"), Lock::Locked);
        assert!(matches!(unknown, Err(ControlError::UnknownPartner)));
    }
}
