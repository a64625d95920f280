//! What each platform is sent, to the byte.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use super::*;
use crate::config::{self, Config};
use crate::policy::Policy;
use crate::sample;
use expect_test::{Expect, expect};

const PEOPLE: &str = "
people:
  - {name: zhang, dingtalk_mobile: '13800001111', feishu: ou_1, wecom: zhang, slack: U1, teams_upn: zhang@example.com}
route: {receivers: [r]}
external_url: https://stormglass.example.com
";

fn policy(channel: &str) -> Policy {
    Policy::read(&format!("receivers:\n  - {{name: r, {channel}}}\n{PEOPLE}")).unwrap()
}

fn written(policy: &Policy) -> &config::Receiver {
    &policy.config().receivers[0]
}

fn parcel<'a>(policy: &'a Policy, dispatch: &'a crate::outbox::Dispatch) -> Parcel<'a> {
    let people = policy.called(Some("zhang"), None, &[]);
    let external_url = policy.config().external_url.as_deref();
    Parcel { dispatch, target: policy.target("r").unwrap(), people, external_url, now: sample::NOW }
}

fn check_json(body: &[u8], expected: Expect) {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap();
    expected.assert_eq(&serde_json::to_string_pretty(&value).unwrap());
}

#[test]
fn dingtalk_is_sent_markdown_with_the_people_called_in_both_places() {
    let policy = policy("dingtalk: {url: 'https://oapi.dingtalk.com/robot/send?access_token=t', keyword: 告警平台}");
    let dispatch = sample::dispatch(sample::incident());
    let body = dingtalk::body(written(&policy).dingtalk.as_ref().unwrap(), &parcel(&policy, &dispatch));
    check_json(
        &body,
        expect![[r####"
            {
              "at": {
                "atMobiles": [
                  "13800001111"
                ],
                "atUserIds": [],
                "isAtAll": false
              },
              "markdown": {
                "text": "### 🔴 ［紧急］ 新故障：下单失败：orders-db 慢 SQL\n\n**根因**：database:orders-db · 慢 SQL · 置信度 高 · 始于 14:03:00\n\n- SELECT orders 自身耗时 12 ms → 1.9 s\n\n- 98% 的损失来自它\n\n**影响面**：order/POST /orders 失败 312/1204 (25.9%)，cart/POST /checkout 失败 80/800 (10.0%)，+5 项未列出，客户 tenant.id=t1，290 用户，312 业务操作\n\n**可疑变更**：release order 1.4.2 → 1.4.3 (14:01:55, li)\n\n- 新实例变慢，旧实例正常\n\n3 个变更已排除\n\n**建议**：\n\n- [回滚 order 到 1.4.2](https://wiki.example.com/runbook%281%29)\n\n**负责人**：zhang @13800001111\n\n开始 2026-11-20 14:02:55 +08:00 · 发现用时 9 秒 · 定位用时 15 秒\n\n214 条告警，213 条症状已收敛\n\n[查看 I-20261120-0001](https://stormglass.example.com/incidents/I-20261120-0001) · [链路](https://stormglass.example.com/traces/abc)\n\n告警平台",
                "title": "🔴 [紧急] 新故障：下单失败：orders-db 慢 SQL"
              },
              "msgtype": "markdown"
            }"####]],
    );
}

#[test]
fn dingtalk_in_english_tells_the_end_with_its_clocks() {
    let policy = policy("language: en, dingtalk: {url: 'https://oapi.dingtalk.com/robot/send?access_token=t'}");
    let dispatch = sample::dispatch(sample::resolved());
    let parcel = Parcel { people: Vec::new(), ..parcel(&policy, &dispatch) };
    let body = dingtalk::body(written(&policy).dingtalk.as_ref().unwrap(), &parcel);
    check_json(
        &body,
        expect![[r####"
            {
              "at": {
                "atMobiles": [],
                "atUserIds": [],
                "isAtAll": false
              },
              "markdown": {
                "text": "### ✅ ［critical］ Resolved: Orders fail: slow SQL in orders-db\n\n**Cause**: database:orders-db · slow SQL · confidence high · since 14:03:00\n\n- self time of SELECT orders 12 ms -＞ 1.9 s\n\n- 98% of the loss lies in it\n\n**Impact**: order/POST /orders failed 312/1204 (25.9%), cart/POST /checkout failed 80/800 (10.0%), +5 more, customers tenant.id=t1, 290 users, 312 business operations\n\n**Suspect change**: release order 1.4.2 → 1.4.3 (14:01:55, li)\n\n- new instances are slow, old ones are not\n\n3 changes cleared\n\n**Owner**: zhang\n\nbegan 2026-11-20 14:02:55 +08:00 · ended 14:15:29 · lasted 12m 34s · detected after 9s · acknowledged after 1m 1s · cause found after 15s · mitigated after 11m 40s\n\n214 alerts, 213 symptoms held back\n\n[Open I-20261120-0001](https://stormglass.example.com/incidents/I-20261120-0001) · [Trace](https://stormglass.example.com/traces/abc)",
                "title": "✅ [critical] Resolved: Orders fail: slow SQL in orders-db"
              },
              "msgtype": "markdown"
            }"####]],
    );
}

#[test]
fn dingtalk_is_signed_in_the_address() {
    let settings = config::DingTalk {
        url: crate::Secret::new("https://oapi.dingtalk.com/robot/send?access_token=t"),
        secret: Some(crate::Secret::new("SECabc")),
        keyword: None,
    };
    let url = dingtalk::signed(&settings, 1_700_000_000_000).unwrap();
    expect!["https://oapi.dingtalk.com/robot/send?access_token=t&timestamp=1700000000000&sign=jcUpW0QmtKduN03n4JqQ0PBosVjqnM8gU7fIIvsDmCM%3D"].assert_eq(&url);
}

#[test]
fn feishu_is_sent_a_signed_card() {
    let policy = policy("feishu: {url: 'https://open.feishu.cn/open-apis/bot/v2/hook/h', secret: s}");
    let dispatch = sample::dispatch(sample::incident());
    let body = feishu::body(written(&policy).feishu.as_ref().unwrap(), &parcel(&policy, &dispatch));
    check_json(
        &body,
        expect![[r#"
            {
              "card": {
                "body": {
                  "elements": [
                    {
                      "content": "**根因**：database:orders-db · 慢 SQL · 置信度 高 · 始于 14:03:00\n- SELECT orders 自身耗时 12 ms → 1.9 s\n- 98% 的损失来自它\n**影响面**：order/POST /orders 失败 312/1204 (25.9%)，cart/POST /checkout 失败 80/800 (10.0%)，+5 项未列出，客户 tenant.id=t1，290 用户，312 业务操作\n**可疑变更**：release order 1.4.2 → 1.4.3 (14:01:55, li)\n- 新实例变慢，旧实例正常\n3 个变更已排除\n**建议**：\n- [回滚 order 到 1.4.2](https://wiki.example.com/runbook%281%29)\n**负责人**：zhang <at id=ou_1></at>\n开始 2026-11-20 14:02:55 +08:00 · 发现用时 9 秒 · 定位用时 15 秒\n214 条告警，213 条症状已收敛\n[查看 I-20261120-0001](https://stormglass.example.com/incidents/I-20261120-0001) · [链路](https://stormglass.example.com/traces/abc)",
                      "tag": "markdown"
                    },
                    {
                      "behaviors": [
                        {
                          "default_url": "https://stormglass.example.com/incidents/I-20261120-0001",
                          "type": "open_url"
                        }
                      ],
                      "tag": "button",
                      "text": {
                        "content": "查看",
                        "tag": "plain_text"
                      },
                      "type": "primary"
                    }
                  ]
                },
                "config": {
                  "update_multi": true
                },
                "header": {
                  "template": "red",
                  "title": {
                    "content": "🔴 [紧急] 新故障：下单失败：orders-db 慢 SQL",
                    "tag": "plain_text"
                  }
                },
                "schema": "2.0"
              },
              "msg_type": "interactive",
              "sign": "c2iT0NgD9NDtm03+3RpUCj7SWKhi19BJhccN+jB7P6c=",
              "timestamp": "1795154595"
            }"#]],
    );
}

#[test]
fn wecom_is_sent_markdown_that_calls() {
    let policy = policy("wecom: {url: 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k'}");
    let dispatch = sample::dispatch(sample::incident());
    check_json(
        &wecom::body(&parcel(&policy, &dispatch)),
        expect![[r####"
            {
              "markdown": {
                "content": "### 🔴 ［紧急］ 新故障：下单失败：orders-db 慢 SQL\n**根因**：database:orders-db · 慢 SQL · 置信度 高 · 始于 14:03:00\n- SELECT orders 自身耗时 12 ms → 1.9 s\n- 98% 的损失来自它\n**影响面**：order/POST /orders 失败 312/1204 (25.9%)，cart/POST /checkout 失败 80/800 (10.0%)，+5 项未列出，客户 tenant.id=t1，290 用户，312 业务操作\n**可疑变更**：release order 1.4.2 → 1.4.3 (14:01:55, li)\n- 新实例变慢，旧实例正常\n3 个变更已排除\n**建议**：\n- [回滚 order 到 1.4.2](https://wiki.example.com/runbook%281%29)\n**负责人**：zhang <@zhang>\n开始 2026-11-20 14:02:55 +08:00 · 发现用时 9 秒 · 定位用时 15 秒\n214 条告警，213 条症状已收敛\n[查看 I-20261120-0001](https://stormglass.example.com/incidents/I-20261120-0001) · [链路](https://stormglass.example.com/traces/abc)"
              },
              "msgtype": "markdown"
            }"####]],
    );
}

#[test]
fn slack_is_sent_blocks_behind_a_bar_of_colour() {
    let policy = policy("language: en, slack: {url: 'https://hooks.slack.com/services/x'}");
    let dispatch = sample::dispatch(sample::incident());
    check_json(
        &slack::body(&parcel(&policy, &dispatch), &serde_json::Value::Null),
        expect![[r##"
            {
              "attachments": [
                {
                  "blocks": [
                    {
                      "text": {
                        "text": "*🔴 [critical] New incident: Orders fail: slow SQL in orders-db*",
                        "type": "mrkdwn",
                        "verbatim": true
                      },
                      "type": "section"
                    },
                    {
                      "text": {
                        "text": "*Cause*: database:orders-db · slow SQL · confidence high · since 14:03:00\n• self time of SELECT orders 12 ms -&gt; 1.9 s\n• 98% of the loss lies in it\n*Impact*: order/POST /orders failed 312/1204 (25.9%), cart/POST /checkout failed 80/800 (10.0%), +5 more, customers tenant.id=t1, 290 users, 312 business operations\n*Suspect change*: release order 1.4.2 → 1.4.3 (14:01:55, li)\n• new instances are slow, old ones are not\n3 changes cleared\n*Advice*:\n• <https://wiki.example.com/runbook%281%29|Roll order back to 1.4.2>\n*Owner*: zhang <@U1>\nbegan 2026-11-20 14:02:55 +08:00 · detected after 9s · cause found after 15s\n214 alerts, 213 symptoms held back\n<https://stormglass.example.com/incidents/I-20261120-0001|Open I-20261120-0001> · <https://stormglass.example.com/traces/abc|Trace>",
                        "type": "mrkdwn",
                        "verbatim": true
                      },
                      "type": "section"
                    }
                  ],
                  "color": "#e01e5a"
                }
              ],
              "link_names": false,
              "text": "🔴 [critical] New incident: Orders fail: slow SQL in orders-db",
              "unfurl_links": false,
              "unfurl_media": false
            }"##]],
    );
}

#[test]
fn teams_is_sent_an_adaptive_card() {
    let policy = policy("language: en, teams: {url: 'https://prod.westus.logic.azure.com/x'}");
    let dispatch = sample::dispatch(sample::incident());
    check_json(
        &teams::body(&parcel(&policy, &dispatch)),
        expect![[r#"
            {
              "attachments": [
                {
                  "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "actions": [
                      {
                        "title": "Open",
                        "type": "Action.OpenUrl",
                        "url": "https://stormglass.example.com/incidents/I-20261120-0001"
                      }
                    ],
                    "body": [
                      {
                        "size": "Medium",
                        "text": "🔴 ［critical］ New incident: Orders fail: slow SQL in orders-db",
                        "type": "TextBlock",
                        "weight": "Bolder",
                        "wrap": true
                      },
                      {
                        "spacing": "Small",
                        "text": "**Cause**: database:orders-db · slow SQL · confidence high · since 14:03:00",
                        "type": "TextBlock",
                        "wrap": true
                      },
                      {
                        "spacing": "Small",
                        "text": "- self time of SELECT orders 12 ms -＞ 1.9 s",
                        "type": "TextBlock",
                        "wrap": true
                      },
                      {
                        "spacing": "Small",
                        "text": "- 98% of the loss lies in it",
                        "type": "TextBlock",
                        "wrap": true
                      },
                      {
                        "spacing": "Small",
                        "text": "**Impact**: order/POST /orders failed 312/1204 (25.9%), cart/POST /checkout failed 80/800 (10.0%), +5 more, customers tenant.id=t1, 290 users, 312 business operations",
                        "type": "TextBlock",
                        "wrap": true
                      },
                      {
                        "spacing": "Small",
                        "text": "**Suspect change**: release order 1.4.2 → 1.4.3 (14:01:55, li)",
                        "type": "TextBlock",
                        "wrap": true
                      },
                      {
                        "spacing": "Small",
                        "text": "- new instances are slow, old ones are not",
                        "type": "TextBlock",
                        "wrap": true
                      },
                      {
                        "spacing": "Small",
                        "text": "3 changes cleared",
                        "type": "TextBlock",
                        "wrap": true
                      },
                      {
                        "spacing": "Small",
                        "text": "**Advice**:",
                        "type": "TextBlock",
                        "wrap": true
                      },
                      {
                        "spacing": "Small",
                        "text": "- [Roll order back to 1.4.2](https://wiki.example.com/runbook%281%29)",
                        "type": "TextBlock",
                        "wrap": true
                      },
                      {
                        "spacing": "Small",
                        "text": "**Owner**: zhang <at>zhang@example.com</at>",
                        "type": "TextBlock",
                        "wrap": true
                      },
                      {
                        "spacing": "Small",
                        "text": "began 2026-11-20 14:02:55 +08:00 · detected after 9s · cause found after 15s",
                        "type": "TextBlock",
                        "wrap": true
                      },
                      {
                        "spacing": "Small",
                        "text": "214 alerts, 213 symptoms held back",
                        "type": "TextBlock",
                        "wrap": true
                      },
                      {
                        "spacing": "Small",
                        "text": "[Open I-20261120-0001](https://stormglass.example.com/incidents/I-20261120-0001) · [Trace](https://stormglass.example.com/traces/abc)",
                        "type": "TextBlock",
                        "wrap": true
                      }
                    ],
                    "msteams": {
                      "entities": [
                        {
                          "mentioned": {
                            "id": "zhang@example.com",
                            "name": "zhang"
                          },
                          "text": "<at>zhang@example.com</at>",
                          "type": "mention"
                        }
                      ],
                      "width": "Full"
                    },
                    "type": "AdaptiveCard",
                    "version": "1.4"
                  },
                  "contentType": "application/vnd.microsoft.card.adaptive",
                  "contentUrl": null
                }
              ],
              "type": "message"
            }"#]],
    );
}

#[test]
fn a_webhook_is_sent_what_alertmanager_sends_and_the_incident() {
    let policy =
        policy("webhook: {url: 'https://hooks.example.com/x', secret: s, bearer: b, headers: {X-Team: trade}}");
    let dispatch = sample::dispatch(sample::incident());
    let settings = written(&policy).webhook.as_ref().unwrap();
    let parcel = parcel(&policy, &dispatch);
    let body = webhook::body(settings, &parcel);
    check_json(
        &body,
        expect![[r#"
        {
          "alerts": [
            {
              "annotations": {
                "summary": "slow"
              },
              "endsAt": "0001-01-01T00:00:00Z",
              "fingerprint": "00ff",
              "generatorURL": "",
              "labels": {
                "alertname": "SlowSql",
                "service": "order"
              },
              "startsAt": "2026-11-20T06:02:55.000000000Z",
              "status": "firing"
            }
          ],
          "commonAnnotations": {
            "summary": "slow"
          },
          "commonLabels": {
            "alertname": "SlowSql",
            "service": "order",
            "severity": "critical"
          },
          "externalURL": "https://stormglass.example.com",
          "groupKey": "{}:{incident=\"I-20261120-0001\"}",
          "groupLabels": {
            "incident": "I-20261120-0001"
          },
          "incident": {
            "advice": [
              {
                "text": {
                  "en": "Roll order back to 1.4.2",
                  "zh": "回滚 order 到 1.4.2"
                },
                "url": "https://wiki.example.com/runbook(1)"
              }
            ],
            "candidates": [],
            "cause": {
              "confidence": "high",
              "entity": "database:orders-db",
              "evidence": [
                {
                  "en": "self time of SELECT orders 12 ms -> 1.9 s",
                  "zh": "SELECT orders 自身耗时 12 ms → 1.9 s"
                },
                {
                  "en": "98% of the loss lies in it",
                  "zh": "98% 的损失来自它"
                }
              ],
              "kind": "slow_sql",
              "since": "2026-11-20T06:03:00.000000000Z"
            },
            "change": {
              "author": "li",
              "id": "c1",
              "kind": "release",
              "previous_version": "1.4.2",
              "reason": {
                "en": "new instances are slow, old ones are not",
                "zh": "新实例变慢，旧实例正常"
              },
              "target": "order",
              "time": "2026-11-20T06:01:55.000000000Z",
              "title": null,
              "version": "1.4.3"
            },
            "changes_cleared": 3,
            "clocks": {
              "acknowledged_at": null,
              "detected_at": "2026-11-20T06:03:04.000000000Z",
              "fault_at": "2026-11-20T06:02:55.000000000Z",
              "located_at": "2026-11-20T06:03:10.000000000Z",
              "mitigated_at": null,
              "notified_at": null,
              "resolved_at": null
            },
            "counts": {
              "alerts": 214,
              "episodes": 1,
              "firing": 200,
              "held_back": 213
            },
            "episode": 0,
            "impact": {
              "business_operations": 312,
              "operations": [
                {
                  "calls": 1204,
                  "failed": 312,
                  "operation": "order/POST /orders"
                },
                {
                  "calls": 800,
                  "failed": 80,
                  "operation": "cart/POST /checkout"
                }
              ],
              "operations_total": 7,
              "tenants": [
                "tenant.id=t1"
              ],
              "tenants_total": 1,
              "users": 290
            },
            "importance": "normal",
            "incident": "I-20261120-0001",
            "labels": {},
            "links": [
              {
                "text": {
                  "en": "Trace",
                  "zh": "链路"
                },
                "url": "https://stormglass.example.com/traces/abc"
              }
            ],
            "mentions": [],
            "missing": [],
            "news": null,
            "occasion": "opened",
            "opened_at": "2026-11-20T06:02:55.000000000Z",
            "owner": "zhang",
            "resolved_at": null,
            "revision": 1,
            "services": [
              "order",
              "cart"
            ],
            "severity": "critical",
            "state": "open",
            "team": "trade",
            "title": {
              "en": "Orders fail: slow SQL in orders-db",
              "zh": "下单失败：orders-db 慢 SQL"
            },
            "undetermined": null,
            "url": "https://stormglass.example.com/incidents/I-20261120-0001"
          },
          "notification_reason": "opened",
          "receiver": "r",
          "status": "firing",
          "truncatedAlerts": 213,
          "version": "4"
        }"#]],
    );
    let mut headers: Vec<String> = webhook::headers(settings, &parcel, b"body")
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    expect![[r#"
        authorization: Bearer b
        idempotency-key: N-1
        x-signature: sha256=be8d0adf9c7a370fc755b25033255cf5b7f3d12ae3e26ffeaac349dfdd60216f
        x-team: trade
        x-timestamp: 1795154595"#]]
    .assert_eq(&headers.join("\n"));
}

#[test]
fn mail_is_text_and_html_in_the_thread_of_its_incident() {
    let policy = policy(
        "language: en, email: {host: mail.example.com, from: 'Stormglass <storm@example.com>', to: [ops@example.com]}",
    );
    let dispatch = sample::dispatch(sample::incident());
    let mail = email::formatted(written(&policy).email.as_ref().unwrap(), &parcel(&policy, &dispatch));
    expect![[r#"
        From: Stormglass <storm@example.com>
        Subject: [I-20261120-0001] Orders fail: slow SQL in orders-db
        Date: Fri, 20 Nov 2026 06:03:15 +0000
        Message-ID: <N-1@example.com>
        To: ops@example.com
        In-Reply-To: <incident-I-20261120-0001@example.com>
        References: <incident-I-20261120-0001@example.com>
        MIME-Version: 1.0
        Auto-Submitted: auto-generated
        Content-Type: multipart/alternative; boundary="part-N-1"

        --part-N-1
        Content-Type: text/plain; charset=utf-8
        Content-Transfer-Encoding: quoted-printable

        =F0=9F=94=B4 [critical] New incident: Orders fail: slow SQL in orders-db

        Cause: database:orders-db =C2=B7 slow SQL =C2=B7 confidence high =C2=B7 sin=
        ce 14:03:00
        - self time of SELECT orders 12 ms -> 1.9 s
        - 98% of the loss lies in it
        Impact: order/POST /orders failed 312/1204 (25.9%), cart/POST /checkout fai=
        led 80/800 (10.0%), +5 more, customers tenant.id=3Dt1, 290 users, 312 busin=
        ess operations
        Suspect change: release order 1.4.2 =E2=86=92 1.4.3 (14:01:55, li)
        - new instances are slow, old ones are not
        3 changes cleared
        Advice:
        - Roll order back to 1.4.2: https://wiki.example.com/runbook%281%29
        Owner: zhang
        began 2026-11-20 14:02:55 +08:00 =C2=B7 detected after 9s =C2=B7 cause foun=
        d after 15s
        214 alerts, 213 symptoms held back
        Open I-20261120-0001: https://stormglass.example.com/incidents/I-20261120-0=
        001 =C2=B7 Trace: https://stormglass.example.com/traces/abc

        --part-N-1
        Content-Type: text/html; charset=utf-8
        Content-Transfer-Encoding: quoted-printable

        <!DOCTYPE html>
        <html><body style=3D"font-family:sans-serif;font-size:14px;color:#222">
        <h3 style=3D"margin:0 0 8px">=F0=9F=94=B4 [critical] New incident: Orders f=
        ail: slow SQL in orders-db</h3>
        <table cellpadding=3D"4" style=3D"border-collapse:collapse;vertical-align:t=
        op">
        <tr><td><b>Cause</b></td><td>database:orders-db =C2=B7 slow SQL =C2=B7 conf=
        idence high =C2=B7 since 14:03:00</td></tr>
        <tr><td><b>Evidence</b></td><td>self time of SELECT orders 12 ms -&gt; 1.9 =
        s<br>98% of the loss lies in it<br></td></tr>
        <tr><td><b>Impact</b></td><td>order&#x2f;POST &#x2f;orders failed 312/1204 =
        (25.9%)<br>cart&#x2f;POST &#x2f;checkout failed 80/800 (10.0%)<br>+5 more<b=
        r>customers tenant.id=3Dt1<br>290 users<br>312 business operations</td></tr>
        <tr><td><b>Suspect change</b></td><td>release order 1.4.2 =E2=86=92 1.4.3 (=
        14:01:55, li)<br>new instances are slow, old ones are not</td></tr>
        <tr><td></td><td>3 changes cleared</td></tr>
        <tr><td><b>Advice</b></td><td><a href=3D"https:&#x2f;&#x2f;wiki.example.com=
        &#x2f;runbook%281%29">Roll order back to 1.4.2</a><br></td></tr>
        <tr><td><b>Owner</b></td><td>zhang</td></tr>
        <tr><td><b>Team</b></td><td>trade</td></tr>
        </table>
        <p>began 2026-11-20 14:02:55 +08:00 =C2=B7 detected after 9s =C2=B7 cause f=
        ound after 15s</p>
        <p>214 alerts, 213 symptoms held back</p>
        <a href=3D"https:&#x2f;&#x2f;stormglass.example.com&#x2f;traces&#x2f;abc">T=
        race</a>=20
        <p><a href=3D"https:&#x2f;&#x2f;stormglass.example.com&#x2f;incidents&#x2f;=
        I-20261120-0001">Open I-20261120-0001</a></p>
        </body></html>
        --part-N-1--
    "#]]
    .assert_eq(&mail.replace("\r\n", "\n"));
}

#[test]
fn a_receiver_names_exactly_one_channel_and_what_is_wrong_is_said() {
    for (receiver, says) in [
        ("{name: a}", "exactly one"),
        ("{name: a, wecom: {url: 'https://x.example.com'}, teams: {url: 'https://x.example.com'}}", "exactly one"),
        ("{name: a, wecom: {url: 'http://10.0.0.1/x'}}", "network.allow"),
        ("{name: a, wecom: {url: 'https://169.254.169.254/x'}}", "never connected"),
        ("{name: a, dingtalk: {url: 'ftp://x'}}", "http and https"),
        ("{name: a, slack: {token: t}}", "`channel`"),
        ("{name: a, email: {host: h, from: x, to: []}}", "no mail address"),
        ("{name: a, email: {host: mail.example.com, from: a@b.c, to: [a@b.c], insecure: true}}", "this machine"),
        ("{name: a, webhook: {url: 'https://x.example.com', headers: {Host: x}}}", "not a header"),
        ("{name: a, webhook: {url: '***'}}", "not its mask"),
        ("{name: a, fallback: b, teams: {url: 'https://x.example.com'}}", "no receiver is called `b`"),
        ("{name: a, teams: {url: 'https://x.example.com'}, template: '{% macro x() %}'}", "macro"),
        ("{name: a, teams: {url: 'https://x.example.com'}, time_zone: Mars}", "time zone"),
    ] {
        let error = Config::read(&format!("receivers: [{receiver}]\nroute: {{receivers: [a]}}"))
            .and_then(Policy::check)
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{receiver}: {error}");
    }
}

#[test]
fn robots_say_no_in_http_200() {
    let reply = |status: u16, body: &str, is_whole| Reply {
        status,
        retry_after: None,
        body: body.as_bytes().to_vec(),
        is_whole,
    };
    for (status, body, whole, code) in [
        (200, r#"{"errcode":0,"errmsg":"ok"}"#, true, Some(0)),
        (200, r#"{"errcode":310000,"errmsg":"sign not match"}"#, true, Some(310_000)),
        (200, "<html>", true, None),
        (200, r#"{"errcode":0}"#, false, None),
        (500, r#"{"errcode":0}"#, true, None),
    ] {
        let said = said(&reply(status, body, whole), "errcode", "errmsg");
        assert_eq!(said.ok().map(|said| said.code), code, "{body}");
    }
}
