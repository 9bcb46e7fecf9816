//! Keeping all processes on one processor while they are compared.
//!
//! Where the scheduler puts a client and its server makes twins differ by a factor of two, far more than what is measured
//! here. On one processor there is nothing to choose.

#[cfg(not(target_os = "linux"))]
use anyhow::Result;

#[cfg(target_os = "linux")]
pub(crate) use linux::{leave, stay_on_one};

#[cfg(target_os = "linux")]
mod linux {
    use anyhow::{Context as _, Result};
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    /// Moves this process, and those it starts from now on, to one processor. Answers where they were allowed before.
    pub(crate) fn stay_on_one() -> Result<CpuSet> {
        let allowed = sched_getaffinity(None)?;
        let first = (0..CpuSet::MAX_CPU)
            .find(|processor| allowed.is_set(*processor))
            .context("no processor")?;
        let mut one = CpuSet::new();
        one.set(first);
        sched_setaffinity(None, &one)?;
        Ok(allowed)
    }

    /// Ends it for this process and those it starts from now on.
    pub(crate) fn leave(allowed: CpuSet) -> Result<()> {
        Ok(sched_setaffinity(None, &allowed)?)
    }
}

/// Does nothing where it is not known how: expect noise.
#[cfg(not(target_os = "linux"))]
pub(crate) fn stay_on_one() -> Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn leave((): ()) -> Result<()> {
    Ok(())
}
