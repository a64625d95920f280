//! The sentences an incident speaks, in both languages.
//!
//! It refuses to decide anything: it is told what is so and says it.

use crate::incident::JoinRule;
use crate::severity::Severity;
use model::{Bilingual, CauseKind, Entity, EntityKind};

/// Bytes of a name within a sentence: names come from senders.
const NAME_BYTES: usize = 120;

/// An entity for people: `service order` and `服务 order`.
pub fn entity(entity: &Entity) -> Bilingual {
    let (en, zh) = match entity.kind {
        EntityKind::Service => ("service", "服务"),
        EntityKind::Operation => ("operation", "接口"),
        EntityKind::Database => ("database", "数据库"),
        EntityKind::Cache => ("cache", "缓存"),
        EntityKind::Queue => ("queue", "队列"),
        EntityKind::ThirdParty => ("third party", "第三方"),
        EntityKind::Instance => ("instance", "实例"),
        EntityKind::Pod => ("pod", "Pod"),
        EntityKind::Host => ("host", "主机"),
        EntityKind::Node => ("node", "节点"),
        EntityKind::Device => ("device", "设备"),
        EntityKind::Site => ("site", "站点"),
        EntityKind::Region => ("region", "区域"),
        EntityKind::Change => ("change", "变更"),
        EntityKind::Traffic => ("traffic", "流量"),
    };
    let name = short(&entity.name);
    Bilingual::new(format!("{en} {name}"), format!("{zh} {name}"))
}

/// A kind of cause for people: `memory` and `内存`.
pub fn cause_kind(kind: CauseKind) -> Bilingual {
    let (en, zh) = match kind {
        CauseKind::Release => ("release", "版本发布"),
        CauseKind::Config => ("configuration", "配置变更"),
        CauseKind::Exception => ("exception", "异常"),
        CauseKind::SlowSql => ("slow SQL", "慢 SQL"),
        CauseKind::NPlusOne => ("N+1 queries", "N+1 查询"),
        CauseKind::ConnectionPool => ("connection pool", "连接池"),
        CauseKind::ThreadPool => ("thread pool", "线程池"),
        CauseKind::Lock => ("lock", "锁"),
        CauseKind::Memory => ("memory", "内存"),
        CauseKind::Cpu => ("CPU", "CPU"),
        CauseKind::Disk => ("disk", "磁盘"),
        CauseKind::Host => ("host", "主机"),
        CauseKind::Network => ("network", "网络"),
        CauseKind::Dns => ("DNS", "DNS"),
        CauseKind::Certificate => ("certificate", "证书"),
        CauseKind::Database => ("database", "数据库"),
        CauseKind::ReplicaLag => ("replica lag", "主从延迟"),
        CauseKind::Cache => ("cache", "缓存"),
        CauseKind::Queue => ("queue", "队列"),
        CauseKind::PoisonMessage => ("poison message", "毒消息"),
        CauseKind::RetryStorm => ("retry storm", "重试风暴"),
        CauseKind::ThirdParty => ("third party", "第三方"),
        CauseKind::Traffic => ("traffic", "流量"),
        CauseKind::BadData => ("bad data", "脏数据"),
        CauseKind::Device => ("device", "设备"),
        CauseKind::Region => ("region", "区域"),
        CauseKind::VersionDrift => ("version drift", "版本漂移"),
        CauseKind::ColdStart => ("cold start", "冷启动"),
        CauseKind::Unknown => ("cause unknown", "原因未知"),
    };
    Bilingual::new(en, zh)
}

/// How bad it has become.
pub(crate) fn severity_is(severity: Severity) -> Bilingual {
    Bilingual::new(format!("Severity is now {}.", severity.as_str()), format!("严重级别升至“{}”。", severity.zh()))
}

/// An entity in a heading: a service by its name alone.
fn headed(at: &Entity) -> Bilingual {
    match at.kind {
        EntityKind::Service => Bilingual::new(short(&at.name), short(&at.name)),
        _ => entity(at),
    }
}

/// The heading of an incident.
pub(crate) fn title(
    cause: Option<(&Entity, CauseKind)>,
    first_alert: &str,
    first: Option<&Entity>,
    services: u64,
) -> Bilingual {
    let (en, zh) = match cause {
        Some((at, CauseKind::Unknown)) => {
            let at = headed(at);
            (at.en, at.zh)
        }
        Some((at, kind)) => {
            let (at, kind) = (headed(at), cause_kind(kind));
            (format!("{}: {}", at.en, kind.en), format!("{}：{}", at.zh, kind.zh))
        }
        None => {
            let name = short(first_alert);
            match first.map(headed) {
                Some(at) => (format!("{name} at {}", at.en), format!("{}：{name}", at.zh)),
                None => (name.to_owned(), name.to_owned()),
            }
        }
    };
    match services {
        0 | 1 => Bilingual::new(en, zh),
        n => Bilingual::new(format!("{en}; {n} services affected"), format!("{zh}，影响 {n} 个服务")),
    }
}

/// Why an alert joined: what is said of each rule, with the alert's place, the place it hangs on to and what lies
/// between in it.
fn sentence(rule: JoinRule) -> (&'static str, &'static str) {
    match rule {
        JoinRule::First => ("It opened the incident.", "由该告警开启本事件。"),
        JoinRule::SameEntity => ("{from} is already part of this incident.", "{from} 已在本事件中。"),
        JoinRule::SameService => ("{from} and {to} belong to one service.", "{from} 与{to} 属于同一服务。"),
        JoinRule::RunsOn => ("{from} and {to} run on one machine.", "{from} 与{to} 在同一机器上运行。"),
        JoinRule::Calls => ("{from} and {to} call one another directly.", "{from} 与{to} 之间有直接调用。"),
        JoinRule::TwoHops => ("{from} and {to} are linked through {via}.", "{from} 与{to} 经由{via} 相连。"),
        JoinRule::SharedDependency => ("{from} and {to} both need {via}.", "{from} 与{to} 都依赖{via}。"),
        JoinRule::SharedTrace => {
            ("It names a trace that an alert of this incident names.", "与本事件中的告警出现在同一条链路中。")
        }
        JoinRule::CoOccurrence => ("{from} has often been hurt together with this.", "{from} 历史上经常与此同时告警。"),
        JoinRule::Time => (
            "It began within a minute of this incident, and nothing is known of how they hang together.",
            "与本事件在一分钟内先后出现，且两者的关联未知，仅按时间归并。",
        ),
        JoinRule::Merged => ("One cause explains this alert and the incident.", "同一根因可以解释该告警与本事件。"),
        JoinRule::Split => (
            "It goes with the cause of this incident, not with the other one.",
            "该告警由本事件的根因解释，而非另一根因。",
        ),
        JoinRule::Refired => ("The same alert fired in this incident before.", "同一告警此前已在本事件中触发。"),
        JoinRule::Late => {
            ("Told late: {from} began while this incident lasted.", "告警迟到：{from} 的异常始于本事件期间。")
        }
        JoinRule::ByHand => ("A person put it here.", "由人工归入。"),
        JoinRule::Overflow => {
            ("Too many incidents are open to open another for it.", "打开的事件过多，统一归入此事件。")
        }
    }
}

/// Why an alert at `from` joined what is at `to`.
pub(crate) fn joined(rule: JoinRule, from: Option<&Entity>, to: Option<&Entity>, via: Option<&Entity>) -> Bilingual {
    let (en, zh) = sentence(rule);
    let (from, to) = (named(from), named(to));
    let via = via.map_or_else(|| Bilingual::new("one thing", "同一组件"), entity);
    Bilingual::new(
        filled(en, [("from", &from.en), ("to", &to.en), ("via", &via.en)]),
        filled(zh, [("from", &from.zh), ("to", &to.zh), ("via", &via.zh)]),
    )
}

/// A sentence with its `{places}` filled; what is filled in is not read again.
fn filled(sentence: &str, places: [(&str, &str); 3]) -> String {
    let mut text = String::new();
    let mut rest = sentence;
    while let Some((before, name, after)) = rest.split_once('{').and_then(|(before, tail)| {
        let (name, after) = tail.split_once('}')?;
        Some((before, name, after))
    }) {
        let place = places.iter().find(|(own, _)| *own == name).map_or("", |(_, value)| value);
        text.extend([before, place]);
        rest = after;
    }
    text + rest
}

fn named(at: Option<&Entity>) -> Bilingual {
    at.map_or_else(|| Bilingual::new("the alert", "该告警"), entity)
}

pub(crate) fn opened(name: &str, at: Option<&Entity>, severity: Severity) -> Bilingual {
    let (name, at) = (short(name), named(at));
    Bilingual::new(
        format!("Opened by {name} at {} ({severity}).", at.en),
        format!("由{} 的告警 {name} 开启（{}）。", at.zh, severity.zh()),
    )
}

pub(crate) fn cause_shown(at: &Entity, kind: CauseKind, undetermined: bool) -> Bilingual {
    let (at, kind) = (headed(at), cause_kind(kind));
    match undetermined {
        false => {
            Bilingual::new(format!("Cause: {} ({}).", at.en, kind.en), format!("根因：{}（{}）。", at.zh, kind.zh))
        }
        true => Bilingual::new(
            format!("First candidate, not certain: {} ({}).", at.en, kind.en),
            format!("首要嫌疑（尚不确定）：{}（{}）。", at.zh, kind.zh),
        ),
    }
}

/// A name within a sentence: bounded, on one line.
pub(crate) fn short(name: &str) -> &str {
    let line = name.lines().next().unwrap_or_default();
    let mut end = NAME_BYTES.min(line.len());
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

/// A plain sentence of two tongues with one number or name in it, marked `{}`.
pub(crate) fn with(en: &str, zh: &str, what: &str) -> Bilingual {
    Bilingual::new(en.replacen("{}", what, 1), zh.replacen("{}", what, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_name_the_cause_where_there_is_one() {
        let order = Entity::service("order");
        let named = title(Some((&order, CauseKind::Memory)), "Slow", None, 12);
        assert_eq!(named, Bilingual::new("order: memory; 12 services affected", "order：内存，影响 12 个服务"));
        assert_eq!(title(None, "Slow", Some(&order), 1), Bilingual::new("Slow at order", "order：Slow"));
    }

    #[test]
    fn every_rule_says_why_and_a_name_like_a_place_stays_a_name() {
        let (web, odd) = (Entity::service("web"), Entity::service("{via}"));
        let said = joined(JoinRule::TwoHops, Some(&odd), Some(&web), Some(&Entity::service("order")));
        assert_eq!(said.en, "service {via} and service web are linked through service order.");
        assert_eq!(said.zh, "服务 {via} 与服务 web 经由服务 order 相连。");
        let said = joined(JoinRule::SharedDependency, None, Some(&web), None);
        assert_eq!(said.en, "the alert and service web both need one thing.");
    }

    #[test]
    fn a_hostile_name_stays_one_short_line() {
        assert_eq!(short("a\nb"), "a");
        assert!(short(&"长".repeat(500)).len() <= NAME_BYTES);
    }
}
