//! What makes answers fit for readers who may not see everything: one `impl Redact` for each message of an answer.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::{Result, ensure};
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor, Value};

use super::{PACKAGE, camel_case, extension, plain, snake_case, synthetic};

/// Who sees a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sight {
    /// Every caller who may call the method.
    All,
    /// Whoever may read personal data.
    Personal,
    /// Whoever may read tax ids.
    TaxId,
    /// Nobody.
    None,
}

/// Writes an `impl Redact` for each message that a method answers, and for those inside of them. What nobody has classified
/// would be seen by everybody, so every field of them that is no message of ours has a class.
pub(super) fn impls(
    pool: &DescriptorPool,
    source: &mut String,
    problems: &mut Vec<String>,
) -> Result<()> {
    let mut reached = BTreeMap::new();
    for service in pool.services() {
        for method in service.methods() {
            reach(&method.output(), &mut reached);
        }
    }
    for message in reached.values() {
        let fields = message.fields().filter(|field| inner(field).is_none());
        // Those of text are told of wherever they are.
        let of_text = |field: &FieldDescriptor| matches!(field.kind(), Kind::String | Kind::Bytes);
        for field in fields.filter(|field| !of_text(field) && !is_classified(field)) {
            problems.push(format!(
                "{} is in an answer and has no (data_class): add one",
                field.full_name()
            ));
        }
        redact_impl(message, source)?;
    }
    Ok(())
}

fn reach(message: &MessageDescriptor, reached: &mut BTreeMap<String, MessageDescriptor>) {
    let name = message.full_name().to_owned();
    if message.package_name() != PACKAGE || reached.contains_key(&name) {
        return;
    }
    reached.insert(name, message.clone());
    for field in message.fields() {
        if let Kind::Message(inner) = field.kind() {
            reach(&inner, reached);
        }
    }
}

fn is_classified(field: &FieldDescriptor) -> bool {
    let class = extension(&field.options(), "openfinance.v1.data_class");
    matches!(class, Some(Value::EnumNumber(1..)))
}

fn sight(field: &FieldDescriptor) -> Sight {
    match extension(&field.options(), "openfinance.v1.data_class") {
        Some(Value::EnumNumber(2)) => Sight::Personal,
        Some(Value::EnumNumber(3)) if field.name() == "tax_id" => Sight::TaxId,
        Some(Value::EnumNumber(3)) => Sight::None,
        _ => Sight::All,
    }
}

/// The message of ours in a field.
fn inner(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    let kind = field.kind();
    let inner = kind.as_message()?;
    (inner.package_name() == PACKAGE).then(|| inner.clone())
}

/// The paths of the fields in `message` that only this sight sees.
fn paths(message: &MessageDescriptor, wanted: Sight, above: &str, found: &mut Vec<String>) {
    for field in message.fields() {
        let path = format!("{above}{}", field.name());
        match sight(&field) {
            Sight::All => {
                if let Some(inner) = inner(&field) {
                    paths(&inner, wanted, &format!("{path}."), found);
                }
            }
            sight if sight == wanted => found.push(path),
            Sight::Personal | Sight::TaxId | Sight::None => {}
        }
    }
}

fn redact_impl(message: &MessageDescriptor, source: &mut String) -> Result<()> {
    let name = message.name();
    writeln!(source, "impl Redact for {name} {{")?;
    for (constant, sight) in [("PERSONAL", Sight::Personal), ("TAX_IDS", Sight::TaxId)] {
        let mut found = Vec::new();
        paths(message, sight, "", &mut found);
        if !found.is_empty() {
            writeln!(
                source,
                "const {constant}: &'static [&'static str] = &{found:?};"
            )?;
        }
    }
    writeln!(
        source,
        "fn redact(&mut self, sight: Sight) {{ let _ = sight;"
    )?;
    for field in message.fields().filter(plain) {
        let ident = ident(&field);
        let condition = match sight(&field) {
            Sight::All => {
                if inner(&field).is_some() {
                    let each = match field.is_list() {
                        true => format!("for inner in &mut self.{ident}"),
                        false => format!("if let Some(inner) = &mut self.{ident}"),
                    };
                    writeln!(source, "{each} {{ inner.redact(sight); }}")?;
                }
                continue;
            }
            Sight::Personal => "!sight.personal",
            Sight::TaxId => "!sight.tax_id",
            Sight::None => "true",
        };
        writeln!(
            source,
            "if {condition} {{ self.{ident} = Default::default(); }}"
        )?;
    }
    for group in message.oneofs().filter(|group| !synthetic(group)) {
        let (ident, module) = (group.name(), snake_case(name));
        let enumeration = camel_case(ident);
        writeln!(source, "match &mut self.{ident} {{ None => {{}}")?;
        for field in group.fields() {
            ensure!(
                sight(&field) == Sight::All && inner(&field).is_some(),
                "{}: a oneof of other things than messages is not provided for",
                field.full_name()
            );
            let variant = camel_case(field.name());
            writeln!(
                source,
                "Some({module}::{enumeration}::{variant}(inner)) => inner.redact(sight),"
            )?;
        }
        writeln!(source, "}}")?;
    }
    writeln!(source, "}}")?;
    lacks(message, source)?;
    writeln!(source, "}}")?;
    Ok(())
}

/// The function that tells of empty fields. A part of a field is named with it, such as `address.city`.
fn lacks(message: &MessageDescriptor, source: &mut String) -> Result<()> {
    writeln!(
        source,
        "fn lacks(&self, path: &str) -> bool {{ match path {{"
    )?;
    for field in message.fields().filter(plain) {
        if sight(&field) == Sight::All {
            continue;
        }
        let (ident, label) = (ident(&field), field.name());
        let Some(inner) = inner(&field) else {
            writeln!(source, "{label:?} => crate::unset(&self.{ident}),")?;
            continue;
        };
        let parts: Vec<_> = inner.fields().map(|part| part.name().to_owned()).collect();
        writeln!(
            source,
            "{label:?} => self.{ident}.as_ref().is_none_or(|inner| {parts:?}.iter().any(|part| inner.lacks(part))),"
        )?;
        for part in parts {
            let path = format!("{label}.{part}");
            writeln!(
                source,
                "{path:?} => self.{ident}.as_ref().is_none_or(|inner| inner.lacks({part:?})),"
            )?;
        }
    }
    writeln!(source, "_ => false, }} }}")?;
    Ok(())
}

/// The name of a field in Rust.
pub(super) fn ident(field: &FieldDescriptor) -> &str {
    match field.name() {
        "type" => "r#type",
        name => name,
    }
}
