//! The switches. A doc comment here is both documentation and table.

use std::str::FromStr;

use super::{Claim, InvalidSetting, Row, Source, switches};
use crate::operation::Operation;

switches! {
    /// How long a token is good for.
    token_life: TokenLife = "token-life" on [CreateToken] {
        /// Two hours.
        TwoHours = "2h" in [OpenApi, Glossary, SupportPages],
        /// An hour and a half.
        NinetyMinutes = "90min" in [AustralianGlossary],
    }

    /// Whether the fifth refused secret in a row locks the partner, or it takes more than five.
    lock_after: LockAfter = "lock-after" on [CreateToken, ModifyPartnerSecret] {
        /// Five.
        FifthFailure = "fifth-failure" in [OpenApi, SupportPages],
        /// More than five.
        SixthFailure = "sixth-failure" in [ErrorPages],
    }

    /// Status of 24302, which a locked partner gets even with the right secret.
    locked_status: LockedStatus = "locked-status" on [CreateToken, ModifyPartnerSecret] {
        /// 500, with a text about the lock.
        InternalServerError = "500" in [ErrorPages],
        /// 401 "Bad credentials".
        Unauthorized = "401" in [OpenApi],
    }

    /// What a lock closes: the two authentication calls only, or with 401/24302 every call, tokens or not.
    lock_reach: LockReach = "lock-reach" on [CreateToken, ModifyPartnerSecret] {
        /// Tokens outlive the lock.
        Authentication = "authentication" in [ErrorPages],
        /// Tokens are refused while the lock lasts.
        Everything = "everything" in [OpenApi],
    }

    /// Code, and with 10010 status and a longer body, of an absent or blank credential in the body.
    missing_credential: MissingCredential = "missing-credential" on [CreateToken, ModifyPartnerSecret] {
        /// 400/10005.
        Code10005 = "10005" in [OpenApi],
        /// 400/10010.
        Code10010 = "10010" in [Postman, OpenApiHistory],
        /// 500/10010.
        Code10010As500 = "10010-as-500" in [ErrorPages],
    }

    /// Envelope of 404/12401 for an unknown partner: code and message, as in the document's example, or an
    /// "Errors" wrapper, as in its schema.
    unknown_partner: UnknownPartner = "unknown-partner" on [CreateToken] {
        /// Code and message.
        Flat = "flat" in [OpenApi],
        /// A list of one error with `Source`, `ReasonCode`, `Description`, `Recoverable` and `Details`.
        Wrapped = "wrapped" in [OpenApi],
    }

    /// What "immediate" means when it is absent: the old secret dies now (true) or works for 30 more days (false).
    immediate_default: ImmediateDefault = "immediate-default" on [ModifyPartnerSecret] {
        /// The old secret dies at once.
        True = "true" in [OpenApi, JavaTests],
        /// The old secret works for another 30 days.
        False = "false" in [OpenApiHistory],
    }

    /// Over what a username is unique.
    usernames: Usernames = "usernames" on [AddTestingCustomer, AddCustomer] {
        /// All partners and plans.
        Platform = "platform" in [OpenApi],
        /// One partner, with testing and active customers together.
        Partner = "partner" in [Ours],
    }

    /// Whether a username may have a dot.
    username_dot: UsernameDot = "username-dot" on [AddTestingCustomer, AddCustomer] {
        /// It may.
        Allowed = "allowed" in [Page, OpenApi],
        /// It is against the policy.
        Refused = "refused" in [SupportPages],
    }

    /// Status of 110039, for a username against the policy.
    username_policy_status: UsernamePolicyStatus = "username-policy-status" on [AddTestingCustomer, AddCustomer] {
        /// 400.
        BadRequest = "400" in [OpenApi],
        /// 500.
        InternalServerError = "500" in [SupportPages],
    }

    /// Type of createdDate in the answer to a create; a read has text.
    created_date: CreatedDate = "created-date" on [AddTestingCustomer, AddCustomer] {
        /// A JSON number.
        Number = "number" in [OpenApi, Page, Postman],
        /// A string of digits.
        Text = "text" in [SetupScript, FormerReference],
    }

    /// What a plan without active customers gets: 401 with the plain text of a wrong app key, or 429 without a body.
    test_drive_refusal: TestDriveRefusal = "test-drive-refusal" on [AddCustomer] {
        /// 401, text/plain.
        Unauthorized = "401" in [JavaTests, Postman, OpenApi],
        /// 429, empty.
        TooManyRequests = "429" in [OpenApiHistory, FormerReference, Clients],
    }

    /// Where "search" looks.
    search: Search = "search" on [GetCustomers] {
        /// In username, first name, last name, and both names with a space between.
        WithUsername = "with-username" in [OpenApi, SupportPages],
        /// In the names only.
        NamesOnly = "names-only" in [Page],
    }

    /// Whether the number of all matches is told. Absent, it is null with absent-members=null.
    found: FoundCount = "found" on [GetCustomers] {
        /// It is.
        Present = "present" in [OpenApiHistory, Page],
        /// It is not, as the schema allows.
        Absent = "absent" in [OpenApi],
    }

    /// What lastModifiedDate is before the first change.
    fresh_last_modified: FreshLastModified = "fresh-last-modified" on [GetCustomers, GetCustomer, GetCustomerWithAppData] {
        /// Absent.
        Absent = "absent" in [Ours],
        /// The same as createdDate.
        CreatedDate = "created-date" in [Ours],
    }

    /// An unknown customer: 404/14001, or, since the document dropped its 404, the generic 400/14020.
    modify_unknown_customer: ModifyUnknownCustomer = "modify-unknown-customer" on [ModifyCustomer] {
        /// 404/14001.
        NotFound = "404" in [Postman, OpenApiHistory],
        /// 400/14020.
        BadRequest = "400" in [OpenApi],
    }

    /// Code of the 404 for an unknown customer.
    delete_unknown_customer: DeleteUnknownCustomer = "delete-unknown-customer" on [DeleteCustomer] {
        /// Customer not found.
        Code14001 = "14001" in [JavaTests],
        /// Partner not found.
        Code12401 = "12401" in [OpenApi],
        /// Institution not found.
        Code14006 = "14006" in [OpenApi],
        /// No active subscription.
        Code60013 = "60013" in [OpenApi],
    }

    /// Status of 14023, for a customer id that is no number.
    malformed_customer_id: MalformedCustomerId = "malformed-customer-id" on [DeleteCustomer, GetCustomerWithAppData] {
        /// 400.
        BadRequest = "400" in [OpenApi],
        /// 404.
        NotFound = "404" in [ErrorPages],
    }

    /// What a new consumer needs: three members, one of ssn and birthday, one of phone and email; or nine members,
    /// which are the three with address, city, zip, phone, ssn and birthday.
    consumer_fields: ConsumerFields = "consumer-fields" on [CreateConsumer] {
        /// firstName, lastName and state, and one of each pair.
        Three = "three" in [Page, OpenApi],
        /// All that was required until version 1.38.1 of the document.
        Nine = "nine" in [OpenApiHistory],
    }

    /// Type of the three members of a birthday: numbers, or text padded with zeros.
    birthday: BirthdayMembers = "birthday" on [GetConsumerForCustomer, GetConsumer] {
        /// Numbers.
        Numbers = "numbers" in [JavaTests, Postman],
        /// Text such as `"07"`.
        Text = "text" in [OpenApi, Clients],
    }

    /// Code of the 409 for a second business of one customer; with 11000 it is worded as for a consumer.
    second_business: SecondBusiness = "second-business" on [AddBusinessDetails] {
        /// A business exists.
        Code10004 = "10004" in [JavaTests, Postman],
        /// A consumer exists.
        Code11000 = "11000" in [OpenApi],
    }

    /// Whether address.country may be anything, or is two letters or refused with 400/14020.
    business_country: BusinessCountry = "business-country" on [AddBusinessDetails, UpdateBusiness] {
        /// Any text.
        Lenient = "lenient" in [JavaTests],
        /// Two letters.
        TwoLetters = "two-letters" in [OpenApi],
    }

    /// Zone of createdDate and modifiedDate: none but a Z in the answer to an update, none anywhere, or Z anywhere.
    business_dates: BusinessDates = "business-dates" on [AddBusinessDetails, GetBusinessByCustomer, UpdateBusiness, GetBusinessById] {
        /// No zone on create and read, `Z` on update.
        AsCaptured = "as-captured" in [Postman],
        /// No zone.
        NoZone = "no-zone" in [Page, OpenApi],
        /// `Z`.
        Utc = "utc" in [Ours],
    }

    /// What stands before the hundredths of a second in both dates.
    authorization_fraction: AuthorizationFraction = "authorization-fraction" on [GetCustomerAuthorizationDetails] {
        /// A dot.
        Dot = "dot" in [OpenApi],
        /// A colon, as in versions 1.16.0 to 1.32.3 of the document.
        Colon = "colon" in [OpenApiHistory],
    }

    /// What an authorization gets that has run out: its dates, or 404/3004 as one that was never captured.
    authorization_end: AuthorizationEnd = "authorization-end" on [GetCustomerAuthorizationDetails] {
        /// Its details stay readable.
        Readable = "readable" in [Ours],
        /// 404/3004.
        NotCaptured = "not-captured" in [Ours],
    }

    /// Shape of the 401 for an unknown token: 10022 and a message, or "10022" with status, user_message and tags.
    unknown_token: UnknownToken = "unknown-token" on [] {
        /// Code and message.
        Short = "short" in [OpenApi],
        /// As the newer services of the vendor word it.
        Long = "long" in [Postman],
    }

    /// Type of "code" in errors: numbers but for 3003, 3004 and the formats of a consumer; or text but for 12401.
    error_codes: ErrorCodes = "error-codes" on [] {
        /// Numbers, with the exceptions of the document's earlier versions.
        Number = "number" in [JavaTests, Postman, Clients, OpenApiHistory],
        /// Text, with the exception of the document's present version.
        Text = "text" in [OpenApi],
    }

    /// Whether an optional member without a value is left out of a record that is read, or is null.
    absent_members: AbsentMembers = "absent-members" on [] {
        /// Left out.
        LeftOut = "left-out" in [OpenApi],
        /// Null, as clients of the vendor are prepared for.
        Null = "null" in [JavaTests],
    }
}
