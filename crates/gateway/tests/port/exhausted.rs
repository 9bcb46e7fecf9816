//! No descriptor is left for another connection.

use std::{fs, time::Duration};

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use tokio::{net::TcpStream, time::sleep};

use crate::process::{Process, list};

/// How much time a process has had on a processor, in ticks of 10 ms.
fn ticks(process: &Process) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid())).unwrap();
    // The name in brackets may have blanks in it.
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let words: Vec<_> = rest.split(' ').collect();
    words[11..13]
        .iter()
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_descriptors_it_waits_serves_whom_it_has_and_takes_others_when_there_is_room() {
    let mut process = Process::start("").await;
    let mut customers = process.customers().await;
    list(&mut customers).await.unwrap();
    let open = fs::read_dir(format!("/proc/{}/fd", process.pid()))
        .unwrap()
        .count();
    let most = u64::try_from(open).unwrap() + 4;
    let pid = Pid::from_raw(process.pid().try_into().unwrap());
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    prlimit(pid, Resource::Nofile, limit).unwrap();
    let mut peers = Vec::new();
    for _ in 0..20 {
        peers.push(TcpStream::connect(process.grpc).await.unwrap());
    }
    process.logs("connections can't be accepted").await;
    let before = ticks(&process);
    sleep(Duration::from_secs(2)).await;
    let used = ticks(&process) - before;
    // A loop that tried again at once would use all of a processor: 200.
    assert!(used < 50, "{used} ticks in two seconds");
    list(&mut customers).await.unwrap();
    drop(peers);
    let mut other = process.customers().await;
    list(&mut other).await.unwrap();
    TcpStream::connect(process.admin).await.unwrap();
    process.signal(Signal::TERM);
    process.ends().await;
}
