//! What the descriptor of `proto/` says: the methods, the classes of their fields, and the forms of values.

use std::{str::FromStr, sync::LazyLock};

use openfinance_rpc::{FILE_DESCRIPTOR_SET, Idempotency, METHODS};
use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    MethodDescriptor, ReflectMessage as _, Value,
};

static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).ok());

/// The full name of the message that a calendar date has.
const DATE: &str = "openfinance.v1.Date";

/// How confidential a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// May be shown.
    Internal,
    /// Tells something of a person or a business.
    Personal,
    /// Social security numbers, tax ids and secrets.
    Restricted,
}

/// A method by its short name, such as `CustomerService/GetCustomer`.
pub(crate) fn method(name: &str) -> Option<MethodDescriptor> {
    let (service, method) = name.split_once('/')?;
    let service = POOL
        .as_ref()?
        .get_service_by_name(&format!("openfinance.v1.{service}"))?;
    let mut methods = service.methods();
    methods.find(|found| found.name() == method)
}

/// Whether a call of the method may be repeated; [`Idempotency::Unknown`] where nothing is said.
pub(crate) fn idempotency(method: &MethodDescriptor) -> Idempotency {
    let path = path(method);
    let said = METHODS.iter().find(|said| said.path == path);
    said.map_or(Idempotency::Unknown, |said| said.idempotency)
}

/// The path of the method's calls, such as `/openfinance.v1.CustomerService/GetCustomer`.
pub(crate) fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// The field at a path such as `customer.first_name`.
pub(crate) fn field(message: &MessageDescriptor, path: &str) -> Option<FieldDescriptor> {
    match path.split_once('.') {
        None => message.get_field_by_name(path),
        Some((first, rest)) => {
            let first = message.get_field_by_name(first)?.kind();
            field(first.as_message()?, rest)
        }
    }
}

/// How confidential a field is, as its option says. What says nothing may be shown: a test of the descriptor sees to it
/// that every text says something.
pub(crate) fn class(field: &FieldDescriptor) -> Class {
    let number = POOL.as_ref().and_then(|pool| {
        let option = pool.get_extension_by_name("openfinance.v1.data_class")?;
        field.options().get_extension(&option).as_enum_number()
    });
    match number {
        Some(2) => Class::Personal,
        Some(3) => Class::Restricted,
        Some(_) | None => Class::Internal,
    }
}

/// Whether a message is a calendar date.
pub(crate) fn is_date(message: &MessageDescriptor) -> bool {
    message.full_name() == DATE
}

/// The words that a command line has for the values of an enum, such as `testing` for `CUSTOMER_TYPE_TESTING`.
pub(crate) fn words(kind: &EnumDescriptor) -> Vec<String> {
    let values = kind.values().filter(|value| value.number() != 0);
    values.map(|value| word(kind, value.name())).collect()
}

/// The word for one value of an enum.
pub(crate) fn word(kind: &EnumDescriptor, value: &str) -> String {
    let unspecified = kind.default_value();
    let prefix = unspecified.name().trim_end_matches("UNSPECIFIED");
    let word = value.strip_prefix(prefix).unwrap_or(value);
    word.to_lowercase().replace('_', "-")
}

/// Reads the text of a flag as the value of a field.
///
/// # Errors
///
/// In what form it must be; never what it was.
pub(crate) fn value(field: &FieldDescriptor, text: &str) -> Result<Value, String> {
    let number = || "must be a whole number".to_owned();
    match field.kind() {
        Kind::String => Ok(Value::String(text.to_owned())),
        Kind::Bool => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err("must be true or false".to_owned()),
        },
        Kind::Int32 => i32::from_str(text).map(Value::I32).map_err(|_| number()),
        Kind::Int64 => i64::from_str(text).map(Value::I64).map_err(|_| number()),
        Kind::Enum(kind) => {
            let found = kind.values().find(|found| {
                found.number() != 0 && (found.name() == text || word(&kind, found.name()) == text)
            });
            let words = || format!("must be one of: {}", words(&kind).join(", "));
            Ok(Value::EnumNumber(found.ok_or_else(words)?.number()))
        }
        Kind::Message(message) if is_date(&message) => date(message, text),
        Kind::Message(_)
        | Kind::Bytes
        | Kind::Double
        | Kind::Float
        | Kind::Uint32
        | Kind::Uint64
        | Kind::Sint32
        | Kind::Sint64
        | Kind::Fixed32
        | Kind::Fixed64
        | Kind::Sfixed32
        | Kind::Sfixed64 => Err("can be given in a file only, with --from".to_owned()),
    }
}

/// Reads a date such as `1980-12-31`.
fn date(message: MessageDescriptor, text: &str) -> Result<Value, String> {
    let form = || "must be a date such as 1980-12-31".to_owned();
    let date = jiff::civil::Date::from_str(text).map_err(|_| form())?;
    let mut value = DynamicMessage::new(message);
    for (part, number) in [
        ("year", i32::from(date.year())),
        ("month", i32::from(date.month())),
        ("day", i32::from(date.day())),
    ] {
        value
            .try_set_field_by_name(part, Value::I32(number))
            .map_err(|_| form())?;
    }
    Ok(Value::Message(value))
}

/// Sets the field at a path, with the messages on the way to it.
///
/// # Errors
///
/// There is no such field, or its value is of another form.
pub(crate) fn set(message: &mut DynamicMessage, path: &str, value: Value) -> Result<(), String> {
    let unknown = || format!("there is no field {path}");
    let (first, rest) = match path.split_once('.') {
        None => {
            return message
                .try_set_field_by_name(path, value)
                .map_err(|_| unknown());
        }
        Some(parts) => parts,
    };
    let field = message
        .descriptor()
        .get_field_by_name(first)
        .ok_or_else(unknown)?;
    let Value::Message(inner) = message.get_field_mut(&field) else {
        return Err(unknown());
    };
    set(inner, rest, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create_consumer() -> MessageDescriptor {
        method("ConsumerService/CreateConsumer").unwrap().input()
    }

    #[test]
    fn every_method_of_the_policy_is_in_the_descriptor() {
        for said in METHODS {
            let name = said.path.trim_start_matches("/openfinance.v1.");
            let method = method(name).unwrap();
            assert_eq!(path(&method), said.path);
            assert_eq!(idempotency(&method), said.idempotency);
        }
    }

    #[test]
    fn classes_are_those_of_the_options() {
        let request = create_consumer();
        let class_of = |path: &str| class(&field(&request, path).unwrap());
        assert_eq!(class_of("customer_id"), Class::Internal);
        assert_eq!(class_of("consumer.first_name"), Class::Personal);
        assert_eq!(class_of("consumer.ssn"), Class::Restricted);
        assert_eq!(class_of("consumer.birthday"), Class::Personal);
    }

    #[test]
    fn texts_become_the_values_of_their_fields() {
        let request = create_consumer();
        let birthday = field(&request, "consumer.birthday").unwrap();
        let mut message = DynamicMessage::new(request.clone());
        let date = value(&birthday, "1980-12-31").unwrap();
        set(&mut message, "consumer.birthday", date).unwrap();
        let request: openfinance_rpc::pb::CreateConsumerRequest = message.transcode_to().unwrap();
        let birthday_sent = request.consumer.unwrap().birthday.unwrap();
        assert_eq!(
            (birthday_sent.year, birthday_sent.month, birthday_sent.day),
            (1980, 12, 31)
        );
        for wrong in ["31.12.1980", "1980-02-30", ""] {
            let refusal = value(&birthday, wrong).unwrap_err();
            assert_eq!(refusal, "must be a date such as 1980-12-31");
        }
    }

    #[test]
    fn enums_have_short_words() {
        let list = method("CustomerService/ListCustomers").unwrap().input();
        let kind = field(&list, "type").unwrap();
        assert_eq!(value(&kind, "active"), Ok(Value::EnumNumber(2)));
        assert_eq!(
            value(&kind, "CUSTOMER_TYPE_TESTING"),
            Ok(Value::EnumNumber(1))
        );
        for wrong in ["unspecified", "CUSTOMER_TYPE_UNSPECIFIED", "Active"] {
            assert_eq!(
                value(&kind, wrong),
                Err("must be one of: testing, active".to_owned())
            );
        }
    }
}
