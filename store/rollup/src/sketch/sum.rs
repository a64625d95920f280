//! Many sketches added up.
//!
//! A sketch keeps only the buckets it has, in order, so that a new one costs a move of all above it: right
//! for a few durations, dear for a thousand sketches. A sum begins as a sketch too, and becomes a row of
//! counters, one a bucket, when it has more than a few; adding is then one step a bucket. The row reaches
//! from the lowest to the highest bucket that was met and never further, so its size is bounded by
//! [`super::BUCKETS`]. Invariant: what is added up is what [`Sketch::merge`] would give.

use super::{BUCKETS, Sketch, SketchError, each_encoded};

/// Buckets beyond which counters are cheaper.
const SPARSE_MAX: usize = 16;
/// Counters are made in steps of a power of two of durations.
const STEP: u16 = 64;

/// The sum of many sketches.
#[derive(Clone, Debug, Default)]
pub struct SketchSum {
    sparse: Sketch,
    /// Counts of the buckets from `low` on, once they are many.
    counts: Vec<i64>,
    low: u16,
}

impl SketchSum {
    #[inline]
    fn add_bucket(&mut self, bucket: u16, count: i64) {
        match self.counts.get_mut(usize::from(bucket.wrapping_sub(self.low))) {
            Some(known) => *known = known.wrapping_add(count),
            None => self.add_outside(bucket, count),
        }
    }

    #[cold]
    fn add_outside(&mut self, bucket: u16, count: i64) {
        if self.counts.is_empty() {
            self.sparse.add_bucket(bucket, count);
            if self.sparse.many.len() > SPARSE_MAX {
                let sparse = std::mem::take(&mut self.sparse);
                let ends = [sparse.many.first(), sparse.many.last()].map(|end| end.map_or(bucket, |(b, _)| *b));
                self.reach(ends[0], ends[1]);
                sparse.entries().for_each(|(bucket, count)| self.add_bucket(bucket, count));
            }
            return;
        }
        let high = self.low + (self.counts.len() - 1) as u16;
        self.reach(self.low.min(bucket), high.max(bucket));
        self.counts[usize::from(bucket - self.low)] = count;
    }

    /// Makes the row reach from the step of one bucket to that of another; it never shrinks.
    fn reach(&mut self, from: u16, to: u16) {
        let (low, end) = (from / STEP * STEP, (to / STEP + 1) * STEP);
        let below = if self.counts.is_empty() { 0 } else { usize::from(self.low - low) };
        drop(self.counts.splice(0..0, std::iter::repeat_n(0, below)));
        self.counts.resize(usize::from(end.min(BUCKETS) - low), 0);
        self.low = low;
    }

    /// Adds an encoded sketch.
    ///
    /// # Errors
    /// As [`Sketch::decode`]; what came before the damage has been added then.
    pub fn add_encoded(&mut self, bytes: &[u8]) -> Result<(), SketchError> {
        each_encoded(bytes, |bucket, count| self.add_bucket(bucket, count))
    }

    /// Adds another sum.
    pub fn add(&mut self, other: &SketchSum) {
        other.sparse.entries().for_each(|(bucket, count)| self.add_bucket(bucket, count));
        let counts = other.counts.iter().zip(other.low..).filter(|(count, _)| **count != 0);
        counts.for_each(|(count, bucket)| self.add_bucket(bucket, *count));
    }

    /// The sum as one sketch.
    pub fn sketch(&self) -> Sketch {
        match self.counts.is_empty() {
            true => self.sparse.clone(),
            false => {
                let mut sketch = Sketch::default();
                let counts = self.counts.iter().zip(self.low..).filter(|(count, _)| **count != 0);
                counts.for_each(|(count, bucket)| sketch.add_bucket(bucket, *count));
                sketch
            }
        }
    }

    /// Bytes of memory beside the struct itself.
    pub fn heap_bytes(&self) -> usize {
        self.sparse.heap_bytes() + self.counts.capacity() * size_of::<i64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_sum_is_what_merging_gives(durations in prop::collection::vec((0..60_u32, any::<u32>(), -2..3_i64), 0..400), size in 1..40_usize) {
            let (mut sum, mut merged) = (SketchSum::default(), Sketch::default());
            for some in durations.chunks(size) {
                let mut part = Sketch::default();
                some.iter().for_each(|(bits, low, times)| part.add((1_i64 << bits) | i64::from(*low), *times));
                sum.add_encoded(&part.encode()).unwrap();
                merged.merge(&part);
            }
            let mut twice = sum.clone();
            twice.add(&sum);
            merged.merge(&merged.clone());
            prop_assert_eq!(twice.sketch(), merged.clone());
            let mut once = Sketch::default();
            merged.entries().for_each(|(bucket, count)| once.add_bucket(bucket, count / 2));
            prop_assert_eq!(sum.sketch(), once);
            prop_assert!(sum.counts.len() <= usize::from(BUCKETS));
        }
    }

    #[test]
    fn the_ends_of_all_buckets_have_counters() {
        let mut sum = SketchSum::default();
        for bits in 0..63 {
            let mut one = Sketch::default();
            one.add(i64::MAX >> bits, 1);
            one.add(0, 1);
            sum.add_encoded(&one.encode()).unwrap();
        }
        assert_eq!((sum.low, sum.counts.len()), (0, usize::from(BUCKETS)));
        assert_eq!((sum.sketch().count(), sum.sketch().quantile(0.25)), (126, Some(0)));
        assert_eq!(sum.add_encoded(&[1, 5]), Err(SketchError::Damaged));
    }
}
