//! What telemetry cannot tell - which database lives on which host, what stands at which site, whose a service is -
//! told to the server once, as an operator would.

use crate::estate::places::{
    BROKER, CACHE, DB_ORDER_REPLICA, DEVICES, HOSTS, HostKind, SHOPS, SITE, SWITCH, printer_gateway, shop_name,
};
use crate::estate::services::ALL;
use crate::estate::stores::{CACHES, DATABASES, TOPICS};
use crate::{Settings, catalog};
use serde_json::{Value, json};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);

/// Puts the topology and the catalog. A server that refuses them is served without.
pub(crate) async fn tell(settings: &Settings) {
    let Ok(client) = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build() else { return };
    put(&client, settings, "topology", &json!({ "relations": relations() })).await;
    for (service, entry) in catalog::entries() {
        put(&client, settings, &format!("services/{service}"), &entry).await;
    }
}

async fn put(client: &reqwest::Client, settings: &Settings, what: &str, body: &Value) {
    let url = format!("{}/api/v1/catalog/{what}", settings.http.trim_end_matches('/'));
    let mut put = client.put(url).json(body);
    if let Some(token) = &settings.token {
        put = put.bearer_auth(token);
    }
    match put.send().await {
        Ok(answer) if answer.status().is_success() => {}
        Ok(answer) => tracing::warn!(status = %answer.status(), what, "the demo's word was not taken"),
        Err(error) => tracing::warn!(%error, what, "the demo's word could not be told"),
    }
}

/// Relations of the catalog: `{from, relation, to}` with entities as `kind:name`.
pub(crate) fn relations() -> Vec<Value> {
    let relation = |from: String, relation: &str, to: String| json!({ "from": from, "relation": relation, "to": to });
    let runs_on = |from: String, host: usize| relation(from, "runs_on", format!("host:{}", HOSTS[host].name));
    let mut all = Vec::new();
    all.extend(DATABASES.iter().map(|d| runs_on(format!("database:mysql/{}", d.namespace), d.host)));
    all.push(runs_on("database:mysql/order".into(), DB_ORDER_REPLICA));
    all.extend(CACHES.iter().map(|c| runs_on(format!("cache:redis/{}", c.namespace), CACHE)));
    all.extend(TOPICS.iter().map(|t| runs_on(format!("queue:rocketmq/{}", t.name), BROKER)));
    for service in ALL.iter().filter(|s| s.on.iter().any(|host| HOSTS[*host].kind == HostKind::Site)) {
        let (service, switch) = (format!("service:{}", service.name), format!("device:{}", DEVICES[SWITCH].name));
        all.push(relation(service.clone(), "depends_on", switch));
        all.push(relation(service, "at", format!("site:{SITE}")));
    }
    for host in HOSTS.iter().filter(|host| host.kind == HostKind::Site) {
        all.push(relation(format!("host:{}", host.name), "at", format!("site:{SITE}")));
    }
    all.push(relation(format!("device:{}", DEVICES[SWITCH].name), "at", format!("site:{SITE}")));
    for gateway in &DEVICES[SWITCH + 1..] {
        let device = format!("device:{}", gateway.name);
        all.push(relation(device.clone(), "at", format!("region:{}", gateway.region)));
        all.push(relation(format!("third_party:{}", gateway.name), "depends_on", device));
    }
    for shop in 0..SHOPS {
        let gateway = format!("device:{}", DEVICES[printer_gateway(shop)].name);
        all.push(relation(format!("site:{}", shop_name(shop)), "depends_on", gateway));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topology_names_hosts_of_stores_and_devices_of_sites() {
        let all = relations();
        for (from, relation, to) in [
            ("database:mysql/payment", "runs_on", "host:db-trade-1"),
            ("queue:rocketmq/ORDER_PAID", "runs_on", "host:mq-1"),
            ("service:wms-service", "depends_on", "device:sw-dc-east-1"),
            ("device:sw-dc-east-1", "at", "site:DC-EAST"),
            ("device:printer-gw-south", "at", "region:cn-south-1"),
            ("site:S10003", "depends_on", "device:printer-gw-south"),
        ] {
            assert!(all.contains(&json!({ "from": from, "relation": relation, "to": to })), "{from} {relation} {to}");
        }
    }
}
