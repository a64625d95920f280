//! Tokens, users and sessions in memory, kept in step with the metastore, so that checking one touches
//! no file.

use crate::attempts::{Attempts, Whose};
use crate::caller::Client;
use crate::check::Known;
use crate::figures::Counts;
use crate::password::Hasher;
use crate::session::{LiveSessions, WRITTEN_EVERY};
use crate::{AccessError, Caller, Grant, Need, Presented, Refusal, Settings, TokenText};
use metastore::{Audit, Metastore, NewToken, Sessions, TokenId, TokenRow, Tokens, Users};
use model::{Clock, UnixNanos, Workspace};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How often what is too old leaves the metastore.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// What a new token shall be.
#[derive(Clone, Debug)]
pub struct Issue {
    pub name: String,
    pub grants: Vec<Grant>,
    pub workspace: Workspace,
    pub expires: Option<UnixNanos>,
}

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
    guests: Mutex<Vec<TokenRow>>,
    pub(crate) sessions: RwLock<LiveSessions>,
    /// When each token was last used, until it is written down.
    used: Mutex<HashMap<TokenId, UnixNanos>>,
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

    /// Makes a token; its text is returned this once and is nowhere kept.
    pub async fn create(&self, issue: Issue) -> Result<(TokenRow, TokenText), AccessError> {
        let name_ok = (1..=128).contains(&issue.name.len()) && !issue.name.chars().any(char::is_control);
        if !name_ok {
            return Err(AccessError::Invalid("a token's name is 1 to 128 bytes of visible text".into()));
        }
        if issue.grants.is_empty() {
            return Err(AccessError::Invalid("a token needs at least one scope, such as ingest or viewer".into()));
        }
        let standing = self.store.tokens.list().await?.iter().filter(|row| row.revoked.is_none()).count();
        if standing >= self.settings.tokens_max {
            let max = self.settings.tokens_max;
            return Err(AccessError::Conflict(format!("there are {max} tokens, and no more are kept: revoke some")));
        }
        let now = self.clock.now();
        if issue.expires.is_some_and(|at| at <= now) {
            return Err(AccessError::Invalid("the expiry lies in the past".into()));
        }
        let text = TokenText::generate().map_err(|error| AccessError::Broken(error.to_string()))?;
        let row = self.store.tokens.create(NewToken {
            name: issue.name,
            hash: text.secret.hash(),
            prefix: text.prefix.clone(),
            scopes: issue.grants.iter().map(Grant::to_string).collect(),
            workspace: issue.workspace,
            created: now,
            expires: issue.expires,
        });
        let row = row.await?;
        self.refresh().await?;
        Ok((row, text))
    }

    /// A token for a part of this very process, such as the company of the demo: it goes on when somebody
    /// makes the first user. It closes nothing, is listed nowhere, and ends with the process.
    pub async fn guest(&self, name: &str, grants: &[Grant]) -> Result<String, AccessError> {
        let text = TokenText::generate().map_err(|error| AccessError::Broken(error.to_string()))?;
        self.guests.lock().push(TokenRow {
            id: TokenId(-1),
            name: name.to_owned(),
            hash: text.secret.hash(),
            prefix: text.prefix.clone(),
            scopes: grants.iter().map(Grant::to_string).collect(),
            workspace: Workspace::default(),
            created: self.clock.now(),
            expires: None,
            last_used: None,
            revoked: None,
        });
        self.refresh().await?;
        Ok(text.reveal())
    }

    /// All tokens, oldest first.
    pub async fn list(&self) -> Result<Vec<TokenRow>, AccessError> {
        Ok(self.store.tokens.list().await?)
    }

    /// Whether anybody can come in: by a token that is valid now, as a user, or as the first one.
    pub async fn any_credential(&self) -> Result<bool, AccessError> {
        let by_token = self.store.tokens.any_valid(self.clock.now()).await?;
        Ok(by_token || self.needs_setup() || self.known().users().next().is_some())
    }

    /// Revokes the valid token of this prefix (or name) and returns it; none when there is none.
    pub async fn revoke(&self, prefix_or_name: &str) -> Result<Option<TokenRow>, AccessError> {
        let found = self
            .store
            .tokens
            .list()
            .await?
            .into_iter()
            .find(|row| row.revoked.is_none() && (row.prefix == prefix_or_name || row.name == prefix_or_name));
        let Some(row) = found else { return Ok(None) };
        Ok(self.revoke_token(row.id).await?.then_some(row))
    }

    /// Revokes this token; false when it was revoked before.
    pub async fn revoke_token(&self, id: TokenId) -> Result<bool, AccessError> {
        let revoked = self.store.tokens.revoke(id, self.clock.now()).await?;
        self.refresh().await?;
        Ok(revoked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;
    use metastore::Metastore;
    use model::ManualClock;

    async fn access(dir: &tempfile::TempDir, clock: &Arc<ManualClock>) -> Arc<Access> {
        let store =
            Metastore::open(&dir.path().join("metastore.sqlite"), metastore::Settings::default()).await.unwrap();
        Access::open(&store, Settings::default(), Arc::clone(clock) as _).await.unwrap()
    }

    async fn check(access: &Access, role: Role, presented: &Presented<'_>) -> Option<Refusal> {
        let checked = access.check(Need::Role(role), presented, &Client::default()).await;
        checked.err().map(|denied| denied.refusal)
    }

    fn issue(grants: &[Grant]) -> Issue {
        Issue { name: "shop".into(), grants: grants.to_vec(), workspace: Workspace::default(), expires: None }
    }

    #[tokio::test]
    async fn a_token_made_by_one_process_is_known_to_another_and_dies_with_its_revocation() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(UnixNanos(UnixNanos::DAY)));
        let server = access(&dir, &clock).await;
        let command_line = access(&dir, &clock).await;
        assert!(server.is_open());

        let (row, text) = command_line.create(issue(&[Grant::Role(Role::Viewer)])).await.unwrap();
        let bearer = format!("Bearer {}", text.reveal());
        let presented = Presented { authorization: Some(&bearer), ..Presented::default() };
        server.refresh().await.unwrap();
        assert!(!server.is_open());
        assert_eq!(check(&server, Role::Viewer, &presented).await, None);
        let nobody = Presented::default();
        assert_eq!(check(&server, Role::Viewer, &nobody).await, Some(Refusal::NoToken));

        server.refresh().await.unwrap();
        assert_eq!(server.list().await.unwrap()[0].last_used, Some(clock.now()));
        assert!(command_line.revoke(&row.prefix).await.unwrap().is_some());
        assert!(command_line.revoke(&row.prefix).await.unwrap().is_none());
        server.refresh().await.unwrap();
        assert_eq!(check(&server, Role::Viewer, &presented).await, Some(Refusal::BadToken));
        assert!(!server.any_credential().await.unwrap());
    }

    #[tokio::test]
    async fn an_unknown_token_is_looked_up_at_once_but_not_at_every_guess() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(UnixNanos(UnixNanos::DAY)));
        let command_line = access(&dir, &clock).await;
        command_line.create(issue(&[Grant::Role(Role::Viewer)])).await.unwrap();
        let server = access(&dir, &clock).await;
        let (_, text) =
            command_line.create(Issue { name: "late".into(), ..issue(&[Grant::Role(Role::Admin)]) }).await.unwrap();
        let bearer = format!("Bearer {}", text.reveal());
        let presented = Presented { authorization: Some(&bearer), ..Presented::default() };
        assert_eq!(check(&server, Role::Admin, &presented).await, Some(Refusal::BadToken));
        clock.advance(Settings::default().lookup_pause);
        assert_eq!(check(&server, Role::Admin, &presented).await, None);
    }

    #[tokio::test]
    async fn a_guest_closes_nothing_and_goes_on_when_the_door_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(UnixNanos(UnixNanos::DAY)));
        let access = access(&dir, &clock).await;
        let bearer = format!("Bearer {}", access.guest("demo", &[Grant::Role(Role::Viewer)]).await.unwrap());
        let presented = Presented { authorization: Some(&bearer), ..Presented::default() };
        assert!(access.is_open() && access.list().await.unwrap().is_empty());
        assert_eq!(check(&access, Role::Admin, &presented).await, None, "open to everybody");
        access.create(issue(&[Grant::Role(Role::Admin)])).await.unwrap();
        access.refresh().await.unwrap();
        assert_eq!(check(&access, Role::Viewer, &presented).await, None);
        assert_eq!(check(&access, Role::Admin, &presented).await, Some(Refusal::Lacks("admin".into())));
    }

    #[tokio::test]
    async fn a_token_without_name_scope_or_future_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(UnixNanos(UnixNanos::DAY)));
        let access = access(&dir, &clock).await;
        let good = issue(&[Grant::Role(Role::Viewer)]);
        for bad in [
            Issue { name: String::new(), ..good.clone() },
            Issue { name: "a\nb".into(), ..good.clone() },
            Issue { grants: vec![], ..good.clone() },
            Issue { expires: Some(clock.now()), ..good.clone() },
        ] {
            assert!(matches!(access.create(bad).await, Err(AccessError::Invalid(_))));
        }
    }

    #[tokio::test]
    async fn an_address_that_guesses_is_told_to_wait_and_its_neighbours_are_let_in() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(UnixNanos(UnixNanos::DAY)));
        let access = access(&dir, &clock).await;
        let (_, text) = access.create(issue(&[Grant::Role(Role::Viewer)])).await.unwrap();
        let (good, bad) = (format!("Bearer {}", text.reveal()), "Bearer sg_12345678_00".to_owned());
        let client = |ip: &str| Client { ip: Some(ip.parse().unwrap()), secure: false };
        let ask = async |bearer: &str, ip: &str| {
            let presented = Presented { authorization: Some(bearer), ..Presented::default() };
            let checked = access.check(Need::Role(Role::Viewer), &presented, &client(ip)).await;
            checked.err().map(|denied| denied.refusal)
        };
        for _ in 0..access.settings().attempts_per_address_max {
            assert_eq!(ask(&bad, "203.0.113.9").await, Some(Refusal::BadToken));
        }
        let Some(Refusal::TooManyGuesses(seconds)) = ask(&bad, "203.0.113.9").await else { panic!("a refusal") };
        assert!((1..=11).contains(&seconds), "{seconds}");
        assert_eq!(ask(&good, "203.0.113.9").await, None, "a good token beside it");
        assert_eq!(ask(&bad, "203.0.113.10").await, Some(Refusal::BadToken), "another address");
        assert_eq!(access.counts.guesses_limited.load(Relaxed), 1);
        clock.advance(Duration::from_secs(seconds));
        assert_eq!(ask(&bad, "203.0.113.9").await, Some(Refusal::BadToken), "later");
    }
}
