//! Passwords: which are good enough, and their hashes (argon2id), so many at a time.
//!
//! Invariant: an unknown name costs as much as a known one. A hash takes 19 MiB and tens of milliseconds:
//! what is asked for beyond the bound is refused, not queued without end.

use crate::AccessError;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use metastore::PasswordText;
use rand::TryRngCore;
use serde::Deserialize;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

/// Cost of one hash: memory in KiB, passes, lanes.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const CHARS_MIN: usize = 10;
const BYTES_MAX: usize = 256;

/// A password as somebody typed it. Shows nothing of itself.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Password)]
pub struct Password(String);

impl Password {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Why it is not good enough for the user of this name; none when it is.
    pub fn weakness(&self, name: &str) -> Option<String> {
        let text = &self.0;
        let same = text.chars().next().is_some_and(|first| text.chars().all(|c| c == first));
        match () {
            () if text.chars().count() < CHARS_MIN => Some(format!("a password has at least {CHARS_MIN} characters")),
            () if text.len() > BYTES_MAX => Some(format!("a password has at most {BYTES_MAX} bytes")),
            () if text.eq_ignore_ascii_case(name) => Some("a password is not the user's name".to_owned()),
            () if same => Some("a password is more than one character repeated".to_owned()),
            () => None,
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Hashes passwords, a bounded number at a time and a bounded number waiting.
#[derive(Debug)]
pub(crate) struct Hasher {
    places: Arc<Semaphore>,
    asked: Arc<AtomicUsize>,
    asked_max: usize,
    /// What a password is compared with when nobody has the name: matches none.
    decoy: PasswordText,
}

/// One that asked for a hash, until it is done.
struct Asked(Arc<AtomicUsize>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Hasher {
    pub(crate) fn new(places: usize, waiting_max: usize) -> Result<Self, AccessError> {
        let places = places.max(1);
        let (salt, output) = (SaltString::encode_b64(&random::<16>()?), SaltString::encode_b64(&random::<32>()?));
        let (salt, output) = (salt.map_err(broken)?, output.map_err(broken)?);
        let decoy = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${output}");
        Ok(Self {
            places: Arc::new(Semaphore::new(places)),
            asked: Arc::default(),
            asked_max: places + waiting_max,
            decoy: PasswordText(decoy),
        })
    }

    /// The hash of a password, with a salt of its own.
    pub(crate) async fn hash(&self, password: Password) -> Result<PasswordText, AccessError> {
        let salt = random::<16>()?;
        self.beside(move || {
            let salt = SaltString::encode_b64(&salt).map_err(broken)?;
            let hash = argon2()?.hash_password(password.0.as_bytes(), &salt).map_err(broken)?;
            Ok(PasswordText(hash.to_string()))
        })
        .await
    }

    /// Whether a password is the one of this hash; without a hash as much work, and false.
    pub(crate) async fn verify(&self, password: Password, hash: Option<PasswordText>) -> Result<bool, AccessError> {
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        self.beside(move || {
            let parsed = PasswordHash::new(&hash.0).map_err(broken)?;
            Ok(argon2()?.verify_password(password.0.as_bytes(), &parsed).is_ok())
        })
        .await
    }

    /// Runs on a thread of its own. A place stays taken until the work ends, even if nobody waits for it.
    async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, AccessError> + Send + 'static,
    ) -> Result<T, AccessError> {
        if self.asked.fetch_add(1, Relaxed) >= self.asked_max {
            self.asked.fetch_sub(1, Relaxed);
            return Err(AccessError::Busy);
        }
        let asked = Asked(Arc::clone(&self.asked));
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(broken)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((place, asked));
            done
        });
        done.await.map_err(broken)?
    }
}

fn argon2() -> Result<Argon2<'static>, AccessError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(broken)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn random<const BYTES: usize>() -> Result<[u8; BYTES], AccessError> {
    let mut bytes = [0; BYTES];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(broken)?;
    Ok(bytes)
}

fn broken(error: impl fmt::Display) -> AccessError {
    AccessError::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_its_own_hash_only_and_nobody_has_none() {
        let hasher = Hasher::new(2, 2).unwrap();
        let hash = hasher.hash(Password::new("correct horse")).await.unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.0);
        let again = hasher.hash(Password::new("correct horse")).await.unwrap();
        assert_ne!(hash, again, "each has its own salt");
        for (password, hash, right) in [
            ("correct horse", Some(hash.clone()), true),
            ("correct horse", Some(again), true),
            ("Correct horse", Some(hash), false),
            ("correct horse", None, false),
        ] {
            assert_eq!(hasher.verify(Password::new(password), hash).await.unwrap(), right, "{password}");
        }
    }

    #[tokio::test]
    async fn an_unknown_name_costs_a_whole_hash() {
        let hasher = Hasher::new(1, 1).unwrap();
        let decoy = PasswordHash::new(&hasher.decoy.0).unwrap();
        let params = Params::try_from(&decoy).unwrap();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (MEMORY_KIB, PASSES, LANES));
        assert_eq!(decoy.hash.unwrap().len(), 32);
    }

    #[tokio::test]
    async fn beyond_its_places_and_its_queue_it_is_busy_and_recovers() {
        let hasher = Arc::new(Hasher::new(1, 2).unwrap());
        let held = Arc::clone(&hasher.places).acquire_owned().await.unwrap();
        let ask = || {
            let hasher = Arc::clone(&hasher);
            tokio::spawn(async move { hasher.verify(Password::new("x"), None).await })
        };
        let waiting: Vec<_> = (0..3).map(|_| ask()).collect();
        while hasher.asked.load(Relaxed) < 3 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(ask().await.unwrap(), Err(AccessError::Busy)));
        drop(held);
        for one in waiting {
            assert!(!one.await.unwrap().unwrap());
        }
        assert_eq!(hasher.asked.load(Relaxed), 0);
        assert!(!ask().await.unwrap().unwrap());
    }

    #[test]
    fn a_weak_password_is_told_why() {
        for (password, says) in [
            ("short", Some("at least 10")),
            ("珍珠奶茶十个字密码吧", None),
            ("alexandria", Some("name")),
            ("AlexAndria", Some("name")),
            ("aaaaaaaaaaaa", Some("repeated")),
            ("long enough", None),
            (&*"ab".repeat(129), Some("at most 256")),
        ] {
            let weakness = Password::new(password).weakness("alexandria");
            match says {
                None => assert_eq!(weakness, None, "{password}"),
                Some(part) => assert!(weakness.unwrap().contains(part), "{password}"),
            }
        }
        assert!(!format!("{:?}", Password::new("canary")).contains("canary"));
    }
}
