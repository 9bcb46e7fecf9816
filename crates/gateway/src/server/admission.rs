//! Who may connect: so many in all, and so many from one place.
//!
//! Where all places are taken, a new connection takes that of the oldest one that has said nothing yet. Whoever does not
//! mean to say anything can keep nobody out so, and whoever does needs its place for that long only.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::SetOnce;

/// Counts connections. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Admission(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    most: u32,
    most_of_one: u32,
    connections: Mutex<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    all: u32,
    /// Of each place, for as long as it has any.
    of: HashMap<IpAddr, u32>,
    /// How many have come so far, which tells their age.
    come: u64,
    /// Those that have said nothing yet, by age.
    silent: BTreeMap<u64, Silent>,
}

/// A connection that has said nothing yet.
#[derive(Debug)]
struct Silent {
    origin: IpAddr,
    /// How it learns that its place is another's.
    gone: Arc<SetOnce<()>>,
}

impl Connections {
    /// Frees a place of `origin`.
    fn leave(&mut self, origin: IpAddr) {
        self.all -= 1;
        if let Some(of_one) = self.of.get_mut(&origin) {
            *of_one -= 1;
            if *of_one == 0 {
                self.of.remove(&origin);
            }
        }
    }

    /// Frees the place of the oldest connection that has said nothing yet; whether there is one.
    fn make_room(&mut self) -> bool {
        let Some((_, Silent { origin, gone })) = self.silent.pop_first() else {
            return false;
        };
        self.leave(origin);
        gone.set(()).is_ok()
    }
}

/// Why a connection is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// There are too many.
    All,
    /// There are too many from its place.
    OfOne,
}

/// The place that a connection has. Dropped, it is free again.
#[derive(Debug)]
pub(super) struct Place {
    of: Admission,
    origin: IpAddr,
    number: u64,
    gone: Arc<SetOnce<()>>,
}

impl Admission {
    pub(super) fn new(most: u32, most_of_one: u32) -> Self {
        Self(Arc::new(Counted {
            most,
            most_of_one,
            connections: Mutex::default(),
        }))
    }

    /// A place for a connection from `address`, if there is one left.
    pub(super) fn enter(&self, address: IpAddr) -> Result<Place, Full> {
        let origin = origin(address);
        let mut connections = self.connections();
        let of_one = connections.of.get(&origin).copied().unwrap_or_default();
        if of_one >= self.0.most_of_one {
            return Err(Full::OfOne);
        }
        if connections.all >= self.0.most && !connections.make_room() {
            return Err(Full::All);
        }
        connections.all += 1;
        *connections.of.entry(origin).or_default() += 1;
        connections.come += 1;
        let (number, gone) = (connections.come, Arc::new(SetOnce::new()));
        let silent = Silent {
            origin,
            gone: Arc::clone(&gone),
        };
        connections.silent.insert(number, silent);
        Ok(Place {
            of: self.clone(),
            origin,
            number,
            gone,
        })
    }

    fn connections(&self) -> std::sync::MutexGuard<'_, Connections> {
        self.0
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Notes that the peer has said what connections begin with, so that the place becomes nobody else's. Whether it has
    /// not become that already.
    pub(super) fn keep(&self) -> bool {
        let mut connections = self.of.connections();
        connections.silent.remove(&self.number).is_some()
    }

    /// Waits until the place is another's.
    pub(super) async fn is_gone(&self) {
        self.gone.wait().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut connections = self.of.connections();
        connections.silent.remove(&self.number);
        if !self.gone.initialized() {
            connections.leave(self.origin);
        }
    }
}

/// What counts as one place: an IPv4 address however it is written, or the IPv6 network of 64 bits that a host has for
/// itself alone.
fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    #[test]
    fn one_place_can_not_take_all() {
        let admission = Admission::new(3, 2);
        let first = admission.enter(at("10.0.0.1")).unwrap();
        let second = admission.enter(at("::ffff:10.0.0.1")).unwrap();
        assert_eq!(admission.enter(at("10.0.0.1")).unwrap_err(), Full::OfOne);
        let other = admission.enter(at("10.0.0.2")).unwrap();
        for place in [&first, &second, &other] {
            assert!(place.keep());
        }
        assert_eq!(admission.enter(at("10.0.0.3")).unwrap_err(), Full::All);
        drop(first);
        let _again = admission.enter(at("10.0.0.1")).unwrap();
    }

    #[test]
    fn a_host_has_one_network_of_64_bits() {
        let admission = Admission::new(10, 1);
        let _one = admission.enter(at("2001:db8:0:1::1")).unwrap();
        assert_eq!(
            admission.enter(at("2001:db8:0:1:ffff::2")).unwrap_err(),
            Full::OfOne
        );
        let _neighbour = admission.enter(at("2001:db8:0:2::1")).unwrap();
    }

    #[tokio::test]
    async fn where_all_places_are_taken_the_oldest_that_is_silent_makes_room() {
        let admission = Admission::new(3, 2);
        let enter = |last: u8| admission.enter(IpAddr::from([10, 0, 0, last]));
        let (first, second, third) = (enter(1).unwrap(), enter(1).unwrap(), enter(2).unwrap());
        assert!(first.keep());
        // Whoever has all of its own takes no place of others.
        assert_eq!(enter(1).unwrap_err(), Full::OfOne);
        let fourth = enter(3).unwrap();
        second.is_gone().await;
        assert!(!second.keep());
        assert!(!first.gone.initialized() && !third.gone.initialized());
        // The place went over once, whenever it is left.
        drop(second);
        assert_eq!(admission.connections().all, 3);
        assert_eq!(admission.connections().of[&at("10.0.0.1")], 1);
        for place in [&third, &fourth] {
            assert!(place.keep());
        }
        assert_eq!(enter(4).unwrap_err(), Full::All);
        drop([first, third, fourth]);
        let connections = admission.connections();
        assert_eq!((connections.all, connections.of.len()), (0, 0));
        assert_eq!(connections.silent.len(), 0);
    }

    #[test]
    fn places_that_are_left_leave_nothing_behind() {
        let admission = Admission::new(2, 2);
        for last in 0..100 {
            let _place = admission.enter(at(&format!("10.0.0.{last}"))).unwrap();
        }
        let connections = admission.connections();
        assert_eq!((connections.all, connections.of.len()), (0, 0));
    }
}
