//! Who calls: a program that wants one record for one household, and what it does when it gets an error instead.

use super::client::{Ask, Client, Failure};

/// How often a caller asks at most.
const ASKS: usize = 3;

/// What is to be created, for one household.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wanted {
    TestingCustomer,
    ActiveCustomer,
    Consumer,
    Business,
}

impl Wanted {
    pub(crate) const ALL: [Self; 4] = [
        Self::TestingCustomer,
        Self::ActiveCustomer,
        Self::Consumer,
        Self::Business,
    ];
}

/// What a caller does after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// Asks again for the same: the same username, or the consumer or business of the same customer. A refusal ends it.
    KeepsKey,
    /// Begins anew, as programs do whose usernames are made up of the time: with another username, or, where a
    /// consumer or a business failed, with another customer to own it. A refusal is an error like any other.
    NewKey,
}

impl Caller {
    pub(crate) const ALL: [Self; 2] = [Self::KeepsKey, Self::NewKey];

    /// Asks until there is an id, or the caller gives up. `first` is the customer that is there already.
    pub(crate) async fn run(
        self,
        client: &Client,
        wanted: Wanted,
        first: &str,
    ) -> Result<String, Failure> {
        let mut last = Failure::Failed;
        for asked in 0..ASKS {
            let fresh = self == Self::NewKey && asked > 0;
            let username = if fresh {
                format!("household-4711-{asked}")
            } else {
                "household-4711".to_owned()
            };
            let ask = match wanted {
                Wanted::TestingCustomer => Ask::TestingCustomer { username },
                Wanted::ActiveCustomer => Ask::ActiveCustomer { username },
                Wanted::Consumer | Wanted::Business => {
                    let customer_id = if fresh {
                        let owner = Ask::TestingCustomer { username };
                        match client.create(&owner).await {
                            Ok(id) => id,
                            Err(failure) => {
                                last = failure;
                                continue;
                            }
                        }
                    } else {
                        first.to_owned()
                    };
                    if wanted == Wanted::Consumer {
                        Ask::Consumer { customer_id }
                    } else {
                        Ask::Business { customer_id }
                    }
                }
            };
            match client.create(&ask).await {
                Ok(id) => return Ok(id),
                Err(Failure::Refused) if self == Self::KeepsKey => return Err(Failure::Refused),
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }
}
