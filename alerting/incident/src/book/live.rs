//! An incident in memory: the document, its members, and what is derived from them.

use crate::cover::Sufferer;
use crate::fingerprint::Fingerprint;
use crate::incident::{Incident, IncidentId};
use crate::terrain::Spot;
use hashbrown::{HashMap, HashSet};
use model::UnixNanos;
use std::collections::VecDeque;

/// How an incident shows at one place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Activity {
    pub first: UnixNanos,
    pub last: UnixNanos,
    pub alerts: u64,
}

#[derive(Debug)]
pub(super) struct Live {
    pub incident: Incident,
    /// Slots, in the order they joined.
    pub members: Vec<u32>,
    pub activity: HashMap<Spot, Activity>,
    /// Services and other things lifted from the places, with the first time.
    pub hurt: HashMap<Spot, UnixNanos>,
    /// Name and place of the members, for what people decided and for what came back.
    pub keys: HashSet<Fingerprint>,
    /// Members that still count, those that fire, and those that ended (held or not).
    pub active: u64,
    pub ended: u64,
    /// It took in what fired before in these.
    pub comes_back: Vec<IncidentId>,
    /// When members that had ended fired again, lately.
    pub refires: VecDeque<UnixNanos>,
    /// Since when the next wave is an incident of its own.
    pub followed_at: Option<UnixNanos>,
    /// Since when what had ended in it has come back to it.
    pub returned_at: Option<UnixNanos>,
    /// Incidents the structure said are others.
    pub apart: HashSet<IncidentId>,
    /// Something that matters for the verdict happened, and when it was last judged.
    pub unjudged: bool,
    pub judged_at: Option<UnixNanos>,
    /// A place joined since the structure was last asked.
    pub unparted: bool,
    pub parted_at: Option<UnixNanos>,
    /// Last time a new place joined: while it grows it waits.
    pub grew_at: UnixNanos,
    /// The members of role cause are over since.
    pub cause_over: Option<UnixNanos>,
}

/// Incidents it may come back from.
pub(super) const COMES_BACK: usize = 8;

impl Live {
    pub(super) fn new(incident: Incident) -> Self {
        let grew_at = incident.opened_at;
        Self {
            incident,
            members: Vec::new(),
            activity: HashMap::new(),
            hurt: HashMap::new(),
            keys: HashSet::new(),
            active: 0,
            ended: 0,
            comes_back: Vec::new(),
            refires: VecDeque::new(),
            followed_at: None,
            returned_at: None,
            apart: HashSet::new(),
            unjudged: true,
            judged_at: None,
            unparted: false,
            parted_at: None,
            grew_at,
            cause_over: None,
        }
    }

    pub(super) fn sufferers(&self) -> Vec<Sufferer> {
        let mut hurt: Vec<Sufferer> =
            self.hurt.iter().map(|(spot, onset)| Sufferer { spot: *spot, onset: *onset }).collect();
        hurt.sort_unstable_by_key(|sufferer| sufferer.spot);
        hurt
    }

    /// Counts an activity; says whether the place is new to the incident.
    pub(super) fn act(&mut self, spot: Spot, lifted: Spot, at: UnixNanos) -> bool {
        let onset = self.hurt.entry(lifted).or_insert(at);
        *onset = (*onset).min(at);
        let mut is_new = false;
        let activity = self.activity.entry(spot).or_insert_with(|| {
            is_new = true;
            Activity { first: at, last: at, alerts: 0 }
        });
        activity.first = activity.first.min(at);
        activity.last = activity.last.max(at);
        activity.alerts += 1;
        is_new
    }
}
