//! A message as people would read it, before anybody has decided where it goes.
//!
//! It refuses to know receivers. Invariant: the words are those that are sent, in the same templates.

use super::fit::{DETAILS, Detail};
use super::view::Eye;
use super::{Dialect, lines, run};
use crate::config::{Language, TIME_ZONE, zone};
use crate::message::Message;
use crate::policy::Policy;
use jiff::tz::TimeZone;
use minijinja::Value;
use model::UnixNanos;

/// As much as a group chat shows without unfolding.
const SHOWN: Detail = DETAILS[1];

/// A message in words without markup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preview {
    /// One line.
    pub title: String,
    /// Lines, none of them empty.
    pub text: String,
}

/// The message in a language, with times in the zone of the configuration.
///
/// # Errors
/// What is wrong with our templates.
pub fn preview(policy: &Policy, message: Message, language: Language, now: UnixNanos) -> Result<Preview, String> {
    let zone = zone(policy.config().time_zone.as_deref().unwrap_or(TIME_ZONE)).unwrap_or(TimeZone::UTC);
    let eye = Eye { dialect: Dialect::Plain, language, zone: &zone, detail: SHOWN, now };
    let view = Value::from_serialize(eye.preview(&message.bounded()));
    let text = |name, template| run(name, template, view.clone(), Dialect::Plain).map_err(|error| error.to_string());
    let title = text("title.txt", include_str!("templates/title.txt"))?.trim().to_owned();
    let body = text("body.txt", include_str!("templates/body.txt"))?;
    Ok(Preview { title, text: lines(&body, Dialect::Plain) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

    use super::*;
    use crate::sample;

    #[test]
    fn a_preview_says_cause_impact_and_advice_in_the_language_that_is_asked_for() {
        let policy = Policy::read("{}").unwrap();
        let zh = preview(&policy, sample::incident(), Language::Chinese, sample::NOW).unwrap();
        let en = preview(&policy, sample::incident(), Language::English, sample::NOW).unwrap();
        assert!(zh.title.contains("下单失败") && en.title.contains("Orders fail"), "{} {}", zh.title, en.title);
        for part in ["orders-db", "312/1204", "1.4.3", "I-20261120-0001"] {
            assert!(zh.text.contains(part) && en.text.contains(part), "{part} is missing in\n{}\n{}", zh.text, en.text);
        }
        assert!(en.text.lines().all(|line| !line.is_empty()) && !en.text.contains("**"), "{}", en.text);
    }
}
