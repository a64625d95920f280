//! The bounded queue before the WAL thread, which takes whole groups from it.
//!
//! A group is closed when it holds enough bytes, when its first request has waited long enough, or at
//! once when nobody else is on the way: a lone sender pays no waiting time.

use crate::append::Job;
use crate::settings::Settings;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long the thread sleeps before it looks after itself.
const IDLE: Duration = Duration::from_secs(1);

/// What the thread does next.
#[derive(Debug)]
pub(crate) enum Next {
    Group(Vec<Job>),
    /// Records before this position are in the catalog.
    Release(u64),
    Idle,
    Closed,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    bytes: u64,
    release: Option<u64>,
    closed: bool,
}

#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    jobs_max: usize,
    group_bytes: u64,
    group_wait: Duration,
}

impl Queue {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            waiting: Mutex::default(),
            changed: Condvar::new(),
            jobs_max: settings.append_queue_max,
            group_bytes: settings.group_commit_bytes,
            group_wait: settings.group_commit_wait,
        }
    }

    /// Adds a request; gives it back if the queue is full or closed (then: `true`).
    #[expect(clippy::result_large_err, reason = "the job goes back to whoever refuses it")]
    pub(crate) fn push(&self, job: Job) -> Result<(), (Job, bool)> {
        let mut waiting = self.waiting.lock();
        if waiting.closed || waiting.jobs.len() >= self.jobs_max {
            let closed = waiting.closed;
            return Err((job, closed));
        }
        waiting.bytes += job.append.body.len() as u64;
        waiting.jobs.push_back(job);
        self.changed.notify_one();
        Ok(())
    }

    /// Asks for a release. A later position stands for an earlier one.
    pub(crate) fn release(&self, before: u64) {
        let mut waiting = self.waiting.lock();
        waiting.release = waiting.release.max(Some(before));
        self.changed.notify_one();
    }

    /// No more requests; those that wait are still served.
    pub(crate) fn close(&self) {
        self.waiting.lock().closed = true;
        self.changed.notify_all();
    }

    /// Nobody will serve those that wait: their senders see the reply's other end gone.
    pub(crate) fn abandon(&self) {
        let mut waiting = self.waiting.lock();
        waiting.closed = true;
        let jobs = std::mem::take(&mut waiting.jobs);
        waiting.bytes = 0;
        drop(waiting);
        drop(jobs);
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.lock().jobs.len()
    }

    /// Waits for something to do. `inflight` tells how many requests are admitted and not answered:
    /// more than are waiting here means that others are on their way.
    pub(crate) fn next(&self, inflight: &dyn Fn() -> usize) -> Next {
        let mut waiting = self.waiting.lock();
        if waiting.jobs.is_empty() && waiting.release.is_none() && !waiting.closed {
            self.changed.wait_for(&mut waiting, IDLE);
        }
        if let Some(before) = waiting.release.take() {
            return Next::Release(before);
        }
        if waiting.jobs.is_empty() {
            return if waiting.closed { Next::Closed } else { Next::Idle };
        }
        let until = Instant::now() + self.group_wait;
        while waiting.bytes < self.group_bytes && !waiting.closed && inflight() > waiting.jobs.len() {
            if self.changed.wait_until(&mut waiting, until).timed_out() {
                break;
            }
        }
        Next::Group(self.take_group(&mut waiting))
    }

    fn take_group(&self, waiting: &mut Waiting) -> Vec<Job> {
        let (mut group, mut bytes) = (Vec::new(), 0);
        while bytes < self.group_bytes {
            let Some(job) = waiting.jobs.pop_front() else { break };
            bytes += job.append.body.len() as u64;
            group.push(job);
        }
        waiting.bytes -= bytes;
        group
    }
}
