//! The commands, by what they are about.

mod businesses;
mod consumers;
mod customers;

use self::{businesses::BUSINESSES, consumers::CONSUMERS, customers::CUSTOMERS};
use crate::verb::{Field, Run, Source, VERB, Verb, field};

/// What commands are about.
pub(crate) struct Noun {
    /// Its word.
    pub(crate) name: &'static str,
    /// What it is, in a line.
    pub(crate) about: &'static str,
    /// What can be done.
    pub(crate) verbs: &'static [Verb],
}

/// All of them.
pub(crate) const NOUNS: &[Noun] = &[
    Noun {
        name: "customers",
        about: "Customers: whom the vendor knows a bank connection by",
        verbs: CUSTOMERS,
    },
    Noun {
        name: "consumers",
        about: "Consumers: whom a lending report is about",
        verbs: CONSUMERS,
    },
    Noun {
        name: "businesses",
        about: "Businesses: what the vendor knows of a customer that is one",
        verbs: BUSINESSES,
    },
    Noun {
        name: "authorizations",
        about: "Authorizations: for how long an account may be read",
        verbs: AUTHORIZATIONS,
    },
    Noun {
        name: "partner",
        about: "The gateway's own login at the vendor, for operators",
        verbs: PARTNER,
    },
    Noun {
        name: "gateway",
        about: "The gateway itself",
        verbs: GATEWAY,
    },
];

/// The command that stands alone.
pub(crate) const ONBOARD: Verb = Verb {
    name: "onboard",
    about: "Create a customer with its consumer and its business, in the order that the vendor needs",
    method: "OnboardingService/OnboardCustomer",
    file: Some(Source::Whole),
    rest: &[REQUEST_ID],
    examples: r#"  ofctl onboard shop.json
  echo '{"customer":{"username":"shop-4711","type":"CUSTOMER_TYPE_TESTING"}}' | ofctl onboard -"#,
    ..VERB
};

const CUSTOMER_ID: Field = field(
    "customer_id",
    "CUSTOMER_ID",
    "The vendor's id of the customer",
);
const REQUEST_ID: Field = field(
    "request_id",
    "request-id",
    "UUID of an earlier try with the same content, to settle what came of it; without it a new one is made",
);
const VALIDATE_ONLY: Field = field(
    "validate_only",
    "validate-only",
    "Check the request, and create nothing",
);

const AUTHORIZATIONS: &[Verb] = &[
    Verb {
        name: "get",
        about: "Read for how long one institution login is authorized, and the days that are left",
        method: "AuthorizationService/GetAuthorizationDetails",
        rest: &[field(
            "institution_login_id",
            "INSTITUTION_LOGIN_ID",
            "The institution login",
        )],
        run: Run::Authorization,
        examples: "  ofctl authorizations get 1007302745",
        ..VERB
    },
    Verb {
        name: "batch-get",
        about: "Read for how long each of any number of institution logins is authorized",
        method: "AuthorizationService/BatchGetAuthorizationDetails",
        rest: &[field(
            "institution_login_ids",
            "INSTITUTION_LOGIN_ID",
            "The institution logins; - alone reads them from standard input, a line each",
        )],
        run: Run::Authorizations,
        examples: "  ofctl authorizations batch-get 1007302745 1007302746
  ofctl authorizations batch-get --expiring-within 30d - < logins.txt",
        ..VERB
    },
];

const PARTNER: &[Verb] = &[
    Verb {
        name: "authentication",
        about: "Tell how the login at the vendor stands",
        method: "PartnerService/GetPartnerAuthentication",
        examples: "  ofctl partner authentication",
        ..VERB
    },
    Verb {
        name: "reset-guard",
        about: "Let the gateway log in again after the vendor has refused its credentials",
        method: "PartnerService/ResetAuthenticationGuard",
        confirm: Some(
            "Five refused logins in a row lock the company out. Are the credentials right now?",
        ),
        examples: "  ofctl partner reset-guard --yes",
        ..VERB
    },
    Verb {
        name: "rotate-secret",
        about: "Give the partner a new secret, at the vendor and in the gateway's file",
        method: "PartnerService/RotatePartnerSecret",
        rest: &[
            field(
                "new_secret",
                "new-secret",
                "The new secret, 12 to 255 characters",
            ),
            field(
                "immediate",
                "immediate",
                "End the present secret at once, and not after 30 days",
            ),
        ],
        confirm: Some("Change the partner's secret?"),
        examples: "  ofctl partner rotate-secret --new-secret-file new-secret.txt --yes",
        ..VERB
    },
];

const GATEWAY: &[Verb] = &[
    Verb {
        name: "info",
        about: "Tell which gateway this is, and which vendor it calls",
        method: "GatewayService/GetGatewayInfo",
        examples: "  ofctl gateway info",
        ..VERB
    },
    Verb {
        name: "reasons",
        about: "List every reason that a refusal can have, and what to do about it",
        method: "GatewayService/ListErrorReasons",
        run: Run::Rows("reasons", &["code", "reason", "retryable", "caller_action"]),
        examples: "  ofctl gateway reasons
  ofctl gateway reasons --output json",
        ..VERB
    },
    Verb {
        name: "whoami",
        about: "Tell whom the gateway takes you for, and what you may do",
        method: "GatewayService/GetCallerIdentity",
        examples: "  ofctl gateway whoami",
        ..VERB
    },
];

#[cfg(test)]
mod tests;
