//! Tokens: made, listed, revoked. The text of one is shown once and nowhere kept.

use crate::{Access, AccessError, Grant, TokenText};
use metastore::{NewToken, TokenId, TokenRow};
use model::{UnixNanos, Workspace};

/// What a new token shall be.
#[derive(Clone, Debug)]
pub struct Issue {
    pub name: String,
    pub grants: Vec<Grant>,
    pub workspace: Workspace,
    pub expires: Option<UnixNanos>,
}

impl Access {
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
        if standing >= self.settings().tokens_max {
            let max = self.settings().tokens_max;
            return Err(AccessError::Conflict(format!("there are {max} tokens, and no more are kept: revoke some")));
        }
        let now = self.clock().now();
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
            created: self.clock().now(),
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
        let revoked = self.store.tokens.revoke(id, self.clock().now()).await?;
        self.refresh().await?;
        Ok(revoked)
    }
}
