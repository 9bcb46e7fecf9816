//! What can be done with consumers.

use super::{CUSTOMER_ID, REQUEST_ID, VALIDATE_ONLY};
use crate::verb::{Field, Source, VERB, Verb, field};

/// The fields of a consumer.
const RECORD: &[Field] = &[
    field("consumer.first_name", "first-name", "First name"),
    field("consumer.last_name", "last-name", "Last name"),
    field(
        "consumer.suffix",
        "suffix",
        "Suffix of the name, such as Jr",
    ),
    field(
        "consumer.address",
        "address-line",
        "Street and house number",
    ),
    field("consumer.city", "city", "City"),
    field("consumer.state", "state", "State, in two letters"),
    field("consumer.zip", "zip", "ZIP code"),
    field(
        "consumer.phone",
        "phone",
        "Telephone number; a new consumer needs it or an e-mail address",
    ),
    field(
        "consumer.email",
        "email",
        "E-mail address; a new consumer needs it or a telephone number",
    ),
    field(
        "consumer.ssn",
        "ssn",
        "Social security number; a new consumer needs it or a date of birth",
    ),
    field(
        "consumer.birthday",
        "birthday",
        "Date of birth; a new consumer needs it or a social security number",
    ),
];

/// What can be done with consumers.
pub(super) const CONSUMERS: &[Verb] = &[
    Verb {
        name: "create",
        about: "Create the consumer of a customer; it can never be deleted",
        method: "ConsumerService/CreateConsumer",
        file: Some(Source::Field("consumer")),
        record: RECORD,
        rest: &[
            CUSTOMER_ID,
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
        rest: &[
            CUSTOMER_ID,
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
        rest: &[field("consumer_id", "CONSUMER_ID", "The vendor's id of the consumer, 32 hexadecimal digits")],
        examples: "  ofctl consumers get 0bf46322c167b562e6cbed9d40e19a4c",
        ..VERB
    },
    Verb {
        name: "get-by-customer",
        about: "Read the consumer of a customer",
        method: "ConsumerService/GetConsumerByCustomer",
        rest: &[CUSTOMER_ID],
        examples: "  ofctl consumers get-by-customer 1005061234",
        ..VERB
    },
    Verb {
        name: "update",
        about: "Change a consumer; what is not named keeps its value, and nothing can be cleared",
        method: "ConsumerService/UpdateConsumer",
        file: Some(Source::Field("consumer")),
        record: RECORD,
        rest: &[
            field("consumer.consumer_id", "CONSUMER_ID", "The vendor's id of the consumer"),
        ],
        examples: "  ofctl consumers update 0bf46322c167b562e6cbed9d40e19a4c --city Provo --zip 84601",
        ..VERB
    },
];
