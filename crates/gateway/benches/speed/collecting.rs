//! The collector of traces: takes all spans, and says how many when it is asked.

use std::net::Ipv4Addr;

use tokio::net::TcpListener;

use crate::{
    collector::Collector,
    role::{Orders, say},
};

pub(crate) async fn play(mut orders: Orders) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let collector = Collector::default();
    let serving = collector.serve(listener);
    say(format_args!("http://{address}"));
    while orders.recv().await.is_some() {
        say(collector.spans());
    }
    serving.abort();
}
