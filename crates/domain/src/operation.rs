//! The vendor's operations, and the errors that a call of one can end with.

use crate::{Error, Vendor};

/// What repeating an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: it only reads.
    Read,
    /// The same values once more, which may undo what somebody else has written in between: repeated only after a look at
    /// the record, where the first time may have been done.
    Update,
    /// Nothing that the first time has not done.
    Delete,
    /// A second record, or a refusal because of the first: repeated only when it surely was not sent.
    Create,
    /// Counts against the partner: a refused login is one of the five that lock the company out.
    Login,
}

/// Defines the operations: the vendor's name and what repeating does.
macro_rules! operations {
    ($($name:ident = $word:literal, $kind:ident;)*) => {
        /// One of the vendor's operations.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Operation {
            $(#[doc = $word] $name,)*
        }

        impl Operation {
            /// All of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The vendor's name for it.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// What repeating it does.
            pub(crate) const fn kind(self) -> Kind {
                match self {
                    $(Self::$name => Kind::$kind,)*
                }
            }
        }
    };
}

operations! {
    CreateToken = "CreateToken", Login;
    ModifyPartnerSecret = "ModifyPartnerSecret", Login;
    AddTestingCustomer = "AddTestingCustomer", Create;
    AddCustomer = "AddCustomer", Create;
    GetCustomers = "GetCustomers", Read;
    GetCustomer = "GetCustomer", Read;
    GetCustomerWithAppData = "GetCustomerWithAppData", Read;
    ModifyCustomer = "ModifyCustomer", Update;
    DeleteCustomer = "DeleteCustomer", Delete;
    GetAuthorizationDetails = "getCustomerAuthorizationDetails", Read;
    CreateConsumer = "CreateConsumer", Create;
    GetConsumer = "GetConsumer", Read;
    GetConsumerForCustomer = "GetConsumerForCustomer", Read;
    ModifyConsumer = "ModifyConsumer", Update;
    AddBusinessDetails = "AddBusinessDetails", Create;
    GetBusinessById = "GetBusinessById", Read;
    GetBusinessByCustomer = "GetBusinessByCustomer", Read;
    UpdateBusiness = "UpdateBusiness", Update;
}

impl Operation {
    /// The operation with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.name() == name)
    }

    pub(crate) fn answered(self, http_status: u16, code: Option<i64>) -> Vendor {
        Vendor {
            operation: self.name(),
            http_status,
            code,
        }
    }

    pub(crate) fn unavailable(self, vendor: Option<Vendor>) -> Error {
        Error::Unavailable {
            operation: self.name(),
            vendor,
        }
    }

    pub(crate) fn malformed(self, problem: &'static str, vendor: Option<Vendor>) -> Error {
        Error::Malformed {
            operation: self.name(),
            problem,
            vendor,
        }
    }

    pub(crate) fn outcome_unknown(self, vendor: Option<Vendor>) -> Error {
        Error::OutcomeUnknown {
            operation: self.name(),
            vendor,
            resumable: false,
        }
    }

    /// The error of an answer that says "done", or something like it, and can't be used.
    pub(crate) fn unusable(self, problem: &'static str, vendor: Vendor) -> Error {
        match self.kind() {
            Kind::Read | Kind::Update | Kind::Delete | Kind::Login => {
                self.malformed(problem, Some(vendor))
            }
            // The record may exist, and we can't say under which id.
            Kind::Create => self.outcome_unknown(Some(vendor)),
        }
    }
}
