use super::*;
use crate::{Settings, Who};
use metastore::Metastore;
use model::ManualClock;
use std::sync::Arc;
use std::time::Duration;

async fn opened(dir: &tempfile::TempDir, settings: Settings) -> (Arc<Access>, Arc<ManualClock>) {
    let path = dir.path().join("metastore.sqlite");
    let store = Metastore::open(&path, metastore::Settings::default()).await.unwrap();
    let clock = Arc::new(ManualClock::at(UnixNanos(UnixNanos::DAY * 20_000)));
    (Access::open(&store, settings, Arc::clone(&clock) as _).await.unwrap(), clock)
}

async fn filled(access: &Access, rows: usize) {
    let caller = Caller { who: Who::User("alice".into()), ..Caller::nobody() };
    for number in 0..rows {
        let path = format!("/api/v1/rules/{number}");
        let deed = Deed { method: "PUT".into(), route: "/api/v1/rules/{id}".into(), path, client: Client::default() };
        access.record(&caller, &deed, 200, Some("it")).await.unwrap();
    }
}

/// As somebody would who has the file in hand.
async fn tampered(dir: &tempfile::TempDir, statements: String) {
    use sqlx::Connection;
    let path = dir.path().join("metastore.sqlite");
    let mut file = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut file).await.unwrap();
    file.close().await.unwrap();
}

#[tokio::test]
async fn a_log_as_it_was_written_is_found_intact_also_after_rows_left() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { audit_rows_max: 5, ..Settings::default() };
    let (access, clock) = opened(&dir, settings).await;
    let empty = access.verify_audit().await.unwrap();
    assert_eq!((empty.rows, empty.head_seq, empty.fault), (0, 0, None));
    filled(&access, 8).await;
    let checked = access.verify_audit().await.unwrap();
    assert_eq!((checked.rows, checked.first_seq, checked.head_seq, checked.fault), (8, 1, 8, None));
    access.tidy().await.unwrap();
    let fewer = access.verify_audit().await.unwrap();
    assert_eq!((fewer.rows, fewer.first_seq, fewer.head_seq, fewer.fault), (5, 4, 8, None), "too many");
    assert_eq!(fewer.head_seal, checked.head_seal);
    clock.advance(Settings::default().audit_keep + Duration::from_secs(1));
    filled(&access, 1).await;
    access.tidy().await.unwrap();
    let young = access.verify_audit().await.unwrap();
    assert_eq!((young.rows, young.first_seq, young.head_seq, young.fault), (1, 9, 9, None), "too old");
    assert_eq!(access.counts.audit_left.load(Relaxed), 8);
}

const ANYTHING_GOES: &str = "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_leaves_at_its_old_end;";

#[tokio::test]
async fn whatever_somebody_does_to_the_rows_is_found_and_where() {
    for (what, statement, seq, says) in [
        ("another actor", "UPDATE audit SET actor = 'bob' WHERE seq = 4", 4, "not as it was written"),
        ("no actor", "UPDATE audit SET actor = NULL WHERE seq = 4", 4, "not as it was written"),
        ("another time", "UPDATE audit SET time = time + 1 WHERE seq = 1", 1, "not as it was written"),
        ("another status", "UPDATE audit SET status = 403 WHERE seq = 6", 6, "not as it was written"),
        (
            "text moved to the next field",
            "UPDATE audit SET method = 'PUT/', route = 'api/v1/rules/{id}' WHERE seq = 2",
            2,
            "not as it was written",
        ),
        ("a row taken out", "DELETE FROM audit WHERE seq = 3", 3, "row 3 is missing"),
        ("the first taken out", "DELETE FROM audit WHERE seq = 1", 1, "row 1 is missing"),
        ("the newest cut off", "DELETE FROM audit WHERE seq > 4", 5, "ends with row 4, and 6 were written"),
        (
            "the newest cut off, and the end moved",
            "DELETE FROM audit WHERE seq > 4; UPDATE audit_ends SET head_seq = 4",
            4,
            "not the one that was written last",
        ),
        (
            "a row put in",
            "UPDATE audit SET seq = seq + 100 WHERE seq > 3; UPDATE audit SET seq = seq - 99 WHERE seq > 100;
             INSERT INTO audit SELECT 4, time, actor, actor_kind, role, workspace, ip, method, route, path, status,
             detail, seal FROM audit WHERE seq = 3",
            4,
            "not as it was written",
        ),
        (
            "two rows exchanged",
            "UPDATE audit SET seq = 99 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4;
             UPDATE audit SET seq = 4 WHERE seq = 99",
            3,
            "not as it was written",
        ),
        (
            "the beginning moved beyond the end",
            "UPDATE audit_ends SET left_seq = 99",
            99,
            "not the one that was written last",
        ),
        (
            "the beginning said to have left",
            "UPDATE audit_ends SET left_seq = 2; DELETE FROM audit WHERE seq < 3",
            3,
            "not as it was written",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (access, _clock) = opened(&dir, Settings::default()).await;
        filled(&access, 6).await;
        tampered(&dir, format!("{ANYTHING_GOES}{statement}")).await;
        let (at, why) = access.verify_audit().await.unwrap().fault.unwrap_or_else(|| panic!("{what} is not found"));
        assert_eq!(at, seq, "{what}: {why}");
        assert!(why.contains(says), "{what}: {why}");
    }
}

#[tokio::test]
async fn refused_changes_of_one_caller_do_not_fill_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (access, clock) = opened(&dir, Settings::default()).await;
    let caller = |name: &str| Caller { who: Who::User(name.into()), ..Caller::nobody() };
    let recorded = (0..1_000).filter(|_| access.is_refusal_recorded(&caller("mallory"))).count();
    assert_eq!(recorded, REFUSED_MAX as usize);
    assert!(access.is_refusal_recorded(&caller("alice")));
    clock.advance(Settings::default().attempts_window);
    assert!(access.is_refusal_recorded(&caller("mallory")));
}

#[test]
fn a_long_text_is_cut_between_characters() {
    assert_eq!(short("a"), "a");
    let cut = short(&"茶".repeat(400));
    assert_eq!(cut.len(), 510);
    assert!(cut.chars().all(|c| c == '茶'));
}
