//! What can be done with businesses.

use super::{CUSTOMER_ID, REQUEST_ID, VALIDATE_ONLY};
use crate::verb::{Field, Source, VERB, Verb, field};

/// The fields of a business.
const RECORD: &[Field] = &[
    field("business.name", "name", "Legal name"),
    field(
        "business.personally_liable",
        "personally-liable",
        "Whether the owner answers for loans; the customer must have a consumer then",
    ),
    field(
        "business.address.address_line1",
        "address-line1",
        "Street and house number",
    ),
    field(
        "business.address.address_line2",
        "address-line2",
        "Suite, floor or unit",
    ),
    field("business.address.city", "city", "City"),
    field("business.address.state", "state", "State, in two letters"),
    field(
        "business.address.country",
        "country",
        "Country, in two letters",
    ),
    field(
        "business.address.postal_code",
        "postal-code",
        "ZIP code or other postal code",
    ),
    field(
        "business.phone_number.country_code",
        "phone-country-code",
        "Country calling code",
    ),
    field(
        "business.phone_number.number",
        "phone",
        "Telephone number without the country calling code",
    ),
    field("business.url", "url", "Web address"),
    field("business.email", "email", "E-mail address"),
    field("business.type", "type", "Legal form, such as LLC"),
    field("business.tax_id", "tax-id", "Tax id, 9 to 15 characters"),
];

/// What can be done with businesses.
pub(super) const BUSINESSES: &[Verb] = &[
    Verb {
        name: "create",
        about: "Create the business of a customer",
        method: "BusinessService/CreateBusiness",
        file: Some(Source::Field("business")),
        record: RECORD,
        rest: &[
            CUSTOMER_ID,
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
        rest: &[field("business_id", "BUSINESS_ID", "The vendor's id of the business")],
        examples: "  ofctl businesses get 2000000001",
        ..VERB
    },
    Verb {
        name: "get-by-customer",
        about: "Read the business of a customer",
        method: "BusinessService/GetBusinessByCustomer",
        rest: &[CUSTOMER_ID],
        examples: "  ofctl businesses get-by-customer 1005061234",
        ..VERB
    },
    Verb {
        name: "update",
        about: "Change a business; what is not named keeps its value",
        method: "BusinessService/UpdateBusiness",
        file: Some(Source::Field("business")),
        record: RECORD,
        clears: true,
        rest: &[
            field("business.business_id", "BUSINESS_ID", "The vendor's id of the business"),
        ],
        examples: "  ofctl businesses update 2000000001 --city Provo --clear url --clear email",
        ..VERB
    },
];
