//! A checked receiver: a channel, its language and zone, and what it bears.

use crate::channel::{self, Channel};
use crate::config::{InDoubt, Language, Receiver};
use crate::guard::Guard;
use crate::limits::Limits;
use crate::policy::Faults;
use crate::render;
use jiff::tz::TimeZone;

/// Where messages go, ready to be used.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) written: Receiver,
    pub(crate) channel: Box<dyn Channel>,
    pub(crate) language: Language,
    pub(crate) zone: TimeZone,
    pub(crate) limits: Limits,
    /// Names the robot behind it without telling its address: receivers that share one share its limits.
    pub(crate) endpoint: String,
}

impl Target {
    pub(crate) fn check(
        written: &Receiver,
        language: Language,
        zone: TimeZone,
        guard: &Guard,
        at: &str,
        faults: &mut Faults,
    ) -> Option<Self> {
        if written.name.is_empty() || written.name.len() > 64 {
            faults.add(format!("{at}.name"), "a name of at most 64 bytes is wanted");
        }
        if written.per_minute == Some(0) {
            faults.add(format!("{at}.per_minute"), "at least 1; leave it out for the channel's own limit");
        }
        if written.fallback.as_ref() == Some(&written.name) {
            faults.add(format!("{at}.fallback"), "a receiver cannot stand in for itself");
        }
        if let Some(template) = &written.template
            && let Err(says) = render::check_template(template)
        {
            faults.add(format!("{at}.template"), says);
        }
        let channel = channel::check(written, guard, at, faults)?;
        let limits = channel.limits().at_most(written.per_minute);
        let endpoint = model::ContentHash::of_identity(channel.identity().as_bytes()).to_string();
        Some(Self { written: written.clone(), channel, language, zone, limits, endpoint })
    }

    pub(crate) fn name(&self) -> &str {
        &self.written.name
    }

    /// Whether a repetition with the same key does no harm there.
    pub(crate) fn is_idempotent(&self) -> bool {
        self.channel.is_idempotent()
    }

    /// Whether a message in doubt is sent again.
    pub(crate) fn resends(&self) -> bool {
        self.is_idempotent() || self.written.in_doubt == InDoubt::Resend
    }

    pub(crate) fn tells_resolved(&self) -> bool {
        self.written.send_resolved.unwrap_or(true)
    }
}
