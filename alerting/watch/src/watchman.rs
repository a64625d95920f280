//! The outside watchman: called for as long as the rounds go on, so that he raises the alarm when they do not.
//!
//! It refuses to call for a process that lives and whose rounds stand still: alerts are not judged then.

use crate::desk::Desk;
use model::UnixNanos;
use notify::Deliverer;
use std::sync::Arc;
use std::time::Duration;

/// How often the setting is looked at while nobody is to be called.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Rounds that have not ended for so long stand still.
const STILL: Duration = Duration::from_secs(120);

/// Calls a desk's watchman for as long as the server runs.
pub(crate) async fn run(desk: Arc<Desk>) {
    let mut deliverer = Deliverer::new(Arc::clone(&desk.api.clock));
    loop {
        let policy = Arc::clone(&desk.office.read().await.policy);
        let Some(every) = policy.deadman_every() else {
            tokio::time::sleep(LOOK_EVERY).await;
            continue;
        };
        if stands_still(desk.round_ended(), desk.now()) {
            let workspace = desk.workspace().as_str();
            tracing::error!(workspace, "rounds stand still, so the watchman is not called");
        } else if let Err(error) = deliverer.beat(&policy).await {
            tracing::warn!(workspace = desk.workspace().as_str(), error, "the watchman cannot be called");
        }
        tokio::time::sleep(every.0).await;
    }
}

fn stands_still(round_ended: UnixNanos, now: UnixNanos) -> bool {
    now > round_ended.saturating_add(STILL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_round_is_no_standstill_and_a_very_long_one_is() {
        let at = |seconds: i64| UnixNanos(1_800_000_000_000_000_000 + seconds * UnixNanos::SECOND);
        assert!(!stands_still(at(0), at(60)));
        assert!(stands_still(at(0), at(121)));
        assert!(!stands_still(at(0), at(-3_600)), "a clock that was put back is no standstill");
    }
}
