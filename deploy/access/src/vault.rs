//! Tokens, users and sessions in memory, kept in step with the metastore, so that checking one touches
//! no file.

use crate::attempts::{Attempts, Whose};
use crate::caller::Client;
use crate::check::Known;
use crate::figures::Counts;
use crate::password::Hasher;
use crate::session::{LiveSessions, WRITTEN_EVERY};
use crate::{AccessError, Caller, Need, Presented, Refusal, Settings};
use metastore::{Audit, Metastore, Sessions, TokenId, TokenRow, Tokens, Users};
use model::{Clock, UnixNanos};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How often what is too old leaves the metastore.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// The tables of the metastore that are worked with here.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) tokens: Tokens,
    pub(crate) users: Users,
    pub(crate) sessions: Sessions,
    pub(crate) audit: Audit,
}

/// Who may come in: tokens, users and their sessions, and the log of what they changed.
#[derive(Debug)]
pub struct Access {
    pub(crate) store: Tables,
    settings: Settings,
    clock: Arc<dyn Clock>,
    known: RwLock<Arc<Known>>,
    /// Tokens of this process's own parts: valid while it runs, stored nowhere.
    pub(crate) guests: Mutex<Vec<TokenRow>>,
    pub(crate) sessions: RwLock<LiveSessions>,
    /// When each token was last used, until it is written down.
    used: Mutex<HashMap<TokenId, UnixNanos>>,
    /// One reading at a time: an older one must not overwrite what a later one found.
    reading: tokio::sync::Mutex<()>,
    /// Monotonic time of the last reading, and of the last tidying.
    read: Mutex<Duration>,
    tidied: Mutex<Duration>,
    pub(crate) attempts: Mutex<Attempts>,
    pub(crate) hasher: Hasher,
    /// Hash of the secret that makes the first administrator, while there is none.
    pub(crate) setup: Mutex<Option<[u8; 32]>>,
    /// Whether the last row of the audit log could not be written.
    pub(crate) audit_failing: AtomicBool,
    pub(crate) counts: Counts,
}

/// Why a request is not let in, and whose it was where that is known.
#[derive(Debug)]
pub(crate) struct Denied {
    pub(crate) refusal: Refusal,
    pub(crate) caller: Option<Caller>,
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, caller: None }
    }
}

impl Access {
    pub async fn open(
        metastore: &Metastore,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, AccessError> {
        let store = Tables {
            tokens: metastore.tokens(),
            users: metastore.users(),
            sessions: metastore.sessions(),
            audit: metastore.audit(),
        };
        let known = Known::new(store.tokens.list().await?, store.users.list().await?, false);
        let sessions = LiveSessions::new(store.sessions.list().await?);
        Ok(Arc::new(Self {
            hasher: Hasher::new(settings.hashes_max, settings.hashes_waiting_max)?,
            attempts: Mutex::new(Attempts::new(settings.attempts_window, settings.attempts_remembered_max)),
            reading: tokio::sync::Mutex::default(),
            read: Mutex::new(clock.monotonic()),
            tidied: Mutex::new(clock.monotonic()),
            known: RwLock::new(Arc::new(known)),
            sessions: RwLock::new(sessions),
            used: Mutex::default(),
            guests: Mutex::default(),
            setup: Mutex::default(),
            audit_failing: AtomicBool::new(false),
            counts: Counts::default(),
            store,
            settings,
            clock,
        }))
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read())
    }

    /// Whether a request with these credentials may do what needs `needs`.
    pub(crate) async fn check(
        &self,
        needs: Need,
        presented: &Presented<'_>,
        client: &Client,
    ) -> Result<Caller, Denied> {
        if needs == Need::Nothing {
            return Ok(Caller::nobody());
        }
        match self.check_known(needs, presented) {
            Err(Denied { refusal: Refusal::BadToken, .. }) => self.guessed(needs, presented, client).await,
            decided => decided,
        }
    }

    /// A token that is not known may have been made a moment ago by another process. An address that
    /// presents many wrong ones is not looked up for any more; a good token is let in from there all the
    /// same, because one bad sender must not silence its neighbours, and 256 bits are not guessed.
    async fn guessed(&self, needs: Need, presented: &Presented<'_>, client: &Client) -> Result<Caller, Denied> {
        if let Some(ip) = client.ip {
            let (whose, max) = (Whose::Guesses(Whose::network(ip)), self.settings.attempts_per_address_max);
            if let Err(wait) = self.attempts.lock().take(whose, max, self.clock.monotonic()) {
                self.counts.guesses_limited.fetch_add(1, Relaxed);
                return Err(Refusal::TooManyGuesses(wait.as_secs() + 1).into());
            }
        }
        if self.may_look_up() {
            self.refresh_or_keep().await;
        }
        self.check_known(needs, presented)
    }

    fn check_known(&self, needs: Need, presented: &Presented<'_>) -> Result<Caller, Denied> {
        let now = self.clock.now();
        let identity = self.known().identify(presented, &self.sessions.read(), &self.settings, now)?;
        if let Some(refusal) = identity.refusal(needs, presented) {
            if refusal == Refusal::Csrf {
                self.counts.csrf_refused.fetch_add(1, Relaxed);
            }
            return Err(Denied { refusal, caller: Some(identity.caller) });
        }
        if let Some(id) = identity.token {
            self.used.lock().insert(id, now);
        }
        Ok(identity.caller)
    }

    pub(crate) fn may_look_up(&self) -> bool {
        let now = self.clock.monotonic();
        let mut read = self.read.lock();
        let may = now.saturating_sub(*read) >= self.settings.lookup_pause;
        if may {
            *read = now;
        }
        may
    }

    /// Whether no token and no user was ever made, so that loopback is open.
    pub fn is_open(&self) -> bool {
        self.known.read().is_open()
    }

    /// Reads tokens and users again and writes down which were used.
    pub async fn refresh(&self) -> Result<(), AccessError> {
        let _alone = self.reading.lock().await;
        let used: Vec<_> = std::mem::take(&mut *self.used.lock()).into_iter().collect();
        if !used.is_empty() {
            self.store.tokens.touch(&used).await?;
        }
        let used = self.sessions.read().unwritten();
        if !used.is_empty() {
            self.store.sessions.touch(&used).await?;
        }
        let (tokens, users) = (self.store.tokens.list().await?, self.store.users.list().await?);
        let setting_up = {
            let mut setup = self.setup.lock();
            if !tokens.is_empty() || !users.is_empty() {
                // Somebody was made by another way.
                *setup = None;
            }
            setup.is_some()
        };
        let known = Known::new(tokens, users, setting_up).with(&self.guests.lock());
        *self.known.write() = Arc::new(known);
        *self.read.lock() = self.clock.monotonic();
        Ok(())
    }

    pub(crate) async fn refresh_or_keep(&self) {
        if let Err(error) = self.refresh().await {
            tracing::warn!(%error, "tokens and users cannot be read; those known stay valid");
        }
    }

    /// Refreshes and tidies for as long as it is polled.
    pub async fn keep_fresh(&self) {
        let mut tick = tokio::time::interval(self.settings.refresh);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.refresh_or_keep().await;
            let now = self.clock.monotonic();
            let due = now.saturating_sub(*self.tidied.lock()) >= TIDY_EVERY;
            if due {
                *self.tidied.lock() = now;
                if let Err(error) = self.tidy().await {
                    tracing::warn!(%error, "what is too old cannot leave the metastore yet");
                }
            }
        }
    }

    /// Lets sessions that ended and rows of the audit log that are too old leave.
    pub async fn tidy(&self) -> Result<(), AccessError> {
        let (now, settings) = (self.clock.now(), &self.settings);
        // A use is written down later than it was.
        let used = now.saturating_sub(settings.session_idle_max + WRITTEN_EVERY * 2);
        self.store.sessions.end_old(used, now.saturating_sub(settings.session_age_max)).await?;
        self.sessions.write().0.retain(|_, live| live.ends(settings) > now);
        self.tidy_audit().await
    }

    /// Whether anybody can come in: by a token that is valid now, as a user, or as the first one.
    pub async fn any_credential(&self) -> Result<bool, AccessError> {
        let by_token = self.store.tokens.any_valid(self.clock.now()).await?;
        Ok(by_token || self.needs_setup() || self.known().users().next().is_some())
    }
}

#[cfg(test)]
mod tests;
