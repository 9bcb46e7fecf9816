//! The services as each caller sees them: what the handlers answer, without the fields that are kept from the caller.
//!
//! Every answer with something of a record passes here: the services of records are mounted as this one, which has each of
//! their methods or does not compile. Those of the partner and of the gateway itself answer nothing that is kept from
//! whoever may call them, which a test holds.

use std::pin::Pin;

use futures_core::Stream;
use futures_util::StreamExt as _;
use http::Extensions;
use openfinance_rpc::{
    Redact, Sight, Sought,
    pb::{
        self, authorization_service_server::AuthorizationService,
        business_service_server::BusinessService, consumer_service_server::ConsumerService,
        customer_service_server::CustomerService, onboarding_service_server::OnboardingService,
    },
};
use prost_types::FieldMask;
use tonic::{Request, Response, Status, metadata::MetadataValue};

use crate::{
    api::Api,
    auth::Caller,
    config::auth::{PII_READ, TAX_ID_READ},
    failure::Failure,
    reason::Reason,
};

/// The header of an answer that names the fields that are kept from its reader, whether they hold something or not.
pub(crate) const REDACTED: &str = "x-openfinance-redacted";

/// The services, as each caller sees them.
#[derive(Clone)]
pub(crate) struct Seen(pub(crate) Api);

/// What the caller may see.
fn sight(extensions: &Extensions) -> Sight {
    let caller = Caller::of(extensions);
    Sight {
        personal: caller.may(PII_READ),
        tax_id: caller.may(TAX_ID_READ),
    }
}

/// The paths of what is kept from the reader of such a message.
fn unseen<T: Redact>(sight: Sight) -> Vec<&'static str> {
    let personal = T::PERSONAL.iter().filter(|_| !sight.personal);
    let tax_ids = T::TAX_IDS.iter().filter(|_| !sight.tax_id);
    personal.chain(tax_ids).copied().collect()
}

/// The answer without what its reader may not see.
fn hide<T: Redact>(sight: Sight, mut answer: Response<T>) -> Response<T> {
    answer.get_mut().redact(sight);
    tell::<T, T>(sight, answer)
}

/// Names what is kept from the reader of an answer of messages `T`.
fn tell<T: Redact, B>(sight: Sight, mut answer: Response<B>) -> Response<B> {
    let unseen = unseen::<T>(sight);
    // Field names are plain ASCII.
    if !unseen.is_empty()
        && let Ok(value) = MetadataValue::try_from(unseen.join(","))
    {
        answer.metadata_mut().insert(REDACTED, value);
    }
    answer
}

/// Refuses a read by fields that its caller does not see: whether something is found would tell what they hold.
fn check_read(sight: Sight, request: &impl Sought) -> Result<(), Status> {
    let fields = request.by_personal();
    if sight.personal || fields.is_empty() {
        return Ok(());
    }
    let fields = fields.join(", ");
    let message =
        format!("the caller lacks the permission {PII_READ}, which a read by {fields} needs");
    Err(Failure::new(Reason::CallerForbidden, message).into())
}

/// Refuses an update that would empty what its caller does not see: one of the whole record, and one whose mask names
/// such a field while it is empty.
fn check_update<T: Redact>(
    sight: Sight,
    mask: Option<&FieldMask>,
    record: Option<&T>,
) -> Result<(), Status> {
    let unseen = unseen::<T>(sight);
    let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
    let is_unseen = |path: &str| {
        unseen.iter().any(|field| {
            let rest = path.strip_prefix(field);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    let empties = |path: &String| {
        path == "*" && !unseen.is_empty()
            || is_unseen(path) && record.is_some_and(|record| record.lacks(path))
    };
    if paths.iter().any(empties) {
        let message =
            "the mask would replace or empty fields that the caller may not see: name those to set";
        return Err(Failure::new(Reason::CallerForbidden, message).into());
    }
    Ok(())
}

/// Passes methods on. An update says where its record is.
macro_rules! seen {
    ($service:ident { $($method:ident($request:ident $(, $record:ident)?) -> $answer:ty;)* } $($rest:tt)*) => {
        #[tonic::async_trait]
        impl $service for Seen {
            $(
                async fn $method(
                    &self,
                    request: Request<pb::$request>,
                ) -> Result<Response<$answer>, Status> {
                    let sight = sight(request.extensions());
                    check_read(sight, request.get_ref())?;
                    $(
                        let asked = request.get_ref();
                        check_update(sight, asked.update_mask.as_ref(), asked.$record.as_ref())?;
                    )?
                    let answer = $service::$method(&self.0, request).await?;
                    Ok(hide(sight, answer))
                }
            )*
            $($rest)*
        }
    };
}

seen! {
    CustomerService {
        create_customer(CreateCustomerRequest) -> pb::Customer;
        get_customer(GetCustomerRequest) -> pb::Customer;
        lookup_customer(LookupCustomerRequest) -> pb::Customer;
        list_customers(ListCustomersRequest) -> pb::ListCustomersResponse;
        update_customer(UpdateCustomerRequest, customer) -> pb::Customer;
        delete_customer(DeleteCustomerRequest) -> ();
        get_customer_application(GetCustomerApplicationRequest) -> pb::CustomerApplication;
    }

    type StreamCustomersStream =
        Pin<Box<dyn Stream<Item = Result<pb::StreamCustomersResponse, Status>> + Send>>;

    async fn stream_customers(
        &self,
        request: Request<pb::StreamCustomersRequest>,
    ) -> Result<Response<Self::StreamCustomersStream>, Status> {
        let sight = sight(request.extensions());
        check_read(sight, request.get_ref())?;
        let answer = CustomerService::stream_customers(&self.0, request).await?;
        let answer = answer.map(|stream| {
            let hidden = stream.map(move |message| {
                message.map(|mut message| {
                    message.redact(sight);
                    message
                })
            });
            Box::pin(hidden) as Self::StreamCustomersStream
        });
        Ok(tell::<pb::StreamCustomersResponse, _>(sight, answer))
    }
}

seen! {
    ConsumerService {
        create_consumer(CreateConsumerRequest) -> pb::Consumer;
        create_consumer_for_business(CreateConsumerForBusinessRequest) -> pb::Consumer;
        get_consumer(GetConsumerRequest) -> pb::Consumer;
        get_consumer_by_customer(GetConsumerByCustomerRequest) -> pb::Consumer;
        update_consumer(UpdateConsumerRequest, consumer) -> pb::Consumer;
    }
}

seen! {
    BusinessService {
        create_business(CreateBusinessRequest) -> pb::Business;
        get_business(GetBusinessRequest) -> pb::Business;
        get_business_by_customer(GetBusinessByCustomerRequest) -> pb::Business;
        update_business(UpdateBusinessRequest, business) -> pb::Business;
    }
}

seen! {
    OnboardingService {
        onboard_customer(OnboardCustomerRequest) -> pb::OnboardCustomerResponse;
    }
}

seen! {
    AuthorizationService {
        get_authorization_details(GetAuthorizationDetailsRequest) -> pb::AuthorizationDetails;
        batch_get_authorization_details(BatchGetAuthorizationDetailsRequest)
            -> pb::BatchGetAuthorizationDetailsResponse;
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt as _;

    use super::*;

    const BLIND: Sight = Sight {
        personal: false,
        tax_id: false,
    };

    fn refused(sight: Sight, paths: &[&str], business: &pb::Business) -> bool {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let checked = check_update(sight, Some(&FieldMask { paths }), Some(business));
        checked.is_err_and(|status| {
            let details = status.get_error_details();
            details.error_info().unwrap().reason == "CALLER_FORBIDDEN"
        })
    }

    #[test]
    fn what_is_not_seen_may_be_set_and_not_emptied() {
        let business = pb::Business {
            name: "Acme".to_owned(),
            address: Some(pb::Address {
                city: "Provo".to_owned(),
                ..pb::Address::default()
            }),
            ..pb::Business::default()
        };
        for (paths, empties) in [
            (&["name"][..], false),
            (&["address.city"], false),
            (&[], false),
            (&["forged"], false),
            (&["*"], true),
            (&["email"], true),
            (&["personally_liable"], true),
            (&["name", "email"], true),
            (&["tax_id"], true),
            (&["address"], true),
            (&["address.state"], true),
            (&["phone_number"], true),
            (&["phone_number.number"], true),
        ] {
            assert_eq!(refused(BLIND, paths, &business), empties, "{paths:?}");
            let all = Sight {
                personal: true,
                tax_id: true,
            };
            assert!(!refused(all, paths, &business));
        }
        let without_tax_ids = Sight {
            personal: true,
            tax_id: false,
        };
        assert!(refused(without_tax_ids, &["*"], &business));
        assert!(refused(without_tax_ids, &["tax_id"], &business));
        assert!(!refused(without_tax_ids, &["email"], &business));
    }

    #[test]
    fn names_are_searched_by_those_who_see_them_and_whole_keys_are_looked_up_by_all() {
        let all = Sight {
            personal: true,
            tax_id: false,
        };
        let search = || "trude".to_owned();
        let list = pb::ListCustomersRequest {
            search: search(),
            ..Default::default()
        };
        let stream = pb::StreamCustomersRequest {
            search: search(),
            ..Default::default()
        };
        let status = check_read(BLIND, &list).unwrap_err();
        assert!(status.message().contains("pii.read") && status.message().contains("search"));
        assert!(!status.message().contains("trude"));
        assert!(check_read(BLIND, &stream).is_err());
        assert!(check_read(all, &list).is_ok() && check_read(all, &stream).is_ok());
        let unfiltered = pb::ListCustomersRequest::default();
        assert!(check_read(BLIND, &unfiltered).is_ok());
        let lookup = pb::LookupCustomerRequest { username: search() };
        assert!(check_read(BLIND, &lookup).is_ok());
    }

    #[test]
    fn services_that_hide_nothing_have_nothing_to_hide() {
        let nobody = BLIND;
        for unseen in [
            unseen::<pb::PartnerAuthentication>(nobody),
            unseen::<pb::CallerIdentity>(nobody),
            unseen::<pb::GatewayInfo>(nobody),
            unseen::<pb::ListErrorReasonsResponse>(nobody),
        ] {
            assert_eq!(unseen, [""; 0]);
        }
        // A method that is new in one of them is to be added above.
        let of = |service: &str| {
            let methods = openfinance_rpc::METHODS.iter();
            methods
                .filter(|method| method.path.contains(service))
                .count()
        };
        assert_eq!((of(".PartnerService/"), of(".GatewayService/")), (3, 3));
    }

    #[test]
    fn a_tax_id_and_personal_data_are_seen_apart() {
        let business = || pb::Business {
            business_id: "b1".to_owned(),
            name: "Acme".to_owned(),
            tax_id: "84-7391652".to_owned(),
            ..pb::Business::default()
        };
        for (personal, tax_id) in [(false, false), (false, true), (true, false), (true, true)] {
            let answer = hide(Sight { personal, tax_id }, Response::new(business()));
            let header = answer.metadata().get(REDACTED);
            let header = header
                .map(|value| value.to_str().unwrap())
                .unwrap_or_default();
            assert_eq!(header.split(',').any(|path| path == "name"), !personal);
            assert_eq!(header.split(',').any(|path| path == "tax_id"), !tax_id);
            let business = answer.into_inner();
            assert_eq!(business.business_id, "b1");
            assert_eq!(business.name.is_empty(), !personal);
            assert_eq!(business.tax_id.is_empty(), !tax_id);
        }
    }

    #[test]
    fn the_social_security_number_never_comes_back() {
        let consumer = pb::Consumer {
            ssn: "509-31-8642".to_owned(),
            ssn_last_four: "8642".to_owned(),
            birthday: Some(pb::Date::default()),
            ..pb::Consumer::default()
        };
        let all = Sight {
            personal: true,
            tax_id: true,
        };
        let seen = hide(all, Response::new(consumer.clone()));
        assert!(seen.metadata().is_empty());
        let seen = seen.into_inner();
        assert_eq!(
            (seen.ssn.as_str(), seen.ssn_last_four.as_str()),
            ("", "8642")
        );
        assert!(seen.birthday.is_some());
        let hidden = hide(BLIND, Response::new(consumer)).into_inner();
        assert_eq!(hidden, pb::Consumer::default());
    }

    #[test]
    fn lists_and_parts_are_named_by_their_paths() {
        let list = unseen::<pb::ListCustomersResponse>(BLIND);
        assert!(list.contains(&"customers.first_name"), "{list:?}");
        let onboarded = unseen::<pb::OnboardCustomerResponse>(BLIND);
        for path in ["customer.email", "consumer.birthday", "business.tax_id"] {
            assert!(onboarded.contains(&path), "{onboarded:?}");
        }
        assert!(onboarded.join(",").len() < 4_096);
        let mut list = pb::ListCustomersResponse {
            customers: vec![
                pb::Customer {
                    customer_id: "1".to_owned(),
                    first_name: "Ermintrude".to_owned(),
                    ..pb::Customer::default()
                };
                2
            ],
            ..pb::ListCustomersResponse::default()
        };
        list.redact(BLIND);
        for customer in list.customers {
            assert_eq!(
                (customer.customer_id.as_str(), customer.first_name.as_str()),
                ("1", "")
            );
        }
    }
}
