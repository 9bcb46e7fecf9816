//! The page of one proto file: its methods, then its messages and enums.

use std::fmt::Write as _;

use prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, FileDescriptor,
    MessageDescriptor, MethodDescriptor, Value, prost_types::method_options::IdempotencyLevel,
};

use super::{
    SHARED,
    comments::{Comments, Words},
    stem, vendor,
};
use crate::{lineage::Lineage, rpc};

/// What a method's caller needs to be allowed.
pub(super) fn permission(method: &MethodDescriptor) -> String {
    match rpc::extension(&method.options(), "openfinance.v1.permission") {
        Some(Value::String(permission)) => permission,
        _ => String::new(),
    }
}

/// How a call is repeated whose answer did not come.
pub(super) fn idempotency(method: &MethodDescriptor) -> &'static str {
    let options = method.method_descriptor_proto().options.as_ref();
    let level = options.map(|options| options.idempotency_level());
    let named = method.input().get_field_by_name("request_id").is_some();
    match (level.unwrap_or(IdempotencyLevel::IdempotencyUnknown), named) {
        (IdempotencyLevel::NoSideEffects, _) => "as it is: it reads",
        (IdempotencyLevel::Idempotent, _) => "as it is",
        (IdempotencyLevel::IdempotencyUnknown, true) => "with the same `request_id`",
        (IdempotencyLevel::IdempotencyUnknown, false) => "look first",
    }
}

/// Where messages and enums are told of, and what comments speak of.
pub(super) struct Names<'a> {
    pool: &'a DescriptorPool,
    pub(super) words: Words,
}

impl<'a> Names<'a> {
    pub(super) fn new(pool: &'a DescriptorPool) -> Self {
        Self {
            pool,
            words: Words::new(pool),
        }
    }

    /// The name of a message or an enum, which leads to where a page tells of it.
    fn linked(&self, full_name: &str, page: &FileDescriptor) -> String {
        let short = short(full_name);
        let message = self.pool.get_message_by_name(full_name);
        let file = message
            .map(|message| message.parent_file())
            .or_else(|| Some(self.pool.get_enum_by_name(full_name)?.parent_file()));
        match file {
            Some(file) if file.package_name() == rpc::PACKAGE => {
                let place = match &file == page {
                    true => String::new(),
                    false => format!("{}.md", stem(&file)),
                };
                format!("[`{short}`]({place}#{})", anchor(short))
            }
            Some(_) | None => format!("`{full_name}`"),
        }
    }

    fn kind(&self, field: &FieldDescriptor, page: &FileDescriptor) -> String {
        let kind = field.kind();
        let one = match (kind.as_message(), kind.as_enum()) {
            (Some(message), _) => self.linked(message.full_name(), page),
            (_, Some(values)) => self.linked(values.full_name(), page),
            (None, None) => format!("`{kind:?}`").to_lowercase(),
        };
        let optional = field.field_descriptor_proto().proto3_optional();
        match (field.cardinality(), optional) {
            (Cardinality::Repeated, _) => format!("list of {one}"),
            (_, true) => format!("optional {one}"),
            (_, false) => one,
        }
    }
}

/// A name without our package.
fn short(full_name: &str) -> &str {
    let rest = full_name.strip_prefix(rpc::PACKAGE);
    rest.map_or(full_name, |rest| rest.trim_start_matches('.'))
}

/// The anchor of a heading that is a name.
fn anchor(name: &str) -> String {
    name.replace('.', "").to_lowercase()
}

/// The text of the page.
pub(super) fn page(file: &FileDescriptor, names: &Names<'_>, lineage: &Lineage) -> String {
    let comments = Comments::of(file, &names.words);
    let mut text = String::new();
    if file.name() == SHARED {
        let _ = write!(
            text,
            "# Shared messages and refusals\n\n{}",
            comments.file()
        );
    }
    for service in file.services() {
        let _ = write!(
            text,
            "# {}\n\n{}\nFrom `proto/{}`.\n\n## Methods\n",
            service.name(),
            comments.text(service.path()),
            file.name()
        );
        for method in service.methods() {
            tell_method(&method, &comments, names, lineage, &mut text);
        }
    }
    text.push_str("\n## Messages\n");
    for message in file.messages() {
        tell_message(&message, &comments, names, &mut text);
    }
    let mut enums: Vec<_> = file.enums().collect();
    enums.extend(file.messages().flat_map(|message| {
        let inner = message.child_enums();
        inner.collect::<Vec<_>>()
    }));
    if !enums.is_empty() {
        text.push_str("\n## Enums\n");
    }
    for values in enums {
        tell_enum(&values, &comments, &mut text);
    }
    text
}

fn tell_method(
    method: &MethodDescriptor,
    comments: &Comments<'_>,
    names: &Names<'_>,
    lineage: &Lineage,
    text: &mut String,
) {
    let page = method.parent_service().parent_file();
    let stream = if method.is_server_streaming() {
        "stream "
    } else {
        ""
    };
    let _ = write!(
        text,
        "\n### {0}\n\nrpc **{0}** ({1}) returns ({stream}{2})\n\n- Permission: `{4}`\n- Repeat: {5}\n- At the vendor: {6}\n\n{3}",
        method.name(),
        names.linked(method.input().full_name(), &page),
        names.linked(method.output().full_name(), &page),
        comments.text(method.path()),
        permission(method),
        idempotency(method),
        vendor(method, lineage),
    );
}

fn tell_message(
    message: &MessageDescriptor,
    comments: &Comments<'_>,
    names: &Names<'_>,
    text: &mut String,
) {
    let page = message.parent_file();
    let name = short(message.full_name());
    let _ = write!(text, "\n### {name}\n\n{}", comments.text(message.path()));
    if message.fields().len() == 0 {
        text.push_str("\nIt has no fields.\n");
        return;
    }
    text.push_str("\n| field | type | rule | data | meaning |\n|---|---|---|---|---|\n");
    let mut fields: Vec<_> = message.fields().collect();
    // As they are written, which is by what belongs together.
    fields.sort_by_key(|field| field.path().to_vec());
    for field in fields {
        let meaning = comments.cell(field.path());
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {meaning} |",
            field.name(),
            names.kind(&field, &page),
            rules(&meaning).join(", "),
            class(&field),
        );
    }
    let _ = writeln!(
        text,
        "\n[Where its fields are from](../fields.md#{})",
        anchor(message.name())
    );
}

/// What a field's comment says of when it is set.
fn rules(meaning: &str) -> Vec<&'static str> {
    let mut rules = Vec::new();
    let mut says = |found: bool, rule| {
        if found {
            rules.push(rule);
        }
    };
    says(meaning.contains("Output only."), "output only");
    says(meaning.contains("Input only"), "input only");
    let always = [".", ",", ";"].map(|end| format!("Required{end}"));
    says(
        always.iter().any(|always| meaning.contains(always)),
        "required",
    );
    says(meaning.contains("Required "), "required at times");
    rules
}

/// How confidential a field is; nothing for one that need not say so.
fn class(field: &FieldDescriptor) -> String {
    let class = match rpc::extension(&field.options(), "openfinance.v1.data_class") {
        Some(Value::EnumNumber(1)) => "internal",
        Some(Value::EnumNumber(2)) => "personal",
        Some(Value::EnumNumber(3)) => "restricted",
        _ => return String::new(),
    };
    format!("<span class=\"data-{class}\">{class}</span>")
}

fn tell_enum(values: &EnumDescriptor, comments: &Comments<'_>, text: &mut String) {
    let _ = write!(
        text,
        "\n### {}\n\n{}\n| value | number | meaning |\n|---|---|---|\n",
        short(values.full_name()),
        comments.text(values.path())
    );
    for value in values.values() {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} |",
            value.name(),
            value.number(),
            comments.cell(value.path())
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_says_when_a_field_is_set() {
        let none: [&str; 0] = [];
        assert_eq!(rules("At most 1,000 characters."), none);
        assert_eq!(
            rules("Legal name. Required, 1 to 150 characters."),
            ["required"]
        );
        assert_eq!(
            rules("The record. Required; its output only fields must be empty."),
            ["required"]
        );
        assert_eq!(
            rules(
                "Nine digits. Input only: it never comes back. Required where `birthday` is empty."
            ),
            ["input only", "required at times"]
        );
        assert_eq!(rules("The vendor's id. Output only."), ["output only"]);
    }

    #[test]
    fn names_lead_to_their_headings() {
        assert_eq!(
            short("openfinance.v1.OnboardingStep.Step"),
            "OnboardingStep.Step"
        );
        assert_eq!(anchor("OnboardingStep.Step"), "onboardingstepstep");
        assert_eq!(
            short("google.protobuf.Timestamp"),
            "google.protobuf.Timestamp"
        );
    }
}
