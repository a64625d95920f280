//! Messages on their way out: what is due is marked and stored as being sent, then sent; what became of it
//! is stored as well.

use crate::desk::Desk;
use incident::IncidentId;
use notify::{Deliverer, Delivery, Outcome};
use std::sync::Arc;
use std::time::Duration;

/// Looked at least this often, for what nothing announces.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Delivers a desk's messages for as long as the server runs.
pub(crate) async fn run(desk: Arc<Desk>) {
    let mut deliverer = Deliverer::new(Arc::clone(&desk.api.clock));
    loop {
        send(&desk, &mut deliverer).await;
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = desk.told.notified() => {}
            Some(delivery) = deliverer.finished() => conclude(&desk, delivery).await,
        }
    }
}

/// Nothing is sent that is not stored as being sent.
async fn send(desk: &Desk, deliverer: &mut Deliverer) {
    let now = desk.now();
    let office = &mut *desk.office.write().await;
    let policy = Arc::clone(&office.policy);
    office.outbox.tick(&policy, now);
    let dispatches = office.outbox.due(&policy, &office.silences, now);
    match office.commit(&desk.metastore, desk.workspace(), now).await {
        Ok(()) => {
            if let Err(error) = deliverer.start(&policy, dispatches) {
                tracing::error!(workspace = desk.workspace().as_str(), %error, "messages cannot be sent");
            }
        }
        Err(error) => {
            tracing::error!(workspace = desk.workspace().as_str(), %error, "messages cannot be stored, so none is sent");
            for dispatch in dispatches {
                let reason = "it could not be stored before it was sent".to_owned();
                office.outbox.conclude(&policy, &dispatch.entry, Outcome::Retry { after: None, reason }, now);
            }
        }
    }
}

async fn conclude(desk: &Desk, delivery: Delivery) {
    let now = desk.now();
    let office = &mut *desk.office.write().await;
    let policy = Arc::clone(&office.policy);
    // A digest tells of several.
    let incidents = office.outbox.incidents(&delivery.entry);
    let delivered = matches!(delivery.outcome, Outcome::Delivered { .. });
    office.outbox.conclude(&policy, &delivery.entry, delivery.outcome, now);
    for id in incidents.iter().filter(|_| delivered).filter_map(|id| IncidentId::read(id)) {
        office.book.notified(id, now);
    }
    if let Err(error) = office.commit(&desk.metastore, desk.workspace(), now).await {
        tracing::error!(workspace = desk.workspace().as_str(), %error, "a delivery cannot be stored; it is in doubt after a restart");
    }
}
