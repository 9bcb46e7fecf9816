//! What time it is: by the vendor's clock where it tells, since what is asked is how old a record of the vendor's is.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use openfinance_rest as rest;
use tokio::time::Instant;

use crate::outcome::http_date;

/// The vendor's clock as its answers show it (the `Date` header), and this machine's where none does.
pub(crate) struct Clock {
    machine: fn() -> Timestamp,
    vendor: Mutex<Option<Told>>,
}

/// The time that the vendor told last, and when it was heard.
struct Told {
    /// As it was written: within a second many answers say the same, which is read once.
    text: Vec<u8>,
    time: Timestamp,
    heard: Instant,
}

impl Clock {
    /// With this machine's clock to fall back on.
    pub(crate) fn new(machine: fn() -> Timestamp) -> Self {
        Self {
            machine,
            vendor: Mutex::new(None),
        }
    }

    /// Hears the time in an answer, if there is an answer and it has the time.
    pub(crate) fn hear(&self, answer: Option<&rest::Answer>) {
        let Some(date) = answer.and_then(|answer| answer.headers.get(http::header::DATE)) else {
            return;
        };
        let mut vendor = self.heard();
        if let Some(told) = vendor.as_mut().filter(|told| told.text == date.as_bytes()) {
            told.heard = Instant::now();
        } else if let Some(time) = date.to_str().ok().and_then(http_date) {
            *vendor = Some(Told {
                text: date.as_bytes().to_vec(),
                time,
                heard: Instant::now(),
            });
        }
    }

    /// The vendor's time, if it has told any.
    pub(crate) fn vendor(&self) -> Option<Timestamp> {
        let vendor = self.heard();
        let Told { time, heard, .. } = vendor.as_ref()?;
        time.checked_add(heard.elapsed()).ok()
    }

    /// The vendor's time, or this machine's if the vendor tells none.
    pub(crate) fn now(&self) -> Timestamp {
        self.vendor().unwrap_or_else(self.machine)
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, Option<Told>> {
        // Nothing panics while it is held.
        self.vendor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answer(date: &str) -> rest::Answer {
        let mut headers = http::HeaderMap::new();
        headers.insert(http::header::DATE, date.parse().unwrap());
        rest::Answer {
            status: http::StatusCode::OK,
            headers,
            body: bytes::Bytes::new(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_vendors_clock_goes_on_between_its_answers() {
        let clock = Clock::new(|| Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        clock.hear(Some(&answer("Sun, 06 Nov 1994 08:49:37 GMT")));
        tokio::time::advance(Duration::from_secs(3)).await;
        clock.hear(None);
        clock.hear(Some(&answer("yesterday")));
        assert_eq!(clock.now(), "1994-11-06T08:49:40Z".parse().unwrap());
        // An answer says how late it is, whatever was thought before.
        clock.hear(Some(&answer("Sun, 06 Nov 1994 08:00:00 GMT")));
        assert_eq!(clock.vendor(), "1994-11-06T08:00:00Z".parse().ok());
        // And so does one that says the same again.
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(clock.vendor(), "1994-11-06T08:00:03Z".parse().ok());
        clock.hear(Some(&answer("Sun, 06 Nov 1994 08:00:00 GMT")));
        assert_eq!(clock.vendor(), "1994-11-06T08:00:00Z".parse().ok());
    }
}
