//! The commands, by what they are about.

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
    fields: &[REQUEST_ID],
    examples: r#"  ofctl onboard shop.json
  echo '{"customer":{"username":"shop-4711","type":"CUSTOMER_TYPE_TESTING"}}' | ofctl onboard -"#,
    ..VERB
};

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

const CUSTOMERS: &[Verb] = &[
    Verb {
        name: "create",
        about: "Create a customer",
        method: "CustomerService/CreateCustomer",
        file: Some(Source::Field("customer")),
        fields: &[
            field(
                "customer.username",
                "username",
                "Your own name for it, 6 to 255 characters; never changed, better no e-mail address",
            ),
            field(
                "customer.type",
                "type",
                "What it is for: testing, or active, which is billed",
            ),
            field("customer.first_name", "first-name", "First name"),
            field("customer.last_name", "last-name", "Last name"),
            field("customer.phone", "phone", "Telephone number; never changed"),
            field("customer.email", "email", "E-mail address; never changed"),
            field(
                "customer.application_id",
                "application-id",
                "Id of your registered application; best left out for testing customers",
            ),
            REQUEST_ID,
            VALIDATE_ONLY,
        ],
        examples: "  ofctl customers create --username shop-4711 --type testing
  ofctl customers create --from customer.json --output json",
        ..VERB
    },
    Verb {
        name: "get",
        about: "Read a customer",
        method: "CustomerService/GetCustomer",
        fields: &[field(
            "customer_id",
            "CUSTOMER_ID",
            "The vendor's id of the customer",
        )],
        examples: "  ofctl customers get 1005061234
  ofctl customers get 1005061234 --reveal --output json",
        ..VERB
    },
    Verb {
        name: "lookup",
        about: "Find the customer with exactly this username",
        method: "CustomerService/LookupCustomer",
        fields: &[field(
            "username",
            "USERNAME",
            "The whole username, letters as they are",
        )],
        examples: "  ofctl customers lookup shop-4711",
        ..VERB
    },
    Verb {
        name: "list",
        about: "List customers, a page or all of them",
        method: "CustomerService/ListCustomers",
        fields: &[
            field("type", "type", "Only customers of this type"),
            field(
                "search",
                "search",
                "Only customers with this text in their username or names; needs pii.read",
            ),
            field(
                "page_size",
                "page-size",
                "How many at most, 1 to 1000; 25 without this",
            ),
            field(
                "page_token",
                "page-token",
                "The token that the page before has shown",
            ),
        ],
        run: Run::Customers,
        examples: "  ofctl customers list --type testing
  ofctl customers list --all --output json",
        ..VERB
    },
    Verb {
        name: "update",
        about: "Change the first name, the last name or both, all that the vendor lets change",
        method: "CustomerService/UpdateCustomer",
        file: Some(Source::Field("customer")),
        fields: &[
            field(
                "customer.customer_id",
                "CUSTOMER_ID",
                "The vendor's id of the customer",
            ),
            field("customer.first_name", "first-name", "First name"),
            field("customer.last_name", "last-name", "Last name"),
        ],
        examples: "  ofctl customers update 1005061234 --first-name Jane",
        ..VERB
    },
    Verb {
        name: "delete",
        about: "Delete a customer, for good",
        method: "CustomerService/DeleteCustomer",
        fields: &[
            field(
                "customer_id",
                "CUSTOMER_ID",
                "The vendor's id of the customer",
            ),
            field(
                "allow_missing",
                "allow-missing",
                "Take a customer that is not there for success",
            ),
        ],
        confirm: Some("Delete the customer for good?"),
        examples: "  ofctl customers delete 1005061234 --yes",
        ..VERB
    },
    Verb {
        name: "application",
        about: "Read which registered application a customer belongs to",
        method: "CustomerService/GetCustomerApplication",
        fields: &[field(
            "customer_id",
            "CUSTOMER_ID",
            "The vendor's id of the customer",
        )],
        examples: "  ofctl customers application 1005061234",
        ..VERB
    },
];

const CONSUMERS: &[Verb] = &[
    Verb {
        name: "create",
        about: "Create the consumer of a customer; it can never be deleted",
        method: "ConsumerService/CreateConsumer",
        file: Some(Source::Field("consumer")),
        fields: &[
            field("customer_id", "CUSTOMER_ID", "The vendor's id of the customer"),
            field("consumer.first_name", "first-name", "First name"),
            field("consumer.last_name", "last-name", "Last name"),
            field("consumer.suffix", "suffix", "Suffix of the name, such as Jr"),
            field("consumer.address", "address-line", "Street and house number"),
            field("consumer.city", "city", "City"),
            field("consumer.state", "state", "State, in two letters"),
            field("consumer.zip", "zip", "ZIP code"),
            field("consumer.phone", "phone", "Telephone number, needed where there is no e-mail address"),
            field("consumer.email", "email", "E-mail address, needed where there is no telephone number"),
            field("consumer.ssn", "ssn", "Social security number, needed where there is no birthday"),
            field("consumer.birthday", "birthday", "Date of birth, needed where there is no social security number"),
            REQUEST_ID,
            VALIDATE_ONLY,
        ],
        examples: "  ofctl consumers create 1005061234 --from consumer.json
  ofctl consumers create 1005061234 --first-name Jane --last-name Doe --state UT --phone 8015550100 --ssn-file -",
        ..VERB
    },
    Verb {
        name: "create-for-business",
        about: "Create the consumer that stands for a business, for reports where no person is liable",
        method: "ConsumerService/CreateConsumerForBusiness",
        fields: &[
            field("customer_id", "CUSTOMER_ID", "The vendor's id of the customer"),
            field("business_name", "business-name", "Name of the business"),
            field("business_type", "business-type", "Legal form, such as LLC"),
            field("ein", "ein", "Employer Identification Number, nine digits"),
            field("report_date", "report-date", "The day on which the report is ordered"),
            field("address", "address-line", "Street and house number"),
            field("city", "city", "City"),
            field("state", "state", "State, in two letters"),
            field("zip", "zip", "ZIP code"),
            field("phone", "phone", "Telephone number, needed where there is no e-mail address"),
            field("email", "email", "E-mail address, needed where there is no telephone number"),
            REQUEST_ID,
        ],
        examples: "  ofctl consumers create-for-business 1005061234 --business-name 'Acme Tires' --business-type LLC \\
      --ein-file ein.txt --report-date 2026-03-02 --state UT --phone 8015550100",
        ..VERB
    },
    Verb {
        name: "get",
        about: "Read a consumer",
        method: "ConsumerService/GetConsumer",
        fields: &[field("consumer_id", "CONSUMER_ID", "The vendor's id of the consumer, 32 hexadecimal digits")],
        examples: "  ofctl consumers get 0bf46322c167b562e6cbed9d40e19a4c",
        ..VERB
    },
    Verb {
        name: "get-by-customer",
        about: "Read the consumer of a customer",
        method: "ConsumerService/GetConsumerByCustomer",
        fields: &[field("customer_id", "CUSTOMER_ID", "The vendor's id of the customer")],
        examples: "  ofctl consumers get-by-customer 1005061234",
        ..VERB
    },
    Verb {
        name: "update",
        about: "Change a consumer; what is not named keeps its value, and nothing can be cleared",
        method: "ConsumerService/UpdateConsumer",
        file: Some(Source::Field("consumer")),
        fields: &[
            field("consumer.consumer_id", "CONSUMER_ID", "The vendor's id of the consumer"),
            field("consumer.first_name", "first-name", "First name"),
            field("consumer.last_name", "last-name", "Last name"),
            field("consumer.suffix", "suffix", "Suffix of the name, such as Jr"),
            field("consumer.address", "address-line", "Street and house number"),
            field("consumer.city", "city", "City"),
            field("consumer.state", "state", "State, in two letters"),
            field("consumer.zip", "zip", "ZIP code"),
            field("consumer.phone", "phone", "Telephone number"),
            field("consumer.email", "email", "E-mail address"),
            field("consumer.ssn", "ssn", "Social security number"),
            field("consumer.birthday", "birthday", "Date of birth"),
        ],
        examples: "  ofctl consumers update 0bf46322c167b562e6cbed9d40e19a4c --city Provo --zip 84601",
        ..VERB
    },
];

const BUSINESSES: &[Verb] = &[
    Verb {
        name: "create",
        about: "Create the business of a customer",
        method: "BusinessService/CreateBusiness",
        file: Some(Source::Field("business")),
        fields: &[
            field("customer_id", "CUSTOMER_ID", "The vendor's id of the customer"),
            field("business.name", "name", "Legal name"),
            field("business.personally_liable", "personally-liable", "Whether the owner answers for loans; then the customer needs a consumer first"),
            field("business.address.address_line1", "address-line1", "Street and house number"),
            field("business.address.address_line2", "address-line2", "Suite, floor or unit"),
            field("business.address.city", "city", "City"),
            field("business.address.state", "state", "State, in two letters"),
            field("business.address.country", "country", "Country, in two letters"),
            field("business.address.postal_code", "postal-code", "ZIP code or other postal code"),
            field("business.phone_number.country_code", "phone-country-code", "Country calling code"),
            field("business.phone_number.number", "phone", "Telephone number without the country calling code"),
            field("business.url", "url", "Web address"),
            field("business.email", "email", "E-mail address"),
            field("business.type", "type", "Legal form, such as LLC"),
            field("business.tax_id", "tax-id", "Tax id, 9 to 15 characters"),
            REQUEST_ID,
            VALIDATE_ONLY,
        ],
        examples: "  ofctl businesses create 1005061234 --from business.json --tax-id-file tax-id.txt
  ofctl businesses create 1005061234 --name 'Acme Tires' --personally-liable false --city Murray --phone 8015550100",
        ..VERB
    },
    Verb {
        name: "get",
        about: "Read a business",
        method: "BusinessService/GetBusiness",
        fields: &[field("business_id", "BUSINESS_ID", "The vendor's id of the business")],
        examples: "  ofctl businesses get 2000000001",
        ..VERB
    },
    Verb {
        name: "get-by-customer",
        about: "Read the business of a customer",
        method: "BusinessService/GetBusinessByCustomer",
        fields: &[field("customer_id", "CUSTOMER_ID", "The vendor's id of the customer")],
        examples: "  ofctl businesses get-by-customer 1005061234",
        ..VERB
    },
    Verb {
        name: "update",
        about: "Change a business; what is not named keeps its value",
        method: "BusinessService/UpdateBusiness",
        file: Some(Source::Field("business")),
        clears: true,
        fields: &[
            field("business.business_id", "BUSINESS_ID", "The vendor's id of the business"),
            field("business.name", "name", "Legal name"),
            field("business.personally_liable", "personally-liable", "Whether the owner answers for loans"),
            field("business.address.address_line1", "address-line1", "Street and house number"),
            field("business.address.address_line2", "address-line2", "Suite, floor or unit"),
            field("business.address.city", "city", "City"),
            field("business.address.state", "state", "State, in two letters"),
            field("business.address.country", "country", "Country, in two letters"),
            field("business.address.postal_code", "postal-code", "ZIP code or other postal code"),
            field("business.phone_number.country_code", "phone-country-code", "Country calling code"),
            field("business.phone_number.number", "phone", "Telephone number without the country calling code"),
            field("business.url", "url", "Web address"),
            field("business.email", "email", "E-mail address"),
            field("business.type", "type", "Legal form, such as LLC"),
            field("business.tax_id", "tax-id", "Tax id, 9 to 15 characters"),
        ],
        examples: "  ofctl businesses update 2000000001 --city Provo --clear url --clear email",
        ..VERB
    },
];

const AUTHORIZATIONS: &[Verb] = &[
    Verb {
        name: "get",
        about: "Read for how long one institution login is authorized, and the days that are left",
        method: "AuthorizationService/GetAuthorizationDetails",
        fields: &[field(
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
        fields: &[field(
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
        fields: &[
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
