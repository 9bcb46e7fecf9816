//! What can be done with customers.

use super::{CUSTOMER_ID, REQUEST_ID, VALIDATE_ONLY};
use crate::verb::{Run, Source, VERB, Verb, field};

/// What can be done with customers.
pub(super) const CUSTOMERS: &[Verb] = &[
    Verb {
        name: "create",
        about: "Create a customer",
        method: "CustomerService/CreateCustomer",
        file: Some(Source::Field("customer")),
        rest: &[
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
        rest: &[CUSTOMER_ID],
        examples: "  ofctl customers get 1005061234
  ofctl customers get 1005061234 --reveal --output json",
        ..VERB
    },
    Verb {
        name: "lookup",
        about: "Find the customer with exactly this username",
        method: "CustomerService/LookupCustomer",
        rest: &[field(
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
        rest: &[
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
        rest: &[
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
        rest: &[
            CUSTOMER_ID,
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
        rest: &[CUSTOMER_ID],
        examples: "  ofctl customers application 1005061234",
        ..VERB
    },
];
