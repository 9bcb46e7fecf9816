//! The operations and their routes, as the vendor's OpenAPI document lists them. No other route exists.
//!
//! A path is split at its slashes before anything is decoded, so an encoded slash inside an id stays inside the id
//! and can never reach another route.

use std::{borrow::Cow, fmt, str::FromStr};

use http::Method;

/// One of the vendor's operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the vendor's operation ids")]
pub enum Operation {
    CreateToken,
    ModifyPartnerSecret,
    AddTestingCustomer,
    AddCustomer,
    GetCustomers,
    GetCustomer,
    ModifyCustomer,
    DeleteCustomer,
    GetCustomerWithAppData,
    CreateConsumer,
    GetConsumerForCustomer,
    GetConsumer,
    ModifyConsumer,
    AddBusinessDetails,
    GetBusinessByCustomer,
    UpdateBusiness,
    GetBusinessById,
    GetCustomerAuthorizationDetails,
}

struct Route {
    operation: Operation,
    id: &'static str,
    method: Method,
    /// A segment in braces takes any value but the empty one.
    path: &'static str,
}

const fn route(
    operation: Operation,
    id: &'static str,
    method: Method,
    path: &'static str,
) -> Route {
    Route {
        operation,
        id,
        method,
        path,
    }
}

const AUTHENTICATION: &str = "/aggregation/v2/partners/authentication";
const CUSTOMERS: &str = "/aggregation/v1/customers";
const CUSTOMER: &str = "/aggregation/v1/customers/{customerId}";
const APPLICATION: &str = "/aggregation/v1/customers/{customerId}/application";
const CONSUMER_OF_CUSTOMER: &str = "/decisioning/v1/customers/{customerId}/consumer";
const CONSUMER: &str = "/decisioning/v1/consumers/{consumerId}";
const BUSINESS_OF_CUSTOMER: &str = "/business-services/customers/{customer_id}/businesses";
const BUSINESS: &str = "/business-services/businesses/{business_id}";
const AUTHORIZATION: &str =
    "/customers/institution-logins/{institution_login_id}/authorization-details";

/// In the order of [`Operation`], which a test checks.
#[rustfmt::skip]
static ROUTES: [Route; 18] = [
    route(Operation::CreateToken, "CreateToken", Method::POST, AUTHENTICATION),
    route(Operation::ModifyPartnerSecret, "ModifyPartnerSecret", Method::PUT, AUTHENTICATION),
    route(Operation::AddTestingCustomer, "AddTestingCustomer", Method::POST, "/aggregation/v2/customers/testing"),
    route(Operation::AddCustomer, "AddCustomer", Method::POST, "/aggregation/v2/customers/active"),
    route(Operation::GetCustomers, "GetCustomers", Method::GET, CUSTOMERS),
    route(Operation::GetCustomer, "GetCustomer", Method::GET, CUSTOMER),
    route(Operation::ModifyCustomer, "ModifyCustomer", Method::PUT, CUSTOMER),
    route(Operation::DeleteCustomer, "DeleteCustomer", Method::DELETE, CUSTOMER),
    route(Operation::GetCustomerWithAppData, "GetCustomerWithAppData", Method::GET, APPLICATION),
    route(Operation::CreateConsumer, "CreateConsumer", Method::POST, CONSUMER_OF_CUSTOMER),
    route(Operation::GetConsumerForCustomer, "GetConsumerForCustomer", Method::GET, CONSUMER_OF_CUSTOMER),
    route(Operation::GetConsumer, "GetConsumer", Method::GET, CONSUMER),
    route(Operation::ModifyConsumer, "ModifyConsumer", Method::PUT, CONSUMER),
    route(Operation::AddBusinessDetails, "AddBusinessDetails", Method::POST, BUSINESS_OF_CUSTOMER),
    route(Operation::GetBusinessByCustomer, "GetBusinessByCustomer", Method::GET, BUSINESS_OF_CUSTOMER),
    route(Operation::UpdateBusiness, "UpdateBusiness", Method::PUT, BUSINESS),
    route(Operation::GetBusinessById, "GetBusinessById", Method::GET, BUSINESS),
    route(Operation::GetCustomerAuthorizationDetails, "getCustomerAuthorizationDetails", Method::GET, AUTHORIZATION),
];

impl Operation {
    /// Every operation, in the order of the vendor's document.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        ROUTES.iter().map(|route| route.operation)
    }

    /// The vendor's operation id, letter by letter.
    #[must_use]
    pub fn id(self) -> &'static str {
        ROUTES[self as usize].id
    }

    /// Whether a request only reads records.
    pub(crate) fn is_read(self) -> bool {
        ROUTES[self as usize].method == Method::GET
    }

    /// Whether a request carries a JSON body.
    pub(crate) fn takes_body(self) -> bool {
        let method = &ROUTES[self as usize].method;
        method == Method::POST || method == Method::PUT
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A word that is no operation id.
#[derive(Debug, thiserror::Error)]
#[error("no such operation")]
pub struct InvalidOperation;

impl FromStr for Operation {
    type Err = InvalidOperation;

    fn from_str(word: &str) -> Result<Self, InvalidOperation> {
        ROUTES
            .iter()
            .find(|route| route.id == word)
            .map(|route| route.operation)
            .ok_or(InvalidOperation)
    }
}

/// What a method and a path lead to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'path> {
    /// An operation, with the id in its path as it was sent; empty where the path has none.
    Operation(Operation, &'path str),
    /// The path exists for these methods only.
    WrongMethod {
        allow: String,
    },
    Nothing,
}

/// Finds the operation of a request.
pub(crate) fn find<'path>(method: &Method, path: &'path str) -> Found<'path> {
    let mut allow = String::new();
    for route in &ROUTES {
        let Some(id) = matches(route.path, path) else {
            continue;
        };
        if route.method == method {
            return Found::Operation(route.operation, id);
        }
        if !allow.is_empty() {
            allow.push_str(", ");
        }
        allow.push_str(route.method.as_str());
    }
    if allow.is_empty() {
        Found::Nothing
    } else {
        Found::WrongMethod { allow }
    }
}

fn matches<'path>(template: &str, path: &'path str) -> Option<&'path str> {
    let mut id = "";
    let mut segments = path.split('/');
    for expected in template.split('/') {
        let segment = segments.next()?;
        if expected.starts_with('{') {
            if segment.is_empty() {
                return None;
            }
            id = segment;
        } else if expected != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(id)
}

/// Undoes percent-encoding. `None` if a `%` is not followed by two hexadecimal digits or the result is not UTF-8.
pub(crate) fn percent_decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            decoded.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_in_the_order_of_the_operations() {
        for (position, route) in ROUTES.iter().enumerate() {
            assert_eq!(
                route.operation as usize, position,
                "{} is out of order in ROUTES",
                route.id
            );
        }
    }

    #[test]
    fn every_operation_is_found_by_its_id_and_by_its_path() {
        for route in &ROUTES {
            assert_eq!(route.id.parse::<Operation>().unwrap(), route.operation);
            let path = route
                .path
                .replace("{customerId}", "7")
                .replace("{customer_id}", "7");
            let path = path
                .replace("{consumerId}", "7")
                .replace("{business_id}", "7");
            let path = path.replace("{institution_login_id}", "7");
            let id = if path.contains('7') { "7" } else { "" };
            assert_eq!(
                find(&route.method, &path),
                Found::Operation(route.operation, id)
            );
        }
        assert!("createtoken".parse::<Operation>().is_err());
    }

    #[test]
    fn an_encoded_slash_stays_inside_the_id() {
        assert_eq!(
            find(&Method::GET, "/aggregation/v1/customers/1%2Fapplication"),
            Found::Operation(Operation::GetCustomer, "1%2Fapplication"),
        );
        assert_eq!(
            find(&Method::GET, "/aggregation/v1/customers/..%2f.."),
            Found::Operation(Operation::GetCustomer, "..%2f.."),
        );
    }

    #[test]
    fn slashes_too_many_or_too_few_lead_nowhere() {
        for path in [
            "",
            "/",
            "/aggregation/v1/customers/",
            "/aggregation/v1//customers",
            "//aggregation/v1/customers",
            "/aggregation/v1/customers/7/",
            "/aggregation/v1/customers/7/application/x",
            "/Aggregation/v1/customers",
            "/aggregation/v2/customers",
        ] {
            assert_eq!(find(&Method::GET, path), Found::Nothing, "{path}");
        }
    }

    #[test]
    fn a_wrong_method_is_told_the_right_ones() {
        let Found::WrongMethod { allow } = find(&Method::PATCH, "/aggregation/v1/customers/7")
        else {
            panic!("the path has methods");
        };
        assert_eq!(allow, "GET, PUT, DELETE");
    }

    #[test]
    fn percent_decoding_is_exact() {
        assert_eq!(percent_decode("a%2Fb").unwrap(), "a/b");
        assert_eq!(percent_decode("%C3%A9").unwrap(), "é");
        assert_eq!(percent_decode("plain").unwrap(), "plain");
        for broken in ["%", "%2", "%zz", "%ff", "%+1"] {
            assert_eq!(percent_decode(broken), None, "{broken}");
        }
    }
}
