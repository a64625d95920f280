use super::*;
use crate::{SessionRow, Settings};
use std::path::Path;

async fn open(dir: &Path) -> Metastore {
    Metastore::open(&dir.join("metastore.sqlite"), Settings::default()).await.unwrap()
}

fn user(name: &str, role: &str) -> NewUser {
    NewUser {
        name: name.into(),
        role: role.into(),
        workspace: Workspace::default(),
        password: PasswordText("$x$canary".into()),
        created: UnixNanos(10),
    }
}

const ANY: Among = Among::FewerThan(100);

#[tokio::test]
async fn a_user_survives_closing_and_its_name_is_given_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let alice = store.users().create(user("alice", "admin"), ANY).await.unwrap();
    let again = store.users().create(user("alice", "viewer"), ANY).await;
    assert!(matches!(again, Err(MetastoreError::Exists(_))), "{again:?}");
    store.close().await;
    let users = open(dir.path()).await.users();
    users.signed_in(alice.id, UnixNanos(20)).await.unwrap();
    let found = users.list().await.unwrap();
    assert_eq!(found, [UserRow { last_login: Some(UnixNanos(20)), ..alice }]);
    assert!(!format!("{found:?}").contains("canary"), "a hash is not shown");
}

#[tokio::test]
async fn the_first_user_is_made_once_and_their_number_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let users = open(dir.path()).await.users();
    let alice = users.create(user("alice", "admin"), Among::None).await.unwrap();
    users.create(user("bob", "admin"), Among::FewerThan(2)).await.unwrap();
    let third = users.create(user("carol", "admin"), Among::FewerThan(2)).await;
    assert!(matches!(third, Err(MetastoreError::Full { max: 2, .. })), "{third:?}");
    let kept = Kept { role: "admin", workspace: &Workspace::default() };
    users.remove(alice.id, UnixNanos(30), kept).await.unwrap().unwrap();
    users.create(user("carol", "admin"), Among::FewerThan(2)).await.unwrap();
    let first = users.create(user("dave", "admin"), Among::None).await;
    assert!(matches!(first, Err(MetastoreError::Exists(_))), "{first:?}");
}

#[tokio::test]
async fn the_last_of_the_kept_is_neither_removed_nor_given_another_role() {
    let dir = tempfile::tempdir().unwrap();
    let users = open(dir.path()).await.users();
    let (here, there) = (Workspace::default(), Workspace::new("there").unwrap());
    let kept = Kept { role: "admin", workspace: &here };
    let alice = users.create(user("alice", "admin"), ANY).await.unwrap().id;
    let bob = users.create(user("bob", "viewer"), ANY).await.unwrap().id;
    users.create(NewUser { workspace: there, ..user("other", "admin") }, ANY).await.unwrap();
    for refused in [users.remove(alice, UnixNanos(1), kept).await, users.set_role(alice, "viewer", kept).await] {
        assert!(matches!(refused, Err(MetastoreError::Last(_))), "{refused:?}");
    }
    assert_eq!(users.set_role(alice, "admin", kept).await.unwrap().unwrap().role, "admin");
    users.set_role(bob, "admin", kept).await.unwrap().unwrap();
    assert!(users.remove(alice, UnixNanos(5), kept).await.unwrap().unwrap().removed.is_some());
    assert_eq!(users.remove(alice, UnixNanos(6), kept).await.unwrap(), None, "once");
    assert!(users.create(user("alice", "viewer"), ANY).await.unwrap().id > bob, "no id is given twice");
}

#[tokio::test]
async fn a_new_password_ends_the_sessions_of_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let alice = store.users().create(user("alice", "admin"), ANY).await.unwrap();
    let session =
        SessionRow { hash: [1; 32], user: alice.id, epoch: 0, created: UnixNanos(1), last_used: UnixNanos(1) };
    store.sessions().add(&session, 5).await.unwrap();
    let changed = store.users().set_password(alice.id, &PasswordText("$y".into()), UnixNanos(40)).await.unwrap();
    let changed = changed.unwrap();
    assert_eq!((changed.epoch, changed.password_changed, changed.password.0.as_str()), (1, UnixNanos(40), "$y"));
    assert!(store.sessions().list().await.unwrap().is_empty());
    let nobody = store.users().set_password(UserId(99), &PasswordText("$y".into()), UnixNanos(40)).await.unwrap();
    assert_eq!(nobody, None);
}
