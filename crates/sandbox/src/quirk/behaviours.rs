//! What may surprise and is no quirk to be set, and the flags that were there before the quirks.
//!
//! A row is operations, behaviour and sources; a row with a flag has choices, the default first. Rows of one group
//! stand in the order of the table; a test knows whether each operation has some.

use super::{Claim, Row, Source};
use crate::operation::Operation;

macro_rules! rows {
    ($([$($operation:ident),*] $behaviour:literal $([$($source:ident),+])? $($flag:literal {
        $($choice:literal [$($claimed_by:ident),+]),+
    })?;)+) => {
        &[$(
            Row {
                operations: &[$(Operation::$operation),*],
                behaviour: $behaviour,
                claims: &[
                    $(Claim { choice: "", sources: &[$(Source::$source),+] })?
                    $($(Claim { choice: $choice, sources: &[$(Source::$claimed_by),+] }),+)?
                ],
                switch: rows!(@switch $($flag)?),
            },
        )+]
    };
    (@switch) => { None };
    (@switch $flag:literal) => { Some($flag) };
}

pub(super) static BEHAVIOURS: &[Row] = rows! {
    [CreateToken] "Answers the token and nothing else, not even when it expires." [OpenApi];
    [CreateToken] "Several tokens are valid at once; a new one does not end the old." [SupportPages];
    [CreateToken] "Tokens outlive a change of the secret." [JavaTests, Postman];
    [CreateToken] "A wrong secret is 401/10001 and counts; a success starts the count anew; each partner has its own count." [OpenApi, Ours];
    [CreateToken] "While locked, nothing is tried or counted; support unlocks, here the control plane." [OpenApi, SupportPages, Ours];
    [CreateToken] "An unknown partner, or another partner's app key (401, text/plain), counts for nobody: whom would it lock?" [Ours];
    [ModifyPartnerSecret] "A new secret is 12 to 255 letters, digits and ! @ # $ % & * _ - +, with a letter and a digit; else 400/24437. No dot, unlike usernames." [OpenApi];
    [ModifyPartnerSecret] "With \"immediate\": false the old secret works for 30 more days." [OpenApi];
    [ModifyPartnerSecret] "In those 30 days a second change takes either secret, as a log-in does; an immediate change ends them." [Ours];
    [ModifyPartnerSecret] "A wrong secret counts toward the lock, as in a log-in, and is told before a bad new one." [Ours];
    [ModifyPartnerSecret] "An unknown partner is 401/10001: no 404 is declared." [Ours];

    [AddTestingCustomer, AddCustomer] "Only username is required, 6 to 255 letters, digits and ! @ . # $ % & * _ - +; else 400/110039." [Page, OpenApi];
    [AddTestingCustomer, AddCustomer] "Accented letters in a username, which \"may\" fail, do." [Page, OpenApi, Ours];
    [AddTestingCustomer, AddCustomer] "A taken username is 409/110002, whether its customer is testing or active." [OpenApi, ErrorPages];
    [AddTestingCustomer, AddCustomer] "Usernames that differ in case differ: no source speaks of case." [Ours];
    [AddTestingCustomer, AddCustomer] "Deleting a customer frees its username." [Postman];
    [AddTestingCustomer, AddCustomer] "A name with a control character or < > { } [ ] ^ \\ | is 400/45003; the vendor does not say which characters." [OpenApi, Ours];
    [AddTestingCustomer, AddCustomer] "phone and email are taken as they come: no code is known for wrong ones." [Ours];
    [AddTestingCustomer, AddCustomer] "Any applicationId is taken: no code is known for a wrong one. GetCustomerWithAppData looks for it." [Ours];
    [AddTestingCustomer, AddCustomer] "Checked in this order, since no source has one: username, its policy, names, taken, limit." [Ours];
    [AddTestingCustomer] "How many living testing customers a partner may have; one more is 400/42000, deleting makes room." "--testing-customer-limit" { "500" [Page, ErrorPages], "100" [SupportPages] };
    [AddCustomer] "Whether the plan has active customers. If not: see test-drive-refusal." "--plan" { "upgraded" [Ours], "test-drive" [JavaTests, Postman] };

    [GetCustomers] "start counts records from one; it is no page number." [OpenApi];
    [GetCustomers] "Without limit a page has 25 records; more than 1000 is 400/14020." [OpenApi, Ours];
    [GetCustomers] "start below one is 400/41003, limit below one 400/41004, either as a word 400/14020." [OpenApi, Ours];
    [GetCustomers] "No hit, or start past the end, is 200 with an empty array and moreAvailable false." [JavaTests, Ours];
    [GetCustomers] "In the order of creation, since none is promised." [Ours];
    [GetCustomers] "Empty values count as absent." [Postman];
    [GetCustomers] "username is matched exactly and not held to the policy; userName, as the page spells it, does the same." [OpenApi, JavaTests, Page];
    [GetCustomers] "type is testing or active, in lower case; else 400/14016." [OpenApi, Ours];
    [GetCustomers] "search knows no case; with a blank in it, it also looks across first and last name." [OpenApi, Ours];
    [GetCustomers] "Of a repeated key the first value counts; unknown keys are ignored." [Ours];
    [GetCustomers] "A blank that is not encoded: the vendor drops the query from there on, HTTP here refuses it with an empty 400." [SupportPages, Ours];
    [GetCustomers] "Listed customers have no application." [OpenApi];
    [GetCustomers] "404/14003 and 404/12401: only by a fault rule." [OpenApi];

    [GetCustomer] "Dates are text of epoch seconds." [OpenApi, Clients];
    [GetCustomer] "Unknown is 404/14001 \"Customer not found.\"; so is an id that is no number." [JavaTests, Ours];

    [ModifyCustomer] "Takes firstName and lastName. One is enough, the other stays; none is 400/10025." [Page, OpenApi];
    [ModifyCustomer] "username, phone, email, type and applicationId are ignored." [OpenApi];
    [ModifyCustomer] "Sets lastModifiedDate, as its name says." [Ours];
    [ModifyCustomer] "An unknown customer is told before a change that says nothing, since no source has the order." [Ours];
    [ModifyCustomer] "403/10406, a dispute statement about the consumer: only by a fault rule." [OpenApi];
    [ModifyCustomer] "400/110039 and 409/110002, declared although no username can be sent: only by a fault rule." [OpenApi];

    [DeleteCustomer] "The consumer stays and is read and changed by its own id." [Page, OpenApi];
    [DeleteCustomer] "What becomes of the business, no source says: it stays too, by its own id only." [Ours];
    [DeleteCustomer] "Institution logins go; their authorization is 404/3003 then." [Page, Ours];
    [DeleteCustomer] "Deleted twice, a customer is unknown the second time, as any other that is gone." [Ours];
    [DeleteCustomer] "400/50016, a temporary customer: only by a fault rule." [OpenApi];
    [DeleteCustomer, GetCustomerWithAppData] "An id with a sign, a leading zero or anything but digits is 14023, before anything else is looked at." [OpenApi, Ours];

    [GetCustomerWithAppData] "No application registered at all, here by the control plane: 404/50051." [OpenApi, JavaTests, Postman];
    [GetCustomerWithAppData] "A customer without application, or with one that is not registered: 404/50052." [OpenApi, Ours];
    [GetCustomerWithAppData] "Names may be absent, although the schema requires them here, since a create does without." [Ours];

    [CreateConsumer] "A second consumer is 409/11000." [JavaTests];
    [CreateConsumer] "An unknown customer is 404/14001, worded \"Resource not found.\"" [JavaTests, OpenApi];
    [CreateConsumer] "Checked in this order, since no source has one: 404, 400, 409." [Ours];
    [CreateConsumer, ModifyConsumer] "ssn is nine digits once its hyphens are dropped; else 400/\"10100\", a code that is text." [Page, OpenApi];
    [CreateConsumer, ModifyConsumer] "phone is 15 characters at most, digits, blanks and + - . ( ); email has one @; else 400/\"10100\"." [OpenApi, Ours];
    [CreateConsumer, ModifyConsumer] "birthday is a day of the calendar in three numbers or texts; else 400/14020, or 10005 for one that is absent." [OpenApi, Clients, Ours];
    [CreateConsumer, ModifyConsumer] "endUser needs name, address, city, state, zip and phone; else 400/10005." [OpenApi];
    [CreateConsumer] "Neither of a pair is 400/10005 that names both." [Ours];
    [CreateConsumer] "Whether every new consumer must name the end user; else 1201, whose status 400 is ours." "--reseller" { "absent" [Ours], "given" [Page] };

    [GetConsumerForCustomer] "Without a consumer 404/10100, without (or after) the customer 404/14001 \"Resource not found.\"" [OpenApi, JavaTests];
    [GetConsumerForCustomer, GetConsumer] "ssn is its last four digits; the others are not kept." [Page, OpenApi];
    [GetConsumerForCustomer, GetConsumer] "customerId and createdDate are numbers, unlike those of customers." [OpenApi, JavaTests];
    [GetConsumerForCustomer, GetConsumer] "What was never sent is absent, although the schema requires most of it." [OpenApi, Ours];
    [GetConsumer, ModifyConsumer] "Unknown is 404/10100." [JavaTests];
    [ModifyConsumer] "What is not sent stays; a change that says nothing is 204." [OpenApi, Ours];
    [ModifyConsumer] "The four digits that were read are refused when sent back: 400/\"10100\"." [OpenApi];

    [AddBusinessDetails] "200, where the other creates answer 201." [OpenApi];
    [AddBusinessDetails] "Whether a personally liable owner needs a consumer first; else 409. The code 10006 is ours." "--personally-liable-rule" { "on" [Page], "off" [JavaTests, Postman] };
    [AddBusinessDetails, GetBusinessByCustomer] "An unknown customer is 404/10002, with one text three times and explicit nulls." [Postman];
    [AddBusinessDetails, UpdateBusiness] "name, personallyLiable, address and phoneNumber are required, though nothing in the latter two; else 400/10005, which is not declared." [OpenApi, Ours];
    [AddBusinessDetails, UpdateBusiness] "Lengths and formats are not checked." [JavaTests];
    [AddBusinessDetails] "Checked in this order, since no source has one: customer, body, second business, consumer." [Ours];
    [GetBusinessByCustomer, GetBusinessById] "An array of exactly one, even by id." [OpenApi];
    [GetBusinessByCustomer] "A customer without business is 404/10003, since the array may not be empty." [Ours];
    [UpdateBusiness] "Replaces all: optional members that are not sent are gone. Answers the record, not 204." [OpenApi];
    [UpdateBusiness] "The rule on personally liable owners does not apply: the page has it for creation." [Ours];
    [UpdateBusiness, GetBusinessById] "Unknown is 404/10003; so is an id that is no number." [Postman, Ours];

    [GetCustomerAuthorizationDetails] "institutionLoginId is a number; both dates have hundredths of a second." [OpenApi];
    [GetCustomerAuthorizationDetails] "404/\"3003\" for an unknown or a legacy login, 404/\"3004\" for one made before details were captured; both codes are text." [OpenApi, ErrorPages];
    [GetCustomerAuthorizationDetails] "An id that is no number is 404/3003: no 400 is declared." [Ours];
    [GetCustomerAuthorizationDetails] "The control plane makes the logins, for 365 days from now unless told otherwise." [Ours];

    [] "Checked in this order, since no source has one: app key there, known, token there, known, alive, of the same partner; then body and record." [Ours];
    [] "Without app key 401/10026, without token 401/10024; blank is absent." [OpenApi, Ours];
    [] "A wrong app key is 401 in plain text." [OpenApi, Postman];
    [] "An unknown token is 401/10022, an expired one 401/10023, for two days at least." [OpenApi, Ours];
    [] "Another partner's records do not exist, so that nothing is told of them." [Ours];
    [] "Unknown headers and unknown members of a body are ignored." [JavaTests, Ours];
    [] "null and blank text are absent; a wrong JSON type, or no JSON, is 400/14020." [SupportPages, Ours];
    [] "A body that is not called JSON is 415, one above 1 MiB 413, an unknown route 404, a wrong method 405; the code repeats the status." [Ours];
    [] "A blank id of a customer or consumer is 400/10005, an id wrongly percent-encoded 400/14020." [OpenApi, Ours];
    [] "204 is called text/plain and is empty." [Postman];
    [] "No key makes a repeated POST the same POST." [OpenApi];
    [] "429 for too many calls, 403 for callers from abroad, and pages of a proxy: only by a fault rule." [OpenApi, Postman, SetupScript];
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_choices_and_rows_without_flag_have_none() {
        for row in BEHAVIOURS {
            let choices = row
                .claims
                .iter()
                .filter(|claim| !claim.choice.is_empty())
                .count();
            assert_eq!(choices > 1, row.switch.is_some(), "{}", row.behaviour);
            assert_eq!(choices < 2, row.switch.is_none(), "{}", row.behaviour);
        }
    }

    #[test]
    fn operations_of_a_row_are_in_the_vendors_order() {
        for row in BEHAVIOURS {
            assert!(row.operations.is_sorted(), "{}", row.behaviour);
        }
    }
}
