//! What is called: the methods of the contract, those of the standard services, or none.

use openfinance_rpc::{Idempotency, METHODS, Method};

/// The method that a request calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Called {
    /// Its name as telemetry has it, such as `openfinance.v1.CustomerService/GetCustomer`; `_OTHER` where there is no
    /// such method, so that callers can't make names up.
    pub(crate) name: &'static str,
    /// The place of that among all names.
    pub(crate) number: usize,
    /// What the contract says of it; `None` for the standard services and for what does not exist.
    pub(crate) method: Option<&'static Method>,
}

/// The name of what is no method.
const OTHER: &str = "_OTHER";

/// Health and reflection.
const STANDARD: &[&str] = &[
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

impl Called {
    /// Every name that telemetry has.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        let paths = METHODS.iter().map(|method| method.path);
        let named = paths.chain(STANDARD.iter().copied()).map(|path| &path[1..]);
        named.chain([OTHER])
    }

    /// The method at the path of a request.
    pub(crate) fn at(path: &str) -> Self {
        if let Some(number) = METHODS.iter().position(|method| method.path == path) {
            let method = &METHODS[number];
            return Self {
                name: &method.path[1..],
                number,
                method: Some(method),
            };
        }
        let standard = STANDARD.iter().position(|known| *known == path);
        Self {
            name: standard.map_or(OTHER, |number| &STANDARD[number][1..]),
            number: METHODS.len() + standard.unwrap_or(STANDARD.len()),
            method: None,
        }
    }

    /// Whether it asks for the gateway's health.
    pub(crate) fn is_health(self) -> bool {
        self.name.starts_with("grpc.health.")
    }

    /// Whether it answers once, so that the gateway may limit its time.
    pub(crate) fn is_unary(self) -> bool {
        self.method.is_some_and(|method| !method.server_streaming)
    }

    /// Whether it changes nothing.
    pub(crate) fn reads_only(self) -> bool {
        self.method
            .is_none_or(|method| method.idempotency == Idempotency::NoSideEffects)
    }

    /// Whether it creates something.
    pub(crate) fn creates(self) -> bool {
        !self.is_repeatable()
    }

    /// Whether it may be repeated without doing the work twice.
    pub(crate) fn is_repeatable(self) -> bool {
        self.method.is_none_or(|method| match method.idempotency {
            Idempotency::NoSideEffects | Idempotency::Idempotent => true,
            Idempotency::Unknown => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_methods_that_exist_have_a_name() {
        for (number, name) in Called::names().enumerate() {
            let called = Called::at(&format!("/{name}"));
            assert_eq!((called.name, called.number), (name, number));
        }
        for method in METHODS {
            assert_eq!(format!("/{}", Called::at(method.path).name), method.path);
        }
        assert_eq!(
            Called::at("/grpc.health.v1.Health/Check").name,
            "grpc.health.v1.Health/Check"
        );
        for path in [
            "/",
            "",
            "*",
            "/openfinance.v1.CustomerService/Forge",
            "/index.html",
        ] {
            assert_eq!(Called::at(path).name, "_OTHER", "{path}");
        }
    }

    #[test]
    fn only_the_stream_of_customers_has_no_limit_of_ours() {
        let streams: Vec<_> = METHODS
            .iter()
            .filter(|method| !Called::at(method.path).is_unary())
            .collect();
        assert_eq!(streams.len(), 1);
        assert_eq!(
            streams[0].path,
            "/openfinance.v1.CustomerService/StreamCustomers"
        );
    }
}
