//! How durations are distributed, in a few bytes that add up.
//!
//! A histogram of fixed logarithmic buckets: every power of two is cut into 64 equal pieces, and below
//! 128 ns each nanosecond is a bucket. A quantile is the middle of the bucket in which the nearest rank
//! lies, so it is wrong by no more than [`RELATIVE_ERROR`] of itself. Bucket edges are whole numbers: two
//! machines never disagree about them.
//!
//! Counts are signed. Sketches of rows that are taken back are subtracted like all other counts, and the
//! sum of all rows is the sketch of what remains. Invariant: merging is addition, so order and grouping
//! of rows change nothing.

/// Largest error of a quantile, as a share of its value: half a bucket of the widest kind.
pub const RELATIVE_ERROR: f64 = 1.0 / 128.0;

mod sum;

pub use sum::SketchSum;

/// First byte of the encoded form.
const FORMAT: u8 = 1;
/// Values below this have a bucket each.
const EXACT: i64 = 128;
const EXACT_BITS: u32 = 7;
/// Pieces of a power of two, as bits.
const PIECE_BITS: u32 = 6;
const BUCKETS: u16 = EXACT as u16 + ((63 - EXACT_BITS as u16) << PIECE_BITS);

/// A distribution of durations in nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Sketch {
    /// The first few buckets, while they are few: most counts of ten seconds need no more.
    few: [(u16, i32); FEW],
    len: u8,
    /// All buckets, once they are more. Both ascend by bucket, and no count is zero.
    many: Vec<(u16, i64)>,
}

const FEW: usize = 6;

impl PartialEq for Sketch {
    fn eq(&self, other: &Self) -> bool {
        self.entries().eq(other.entries())
    }
}

impl Eq for Sketch {}

/// Bytes that are no sketch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SketchError {
    #[error("sketch of format {0}, this release reads {FORMAT}")]
    Format(u8),
    #[error("sketch is cut short or damaged")]
    Damaged,
}

/// The bucket of a duration. Negative ones (clocks that went back) count as zero.
#[inline]
pub(crate) fn bucket(duration: i64) -> u16 {
    if duration < EXACT {
        return duration.max(0) as u16;
    }
    let exponent = 63 - duration.leading_zeros();
    let piece = (duration >> (exponent - PIECE_BITS)) as u16 & ((1 << PIECE_BITS) - 1);
    EXACT as u16 + ((exponent - EXACT_BITS) << PIECE_BITS) as u16 + piece
}

/// The middle of a bucket.
fn middle(bucket: u16) -> i64 {
    if i64::from(bucket) < EXACT {
        return i64::from(bucket);
    }
    let above = u32::from(bucket) - EXACT as u32;
    let shift = EXACT_BITS + (above >> PIECE_BITS) - PIECE_BITS;
    let low = i64::from((1 << PIECE_BITS) | (above & ((1 << PIECE_BITS) - 1))) << shift;
    low + ((1_i64 << shift) >> 1)
}

impl Sketch {
    /// Counts a duration `times` times; negative to take it back.
    #[inline]
    pub fn add(&mut self, duration: i64, times: i64) {
        self.add_bucket(bucket(duration), times);
    }

    #[inline]
    fn add_bucket(&mut self, bucket: u16, times: i64) {
        if self.many.is_empty() && self.add_to_few(bucket, times) {
            return;
        }
        if self.many.is_empty() {
            self.many = self.entries().collect();
            self.len = 0;
        }
        // Sketches are read in order: then all is behind what is there.
        if self.many.last().is_none_or(|(last, _)| *last < bucket) {
            if times != 0 {
                self.many.push((bucket, times));
            }
            return;
        }
        match self.many.binary_search_by_key(&bucket, |(b, _)| *b) {
            Ok(at) => {
                let count = self.many[at].1.wrapping_add(times);
                if count == 0 {
                    self.many.remove(at);
                } else {
                    self.many[at].1 = count;
                }
            }
            Err(_) if times == 0 => {}
            Err(at) => self.many.insert(at, (bucket, times)),
        }
    }

    /// False if there is no room.
    #[inline]
    fn add_to_few(&mut self, bucket: u16, times: i64) -> bool {
        let len = usize::from(self.len);
        let at = self.few[..len].iter().position(|(have, _)| *have >= bucket).unwrap_or(len);
        let have = if at < len && self.few[at].0 == bucket { i64::from(self.few[at].1) } else { 0 };
        let Ok(count) = i32::try_from(have.wrapping_add(times)) else { return false };
        match (have != 0, count != 0) {
            (true, true) => self.few[at].1 = count,
            (true, false) => {
                self.few.copy_within(at + 1..len, at);
                self.len -= 1;
            }
            (false, true) if len < FEW => {
                self.few.copy_within(at..len, at + 1);
                self.few[at] = (bucket, count);
                self.len += 1;
            }
            (false, true) => return false,
            (false, false) => {}
        }
        true
    }

    /// Buckets and counts, ascending.
    fn entries(&self) -> impl Iterator<Item = (u16, i64)> {
        let few = self.few[..usize::from(self.len)].iter().map(|(bucket, count)| (*bucket, i64::from(*count)));
        few.chain(self.many.iter().copied())
    }

    pub fn merge(&mut self, other: &Sketch) {
        other.entries().for_each(|(bucket, count)| self.add_bucket(bucket, count));
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0 && self.many.is_empty()
    }

    /// How many durations, those taken back subtracted.
    pub fn count(&self) -> i64 {
        self.entries().fold(0, |sum, (_, count)| sum.wrapping_add(count))
    }

    /// The duration below or at which the share `q` of all lie (nearest rank), within
    /// [`RELATIVE_ERROR`]; `None` of nothing, or for a share outside 0 to 1.
    pub fn quantile(&self, q: f64) -> Option<i64> {
        let total = self.entries().map(|(_, count)| count.max(0)).fold(0_i64, i64::saturating_add);
        if total == 0 || !(0.0..=1.0).contains(&q) {
            return None;
        }
        // A share such as 0.07 is a little more than it says: of 200 it is rank 14, not 15.
        let rank = ((q * total as f64 * (1.0 - 2.0 * f64::EPSILON)).ceil() as i64).clamp(1, total);
        let mut seen = 0_i64;
        for (bucket, count) in self.entries() {
            seen = seen.saturating_add(count.max(0));
            if seen >= rank {
                return Some(middle(bucket));
            }
        }
        None
    }

    /// Format byte, then for each bucket its distance from the one before and its count, as varints.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(&mut out);
        out
    }

    /// As [`Sketch::encode`], behind what is there already.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(FORMAT);
        let mut last = 0;
        for (bucket, count) in self.entries() {
            put_varint(out, u64::from(bucket - last));
            put_varint(out, ((count << 1) ^ (count >> 63)) as u64);
            last = bucket;
        }
    }

    /// # Errors
    /// When the bytes were not made by [`Sketch::encode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, SketchError> {
        let mut sketch = Self::default();
        sketch.merge_encoded(bytes)?;
        Ok(sketch)
    }

    /// Adds an encoded sketch.
    ///
    /// # Errors
    /// As [`Sketch::decode`]; what came before the damage has been added then.
    pub fn merge_encoded(&mut self, bytes: &[u8]) -> Result<(), SketchError> {
        each_encoded(bytes, |bucket, count| self.add_bucket(bucket, count))
    }

    /// Bytes of memory beside the struct itself.
    pub fn heap_bytes(&self) -> usize {
        self.many.capacity() * size_of::<(u16, i64)>()
    }
}

/// Gives every bucket and count of an encoded sketch to `add`.
#[inline]
fn each_encoded(bytes: &[u8], mut add: impl FnMut(u16, i64)) -> Result<(), SketchError> {
    let (format, mut rest) = bytes.split_first().ok_or(SketchError::Damaged)?;
    if *format != FORMAT {
        return Err(SketchError::Format(*format));
    }
    let mut bucket = 0_u64;
    while !rest.is_empty() {
        bucket = bucket.saturating_add(take_varint(&mut rest)?);
        let zigzag = take_varint(&mut rest)?;
        let count = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
        let number = u16::try_from(bucket).ok().filter(|b| *b < BUCKETS).ok_or(SketchError::Damaged)?;
        add(number, count);
    }
    Ok(())
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[inline]
fn take_varint(rest: &mut &[u8]) -> Result<u64, SketchError> {
    // Most distances and counts are small.
    if let Some((byte, left)) = rest.split_first().filter(|(byte, _)| **byte < 0x80) {
        *rest = left;
        return Ok(u64::from(*byte));
    }
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, left) = rest.split_first().ok_or(SketchError::Damaged)?;
        *rest = left;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(SketchError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[i64]) -> Sketch {
        let mut sketch = Sketch::default();
        values.iter().for_each(|v| sketch.add(*v, 1));
        sketch
    }

    #[test]
    fn every_duration_has_a_bucket_and_its_middle_is_near() {
        let powers = (0..63).map(|bits| 1_i64 << bits);
        for value in powers.flat_map(|p| [p - 1, p, p + p / 3, p + (p - 1)]).chain([i64::MAX]) {
            let found = middle(bucket(value));
            assert!(bucket(value) < BUCKETS, "{value}");
            assert_eq!(bucket(found), bucket(value), "{value}");
            assert!(value.abs_diff(found) as f64 <= RELATIVE_ERROR * value as f64 + 0.5, "{value}: {found}");
        }
        assert_eq!((bucket(-5), bucket(i64::MIN), middle(0)), (0, 0, 0));
    }

    #[test]
    fn of_nothing_there_is_no_quantile_and_a_share_is_a_share() {
        assert_eq!(Sketch::default().quantile(0.5), None);
        assert_eq!(of(&[7]).quantile(1.1), None);
        assert_eq!(of(&[7]).quantile(f64::NAN), None);
        assert_eq!((of(&[7, 9]).quantile(0.0), of(&[7, 9]).quantile(0.51)), (Some(7), Some(9)));
    }

    #[test]
    fn a_share_that_no_float_holds_exactly_has_its_own_rank() {
        let hundred: Vec<i64> = (1..=100).collect();
        for percent in 1..=100 {
            assert_eq!(of(&hundred).quantile(percent as f64 / 100.0), Some(percent), "{percent} %");
            assert_eq!(
                of(&[&hundred[..], &hundred].concat()).quantile(percent as f64 / 100.0),
                Some(percent),
                "{percent} % of 200"
            );
        }
    }

    #[test]
    fn bytes_that_are_no_sketch_are_refused() {
        for (bytes, expected) in [
            (&[][..], SketchError::Damaged),
            (&[2], SketchError::Format(2)),
            (&[1, 5], SketchError::Damaged),
            (&[1, 0x80], SketchError::Damaged),
            (&[1, 0xff, 0xff, 0x7f, 2], SketchError::Damaged),
            (&[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0], SketchError::Damaged),
        ] {
            assert_eq!(Sketch::decode(bytes), Err(expected), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn quantiles_are_within_their_error(values in prop::collection::vec(0..i64::MAX / 2, 1..200), percent in 1..=100_u32) {
            let sketch = of(&values);
            let mut sorted = values;
            sorted.sort_unstable();
            let rank = (sorted.len() * percent as usize).div_ceil(100);
            let (exact, found) = (sorted[rank - 1], sketch.quantile(f64::from(percent) / 100.0).unwrap());
            prop_assert!(exact.abs_diff(found) as f64 <= RELATIVE_ERROR * exact as f64 + 0.5);
        }

        #[test]
        fn what_is_added_and_taken_back_leaves_the_rest(kept in prop::collection::vec(any::<i64>(), 0..50), taken in prop::collection::vec(any::<i64>(), 0..50), seed: u64) {
            let mut parts = [Sketch::default(), Sketch::default(), Sketch::default()];
            for (i, value) in kept.iter().chain(&taken).enumerate() {
                parts[(seed as usize).wrapping_add(i) % 3].add(*value, 1);
            }
            taken.iter().for_each(|value| parts[1].add(*value, -1));
            let mut sum = Sketch::default();
            for part in &parts {
                sum.merge_encoded(&part.encode()).unwrap();
            }
            prop_assert_eq!(&sum, &of(&kept));
            let mut merged = parts[2].clone();
            merged.merge(&parts[0]);
            merged.merge(&parts[1]);
            prop_assert_eq!(&merged, &sum);
            prop_assert_eq!(Sketch::decode(&sum.encode()).unwrap(), sum);
        }
    }
}
