//! Whose each service is, how much it matters and what to do when it fails: told to the server once, as an
//! operator would.

use crate::estate::services::ALL;
use serde_json::{Value, json};

/// Those who answer for services, and for which.
struct Team {
    name: &'static str,
    owner: &'static str,
    services: &'static [&'static str],
}

const TEAMS: &[Team] = &[
    Team { name: "access", owner: "chen.rui", services: &["mp-gateway", "pos-gateway", "user-auth-service"] },
    Team {
        name: "catalogue",
        owner: "lin.yue",
        services: &["store-service", "menu-service", "search-service", "recommend-service"],
    },
    Team {
        name: "trade",
        owner: "wang.hao",
        services: &["cart-service", "order-service", "order-event-consumer", "kitchen-service"],
    },
    Team {
        name: "marketing",
        owner: "zhao.min",
        services: &["promotion-service", "coupon-service", "member-service", "points-consumer", "notify-service"],
    },
    Team {
        name: "payment",
        owner: "li.jing",
        services: &["payment-service", "risk-service", "refund-service", "invoice-service", "settlement-job"],
    },
    Team { name: "fulfilment", owner: "sun.tao", services: &["delivery-service", "dispatch-service"] },
    Team { name: "shops", owner: "zhou.kai", services: &["printing-service", "pos-client"] },
    Team {
        name: "supply",
        owner: "wu.fang",
        services: &["inventory-service", "supply-service", "wms-service", "cold-chain-service", "dock-service"],
    },
    Team { name: "data", owner: "he.xin", services: &["analytics-consumer", "report-job"] },
];

/// Without these nobody can buy.
const CRITICAL: &[&str] = &["mp-gateway", "order-service", "payment-service"];
const HIGH: &[&str] = &["pos-gateway", "user-auth-service", "cart-service", "inventory-service", "promotion-service"];
/// Nobody waits for these.
const LOW: &[&str] = &["recommend-service", "analytics-consumer", "report-job"];

/// `(service, entry)` of the service catalog, for every service.
pub(crate) fn entries() -> Vec<(&'static str, Value)> {
    let of = |name: &'static str| TEAMS.iter().find(|team| team.services.contains(&name));
    let entry = |team: &Team, name: &str| {
        json!({
            "owner": team.owner,
            "team": team.name,
            "importance": importance(name),
            "runbook": format!("https://wiki.example.com/runbooks/{name}"),
            "repository": format!("https://git.example.com/{}/{name}", team.name),
        })
    };
    ALL.iter().filter_map(|service| Some((service.name, entry(of(service.name)?, service.name)))).collect()
}

fn importance(name: &str) -> &'static str {
    match name {
        name if CRITICAL.contains(&name) => "critical",
        name if HIGH.contains(&name) => "high",
        name if LOW.contains(&name) => "low",
        _ => "normal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_somebodys_and_no_entry_is_of_nobody() {
        let entries = entries();
        assert_eq!(entries.len(), ALL.len());
        let told: usize = TEAMS.iter().map(|team| team.services.len()).sum();
        assert_eq!(told, ALL.len(), "each service has one team, and each name is a service's");
        for name in [CRITICAL, HIGH, LOW].concat() {
            assert!(
                entries.iter().any(|(service, entry)| *service == name && entry["importance"] != "normal"),
                "{name}"
            );
        }
    }
}
