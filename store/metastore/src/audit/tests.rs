use super::*;
use crate::Settings;

fn entry(time: i64, actor: &str, route: &str) -> AuditEntry {
    AuditEntry {
        time: UnixNanos(time),
        actor: Some(actor.into()),
        actor_kind: "user".into(),
        role: Some("admin".into()),
        workspace: Workspace::default(),
        ip: Some("10.0.0.9".into()),
        method: "POST".into(),
        route: route.into(),
        path: route.into(),
        status: 200,
        detail: None,
    }
}

/// A seal that shows what it was made of.
fn seal(before: &Seal, seq: i64, _entry: &AuditEntry) -> Seal {
    let mut seal = *before;
    seal[0] = before[0].wrapping_add(1);
    seal[1] = seq as u8;
    seal
}

async fn opened(dir: &tempfile::TempDir) -> Metastore {
    Metastore::open(&dir.path().join("metastore.sqlite"), Settings::default()).await.unwrap()
}

async fn filled(store: &Metastore, rows: i64) -> Audit {
    let audit = store.audit();
    for time in 1..=rows {
        audit.append(entry(time * 10, if time % 2 == 0 { "bob" } else { "alice" }, "/r"), seal).await.unwrap();
    }
    audit
}

async fn numbers(audit: &Audit, filter: AuditFilter) -> Vec<i64> {
    audit.newest(&filter, 100).await.unwrap().iter().map(|row| row.seq).collect()
}

#[tokio::test]
async fn each_row_is_sealed_upon_the_one_before_and_survives_closing() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir).await;
    filled(&store, 3).await;
    store.close().await;
    let audit = opened(&dir).await.audit();
    let row = audit.append(entry(40, "alice", "/other"), seal).await.unwrap();
    assert_eq!((row.seq, row.seal[0], row.seal[1]), (4, 4, 4));
    let rows = audit.following(0, 100).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(rows[3], row);
    let ends = audit.ends().await.unwrap();
    assert_eq!((ends.left_seq, ends.head_seq, ends.head_seal), (0, 4, row.seal));
}

#[tokio::test]
async fn the_log_is_read_newest_first_by_who_what_and_when() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir).await;
    let audit = filled(&store, 6).await;
    let there = Workspace::new("there").unwrap();
    audit.append(AuditEntry { workspace: there.clone(), ..entry(70, "carol", "/x") }, seal).await.unwrap();
    for (what, filter, expected) in [
        ("all", AuditFilter::default(), vec![7, 6, 5, 4, 3, 2, 1]),
        ("one actor", AuditFilter { actor: Some("bob".into()), ..AuditFilter::default() }, vec![6, 4, 2]),
        ("one route", AuditFilter { route: Some("/x".into()), ..AuditFilter::default() }, vec![7]),
        ("one workspace", AuditFilter { workspace: Some(there), ..AuditFilter::default() }, vec![7]),
        (
            "a time",
            AuditFilter { from: Some(UnixNanos(20)), until: Some(UnixNanos(40)), ..AuditFilter::default() },
            vec![3, 2],
        ),
        ("before a row", AuditFilter { before_seq: Some(3), ..AuditFilter::default() }, vec![2, 1]),
    ] {
        assert_eq!(numbers(&audit, filter).await, expected, "{what}");
    }
    assert_eq!(audit.newest(&AuditFilter::default(), 2).await.unwrap().len(), 2);
}

#[tokio::test]
async fn rows_leave_at_the_old_end_step_by_step_and_the_last_seal_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir).await;
    let audit = filled(&store, 8).await;
    let sealed = audit.following(0, 100).await.unwrap();
    let keep = |since: i64, rows_max, step_max| AuditKeep { since: UnixNanos(since), rows_max, step_max };
    for (what, keep, gone, left) in [
        ("all are young", keep(10, 100, 100), 0, vec![8, 7, 6, 5, 4, 3, 2, 1]),
        ("two are old", keep(30, 100, 100), 2, vec![8, 7, 6, 5, 4, 3]),
        ("one step", keep(60, 100, 1), 1, vec![8, 7, 6, 5, 4]),
        ("too many", keep(0, 3, 100), 2, vec![8, 7, 6]),
    ] {
        assert_eq!(audit.leave(keep).await.unwrap(), gone, "{what}");
        assert_eq!(numbers(&audit, AuditFilter::default()).await, left, "{what}");
    }
    let ends = audit.ends().await.unwrap();
    assert_eq!((ends.left_seq, ends.left_seal, ends.head_seq), (5, sealed[4].seal, 8));
    assert_eq!(audit.leave(keep(1_000, 100, 100)).await.unwrap(), 3, "all may leave");
    let row = audit.append(entry(1_001, "alice", "/r"), seal).await.unwrap();
    assert_eq!((row.seq, row.seal[0]), (9, 9), "and the chain goes on");
}

#[tokio::test]
async fn a_row_cannot_be_changed_nor_taken_from_the_middle() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir).await;
    let audit = filled(&store, 3).await;
    for statement in ["UPDATE audit SET actor = 'nobody' WHERE seq = 2", "DELETE FROM audit WHERE seq = 2"] {
        let mut transaction = store.begin().await.unwrap();
        let error = sqlx::query(statement).execute(&mut *transaction).await.unwrap_err().to_string();
        assert!(error.contains("only added to"), "{error}");
    }
    assert_eq!(audit.following(0, 100).await.unwrap().len(), 3);
}
