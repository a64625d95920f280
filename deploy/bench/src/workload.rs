//! The bytes that are replayed: frames of a workload file, or generated ones, and what is true of them.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use prost::Message;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Signal {
    Spans,
    Logs,
    Points,
}

impl Signal {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Signal::Spans => "/v1/traces",
            Signal::Logs => "/v1/logs",
            Signal::Points => "/v1/metrics",
        }
    }

    pub(crate) fn table(self) -> &'static str {
        match self {
            Signal::Spans => "spans",
            Signal::Logs => "logs",
            Signal::Points => "metrics",
        }
    }
}

/// A request body and the number of items in it.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) body: Bytes,
    pub(crate) items: u64,
}

/// Requests of one signal, in the order they are sent.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) signal: Signal,
    source: Source,
    pub(crate) items: u64,
    pub(crate) bytes: u64,
}

type Make = Box<dyn Fn(u64) -> Frame + Send + Sync>;

enum Source {
    Memory(Vec<Frame>),
    /// How many, and each anew.
    Made(u64, Make),
    /// Offset, length and items of each frame.
    File(File, Vec<(u64, u32, u32)>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory(_) => "Memory",
            Self::Made(..) => "Made",
            Self::File(..) => "File",
        })
    }
}

/// Frames that tell how large all are.
const WEIGHED: u64 = 64;

impl Workload {
    /// Frames that `make` gives, the same for the same number. Their bytes are those of some, times all.
    pub(crate) fn made(signal: Signal, frames: u64, make: Make) -> Self {
        let weighed: Vec<Frame> = (0..WEIGHED).map(|n| make(n * frames / WEIGHED)).collect();
        let all = |of: fn(&Frame) -> u64| weighed.iter().map(of).sum::<u64>() * frames / WEIGHED;
        let (items, bytes) = (all(|frame| frame.items), all(|frame| frame.body.len() as u64));
        Self { signal, source: Source::Made(frames, make), items, bytes }
    }

    pub(crate) fn generated(signal: Signal, frames: Vec<Frame>) -> Self {
        let items = frames.iter().map(|f| f.items).sum();
        let bytes = frames.iter().map(|f| f.body.len() as u64).sum();
        Self { signal, source: Source::Memory(frames), items, bytes }
    }

    /// A file of frames: u32 LE body length, u32 LE span count, body. A folder stands for its `traces.otlp`.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let path: PathBuf = if path.is_dir() { path.join("traces.otlp") } else { path.to_owned() };
        let file = File::open(&path).with_context(|| format!("opening the workload {}", path.display()))?;
        let length = file.metadata()?.len();
        let (mut frames, mut at) = (Vec::new(), 0);
        while at < length {
            let mut head = [0; 8];
            file.read_exact_at(&mut head, at)
                .with_context(|| format!("{}: a torn frame at byte {at}", path.display()))?;
            let (size, items) = head.split_at(4);
            let (size, items) = (u32_le(size), u32_le(items));
            ensure!(
                at + 8 + u64::from(size) <= length,
                "{}: the frame at byte {at} is longer than the file",
                path.display()
            );
            frames.push((at + 8, size, items));
            at += 8 + u64::from(size);
        }
        let items = frames.iter().map(|f| u64::from(f.2)).sum();
        let bytes = frames.iter().map(|f| u64::from(f.1)).sum();
        Ok(Self { signal: Signal::Spans, source: Source::File(file, frames), items, bytes })
    }

    pub(crate) fn len(&self) -> usize {
        match &self.source {
            Source::Memory(frames) => frames.len(),
            Source::Made(frames, _) => *frames as usize,
            Source::File(_, frames) => frames.len(),
        }
    }

    pub(crate) fn frame(&self, i: usize) -> Result<Frame> {
        match &self.source {
            Source::Memory(frames) => Ok(frames[i].clone()),
            Source::Made(_, make) => Ok(make(i as u64)),
            Source::File(file, frames) => {
                let (at, size, items) = frames[i];
                let mut body = vec![0; size as usize];
                file.read_exact_at(&mut body, at).context("reading a frame of the workload")?;
                Ok(Frame { body: body.into(), items: u64::from(items) })
            }
        }
    }

    pub(crate) fn bytes_per_item(&self) -> f64 {
        self.bytes as f64 / self.items.max(1) as f64
    }
}

fn u32_le(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |n, b| (n << 8) | u32::from(*b))
}

/// What is true of a workload of spans, found by decoding it whole with a decoder that is not ours.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// Durations and number of errors by service.
    pub(crate) services: BTreeMap<String, (Vec<i64>, u64)>,
    /// Spans of some traces, taken at even distances.
    pub(crate) traces: Vec<(String, u64)>,
    /// Spans of some orders.
    pub(crate) orders: Vec<(String, u64)>,
    /// Start times of the spans of the busiest (service, `http.route`).
    pub(crate) routed: Option<Routed>,
}

/// The spans of one service with one value of `http.route`.
#[derive(Debug)]
pub(crate) struct Routed {
    pub(crate) service: String,
    pub(crate) route: String,
    /// Ascending.
    pub(crate) starts: Vec<i64>,
}

/// How many traces and orders are remembered for look-ups.
const SAMPLES: usize = 20;

impl Truth {
    pub(crate) fn of(workload: &Workload) -> Result<Self> {
        let mut truth = Self::default();
        let (mut traces, mut orders) = (BTreeMap::<Vec<u8>, u64>::new(), BTreeMap::<String, u64>::new());
        let mut routed = BTreeMap::<(String, String), Vec<i64>>::new();
        for i in 0..workload.len() {
            let request = ExportTraceServiceRequest::decode(workload.frame(i)?.body)
                .context("decoding a frame of the workload")?;
            for resource in request.resource_spans {
                let attributes = resource.resource.map(|r| r.attributes).unwrap_or_default();
                let service = text_of(&attributes, "service.name").unwrap_or_default().to_owned();
                let of = truth.services.entry(service.clone()).or_default();
                for span in resource.scope_spans.into_iter().flat_map(|s| s.spans) {
                    of.0.push(span.end_time_unix_nano as i64 - span.start_time_unix_nano as i64);
                    of.1 += u64::from(span.status.as_ref().is_some_and(|s| s.code == 2));
                    if let Some(route) = text_of(&span.attributes, "http.route") {
                        routed
                            .entry((service.clone(), route.to_owned()))
                            .or_default()
                            .push(span.start_time_unix_nano as i64);
                    }
                    if let Some(order) = text_of(&span.attributes, ORDER_KEY) {
                        *orders.entry(order.to_owned()).or_default() += 1;
                    }
                    *traces.entry(span.trace_id).or_default() += 1;
                }
            }
        }
        truth.traces = sample(traces).into_iter().map(|(id, n)| (hex::encode(id), n)).collect();
        truth.orders = sample(orders);
        for (durations, _) in truth.services.values_mut() {
            durations.sort_unstable();
        }
        truth.routed =
            routed.into_iter().max_by_key(|(_, starts)| starts.len()).map(|((service, route), mut starts)| {
                starts.sort_unstable();
                Routed { service, route, starts }
            });
        Ok(truth)
    }
}

/// The attribute that holds the order number, in the workload file and in the generated one.
pub(crate) const ORDER_KEY: &str = "app.order.id";

fn sample<K>(all: BTreeMap<K, u64>) -> Vec<(K, u64)> {
    let step = (all.len() / SAMPLES).max(1);
    all.into_iter().step_by(step).take(SAMPLES).collect()
}

fn text_of<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match attributes.iter().find(|kv| kv.key == key)?.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn frames_of_a_file_are_found_and_a_torn_one_is_refused() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for (body, items) in [(&b"abc"[..], 2u32), (b"", 0), (b"defgh", 7)] {
            file.write_all(&(body.len() as u32).to_le_bytes()).unwrap();
            file.write_all(&items.to_le_bytes()).unwrap();
            file.write_all(body).unwrap();
        }
        let workload = Workload::open(file.path()).unwrap();
        assert_eq!((workload.len(), workload.items, workload.bytes), (3, 9, 8));
        assert_eq!(&workload.frame(2).unwrap().body[..], b"defgh");
        file.write_all(&[9, 0, 0, 0, 1, 0, 0, 0, b'x']).unwrap();
        assert!(Workload::open(file.path()).is_err());
    }
}
