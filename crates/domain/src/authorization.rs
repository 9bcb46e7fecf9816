//! Authorizations: how long a customer lets the partner read an account.
//!
//! Only OAuth connections have a period. Prompt the customer to authorize anew before it ends.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = openfinance_sandbox::Sandbox::start(openfinance_sandbox::Config::for_tests()).await?;
//! # let partner = openfinance_sandbox::Config::for_tests().partner;
//! # let config = openfinance::Config::new(sandbox.base_url().parse()?, partner.id, partner.secret.into(), partner.app_key.into());
//! # let client = openfinance::Client::new(config)?;
//! # let customer = client.create_customer(openfinance::customer::NewCustomer {
//! #     customer_type: openfinance::customer::CustomerType::Testing, username: "household-4711".parse()?,
//! #     first_name: None, last_name: None, phone: None, email: None, application_id: None,
//! # }).await?;
//! # let new = openfinance_sandbox::NewInstitutionLogin {
//! #     customer_id: customer.id.to_string(), connection: openfinance_sandbox::Connection::Oauth, start: None, end: None,
//! # };
//! # let login = sandbox.control().add_institution_login(&new)?;
//! # let now = sandbox.control().now();
//! // `login` is the number of a bank connection that the customer has made, `now` the time.
//! let details = client.authorization_details(login.try_into()?).await?;
//! let end = details.end.ok_or("the vendor does not say")?;
//! let days_left = end.duration_since(now).as_hours() / 24;
//! assert_eq!(days_left, 365);
//! if days_left < 30 {
//!     println!("ask the customer to authorize again");
//! }
//! # Ok(())
//! # }
//! ```

use jiff::Timestamp;
use openfinance_rest::{self as rest, types as wire};

use crate::{Client, Error, id::InstitutionLoginId, operation::Operation, read};

/// For how long a customer has authorized the partner. Times without zone are taken for UTC; one that is missing or
/// can't be read is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthorizationDetails {
    /// The institution login.
    pub institution_login_id: InstitutionLoginId,
    /// From when on.
    pub start: Option<Timestamp>,
    /// Until when.
    pub end: Option<Timestamp>,
}

impl Client {
    /// Reads the authorization period of an institution login.
    ///
    /// # Errors
    /// [`Refusal::InstitutionLoginNotFound`](crate::Refusal::InstitutionLoginNotFound) if there is none, or it is not an
    /// OAuth connection; [`Refusal::AuthorizationNotCaptured`](crate::Refusal::AuthorizationNotCaptured) if the customer
    /// authorized before the vendor kept such details: only authorizing anew helps.
    pub async fn authorization_details(
        &self,
        id: InstitutionLoginId,
    ) -> Result<AuthorizationDetails, Error> {
        let send = |rest: rest::Client| async move {
            rest.get_customer_authorization_details(id.get()).await
        };
        self.call(Operation::GetAuthorizationDetails, send, |found| {
            let wire::CustomerAuthorizationDetails {
                institution_login_id,
                authorization_start_date,
                authorization_end_date,
            } = found;
            if institution_login_id.and_then(read::number) != Some(id.get()) {
                return Err("it is of another institution login".into());
            }
            let time = |text: Option<String>| text.and_then(|text| read::iso_8601(&text));
            Ok(AuthorizationDetails {
                institution_login_id: id,
                start: time(authorization_start_date),
                end: time(authorization_end_date),
            })
        })
        .await
    }
}
