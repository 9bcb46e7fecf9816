//! The JSON of Protocol Buffers: what is sent is read from it, and records are shown in it.

mod once;

pub(crate) use once::names_twice;

use std::io::Read;

use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _, SerializeOptions};
use serde_json::Value;

use super::{MASK, Output};
use crate::exit::Failure;

/// The largest file that one message is read from: what the gateway takes, with room for spaces.
const LARGEST: u64 = 1 << 20;

/// What is told where a field has two values.
pub(crate) const TWICE: &str = "a field is named twice";

/// A record on one line, masked unless `output` says otherwise.
///
/// # Errors
///
/// [`Failure::Local`] if it is none that JSON can hold.
pub(crate) fn line(record: &DynamicMessage, output: &mut Output) -> Result<String, Failure> {
    let unwritable = || Failure::Local("the answer can't be written as JSON".to_owned());
    let options = SerializeOptions::new();
    let mut value = record
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|_| unwritable())?;
    mask(&record.descriptor(), &mut value, output);
    serde_json::to_string(&value).map_err(|_| unwritable())
}

/// Puts the mask into every personal or restricted field.
fn mask(message: &MessageDescriptor, value: &mut Value, output: &mut Output) {
    let Value::Object(members) = value else {
        return;
    };
    for (name, member) in members {
        let Some(field) = message.get_field_by_json_name(name) else {
            continue;
        };
        if output.hides(&field) {
            *member = Value::String(MASK.to_owned());
        } else if let Some(inner) = field.kind().as_message() {
            if let Value::Array(members) = member {
                for member in members {
                    mask(inner, member, output);
                }
            } else {
                mask(inner, member, output);
            }
        }
    }
}

/// Reads one message.
///
/// # Errors
///
/// [`Failure::Local`] if `source` can't be read or is too large, [`Failure::Usage`] where it is not the message: which
/// field is wrong, and never what is in it.
pub(crate) fn read(
    name: &str,
    source: impl Read,
    message: MessageDescriptor,
) -> Result<DynamicMessage, Failure> {
    let mut text = String::new();
    source
        .take(LARGEST + 1)
        .read_to_string(&mut text)
        .map_err(|error| Failure::Local(format!("cannot read {name}: {error}")))?;
    if text.len() as u64 > LARGEST {
        return Err(Failure::Local(format!("{name} is larger than 1 MiB")));
    }
    parse(&text, message).map_err(|error| Failure::Usage(format!("{name}: {error}")))
}

/// Reads one message from its JSON.
///
/// # Errors
///
/// Where the text is not that message, and never what stands there.
pub(crate) fn parse(text: &str, message: MessageDescriptor) -> Result<DynamicMessage, String> {
    if names_twice(text) {
        return Err(TWICE.to_owned());
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let mut track = serde_path_to_error::Track::new();
    let parsed = DynamicMessage::deserialize(
        message,
        serde_path_to_error::Deserializer::new(&mut json, &mut track),
    );
    let ended = parsed.and_then(|parsed| json.end().map(|()| parsed));
    ended.map_err(|error| {
        let at = format!("line {}, column {}", error.line(), error.column());
        if !error.is_data() {
            return format!("no JSON from {at} on");
        }
        let path = track.path().to_string();
        match (path.as_str(), unknown_field(&error.to_string())) {
            ("." | "", Some(name)) => format!("there is no field `{name}`, at {at}"),
            (path, Some(name)) => format!("there is no field `{path}.{name}`, at {at}"),
            ("." | "", None) => format!("not the JSON of this message, at {at}"),
            (path, None) => format!("`{path}` is not of its form, at {at}"),
        }
    })
}

/// The name that the parser found no field for, if that is what it says; nothing else of its words may be told.
fn unknown_field(error: &str) -> Option<&str> {
    let name = error.strip_prefix("unrecognized field name '")?;
    let (name, _) = name.split_once('\'')?;
    let is_name = name
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{output::Format, schema};

    fn request() -> MessageDescriptor {
        schema::method("ConsumerService/CreateConsumer")
            .unwrap()
            .input()
    }

    fn shown(text: &str, reveal: bool) -> (String, bool) {
        let mut output = Output {
            format: Format::Json,
            reveal,
            masked: false,
        };
        let message = parse(text, request()).unwrap();
        (line(&message, &mut output).unwrap(), output.masked)
    }

    const CONSUMER: &str = r#"{"customerId":"1005061234","consumer":{"firstName":"Jane","ssn":"123-45-6789","birthday":{"year":1980,"month":1,"day":2}}}"#;

    #[test]
    fn personal_data_is_masked_whatever_its_form() {
        assert_eq!(
            shown(CONSUMER, false),
            (
                r#"{"consumer":{"birthday":"***","firstName":"***","ssn":"***"},"customerId":"1005061234"}"#.to_owned(),
                true
            )
        );
    }

    #[test]
    fn revealed_json_is_what_was_read() {
        let (line, masked) = shown(CONSUMER, true);
        assert!(!masked);
        let shown: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(shown, serde_json::from_str::<Value>(CONSUMER).unwrap());
    }

    #[test]
    fn wrong_json_is_told_by_its_place_and_never_by_its_value() {
        for (text, told) in [
            (
                r#"{"consumer":{"ssn":{"x":"123-45-6789"}}}"#,
                "`consumer.ssn` is not of its form, at line 1, column 19",
            ),
            (
                r#"{"consumer":{"endUser":"Jane"}}"#,
                "`consumer.endUser` is not of its form, at line 1, column 29",
            ),
            (
                r#"{"consumer":{"nickname":"Jane"}}"#,
                "there is no field `consumer.nickname`, at line 1, column 23",
            ),
            (
                r#"{"ssn":"123-45-6789"}"#,
                "there is no field `ssn`, at line 1, column 6",
            ),
            (
                r#"{"consumer":{"123-45-6789":1}}"#,
                "`consumer` is not of its form, at line 1, column 26",
            ),
            (
                r#"{"customerId":"1"} Jane"#,
                "no JSON from line 1, column 20 on",
            ),
            (
                r#"{"consumer":{"ssn":"123-45-6789","ssn":"123-45-6780"}}"#,
                "a field is named twice",
            ),
            (r#"{"customerId":"#, "no JSON from line 1, column 14 on"),
        ] {
            assert_eq!(parse(text, request()).unwrap_err(), told);
        }
    }
}
