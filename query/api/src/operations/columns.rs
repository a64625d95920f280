//! Which columns a story needs of spans and records, by the keys of the installation.

use crate::ask::literal;
use timeline::context::HEADERS;

/// Keys that stories are linked by.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) business: Vec<String>,
    /// Attributes that hold contexts of other propagators.
    pub(super) contexts: Vec<String>,
}

impl Keys {
    pub(super) fn new(business: &[String], more_contexts: &[String]) -> Self {
        let named = HEADERS.iter().flat_map(|header| [(*header).to_owned(), format!("http.request.header.{header}")]);
        let mut contexts: Vec<String> = named.collect();
        contexts.extend(more_contexts.iter().cloned());
        Self { business: business.to_vec(), contexts }
    }

    pub(super) fn span_columns(&self) -> String {
        format!(
            "time, duration_ns, trace_id, span_id, parent_span_id, service, operation, kind, status, status_message, \
             request_id, links, attributes['messaging.message.id'] AS message_id, \
             attributes['messaging.destination.name'] AS destination, attributes['db.query.text'] AS statement, \
             attributes['job.name'] AS job_name, attributes['exception.message'] AS exception_message{}",
            self.key_columns()
        )
    }

    pub(super) fn log_columns(&self) -> String {
        format!(
            "time, service, severity, severity_text, body, event_name, trace_id, span_id, request_id, \
             attributes['messaging.message.id'] AS message_id, attributes['exception.message'] AS exception_message{}",
            self.key_columns()
        )
    }

    pub(super) fn business_columns(&self) -> String {
        let keys = self.business.iter().enumerate();
        let keys = keys.map(|(at, key)| format!(", attributes[{}] AS key_{at}", literal(key)));
        format!("{}{}", super::BUSINESS_COLUMNS, keys.collect::<String>())
    }

    fn key_columns(&self) -> String {
        let business = self.business.iter().enumerate();
        let business = business.map(|(at, key)| format!(", attributes[{}] AS key_{at}", literal(key)));
        let contexts = self.contexts.iter().enumerate();
        let contexts = contexts.map(|(at, key)| format!(", attributes[{}] AS context_{at}", literal(key)));
        business.chain(contexts).collect()
    }
}
