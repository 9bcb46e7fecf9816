//! What is called and measured: a process of its own, and callers' connections to it.

use tonic::transport::{ClientTlsConfig, Endpoint};

use crate::{
    generator::{Ask, Client, Outcome, press},
    processor::{Cost, Spent},
    program::Program,
    role::{Part, Role},
    turns::turn_time,
    vendor::Vendor,
};

/// How many callers there are where nothing else is said. Each has a connection of its own.
pub(crate) const CALLERS: usize = 8;

/// The process.
enum Process {
    Role(Role),
    Gateway(Program),
}

pub(crate) struct Subject {
    process: Process,
    endpoint: Endpoint,
    pub(crate) clients: Vec<Client>,
    /// By which the gateway knows the caller.
    key: Option<String>,
}

/// How a gateway is started and called.
#[derive(Clone, Default)]
pub(crate) struct Plan {
    pub(crate) settings: String,
    pub(crate) variables: Vec<(&'static str, String)>,
    pub(crate) tls: Option<ClientTlsConfig>,
    pub(crate) key: Option<String>,
}

impl Subject {
    /// A yardstick that serves gRPC over this vendor.
    pub(crate) async fn yardstick(part: Part, vendor: &Vendor) -> Self {
        let role = Role::start(part, vendor.base_url()).await;
        let endpoint = Endpoint::from_shared(format!("http://{}", role.address)).unwrap();
        Self::at(Process::Role(role), endpoint, None).await
    }

    /// A gateway over this vendor; over the sandbox in its own process where there is none.
    pub(crate) async fn gateway(vendor: Option<&Vendor>, plan: Plan) -> Self {
        let Plan {
            settings,
            variables,
            tls,
            key,
        } = plan;
        let base_url = vendor.map(Vendor::base_url);
        let program = Program::start(base_url, &settings, &variables).await;
        let endpoint = match tls {
            Some(tls) => {
                let endpoint = Endpoint::from_shared(format!("https://{}", program.grpc)).unwrap();
                endpoint.tls_config(tls).unwrap()
            }
            None => Endpoint::from_shared(format!("http://{}", program.grpc)).unwrap(),
        };
        Self::at(Process::Gateway(program), endpoint, key).await
    }

    async fn at(process: Process, endpoint: Endpoint, key: Option<String>) -> Self {
        let mut subject = Self {
            process,
            endpoint,
            clients: Vec::new(),
            key,
        };
        subject.connect(CALLERS).await;
        subject
    }

    /// From now on there are so many callers, each with a new connection of its own.
    pub(crate) async fn connect(&mut self, callers: usize) {
        self.clients.clear();
        for _ in 0..callers {
            let channel = self.endpoint.connect().await.unwrap();
            // A large page is larger than what tonic's clients take by themselves.
            let client = Client::new(channel).max_decoding_message_size(usize::MAX);
            self.clients.push(client);
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        match &self.process {
            Process::Role(role) => role.pid(),
            Process::Gateway(program) => program.pid(),
        }
    }

    /// The gateway, where this is one.
    pub(crate) fn program(&self) -> &Program {
        match &self.process {
            Process::Gateway(program) => program,
            Process::Role(_) => panic!("a yardstick is no gateway"),
        }
    }

    /// All callers ask for this, each again as soon as it is answered, for one turn.
    pub(crate) async fn turn(&self, ask: &Ask) -> (Outcome, Cost) {
        let before = Spent::by(self.pid());
        let outcome = press(&self.clients, ask, self.key.as_deref(), turn_time()).await;
        (outcome, Spent::by(self.pid()).since(&before))
    }

    pub(crate) async fn stop(self) {
        drop(self.clients);
        match self.process {
            Process::Role(role) => role.stop().await,
            Process::Gateway(program) => {
                program.stop().await;
            }
        }
    }
}
