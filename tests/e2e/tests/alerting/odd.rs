//! Alerts whose times make no sense: each is kept once, and stands as its sender last knew it.

use crate::{items, post, quick, until};
use e2e::server::Server;
use serde_json::{Value, json};

const PATH: &str = "/alertmanager/api/v2/alerts";

fn alert(name: &str, starts: &str, ends: Option<&str>) -> Value {
    let mut alert = json!({"labels": {"alertname": name, "service": "order"}, "startsAt": starts});
    ends.iter().for_each(|ends| alert["endsAt"] = json!(ends));
    alert
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_resolved_first_out_of_order_late_or_ahead_stand_as_they_should() {
    let server = Server::start(quick()).await;
    let told = [
        ("ResolvedFirst", vec![("now-2m", Some("now-1m"))]),
        ("Late", vec![("now-1m", None)]),
        ("FiresAgain", vec![("now-2m", Some("now-1m")), ("now-30s", None)]),
        ("EndsTwice", vec![("now-2m", Some("now-1m")), ("now-2m", Some("now-1m"))]),
        ("Ahead", vec![("2099-01-01T00:00:00Z", None)]),
        ("NeverEnds", vec![("now-1m", Some("2099-01-01T00:00:00Z"))]),
    ];
    for nth in 0..2 {
        let batch: Vec<Value> = told
            .iter()
            .filter_map(|(name, tellings)| tellings.get(nth).map(|(starts, ends)| alert(name, starts, *ends)))
            .collect();
        assert_eq!(post(&server, PATH, &json!(batch)).await.0, 200);
    }
    let named = |page: &Value, name: &str| items(page).iter().find(|alert| alert["name"] == name).cloned();
    let all_heard = |page: &Value| {
        let again = named(page, "FiresAgain").is_some_and(|alert| alert["ends_at"].is_null());
        items(page).len() == 6 && again && named(page, "EndsTwice").is_some_and(|alert| alert["count"] == 2)
    };
    let page = until(&server, "/api/v1/alerts", all_heard).await;
    for (name, ended) in [
        ("ResolvedFirst", true),
        ("Late", false),
        ("FiresAgain", false),
        ("EndsTwice", true),
        ("Ahead", false),
        ("NeverEnds", false),
    ] {
        let alert = named(&page, name).unwrap();
        assert_eq!(alert["ends_at"].is_string(), ended, "{alert:#}");
        assert!(alert["incident"].as_str().unwrap().starts_with("I-"), "{alert:#}");
        assert!(!alert["starts_at"].as_str().unwrap().starts_with("2099"), "{alert:#}");
    }
}
