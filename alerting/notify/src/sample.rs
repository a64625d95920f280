//! A whole incident, as tests of texts and channels tell it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use crate::message::{
    Advice, AlertLine, CauseLine, ChangeLine, Clocks, Counts, Impact, Link, Message, Occasion, OperationHurt, State,
};
use crate::outbox::{Content, Dispatch, EntryId};
use incident::{Confidence, Severity};
use model::{Bilingual, CauseKind, Entity, EntityKind, UnixNanos};
use std::collections::BTreeMap;

const SECOND: i64 = UnixNanos::SECOND;
/// 2026-11-20, 06:02:55 UTC.
const BEGAN: UnixNanos = UnixNanos(1_795_154_575 * SECOND);
pub(crate) const NOW: UnixNanos = UnixNanos(BEGAN.0 + 20 * SECOND);

fn later(seconds: i64) -> Option<UnixNanos> {
    Some(UnixNanos(BEGAN.0 + seconds * SECOND))
}

pub(crate) fn incident() -> Message {
    let mut message = Message::new(
        "I-20261120-0001",
        Bilingual::new("Orders fail: slow SQL in orders-db", "下单失败：orders-db 慢 SQL"),
        Severity::Critical,
        BEGAN,
    );
    message.cause = Some(CauseLine {
        entity: Entity::new(EntityKind::Database, "orders-db"),
        kind: CauseKind::SlowSql,
        confidence: Confidence::High,
        since: later(5),
        evidence: vec![
            Bilingual::new("self time of SELECT orders 12 ms -> 1.9 s", "SELECT orders 自身耗时 12 ms → 1.9 s"),
            Bilingual::new("98% of the loss lies in it", "98% 的损失来自它"),
        ],
    });
    message.impact = Impact {
        operations: vec![
            OperationHurt { operation: "order/POST /orders".to_owned(), calls: 1204, failed: 312 },
            OperationHurt { operation: "cart/POST /checkout".to_owned(), calls: 800, failed: 80 },
        ],
        operations_total: 7,
        tenants: vec!["tenant.id=t1".to_owned()],
        tenants_total: 1,
        users: Some(290),
        business_operations: Some(312),
    };
    message.change = Some(ChangeLine {
        id: "c1".to_owned(),
        time: UnixNanos(BEGAN.0 - 60 * SECOND),
        kind: "release".to_owned(),
        target: "order".to_owned(),
        version: Some("1.4.3".to_owned()),
        previous_version: Some("1.4.2".to_owned()),
        author: Some("li".to_owned()),
        title: None,
        reason: Bilingual::new("new instances are slow, old ones are not", "新实例变慢，旧实例正常"),
    });
    message.changes_cleared = 3;
    message.advice = vec![Advice {
        text: Bilingual::new("Roll order back to 1.4.2", "回滚 order 到 1.4.2"),
        url: Some("https://wiki.example.com/runbook(1)".to_owned()),
    }];
    message.owner = Some("zhang".to_owned());
    message.team = Some("trade".to_owned());
    message.services = vec!["order".to_owned(), "cart".to_owned()];
    message.counts = Counts { alerts: 214, firing: 200, held_back: 213, episodes: 1 };
    message.clocks = Clocks { fault_at: later(0), detected_at: later(9), located_at: later(15), ..Clocks::default() };
    message.url = Some("https://stormglass.example.com/incidents/I-20261120-0001".to_owned());
    message.links = vec![Link {
        text: Bilingual::new("Trace", "链路"),
        url: "https://stormglass.example.com/traces/abc".to_owned(),
    }];
    message.alerts = vec![AlertLine {
        fingerprint: "00ff".to_owned(),
        firing: true,
        labels: BTreeMap::from([
            ("alertname".to_owned(), "SlowSql".to_owned()),
            ("service".to_owned(), "order".to_owned()),
        ]),
        annotations: BTreeMap::from([("summary".to_owned(), "slow".to_owned())]),
        starts_at: BEGAN,
        ends_at: None,
        generator_url: None,
    }];
    message
}

pub(crate) fn resolved() -> Message {
    let mut message = incident();
    message.occasion = Occasion::Resolved;
    message.state = State::Resolved;
    message.resolved_at = later(754);
    message.clocks.mitigated_at = later(700);
    message.clocks.acknowledged_at = later(61);
    message
}

pub(crate) fn dispatch(message: Message) -> Dispatch {
    Dispatch {
        entry: EntryId("N-1".to_owned()),
        receiver: "r".to_owned(),
        attempt: 1,
        occasion: message.occasion,
        content: Content::Incident(Box::new(message)),
        reference: None,
        doubt: false,
        plain: false,
        stands_for: None,
    }
}
