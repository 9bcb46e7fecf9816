//! What sandbox mode says at the start: where everything is, and a call to paste. No credential is in it.

use std::io::{self, Write};

use crate::gateway::Gateway;

/// The request of the call to paste: the first of the tutorial, so that whoever goes on there has the ids it names.
const REQUEST: &str = r#"{"customer": {"username": "household-4711", "type": "CUSTOMER_TYPE_TESTING", "firstName": "Ada", "lastName": "Lovelace"}}"#;

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
    let changeable = gateway.changeable();
    let (mut grpcurl, mut buf, scheme) = match changeable.tls {
        Some(_) => ("-cacert YOUR_CA.pem ", "--cacert YOUR_CA.pem ", "https"),
        None => ("-plaintext ", "--http2-prior-knowledge ", "http"),
    };
    let of_caller = changeable.gatekeeper.header().map(|header| {
        (
            format!("{grpcurl}-H '{header}' "),
            // The protos are asked for as the caller too.
            format!("{buf}--header '{header}' --reflect-header '{header}' "),
        )
    });
    if let Some((of_grpcurl, of_buf)) = &of_caller {
        (grpcurl, buf) = (of_grpcurl, of_buf);
    }
    write!(
        out,
        "\
openfinance-gateway runs against its own sandbox. Nothing leaves this machine, and nothing is kept.

  gRPC     {grpc}
  admin    http://{admin}  (/livez /readyz /metrics)
  sandbox  {sandbox}

Paste one of these into another terminal to create a customer:

  grpcurl {grpcurl}-d '{REQUEST}' {grpc} {METHOD}

  buf curl --protocol grpc {buf}--data '{REQUEST}' {scheme}://{grpc}/{METHOD}

"
    )?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_to_paste_is_the_first_of_the_tutorial() {
        let tutorial = include_str!("../../../docs/tutorial.md");
        let member = REQUEST.trim_start_matches('{').strip_suffix('}').unwrap();
        assert!(
            tutorial.contains(member),
            "the tutorial's first create and the banner's are to be one request"
        );
    }
}
