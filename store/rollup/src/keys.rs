//! Ids as numbers of 64 bits that nobody outside can foresee, so that nobody can choose ids that meet.

/// How ids are made into keys, for the life of one memory or one census.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys([u64; 2]);

impl Keys {
    /// `seed`: a random number.
    pub(crate) fn new(seed: u64) -> Self {
        Self([scattered(seed), scattered(seed.wrapping_add(1))])
    }

    pub(crate) fn trace(&self, id: &[u8; 16]) -> u64 {
        let halves = u128::from_le_bytes(*id);
        folded(halves as u64 ^ self.0[0], (halves >> 64) as u64 ^ self.0[1])
    }

    /// A span of a trace with this key.
    pub(crate) fn span(&self, trace: u64, id: u64) -> u64 {
        folded(trace ^ id ^ self.0[1], self.0[0] ^ 0xa076_1d64_78bd_642f)
    }

    /// Something beside the span of this key.
    pub(crate) fn beside(&self, key: u64, what: u64) -> u64 {
        folded(key ^ self.0[0], self.0[1] ^ (what + 1).wrapping_mul(0xe703_7ed1_a0b4_28db))
    }
}

fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// A number that looks random, of any number (the finalizer of splitmix64).
fn scattered(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
