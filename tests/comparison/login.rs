//! Logins that go wrong: what each client does to a partner whom five refused ones lock out.

use std::{sync::Arc, time::Duration};

use openfinance_sandbox::{
    Config, FaultRule, Operation, PartnerCredentials, Revoke, Sandbox, Start,
};
use tokio::task::JoinSet;

use super::{
    client::{Ask, Client, Failure, Kind},
    table::Logins,
};

/// How many customers are wanted in each case.
pub(crate) const WANTED: usize = 10;
/// How often each is asked for at most.
const ASKS: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Case {
    WrongSecret,
    WrongSecretAtOnce,
    SecretChanged,
    WrongAppKey,
    TokenRevoked,
    ColdAtOnce,
}

impl Case {
    pub(crate) const ALL: [Self; 6] = [
        Self::WrongSecret,
        Self::WrongSecretAtOnce,
        Self::SecretChanged,
        Self::WrongAppKey,
        Self::TokenRevoked,
        Self::ColdAtOnce,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WrongSecret => "wrong secret, one caller after the other",
            Self::WrongSecretAtOnce => "wrong secret, all callers at once",
            Self::SecretChanged => "secret changed while in use, then the token ends",
            Self::WrongAppKey => "wrong app key",
            Self::TokenRevoked => "token revoked, all callers at once",
            Self::ColdAtOnce => "no token yet, all callers at once",
        }
    }

    fn at_once(self) -> bool {
        match self {
            Self::WrongSecretAtOnce | Self::TokenRevoked | Self::ColdAtOnce => true,
            Self::WrongSecret | Self::SecretChanged | Self::WrongAppKey => false,
        }
    }

    /// Ten callers, each of whom wants a customer, and asks for it three times at most.
    pub(crate) async fn run(self, kind: Kind) -> Logins {
        let config = Config {
            start: Start::Host,
            ..Config::for_tests()
        };
        let good = config.partner.clone();
        let sandbox = Sandbox::start(config).await.unwrap();
        let control = sandbox.control().clone();
        let partner = match self {
            Self::WrongSecret | Self::WrongSecretAtOnce => PartnerCredentials {
                secret: "OutdatedSecret1234".to_owned(),
                ..good
            },
            Self::WrongAppKey => PartnerCredentials {
                app_key: "0123456789abcdef0123456789abcdef".to_owned(),
                ..good
            },
            Self::SecretChanged | Self::TokenRevoked | Self::ColdAtOnce => good,
        };
        let client = Arc::new(Client::new(kind, &sandbox, &partner));
        match self {
            Self::SecretChanged | Self::TokenRevoked => {
                client.create(&ask(WANTED)).await.unwrap();
                control.revoke_tokens(Revoke::All);
            }
            Self::WrongSecret | Self::WrongSecretAtOnce | Self::WrongAppKey | Self::ColdAtOnce => {}
        }
        if self == Self::SecretChanged {
            control
                .set_partner_secret(None, "AnotherSecret1234")
                .unwrap();
        }
        if self.at_once() {
            // Long enough that all of them find no token before the first login is answered.
            let slow = FaultRule::on(Operation::CreateToken)
                .times(1_000)
                .latency(Duration::from_millis(100));
            control.add_fault(slow).unwrap();
        }
        let before = control.requests(Some(Operation::CreateToken)).len();
        let served = if self.at_once() {
            let mut callers = JoinSet::new();
            for number in 0..WANTED {
                let client = Arc::clone(&client);
                callers.spawn(async move { want(&client, number).await });
            }
            let served = callers.join_all().await;
            served.into_iter().filter(|served| *served).count()
        } else {
            let mut served = 0;
            for number in 0..WANTED {
                served += usize::from(want(&client, number).await);
            }
            served
        };
        let partners = control.summary().partners;
        let logins = Logins {
            sent: control.requests(Some(Operation::CreateToken)).len() - before,
            refused_in_a_row: partners[0].max_consecutive_failed_authentications,
            locked: partners[0].locked,
            served,
        };
        sandbox.stop().await;
        logins
    }
}

fn ask(number: usize) -> Ask {
    Ask::TestingCustomer {
        username: format!("household-{number}"),
    }
}

/// Whether the caller got its customer.
async fn want(client: &Client, number: usize) -> bool {
    for _ in 0..ASKS {
        match client.create(&ask(number)).await {
            Ok(_) => return true,
            Err(Failure::Refused) => return false,
            Err(Failure::Failed) => {}
        }
    }
    false
}
