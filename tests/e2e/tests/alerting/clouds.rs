//! Alerts of tools that know nothing of us: Zabbix and the call-backs of clouds, each in its own form, by the mapping
//! that docs/rules.md gives. What fires and what is over is one alert.

use crate::{items, quick, until};
use e2e::server::Server;
use serde_json::json;

/// What a tool sends, when it fires and when it is over; the mapping; the alert and what it is of.
struct Tool {
    mapping: &'static str,
    kind: &'static str,
    bodies: [String; 2],
    alert: &'static str,
    entity: &'static str,
}

fn json_of(kind: &'static str, bodies: [serde_json::Value; 2]) -> (&'static str, [String; 2]) {
    (kind, bodies.map(|body| body.to_string()))
}

fn tools() -> Vec<Tool> {
    let zabbix = |value: &str| json!({"name": "Disk is full", "host": "db-7", "severity": "High", "value": value});
    let tencent = |status: &str| {
        json!({"alarmStatus": status, "alarmType": "metric", "alarmObjInfo": {"dimensions": {"objName": "cvm-3"}},
            "alarmPolicyInfo": {"policyName": "CPU of tills", "conditions": {"metricName": "cpu_usage"}}})
    };
    let relayed = |state: &str| {
        let message = json!({"AlarmName": "replica lag", "NewStateValue": state,
            "Trigger": {"Dimensions": [{"name": "DBInstanceIdentifier", "value": "orders-db"}]}});
        json!({"Type": "Notification", "MessageId": state, "Message": message.to_string()})
    };
    let aliyun = |state: &str, level: &str| {
        format!(
            "userId=100&alertName=memory+of+the+gateway&alertState={state}&triggerLevel={level}&instanceName=gw-1&\
             metricName=memory_usedutilization&curValue=97.3&dimensions=%5B%7BinstanceId%3Di-1%7D%5D&ruleId=r-1"
        )
    };
    let tool = |mapping, (kind, bodies), alert, entity| Tool { mapping, kind, bodies, alert, entity };
    vec![
        tool(
            "source=zabbix&map.name=name&map.host=host&map.severity=severity&map.status=value",
            json_of("application/json", [zabbix("1"), zabbix("0")]),
            "Disk is full",
            "host:db-7",
        ),
        tool(
            "source=tencent&map.name=alarmPolicyInfo.policyName&map.host=alarmObjInfo.dimensions.objName&map.status=alarmStatus",
            json_of("application/json", [tencent("1"), tencent("0")]),
            "CPU of tills",
            "host:cvm-3",
        ),
        tool(
            "source=cloudwatch&map.name=Message.AlarmName&map.database=Message.Trigger.Dimensions.0.value&map.status=Message.NewStateValue",
            json_of("text/plain; charset=UTF-8", [relayed("ALARM"), relayed("OK")]),
            "replica lag",
            "database:orders-db",
        ),
        tool(
            "source=aliyun&map.name=alertName&map.host=instanceName&map.severity=triggerLevel&map.status=alertState",
            ("application/x-www-form-urlencoded", [aliyun("ALERT", "CRITICAL"), aliyun("OK", "INFO")]),
            "memory of the gateway",
            "host:gw-1",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn zabbix_and_clouds_tell_what_fires_and_what_is_over_by_a_mapping() {
    let server = Server::start(quick()).await;
    // What is over stays for a while, lest it flaps; its end is known at once.
    for (is_over, which) in [(false, 0), (true, 1)] {
        for tool in tools() {
            let url = server.url(&format!("/api/v1/alerts?{}", tool.mapping));
            let call = server.http().post(url).header("content-type", tool.kind).body(tool.bodies[which].clone());
            let answer = call.send().await.unwrap();
            assert_eq!(answer.status(), 200, "{} {}", tool.alert, answer.text().await.unwrap());
        }
        let all = |page: &serde_json::Value| {
            items(page).iter().filter(|alert| alert["ends_at"].is_string() == is_over).count() == 4
        };
        let page = until(&server, "/api/v1/alerts", all).await;
        assert_eq!(items(&page).len(), 4, "what is over is the alert that fired: {page:#}");
        for tool in tools() {
            let known = items(&page).iter().find(|alert| alert["name"] == tool.alert);
            assert_eq!(known.unwrap()["entity"], tool.entity, "{page:#}");
        }
    }
}
