//! Which metrics tell how many items their sender lost before they reached us: the self-metrics of
//! OpenTelemetry Collectors and SDKs.

use super::input::{Attribute, MetricInput, MetricKind, Number, PointInput, Value};

/// A metric that counts losses, and which of its points do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DropCounterName {
    /// Every point is a loss.
    Every,
    /// Points with an `error.type` are losses (semantic conventions of SDK self-metrics).
    WithErrorType,
    /// Points with `dropped = true` are losses (Java batch processors).
    WithDropped,
}

/// What a Collector failed to pass on or refused; the rest of the name is the kind of item.
const COLLECTOR: &[&[u8]] = &[
    b"otelcol_exporter_send_failed_",
    b"otelcol_exporter_enqueue_failed_",
    b"otelcol_processor_refused_",
    b"otelcol_processor_dropped_",
    b"otelcol_receiver_refused_",
    b"otelcol_receiver_failed_",
];
const SDK: &[&[u8]] = &[
    b"otel.sdk.processor.span.processed",
    b"otel.sdk.processor.log.processed",
    b"otel.sdk.exporter.span.exported",
    b"otel.sdk.exporter.log.exported",
    b"otel.sdk.exporter.metric_data_point.exported",
];

impl DropCounterName {
    pub(super) fn of(metric: &MetricInput<'_>) -> Option<Self> {
        let name = metric.name;
        if metric.kind != MetricKind::Sum {
            None
        } else if COLLECTOR.iter().any(|prefix| name.starts_with(prefix))
            || (name.starts_with(b"otel.sdk.") && name.ends_with(b".dropped"))
        {
            Some(Self::Every)
        } else if SDK.contains(&name.strip_suffix(b".count").unwrap_or(name)) {
            // The conventions before 1.34 put `.count` behind the names.
            Some(Self::WithErrorType)
        } else if name == b"processedSpans" || name == b"processedLogs" {
            Some(Self::WithDropped)
        } else {
            None
        }
    }

    /// How many items a point says were lost.
    pub(super) fn lost(self, point: &PointInput<'_>) -> Option<u64> {
        let attributes = point.attributes.items();
        let counts = match self {
            Self::Every => true,
            Self::WithErrorType => attributes.iter().any(|attribute| attribute.key == b"error.type"),
            Self::WithDropped => attributes.iter().any(says_dropped),
        };
        match point.value {
            Number::Int(value) if counts => u64::try_from(value).ok(),
            // A counter of items is whole; the cast saturates.
            Number::Double(value) if counts && value >= 0.0 => Some(value as u64),
            _ => None,
        }
    }
}

fn says_dropped(attribute: &Attribute<'_>) -> bool {
    attribute.key == b"dropped" && matches!(attribute.value, Value::Bool(true) | Value::String(b"true"))
}
