//! `stormglass token`: works on the data directory itself; a running server notices within seconds.

use super::serve::settings;
use crate::cli::{Local, Token, TokenAction, TokenCreate, TokenRevoke};
use crate::settings::{Settings, duration};
use crate::telemetry::say;
use crate::{Failure, Outcome};
use access::{Access, AccessError, Grant, Issue};
use anyhow::Context;
use jiff::Timestamp;
use metastore::{Metastore, TokenRow};
use model::{Clock, SystemClock, UnixNanos, Workspace};
use std::sync::Arc;

pub(super) async fn run(args: Token) -> Outcome {
    match args.action {
        TokenAction::Create(args) => create(args).await,
        TokenAction::List(local) => list(&local).await,
        TokenAction::Revoke(args) => revoke(args).await,
    }
}

pub(super) async fn open(settings: &Settings) -> anyhow::Result<(Metastore, Arc<Access>)> {
    std::fs::create_dir_all(&settings.data_dir).with_context(|| settings.data_dir.display().to_string())?;
    let path = settings.data_dir.join("metastore.sqlite");
    let store = Metastore::open(&path, metastore::Settings::default()).await?;
    let access = Access::open(&store, settings.access.clone(), Arc::new(SystemClock::new())).await?;
    Ok((store, access))
}

/// The same where something must have been made before: a mistyped folder is not begun anew.
pub(super) async fn open_made(settings: &Settings) -> Result<(Metastore, Arc<Access>), Failure> {
    if settings.data_dir.join("metastore.sqlite").is_file() {
        return Ok(open(settings).await?);
    }
    let dir = settings.data_dir.display();
    Err(Failure::Usage(vec![format!("{dir}: no token and no user was ever made here; is --data-dir the right one?")]))
}

pub(super) fn refused(error: AccessError) -> Failure {
    match error {
        AccessError::Invalid(problem) | AccessError::Conflict(problem) => Failure::Usage(vec![problem]),
        other => Failure::Failed(other.into()),
    }
}

async fn create(args: TokenCreate) -> Outcome {
    let settings = settings(&args.local, None)?;
    let grants: Result<Vec<_>, _> = args.scopes.iter().map(|scope| Grant::parse(scope)).collect();
    let workspace = Workspace::new(&args.workspace).map_err(|e| Failure::Usage(vec![format!("--workspace: {e}")]))?;
    let expires = match &args.expires {
        None => None,
        Some(text) => match duration(text) {
            Some(lasts) => Some(SystemClock::new().now().saturating_add(lasts)),
            None => return Err(Failure::Usage(vec![format!("--expires {text:?}: write it as 12h or 90d")])),
        },
    };
    let grants: Vec<Grant> = grants.map_err(refused)?.into_iter().flatten().collect();
    let (store, access) = open(&settings).await?;
    let issue = Issue { name: args.name, grants, workspace, expires };
    let (row, text) = access.create(issue).await.map_err(refused)?;
    let detail = format!("token {:?} ({}), {}", row.name, row.prefix, row.scopes.join(" "));
    access.record_command("token create", &row.workspace, &detail).await.map_err(refused)?;
    store.close().await;
    say(&text.reveal());
    Ok(())
}

async fn list(local: &Local) -> Outcome {
    let (store, access) = open_made(&settings(local, None)?).await?;
    let rows = access.list().await.map_err(refused)?;
    let now = SystemClock::new().now();
    say("ID        NAME                  WORKSPACE   STATE    EXPIRES               LAST USED             SCOPES");
    for row in &rows {
        say(&described(row, now));
    }
    store.close().await;
    Ok(())
}

/// To the second, for a column.
pub(super) fn when(time: Option<UnixNanos>) -> String {
    match time.map(|t| Timestamp::from_nanosecond(i128::from(t.0))) {
        Some(Ok(time)) => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        _ => "never".to_owned(),
    }
}

fn described(row: &TokenRow, now: UnixNanos) -> String {
    let state = match row {
        row if row.revoked.is_some() => "revoked",
        row if row.expires.is_some_and(|at| at <= now) => "expired",
        _ => "valid",
    };
    let (expires, used) = (when(row.expires), when(row.last_used));
    let (prefix, name, workspace, scopes) = (&row.prefix, &row.name, row.workspace.as_str(), row.scopes.join(","));
    format!("{prefix:8}  {name:20}  {workspace:10}  {state:7}  {expires:20}  {used:20}  {scopes}")
}

async fn revoke(args: TokenRevoke) -> Outcome {
    let (store, access) = open_made(&settings(&args.local, None)?).await?;
    let revoked = access.revoke(&args.token).await.map_err(refused)?;
    if let Some(row) = &revoked {
        let detail = format!("token {:?} ({})", row.name, row.prefix);
        access.record_command("token revoke", &row.workspace, &detail).await.map_err(refused)?;
    }
    store.close().await;
    if revoked.is_some() {
        say(&format!("revoked {}", args.token));
        Ok(())
    } else {
        Err(Failure::Failed(anyhow::anyhow!(
            "there is no valid token {:?}; `stormglass token list` shows them",
            args.token
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metastore::TokenId;

    #[test]
    fn a_line_of_the_list_tells_the_state_and_never_the_hash() {
        let now = UnixNanos(1_700_000_000 * UnixNanos::SECOND);
        let row = TokenRow {
            id: TokenId(1),
            name: "shop".into(),
            hash: [0xab; 32],
            prefix: "1a2b3c4d".into(),
            scopes: vec!["ingest:traces".into(), "viewer".into()],
            workspace: Workspace::default(),
            created: now,
            expires: Some(now),
            last_used: None,
            revoked: None,
        };
        let line = described(&row, now);
        assert!(
            line.contains("expired") && line.contains("2023-11-14T22:13:20Z") && line.contains("ingest:traces,viewer"),
            "{line}"
        );
        assert!(!line.contains("abab"));
        assert!(described(&TokenRow { expires: None, ..row.clone() }, now).contains("valid"));
        assert!(described(&TokenRow { revoked: Some(now), ..row }, now).contains("revoked"));
    }
}
