//! Compressors that wait for the next column: to make one costs as much as to compress a page of numbers.
//!
//! It knows no format. Invariant: there are never more than there were columns compressed at one time, and
//! they are gone with the file they were made for.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use zstd::bulk::Compressor;

/// Those that are not in use, by their level.
#[derive(Default)]
pub(crate) struct Squeezers(Mutex<BTreeMap<i32, Vec<Compressor<'static>>>>);

/// A compressor on loan: it goes back when it is dropped.
pub(crate) struct Squeezer<'s> {
    home: &'s Squeezers,
    level: i32,
    compressor: Option<Compressor<'static>>,
}

impl Squeezers {
    pub(crate) fn take(&self, level: i32) -> io::Result<Squeezer<'_>> {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&level).and_then(Vec::pop);
        let compressor = waiting.map_or_else(|| Compressor::new(level), Ok)?;
        Ok(Squeezer { home: self, level, compressor: Some(compressor) })
    }
}

impl Squeezer<'_> {
    pub(crate) fn compress(&mut self, plain: &[u8]) -> io::Result<Vec<u8>> {
        match &mut self.compressor {
            Some(compressor) => compressor.compress(plain),
            None => Err(io::Error::other("a compressor was given back and then used")),
        }
    }
}

impl Drop for Squeezer<'_> {
    fn drop(&mut self) {
        let mut waiting = self.home.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(self.level).or_default().extend(self.compressor.take());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;

    #[test]
    fn a_compressor_goes_back_and_what_it_makes_is_the_same_again() {
        let squeezers = Squeezers::default();
        let plain = b"the same and the same and the same and the same".repeat(9);
        let first = squeezers.take(1).unwrap().compress(&plain).unwrap();
        assert_eq!(squeezers.0.lock().unwrap()[&1].len(), 1);
        let mut again = squeezers.take(1).unwrap();
        assert!(squeezers.0.lock().unwrap()[&1].is_empty());
        assert_eq!(again.compress(&plain).unwrap(), first);
        assert_eq!(zstd::bulk::decompress(&first, plain.len()).unwrap(), plain);
    }
}
