//! Rendering as a whole: broken templates, hostile texts, too much of everything.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use super::*;
use crate::channel::Parcel;
use crate::message::{AlertLine, CauseLine, Impact, Link, Message, Occasion, OperationHurt};
use crate::outbox::{Digest, DigestItem, Dispatch, EntryId};
use crate::policy::Policy;
use crate::sample;
use model::{Bilingual, CauseKind, Entity, UnixNanos};
use std::collections::BTreeMap;

const DIALECTS: [Dialect; 7] =
    [Dialect::Plain, Dialect::DingTalk, Dialect::WeCom, Dialect::Feishu, Dialect::Slack, Dialect::Teams, Dialect::Html];

fn policy(template: &str) -> Policy {
    let template = if template.is_empty() { String::new() } else { format!(", template: {template:?}") };
    Policy::read(&format!(
        "receivers: [{{name: r{template}, wecom: {{url: 'https://qyapi.weixin.qq.com/x'}}}}]\nroute: {{receivers: [r]}}"
    ))
    .unwrap()
}

fn with<T>(policy: &Policy, dispatch: &Dispatch, look: impl FnOnce(&Parcel<'_>) -> T) -> T {
    let target = policy.target("r").unwrap();
    look(&Parcel { dispatch, target, people: Vec::new(), external_url: None, now: sample::NOW })
}

/// A message all of whose texts are the same.
fn full_of(text: &str) -> Message {
    let both = Bilingual::new(text, text);
    let mut message = sample::incident();
    message.title = both.clone();
    message.news = Some(both.clone());
    message.cause = Some(CauseLine {
        entity: Entity::service(text),
        evidence: vec![both.clone(); 4],
        ..message.cause.clone().unwrap()
    });
    message.missing = vec![both.clone()];
    message.impact = Impact {
        operations: vec![OperationHurt { operation: text.to_owned(), calls: 10, failed: 5 }; 9],
        tenants: vec![text.to_owned(); 9],
        ..message.impact
    };
    message.owner = Some(text.to_owned());
    message.team = Some(text.to_owned());
    message.links = vec![Link { text: both, url: text.to_owned() }];
    message.alerts = vec![AlertLine {
        fingerprint: text.to_owned(),
        firing: true,
        labels: BTreeMap::from([(text.to_owned(), text.to_owned())]),
        annotations: BTreeMap::from([(text.to_owned(), text.to_owned())]),
        starts_at: UnixNanos(0),
        ends_at: None,
        generator_url: Some(text.to_owned()),
    }];
    message.bounded()
}

#[test]
fn no_naughty_string_calls_anybody_or_leads_anywhere() {
    let policy = policy("");
    let own =
        ["<at id=all></at>", "<@all>", "@all", "<!channel>", "[x](https://evil.example)", "a](https://evil.example)"];
    for text in naughty_strings::BLNS.iter().copied().chain(own) {
        let dispatch = sample::dispatch(full_of(text));
        for dialect in DIALECTS {
            with(&policy, &dispatch, |parcel| {
                let Text { title, body } = whole(parcel, dialect);
                assert!(!title.contains('\n'), "{title:?}");
                let is_markup = !matches!(dialect, Dialect::Plain | Dialect::Html);
                let markup = ["<at id=all", "<@all", "<!channel", "](https://evil"];
                for forbidden in markup.into_iter().filter(|_| is_markup) {
                    assert!(!body.contains(forbidden), "{dialect:?} {text:?}: {forbidden} in {body}");
                }
                for forbidden in ["@all", "https://evil"].into_iter().filter(|_| dialect != Dialect::Html) {
                    assert!(!body.contains(forbidden), "{dialect:?} {text:?}: {forbidden} in {body}");
                    assert!(!title.contains(forbidden), "{dialect:?} {text:?}: {forbidden} in {title}");
                }
                let plain = plain(parcel, dialect).body;
                for forbidden in markup.into_iter().filter(|_| is_markup) {
                    assert!(!plain.contains(forbidden), "{dialect:?} {text:?}: {forbidden} in {plain}");
                }
            });
        }
        with(&policy, &dispatch, |parcel| {
            let page = html(parcel, "heading").unwrap();
            for forbidden in ["<script", "<img", "<svg", "<iframe", "<a href=\"javascript", "<at "] {
                assert!(!page.to_lowercase().contains(forbidden), "{text:?}: {page}");
            }
        });
    }
}

#[test]
fn a_template_that_fails_is_replaced_by_the_plain_words() {
    for template in [
        "{{ cause.entity.deeper.still }}",
        "{{ title / 0 }}",
        "{% for x in title %}{{ x }}{% endfor %}{{ nothing.at.all }}",
    ] {
        let policy = policy(template);
        with(&policy, &sample::dispatch(sample::incident()), |parcel| {
            let Text { body, .. } = whole(parcel, Dialect::WeCom);
            assert!(body.contains("I-20261120-0001") && body.contains("https://stormglass.example.com"), "{body}");
        });
    }
}

#[test]
fn a_template_of_ones_own_is_used_and_escaped() {
    let policy =
        policy("{{ b(id) }} {{ title }} {% for one in operations.shown %}{{ one.name }};{% endfor %} {{ page.link }}");
    let mut message = sample::incident();
    message.title = Bilingual::new("", "<@all> 下单失败");
    with(&policy, &sample::dispatch(message), |parcel| {
        let Text { body, .. } = whole(parcel, Dialect::WeCom);
        assert!(body.starts_with("**I-20261120-0001** ＜@\u{2060}all＞ 下单失败 order/POST /orders;"), "{body}");
    });
}

#[test]
fn templates_that_cannot_work_are_refused_when_they_are_written() {
    for (template, says) in [
        ("{{ title", "line 1"),
        ("{% macro x() %}{% endmacro %}", "macro"),
        ("{% include 'x' %}", "include"),
        ("{% for a in x %}{% for b in x %}{% for c in x %}{% endfor %}{% endfor %}{% endfor %}", "at most 2 loops"),
        (&"x".repeat(TEMPLATE_BYTES_MAX + 1), "more than"),
    ] {
        let error = check_template(template).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    assert_eq!(check_template(include_str!("templates/body.txt")), Ok(()));
}

#[test]
fn whatever_its_size_a_message_fits_names_its_cause_and_is_whole_text() {
    let policy = policy("");
    for text in ["面", "\u{1f600}", "\"\\\u{7}", "a"] {
        let dispatch = sample::dispatch(full_of(&text.repeat(2000)));
        for most in [4096, 20_000, 11_000, 2000] {
            for dialect in DIALECTS {
                let body_of =
                    |text: &Text| serde_json::json!({"t": text.title, "b": text.body}).to_string().into_bytes();
                let made = with(&policy, &dispatch, |parcel| fitted(parcel, dialect, most, body_of));
                assert!(made.len() <= most, "{} of {most} bytes", made.len());
                let read: serde_json::Value = serde_json::from_slice(&made).unwrap();
                assert!(read["b"].as_str().is_some_and(|body| !body.is_empty()), "{read}");
            }
        }
    }
}

#[test]
fn what_is_left_out_is_counted() {
    let policy = policy("");
    let mut message = sample::incident();
    let operations = (0..40).map(|n| OperationHurt { operation: format!("order/{n}"), calls: 10, failed: 1 });
    message.impact.operations = operations.collect();
    with(&policy, &sample::dispatch(message.bounded()), |parcel| {
        let Text { body, .. } = whole(parcel, Dialect::WeCom);
        assert!(body.contains("+36 项未列出"), "{body}");
    });
}

#[test]
fn a_digest_names_every_incident_at_every_size() {
    let policy = policy("");
    for (count, short) in [(12_usize, false), (60, true)] {
        let items = (0..count).map(|n| {
            let mut message = full_of(&"面".repeat(500));
            message.incident = format!("I-20261120-{n:04}");
            DigestItem::of(&EntryId(n.to_string()), &message, Occasion::Opened)
        });
        let digest = Digest { items: items.collect(), waiting: 7, short, budget: false };
        let dispatch = Dispatch { content: Content::Digest(digest), ..sample::dispatch(sample::incident()) };
        let made = with(&policy, &dispatch, |parcel| {
            fitted(parcel, Dialect::WeCom, 4096, |text: &Text| format!("{}\n{}", text.title, text.body).into_bytes())
        });
        let text = String::from_utf8(made).unwrap();
        for n in 0..count {
            assert!(text.contains(&format!("I-20261120-{n:04}")), "{n} of {count} is missing in {text}");
        }
        assert!(text.contains("+7"), "{text}");
    }
}

#[test]
fn times_are_the_readers() {
    let policy = Policy::read(
        "receivers: [{name: r, language: en, time_zone: Europe/Berlin, wecom: {url: 'https://qyapi.weixin.qq.com/x'}}]\nroute: {receivers: [r]}",
    )
    .unwrap();
    with(&policy, &sample::dispatch(sample::incident()), |parcel| {
        let Text { body, .. } = whole(parcel, Dialect::Plain);
        assert!(body.contains("began 2026-11-20 07:02:55 +01:00"), "{body}");
    });
}

#[test]
fn a_message_begins_with_the_fault_and_counts_one_change_as_one() {
    let policy = Policy::read(
        "receivers: [{name: r, language: en, wecom: {url: 'https://qyapi.weixin.qq.com/x'}}]\nroute: {receivers: [r]}",
    )
    .unwrap();
    let mut message = sample::incident();
    message.clocks.fault_at = Some(UnixNanos(message.opened_at.0 - 36_000_000_000));
    message.changes_cleared = 1;
    with(&policy, &sample::dispatch(message), |parcel| {
        let Text { body, .. } = whole(parcel, Dialect::Plain);
        assert!(body.contains("began 2026-11-20 14:02:19") && body.contains("detected after 45s"), "{body}");
        assert!(body.contains("1 change cleared"), "{body}");
    });
}

#[test]
fn every_kind_and_occasion_has_words_in_both_languages() {
    for kind in CauseKind::ALL {
        assert!(!words::kind(*kind, crate::Language::Chinese).is_empty());
        assert!(!words::kind(*kind, crate::Language::English).is_empty());
    }
}
