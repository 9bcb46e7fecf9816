//! What a refused call is told in: its code and reason, which flags are wrong, and what to do.
//!
//! What to do comes from the gateway's own catalogue of reasons, so it is that of the version that refused.

use std::time::Duration;

use openfinance_rpc::{
    code_name,
    pb::{ErrorReason, ListErrorReasonsRequest},
};
use tokio::time::timeout;
use tonic::{Request, Status};
use tonic_types::StatusExt as _;

use crate::{
    Io,
    connect::Gateway,
    exit::{Call, Exit, Refused, unsent},
    output::table::clean,
    verb::Verb,
};

/// For how long the gateway is asked what to do.
const ADVICE: Duration = Duration::from_secs(2);

/// Tells why a call was refused. `verb` knows the flags.
pub(crate) async fn explain(
    refused: &Refused,
    gateway: Option<&Gateway>,
    verb: Option<&Verb>,
    io: &mut Io,
) {
    let Refused {
        status,
        call,
        request_id,
    } = refused;
    let details = status.get_error_details();
    let code = code_name(status.code());
    let Some(info) = details.error_info() else {
        let message = clean(status.message());
        io.note(format_args!("error: {code}: {message}"));
        if unsent(status) {
            io.note("what to do: see that --address is right, and that the gateway runs; nothing was sent");
        } else {
            settle(Exit::of(status, *call), *call, request_id.as_deref(), io);
        }
        return;
    };
    let (reason, message) = (clean(&info.reason), clean(status.message()));
    io.note(format_args!("error: {code} {reason}: {message}"));
    let violations = details.bad_request().map(|bad| &bad.field_violations);
    for violation in violations.into_iter().flatten() {
        let path = verb.map_or_else(
            || violation.field.clone(),
            |verb| verb.shown(&violation.field),
        );
        io.note(format_args!(
            "  {}: {}",
            clean(&path),
            clean(&violation.description)
        ));
    }
    // Who refused, and at which operation; an onboarding's step and the records that are there.
    let mut known: Vec<(&String, &String)> = info.metadata.iter().collect();
    known.sort();
    for (name, value) in known {
        io.note(format_args!(
            "  {}: {}",
            clean(&name.replace('_', " ")),
            clean(value)
        ));
    }
    if info.domain != "openfinance" {
        io.note(format_args!("  refused by: {}", clean(&info.domain)));
    }
    let advice = match gateway {
        Some(gateway) => advice(gateway, &info.reason).await,
        None => None,
    };
    if let Some(advice) = advice {
        if !advice.caller_action.is_empty() {
            io.note(format_args!("what to do: {}", clean(&advice.caller_action)));
        }
        if !advice.operator_action.is_empty() {
            io.note(format_args!(
                "operators: {}",
                clean(&advice.operator_action)
            ));
        }
    }
    if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
        io.note(format_args!(
            "  try again in {:.0} s or later",
            delay.as_secs_f64().ceil()
        ));
    }
    settle(Exit::of(status, *call), *call, request_id.as_deref(), io);
}

/// Why a call came to nothing, in a few words.
pub(crate) fn why(status: &Status) -> String {
    match status.get_error_details().error_info() {
        Some(info) => clean(&info.reason),
        None if unsent(status) => "the gateway can't be reached".to_owned(),
        None => "the connection broke".to_owned(),
    }
}

/// Tells how to find out what came of a write of which nobody knows.
fn settle(exit: Exit, call: Call, request_id: Option<&str>, io: &mut Io) {
    let open = matches!(exit, Exit::OutcomeUnknown | Exit::TryAgain);
    match (call, request_id) {
        (Call::Write, Some(id)) if open => {
            io.note(format_args!(
                "to settle it, repeat the command with --request-id {id}"
            ));
        }
        (Call::Write, None) if exit == Exit::OutcomeUnknown => {
            io.note("the write may have been done: read before repeating it");
        }
        (Call::Read | Call::Write, _) => {}
    }
}

/// What the gateway's catalogue says of a reason, if it says so quickly.
async fn advice(gateway: &Gateway, reason: &str) -> Option<ErrorReason> {
    let mut gateway = gateway.itself();
    let mut request = Request::new(ListErrorReasonsRequest {});
    request.set_timeout(ADVICE);
    let answer = timeout(ADVICE, gateway.list_error_reasons(request)).await;
    let reasons = answer.ok()?.ok()?.into_inner().reasons;
    reasons.into_iter().find(|said| said.reason == reason)
}
