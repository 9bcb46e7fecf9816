//! Which records a message is about, found in its bytes.
//!
//! Handlers have no part in this, so none can forget it: the descriptor says which fields of which messages are record
//! ids, by their names, and this looks for those fields in what came in and in what goes out.

use std::{collections::HashMap, sync::LazyLock};

use openfinance_rpc::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorSet, field_descriptor_proto::Type};
use serde::Serialize;

use super::chain::Chain;

/// Messages in messages are looked into this deep. The contract's are far below.
const DEEPEST: u8 = 16;

/// What stands for an id that can't be one: it may be anything, so it is not written down.
const INVALID: &str = "invalid";

/// The records of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Ids {
    /// The request id that the caller gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_id: Option<String>,
    /// Keyed hashes of usernames.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) usernames: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) customers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) consumers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) businesses: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) institution_logins: Vec<String>,
    /// How many different records those are.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) records: usize,
    /// Whether the caller only asked whether the request is valid.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) validate_only: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Ids {
    /// Each record once, in the order of the ids, and their number.
    pub(super) fn tidy(&mut self) {
        self.records = 0;
        for ids in [
            &mut self.customers,
            &mut self.consumers,
            &mut self.businesses,
            &mut self.institution_logins,
        ] {
            ids.sort_unstable();
            ids.dedup();
            self.records += ids.len();
        }
        self.usernames.sort_unstable();
        self.usernames.dedup();
    }
}

/// What a field says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Customer,
    Consumer,
    Business,
    InstitutionLogin,
    RequestId,
    Username,
    ValidateOnly,
    /// A message of the contract, by its place in the table.
    Message(usize),
}

impl Meaning {
    fn of(field: &str) -> Option<Self> {
        match field {
            "customer_id" => Some(Self::Customer),
            "consumer_id" => Some(Self::Consumer),
            "business_id" => Some(Self::Business),
            "institution_login_id" | "institution_login_ids" => Some(Self::InstitutionLogin),
            "request_id" => Some(Self::RequestId),
            "username" => Some(Self::Username),
            "validate_only" => Some(Self::ValidateOnly),
            _ => None,
        }
    }

    fn is_record(self) -> bool {
        matches!(
            self,
            Self::Customer | Self::Consumer | Self::Business | Self::InstitutionLogin
        )
    }
}

/// The fields of every message that say something of records, and the messages of every method.
struct Table {
    messages: Vec<Vec<(u64, Meaning)>>,
    methods: HashMap<String, Method>,
}

/// The messages of a method.
#[derive(Clone, Copy, Debug)]
pub(super) struct Method {
    request: usize,
    response: usize,
    /// Whether the request or the answer can name a record.
    pub(super) names_records: bool,
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::read);

impl Table {
    /// The table of our own descriptor; empty if that does not decode, which a test rules out.
    fn read() -> Self {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default();
        let files: Vec<_> = set
            .file
            .iter()
            .filter(|file| file.package().starts_with("openfinance."))
            .collect();
        let mut names = HashMap::new();
        let mut found: Vec<&DescriptorProto> = Vec::new();
        for file in &files {
            let scope = format!(".{}", file.package());
            for message in &file.message_type {
                collect(&scope, message, &mut names, &mut found);
            }
        }
        let messages: Vec<Vec<_>> = found
            .iter()
            .map(|message| {
                let fields = message.field.iter().filter_map(|field| {
                    let meaning = match field.r#type() == Type::Message {
                        true => Meaning::Message(*names.get(field.type_name())?),
                        false => Meaning::of(field.name())?,
                    };
                    Some((u64::try_from(field.number()).ok()?, meaning))
                });
                fields.collect()
            })
            .collect();
        let mut methods = HashMap::new();
        for file in &files {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    // Empty, of Google's, has no fields.
                    let place = |name: &str| names.get(name).copied().unwrap_or(usize::MAX);
                    let (request, response) =
                        (place(method.input_type()), place(method.output_type()));
                    let names_records = names_records(&messages, request, DEEPEST)
                        || names_records(&messages, response, DEEPEST);
                    let method = Method {
                        request,
                        response,
                        names_records,
                    };
                    methods.insert(path, method);
                }
            }
        }
        Self { messages, methods }
    }
}

fn collect<'a>(
    scope: &str,
    message: &'a DescriptorProto,
    names: &mut HashMap<String, usize>,
    found: &mut Vec<&'a DescriptorProto>,
) {
    let name = format!("{scope}.{}", message.name());
    found.push(message);
    for nested in &message.nested_type {
        collect(&name, nested, names, found);
    }
    // Its own place, whatever came behind it.
    let place = found.iter().position(|other| std::ptr::eq(*other, message));
    names.extend(place.map(|place| (name, place)));
}

fn names_records(messages: &[Vec<(u64, Meaning)>], place: usize, depth: u8) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    let fields = messages.get(place).into_iter().flatten();
    fields.copied().any(|(_, meaning)| {
        let inside = match meaning {
            Meaning::Message(place) => Some(place),
            Meaning::Customer
            | Meaning::Consumer
            | Meaning::Business
            | Meaning::InstitutionLogin
            | Meaning::RequestId
            | Meaning::Username
            | Meaning::ValidateOnly => None,
        };
        meaning.is_record() || inside.is_some_and(|place| names_records(messages, place, depth))
    })
}

impl Method {
    /// The method with this path; `None` if it is none of ours.
    pub(super) fn at(path: &str) -> Option<Self> {
        TABLE.methods.get(path).copied()
    }

    /// Adds what the bytes of a request are about.
    pub(super) fn request(self, chain: &Chain, message: &[u8], ids: &mut Ids) {
        let _ = scan(Some(chain), message, self.request, DEEPEST, ids);
        ids.tidy();
    }

    /// Adds what the bytes of an answer are about.
    pub(super) fn response(self, message: &[u8], ids: &mut Ids) {
        // What was asked for by name is told by its id now, and an answer's names are of no use.
        let _ = scan(None, message, self.response, DEEPEST, ids);
        ids.tidy();
    }
}

/// Looks through a message for the fields of the table, usernames only with what hashes them. `None` where the bytes are no
/// message: what was found until there stays found.
fn scan(names: Option<&Chain>, bytes: &[u8], place: usize, depth: u8, ids: &mut Ids) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    let fields = TABLE.messages.get(place)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        let meaning = fields
            .iter()
            .find(|(number, _)| *number == key >> 3)
            .map(|(_, meaning)| *meaning);
        match key & 7 {
            0 => {
                let value = varint(&mut rest)?;
                match meaning {
                    Some(Meaning::InstitutionLogin) => ids.login(value),
                    Some(Meaning::ValidateOnly) => ids.validate_only = value != 0,
                    _ => {}
                }
            }
            1 => rest = rest.get(8..)?,
            5 => rest = rest.get(4..)?,
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let (value, behind) = rest.split_at_checked(length)?;
                rest = behind;
                match meaning {
                    Some(Meaning::Message(place)) => scan(names, value, place, depth, ids)?,
                    Some(Meaning::InstitutionLogin) => {
                        let mut packed = value;
                        while !packed.is_empty() {
                            ids.login(varint(&mut packed)?);
                        }
                    }
                    Some(meaning) => ids.text(names, meaning, value),
                    None => {}
                }
            }
            // Groups are in none of our messages.
            _ => return None,
        }
    }
    Some(())
}

impl Ids {
    /// Adds the record that the value of a field with this name stands for, in an answer.
    pub(super) fn add(&mut self, field: &str, value: &str) {
        if let Some(meaning) = Meaning::of(field) {
            self.text(None, meaning, value.as_bytes());
            self.tidy();
        }
    }

    fn login(&mut self, value: u64) {
        // On the wire a negative number is a large one.
        let id = i64::from_ne_bytes(value.to_ne_bytes());
        if id != 0 {
            self.institution_logins.push(id.to_string());
        }
    }

    fn text(&mut self, names: Option<&Chain>, meaning: Meaning, value: &[u8]) {
        if value.is_empty() {
            return;
        }
        let id = |is_id: bool| match std::str::from_utf8(value) {
            Ok(id) if is_id => id.to_owned(),
            Ok(_) | Err(_) => INVALID.to_owned(),
        };
        match meaning {
            Meaning::Customer => {
                let digits = value.iter().all(u8::is_ascii_digit);
                self.customers.push(id(digits && value.len() <= 19));
            }
            Meaning::Consumer => {
                let digits = value.iter().all(u8::is_ascii_hexdigit);
                self.consumers.push(id(digits && value.len() == 32));
            }
            Meaning::Business => {
                let word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
                self.businesses
                    .push(id(value.iter().all(word) && value.len() <= 50));
            }
            Meaning::RequestId => {
                self.request_id = Some(id(uuid::Uuid::try_parse_ascii(value).is_ok()));
            }
            Meaning::Username => {
                self.usernames
                    .extend(names.map(|chain| chain.username(value)));
            }
            Meaning::InstitutionLogin | Meaning::ValidateOnly | Meaning::Message(_) => {}
        }
    }
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use openfinance_rpc::{METHODS, pb};

    use prost_types::field_descriptor_proto::Label;

    use super::*;
    use crate::config::SharedKey;

    fn chain() -> Chain {
        Chain::new(&SharedKey::new([7; 32]))
    }

    /// Methods about no record: those of the partner and of the gateway itself.
    fn is_about_no_record(path: &str) -> bool {
        path.contains(".PartnerService/") || path.contains(".GatewayService/")
    }

    /// A message in which every field of the table is set, each id to a value that can be one.
    fn full(place: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for (number, meaning) in &TABLE.messages[place] {
            let mut put = |value: &[u8]| {
                prost::encoding::encode_varint(number << 3 | 2, &mut out);
                prost::encoding::encode_varint(value.len() as u64, &mut out);
                out.extend(value);
            };
            match meaning {
                Meaning::Customer | Meaning::Business => put(b"1005"),
                Meaning::Consumer => put(b"0123456789abcdef0123456789abcdef"),
                Meaning::InstitutionLogin => {
                    prost::encoding::encode_varint(number << 3, &mut out);
                    out.push(7);
                }
                Meaning::Message(place) => put(&full(*place)),
                Meaning::RequestId | Meaning::Username | Meaning::ValidateOnly => {}
            }
        }
        out
    }

    #[test]
    fn every_method_about_records_leaves_their_ids() {
        assert!(METHODS.len() > 18, "the methods were not found");
        for method in METHODS {
            let ours = Method::at(method.path).unwrap();
            assert_eq!(
                ours.names_records,
                !is_about_no_record(method.path),
                "{}: a record's id has a field of its own, and the table knows its name",
                method.path
            );
            if !ours.names_records {
                continue;
            }
            let mut ids = Ids::default();
            if ours.request != usize::MAX {
                ours.request(&chain(), &full(ours.request), &mut ids);
            }
            if ours.response != usize::MAX {
                ours.response(&full(ours.response), &mut ids);
            }
            assert!(ids.records > 0, "{}", method.path);
        }
    }

    #[test]
    fn every_field_that_is_an_id_is_known() {
        // These name what is no customer's record, or one that is named beside them.
        let others = ["application_id", "record_id"];
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let messages = set.file.iter().flat_map(|file| &file.message_type);
        let mut records = 0;
        for field in messages.flat_map(|message| &message.field) {
            let name = field.name();
            let is_id = name.ends_with("_id") || name.ends_with("_ids");
            if let Some(meaning) = Meaning::of(name) {
                records += usize::from(meaning.is_record());
                let repeated = field.label() == Label::Repeated;
                assert_eq!(repeated, name.ends_with("_ids"), "{name}");
            } else if is_id && name != "tax_id" {
                assert!(others.contains(&name), "{name}: is it the id of a record?");
            }
        }
        assert!(records > 15, "{records}");
    }

    #[test]
    fn ids_are_found_in_requests_and_answers_and_personal_values_are_not() {
        let request = pb::CreateConsumerRequest {
            customer_id: "1005".to_owned(),
            request_id: "6f1c1f0a-6d1e-4c9c-9a35-6f0b1d0f5a11".to_owned(),
            consumer: Some(pb::Consumer {
                first_name: "Ermintrude".to_owned(),
                ssn: "509318642".to_owned(),
                ..Default::default()
            }),
            validate_only: true,
        };
        let method = Method::at("/openfinance.v1.ConsumerService/CreateConsumer").unwrap();
        let mut ids = Ids::default();
        method.request(&chain(), &request.encode_to_vec(), &mut ids);
        let response = pb::Consumer {
            consumer_id: "0123456789abcdef0123456789abcdef".to_owned(),
            customer_id: "1005".to_owned(),
            ..Default::default()
        };
        method.response(&response.encode_to_vec(), &mut ids);
        let expected = Ids {
            request_id: Some(request.request_id),
            customers: vec!["1005".to_owned()],
            consumers: vec![response.consumer_id],
            records: 2,
            validate_only: true,
            ..Default::default()
        };
        assert_eq!(ids, expected);
    }

    #[test]
    fn what_is_no_id_is_not_written_down() {
        let request = pb::CreateBusinessRequest {
            customer_id: "Ermintrude".to_owned(),
            request_id: "ermintrude@quackenbush.example".to_owned(),
            business: Some(pb::Business {
                business_id: "12 Duck Lane".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let method = Method::at("/openfinance.v1.BusinessService/CreateBusiness").unwrap();
        let mut ids = Ids::default();
        method.request(&chain(), &request.encode_to_vec(), &mut ids);
        assert_eq!(ids.customers, ["invalid"]);
        assert_eq!(ids.businesses, ["invalid"]);
        assert_eq!(ids.request_id.as_deref(), Some("invalid"));
    }

    #[test]
    fn a_username_is_told_by_a_hash_and_logins_one_by_one() {
        let lookup = pb::LookupCustomerRequest {
            username: "ermintrude".to_owned(),
        };
        let mut ids = Ids::default();
        let method = Method::at("/openfinance.v1.CustomerService/LookupCustomer").unwrap();
        method.request(&chain(), &lookup.encode_to_vec(), &mut ids);
        assert_eq!(ids.usernames, [chain().username(b"ermintrude")]);

        let batch = pb::BatchGetAuthorizationDetailsRequest {
            institution_login_ids: vec![7, 5, 7, -1],
        };
        let path = "/openfinance.v1.AuthorizationService/BatchGetAuthorizationDetails";
        let mut ids = Ids::default();
        let method = Method::at(path).unwrap();
        method.request(&chain(), &batch.encode_to_vec(), &mut ids);
        assert_eq!(ids.institution_logins, ["-1", "5", "7"]);
        assert_eq!(ids.records, 3);
    }

    #[test]
    fn broken_bytes_are_looked_through_without_a_panic() {
        let request = pb::UpdateConsumerRequest {
            consumer: Some(pb::Consumer {
                consumer_id: "0123456789abcdef0123456789abcdef".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let bytes = request.encode_to_vec();
        let method = Method::at("/openfinance.v1.ConsumerService/UpdateConsumer").unwrap();
        for cut in 0..bytes.len() {
            for byte in [0, 0x7f, 0x80, 0xff] {
                let mut broken = bytes[..cut].to_vec();
                broken.push(byte);
                method.request(&chain(), &broken, &mut Ids::default());
            }
        }
    }
}
