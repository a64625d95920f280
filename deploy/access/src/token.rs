//! The text of a token: `sg_<8 hex id>_<64 hex secret>`. Only its hash is ever stored.

use rand::TryRngCore;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// 256 random bits. Shows nothing of itself.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl Secret {
    /// A new one from the operating system's randomness; an error when that gives none.
    pub fn generate() -> std::io::Result<Self> {
        let mut bytes = [0; 32];
        rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(std::io::Error::other)?;
        Ok(Self(bytes))
    }

    /// Reads 64 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// All of it, in hex: for its holder only.
    pub fn reveal(&self) -> String {
        hex::encode(self.0)
    }

    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// Compares with a stored hash in constant time.
    pub fn matches(&self, hash: &[u8; 32]) -> bool {
        self.hash()[..].ct_eq(&hash[..]).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A token as its holder has it.
#[derive(Clone, Debug)]
pub struct TokenText {
    /// What may be shown and is looked up by.
    pub prefix: String,
    pub secret: Secret,
}

impl TokenText {
    /// A new one from the operating system's randomness; an error when that gives none.
    pub fn generate() -> std::io::Result<Self> {
        let mut prefix = [0; 4];
        rand::rngs::OsRng.try_fill_bytes(&mut prefix).map_err(std::io::Error::other)?;
        Ok(Self { prefix: hex::encode(prefix), secret: Secret::generate()? })
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (prefix, secret) = text.strip_prefix("sg_")?.split_once('_')?;
        let secret = Secret::parse(secret)?;
        let well_formed = prefix.len() == 8 && prefix.bytes().all(|b| b.is_ascii_hexdigit());
        well_formed.then(|| Self { prefix: prefix.to_owned(), secret })
    }

    /// The whole text: shown once, when the token is made.
    pub fn reveal(&self) -> String {
        format!("sg_{}_{}", self.prefix, self.secret.reveal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_matches_its_hash_only() {
        let token = TokenText::generate().unwrap();
        let read = TokenText::parse(&token.reveal()).unwrap();
        assert_eq!(read.prefix, token.prefix);
        assert!(read.secret.matches(&token.secret.hash()));
        assert!(!read.secret.matches(&TokenText::generate().unwrap().secret.hash()));
    }

    #[test]
    fn text_of_another_shape_is_no_token() {
        let good = TokenText::generate().unwrap().reveal();
        for bad in ["", "sg_", "sg_12345678_", &good[1..], &good[..good.len() - 2], &good.replace("sg_", "sg_z")] {
            assert!(TokenText::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn debug_text_shows_no_secret() {
        let token = TokenText::generate().unwrap();
        assert!(!format!("{token:?}").contains(&token.secret.reveal()));
    }
}
