//! What became of the rows so far, as the lines of a journal tell it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use roaring::RoaringBitmap;
use uuid::Uuid;

use super::line::{Finished, Line, Partly, Reason};

/// This many rows share a digest by which a change of the file is noticed.
const BLOCK: u32 = 1024;

/// A row that was sent, and nobody knows what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Doubt {
    pub(crate) request_id: Uuid,
    pub(crate) since: Timestamp,
}

/// What became of the rows so far.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Past {
    pub(crate) done: RoaringBitmap,
    pub(crate) failed: BTreeMap<Reason, RoaringBitmap>,
    pub(crate) partly: BTreeMap<u32, Partly>,
    pub(crate) doubt: BTreeMap<u32, Doubt>,
    pub(crate) finished: Option<Finished>,
    /// The name and the digest of the last report.
    pub(crate) reported: Option<(String, String)>,
    /// The request ids of all these rows, by block, one over the other: they are what they were if the rows are.
    digests: BTreeMap<u32, u128>,
}

impl Past {
    /// Whether a row was sent already.
    pub(crate) fn knows(&self, row: u32) -> bool {
        self.done.contains(row) || self.doubt.contains_key(&row) || self.has_failed(row).is_some()
    }

    /// Why a row has failed, if it has.
    pub(crate) fn has_failed(&self, row: u32) -> Option<&Reason> {
        self.failed
            .iter()
            .find_map(|(reason, rows)| rows.contains(row).then_some(reason))
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failed.values().map(RoaringBitmap::len).sum()
    }

    fn last_known(&self) -> u32 {
        let failed = self.failed.values().filter_map(RoaringBitmap::max).max();
        let doubt = self.doubt.keys().last().copied();
        self.done.max().max(failed).max(doubt).unwrap_or(0)
    }

    pub(crate) fn add(&mut self, line: Line) {
        match line {
            Line::Import { .. } => {}
            Line::Sending {
                row,
                request_id,
                at,
                line: _,
            } => {
                if !self.knows(row) {
                    *self.digests.entry(row / BLOCK).or_default() ^= request_id.as_u128();
                }
                // Sent again, it is still from the first time on that the gateway counts.
                self.doubt.entry(row).or_insert(Doubt {
                    request_id,
                    since: at,
                });
            }
            Line::Done { row, record_id: _ } => {
                self.doubt.remove(&row);
                self.done.insert(row);
            }
            Line::Failed {
                row,
                reason,
                partly,
                line: _,
            } => {
                self.doubt.remove(&row);
                self.failed.entry(reason).or_default().insert(row);
                if !partly.is_empty() {
                    self.partly.insert(row, partly);
                }
            }
            Line::Unsent { row } => {
                if let Some(doubt) = self.doubt.remove(&row) {
                    *self.digests.entry(row / BLOCK).or_default() ^= doubt.request_id.as_u128();
                }
            }
            Line::Reported { name, digest } => self.reported = Some((name, digest)),
            Line::Finished(finished) => self.finished = Some(finished),
        }
    }
}

/// Holds the rows of a file against those that were sent.
#[derive(Default)]
pub(crate) struct Comparison {
    digests: BTreeMap<u32, u128>,
    rows: u32,
}

impl Comparison {
    /// Takes in a row of the file, with the request id that it would have.
    pub(crate) fn add(&mut self, past: &Past, row: u32, request_id: impl FnOnce() -> Uuid) {
        self.rows = row;
        if past.knows(row) {
            *self.digests.entry(row / BLOCK).or_default() ^= request_id().as_u128();
        }
    }

    /// The first and the last of a thousand rows among which one has changed since it was sent.
    pub(crate) fn changed(&self, past: &Past) -> Option<(u32, u32)> {
        let differs = |block: &u32| {
            let digest = |digests: &BTreeMap<u32, u128>| digests.get(block).copied().unwrap_or(0);
            digest(&self.digests) != digest(&past.digests)
        };
        let block = past.digests.keys().copied().find(differs);
        let block =
            block.or_else(|| (past.last_known() > self.rows).then_some(self.rows / BLOCK))?;
        let first = block.saturating_mul(BLOCK).max(1);
        Some((first, block.saturating_mul(BLOCK).saturating_add(BLOCK - 1)))
    }
}
