//! Somebody who looks at a gateway while it works.

use std::{fs, net::SocketAddr, time::Duration};

use tokio::{sync::watch, task::JoinHandle, time::sleep};

use crate::{program::answer_of, system};

/// How often memory, descriptors and gauges are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// The most that was seen of each.
#[derive(Default)]
pub(crate) struct Most {
    /// Bytes of memory.
    pub(crate) resident: f64,
    /// Open files, sockets among them.
    pub(crate) descriptors: usize,
    /// Calls at the vendor.
    pub(crate) in_flight: f64,
    /// Calls that wait for a place there.
    pub(crate) waiting: f64,
}

/// Somebody who looks until he is asked what he saw.
pub(crate) struct Watch {
    ends: watch::Sender<()>,
    seen: JoinHandle<Most>,
}

impl Watch {
    /// Looks at the gateway with this process and this admin port.
    pub(crate) fn over(process: u32, admin: SocketAddr) -> Self {
        let (ends, ended) = watch::channel(());
        let seen = tokio::spawn(async move {
            let mut most = Most::default();
            while !ended.has_changed().unwrap_or(true) {
                let resident = system::resident_bytes(process).unwrap_or_default();
                most.resident = most.resident.max(resident as f64);
                most.descriptors = most.descriptors.max(descriptors(process));
                let text = answer_of(admin, "/metrics").await;
                let gauge = |name: &str| {
                    let line = text.lines().find_map(|line| line.strip_prefix(name));
                    line.and_then(|rest| rest.trim().parse::<f64>().ok())
                        .unwrap_or_default()
                };
                most.in_flight = most.in_flight.max(gauge("openfinance_calls_in_flight "));
                most.waiting = most.waiting.max(gauge("openfinance_calls_waiting "));
                sleep(LOOK).await;
            }
            most
        });
        Self { ends, seen }
    }

    pub(crate) async fn end(self) -> Most {
        drop(self.ends);
        self.seen.await.unwrap()
    }
}

/// How many files, sockets among them, a process has open.
pub(crate) fn descriptors(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count)
}
