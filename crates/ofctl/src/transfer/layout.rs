//! What a row may hold: the columns of each noun, taken from the descriptor, and how cells become a message.

use std::borrow::Cow;

use clap::ValueEnum;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, MessageDescriptor, ReflectMessage as _, Value,
};

use crate::{exit::Failure, schema};

/// What a business must have, though it may be empty inside: a row of cells can't say that something is there and empty.
const REQUIRED_GROUPS: [&str; 2] = ["openfinance.v1.Address", "openfinance.v1.PhoneNumber"];

/// What can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Noun {
    /// Customers, each by its username.
    Customers,
    /// Consumers, each of the customer in `customer_id`.
    Consumers,
    /// Businesses, each of the customer in `customer_id`.
    Businesses,
    /// Customers together with their consumer and business.
    Onboarding,
}

impl Noun {
    /// The word on the command line and in the journal.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Consumers => "consumers",
            Self::Businesses => "businesses",
            Self::Onboarding => "onboarding",
        }
    }

    /// The message of a row.
    pub(crate) fn message(self) -> Option<MessageDescriptor> {
        let (method, record) = match self {
            Self::Customers => ("CustomerService/CreateCustomer", "customer"),
            Self::Consumers => ("ConsumerService/CreateConsumer", "consumer"),
            Self::Businesses => ("BusinessService/CreateBusiness", "business"),
            Self::Onboarding => {
                return Some(schema::method("OnboardingService/OnboardCustomer")?.input());
            }
        };
        let field = schema::method(method)?.input().get_field_by_name(record)?;
        field.kind().as_message().cloned()
    }

    /// The field that the vendor keeps unique.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Customers => "username",
            Self::Consumers | Self::Businesses => "customer_id",
            Self::Onboarding => "customer.username",
        }
    }
}

/// The fields that the vendor gives, each with the last part of its path; `customer_id` is one for a customer alone.
const GIVEN: [&str; 5] = [
    "consumer_id",
    "business_id",
    "create_time",
    "update_time",
    "ssn_last_four",
];

/// A field of a row, by its way through the messages.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    way: Vec<FieldDescriptor>,
}

/// Why a cell or a row can't be a message. It never holds what the cell holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadRow {
    /// The column; empty where the whole row is meant.
    pub(crate) column: String,
    /// What is wrong with it.
    pub(crate) problem: String,
}

impl BadRow {
    pub(crate) fn whole(problem: &str) -> Self {
        Self {
            column: String::new(),
            problem: problem.to_owned(),
        }
    }
}

/// What rows of a noun are.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) noun: Noun,
    pub(crate) message: MessageDescriptor,
}

impl Layout {
    pub(crate) fn of(noun: Noun) -> Result<Self, Failure> {
        Ok(Self {
            noun,
            message: noun.message().ok_or_else(|| {
                Failure::Local("the description of the messages is damaged".to_owned())
            })?,
        })
    }

    /// The column with this name, which is the path of a field.
    pub(crate) fn column(&self, name: &str) -> Result<Column, String> {
        let refused = |problem: &str| format!("column `{name}`: {problem}");
        let mut message = Some(self.message.clone());
        let mut way = Vec::new();
        for part in name.split('.') {
            let field = message
                .as_ref()
                .and_then(|message| message.get_field_by_name(part));
            let field = field.ok_or_else(|| {
                let mut known = columns(&self.message);
                known.retain(|known| self.is_taken(known));
                refused(&format!(
                    "there is no such field; there are {}",
                    known.join(", ")
                ))
            })?;
            message = field
                .kind()
                .as_message()
                .filter(|inner| !schema::is_date(inner))
                .cloned();
            way.push(field);
        }
        if message.is_some() {
            return Err(refused(
                "it is a group: name its parts, such as `address.city`",
            ));
        }
        if !self.is_taken(name) {
            return Err(refused(
                "it is given by the vendor or by this program: take it out",
            ));
        }
        Ok(Column {
            name: name.to_owned(),
            way,
        })
    }

    /// Whether the field at a path may be imported.
    fn is_taken(&self, path: &str) -> bool {
        let last = path.rsplit('.').next().unwrap_or(path);
        // The customer that a consumer or a business is for stands beside its fields.
        let of_the_row = path == last && self.noun != Noun::Customers;
        !GIVEN.contains(&last) && last != "request_id" && (last != "customer_id" || of_the_row)
    }

    /// The first field of a message that the vendor gives and that is set all the same.
    pub(crate) fn given(&self, message: &DynamicMessage) -> Option<String> {
        self.given_below("", message)
    }

    fn given_below(&self, prefix: &str, message: &DynamicMessage) -> Option<String> {
        message.fields().find_map(|(field, value)| {
            let path = format!("{prefix}{}", field.name());
            if !self.is_taken(&path) {
                return Some(path);
            }
            let inner = value.as_message()?;
            self.given_below(&format!("{path}."), inner)
        })
    }

    /// The message of a row of cells.
    pub(crate) fn row(
        &self,
        columns: &[Column],
        cells: &csv::ByteRecord,
    ) -> Result<DynamicMessage, BadRow> {
        let mut message = DynamicMessage::new(self.message.clone());
        for (column, cell) in columns.iter().zip(cells) {
            let bad = |problem| BadRow {
                column: column.name.clone(),
                problem,
            };
            let cell = std::str::from_utf8(cell).map_err(|_| bad("must be UTF-8".to_owned()))?;
            if let (Some(field), false) = (column.way.last(), cell.is_empty()) {
                let value = schema::value(field, cell).map_err(bad)?;
                schema::set(&mut message, &column.name, value).map_err(bad)?;
            }
        }
        fill_required_groups(&mut message, self.noun == Noun::Businesses);
        Ok(message)
    }

    /// The value of the field that the vendor keeps unique; empty if it is not set.
    pub(crate) fn key(&self, message: &DynamicMessage) -> String {
        let mut value = Value::Message(message.clone());
        for part in self.noun.key().split('.') {
            let next = value
                .as_message()
                .and_then(|message| message.get_field_by_name(part));
            value = next.map_or_else(|| Value::String(String::new()), Cow::into_owned);
        }
        value.as_str().unwrap_or_default().to_owned()
    }
}

/// The names of all columns of a message.
pub(crate) fn columns(message: &MessageDescriptor) -> Vec<String> {
    let mut names = Vec::new();
    for field in message.fields() {
        let kind = field.kind();
        // The messages of others, such as times, and dates are single values.
        let group = kind.as_message().filter(|inner| {
            inner.full_name().starts_with("openfinance.") && !schema::is_date(inner)
        });
        match group {
            Some(inner) => {
                let inner = columns(inner).into_iter();
                names.extend(inner.map(|name| format!("{}.{name}", field.name())));
            }
            None => names.push(field.name().to_owned()),
        }
    }
    names
}

/// Sets the groups that a business must have, in every business there is.
fn fill_required_groups(message: &mut DynamicMessage, is_business: bool) {
    if !is_business {
        if message.has_field_by_name("business")
            && let Some(Value::Message(business)) = message.get_field_by_name_mut("business")
        {
            fill_required_groups(business, true);
        }
        return;
    }
    for field in message.descriptor().fields() {
        if let Some(inner) = field.kind().as_message()
            && REQUIRED_GROUPS.contains(&inner.full_name())
            && !message.has_field(&field)
        {
            message.set_field(&field, Value::Message(DynamicMessage::new(inner.clone())));
        }
    }
}
