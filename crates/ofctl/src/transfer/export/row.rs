//! The rows of an export: what is read for each of them, and its cells.

use openfinance_rpc::pb;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _};
use tonic::{Code, Request, Status};

use super::Plan;
use crate::{
    connect::{Gateway, kept_back},
    exit::Failure,
    output, schema,
    transfer::patience::call,
};

/// A customer with what is exported along with it.
pub(super) async fn row(
    plan: &Plan,
    gateway: &Gateway,
    message: &MessageDescriptor,
    customer: pb::Customer,
) -> Result<(DynamicMessage, Vec<String>), Failure> {
    let mut row = DynamicMessage::new(message.clone());
    let damaged = |_| Failure::Local("the description of the messages is damaged".to_owned());
    if plan.is_plain() {
        row.transcode_from(&customer).map_err(damaged)?;
        return Ok((row, Vec::new()));
    }
    let customer_id = customer.customer_id.clone();
    let consumer = async {
        if !plan.consumers {
            return Ok((None, Vec::new()));
        }
        let found = call(
            plan.patience,
            |_| (),
            async || {
                let mut request = Request::new(pb::GetConsumerByCustomerRequest {
                    customer_id: customer_id.clone(),
                });
                request.set_timeout(gateway.deadline);
                gateway.consumers().get_consumer_by_customer(request).await
            },
        );
        unless_absent("consumer", found.await)
    };
    let business = async {
        if !plan.businesses {
            return Ok((None, Vec::new()));
        }
        let found = call(
            plan.patience,
            |_| (),
            async || {
                let mut request = Request::new(pb::GetBusinessByCustomerRequest {
                    customer_id: customer_id.clone(),
                });
                request.set_timeout(gateway.deadline);
                gateway.businesses().get_business_by_customer(request).await
            },
        );
        unless_absent("business", found.await)
    };
    let ((consumer, mut hidden), (business, more)) = tokio::try_join!(consumer, business)?;
    hidden.extend(more);
    let whole = pb::OnboardCustomerRequest {
        customer: Some(customer),
        consumer,
        business,
        ..pb::OnboardCustomerRequest::default()
    };
    row.transcode_from(&whole).map_err(damaged)?;
    Ok((row, hidden))
}

/// A record that a customer may have, and its fields that are kept from the caller.
fn unless_absent<T>(
    noun: &str,
    found: Result<tonic::Response<T>, Status>,
) -> Result<(Option<T>, Vec<String>), Failure> {
    match found {
        Ok(found) => {
            let hidden = kept_back(&found).into_iter();
            let hidden = hidden.map(|path| format!("{noun}.{path}")).collect();
            Ok((Some(found.into_inner()), hidden))
        }
        Err(status) if status.code() == Code::NotFound => Ok((None, Vec::new())),
        Err(status) => Err(Failure::read(status)),
    }
}

/// Puts an apostrophe in front of the cells that a spreadsheet would take for formulas, and says how many they were. What
/// is in a record may come from anybody, and a formula can send what is beside it elsewhere. Signs before nothing but a
/// number, as of telephones, do no harm.
pub(super) fn guard(cells: &mut [String]) -> u64 {
    let number = |text: &str| {
        text.chars()
            .all(|letter| letter.is_ascii_digit() || " .()-/".contains(letter))
    };
    let mut guarded = 0;
    for cell in cells {
        let is_formula = match cell.chars().next() {
            Some('=' | '@' | '\t' | '\r') => true,
            Some(sign @ ('+' | '-')) => !cell.strip_prefix(sign).is_some_and(number),
            Some(_) | None => false,
        };
        if is_formula {
            cell.insert(0, '\'');
            guarded += 1;
        }
    }
    guarded
}

/// A cell: what is not set is empty, and text stays as it is.
pub(super) fn cell(row: &DynamicMessage, column: &str, output: &mut output::Output) -> String {
    let (first, rest) = column.split_once('.').unwrap_or((column, ""));
    let Some(field) = schema::field(&row.descriptor(), first) else {
        return String::new();
    };
    if !row.has_field(&field) {
        return String::new();
    }
    let value = row.get_field(&field);
    if let Some(inner) = value.as_message().filter(|_| !rest.is_empty()) {
        return cell(inner, rest, output);
    }
    match value.as_str() {
        Some(text) if !output.hides(&field) => text.to_owned(),
        Some(_) | None => output.column(row, first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_a_spreadsheet_would_run_get_an_apostrophe_and_numbers_none() {
        let mut cells = [
            "=HYPERLINK(\"https://evil.example\")",
            "@SUM(A1)",
            "+1+cmd|' /C calc'!A0",
            "-2+A1",
            "\t=1",
            "+1 (801) 555-0100",
            "-12.50",
            "Jane = Doe",
            "'t Hooft",
            "",
        ]
        .map(str::to_owned);
        let before = cells.clone();
        assert_eq!(guard(&mut cells), 5);
        for (place, (cell, before)) in cells.iter().zip(&before).enumerate() {
            let guarded = format!("'{before}");
            assert_eq!(cell, if place < 5 { &guarded } else { before });
        }
    }
}
