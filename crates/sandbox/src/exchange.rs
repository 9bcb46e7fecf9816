//! One request and its answer over HTTP, with what faults do on the way.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, EXPECT, HOST, ORIGIN},
    request::Parts,
};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};

use crate::{
    answer::Answer,
    call::{Arrival, Call, Outcome, Submitted, header},
    connection::ResetHandle,
    control,
    fault::{ConnectionFault, Fired, Stage},
    operation::Operation,
    payload::{Broken, End, Payload},
    refusal::Refusal,
    serve::Server,
    shared::Shared,
    store::Durable,
};

/// A larger body is refused with 413. No source has a limit; this one is ours.
const LARGEST_BODY: usize = 1024 * 1024;
/// A snapshot of a million customers is some hundred megabytes.
const LARGEST_SNAPSHOT: usize = 1024 * 1024 * 1024;
/// A body that is refused is still read up to here, because a client that is writing may never read the refusal.
const LARGEST_DISCARDED_BODY: usize = 256 * 1024 * 1024;

/// Answers a request, or breaks the connection off.
pub(crate) async fn answer(
    server: &Server,
    handle: &ResetHandle,
    request: Request<Incoming>,
) -> Result<Response<Payload>, Broken> {
    let _entered = server.in_flight.enter();
    let (head, mut body) = request.into_parts();
    if let Some(route) = control::control_path(head.uri.path()) {
        let largest = if route == "restore" {
            LARGEST_SNAPSHOT
        } else {
            LARGEST_BODY
        };
        let body = read_body(&head.headers, body, largest).await;
        let (answer, durable) = control_answer(&server.shared, &head, route, body).await?;
        durable.wait().await.map_err(|_| Broken)?;
        let payload = Payload::new(answer.body.clone(), answer.filler.clone());
        let (now, _) = server.shared.with(|state| state.clock.now());
        return Ok(response(answer, payload, now));
    }

    let (arrival, _) = server.shared.with(|state| state.arrive(&head));
    if let Some(fault) = &arrival.fault
        && let Some(how) = fault.effect.connection
        && how.stage().is_before_work()
    {
        if how.stage() == Stage::RequestBody {
            read_half(&head.headers, &mut body).await;
        }
        let broken = break_off(server, handle, fault, how);
        return Err(tokio::select! {
            broken = broken => broken,
            () = left(&head.headers, body) => Broken,
        });
    }
    let body = read_body(&head.headers, body, LARGEST_BODY).await;
    let call = Call::new(head, body);
    let (submitted, _) = server.shared.with(|state| state.submit(call, arrival));
    let outcome = match submitted {
        Submitted::Done(outcome) => *outcome,
        // A reset forgets what a barrier holds.
        Submitted::Held(outcome) => outcome.await.map_err(|_| Broken)?,
    };
    deliver(server, handle, outcome).await
}

/// Answers a control request. The routes that may take seconds do so on a thread of their own.
async fn control_answer(
    shared: &Arc<Shared>,
    head: &Parts,
    route: &str,
    body: Result<Bytes, Refusal>,
) -> Result<(Answer, Durable), Broken> {
    if !head.method.is_safe() && is_of_another_site(&head.headers) {
        return Ok((control::refuse_another_site(), Durable::already()));
    }
    let query = head.uri.query();
    if !matches!(route, "snapshot" | "restore") {
        return Ok(control::route(shared, &head.method, route, query, body));
    }
    let (shared, method) = (Arc::clone(shared), head.method.clone());
    let (route, query) = (route.to_owned(), query.map(str::to_owned));
    tokio::task::spawn_blocking(move || {
        control::route(&shared, &method, &route, query.as_deref(), body)
    })
    .await
    .map_err(|_| Broken)
}

/// Sends the answer of a request as its fault has it.
async fn deliver(
    server: &Server,
    handle: &ResetHandle,
    outcome: Outcome,
) -> Result<Response<Payload>, Broken> {
    let Outcome {
        mut answer,
        arrival: Arrival {
            ticket,
            operation,
            fault,
        },
        durable,
    } = outcome;
    let effect = fault.as_ref().map(|fault| &*fault.effect);
    if let Some(effect) = effect
        && !effect.latency.is_zero()
    {
        tokio::select! {
            () = tokio::time::sleep(effect.latency) => {}
            () = server.stops() => {}
        }
    }
    durable.wait().await.map_err(|_| Broken)?;
    let broken_at = effect.and_then(|effect| effect.connection);
    if broken_at.map(ConnectionFault::stage) == Some(Stage::ResponseBody) && answer.body.is_empty()
    {
        // No body, no breaking off within it: so one byte is announced, which never comes.
        answer.body = Bytes::from_static(b" ");
        if answer.status == StatusCode::NO_CONTENT {
            answer.status = StatusCode::OK;
        }
    }
    let mut payload = Payload::new(answer.body.clone(), answer.filler.clone());
    if let Some(fault) = &fault {
        match fault.effect.connection {
            Some(how) if how.stage() == Stage::ResponseHeaders => {
                return Err(break_off(server, handle, fault, how).await);
            }
            how => shape(&mut payload, server, handle, fault, how),
        }
    }
    let (now, _) = server.shared.with(|state| {
        state.journal.answered(ticket, answer.status);
        state.clock.now()
    });
    tracing::info!(
        operation = operation.map_or("none", Operation::id),
        status = answer.status.as_u16(),
        fault = fault.map(|fault| fault.id),
        "answered a request"
    );
    Ok(response(answer, payload, now))
}

/// Resets the connection, or says nothing for as long as the fault stands.
async fn break_off(
    server: &Server,
    handle: &ResetHandle,
    fault: &Fired,
    how: ConnectionFault,
) -> Broken {
    match how {
        ConnectionFault::ResetAt(_) => handle.reset(),
        ConnectionFault::StallAt(_) => server.gone(&fault.effect).await,
    }
    tracing::info!(fault = fault.id, "broke off a connection");
    Broken
}

/// Has the body sent slowly, in part, or both.
fn shape(
    payload: &mut Payload,
    server: &Server,
    handle: &ResetHandle,
    fault: &Fired,
    how: Option<ConnectionFault>,
) {
    let effect = &fault.effect;
    let end = match how {
        None => effect.truncate_bytes.map(|_| End::Close),
        Some(ConnectionFault::ResetAt(_)) => Some(End::Reset(handle.clone())),
        Some(ConnectionFault::StallAt(_)) => {
            let (server, effect) = (server.clone(), Arc::clone(effect));
            Some(End::Stall(Box::pin(async move {
                server.gone(&effect).await;
            })))
        }
    };
    if let Some(end) = end {
        // Whatever is to break keeps a byte back, for a client that has them all is content.
        let most = payload.len().saturating_sub(u64::from(how.is_some()));
        let wanted = effect.truncate_bytes.unwrap_or(payload.len() / 2);
        payload.cut_after(wanted.min(most), end);
    }
    if let Some(bytes_per_second) = effect.drip_bytes_per_second {
        payload.drip(bytes_per_second);
    }
}

fn response(answer: Answer, payload: Payload, now: Timestamp) -> Response<Payload> {
    let mut response = Response::new(payload);
    *response.status_mut() = answer.status;
    // The vendor's clock is this one. A rule may say another time.
    let told = answer.headers.iter().any(|(name, _)| name == DATE);
    if !told
        && let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&now)
        && let Ok(date) = HeaderValue::try_from(date)
    {
        response.headers_mut().insert(DATE, date);
    }
    if let Some(content_type) = answer.content_type {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    for (name, value) in answer.headers {
        response.headers_mut().append(name, value);
    }
    response
}

/// Whether a browser sends this for a page that is not the sandbox's own. Any page may send a plain `POST`, though it
/// never sees the answer.
fn is_of_another_site(headers: &HeaderMap) -> bool {
    let own = header(headers, HOST.as_str());
    header(headers, ORIGIN.as_str()).is_some_and(|origin| {
        let site = origin.split_once("://").map(|(_, site)| site);
        site.is_none() || site != own
    })
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    header(headers, CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok())
}

/// Reads half of what is announced, or the first piece of a body whose length is not.
async fn read_half(headers: &HeaderMap, body: &mut Incoming) {
    let half = announced(headers).map_or(1, |length| length.div_ceil(2));
    let mut read = 0_usize;
    while read < half
        && let Some(Ok(frame)) = body.frame().await
    {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
}

/// Ends when the client leaves in the middle of its body, which only whoever reads that can see.
async fn left(headers: &HeaderMap, mut body: Incoming) {
    // Reading would tell a client that asks first to go on.
    if !headers.contains_key(EXPECT) {
        while let Some(frame) = body.frame().await {
            if frame.is_err() {
                return;
            }
        }
    }
    // Once the body is complete, the server sees it by itself.
    std::future::pending().await
}

async fn read_body(
    headers: &HeaderMap,
    mut body: Incoming,
    largest: usize,
) -> Result<Bytes, Refusal> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let discarded = largest.max(LARGEST_DISCARDED_BODY);
    if announced(headers).is_some_and(|length| length > discarded) {
        return Err(Refusal::BodyTooLarge);
    }
    let mut read = 0_usize;
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // The client broke off; nobody will see this answer.
        let frame = frame.map_err(|_| Refusal::BadRequest)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        read = read.saturating_add(data.len());
        if read > discarded {
            return Err(Refusal::BodyTooLarge);
        }
        if read > largest {
            continue;
        }
        // Nearly every body is one frame, which needs no copy.
        if first.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    if read > largest {
        return Err(Refusal::BodyTooLarge);
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}
