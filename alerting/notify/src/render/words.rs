//! The fixed words of messages in both languages.

use crate::config::Language;
use crate::message::{Occasion, State};
use incident::{Confidence, Severity};
use model::{Bilingual, CauseKind};
use serde::Serialize;
use std::time::Duration;

/// Words by what they are for. Templates know them as `w`.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Words {
    pub(crate) cause: &'static str,
    pub(crate) undetermined: &'static str,
    pub(crate) candidates: &'static str,
    pub(crate) evidence: &'static str,
    pub(crate) since: &'static str,
    pub(crate) confidence: &'static str,
    pub(crate) impact: &'static str,
    pub(crate) tenants: &'static str,
    pub(crate) users: &'static str,
    pub(crate) business: &'static str,
    pub(crate) change: &'static str,
    pub(crate) cleared: &'static str,
    pub(crate) cleared_one: &'static str,
    pub(crate) advice: &'static str,
    pub(crate) owner: &'static str,
    pub(crate) team: &'static str,
    pub(crate) alerts: &'static str,
    pub(crate) held_back: &'static str,
    pub(crate) began: &'static str,
    pub(crate) ended: &'static str,
    pub(crate) lasted: &'static str,
    pub(crate) detected: &'static str,
    pub(crate) notified: &'static str,
    pub(crate) acknowledged: &'static str,
    pub(crate) located: &'static str,
    pub(crate) mitigated: &'static str,
    pub(crate) missing: &'static str,
    pub(crate) more: &'static str,
    pub(crate) open: &'static str,
    pub(crate) doubt: &'static str,
    pub(crate) stands_for: &'static str,
    pub(crate) flapping: &'static str,
    pub(crate) digest: &'static str,
    pub(crate) digest_budget: &'static str,
    pub(crate) digest_waiting: &'static str,
    pub(crate) colon: &'static str,
    pub(crate) comma: &'static str,
    pub(crate) stop: &'static str,
    pub(crate) failed: &'static str,
}

const ENGLISH: Words = Words {
    cause: "Cause",
    undetermined: "Cause undetermined",
    candidates: "Candidates",
    evidence: "Evidence",
    since: "since",
    confidence: "confidence",
    impact: "Impact",
    tenants: "customers",
    users: "users",
    business: "business operations",
    change: "Suspect change",
    cleared: "changes cleared",
    cleared_one: "change cleared",
    advice: "Advice",
    owner: "Owner",
    team: "Team",
    alerts: "alerts",
    held_back: "symptoms held back",
    began: "began",
    ended: "ended",
    lasted: "lasted",
    detected: "detected after",
    notified: "told after",
    acknowledged: "acknowledged after",
    located: "cause found after",
    mitigated: "mitigated after",
    missing: "Missing telemetry",
    more: "more",
    open: "Open",
    doubt: "May be a repetition: nobody knows whether an earlier attempt arrived.",
    stands_for: "Told here because this receiver cannot be reached",
    flapping: "times it came back",
    digest: "incidents in one message",
    digest_budget: "incidents beyond the page budget",
    digest_waiting: "more follow in the next message",
    colon: ": ",
    comma: ", ",
    stop: " · ",
    failed: "failed",
};

const CHINESE: Words = Words {
    cause: "根因",
    undetermined: "根因未确定",
    candidates: "候选",
    evidence: "证据",
    since: "始于",
    confidence: "置信度",
    impact: "影响面",
    tenants: "客户",
    users: "用户",
    business: "业务操作",
    change: "可疑变更",
    cleared: "个变更已排除",
    cleared_one: "个变更已排除",
    advice: "建议",
    owner: "负责人",
    team: "团队",
    alerts: "条告警",
    held_back: "条症状已收敛",
    began: "开始",
    ended: "恢复",
    lasted: "持续",
    detected: "发现用时",
    notified: "通知用时",
    acknowledged: "响应用时",
    located: "定位用时",
    mitigated: "止损用时",
    missing: "缺失的遥测数据",
    more: "项未列出",
    open: "查看",
    doubt: "可能重复：上一次发送是否送达未知。",
    stands_for: "原接收方无法送达，转发至此",
    flapping: "次反复",
    digest: "个故障合并为一条消息",
    digest_budget: "个故障超出告警预算，合并通知",
    digest_waiting: "个在下一条消息中",
    colon: "：",
    comma: "，",
    stop: " · ",
    failed: "失败",
};

pub(crate) fn words(language: Language) -> Words {
    match language {
        Language::Chinese => CHINESE,
        Language::English => ENGLISH,
    }
}

pub(crate) fn said(text: &Bilingual, language: Language) -> &str {
    let chosen = text.in_language(language.tag());
    // A sentence that nobody has translated is better than none.
    if chosen.is_empty() { if text.en.is_empty() { &text.zh } else { &text.en } } else { chosen }
}

fn either(language: Language, en: &'static str, zh: &'static str) -> &'static str {
    match language {
        Language::Chinese => zh,
        Language::English => en,
    }
}

pub(crate) fn occasion(occasion: Occasion, language: Language) -> &'static str {
    let (en, zh) = match occasion {
        Occasion::Opened => ("New incident", "新故障"),
        Occasion::Reopened => ("Reopened", "故障复发"),
        Occasion::SeverityRaised => ("More severe", "级别上升"),
        Occasion::CauseChanged => ("Cause updated", "根因更新"),
        Occasion::ScopeDoubled => ("Spreading", "影响扩大"),
        Occasion::Resolved => ("Resolved", "已恢复"),
        Occasion::Repeat => ("Still open", "仍未处理"),
        Occasion::Escalated => ("Escalated", "升级通知"),
        Occasion::Digest => ("Digest", "汇总"),
        Occasion::Test => ("Test", "测试"),
    };
    either(language, en, zh)
}

pub(crate) fn state(state: State, language: Language) -> &'static str {
    let (en, zh) = match state {
        State::Open => ("open", "未处理"),
        State::Acknowledged => ("acknowledged", "已响应"),
        State::Mitigated => ("mitigated", "已止损"),
        State::Resolved => ("resolved", "已恢复"),
    };
    either(language, en, zh)
}

pub(crate) fn severity(severity: Severity, language: Language) -> &'static str {
    either(language, severity.as_str(), severity.zh())
}

/// A coloured sign: what is over is green whatever it was.
pub(crate) fn sign(severity: Severity, is_over: bool) -> &'static str {
    match severity {
        _ if is_over => "✅",
        Severity::Critical => "🔴",
        Severity::High => "🟠",
        Severity::Medium => "🟡",
        Severity::Low => "🔵",
    }
}

pub(crate) fn confidence(confidence: Confidence, language: Language) -> &'static str {
    let (en, zh) = match confidence {
        Confidence::Low => ("low", "低"),
        Confidence::Medium => ("medium", "中"),
        Confidence::High => ("high", "高"),
    };
    either(language, en, zh)
}

pub(crate) fn kind(kind: CauseKind, language: Language) -> &'static str {
    let (en, zh) = match kind {
        CauseKind::Release => ("release", "发布"),
        CauseKind::Config => ("configuration", "配置"),
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
        CauseKind::BadData => ("bad data", "坏数据"),
        CauseKind::Device => ("device", "设备"),
        CauseKind::Region => ("region", "地域"),
        CauseKind::VersionDrift => ("version drift", "版本不一致"),
        CauseKind::ColdStart => ("cold start", "冷启动"),
        CauseKind::Unknown => ("unknown", "未知"),
    };
    either(language, en, zh)
}

/// A span of time: its two largest units.
pub(crate) fn span(span: Duration, language: Language) -> String {
    let units = [(86_400, "d", " 天"), (3_600, "h", " 小时"), (60, "m", " 分"), (1, "s", " 秒")];
    let mut left = span.as_secs();
    let mut parts = Vec::new();
    for (size, en, zh) in units {
        if left >= size && parts.len() < 2 {
            parts.push(format!("{}{}", left / size, either(language, en, zh)));
            left %= size;
        } else if !parts.is_empty() {
            break;
        }
    }
    if parts.is_empty() {
        return format!("{}{}", 0, either(language, "s", " 秒"));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_said_in_its_two_largest_units() {
        for (seconds, en, zh) in [
            (0, "0s", "0 秒"),
            (75, "1m 15s", "1 分 15 秒"),
            (3600, "1h", "1 小时"),
            (3605, "1h", "1 小时"),
            (90_061, "1d 1h", "1 天 1 小时"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds), Language::English), en);
            assert_eq!(span(Duration::from_secs(seconds), Language::Chinese), zh);
        }
    }
}
