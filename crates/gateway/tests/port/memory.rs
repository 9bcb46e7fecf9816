//! What floods leave behind in the memory of the gateway: of the real program, with the settings that it ships with.

use std::fs;

use openfinance_sandbox::Operation;
use rustix::process::Signal;
use tokio::{
    io::{AsyncWriteExt as _, sink},
    time::timeout,
};

use crate::{
    PATIENCE,
    peer::{
        CONTINUATION, DATA, END_HEADERS, HEADERS, PING, Peer, RST_STREAM, SETTINGS, WINDOW_UPDATE,
        call, frame, headers,
    },
    process::{Process, list},
};

/// A flood: its name, what comes before it, and what it is made of.
type Flood = (&'static str, fn() -> Vec<u8>, fn(u32) -> Vec<u8>);

fn nothing() -> Vec<u8> {
    Vec::new()
}

const FLOODS: [Flood; 9] = [
    ("resets that we are made to send", nothing, |number| {
        let stream = 2 * number + 1;
        let most = 0x7fff_ffff_u32.to_be_bytes();
        [call(stream), frame(WINDOW_UPDATE, 0, stream, &most)].concat()
    }),
    ("calls that are reset at once", nothing, |number| {
        let stream = 2 * number + 1;
        let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        [call(stream), reset].concat()
    }),
    (
        "headers without an end",
        || frame(HEADERS, 0, 1, &headers()),
        |_| frame(CONTINUATION, 0, 1, &[]),
    ),
    ("empty data", || call(1), |_| frame(DATA, 0, 1, &[])),
    ("settings", nothing, |_| frame(SETTINGS, 0, 0, &[])),
    ("pings", nothing, |_| frame(PING, 0, 0, &[0; 8])),
    ("window updates", nothing, |_| {
        frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())
    }),
    ("frames that nobody knows", nothing, |_| {
        frame(0xaf, 0, 0, &[0; 64])
    }),
    ("headers that unfold", nothing, |number| {
        let field = [&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &[b'x'; 4_000]].concat();
        let bomb = [headers(), field, vec![0xbe; 12_000]].concat();
        frame(HEADERS, END_HEADERS, 2 * number + 1, &bomb)
    }),
];

/// So many frames or pairs of them are offered on a connection, and so many bytes; all of it is taken from none. What the
/// system holds of a connection for both ends is less.
const OFFERED: u32 = 200_000;
const OFFERED_BYTES: usize = 16 * 1024 * 1024;

/// So many are written at once.
const AT_ONCE: u32 = 100;

/// So many connections follow one another.
const CONNECTIONS: u32 = 2;

/// What may stay, in kB: 16 MiB.
const MOST: u64 = 16 * 1024;

/// The memory of a process in kB: what it has now, and the most that it had.
fn memory(process: &Process) -> [u64; 2] {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    ["VmRSS:", "VmHWM:"].map(|key| {
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_leave_no_memory_behind_and_other_clients_are_served() {
    let process = Process::start("[log]\nlevel = \"info,h2=error\"\n").await;
    let mut customers = process.customers().await;
    list(&mut customers).await.unwrap();
    let asked = || process.sandbox().requests(Some(Operation::GetCustomers));
    let [mut before, mut peak] = memory(&process);
    for (calls, (what, first, flood)) in FLOODS.into_iter().enumerate() {
        for _ in 0..CONNECTIONS {
            let is_cut = floods(&process, first, flood).await;
            assert!(is_cut, "{what} goes on for ever");
            list(&mut customers).await.unwrap();
        }
        let [now, most] = memory(&process);
        // The most that it had may have been under another flood.
        assert!(
            now < before + MOST && (most == peak || most < before + MOST),
            "{what}: {before} kB before, {most} kB at most, {now} kB now"
        );
        (before, peak) = (now, most);
        // Nothing of it reaches the vendor.
        assert_eq!(asked().len(), 1 + (calls + 1) * CONNECTIONS as usize);
    }
    process.signal(Signal::TERM);
    process.ends().await;
}

/// Floods a connection of its own until that ends, and answers whether it did before all was sent.
async fn floods(process: &Process, first: fn() -> Vec<u8>, flood: fn(u32) -> Vec<u8>) -> bool {
    let (mut reader, mut writer) = Peer::new(process.grpc).await.into_inner().into_split();
    let reads = tokio::spawn(async move { tokio::io::copy(&mut reader, &mut sink()).await });
    let (mut sent, mut bytes) = (0, 0);
    let mut is_cut = writer.write_all(&first()).await.is_err();
    while !is_cut && (sent < OFFERED || bytes < OFFERED_BYTES) {
        let some: Vec<u8> = (sent..sent + AT_ONCE).flat_map(flood).collect();
        is_cut = writer.write_all(&some).await.is_err();
        sent += AT_ONCE;
        bytes += some.len();
    }
    drop(writer);
    // It may end one way or the other.
    let _ = timeout(PATIENCE, reads).await.expect("it does not end");
    is_cut
}
