//! Random choices that a seed repeats.

use fastrand::Rng;

/// What it is used for needs variety, not secrecy.
pub(crate) struct Random(Rng);

impl Random {
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// A number below `end`, which is not zero.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    /// True once in `times`.
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'items, T>(&mut self, items: &'items [T]) -> &'items T {
        &items[self.below(items.len())]
    }

    pub(crate) fn bytes(&mut self, longest: usize) -> Vec<u8> {
        let length = self.below(longest + 1);
        (0..length).map(|_| self.0.u8(..)).collect()
    }
}
