//! A message as a template sees it: every text escaped for the platform, every time in the reader's zone.

use super::dialect::{Dialect, address};
use super::fit::Detail;
use super::words::{self, Words, said};
use crate::channel::Parcel;
use crate::config::{Language, Person};
use crate::message::{CauseLine, ChangeLine, Clocks, Message, Occasion, State};
use crate::outbox::Digest;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::{Bilingual, UnixNanos};
use serde::Serialize;
use std::time::Duration;

/// A list of which some may not be shown.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Part<T> {
    pub(crate) shown: Vec<T>,
    pub(crate) more: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct CauseView {
    pub(crate) entity: String,
    pub(crate) kind: &'static str,
    pub(crate) confidence: &'static str,
    pub(crate) since: Option<String>,
    pub(crate) evidence: Part<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct OperationView {
    pub(crate) name: String,
    pub(crate) failed: u64,
    pub(crate) calls: u64,
    pub(crate) share: String,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ChangeView {
    pub(crate) what: String,
    pub(crate) reason: String,
}

/// A text that may lead somewhere. `url` is for templates that make links of their own.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LinkView {
    pub(crate) text: String,
    pub(crate) url: Option<String>,
    pub(crate) link: String,
}

/// What a message is sent with.
struct Around<'a> {
    external_url: Option<&'a str>,
    occasion: Occasion,
    people: &'a [&'a Person],
    doubt: bool,
    stands_for: Option<&'a str>,
}

/// One incident.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct View {
    pub(crate) w: Words,
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) sign: &'static str,
    pub(crate) occasion: &'static str,
    pub(crate) severity: &'static str,
    pub(crate) state: &'static str,
    pub(crate) is_over: bool,
    pub(crate) news: Option<String>,
    pub(crate) cause: Option<CauseView>,
    pub(crate) undetermined: Option<String>,
    pub(crate) candidates: Part<CauseView>,
    pub(crate) missing: Part<String>,
    pub(crate) operations: Part<OperationView>,
    pub(crate) tenants: Part<String>,
    pub(crate) users: Option<u64>,
    pub(crate) business_operations: Option<u64>,
    pub(crate) change: Option<ChangeView>,
    pub(crate) changes_cleared: u32,
    pub(crate) advice: Part<LinkView>,
    pub(crate) owner: Option<String>,
    pub(crate) team: Option<String>,
    pub(crate) mentions: Vec<String>,
    pub(crate) alerts: u64,
    pub(crate) held_back: u64,
    pub(crate) episodes: u32,
    pub(crate) began: String,
    pub(crate) ended: Option<String>,
    pub(crate) lasted: Option<String>,
    /// `detected after 12s`
    pub(crate) clocks: Vec<String>,
    pub(crate) page: Option<LinkView>,
    pub(crate) links: Part<LinkView>,
    pub(crate) doubt: bool,
    pub(crate) stands_for: Option<String>,
}

/// One line of a digest.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LineView {
    pub(crate) sign: &'static str,
    pub(crate) id: String,
    pub(crate) severity: &'static str,
    pub(crate) occasion: &'static str,
    pub(crate) title: String,
    pub(crate) cause: Option<String>,
}

/// A digest.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DigestView {
    pub(crate) w: Words,
    pub(crate) count: usize,
    pub(crate) budget: bool,
    pub(crate) lines: Vec<LineView>,
    pub(crate) waiting: u64,
    pub(crate) page: Option<LinkView>,
    pub(crate) doubt: bool,
    pub(crate) stands_for: Option<String>,
}

/// What turns values into text for one reader.
pub(crate) struct Eye<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) language: Language,
    pub(crate) zone: &'a TimeZone,
    pub(crate) detail: Detail,
    pub(crate) now: UnixNanos,
}

impl Eye<'_> {
    fn text(&self, text: &str) -> String {
        self.dialect.escape(text, self.detail.text_bytes)
    }

    fn said(&self, text: &Bilingual) -> String {
        self.text(said(text, self.language))
    }

    fn list<T, U>(&self, all: &[T], total: u64, most: usize, view: impl Fn(&T) -> U) -> Part<U> {
        let shown: Vec<U> = all.iter().take(most).map(view).collect();
        Part { more: total.max(all.len() as u64) - shown.len() as u64, shown }
    }

    fn link(&self, text: String, url: Option<&str>) -> LinkView {
        let url = url.and_then(address);
        let link = url.as_deref().map_or_else(|| text.clone(), |url| self.dialect.link(&text, url));
        LinkView { text, url, link }
    }

    /// The time of day on the reader's wall, with the date where it is not today.
    fn time(&self, at: UnixNanos) -> String {
        let zoned = |at: UnixNanos| {
            Timestamp::from_nanosecond(i128::from(at.0)).ok().map(|instant| instant.to_zoned(self.zone.clone()))
        };
        let Some(local) = zoned(at) else { return String::new() };
        let today = zoned(self.now).map(|now| now.date());
        let form = if today == Some(local.date()) { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
        local.strftime(form).to_string()
    }

    /// With date and offset: once in a message, so that nobody has to guess.
    fn instant(&self, at: UnixNanos) -> String {
        match Timestamp::from_nanosecond(i128::from(at.0)) {
            Ok(instant) => instant.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string(),
            Err(_) => String::new(),
        }
    }

    fn cause(&self, cause: &CauseLine) -> CauseView {
        CauseView {
            entity: self.text(&cause.entity.to_string()),
            kind: words::kind(cause.kind, self.language),
            confidence: words::confidence(cause.confidence, self.language),
            since: cause.since.map(|since| self.time(since)),
            evidence: self.list(&cause.evidence, 0, self.detail.evidence, |line| self.said(line)),
        }
    }

    fn change(&self, change: &ChangeLine) -> ChangeView {
        let mut what = format!("{} {}", self.text(&change.kind), self.text(&change.target));
        match (&change.previous_version, &change.version) {
            (Some(before), Some(after)) => what += &format!(" {} → {}", self.text(before), self.text(after)),
            (None, Some(after)) => what += &format!(" {}", self.text(after)),
            _ => {}
        }
        what += &format!(" ({}", self.time(change.time));
        if let Some(author) = &change.author {
            what += &format!(", {}", self.text(author));
        }
        what += ")";
        ChangeView { what, reason: self.said(&change.reason) }
    }

    /// How long after the fault each thing happened.
    fn clocks(&self, clocks: &Clocks, from: UnixNanos) -> Vec<String> {
        let words = words::words(self.language);
        let all = [
            (words.detected, clocks.detected_at),
            (words.notified, clocks.notified_at),
            (words.acknowledged, clocks.acknowledged_at),
            (words.located, clocks.located_at),
            (words.mitigated, clocks.mitigated_at),
        ];
        all.into_iter()
            .filter_map(|(word, at)| Some(format!("{word} {}", words::span(between(from, Some(at?)), self.language))))
            .collect()
    }

    pub(crate) fn incident(&self, message: &Message, parcel: &Parcel<'_>) -> View {
        let dispatch = parcel.dispatch;
        let around = Around {
            external_url: parcel.external_url,
            occasion: dispatch.occasion,
            people: &parcel.people,
            doubt: dispatch.doubt,
            stands_for: dispatch.stands_for.as_deref(),
        };
        self.incident_in(message, &around)
    }

    /// The message before anybody has decided where it goes.
    pub(crate) fn preview(&self, message: &Message) -> View {
        let around =
            Around { external_url: None, occasion: message.occasion, people: &[], doubt: false, stands_for: None };
        self.incident_in(message, &around)
    }

    fn incident_in(&self, message: &Message, around: &Around<'_>) -> View {
        let (detail, impact) = (&self.detail, &message.impact);
        let words = words::words(self.language);
        // The clocks run from the fault on, which is older than the incident.
        let began = message.clocks.fault_at.unwrap_or(message.opened_at);
        let is_over = message.state == State::Resolved;
        let candidates: &[CauseLine] = if message.cause.is_some() { &[] } else { &message.candidates };
        let page = message.url.as_deref().or(around.external_url);
        View {
            w: words,
            id: self.text(&message.incident),
            title: self.said(&message.title),
            sign: words::sign(message.severity, is_over),
            occasion: words::occasion(around.occasion, self.language),
            severity: words::severity(message.severity, self.language),
            state: words::state(message.state, self.language),
            is_over,
            news: message.news.as_ref().map(|news| self.said(news)),
            cause: message.cause.as_ref().map(|cause| self.cause(cause)),
            undetermined: message.undetermined.as_ref().filter(|_| message.cause.is_none()).map(|why| self.said(why)),
            candidates: self.list(candidates, 0, detail.candidates, |cause| self.cause(cause)),
            missing: self.list(&message.missing, 0, detail.missing, |line| self.said(line)),
            operations: self.list(&impact.operations, impact.operations_total, detail.operations, |hurt| {
                OperationView {
                    name: self.text(&hurt.operation),
                    failed: hurt.failed,
                    calls: hurt.calls,
                    share: share(hurt.failed, hurt.calls),
                }
            }),
            tenants: self.list(&impact.tenants, impact.tenants_total, detail.tenants, |tenant| self.text(tenant)),
            users: impact.users.filter(|users| *users > 0),
            business_operations: impact.business_operations.filter(|count| *count > 0),
            change: message.change.as_ref().map(|change| self.change(change)),
            changes_cleared: message.changes_cleared,
            advice: self.list(&message.advice, 0, detail.advice, |advice| {
                self.link(self.said(&advice.text), advice.url.as_deref())
            }),
            owner: message.owner.as_deref().map(|owner| self.text(owner)),
            team: message.team.as_deref().map(|team| self.text(team)),
            mentions: around.people.iter().filter_map(|person| self.dialect.mention(person)).collect(),
            alerts: message.counts.alerts,
            held_back: message.counts.held_back,
            episodes: message.counts.episodes,
            began: self.instant(began),
            ended: message.resolved_at.filter(|_| is_over).map(|at| self.time(at)),
            lasted: message
                .resolved_at
                .filter(|_| is_over)
                .map(|at| words::span(between(began, Some(at)), self.language)),
            clocks: self.clocks(&message.clocks, began),
            page: page.map(|url| self.link(format!("{} {}", words.open, self.text(&message.incident)), Some(url))),
            links: self.list(&message.links, 0, detail.links, |link| self.link(self.said(&link.text), Some(&link.url))),
            doubt: around.doubt,
            stands_for: around.stands_for.map(|name| self.text(name)),
        }
    }

    pub(crate) fn digest(&self, digest: &Digest, parcel: &Parcel<'_>) -> DigestView {
        let line_bytes = self.detail.text_bytes;
        let words = words::words(self.language);
        let lines = digest.items.iter().map(|item| {
            let is_over = item.state == State::Resolved;
            let title = said(&item.title, self.language);
            let id = self.dialect.escape(&item.incident, 64);
            let url = item.url.as_deref().filter(|_| !digest.short && line_bytes >= 100);
            LineView {
                sign: words::sign(item.severity, is_over),
                id: self.link(id, url).link,
                severity: words::severity(item.severity, self.language),
                occasion: words::occasion(item.occasion, self.language),
                // Half a line's bytes for the title, a quarter for the cause; none at the tightest.
                title: if line_bytes < 24 { String::new() } else { self.dialect.escape(title, line_bytes / 2) },
                cause: item
                    .cause
                    .as_ref()
                    .filter(|_| !digest.short && line_bytes >= 60)
                    .map(|cause| self.dialect.escape(cause, line_bytes / 4)),
            }
        });
        DigestView {
            w: words,
            count: digest.items.len(),
            budget: digest.budget,
            lines: lines.collect(),
            waiting: digest.waiting,
            page: parcel.external_url.map(|url| self.link(words.open.to_owned(), Some(url))),
            doubt: parcel.dispatch.doubt,
            stands_for: parcel.dispatch.stands_for.as_deref().map(|name| self.text(name)),
        }
    }
}

fn between(from: UnixNanos, until: Option<UnixNanos>) -> Duration {
    let until = until.unwrap_or(from);
    Duration::from_nanos(u64::try_from(until.0.saturating_sub(from.0)).unwrap_or(0))
}

fn share(failed: u64, calls: u64) -> String {
    if calls == 0 { String::new() } else { format!("{:.1}%", 100.0 * failed as f64 / calls as f64) }
}
