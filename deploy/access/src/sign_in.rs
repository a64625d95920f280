//! Signing in and out: a password against a bounded number of attempts, and the session that follows.

use crate::attempts::Whose;
use crate::caller::Client;
use crate::session::{Live, SessionId};
use crate::{Access, AccessError, NewPerson, Password, Role, user_name};
use metastore::{Among, SessionRow, UserId, UserRow};
use model::{UnixNanos, Workspace};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// A session that has just begun.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) user: UserRow,
    pub(crate) id: SessionId,
    /// When it ends if it is not used.
    pub(crate) ends: UnixNanos,
    /// How long the browser may keep it at most.
    pub(crate) lasts: Duration,
}

impl Access {
    /// Begins a session for who knows the password.
    ///
    /// # Errors
    /// `Wrong`, one answer for an unknown name and a wrong password; `TooMany`, `Busy`; `Metastore`.
    pub(crate) async fn sign_in(&self, name: &str, password: Password, client: &Client) -> Result<Begun, AccessError> {
        let name = user_name(name).unwrap_or_default();
        let user = self.prove(&name, password, client).await?;
        self.begin(user).await
    }

    /// The user of a name and password, within the number of attempts.
    pub(crate) async fn prove(&self, name: &str, password: Password, client: &Client) -> Result<UserRow, AccessError> {
        let taken = self.take_attempts(Some(name), client)?;
        let user = self.user_known(name).await;
        let hash = user.as_ref().map(|user| user.password.clone());
        let right = self.counted(self.hasher.verify(password, hash).await);
        match (right, user) {
            (Ok(true), Some(user)) => {
                self.give_back(&taken);
                self.counts.signed_in.fetch_add(1, Relaxed);
                Ok(user)
            }
            (Ok(_), _) => {
                self.counts.sign_ins_failed.fetch_add(1, Relaxed);
                Err(AccessError::Wrong)
            }
            (Err(error), _) => {
                self.give_back(&taken);
                Err(error)
            }
        }
    }

    /// The user of a name; one who was just added by another process is found. Known names are looked up as
    /// well as unknown ones, or the time it takes would tell them apart.
    async fn user_known(&self, name: &str) -> Option<UserRow> {
        if self.may_look_up() {
            self.refresh_or_keep().await;
        }
        self.known().user(name).cloned()
    }

    /// Begins a session of a user who proved to be one.
    pub(crate) async fn begin(&self, user: UserRow) -> Result<Begun, AccessError> {
        let (id, now) = (SessionId::generate()?, self.clock().now());
        let row = SessionRow { hash: id.hash(), user: user.id, epoch: user.epoch, created: now, last_used: now };
        let ended = self.store.sessions.add(&row, self.settings().sessions_per_user_max).await?;
        self.store.users.signed_in(user.id, now).await?;
        let live = Live::new(row);
        let ends = live.ends(self.settings());
        self.counts.sessions_displaced.fetch_add(ended.len() as u64, Relaxed);
        let mut sessions = self.sessions.write();
        for hash in ended {
            sessions.0.remove(&hash);
        }
        sessions.0.insert(id.hash(), live);
        drop(sessions);
        Ok(Begun { user, id, ends, lasts: self.settings().session_age_max })
    }

    /// Ends the session of a cookie; nothing when there is none.
    pub(crate) async fn sign_out(&self, cookie: &str) -> Result<(), AccessError> {
        let Some(id) = SessionId::parse(cookie) else { return Ok(()) };
        self.sessions.write().0.remove(&id.hash());
        self.store.sessions.end(&id.hash()).await?;
        Ok(())
    }

    /// When the session of a cookie ends, and the word of its pages.
    pub(crate) fn session_told(&self, cookie: &str) -> Option<(UnixNanos, String)> {
        let id = SessionId::parse(cookie)?;
        let ends = self.sessions.read().0.get(&id.hash())?.ends(self.settings());
        Some((ends, id.csrf()))
    }

    pub(crate) fn forget_sessions(&self, user: UserId) {
        self.sessions.write().0.retain(|_, live| live.row().user != user);
    }

    /// A secret that lets the first administrator be made from afar, while there is no user and no token;
    /// none otherwise. Until then everything is closed. Another call makes the one before void.
    pub async fn begin_setup(&self) -> Result<Option<String>, AccessError> {
        self.refresh().await?;
        if !self.is_open() && self.setup.lock().is_none() {
            return Ok(None);
        }
        let secret = SessionId::generate()?;
        let text = secret.reveal();
        *self.setup.lock() = Some(secret.hash());
        self.refresh().await?;
        Ok(Some(text))
    }

    /// Whether the first administrator is still to be made.
    pub fn needs_setup(&self) -> bool {
        self.setup.lock().is_some()
    }

    /// Makes the first administrator, once, and begins a session.
    ///
    /// # Errors
    /// `Setup` for a wrong token, and after the first time; `Invalid`; `TooMany`, `Busy`.
    pub(crate) async fn set_up(
        &self,
        token: &str,
        name: &str,
        password: Password,
        client: &Client,
    ) -> Result<Begun, AccessError> {
        let taken = self.take_attempts(None, client)?;
        let hash = SessionId::parse(token.trim()).map(|secret| secret.hash());
        if hash.is_none() || *self.setup.lock() != hash {
            return Err(AccessError::Setup);
        }
        self.give_back(&taken);
        let person = NewPerson { name: name.to_owned(), password, role: Role::Admin, workspace: Workspace::default() };
        let user = self.add(person, Among::None).await?;
        *self.setup.lock() = None;
        self.begin(user).await
    }

    fn take_attempts(&self, name: Option<&str>, client: &Client) -> Result<Vec<(Whose, u32)>, AccessError> {
        let settings = self.settings();
        let by_name = name.map(|name| (Whose::Name(name.to_owned()), settings.attempts_per_name_max));
        let address = client.ip.map(|ip| (Whose::Address(Whose::network(ip)), settings.attempts_per_address_max));
        let wanted: Vec<_> = address.into_iter().chain(by_name).collect();
        let (mut attempts, now) = (self.attempts.lock(), self.clock().monotonic());
        for (at, (whose, max)) in wanted.iter().enumerate() {
            if let Err(wait) = attempts.take(whose.clone(), *max, now) {
                for (whose, max) in &wanted[..at] {
                    attempts.give_back(whose, *max);
                }
                self.counts.sign_ins_limited.fetch_add(1, Relaxed);
                return Err(AccessError::TooMany(wait));
            }
        }
        Ok(wanted)
    }

    fn give_back(&self, taken: &[(Whose, u32)]) {
        let mut attempts = self.attempts.lock();
        for (whose, max) in taken {
            attempts.give_back(whose, *max);
        }
    }

    pub(crate) fn counted<T>(&self, done: Result<T, AccessError>) -> Result<T, AccessError> {
        if matches!(done, Err(AccessError::Busy)) {
            self.counts.hashes_refused.fetch_add(1, Relaxed);
        }
        done
    }
}
