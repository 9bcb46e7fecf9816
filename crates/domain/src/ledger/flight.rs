//! Who in this process is at work on which request id, so that others wait for the same answer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::{Error, settle::Made};

/// The request ids that this process is at work on.
#[derive(Clone, Default)]
pub(crate) struct Flights(Arc<Mutex<HashMap<String, Flight>>>);

struct Flight {
    /// Of the content; none where the background is at work, which has no content.
    fingerprint: Option<String>,
    landed: watch::Receiver<Option<Landed>>,
}

/// What became of a flight.
#[derive(Clone)]
pub(super) enum Landed {
    /// It has this answer.
    Answer(Result<Made, Error>),
    /// It has none for others: they look for themselves.
    Again,
}

/// What somebody who comes with a request id is.
pub(super) enum Boarding {
    /// The one who is to do it.
    Pilot(Pilot),
    /// One of those who wait.
    Passenger(watch::Receiver<Option<Landed>>),
    /// Somebody with other content under the same id.
    Stranger,
}

/// Who is at work on a request id. Nobody else is until this is dropped.
pub(super) struct Pilot {
    flights: Flights,
    name: String,
    landed: watch::Sender<Option<Landed>>,
}

impl Flights {
    fn flights(&self) -> MutexGuard<'_, HashMap<String, Flight>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many request ids this process is at work on.
    pub(crate) fn count(&self) -> usize {
        self.flights().len()
    }

    /// Comes with a request id, and with the fingerprint of what is asked under it if there is one.
    pub(super) fn board(&self, name: &str, fingerprint: Option<&str>) -> Boarding {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(name) {
            let same = match (&flight.fingerprint, fingerprint) {
                (Some(one), Some(other)) => one == other,
                (None, _) | (_, None) => true,
            };
            return match same {
                true => Boarding::Passenger(flight.landed.clone()),
                false => Boarding::Stranger,
            };
        }
        let (sender, landed) = watch::channel(None);
        let fingerprint = fingerprint.map(str::to_owned);
        let flight = Flight {
            fingerprint,
            landed,
        };
        flights.insert(name.to_owned(), flight);
        Boarding::Pilot(Pilot {
            flights: self.clone(),
            name: name.to_owned(),
            landed: sender,
        })
    }
}

impl Pilot {
    /// Tells those who wait.
    pub(super) fn land(self, answer: Result<&Made, &Error>) {
        let landed = match answer {
            // It was this caller's time that was over.
            Err(Error::DeadlineExceeded { .. }) => Landed::Again,
            answer => Landed::Answer(answer.cloned().map_err(Error::clone)),
        };
        self.landed.send_replace(Some(landed));
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        self.flights.flights().remove(&self.name);
        self.landed.send_if_modified(|landed| {
            let silent = landed.is_none();
            if silent {
                *landed = Some(Landed::Again);
            }
            silent
        });
    }
}
