//! 128-bit content hashes.

use std::fmt;

/// 128 bits over some content. Two makers, for two kinds of risk: [`ContentHash::of_body`] names a
/// request body among those of one credential (speed matters, nobody gains by a collision);
/// [`ContentHash::of_identity`] names shared things such as resources, where a collision would let
/// one sender rewrite another's data, so it is cryptographic.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ContentHash(pub [u8; 16]);

impl ContentHash {
    /// xxh3-128 of a request body, seeded by what the body belongs to (workspace, token, signal).
    pub fn of_body(seed: u64, body: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128_with_seed(body, seed).to_be_bytes())
    }

    /// A 64-bit seed for [`ContentHash::of_body`] from the scope a body was sent in.
    pub fn seed(scope: &[&str]) -> u64 {
        let mut hasher = xxhash_rust::xxh3::Xxh3::new();
        for part in scope {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.digest()
    }

    /// The first 128 bits of BLAKE3 over a canonical encoding.
    pub fn of_identity(canonical: &[u8]) -> Self {
        let mut out = [0; 16];
        out.copy_from_slice(&blake3::hash(canonical).as_bytes()[..16]);
        Self(out)
    }

    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
