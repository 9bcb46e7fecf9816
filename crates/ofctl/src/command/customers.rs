//! `customers list`: a page, or all of them however many.

use clap::ArgMatches;
use prost_reflect::{DynamicMessage, Value};

use super::{call, method, page};
use crate::{
    Context,
    call::{Attempts, Repeat, streaming},
    exit::Failure,
    output::table::Table,
    schema,
    verb::Asked,
};

/// The columns of the table. The others of a customer are read one at a time.
const COLUMNS: [&str; 6] = [
    "customer_id",
    "type",
    "username",
    "first_name",
    "last_name",
    "create_time",
];

/// Lists customers.
///
/// # Errors
///
/// Why the list is not whole.
pub(super) async fn list(
    asked: Asked,
    flags: &ArgMatches,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    if flags.get_flag("all") {
        return all(&asked.request, context).await;
    }
    let answer = call(context, &asked).await?;
    show(&answer, &mut Table::default(), context)?;
    let token = text(&answer, "next_page_token");
    if let Some(total) = answer
        .get_field_by_name("total_size")
        .filter(|_| answer.has_field_by_name("total_size"))
        .and_then(|total| total.as_i32())
    {
        context.io.note(format_args!("note: {total} in all"));
    }
    if !token.is_empty() {
        context.io.note(format_args!(
            "note: there are more: --page-token={token}, or --all"
        ));
    }
    context.output.note(context.io);
    Ok(())
}

/// Shows all customers, a page at a time. A stream that breaks is taken up where it broke, so each is shown once.
async fn all(list: &DynamicMessage, context: &mut Context<'_>) -> Result<(), Failure> {
    let method = method("CustomerService/StreamCustomers")?;
    let mut request = DynamicMessage::new(method.input());
    for field in ["type", "search"] {
        if let Some(value) = list.get_field_by_name(field) {
            schema::set(&mut request, field, value.into_owned()).map_err(Failure::Usage)?;
        }
    }
    resume(&mut request, text(list, "page_token"))?;
    let attempts = Attempts {
        deadline: context.gateway.deadline,
        repeat: Repeat::Safe,
        random: context.io.new_id.clone(),
    };
    let gateway = context.gateway.clone();
    let interrupted = context.io.interrupted();
    tokio::pin!(interrupted);
    let mut table = Table::default();
    let mut broken = None;
    // Each page is a step of its own with the whole deadline: the list may take as long as it takes.
    let mut stream = None;
    loop {
        let next = attempts.make(
            |status, _| broken = Some(status.clone()),
            async |_| {
                let mut pages = match stream.take() {
                    Some(pages) => pages,
                    None => streaming(&gateway, &method, request.clone())
                        .await?
                        .into_inner(),
                };
                let next = pages.message().await?;
                stream = Some(pages);
                Ok(next)
            },
        );
        let next = tokio::select! {
            next = next => next.map_err(Failure::read)?,
            () = &mut interrupted => return Err(Failure::Interrupted(None)),
        };
        if broken.take().is_some() {
            context
                .io
                .note("note: the list broke off and was taken up again");
        }
        let Some(answer) = next else {
            break;
        };
        show(&answer, &mut table, context)?;
        context.io.flush()?;
        resume(&mut request, text(&answer, "resume_token"))?;
    }
    context.output.note(context.io);
    Ok(())
}

fn resume(request: &mut DynamicMessage, token: String) -> Result<(), Failure> {
    schema::set(request, "resume_token", Value::String(token)).map_err(Failure::Usage)
}

fn text(message: &DynamicMessage, field: &str) -> String {
    let value = message.get_field_by_name(field);
    let text = value.as_deref().and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn show(
    answer: &DynamicMessage,
    table: &mut Table,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let customers = answer.get_field_by_name("customers");
    let customers = customers.as_deref().and_then(Value::as_list);
    let Context { output, io, .. } = context;
    page(customers.unwrap_or_default(), &COLUMNS, table, output, io)
}
