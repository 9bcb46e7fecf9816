//! Health as it is watched. Whoever reaches the port may watch, so watches are few on each connection, bounded in all, and
//! end after a while; what watches begins anew then.

use std::{
    collections::HashMap,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_core::Stream;
use futures_util::StreamExt as _;
use tonic::{Request, Response, Status};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_server::Health};

use crate::{failure::Failure, reason::Reason, server::peer::Peer};

/// How many watches there may be on one connection, and in all. A client has one for each connection.
const MOST_OF_ONE: usize = 8;
const MOST: usize = 4_096;

/// How long one lasts.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// A health service whose watches are bounded.
#[derive(Debug)]
pub(super) struct Watches<H> {
    inner: H,
    places: Places,
}

impl<H> Watches<H> {
    pub(super) fn new(inner: H) -> Self {
        Self {
            inner,
            places: Places::default(),
        }
    }
}

/// How many watches each connection has. Clones are the same.
#[derive(Clone, Debug, Default)]
struct Places(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_peer: HashMap<Option<SocketAddr>, usize>,
}

/// The place of one watch, which is free again when this is gone.
#[derive(Debug)]
struct Place {
    places: Places,
    peer: Option<SocketAddr>,
}

impl Places {
    /// A place for a watch of this peer, whose address is that of one connection.
    fn enter(&self, peer: Option<SocketAddr>) -> Option<Place> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.by_peer.get(&peer).copied().unwrap_or_default();
        if taken.all >= MOST || own >= MOST_OF_ONE {
            return None;
        }
        taken.all += 1;
        taken.by_peer.insert(peer, own + 1);
        Some(Place {
            places: self.clone(),
            peer,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let taken = self.places.0.lock();
        let mut taken = taken.unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        match taken.by_peer.get_mut(&self.peer) {
            Some(own) if *own > 1 => *own -= 1,
            Some(_) | None => {
                taken.by_peer.remove(&self.peer);
            }
        }
    }
}

#[tonic::async_trait]
impl<H: Health> Health for Watches<H> {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        self.inner.check(request).await
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let peer = request.extensions().get::<Peer>();
        let Some(place) = self.places.enter(peer.map(|peer| peer.address)) else {
            let message = "health is watched too often: on one connection, or in all";
            return Err(Failure::new(Reason::Overloaded, message).into());
        };
        let answer = self.inner.watch(request).await?;
        Ok(answer.map(|stream| {
            let ended = Box::pin(tokio::time::sleep(LONGEST));
            let held = stream.take_until(ended).map(move |status| {
                // As long as the stream is, so is its place.
                let _ = &place;
                status
            });
            Box::pin(held) as Self::WatchStream
        }))
    }
}

#[cfg(test)]
mod tests {
    use tonic_health::{
        ServingStatus,
        server::{HealthReporter, HealthService},
    };

    use super::*;

    async fn watches() -> (HealthReporter, Watches<HealthService>) {
        let reporter = HealthReporter::new();
        reporter
            .set_service_status("", ServingStatus::Serving)
            .await;
        let statuses = HealthService::from_health_reporter(reporter.clone());
        (reporter, Watches::new(statuses))
    }

    fn from(port: u16) -> Request<HealthCheckRequest> {
        let mut request = Request::new(HealthCheckRequest::default());
        let address = ([127, 0, 0, 1], port).into();
        request.extensions_mut().insert(Peer::new(address, []));
        request
    }

    #[tokio::test]
    async fn a_connection_has_a_few_watches_and_another_has_its_own() {
        let (_reporter, watches) = watches().await;
        let mut open = Vec::new();
        for _ in 0..MOST_OF_ONE {
            open.push(watches.watch(from(1)).await.unwrap());
        }
        let Err(refused) = watches.watch(from(1)).await else {
            panic!("one too many");
        };
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        assert!(watches.watch(from(2)).await.is_ok());
        open.pop();
        assert!(watches.watch(from(1)).await.is_ok());
        drop(open);
        let taken = watches.places.0.lock().unwrap();
        assert_eq!((taken.all, taken.by_peer.len()), (0, 0));
    }

    #[tokio::test]
    async fn all_connections_have_so_many_watches_and_no_more() {
        let (_reporter, watches) = watches().await;
        let mut open = Vec::new();
        for watch in 0..MOST {
            let port = u16::try_from(watch / MOST_OF_ONE).unwrap();
            open.push(watches.watch(from(port)).await.unwrap());
        }
        assert!(watches.watch(from(u16::MAX)).await.is_err());
        assert!(watches.check(from(u16::MAX)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_ends_after_a_while() {
        let (reporter, watches) = watches().await;
        let mut stream = watches.watch(from(1)).await.unwrap().into_inner();
        assert!(stream.next().await.unwrap().is_ok());
        tokio::time::sleep(LONGEST / 2).await;
        let lost = ServingStatus::NotServing;
        reporter.set_service_status("", lost).await;
        assert!(stream.next().await.unwrap().is_ok());
        assert!(stream.next().await.is_none());
        drop(stream);
        assert_eq!(watches.places.0.lock().unwrap().all, 0);
    }
}
