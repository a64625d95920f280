//! Sends what the outbox gives out: every delivery a task of its own, so that one that hangs holds nobody up.
//!
//! Its bound is the outbox's: at most a channel's concurrency per endpoint is ever given out. Invariant: every
//! dispatch comes back with an outcome within the delivery's time.

use crate::channel::{Outcome, Parcel};
use crate::error::Error;
use crate::guard::Guard;
use crate::message::Message;
use crate::outbox::{Content, Dispatch, EntryId};
use crate::policy::Policy;
use crate::wire::{TIMEOUT, Wire};
use incident::Severity;
use model::{Bilingual, Clock};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{Id, JoinSet};

/// The longest a delivery may take, all its requests together, in times of one request's.
const REQUESTS_MAX: u32 = 3;

/// The answer to one dispatch.
#[derive(Clone, PartialEq, Debug)]
pub struct Delivery {
    pub entry: EntryId,
    pub receiver: String,
    pub outcome: Outcome,
}

/// Sends. Dropped, it forgets what is under way: the outbox holds that to be in doubt after a restart.
#[derive(Debug)]
pub struct Deliverer {
    clock: Arc<dyn Clock>,
    timeout: Duration,
    wire: Option<Wire>,
    tasks: JoinSet<Outcome>,
    /// What each task is for.
    under_way: HashMap<Id, (EntryId, String)>,
}

impl Deliverer {
    /// A TLS provider must have been installed for the process.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_timeout(clock, TIMEOUT)
    }

    /// The same with another time for each request than ten seconds.
    pub fn with_timeout(clock: Arc<dyn Clock>, timeout: Duration) -> Self {
        Self { clock, timeout, wire: None, tasks: JoinSet::new(), under_way: HashMap::new() }
    }

    /// Begins to send. To be called when the outbox's documents are stored, and not before.
    ///
    /// # Errors
    /// [`Error::Client`]: nothing can be sent from this machine at all; the dispatches come back to be tried
    /// again.
    pub fn start(&mut self, policy: &Arc<Policy>, dispatches: Vec<Dispatch>) -> Result<(), Error> {
        if dispatches.is_empty() {
            return Ok(());
        }
        let wire = self.wire(policy.guard());
        for dispatch in dispatches {
            let names = (dispatch.entry.clone(), dispatch.receiver.clone());
            let task = match &wire {
                Ok(wire) => {
                    let (policy, clock, wire) = (Arc::clone(policy), Arc::clone(&self.clock), wire.clone());
                    self.tasks.spawn(async move { deliver(&policy, &*clock, &wire, &dispatch).await })
                }
                Err(error) => {
                    let reason = error.to_string();
                    self.tasks.spawn(async move { Outcome::Retry { after: None, reason } })
                }
            };
            self.under_way.insert(task.id(), names);
        }
        wire.map(|_| ())
    }

    /// The next answer; `None` while nothing is under way. Safe to drop and call again.
    pub async fn finished(&mut self) -> Option<Delivery> {
        loop {
            let (id, outcome) = match self.tasks.join_next_with_id().await? {
                Ok(finished) => finished,
                // A task that broke may have sent its message before.
                Err(error) => (error.id(), Outcome::InDoubt { reason: "the delivery broke off".to_owned() }),
            };
            if let Some((entry, receiver)) = self.under_way.remove(&id) {
                return Some(Delivery { entry, receiver, outcome });
            }
        }
    }

    /// Deliveries under way.
    pub fn under_way(&self) -> usize {
        self.tasks.len()
    }

    /// Sends a message that says it is a test to one receiver, past routes, limits and the outbox.
    ///
    /// # Errors
    /// [`Error::Client`]; what the receiver says is the outcome.
    pub async fn test(&mut self, policy: &Policy, receiver: &str) -> Result<Outcome, Error> {
        let wire = self.wire(policy.guard())?;
        let now = self.clock.now();
        let title = Bilingual::new("Test message: this receiver can be reached", "测试消息：该接收方可以送达");
        let mut message = Message::new("TEST", title, Severity::Low, now);
        message.occasion = crate::message::Occasion::Test;
        message.url = policy.config().external_url.clone();
        let dispatch = Dispatch {
            entry: EntryId(format!("T-{}", now.0)),
            receiver: receiver.to_owned(),
            attempt: 1,
            occasion: message.occasion,
            content: Content::Incident(Box::new(message)),
            reference: None,
            doubt: false,
            plain: false,
            stands_for: None,
        };
        Ok(deliver(policy, &*self.clock, &wire, &dispatch).await)
    }

    /// Calls the outside watchman, who raises the alarm when these calls stay away.
    ///
    /// # Errors
    /// Why the call did not arrive, without the address.
    pub async fn beat(&mut self, policy: &Policy) -> Result<(), String> {
        let Some(deadman) = &policy.config().deadman else { return Ok(()) };
        let wire = self.wire(policy.guard()).map_err(|error| error.to_string())?;
        match wire.call(deadman.url.reveal()).await {
            Ok(200..=299) => Ok(()),
            Ok(status) => Err(format!("HTTP {status}")),
            Err(failure) => Err(failure.to_string()),
        }
    }

    /// The client for this network setting; made anew when the setting has changed.
    fn wire(&mut self, guard: &Guard) -> Result<Wire, Error> {
        match &self.wire {
            Some(wire) if wire.guard() == guard => Ok(wire.clone()),
            _ => Ok(self.wire.insert(Wire::new(guard, self.timeout)?).clone()),
        }
    }
}

async fn deliver(policy: &Policy, clock: &dyn Clock, wire: &Wire, dispatch: &Dispatch) -> Outcome {
    let Some(target) = policy.target(&dispatch.receiver) else {
        return Outcome::Refused { reason: format!("there is no receiver `{}`", dispatch.receiver) };
    };
    let people = match &dispatch.content {
        Content::Incident(message) if calls(dispatch, message) => {
            policy.called(message.owner.as_deref(), message.team.as_deref(), &message.mentions)
        }
        _ => Vec::new(),
    };
    let external_url = policy.config().external_url.as_deref();
    let parcel = Parcel { dispatch, target, people, external_url, now: clock.now() };
    let sent = tokio::time::timeout(wire.timeout() * REQUESTS_MAX, target.channel.send(&parcel, wire)).await;
    let outcome = sent.unwrap_or_else(|_| Outcome::InDoubt { reason: "no answer in time".to_owned() });
    if !matches!(outcome, Outcome::Delivered { .. }) {
        tracing::warn!(receiver = %dispatch.receiver, entry = %dispatch.entry, ?outcome, "a message was not delivered");
    }
    outcome
}

/// Whether somebody is called by name: when there is something to do.
fn calls(dispatch: &Dispatch, message: &Message) -> bool {
    use crate::message::{Occasion, State};
    message.state != State::Resolved
        && matches!(
            dispatch.occasion,
            Occasion::Opened | Occasion::Reopened | Occasion::SeverityRaised | Occasion::Repeat | Occasion::Escalated
        )
}
