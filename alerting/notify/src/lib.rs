//! How people are told: routing and limits decide, channels deliver.
//!
//! It refuses to know what an incident is beyond the message it is given. Invariant: a message leaves the
//! outbox only when a channel has taken it or it has been declared undeliverable, visibly.
