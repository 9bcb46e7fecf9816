//! Reads a customer: a program that needs `openfinance-rest` and nothing else.

use std::error::Error;

use openfinance_rest::{Call, http_client, types};

/// The name by which the vendor knows a customer.
async fn username(base_url: &str, app_key: &str, token: &str, id: &str) -> Result<String, Box<dyn Error>> {
    let http = http_client(base_url)?;
    let call = Call::new(app_key).token(token);
    let id = types::CustomerId(id.to_owned());
    let answer = call.client(base_url, &http).get_customer(&id).await;
    let username = call.settle(answer)?.username.ok_or("an answer without a username")?;
    Ok(username.0)
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().unwrap_or_default();
    let (base_url, app_key, token, id) = (next(), next(), next(), next());
    // Whatever runtime a program has polls it.
    drop(username(&base_url, &app_key, &token, &id));
}
