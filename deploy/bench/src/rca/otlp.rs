//! Export requests of a case: read, moved in time, sent.

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;
use std::io::Read;
use std::path::Path;

/// One export request of one signal.
pub(super) enum Request {
    Traces(ExportTraceServiceRequest),
    Logs(ExportLogsServiceRequest),
    Metrics(ExportMetricsServiceRequest),
}

/// What a request tells of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Signal {
    Traces,
    Logs,
    Metrics,
}

impl Request {
    pub(super) fn signal(&self) -> Signal {
        match self {
            Self::Traces(_) => Signal::Traces,
            Self::Logs(_) => Signal::Logs,
            Self::Metrics(_) => Signal::Metrics,
        }
    }

    /// Reads `traces-08_50.pb.gz`, `logs...`, `metrics...`.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let mut body = Vec::new();
        let packed = std::fs::File::open(file).with_context(|| file.display().to_string())?;
        flate2::read::GzDecoder::new(packed).read_to_end(&mut body)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        Ok(match name.split(['-', '.']).next() {
            Some("traces") => Self::Traces(ExportTraceServiceRequest::decode(body.as_slice())?),
            Some("logs") => Self::Logs(ExportLogsServiceRequest::decode(body.as_slice())?),
            _ => Self::Metrics(ExportMetricsServiceRequest::decode(body.as_slice())?),
        })
    }

    /// Every time in it.
    fn times(&mut self, mut each: impl FnMut(&mut u64)) {
        match self {
            Self::Traces(request) => {
                let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
                for span in scopes.flat_map(|scope| &mut scope.spans) {
                    each(&mut span.start_time_unix_nano);
                    each(&mut span.end_time_unix_nano);
                    span.events.iter_mut().for_each(|event| each(&mut event.time_unix_nano));
                }
            }
            Self::Logs(request) => {
                let scopes = request.resource_logs.iter_mut().flat_map(|resource| &mut resource.scope_logs);
                for record in scopes.flat_map(|scope| &mut scope.log_records) {
                    each(&mut record.time_unix_nano);
                    each(&mut record.observed_time_unix_nano);
                }
            }
            Self::Metrics(request) => {
                let scopes = request.resource_metrics.iter_mut().flat_map(|resource| &mut resource.scope_metrics);
                for metric in scopes.flat_map(|scope| &mut scope.metrics) {
                    let points = match &mut metric.data {
                        Some(Data::Gauge(gauge)) => &mut gauge.data_points,
                        Some(Data::Sum(sum)) => &mut sum.data_points,
                        _ => continue,
                    };
                    points.iter_mut().for_each(|point| each(&mut point.time_unix_nano));
                }
            }
        }
    }

    /// First and last time, Unix nanoseconds.
    pub(super) fn range(&mut self) -> Option<(u64, u64)> {
        let mut range: Option<(u64, u64)> = None;
        self.times(|time| {
            if *time > 0 {
                range = Some(range.map_or((*time, *time), |(first, last)| (first.min(*time), last.max(*time))));
            }
        });
        range
    }

    /// Moves everything so that its last time is `last`.
    pub(super) fn end_at(&mut self, last: u64) {
        if let Some((_, end)) = self.range() {
            self.times(|time| {
                if *time > 0 {
                    *time = time.wrapping_add(last.wrapping_sub(end));
                }
            });
        }
    }

    /// Sends it to an OTLP/HTTP address.
    pub(super) async fn send(&self, client: &reqwest::Client, address: &str) -> Result<()> {
        let (path, body) = match self {
            Self::Traces(request) => ("traces", request.encode_to_vec()),
            Self::Logs(request) => ("logs", request.encode_to_vec()),
            Self::Metrics(request) => ("metrics", request.encode_to_vec()),
        };
        let request = client.post(format!("{address}/v1/{path}")).header("content-type", "application/x-protobuf");
        let response = request.body(body).send().await?;
        ensure!(response.status().is_success(), "/v1/{path}: {}", response.status());
        Ok(())
    }
}
