//! Seeded randomness: the seed is printed, and can be given again by `STORMGLASS_TEST_SEED`.

use crate::environment;
use rand::rngs::SmallRng;
use rand::{RngCore, SeedableRng};

/// The seed of a test, printed so that a failure can be repeated.
pub fn seed(test: &str) -> u64 {
    let seed = environment::number("STORMGLASS_TEST_SEED", environment::now() & 0xffff_ffff);
    println!("{test}: STORMGLASS_TEST_SEED={seed}");
    seed
}

pub fn generator(seed: u64) -> SmallRng {
    SmallRng::seed_from_u64(seed)
}

/// `N` random bytes that are not all zero.
pub fn id<const N: usize>(random: &mut impl RngCore) -> Vec<u8> {
    let mut bytes = vec![0; N];
    random.fill_bytes(&mut bytes);
    bytes[0] |= 1;
    bytes
}
