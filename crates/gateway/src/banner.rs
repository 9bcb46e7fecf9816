//! What sandbox mode says at the start: where everything is, and a call to paste. No credential is in it.

use std::io::{self, Write};

use crate::gateway::Gateway;

/// The request of the call to paste.
const REQUEST: &str = r#"{"customer":{"username":"first-customer","type":"CUSTOMER_TYPE_TESTING","first_name":"Ada"}}"#;

const METHOD: &str = "openfinance.v1.CustomerService/CreateCustomer";

/// Says where the gateway is.
///
/// # Errors
/// If `out` can't be written to.
pub(crate) fn print(gateway: &Gateway, out: &mut dyn Write) -> io::Result<()> {
    let Some(sandbox) = gateway.sandbox_url() else {
        return Ok(());
    };
    let (grpc, admin) = (gateway.grpc_address(), gateway.admin_address());
    write!(
        out,
        "\
openfinance-gateway runs against its own sandbox. Nothing leaves this machine, and nothing is kept.

  gRPC     {grpc}
  admin    http://{admin}  (/livez /readyz /metrics)
  sandbox  {sandbox}

Paste one of these into another terminal to create a customer:

  grpcurl -plaintext -d '{REQUEST}' {grpc} {METHOD}

  buf curl --protocol grpc --http2-prior-knowledge -d '{REQUEST}' http://{grpc}/{METHOD}

"
    )?;
    out.flush()
}
