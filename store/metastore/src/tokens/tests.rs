use super::*;
use crate::Settings;
use std::path::Path;
use std::time::Duration;

fn token(name: &str, prefix: &str) -> NewToken {
    NewToken {
        name: name.into(),
        hash: [7; 32],
        prefix: prefix.into(),
        scopes: vec!["ingest:traces".into(), "role:viewer".into()],
        workspace: Workspace::default(),
        created: UnixNanos(10),
        expires: None,
    }
}

async fn open(dir: &Path) -> Metastore {
    Metastore::open(&dir.join("metastore.sqlite"), Settings::default()).await.unwrap()
}

#[tokio::test]
async fn a_token_is_found_by_its_prefix_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let first = store.tokens().create(token("ci", "aaaa")).await.unwrap();
    let second = NewToken { expires: Some(UnixNanos(99)), ..token("app", "bbbb") };
    let second = store.tokens().create(second).await.unwrap();
    store.close().await;
    let store = open(dir.path()).await;
    assert_eq!(store.tokens().list().await.unwrap(), [first.clone(), second.clone()]);
    assert_eq!(store.tokens().by_prefix("bbbb").await.unwrap(), std::slice::from_ref(&second));
    assert!(store.tokens().by_prefix("cccc").await.unwrap().is_empty());
    assert_eq!(first.hash, [7; 32]);
    assert_eq!(first.scopes, ["ingest:traces", "role:viewer"]);
    assert_eq!((second.expires, second.last_used, second.revoked), (Some(UnixNanos(99)), None, None));
}

#[tokio::test]
async fn a_name_is_given_once_per_workspace_until_it_is_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = open(dir.path()).await.tokens();
    let first = tokens.create(token("ci", "aaaa")).await.unwrap();
    let again = tokens.create(token("ci", "bbbb")).await;
    assert!(matches!(again, Err(MetastoreError::Exists(_))), "{again:?}");
    let elsewhere = NewToken { workspace: Workspace::new("other").unwrap(), ..token("ci", "cccc") };
    tokens.create(elsewhere).await.unwrap();
    assert!(tokens.revoke(first.id, UnixNanos(50)).await.unwrap());
    assert!(!tokens.revoke(first.id, UnixNanos(60)).await.unwrap(), "once");
    assert!(!tokens.revoke(TokenId(99), UnixNanos(60)).await.unwrap(), "no such token");
    tokens.create(token("ci", "dddd")).await.unwrap();
    assert_eq!(tokens.by_prefix("aaaa").await.unwrap()[0].revoked, Some(UnixNanos(50)));
}

#[tokio::test]
async fn a_store_has_a_valid_token_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = open(dir.path()).await.tokens();
    assert!(!tokens.any_valid(UnixNanos(0)).await.unwrap());
    let short = tokens.create(NewToken { expires: Some(UnixNanos(100)), ..token("short", "aaaa") }).await.unwrap();
    assert!(tokens.any_valid(UnixNanos(99)).await.unwrap());
    assert!(!tokens.any_valid(UnixNanos(100)).await.unwrap(), "it expired");
    let long = tokens.create(token("long", "bbbb")).await.unwrap();
    assert!(tokens.any_valid(UnixNanos(100)).await.unwrap());
    tokens.revoke(long.id, UnixNanos(100)).await.unwrap();
    assert!(!tokens.any_valid(UnixNanos(100)).await.unwrap());
    assert!(tokens.revoke(short.id, UnixNanos(101)).await.unwrap());
}

#[tokio::test]
async fn the_last_use_only_moves_on() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = open(dir.path()).await.tokens();
    let id = tokens.create(token("ci", "aaaa")).await.unwrap().id;
    for (used, expected) in [(5, 5), (3, 5), (9, 9)] {
        tokens.touch(&[(id, UnixNanos(used)), (TokenId(99), UnixNanos(used))]).await.unwrap();
        assert_eq!(tokens.list().await.unwrap()[0].last_used, Some(UnixNanos(expected)));
    }
}

#[tokio::test]
async fn a_store_of_a_later_version_a_damaged_one_and_a_locked_one_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("metastore.sqlite");
    let quick = Settings { busy_timeout: Duration::from_millis(20), ..Settings::default() };
    let store = Metastore::open(&path, quick.clone()).await.unwrap();
    let other = Metastore::open(&path, quick.clone()).await.unwrap();
    let held = other.begin().await.unwrap();
    let busy = store.tokens().create(token("ci", "aaaa")).await;
    assert!(matches!(busy, Err(MetastoreError::Busy)), "{busy:?}");
    held.rollback().await.unwrap();
    let mut later = other.begin().await.unwrap();
    let insert = "INSERT INTO schema_version (module, version) VALUES ('tokens', 9)";
    sqlx::query(insert).execute(&mut *later).await.unwrap();
    later.commit().await.unwrap();
    other.close().await;
    store.close().await;
    let error = Metastore::open(&path, quick.clone()).await.unwrap_err().to_string();
    assert!(error.ends_with("has schema 9 of `tokens`, this version knows up to 1: start a newer version"), "{error}");
    std::fs::write(&path, b"x".repeat(5_000)).unwrap();
    let damaged = Metastore::open(&path, quick).await;
    assert!(matches!(damaged, Err(MetastoreError::Corrupt { .. })), "{damaged:?}");
}
