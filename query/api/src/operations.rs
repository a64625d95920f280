//! Every call of this API in one table: what is mounted, what is described.

use serde_json::{Map, Value, json};

/// One call.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    pub method: &'static str,
    pub path: &'static str,
    pub id: &'static str,
    pub summary: &'static str,
    /// Query parameters: name, what it is.
    pub(crate) parameters: &'static [(&'static str, &'static str)],
    pub(crate) request: Option<fn() -> Value>,
    /// Schema of the 200 answer, and its media type.
    pub(crate) answer: fn() -> Value,
    pub(crate) answer_type: &'static str,
}

const JSON: &str = "application/json";

pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: "POST",
        path: "/api/v1/sql",
        id: "sql",
        summary: "Runs one SQL query (SELECT, SHOW, DESCRIBE, EXPLAIN).",
        parameters: &[],
        request: Some(|| {
            json!({
                "type": "object",
                "required": ["sql"],
                "additionalProperties": false,
                "properties": {
                    "sql": { "type": "string", "example": "SELECT service, count(*) FROM spans GROUP BY service" },
                    "format": { "enum": ["json", "csv", "arrow", "parquet"], "default": "json" },
                    "limit": { "type": "integer", "minimum": 0, "description": "Cut the result after so many rows." },
                    "timeout_ms": { "type": "integer", "minimum": 1, "description": "Deadline of the query." }
                }
            })
        }),
        answer: || {
            object(&[
                ("columns", list_of(object(&[("name", text()), ("type", text())]))),
                ("rows", json!({ "type": "array", "items": { "type": "array", "items": {} } })),
                ("row_count", integer()),
                ("complete", json!({ "type": "boolean" })),
                ("incomplete_reason", json!({ "type": ["string", "null"] })),
                ("statistics", json!({ "type": ["object", "null"] })),
            ])
        },
        answer_type: JSON,
    },
    Operation {
        method: "GET",
        path: "/api/v1/ledger",
        id: "ledger",
        summary: "What was received, stored, queryable, refused and repeated, per sender and signal.",
        parameters: &[],
        request: None,
        answer: || {
            page(object(&[
                ("sender", text()),
                ("service", text()),
                ("instance", json!({ "type": ["string", "null"] })),
                ("token", json!({ "type": ["string", "null"] })),
                ("signal", json!({ "enum": ["traces", "metrics", "logs"] })),
                ("received", integer()),
                ("stored", integer()),
                ("queryable", integer()),
                ("refused", integer()),
                ("repeated", integer()),
                ("dropped_by_sender", integer()),
            ]))
        },
        answer_type: JSON,
    },
    Operation {
        method: "GET",
        path: "/api/v1/parts",
        id: "parts",
        summary: "The live Parquet files.",
        parameters: &[("table", "A table, as in SQL; all without it.")],
        request: None,
        answer: || {
            page(object(&[
                ("id", text()),
                ("table", text()),
                ("path", text()),
                ("level", integer()),
                ("rows", integer()),
                ("bytes", integer()),
                ("time_min", time()),
                ("time_max", time()),
                ("received_max", time()),
                ("services", json!({ "type": ["array", "null"], "items": { "type": "string" } })),
            ]))
        },
        answer_type: JSON,
    },
    Operation {
        method: "POST",
        path: "/api/v1/flush",
        id: "flush",
        summary: "Writes all that is acknowledged to Parquet, and answers when that is done.",
        parameters: &[],
        request: None,
        answer: || object(&[("rows", integer()), ("parts", integer())]),
        answer_type: JSON,
    },
    Operation {
        method: "POST",
        path: "/api/v1/compact",
        id: "compact",
        summary: "Merges Parquet files now, however few they are.",
        parameters: &[],
        request: None,
        answer: || object(&[("merges", integer()), ("parts_before", integer()), ("parts_after", integer())]),
        answer_type: JSON,
    },
    Operation {
        method: "GET",
        path: "/api/v1/openapi.json",
        id: "openapi",
        summary: "This description.",
        parameters: &[],
        request: None,
        answer: || json!({ "type": "object" }),
        answer_type: JSON,
    },
    Operation {
        method: "GET",
        path: "/healthz",
        id: "alive",
        summary: "Whether the process is alive.",
        parameters: &[],
        request: None,
        answer: || object(&[("status", text()), ("version", text()), ("durability", text())]),
        answer_type: JSON,
    },
    Operation {
        method: "GET",
        path: "/readyz",
        id: "ready",
        summary: "Whether data can be taken in; 503 with reasons when not.",
        parameters: &[],
        request: None,
        answer: || {
            object(&[
                ("ready", json!({ "type": "boolean" })),
                ("reasons", list_of(text())),
                ("warnings", list_of(text())),
            ])
        },
        answer_type: JSON,
    },
    Operation {
        method: "GET",
        path: "/metrics",
        id: "metrics",
        summary: "The server's own figures as Prometheus text.",
        parameters: &[],
        request: None,
        answer: text,
        answer_type: "text/plain",
    },
];

fn text() -> Value {
    json!({ "type": "string" })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time", "description": "RFC 3339 with nanoseconds." })
}

fn integer() -> Value {
    json!({ "type": "integer" })
}

fn list_of(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn object(fields: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let required: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

/// A list as every list of this API is given.
fn page(item: Value) -> Value {
    object(&[
        ("items", list_of(item)),
        ("next_cursor", json!({ "type": ["string", "null"] })),
        ("complete", json!({ "type": "boolean" })),
        ("incomplete_reason", json!({ "type": ["string", "null"] })),
    ])
}

/// The table as OpenAPI 3.1.
pub(crate) fn openapi(version: &str) -> Value {
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let item = paths.entry(operation.path).or_insert_with(|| json!({}));
        item[operation.method.to_ascii_lowercase()] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Stormglass", "version": version, "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" } },
        "security": [{ "token": [] }, {}],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": {
                "Problem": object(&[("type", text()), ("title", text()), ("status", integer()), ("detail", text())])
            }
        }
    })
}

fn described(operation: &Operation) -> Value {
    let problem = json!({
        "description": "What went wrong, and what would be right (RFC 9457).",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } }
    });
    let parameters: Vec<Value> = operation
        .parameters
        .iter()
        .map(|(name, what)| json!({ "name": name, "in": "query", "description": what, "schema": { "type": "string" } }))
        .collect();
    let answer = json!({
        "description": operation.summary,
        "content": { operation.answer_type: { "schema": (operation.answer)() } }
    });
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": { "200": answer, "default": problem },
    });
    if let Some(request) = operation.request {
        described["requestBody"] = json!({ "required": true, "content": { JSON: { "schema": request() } } });
    }
    described
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_described_once_with_its_answer() {
        let description = openapi("1.2.3");
        assert_eq!(description["info"]["version"], "1.2.3");
        for operation in OPERATIONS {
            let method = operation.method.to_ascii_lowercase();
            let described = &description["paths"][operation.path][&method];
            assert_eq!(described["operationId"], operation.id);
            assert!(described["responses"]["200"]["content"][operation.answer_type]["schema"].is_object());
        }
        let mut ids: Vec<_> = OPERATIONS.iter().map(|o| o.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), OPERATIONS.len());
    }
}
