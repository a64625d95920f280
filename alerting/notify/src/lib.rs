//! How people are told: routing and limits decide, channels deliver.
//!
//! It refuses to know what an incident is beyond the message it is given. Invariant: a message leaves the
//! outbox only when a channel has taken it or it has been declared undeliverable, visibly.
//!
//! The way of a message: `watch` fills a [`Message`] and gives it to the [`Outbox`], which asks the [`Policy`]
//! whom it concerns, waits for what holds it back, and gives out what may be sent within each robot's limits.
//! That is stored, then sent by the [`Deliverer`], and every answer goes back into the outbox. Outbox, policy
//! and rendering take times as arguments and touch nothing outside; only the channels do.

mod channel;
mod config;
mod deliver;
mod error;
mod guard;
mod limits;
mod message;
mod outbox;
mod policy;
mod receiver;
mod render;
mod routing;
#[cfg(test)]
mod sample;
mod secret;
mod silence;
mod wire;

pub use channel::Outcome;
pub use config::{
    Budget, CONFIG_BYTES_MAX, Config, DeadMan, DingTalk, Email, Escalation, Feishu, InDoubt, InhibitionRule, Interval,
    Language, MailSecurity, Network, Period, Person, Receiver, Route, Slack, TIME_ZONE, Teams, WeCom, Webhook,
};
pub use deliver::{Deliverer, Delivery};
pub use error::{Error, Fault};
pub use message::{
    Advice, AlertLine, CauseLine, ChangeLine, Clocks, Counts, Impact, Importance, Link, Message, Occasion,
    OperationHurt, State,
};
pub use outbox::{
    Content, Digest, DigestItem, Dispatch, Document, DocumentKind, Endpoint, Entry, EntryId, Figures, LedgerRow,
    Outbox, Phase, Settings, Standing, Thread, Told,
};
pub use policy::{Policy, RECEIVERS_MAX};
pub use render::{Preview, preview};
pub use routing::{Destination, Explanation, Step, Timing};
pub use secret::{MASK, Secret};
pub use silence::{Hold, SILENCES_MAX, Silence, SilenceKind, Silences, explain};
