//! The tokens in memory, kept in step with the metastore, so that checking one touches no file.

use crate::check::Known;
use crate::{AccessError, Caller, Grant, Need, Presented, Refusal, TokenText};
use metastore::{NewToken, TokenId, TokenRow, Tokens};
use model::{Clock, UnixNanos, Workspace};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    /// How often tokens are read again and uses written down: a revoked token dies within this time. Default 2 s.
    pub refresh: Duration,
    /// A token that is not known is looked up at once, but not more often than this. Default 250 ms.
    pub lookup_pause: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { refresh: Duration::from_secs(2), lookup_pause: Duration::from_millis(250) }
    }
}

/// What a new token shall be.
#[derive(Clone, Debug)]
pub struct Issue {
    pub name: String,
    pub grants: Vec<Grant>,
    pub workspace: Workspace,
    pub expires: Option<UnixNanos>,
}

/// Tokens: checked, made, listed, revoked.
#[derive(Debug)]
pub struct Access {
    tokens: Tokens,
    settings: Settings,
    clock: Arc<dyn Clock>,
    known: RwLock<Arc<Known>>,
    /// When each token was last used, until it is written down.
    used: Mutex<HashMap<TokenId, UnixNanos>>,
    /// Monotonic time of the last reading.
    read: Mutex<Duration>,
}

impl Access {
    pub async fn open(tokens: Tokens, settings: Settings, clock: Arc<dyn Clock>) -> Result<Arc<Self>, AccessError> {
        let known = Known::new(tokens.list().await?);
        let read = Mutex::new(clock.monotonic());
        Ok(Arc::new(Self {
            tokens,
            settings,
            clock,
            known: RwLock::new(Arc::new(known)),
            used: Mutex::default(),
            read,
        }))
    }

    /// Whether a request with these credentials may do what needs `needs`.
    pub async fn check(&self, needs: Need, presented: &Presented<'_>) -> Result<Caller, Refusal> {
        match self.check_known(needs, presented) {
            // It may have been made a moment ago by another process.
            Err(Refusal::BadToken) if self.may_look_up() => {
                if let Err(error) = self.refresh().await {
                    tracing::warn!(%error, "tokens cannot be read; those known stay valid");
                }
                self.check_known(needs, presented)
            }
            decided => decided,
        }
    }

    fn check_known(&self, needs: Need, presented: &Presented<'_>) -> Result<Caller, Refusal> {
        let now = self.clock.now();
        let known = Arc::clone(&self.known.read());
        let (caller, used) = known.check(needs, presented, now)?;
        if let Some(id) = used {
            self.used.lock().insert(id, now);
        }
        Ok(caller)
    }

    fn may_look_up(&self) -> bool {
        let now = self.clock.monotonic();
        let mut read = self.read.lock();
        let may = now.saturating_sub(*read) >= self.settings.lookup_pause;
        if may {
            *read = now;
        }
        may
    }

    /// Whether there is no token at all, so that loopback is open.
    pub fn is_open(&self) -> bool {
        self.known.read().is_open()
    }

    /// Reads the tokens again and writes down which were used.
    pub async fn refresh(&self) -> Result<(), AccessError> {
        let used: Vec<_> = std::mem::take(&mut *self.used.lock()).into_iter().collect();
        if !used.is_empty() {
            self.tokens.touch(&used).await?;
        }
        let known = Known::new(self.tokens.list().await?);
        *self.known.write() = Arc::new(known);
        *self.read.lock() = self.clock.monotonic();
        Ok(())
    }

    /// Refreshes for as long as it is polled.
    pub async fn keep_fresh(&self) {
        let mut tick = tokio::time::interval(self.settings.refresh);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if let Err(error) = self.refresh().await {
                tracing::warn!(%error, "tokens cannot be read; those known stay valid");
            }
        }
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
        let now = self.clock.now();
        if issue.expires.is_some_and(|at| at <= now) {
            return Err(AccessError::Invalid("the expiry lies in the past".into()));
        }
        let text = TokenText::generate()
            .map_err(|error| AccessError::Invalid(format!("the operating system gives no randomness: {error}")))?;
        let row = self.tokens.create(NewToken {
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

    /// All tokens, oldest first.
    pub async fn list(&self) -> Result<Vec<TokenRow>, AccessError> {
        Ok(self.tokens.list().await?)
    }

    /// Whether any token is valid now.
    pub async fn any_valid(&self) -> Result<bool, AccessError> {
        Ok(self.tokens.any_valid(self.clock.now()).await?)
    }

    /// Revokes the valid token of this prefix (or name); false when there is none.
    pub async fn revoke(&self, prefix_or_name: &str) -> Result<bool, AccessError> {
        let found = self
            .tokens
            .list()
            .await?
            .into_iter()
            .find(|row| row.revoked.is_none() && (row.prefix == prefix_or_name || row.name == prefix_or_name));
        let Some(row) = found else { return Ok(false) };
        let revoked = self.tokens.revoke(row.id, self.clock.now()).await?;
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
        Access::open(store.tokens(), Settings::default(), Arc::clone(clock) as _).await.unwrap()
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
        assert!(server.check(Need::Role(Role::Viewer), &presented).await.is_ok());
        let nobody = Presented::default();
        assert_eq!(server.check(Need::Role(Role::Viewer), &nobody).await, Err(Refusal::NoToken));

        server.refresh().await.unwrap();
        assert_eq!(server.list().await.unwrap()[0].last_used, Some(clock.now()));
        assert!(command_line.revoke(&row.prefix).await.unwrap());
        assert!(!command_line.revoke(&row.prefix).await.unwrap());
        server.refresh().await.unwrap();
        assert_eq!(server.check(Need::Role(Role::Viewer), &presented).await, Err(Refusal::BadToken));
        assert!(!server.any_valid().await.unwrap());
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
        assert_eq!(server.check(Need::Role(Role::Admin), &presented).await, Err(Refusal::BadToken));
        clock.advance(Settings::default().lookup_pause);
        assert!(server.check(Need::Role(Role::Admin), &presented).await.is_ok());
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
}
