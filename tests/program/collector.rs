//! A collector of traces that keeps what it gets, as it came.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
    trace_service_server::{TraceService, TraceServiceServer},
};
use prost::Message as _;
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

use crate::canary;

type Exports = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

pub(super) struct Collector {
    address: SocketAddr,
    exports: Exports,
    server: JoinHandle<()>,
}

struct Keep(Exports);

#[tonic::async_trait]
impl TraceService for Keep {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        canary::scan(&format!("{:?}", request.metadata()));
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let exports = Exports::default();
        let service = TraceServiceServer::new(Keep(Arc::clone(&exports)));
        let server = tokio::spawn(async move {
            let server = Server::builder().add_service(service);
            let incoming = TcpIncoming::from(listener);
            server.serve_with_incoming(incoming).await.unwrap();
        });
        Self {
            address,
            exports,
            server,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Searches every byte that came, and answers the names of the spans and how many there are.
    pub(super) fn searched(&self) -> (Vec<String>, usize) {
        let exports = self.exports.lock().unwrap();
        for export in exports.iter() {
            canary::scan_bytes("a trace", &export.encode_to_vec());
            canary::scan(&format!("{export:?}"));
        }
        let names: Vec<_> = exports
            .iter()
            .flat_map(|export| &export.resource_spans)
            .flat_map(|resource| &resource.scope_spans)
            .flat_map(|scope| &scope.spans)
            .map(|span| span.name.clone())
            .collect();
        let count = names.len();
        (names, count)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}
