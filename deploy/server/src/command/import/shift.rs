//! Moving all times of a request by one offset. A time of zero means "absent" and stays so.

use super::pieces::Piece;
use anyhow::{Context, Result};
use model::Signal;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Metric, metric::Data};
use prost::Message;
use serde_json::Value;

/// The newest time in a piece; 0 when there is none.
pub(super) fn newest(piece: &Piece) -> Result<u64> {
    let mut newest = 0;
    visit(piece, &mut |time| newest = newest.max(*time))?;
    Ok(newest)
}

/// The piece with `offset` nanoseconds added to each of its times.
pub(super) fn shifted(piece: Piece, offset: i64) -> Result<Piece> {
    let body = visit(&piece, &mut |time| {
        if *time != 0 {
            *time = time.saturating_add_signed(offset);
        }
    })?;
    Ok(Piece { body: body.into(), ..piece })
}

/// Shows every time to `see`, which may change it, and gives the request encoded again.
fn visit(piece: &Piece, see: &mut dyn FnMut(&mut u64)) -> Result<Vec<u8>> {
    if piece.json {
        let mut request: Value = serde_json::from_slice(&piece.body)?;
        json(&mut request, see);
        return Ok(serde_json::to_vec(&request)?);
    }
    let unreadable = "times cannot be shifted in a request that does not follow the protocol strictly";
    Ok(match piece.signal {
        Signal::Traces => {
            let mut request = ExportTraceServiceRequest::decode(&piece.body[..]).context(unreadable)?;
            traces(&mut request, see);
            request.encode_to_vec()
        }
        Signal::Metrics => {
            let mut request = ExportMetricsServiceRequest::decode(&piece.body[..]).context(unreadable)?;
            let resources = request.resource_metrics.iter_mut();
            let metrics = resources.flat_map(|r| &mut r.scope_metrics).flat_map(|s| &mut s.metrics);
            metrics.for_each(|metric| points(metric, see));
            request.encode_to_vec()
        }
        Signal::Logs => {
            let mut request = ExportLogsServiceRequest::decode(&piece.body[..]).context(unreadable)?;
            let resources = request.resource_logs.iter_mut();
            for record in resources.flat_map(|r| &mut r.scope_logs).flat_map(|s| &mut s.log_records) {
                see(&mut record.time_unix_nano);
                see(&mut record.observed_time_unix_nano);
            }
            request.encode_to_vec()
        }
    })
}

fn traces(request: &mut ExportTraceServiceRequest, see: &mut dyn FnMut(&mut u64)) {
    let resources = request.resource_spans.iter_mut();
    for span in resources.flat_map(|r| &mut r.scope_spans).flat_map(|s| &mut s.spans) {
        see(&mut span.start_time_unix_nano);
        see(&mut span.end_time_unix_nano);
        span.events.iter_mut().for_each(|event| see(&mut event.time_unix_nano));
    }
}

fn points(metric: &mut Metric, see: &mut dyn FnMut(&mut u64)) {
    macro_rules! each {
        ($points:expr) => {
            for point in $points {
                see(&mut point.start_time_unix_nano);
                see(&mut point.time_unix_nano);
                exemplars(&mut point.exemplars, see);
            }
        };
    }
    match &mut metric.data {
        Some(Data::Gauge(gauge)) => each!(&mut gauge.data_points),
        Some(Data::Sum(sum)) => each!(&mut sum.data_points),
        Some(Data::Histogram(histogram)) => each!(&mut histogram.data_points),
        Some(Data::ExponentialHistogram(histogram)) => each!(&mut histogram.data_points),
        Some(Data::Summary(summary)) => {
            for point in &mut summary.data_points {
                see(&mut point.start_time_unix_nano);
                see(&mut point.time_unix_nano);
            }
        }
        None => {}
    }
}

fn exemplars(exemplars: &mut [Exemplar], see: &mut dyn FnMut(&mut u64)) {
    exemplars.iter_mut().for_each(|exemplar| see(&mut exemplar.time_unix_nano));
}

/// In JSON all times, and nothing else, have names that end alike. 64-bit numbers are text or numbers.
fn json(value: &mut Value, see: &mut dyn FnMut(&mut u64)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| json(item, see)),
        Value::Object(fields) => {
            for (name, field) in fields {
                if !matches!(&**name, "timeUnixNano" | "startTimeUnixNano" | "endTimeUnixNano" | "observedTimeUnixNano")
                {
                    json(field, see);
                    continue;
                }
                let time = field.as_u64().or_else(|| field.as_str()?.parse().ok());
                if let Some(mut time) = time {
                    see(&mut time);
                    *field = Value::String(time.to_string());
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::metrics::v1::{Gauge, NumberDataPoint, ResourceMetrics, ScopeMetrics};
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, span::Event};

    #[test]
    fn every_time_of_a_span_moves_and_an_absent_one_stays_absent() {
        let event = Event { time_unix_nano: 1_500, ..Event::default() };
        let span = |start, end| Span {
            start_time_unix_nano: start,
            end_time_unix_nano: end,
            events: vec![event.clone()],
            ..Span::default()
        };
        let request = |spans| {
            let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
            ExportTraceServiceRequest {
                resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
            }
        };
        let body = request(vec![span(1_000, 2_000), span(0, 3_000)]).encode_to_vec().into();
        let piece = Piece { signal: Signal::Traces, json: false, body };
        assert_eq!(newest(&piece).unwrap(), 3_000);
        let moved = ExportTraceServiceRequest::decode(shifted(piece, -400).unwrap().body).unwrap();
        let spans = &moved.resource_spans[0].scope_spans[0].spans;
        assert_eq!((spans[0].start_time_unix_nano, spans[0].end_time_unix_nano), (600, 1_600));
        assert_eq!((spans[1].start_time_unix_nano, spans[1].end_time_unix_nano), (0, 2_600));
        assert_eq!(spans[0].events[0].time_unix_nano, 1_100);
    }

    #[test]
    fn points_and_their_exemplars_move_too() {
        let exemplars = vec![Exemplar { time_unix_nano: 7, ..Exemplar::default() }];
        let data_points = vec![NumberDataPoint { time_unix_nano: 10, exemplars, ..NumberDataPoint::default() }];
        let metric = Metric { data: Some(Data::Gauge(Gauge { data_points })), ..Metric::default() };
        let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
        let request = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }],
        };
        let piece = Piece { signal: Signal::Metrics, json: false, body: request.encode_to_vec().into() };
        let moved = shifted(piece, 100).unwrap();
        assert_eq!(newest(&moved).unwrap(), 110);
        let moved = ExportMetricsServiceRequest::decode(moved.body).unwrap();
        let Some(Data::Gauge(gauge)) = &moved.resource_metrics[0].scope_metrics[0].metrics[0].data else {
            panic!("a gauge")
        };
        assert_eq!(gauge.data_points[0].exemplars[0].time_unix_nano, 107);
    }

    #[test]
    fn json_times_move_whether_text_or_number_and_other_numbers_stay() {
        let body = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"5","observedTimeUnixNano":6,"severityNumber":9}]}]}]}"#;
        let piece = Piece { signal: Signal::Logs, json: true, body: body.into() };
        let moved: Value = serde_json::from_slice(&shifted(piece, 10).unwrap().body).unwrap();
        let record = &moved["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        assert_eq!((&record["timeUnixNano"], &record["observedTimeUnixNano"]), (&"15".into(), &"16".into()));
        assert_eq!(record["severityNumber"], 9);
    }
}
