//! How the client stands, looked up when somebody asks: the token, the guard, the store, the retries and the circuits; and
//! the audit file beside it.

use std::fmt;

use openfinance::{
    Client,
    observe::{Circuit, Standing},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

use crate::{audit::Audit, auth::Gatekeeper};

/// Looks at a client and at the audit file, if there is one, whenever the figures are asked for.
pub(super) struct Stand {
    pub(super) client: Client,
    pub(super) audit: Option<Audit>,
}

impl fmt::Debug for Stand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stand").finish_non_exhaustive()
    }
}

/// Looks how old the keys of the callers' issuer are whenever the figures are asked for.
#[derive(Debug)]
pub(super) struct Issuer(pub(super) Gatekeeper);

impl Collector for Issuer {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let age = self.0.issuer_keys_age().unwrap_or_default();
        gauge(
            &mut encoder,
            "openfinance_jwks_age",
            "How long ago the keys of the callers' issuer were read, or for how long that is tried; 0 without one",
            Some(&Unit::Seconds),
            age.as_secs_f64(),
        )
    }
}

impl Collector for Stand {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Standing {
            token,
            guard_open,
            failed_logins,
            store_usable,
            retry_budget,
            retries_denied,
            requests_in_flight,
            circuits,
        } = self.client.standing();
        // Before the first token there are no times. Once there were, they stay: an alert on a series that ends with the
        // token would be silent from the moment on that calls fail.
        if let Some(token) = token {
            let times = [
                (
                    "openfinance_token_age",
                    "How old the vendor's token is",
                    token.age,
                ),
                (
                    "openfinance_token_renewal_in",
                    "After how long the token is renewed; 0 when that is due",
                    token.renewal_in,
                ),
                (
                    "openfinance_token_usable_for",
                    "For how long the token is still used, renewed or not; 0 from then on until there is another",
                    token.usable_for,
                ),
            ];
            for (name, help, time) in times {
                gauge(
                    &mut encoder,
                    name,
                    help,
                    Some(&Unit::Seconds),
                    time.as_secs_f64(),
                )?;
            }
        }
        let flags = [
            (
                "openfinance_login_guard_open",
                "1 while the gateway must not log in, because the vendor has refused its credentials",
                f64::from(u8::from(guard_open)),
            ),
            (
                "openfinance_login_attempts_counted",
                "Logins counted against the credentials since one was accepted",
                f64::from(failed_logins),
            ),
            (
                "openfinance_store_usable",
                "1 while what restarts and replicas share can be used",
                f64::from(u8::from(store_usable)),
            ),
            (
                "openfinance_retry_budget",
                "How many retries the vendor may be asked for now",
                retry_budget,
            ),
            (
                "openfinance_request_ids_in_flight",
                "Request ids that this replica is at work on",
                // Exact far beyond what fits a process.
                requests_in_flight as f64,
            ),
        ];
        for (name, help, value) in flags {
            gauge(&mut encoder, name, help, None, value)?;
        }
        counter(
            &mut encoder,
            "openfinance_retries_denied",
            "Retries that were not made because the budget was used up",
            retries_denied,
        )?;
        if let Some(audit) = &self.audit {
            gauge(
                &mut encoder,
                "openfinance_audit_usable",
                "1 while lines can be written to the audit file",
                None,
                f64::from(u8::from(audit.is_usable())),
            )?;
            counter(
                &mut encoder,
                "openfinance_audit_refusals_untold",
                "Refused calls of which the audit file has no line of their own, because there were too many",
                audit.untold(),
            )?;
        }
        let mut metric = encoder.encode_descriptor(
            "openfinance_circuit_state",
            "1 for the state that the circuit of an operation is in",
            None,
            ConstGauge::new(0_u64).metric_type(),
        )?;
        for (operation, now) in circuits {
            for state in Circuit::ALL {
                let labels = [("operation", operation), ("state", state.as_str())];
                let value = ConstGauge::new(u64::from(*state == now));
                value.encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let counter = ConstCounter::new(value);
    let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
    counter.encode(metric)
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: f64,
) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    let metric = encoder.encode_descriptor(name, help, unit, gauge.metric_type())?;
    gauge.encode(metric)
}
