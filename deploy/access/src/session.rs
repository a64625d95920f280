//! Sessions of browsers: the secret in the cookie, and until when it counts.
//!
//! The cookie holds 256 random bits; what is stored is their hash. The word by which a page proves that it
//! is ours (against forged requests) is made of the same bits, so that nothing more is kept, and tells
//! nothing of them.

use crate::caller::Client;
use crate::{AccessError, Secret, Settings};
use metastore::SessionRow;
use model::UnixNanos;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;
use subtle::ConstantTimeEq;

/// How often a use is written down: often enough for limits of hours.
pub(crate) const WRITTEN_EVERY: Duration = Duration::from_secs(60);

/// What a browser holds.
#[derive(Clone, Debug)]
pub(crate) struct SessionId(Secret);

impl SessionId {
    pub(crate) fn generate() -> Result<Self, AccessError> {
        Secret::generate().map(Self).map_err(|error| AccessError::Broken(error.to_string()))
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Secret::parse(text).map(Self)
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        self.0.hash()
    }

    /// What a page of ours says with every change.
    pub(crate) fn csrf(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(b"stormglass csrf 1\0");
        digest.update(self.reveal().as_bytes());
        hex::encode(digest.finalize())
    }

    /// Compares in constant time.
    pub(crate) fn is_csrf(&self, told: &str) -> bool {
        self.csrf().as_bytes().ct_eq(told.as_bytes()).into()
    }

    /// All of it, for its holder only.
    pub(crate) fn reveal(&self) -> String {
        self.0.reveal()
    }

    /// Value of `set-cookie`. Lax: links from elsewhere arrive signed in, and change nothing.
    pub(crate) fn cookie(&self, client: &Client, lasts: Duration) -> String {
        set_cookie(client, &self.reveal(), lasts.as_secs())
    }
}

/// Value of `set-cookie` that takes it away.
pub(crate) fn no_cookie(client: &Client) -> String {
    set_cookie(client, "", 0)
}

fn set_cookie(client: &Client, value: &str, seconds: u64) -> String {
    let secure = if client.secure { "; Secure" } else { "" };
    format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}", client.cookie_name())
}

/// A session in memory.
#[derive(Debug)]
pub(crate) struct Live {
    row: SessionRow,
    last_used: AtomicI64,
    /// The last use that is written down.
    written: AtomicI64,
}

impl Live {
    pub(crate) fn new(row: SessionRow) -> Self {
        let used = row.last_used.0;
        Self { row, last_used: AtomicI64::new(used), written: AtomicI64::new(used) }
    }

    pub(crate) fn row(&self) -> &SessionRow {
        &self.row
    }

    /// When it ends if it is not used again.
    pub(crate) fn ends(&self, settings: &Settings) -> UnixNanos {
        let idle = UnixNanos(self.last_used.load(Relaxed)).saturating_add(settings.session_idle_max);
        idle.min(self.row.created.saturating_add(settings.session_age_max))
    }

    pub(crate) fn touch(&self, now: UnixNanos) {
        self.last_used.fetch_max(now.0, Relaxed);
    }

    /// The last use, if it is time to write it down.
    fn unwritten(&self) -> Option<UnixNanos> {
        let (used, written) = (self.last_used.load(Relaxed), self.written.load(Relaxed));
        (UnixNanos(used) >= UnixNanos(written).saturating_add(WRITTEN_EVERY)).then(|| {
            self.written.store(used, Relaxed);
            UnixNanos(used)
        })
    }
}

/// All sessions, by the hash of their id.
#[derive(Debug, Default)]
pub(crate) struct LiveSessions(pub(crate) HashMap<[u8; 32], Live>);

impl LiveSessions {
    pub(crate) fn new(rows: Vec<SessionRow>) -> Self {
        Self(rows.into_iter().map(|row| (row.hash, Live::new(row))).collect())
    }

    pub(crate) fn unwritten(&self) -> Vec<([u8; 32], UnixNanos)> {
        self.0.iter().filter_map(|(hash, live)| Some((*hash, live.unwritten()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metastore::UserId;

    #[test]
    fn the_word_of_a_page_belongs_to_one_session_and_does_not_tell_its_id() {
        let (one, other) = (SessionId::generate().unwrap(), SessionId::generate().unwrap());
        assert!(one.is_csrf(&one.csrf()));
        for wrong in [other.csrf(), String::new(), one.csrf()[1..].to_owned(), one.0.reveal()] {
            assert!(!one.is_csrf(&wrong), "{wrong}");
        }
        assert!(!one.csrf().contains(&one.0.reveal()) && !format!("{one:?}").contains(&one.0.reveal()));
    }

    #[test]
    fn a_cookie_is_out_of_reach_of_scripts_and_over_tls_of_plain_text() {
        let id = SessionId::generate().unwrap();
        let lasts = Duration::from_secs(60);
        let plain = id.cookie(&Client::default(), lasts);
        let tls = id.cookie(&Client { ip: None, secure: true }, lasts);
        assert!(plain.starts_with("stormglass-session=") && !plain.contains("Secure"), "{plain}");
        assert!(tls.starts_with("__Host-stormglass=") && tls.ends_with("; Secure"), "{tls}");
        for cookie in [&plain, &tls] {
            assert!(cookie.contains("; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"), "{cookie}");
        }
        assert!(no_cookie(&Client::default()).starts_with("stormglass-session=; Path=/; Max-Age=0;"));
    }

    #[test]
    fn a_session_ends_by_rest_or_by_age_and_writes_its_uses_down_now_and_then() {
        let settings = Settings::default();
        let start = UnixNanos(UnixNanos::DAY);
        let row = SessionRow { hash: [1; 32], user: UserId(1), epoch: 0, created: start, last_used: start };
        let live = LiveSessions::new(vec![row]);
        let session = &live.0[&[1; 32]];
        assert_eq!(session.ends(&settings), start.saturating_add(settings.session_idle_max));
        session.touch(start.saturating_add(Duration::from_secs(59)));
        assert!(live.unwritten().is_empty());
        let late = start.saturating_add(settings.session_age_max).saturating_sub(Duration::from_secs(1));
        session.touch(late);
        session.touch(start);
        assert_eq!(session.ends(&settings), start.saturating_add(settings.session_age_max));
        assert_eq!(live.unwritten(), [([1; 32], late)]);
        assert!(live.unwritten().is_empty(), "once");
    }
}
