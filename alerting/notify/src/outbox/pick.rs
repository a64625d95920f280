//! What may be sent now: holds, limits, digests.
//!
//! A message is sent by itself while its robot has room for all that wait. When it has not, the last free place
//! goes to a digest of them. Invariant: a digest takes along only what it names.

use super::entry::{Content, Digest, DigestItem, Entry, EntryId, Phase};
use super::ledger::Standing;
use super::{Dispatch, Outbox, seconds};
use crate::limits::Limits;
use crate::message::{Message, Occasion, State};
use crate::policy::Policy;
use crate::receiver::Target;
use crate::silence::{Hold, Silences, Sources, hold};
use incident::Severity;
use model::{ContentHash, UnixNanos};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How often a message that is held is looked at again.
const HOLD_RECHECK: std::time::Duration = seconds(2);
/// From this many waiting incidents on, a digest gives each the shortest line.
const LONG_DIGESTS: usize = 3;

/// The entries of one endpoint that could go now, best first.
#[derive(Default)]
struct Ready {
    urgent: Vec<EntryId>,
    usual: Vec<EntryId>,
    digest_only: Vec<EntryId>,
}

impl Outbox {
    /// What may be sent now, marked as being sent. To be stored before it is sent. Wall time.
    pub fn due(&mut self, policy: &Policy, silences: &Silences, now: UnixNanos) -> Vec<Dispatch> {
        let lost: Vec<String> = self.waiting.keys().filter(|name| policy.target(name).is_none()).cloned().collect();
        for receiver in lost {
            self.bury_all(policy, &receiver, now);
        }
        for (endpoint, (_, receivers)) in self.queues(policy) {
            self.stand_in(policy, &endpoint, &receivers, now);
        }
        let sources = self.sources(policy);
        let mut dispatches = Vec::new();
        for (endpoint, (target, receivers)) in self.queues(policy) {
            while let Some(dispatch) = self.pick(policy, silences, &sources, &endpoint, &target.limits, &receivers, now)
            {
                dispatches.push(dispatch);
            }
        }
        dispatches
    }

    /// The receivers for which something waits, by the endpoint they share.
    fn queues(&self, policy: &Policy) -> BTreeMap<String, (Arc<Target>, Vec<String>)> {
        let mut endpoints: BTreeMap<String, (Arc<Target>, Vec<String>)> = BTreeMap::new();
        for (receiver, target) in self.waiting.keys().filter_map(|name| Some((name, policy.target(name)?))) {
            let place = endpoints.entry(target.endpoint.clone());
            place.or_insert_with(|| (Arc::clone(target), Vec::new())).1.push(receiver.clone());
        }
        endpoints
    }

    /// When [`Outbox::due`] or [`Outbox::tick`] may next have something to do, as far as is known now.
    pub fn wakes_at(&self, policy: &Policy, now: UnixNanos) -> Option<UnixNanos> {
        let queues = self.waiting.iter().filter_map(|(receiver, queue)| {
            let first = queue.iter().filter_map(|id| self.entries.get(id)).map(|entry| entry.due_at).min()?;
            let target = policy.target(receiver)?;
            let opens = self.endpoints.get(&target.endpoint).map(|endpoint| endpoint.opens_at(&target.limits, now));
            Some(opens.map_or(first, |opens| opens.max(first)))
        });
        queues.chain(self.wakes.first().map(|(at, _)| *at)).min()
    }

    fn sources(&self, policy: &Policy) -> Sources {
        if policy.inhibitions().is_empty() || self.waiting.is_empty() {
            return Sources::default();
        }
        let open = self.threads.values().filter(|thread| !thread.is_over()).map(|thread| &thread.message);
        Sources::of(policy, open)
    }

    #[expect(clippy::too_many_arguments, reason = "the circumstances of one step, each of another kind")]
    fn pick(
        &mut self,
        policy: &Policy,
        silences: &Silences,
        sources: &Sources,
        endpoint: &str,
        limits: &Limits,
        receivers: &[String],
        now: UnixNanos,
    ) -> Option<Dispatch> {
        let room = self.endpoints.entry(endpoint.to_owned()).or_default().room(limits, now)?;
        let ready = self.ready(policy, silences, sources, receivers, now);
        let takes_digests = limits.digest.0 > 0;
        let one = |ids: &[EntryId], room: u32| {
            let fits = ids.len() <= room as usize || room >= 2 || !takes_digests;
            (room > 0 && fits).then(|| ids.first().cloned()).flatten()
        };
        if let Some(id) = one(&ready.urgent, room.urgent) {
            return self.depart(policy, endpoint, &id, now);
        }
        if !ready.urgent.is_empty() {
            let all = [ready.urgent, ready.usual, ready.digest_only].concat();
            return self.depart_together(policy, endpoint, limits, all, now);
        }
        if let Some(id) = one(&ready.usual, room.usual) {
            return self.depart(policy, endpoint, &id, now);
        }
        if room.usual == 0 || (ready.usual.is_empty() && ready.digest_only.is_empty()) {
            return None;
        }
        self.depart_together(policy, endpoint, limits, [ready.usual, ready.digest_only].concat(), now)
    }

    /// The entries that are due, not held, and not behind another of the same incident.
    fn ready(
        &mut self,
        policy: &Policy,
        silences: &Silences,
        sources: &Sources,
        receivers: &[String],
        now: UnixNanos,
    ) -> Ready {
        let queues = receivers.iter().filter_map(|receiver| self.waiting.get(receiver));
        let due = |entry: &&Entry| entry.due_at <= now && self.is_first(entry);
        let mut found: Vec<_> = queues
            .flatten()
            .filter_map(|id| self.entries.get(id))
            .filter(due)
            .map(|entry| (!self.is_urgent(entry), entry.created_at, entry.incident.clone(), entry.id.clone()))
            .collect();
        found.sort();
        let mut ready = Ready::default();
        for (usual, _, _, id) in found {
            if self.held(policy, silences, sources, &id, now) || self.abandoned(policy, &id, now) {
                continue;
            }
            let digest_only = self.entries.get(&id).is_some_and(|entry| entry.digest_only);
            match (digest_only, usual) {
                (true, _) => ready.digest_only.push(id),
                (false, false) => ready.urgent.push(id),
                (false, true) => ready.usual.push(id),
            }
        }
        ready
    }

    fn is_first(&self, entry: &Entry) -> bool {
        let Some(incident) = &entry.incident else { return true };
        let head = self.told(incident, &entry.receiver).and_then(|told| told.head.as_ref());
        head.is_none_or(|head| *head == entry.id)
    }

    fn message<'a>(&'a self, entry: &'a Entry) -> Option<&'a Message> {
        match &entry.content {
            Some(Content::Incident(message)) => Some(message),
            Some(Content::Digest(_)) => None,
            None => {
                entry.incident.as_ref().and_then(|incident| self.threads.get(incident)).map(|thread| &thread.message)
            }
        }
    }

    /// Critical, over, in doubt, or a digest that has waited already.
    fn is_urgent(&self, entry: &Entry) -> bool {
        let urgent = |message: &Message| message.severity == Severity::Critical || message.state == State::Resolved;
        entry.incident.is_none() || entry.doubt || self.message(entry).is_some_and(urgent)
    }

    /// Whether something holds it back; said in the ledger when that changes.
    fn held(&mut self, policy: &Policy, silences: &Silences, sources: &Sources, id: &EntryId, now: UnixNanos) -> bool {
        let Some(entry) = self.entries.get(id) else { return true };
        // What has been sent once is not taken back, and a digest was free to go when it was made.
        let found = match self.message(entry).filter(|_| entry.content.is_none()) {
            Some(message) => hold(policy, silences, sources, message, entry.occasion, &entry.quiet, now),
            None => None,
        };
        let (is_held, is_news) = (found.is_some(), found != entry.hold);
        if is_news {
            let said = found.as_ref().map(Hold::to_string);
            if let Some(entry) = self.entries.get_mut(id) {
                entry.hold = found;
                entry.error = said;
            }
            self.touch_entry(id);
            self.row(id, policy, if is_held { Standing::Held } else { Standing::Waiting }, now);
        }
        if let Some(entry) = self.entries.get_mut(id).filter(|_| is_held) {
            // Not stored: it is found again after a restart.
            entry.due_at = now.saturating_add(HOLD_RECHECK);
        }
        is_held
    }

    /// Closes what is in doubt at a receiver that is set not to be told twice.
    fn abandoned(&mut self, policy: &Policy, id: &EntryId, now: UnixNanos) -> bool {
        let Some(entry) = self.entries.get(id).filter(|entry| entry.doubt) else { return false };
        if policy.target(&entry.receiver).is_none_or(|target| target.resends()) {
            return false;
        }
        self.leave_in_doubt(policy, id, now);
        true
    }

    /// Marks one entry as being sent.
    fn depart(&mut self, policy: &Policy, endpoint: &str, id: &EntryId, now: UnixNanos) -> Option<Dispatch> {
        let content = {
            let entry = self.entries.get(id)?;
            match &entry.content {
                Some(content) => content.clone(),
                None => Content::Incident(Box::new(self.message(entry)?.clone())),
            }
        };
        let target = policy.target(&self.entries.get(id)?.receiver)?;
        let is_idempotent = target.is_idempotent();
        let entry = self.entries.get_mut(id)?;
        entry.phase = Phase::Sending;
        entry.attempts += 1;
        entry.content = Some(content.clone());
        let (receiver, incident) = (entry.receiver.clone(), entry.incident.clone());
        let mut dispatch = Dispatch {
            entry: id.clone(),
            receiver: receiver.clone(),
            attempt: entry.attempts,
            occasion: entry.occasion,
            content,
            reference: None,
            // Whoever knows repetitions by their key needs no mark.
            doubt: entry.doubt && !is_idempotent,
            plain: entry.plain,
            stands_for: entry.stands_for.last().cloned(),
        };
        if let Some(incident) = incident {
            if let Some(told) = self.told_mut(&incident, &receiver) {
                told.head = Some(id.clone());
                told.next = told.next.take().filter(|next| next != id);
                dispatch.reference = told.reference.clone();
            }
            self.touch_thread(&incident);
        }
        self.unqueue(&receiver, id);
        self.touch_entry(id);
        self.endpoints.entry(endpoint.to_owned()).or_default().departs(id, now);
        self.touch_endpoint(endpoint);
        Some(dispatch)
    }

    /// Makes a digest of the first entry and of those that wait for the same receiver, and sends it.
    fn depart_together(
        &mut self,
        policy: &Policy,
        endpoint: &str,
        limits: &Limits,
        ids: Vec<EntryId>,
        now: UnixNanos,
    ) -> Option<Dispatch> {
        let receiver = ids.iter().find_map(|id| self.entries.get(id)).map(|entry| entry.receiver.clone())?;
        let joins = |entry: &Entry| entry.receiver == receiver && entry.incident.is_some();
        let members: Vec<EntryId> = ids.iter().filter(|id| self.entries.get(*id).is_some_and(joins)).cloned().collect();
        let single = members.len() < 2 && !self.entries.get(members.first()?).is_some_and(|entry| entry.digest_only);
        if single {
            return self.depart(policy, endpoint, &members.first()?.clone(), now);
        }
        let short = members.len() > LONG_DIGESTS * limits.digest.0;
        let most = if short { limits.digest.1 } else { limits.digest.0 };
        let (taken, left) = members.split_at(members.len().min(most));
        let id = self.digest(policy, &receiver, taken, left.len() as u64, short, now)?;
        self.depart(policy, endpoint, &id, now)
    }

    fn digest(
        &mut self,
        policy: &Policy,
        receiver: &str,
        members: &[EntryId],
        waiting: u64,
        short: bool,
        now: UnixNanos,
    ) -> Option<EntryId> {
        let items: Vec<DigestItem> = members
            .iter()
            .filter_map(|id| self.entries.get(id))
            .filter_map(|entry| Some(DigestItem::of(&entry.id, self.message(entry)?, entry.occasion)))
            .collect();
        let first = &items.first()?.entry;
        let id = EntryId(format!("D-{}", ContentHash::of_identity(format!("{receiver}/{first}/{}", now.0).as_bytes())));
        let budget = self.entries.get(first).is_some_and(|entry| entry.digest_only);
        // One that may have arrived makes the whole digest one that may repeat.
        let doubt = items.iter().any(|item| self.entries.get(&item.entry).is_some_and(|entry| entry.doubt));
        for item in &items {
            self.absorb(&item.entry, &id);
        }
        let digest = Digest { items, waiting, short, budget };
        let entry = Entry {
            id: id.clone(),
            receiver: receiver.to_owned(),
            incident: None,
            occasion: Occasion::Digest,
            phase: Phase::Waiting,
            content: Some(Content::Digest(digest)),
            created_at: now,
            due_at: now,
            settles_at: now,
            attempts: 0,
            failing_since: None,
            doubt,
            plain: false,
            digest_only: false,
            quiet: Vec::new(),
            hold: None,
            error: None,
            stands_for: Vec::new(),
            stood_in: false,
        };
        self.entries.insert(id.clone(), entry);
        self.row(&id, policy, Standing::Waiting, now);
        Some(id)
    }

    fn absorb(&mut self, id: &EntryId, by: &EntryId) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.phase = Phase::Absorbed { by: by.clone() };
        let (receiver, incident) = (entry.receiver.clone(), entry.incident.clone());
        self.unqueue(&receiver, id);
        self.touch_entry(id);
        if let Some(incident) = incident {
            if let Some(told) = self.told_mut(&incident, &receiver) {
                told.head = Some(id.clone());
                told.next = told.next.take().filter(|next| next != id);
            }
            self.touch_thread(&incident);
        }
    }
}
