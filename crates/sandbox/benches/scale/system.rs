//! What the system says of a process. The benchmarks of other packages include this file.
#![allow(
    dead_code,
    reason = "the benchmarks that include this file need different parts of it"
)]

use std::fs;

/// Bytes of memory in use, where the system tells.
pub(crate) fn resident_bytes(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes = line.trim().strip_suffix("kB")?.trim().parse::<u64>();
    Some(kibibytes.ok()? * 1024)
}

/// Nanoseconds that its threads have spent on a processor, where the system tells.
pub(crate) fn processor_nanoseconds(process: u32) -> Option<u64> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    threads
        .map(|thread| {
            let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        })
        .sum()
}
