//! What callers see of records, end to end: what comes back to those who may not see personal data, byte by byte.

use std::{marker::PhantomData, slice};

use openfinance_rpc::{Redact, pb};
use prost::{Message, bytes::Buf as _};
use tonic::codec::{Codec, DecodeBuf, Decoder};

use super::*;
use crate::world::mask;

const LOGIN: &str = "household-4712";

/// Messages out, and bytes in as they came.
struct Raw<T>(PhantomData<T>);

impl<T: Message + 'static> Codec for Raw<T> {
    type Encode = T;
    type Decode = Vec<u8>;
    type Encoder = <ProstCodec<T, ()> as Codec>::Encoder;
    type Decoder = AsItCame;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, ()>::default().encoder()
    }

    fn decoder(&mut self) -> AsItCame {
        AsItCame
    }
}

struct AsItCame;

impl Decoder for AsItCame {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; message.remaining()];
        message.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}

/// Asks as this caller: the answer's header of what is kept back, and its one message as it came.
async fn ask<T: Message + 'static>(
    world: &World,
    name: &str,
    method: &'static str,
    message: T,
) -> (String, Vec<u8>) {
    let mut client = Grpc::new(world.channel());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(method);
    // What comes over the wire is the same for one message and for a stream of one.
    let answer = client.server_streaming(by(name, message), path, Raw(PhantomData));
    let answer = answer.await.unwrap();
    canary::scan(&format!("{:?}", answer.metadata()));
    let header = answer.metadata().get("x-openfinance-redacted");
    let header = header
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default();
    let mut answer = answer.into_inner();
    let message = answer.message().await.unwrap().unwrap();
    assert_eq!(answer.message().await.unwrap(), None, "{method}");
    (header, message)
}

/// Asks as a caller who sees no personal data: no byte of the answer may have any.
async fn blind<T: Message + 'static, A: Message + Redact + Default>(
    world: &World,
    name: &str,
    method: &'static str,
    message: T,
) -> A {
    let (header, bytes) = ask(world, name, method, message).await;
    canary::scan_bytes(method, &bytes);
    let unseen = [A::PERSONAL, A::TAX_IDS].concat();
    assert_eq!(header, unseen.join(","), "{method}");
    A::decode(bytes.as_slice()).unwrap()
}

/// A world with callers of each kind, and the three records of a customer that one of them has made.
struct Office {
    world: World,
    customer: pb::Customer,
    consumer: pb::Consumer,
    business: pb::Business,
}

async fn office() -> Office {
    let world = world(by_key(&[
        ("clerk", &[Role::Writer], &["pii.read", "tax_id.read"]),
        ("writer", &[Role::Writer], &[]),
        ("reader", &[Role::Reader], &[]),
        ("agent", &[Role::Reader], &["pii.read"]),
        ("accountant", &[Role::Reader], &["tax_id.read"]),
    ]))
    .await;
    let customer = pb::Customer {
        username: LOGIN.to_owned(),
        r#type: pb::CustomerType::Testing.into(),
        first_name: canary::FIRST_NAME.to_owned(),
        last_name: canary::LAST_NAME.to_owned(),
        phone: canary::PHONE.to_owned(),
        email: canary::EMAIL.to_owned(),
        ..Default::default()
    };
    let request = pb::CreateCustomerRequest {
        customer: Some(customer),
        ..Default::default()
    };
    let made = world
        .customers()
        .create_customer(by("clerk", request))
        .await;
    let customer_id = made.map(world.seen()).unwrap().customer_id;
    let request = pb::CreateConsumerRequest {
        customer_id: customer_id.clone(),
        consumer: Some(crate::consumer::whole()),
        ..Default::default()
    };
    let made = world
        .consumers()
        .create_consumer(by("clerk", request))
        .await;
    let consumer_id = made.map(world.seen()).unwrap().consumer_id;
    let request = pb::CreateBusinessRequest {
        customer_id: customer_id.clone(),
        business: Some(crate::business::whole()),
        ..Default::default()
    };
    let made = world
        .businesses()
        .create_business(by("clerk", request))
        .await;
    let business_id = made.map(world.seen()).unwrap().business_id;
    let (customer, consumer, business) =
        records(&world, &customer_id, &consumer_id, &business_id).await;
    Office {
        world,
        customer,
        consumer,
        business,
    }
}

/// The records, as one sees them who may see all.
async fn records(
    world: &World,
    customer_id: &str,
    consumer_id: &str,
    business_id: &str,
) -> (pb::Customer, pb::Consumer, pb::Business) {
    let customer_id = customer_id.to_owned();
    let request = by("clerk", pb::GetCustomerRequest { customer_id });
    let customer = world.customers().get_customer(request).await;
    let consumer_id = consumer_id.to_owned();
    let request = by("clerk", pb::GetConsumerRequest { consumer_id });
    let consumer = world.consumers().get_consumer(request).await;
    let business_id = business_id.to_owned();
    let request = by("clerk", pb::GetBusinessRequest { business_id });
    let business = world.businesses().get_business(request).await;
    (
        customer.map(world.seen()).unwrap(),
        consumer.map(world.seen()).unwrap(),
        business.map(world.seen()).unwrap(),
    )
}

impl Office {
    /// The records as they are now.
    async fn now(&self) -> (pb::Customer, pb::Consumer, pb::Business) {
        records(
            &self.world,
            &self.customer.customer_id,
            &self.consumer.consumer_id,
            &self.business.business_id,
        )
        .await
    }

    fn get_customer(&self) -> pb::GetCustomerRequest {
        pb::GetCustomerRequest {
            customer_id: self.customer.customer_id.clone(),
        }
    }

    fn get_consumer(&self) -> pb::GetConsumerRequest {
        pb::GetConsumerRequest {
            consumer_id: self.consumer.consumer_id.clone(),
        }
    }

    fn get_business(&self) -> pb::GetBusinessRequest {
        pb::GetBusinessRequest {
            business_id: self.business.business_id.clone(),
        }
    }

    /// What is left of the records where no personal data is seen.
    fn left(&self) -> (pb::Customer, pb::Consumer, pb::Business) {
        let customer = pb::Customer {
            username: String::new(),
            first_name: String::new(),
            last_name: String::new(),
            phone: String::new(),
            email: String::new(),
            ..self.customer.clone()
        };
        let consumer = pb::Consumer {
            consumer_id: self.consumer.consumer_id.clone(),
            customer_id: self.consumer.customer_id.clone(),
            create_time: self.consumer.create_time,
            ..Default::default()
        };
        let business = pb::Business {
            business_id: self.business.business_id.clone(),
            customer_id: self.business.customer_id.clone(),
            create_time: self.business.create_time,
            update_time: self.business.update_time,
            ..Default::default()
        };
        (customer, consumer, business)
    }
}

const GET_CUSTOMER: &str = "/openfinance.v1.CustomerService/GetCustomer";
const GET_CONSUMER: &str = "/openfinance.v1.ConsumerService/GetConsumer";
const GET_BUSINESS: &str = "/openfinance.v1.BusinessService/GetBusiness";

#[tokio::test]
async fn a_reader_gets_each_record_without_its_personal_fields() {
    let office = office().await;
    let (world, name) = (&office.world, "reader");
    assert_eq!(office.customer.first_name, canary::FIRST_NAME);
    assert_eq!(office.consumer.ssn_last_four, "8642");
    assert_eq!(office.business.tax_id, canary::TAX_ID);
    let (customer, consumer, business) = office.left();
    let of_customer = || office.customer.customer_id.clone();

    let (header, _) = ask(world, name, GET_CUSTOMER, office.get_customer()).await;
    assert_eq!(header, "username,first_name,last_name,phone,email");
    let seen: pb::Customer = blind(world, name, GET_CUSTOMER, office.get_customer()).await;
    assert_eq!(seen, customer);
    let request = pb::LookupCustomerRequest {
        username: LOGIN.to_owned(),
    };
    let method = "/openfinance.v1.CustomerService/LookupCustomer";
    let seen: pb::Customer = blind(world, name, method, request).await;
    assert_eq!(seen.customer_id, customer.customer_id);

    let seen: pb::Consumer = blind(world, name, GET_CONSUMER, office.get_consumer()).await;
    assert_eq!(seen, consumer);
    let customer_id = of_customer();
    let request = pb::GetConsumerByCustomerRequest { customer_id };
    let method = "/openfinance.v1.ConsumerService/GetConsumerByCustomer";
    assert_eq!(
        blind::<_, pb::Consumer>(world, name, method, request).await,
        consumer
    );

    let seen: pb::Business = blind(world, name, GET_BUSINESS, office.get_business()).await;
    assert_eq!(seen, business);
    let customer_id = of_customer();
    // Asked by its own id, the vendor does not say whose it is.
    let business = pb::Business {
        customer_id: customer_id.clone(),
        ..business
    };
    let request = pb::GetBusinessByCustomerRequest { customer_id };
    let method = "/openfinance.v1.BusinessService/GetBusinessByCustomer";
    assert_eq!(
        blind::<_, pb::Business>(world, name, method, request).await,
        business
    );
    office.world.stop().await;
}

#[tokio::test]
async fn lists_streams_and_batches_keep_the_same_back() {
    let office = office().await;
    let (world, name) = (&office.world, "reader");
    let method = "/openfinance.v1.CustomerService/ListCustomers";
    let request = pb::ListCustomersRequest::default();
    let list: pb::ListCustomersResponse = blind(world, name, method, request).await;
    let ids = |customers: &[pb::Customer]| {
        for customer in customers {
            assert_eq!((&*customer.username, &*customer.last_name), ("", ""));
        }
        customers
            .iter()
            .map(|customer| customer.customer_id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ids(&list.customers),
        slice::from_ref(&office.customer.customer_id)
    );
    let method = "/openfinance.v1.CustomerService/StreamCustomers";
    let request = pb::StreamCustomersRequest::default();
    let stream: pb::StreamCustomersResponse = blind(world, name, method, request).await;
    assert_eq!(ids(&stream.customers), ids(&list.customers));

    let login = world.institution_login(&office.customer.customer_id);
    let method = "/openfinance.v1.AuthorizationService/BatchGetAuthorizationDetails";
    let request = pb::BatchGetAuthorizationDetailsRequest {
        institution_login_ids: vec![login],
    };
    let batch: pb::BatchGetAuthorizationDetailsResponse = blind(world, name, method, request).await;
    assert_eq!(batch.results.len(), 1);
    office.world.stop().await;
}

#[tokio::test]
async fn what_is_not_seen_is_not_found_out_by_searching_for_it() {
    let office = office().await;
    let world = &office.world;
    let calls = world.calls();
    // Names that somebody has, that nobody has, and the beginning of one: the answer is the same.
    for search in [canary::LAST_NAME, LOGIN, "nobody", "E"] {
        for name in ["reader", "writer", "accountant"] {
            let list = pb::ListCustomersRequest {
                search: search.to_owned(),
                ..Default::default()
            };
            let list = world.customers().list_customers(by(name, list)).await;
            let stream = pb::StreamCustomersRequest {
                search: search.to_owned(),
                ..Default::default()
            };
            let stream = world.customers().stream_customers(by(name, stream)).await;
            for status in [list.unwrap_err(), stream.map(drop).unwrap_err()] {
                assert_eq!(
                    (status.code(), reason(&status).as_str()),
                    (Code::PermissionDenied, "CALLER_FORBIDDEN")
                );
                assert_eq!(
                    status.message(),
                    "the caller lacks the permission pii.read, which a read by search needs"
                );
            }
        }
    }
    assert_eq!(world.calls(), calls, "nothing went to the vendor");
    let list = pb::ListCustomersRequest {
        search: canary::LAST_NAME.to_owned(),
        ..Default::default()
    };
    let found = world.customers().list_customers(by("agent", list)).await;
    let found = found.map(world.seen()).unwrap();
    assert_eq!(found.customers.len(), 1);
    office.world.stop().await;
}

#[tokio::test]
async fn a_writer_does_not_get_back_what_it_sent() {
    let office = office().await;
    let (world, name) = (&office.world, "writer");
    let method = "/openfinance.v1.OnboardingService/OnboardCustomer";
    let request = crate::onboarding::household();
    let onboarded: pb::OnboardCustomerResponse = blind(world, name, method, request).await;
    let (customer, consumer, business) = (
        onboarded.customer.unwrap(),
        onboarded.consumer.unwrap(),
        onboarded.business.unwrap(),
    );
    assert!(!customer.customer_id.is_empty() && customer.username.is_empty());
    assert!(!consumer.consumer_id.is_empty() && consumer.birthday.is_none());
    assert!(!business.business_id.is_empty() && business.address.is_none());

    let method = "/openfinance.v1.CustomerService/CreateCustomer";
    let request = pb::CreateCustomerRequest {
        customer: Some(pb::Customer {
            username: "household-4713".to_owned(),
            email: canary::EMAIL.to_owned(),
            r#type: pb::CustomerType::Testing.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let created: pb::Customer = blind(world, name, method, request).await;
    assert!(!created.customer_id.is_empty() && created.email.is_empty());
    office.world.stop().await;
}

#[tokio::test]
async fn tax_ids_are_a_permission_of_their_own_and_the_ssn_is_nobodys() {
    let office = office().await;
    let world = &office.world;
    let (_, _, blind) = office.left();
    let whole = office.business.clone();
    let tax_id = canary::TAX_ID.to_owned();
    let without = pb::Business {
        tax_id: String::new(),
        ..whole.clone()
    };
    let alone = pb::Business { tax_id, ..blind };
    for (name, header, business) in [
        ("agent", "tax_id", without),
        (
            "accountant",
            "name,personally_liable,address,phone_number,url,email,type",
            alone,
        ),
        ("clerk", "", whole),
    ] {
        let (kept, bytes) = ask(world, name, GET_BUSINESS, office.get_business()).await;
        assert_eq!(kept, header, "{name}");
        assert_eq!(pb::Business::decode(bytes.as_slice()).unwrap(), business);
    }
    for (name, last_four) in [
        ("reader", ""),
        ("agent", "8642"),
        ("accountant", ""),
        ("clerk", "8642"),
    ] {
        let (_, bytes) = ask(world, name, GET_CONSUMER, office.get_consumer()).await;
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            !text.contains("509-31") && !text.contains("50931"),
            "{name}"
        );
        let consumer = pb::Consumer::decode(bytes.as_slice()).unwrap();
        assert_eq!(consumer.ssn_last_four, last_four, "{name}");
        assert_eq!(consumer.ssn, "");
    }
    office.world.stop().await;
}

#[tokio::test]
async fn who_does_not_see_a_record_can_not_replace_it_whole() {
    let office = office().await;
    let world = &office.world;
    let before = office.now().await;
    let calls = world.calls();
    let all = || mask(&["*"]);
    let request = pb::UpdateCustomerRequest {
        customer: Some(office.customer.clone()),
        update_mask: all(),
    };
    let request = by("writer", request);
    let customer = world.customers().update_customer(request).await;
    let request = pb::UpdateConsumerRequest {
        consumer: Some(office.consumer.clone()),
        update_mask: all(),
    };
    let request = by("writer", request);
    let consumer = world.consumers().update_consumer(request).await;
    let request = pb::UpdateBusinessRequest {
        business: Some(office.business.clone()),
        update_mask: all(),
    };
    let request = by("writer", request);
    let business = world.businesses().update_business(request).await;
    for status in [
        customer.unwrap_err(),
        consumer.unwrap_err(),
        business.unwrap_err(),
    ] {
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::PermissionDenied, "CALLER_FORBIDDEN")
        );
    }
    assert_eq!(world.calls(), calls, "nothing went to the vendor");
    assert_eq!(office.now().await, before);
    office.world.stop().await;
}

#[tokio::test]
async fn what_is_read_edited_and_sent_back_loses_nothing_that_was_not_seen() {
    let office = office().await;
    let (world, name) = (&office.world, "writer");
    let email = || "grace@hopper.example".to_owned();
    let (customer, consumer, business) = office.left();

    let read: pb::Customer = blind(world, name, GET_CUSTOMER, office.get_customer()).await;
    assert_eq!(read, customer);
    let edited = pb::Customer {
        first_name: "Grace".to_owned(),
        ..read
    };
    let request = pb::UpdateCustomerRequest {
        customer: Some(edited),
        update_mask: None,
    };
    let method = "/openfinance.v1.CustomerService/UpdateCustomer";
    let answer: pb::Customer = blind(world, name, method, request).await;
    assert_eq!(answer.first_name, "");

    let read: pb::Consumer = blind(world, name, GET_CONSUMER, office.get_consumer()).await;
    assert_eq!(read, consumer);
    let edited = pb::Consumer {
        email: email(),
        ..read
    };
    let request = pb::UpdateConsumerRequest {
        consumer: Some(edited),
        update_mask: None,
    };
    let method = "/openfinance.v1.ConsumerService/UpdateConsumer";
    let answer: pb::Consumer = blind(world, name, method, request).await;
    assert_eq!(answer.email, "");

    let read: pb::Business = blind(world, name, GET_BUSINESS, office.get_business()).await;
    assert_eq!(read, business);
    let edited = pb::Business {
        email: email(),
        address: Some(pb::Address {
            city: "Provo".to_owned(),
            ..Default::default()
        }),
        ..read
    };
    let request = pb::UpdateBusinessRequest {
        business: Some(edited),
        update_mask: None,
    };
    let method = "/openfinance.v1.BusinessService/UpdateBusiness";
    let answer: pb::Business = blind(world, name, method, request).await;
    assert_eq!(answer.email, "");

    let (customer, consumer, business) = office.now().await;
    let expected = pb::Customer {
        first_name: "Grace".to_owned(),
        update_time: customer.update_time,
        ..office.customer.clone()
    };
    assert_eq!(customer, expected);
    let expected = pb::Consumer {
        email: email(),
        ..office.consumer.clone()
    };
    assert_eq!(consumer, expected);
    let mut expected = pb::Business {
        email: email(),
        update_time: business.update_time,
        ..office.business.clone()
    };
    expected.address.as_mut().unwrap().city = "Provo".to_owned();
    assert_eq!(business, expected);
    office.world.stop().await;
}
