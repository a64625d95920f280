use super::*;
use std::sync::Mutex;

fn failed() -> Error {
    Error::Generic { store: "test", source: "503 SlowDown".into() }
}

fn settings() -> RetrySettings {
    let wait_first = Duration::from_micros(1);
    RetrySettings { attempts_max: 4, wait_first, budget: 5, ..RetrySettings::default() }
}

fn store() -> RetryStore {
    RetryStore::new(Arc::new(object_store::memory::InMemory::new()), settings())
}

#[test]
fn what_becomes_of_a_failure() {
    let refused = Error::PermissionDenied { path: "p".into(), source: "403".into() };
    let table = [
        ("a passing failure is repeated", failed(), 1, 0, Verdict::Again),
        ("until attempts are used up", failed(), 4, 0, Verdict::GiveUp),
        ("a refusal is not", refused, 1, 0, Verdict::GiveUp),
        ("up to the budget", failed(), 1, 8, Verdict::Again),
        ("and not beyond it", failed(), 1, 9, Verdict::OverBudget),
    ];
    for (sentence, error, number, owed, expected) in table {
        assert_eq!(verdict(&error, number, owed, &settings()), expected, "{sentence}");
    }
}

#[test]
fn waits_are_drawn_below_their_bound() {
    for _ in 0..100 {
        assert!(drawn(Duration::from_secs(60), Duration::from_secs(10)) <= Duration::from_secs(10));
    }
}

#[tokio::test]
async fn a_request_that_fails_twice_succeeds_the_third_time() {
    let store = store();
    let answers = Mutex::new(vec![Ok(7), Err(failed()), Err(failed())]);
    let got = store.repeat(|| async { answers.lock().unwrap().pop().unwrap() }).await;
    assert_eq!(got.unwrap(), 7);
    assert_eq!(store.stats(), RetryStats { requests: 3, retries: 2, refused: 0 });
}

#[tokio::test]
async fn an_outage_spends_the_budget_and_then_fails_at_once() {
    let store = store();
    for _ in 0..10 {
        assert!(store.repeat(|| async { Err::<(), _>(failed()) }).await.is_err());
    }
    let RetryStats { requests, retries, refused } = store.stats();
    assert_eq!((requests, retries), (15, 5), "ten calls and five repeats");
    assert_eq!(refused, 9, "the first call used three of the five repeats and gave up by itself");
    // Each success gives half a repeat back.
    for _ in 0..2 {
        store.repeat(|| async { Ok(()) }).await.unwrap();
    }
    let answers = Mutex::new(vec![Ok(()), Err(failed())]);
    assert!(store.repeat(|| async { answers.lock().unwrap().pop().unwrap() }).await.is_ok());
}

#[tokio::test]
async fn an_answer_that_never_comes_is_a_failure() {
    let attempt_timeout = Duration::from_millis(1);
    let inner = Arc::new(object_store::memory::InMemory::new());
    let store = RetryStore::new(inner, RetrySettings { attempt_timeout, ..settings() });
    let hung = store.repeat(std::future::pending::<Result<()>>).await;
    assert!(hung.unwrap_err().to_string().contains("no answer within 1ms"));
    assert_eq!(store.stats().requests, 4);
}
