//! What a process spends on processors, as Linux tells it.

use std::{collections::BTreeMap, fs};

/// What a process has spent since it started.
pub(crate) struct Spent {
    /// Nanoseconds of each thread that there is.
    threads: BTreeMap<u32, u64>,
    /// In the program and in the system, in ticks, with the threads that have ended.
    ticks: [u64; 2],
}

/// What a process has spent between two moments.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) microseconds: f64,
    /// The share of it that was spent in the system.
    pub(crate) system: f64,
}

impl Spent {
    /// By this process, until now.
    pub(crate) fn by(process: u32) -> Self {
        let folder = format!("/proc/{process}");
        let stat = fs::read_to_string(format!("{folder}/stat")).expect("Linux tells of processes");
        // The name may hold anything; what comes behind it does not.
        let (_, rest) = stat.rsplit_once(')').expect("a name in brackets");
        let mut fields = rest.split_whitespace().skip(11).map(str::parse);
        let mut next = || fields.next().and_then(Result::ok).unwrap_or_default();
        let ticks = [next(), next()];
        let entries = fs::read_dir(format!("{folder}/task")).expect("it runs");
        let threads = entries.flatten().filter_map(|thread| {
            let number = thread.file_name().to_str()?.parse().ok()?;
            // One that ends right now is counted in ticks.
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            Some((number, text.split(' ').next()?.parse().ok()?))
        });
        Self {
            threads: threads.collect(),
            ticks,
        }
    }

    /// What it has spent since `before`: to the nanosecond, or to the tick where a thread has ended meanwhile.
    pub(crate) fn since(&self, before: &Self) -> Cost {
        let [program, system] = [0, 1].map(|part| (self.ticks[part] - before.ticks[part]) as f64);
        let all = program + system;
        let ended = before
            .threads
            .keys()
            .any(|thread| !self.threads.contains_key(thread));
        let microseconds = if ended {
            all * 1_000_000.0 / rustix::param::clock_ticks_per_second() as f64
        } else {
            let sum = |spent: &Self| spent.threads.values().sum::<u64>();
            (sum(self) - sum(before)) as f64 / 1_000.0
        };
        let system = if all > 0.0 { system / all } else { 0.0 };
        Cost {
            microseconds,
            system,
        }
    }
}
