//! Finds rows with the same key in a file of any size: sorted pieces of it go to a temporary file, and are merged.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _},
};

/// This many keys are held in memory at once: 8 MiB.
const PIECE: usize = 1 << 18;
/// Bytes of a key's digest and of its row.
const LENGTH: usize = 20;
/// This many keys of a piece are read at once.
const CHUNK: u64 = 1024;

/// Two rows with the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// The row that has the key first.
    pub(crate) first: u32,
    /// The row that has it again.
    pub(crate) again: u32,
}

/// The keys of a file.
pub(crate) struct Keys {
    piece: Vec<(u128, u32)>,
    size: usize,
    /// Sorted pieces, one behind the other, and how many keys each of them has.
    file: Option<BufWriter<File>>,
    pieces: Vec<u64>,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self::with_pieces_of(PIECE)
    }

    fn with_pieces_of(size: usize) -> Self {
        Self {
            piece: Vec::new(),
            size,
            file: None,
            pieces: Vec::new(),
        }
    }

    /// Takes in the digest of the key of a row.
    pub(crate) fn add(&mut self, key: u128, row: u32) -> io::Result<()> {
        self.piece.push((key, row));
        if self.piece.len() >= self.size {
            self.put_down()?;
        }
        Ok(())
    }

    fn put_down(&mut self) -> io::Result<()> {
        self.piece.sort_unstable();
        if self.file.is_none() {
            self.file = Some(BufWriter::new(tempfile::tempfile()?));
        }
        if let Some(file) = &mut self.file {
            for (key, row) in &self.piece {
                file.write_all(&key.to_be_bytes())?;
                file.write_all(&row.to_be_bytes())?;
            }
            file.flush()?;
        }
        self.pieces
            .push(u64::try_from(self.piece.len()).unwrap_or(u64::MAX));
        self.piece.clear();
        Ok(())
    }

    /// Tells each row whose key a row before it has, in the order of the keys.
    pub(crate) fn repeated(mut self, mut tell: impl FnMut(Pair)) -> io::Result<()> {
        let mut before: Option<(u128, u32)> = None;
        let mut see = |key, row| match before {
            Some((same, first)) if same == key => tell(Pair { first, again: row }),
            Some(_) | None => before = Some((key, row)),
        };
        if self.file.is_none() {
            self.piece.sort_unstable();
            self.piece.iter().for_each(|(key, row)| see(*key, *row));
            return Ok(());
        }
        self.put_down()?;
        let Some(file) = self.file.take() else {
            return Ok(());
        };
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        let (mut runs, mut start) = (Vec::new(), 0);
        for count in &self.pieces {
            runs.push(Run {
                at: start,
                left: *count,
                chunk: Vec::new().into_iter(),
            });
            start += count * LENGTH as u64;
        }
        let mut heap = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            heap.extend(
                run.next(&mut file)?
                    .map(|(key, row)| Reverse((key, row, number))),
            );
        }
        while let Some(Reverse((key, row, number))) = heap.pop() {
            see(key, row);
            if let Some(run) = runs.get_mut(number) {
                heap.extend(
                    run.next(&mut file)?
                        .map(|(key, row)| Reverse((key, row, number))),
                );
            }
        }
        Ok(())
    }
}

/// A sorted piece while it is read.
struct Run {
    at: u64,
    /// How many of its keys are still in the file.
    left: u64,
    chunk: std::vec::IntoIter<(u128, u32)>,
}

impl Run {
    fn next(&mut self, file: &mut File) -> io::Result<Option<(u128, u32)>> {
        if self.chunk.len() == 0 && self.left > 0 {
            let count = self.left.min(CHUNK);
            let mut bytes = vec![0; usize::try_from(count).unwrap_or(0) * LENGTH];
            file.seek(SeekFrom::Start(self.at))?;
            file.read_exact(&mut bytes)?;
            self.at += bytes.len() as u64;
            self.left -= count;
            let keys: Vec<_> = bytes.chunks_exact(LENGTH).map(key).collect();
            self.chunk = keys.into_iter();
        }
        Ok(self.chunk.next())
    }
}

fn key(bytes: &[u8]) -> (u128, u32) {
    let (mut key, mut row) = ([0; 16], [0; 4]);
    key.copy_from_slice(&bytes[..16]);
    row.copy_from_slice(&bytes[16..LENGTH]);
    (u128::from_be_bytes(key), u32::from_be_bytes(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(keys: Keys) -> Vec<(u32, u32)> {
        let mut found = Vec::new();
        keys.repeated(|pair| found.push((pair.first, pair.again)))
            .unwrap();
        found
    }

    #[test]
    fn repeated_keys_are_found_in_memory_and_over_pieces() {
        for size in [1, 2, 3, 7, 1000] {
            let mut keys = Keys::with_pieces_of(size);
            for (row, key) in [(1, 50), (2, 40), (3, 50), (4, 30), (5, 40), (6, 50)] {
                keys.add(key, row).unwrap();
            }
            assert_eq!(pairs(keys), [(2, 5), (1, 3), (1, 6)], "pieces of {size}");
        }
    }

    #[test]
    fn keys_that_differ_are_no_pair() {
        let mut keys = Keys::with_pieces_of(10);
        for row in 0..5000_u32 {
            keys.add(u128::from(row) << 100, row).unwrap();
        }
        assert_eq!(pairs(keys), []);
    }
}
