//! What keeps readers from finding out by questions what they may not see: one `impl Sought` for each request, which names
//! the personal fields that records are looked for by.
//!
//! A filter on a field answers as much as the field: whoever may search for a name can spell it out. So a read by a
//! personal field is told apart here, from the descriptor, unless the field is the whole key of one record. Writes are
//! told what to write, which finds nothing.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::Result;
use prost_reflect::{
    DescriptorPool, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value,
    prost_types::method_options::IdempotencyLevel,
};

use super::{PACKAGE, extension, redact::ident};

/// Writes an `impl Sought` for the message of each request.
pub(super) fn impls(
    pool: &DescriptorPool,
    source: &mut String,
    problems: &mut Vec<String>,
) -> Result<()> {
    let mut requests = BTreeMap::<String, (MessageDescriptor, bool)>::new();
    for service in pool.services() {
        for method in service.methods() {
            let request = method.input();
            let name = request.full_name().to_owned();
            let (_, is_read) = requests.entry(name).or_insert((request, false));
            *is_read |= reads_only(&method);
        }
    }
    for (message, is_read) in requests.into_values() {
        let fields: Vec<_> = match is_read {
            true => message
                .fields()
                .filter(|field| finds(field, problems))
                .collect(),
            false => Vec::new(),
        };
        let name = message.name();
        writeln!(source, "impl Sought for {name} {{")?;
        if !fields.is_empty() {
            writeln!(
                source,
                "fn by_personal(&self) -> Vec<&'static str> {{ let mut found = Vec::new();"
            )?;
            for field in fields {
                let (ident, label) = (ident(&field), field.name());
                writeln!(
                    source,
                    "if !crate::unset(&self.{ident}) {{ found.push({label:?}); }}"
                )?;
            }
            writeln!(source, "found }}")?;
        }
        writeln!(source, "}}")?;
    }
    Ok(())
}

fn reads_only(method: &MethodDescriptor) -> bool {
    let options = method.method_descriptor_proto().options.as_ref();
    options.is_some_and(|options| options.idempotency_level() == IdempotencyLevel::NoSideEffects)
}

/// Whether a read by this field finds out what the field of a record holds.
fn finds(field: &FieldDescriptor, problems: &mut Vec<String>) -> bool {
    if let Kind::Message(inner) = field.kind()
        && inner.package_name() == PACKAGE
    {
        problems.push(format!(
            "{} is a message: in the request of a read that is not provided for",
            field.full_name()
        ));
    }
    let options = field.options();
    match extension(&options, "openfinance.v1.data_class") {
        Some(Value::EnumNumber(2)) => {
            extension(&options, "openfinance.v1.whole_key") != Some(Value::Bool(true))
        }
        Some(Value::EnumNumber(3)) => {
            problems.push(format!(
                "{} is restricted: no record is looked for by it",
                field.full_name()
            ));
            false
        }
        _ => false,
    }
}
