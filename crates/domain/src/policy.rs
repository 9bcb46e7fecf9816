//! What follows from the outcome of an attempt: one table, and there is no other.

use crate::operation::Kind;

/// What one attempt came to, as far as it matters for what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Nothing left this machine.
    NotSent,
    /// The vendor refused it: nothing was done.
    Rejected,
    /// The vendor refused the token: nothing was done.
    StaleToken,
    /// The vendor refused it for now (429): nothing was done.
    RateLimited,
    /// The vendor did it, and the answer says what came of it.
    Done,
    /// The vendor did it, and the answer can't be used.
    DoneUnreadable,
    /// The connection broke or the time was over after something had been sent, or a machine between says that the vendor
    /// is away (408, 502, 503, 504): done or not, and perhaps at work still.
    Interrupted,
    /// The vendor failed (any other 5xx without a code that is known): done or not.
    Failed,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Give the caller what came back.
    Answer,
    /// Tell the caller what went wrong.
    Fail,
    /// Get a new token and send it again, once.
    RenewToken,
    /// Wait a moment and send it again, as long as tries, budget and time allow.
    Again,
    /// Wait as long as the vendor asks and send it again, as long as tries, budget and time allow.
    AgainWhenAsked,
    /// It must be found out by reading what came of it. Never sent again before.
    Settle,
}

/// What follows from an outcome.
pub(crate) const fn next(kind: Kind, class: Class) -> Next {
    match (kind, class) {
        (_, Class::Done) => Next::Answer,
        (_, Class::Rejected) => Next::Fail,
        (Kind::Read | Kind::Update | Kind::Delete | Kind::Create, Class::StaleToken) => {
            Next::RenewToken
        }
        (Kind::Read | Kind::Update | Kind::Delete | Kind::Create, Class::NotSent) => Next::Again,

        (Kind::Read | Kind::Update | Kind::Delete, Class::RateLimited) => Next::AgainWhenAsked,
        // It was not done, but whoever must hurry is told so rather than kept.
        (Kind::Create, Class::RateLimited) => Next::Fail,

        (Kind::Read | Kind::Delete, Class::Interrupted) => Next::Again,
        (Kind::Read, Class::Failed | Class::DoneUnreadable) => Next::Fail,
        (Kind::Delete, Class::Failed | Class::DoneUnreadable)
        | (
            Kind::Update | Kind::Create,
            Class::Interrupted | Class::Failed | Class::DoneUnreadable,
        ) => Next::Settle,

        // Each refused login counts, and so may each that got lost: the guard decides about another one.
        (
            Kind::Login,
            Class::StaleToken
            | Class::NotSent
            | Class::RateLimited
            | Class::Interrupted
            | Class::Failed
            | Class::DoneUnreadable,
        ) => Next::Fail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Operation;

    const CLASSES: [Class; 8] = [
        Class::NotSent,
        Class::Rejected,
        Class::StaleToken,
        Class::RateLimited,
        Class::Done,
        Class::DoneUnreadable,
        Class::Interrupted,
        Class::Failed,
    ];

    #[test]
    fn what_follows_from_each_outcome_of_each_operation_is_this_table() {
        let mut table = String::new();
        for operation in Operation::ALL {
            table.push_str(operation.name());
            for class in CLASSES {
                table.push_str(&format!(" {:?}", next(operation.kind(), class)));
            }
            table.push('\n');
        }
        // In the order of CLASSES. A change here is a change of what callers rely on.
        let (read, update, delete, create, login) = (
            "Again Fail RenewToken AgainWhenAsked Answer Fail Again Fail",
            "Again Fail RenewToken AgainWhenAsked Answer Settle Settle Settle",
            "Again Fail RenewToken AgainWhenAsked Answer Settle Again Settle",
            "Again Fail RenewToken Fail Answer Settle Settle Settle",
            "Fail Fail Fail Fail Answer Fail Fail Fail",
        );
        let expected = format!(
            "CreateToken {login}\n\
             ModifyPartnerSecret {login}\n\
             AddTestingCustomer {create}\n\
             AddCustomer {create}\n\
             GetCustomers {read}\n\
             GetCustomer {read}\n\
             GetCustomerWithAppData {read}\n\
             ModifyCustomer {update}\n\
             DeleteCustomer {delete}\n\
             getCustomerAuthorizationDetails {read}\n\
             CreateConsumer {create}\n\
             GetConsumer {read}\n\
             GetConsumerForCustomer {read}\n\
             ModifyConsumer {update}\n\
             AddBusinessDetails {create}\n\
             GetBusinessById {read}\n\
             GetBusinessByCustomer {read}\n\
             UpdateBusiness {update}\n"
        );
        assert_eq!(table, expected);
    }

    #[test]
    fn what_may_have_been_done_is_never_written_again_unread() {
        for class in CLASSES {
            let again = |kind| {
                matches!(
                    next(kind, class),
                    Next::Again | Next::AgainWhenAsked | Next::RenewToken
                )
            };
            let not_done = matches!(class, Class::NotSent | Class::StaleToken);
            assert_eq!(again(Kind::Create), not_done, "{class:?}");
            let not_done = not_done || class == Class::RateLimited;
            assert_eq!(again(Kind::Update), not_done, "{class:?}");
        }
    }
}
