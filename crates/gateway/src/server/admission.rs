//! Who may connect: so many in all, and so many from one place.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

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
        if connections.all >= self.0.most {
            return Err(Full::All);
        }
        let of_one = connections.of.entry(origin).or_default();
        if *of_one >= self.0.most_of_one {
            return Err(Full::OfOne);
        }
        *of_one += 1;
        connections.all += 1;
        Ok(Place {
            of: self.clone(),
            origin,
        })
    }

    fn connections(&self) -> std::sync::MutexGuard<'_, Connections> {
        self.0
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut connections = self.of.connections();
        connections.all -= 1;
        if let Some(of_one) = connections.of.get_mut(&self.origin) {
            *of_one -= 1;
            if *of_one == 0 {
                connections.of.remove(&self.origin);
            }
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
        let _second = admission.enter(at("::ffff:10.0.0.1")).unwrap();
        assert_eq!(admission.enter(at("10.0.0.1")).unwrap_err(), Full::OfOne);
        let _other = admission.enter(at("10.0.0.2")).unwrap();
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
