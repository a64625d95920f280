//! Signs in words: a sentence in both languages, and the SQL that shows the same again.

use crate::behaviour::{Change, Event};
use crate::gap::{Covering, Direction, Edge, Growth};
use crate::names::Name;
use crate::observe::Scene;
use crate::resource::Surprise;
use crate::sign::{Aspect, Sign};
use model::{Bilingual, Entity, EntityKind, UnixNanos};

#[derive(Debug)]
pub(crate) struct Teller<'a> {
    scene: &'a Scene<'a>,
    /// `time` within all ranges of the window.
    within: String,
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Nanoseconds as people read them.
pub(crate) fn duration(ns: f64) -> String {
    match ns {
        ns if ns >= 1e9 => format!("{:.2} s", ns / 1e9),
        ns if ns >= 1e6 => format!("{:.1} ms", ns / 1e6),
        ns => format!("{:.0} µs", ns / 1e3),
    }
}

/// A text in SQL.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// `2026-11-20T16:30:00.000000000Z`
pub(crate) fn instant(time: i64) -> String {
    let time = UnixNanos(time);
    let in_day = time.0.rem_euclid(UnixNanos::DAY);
    let (seconds, nanos) = (in_day / UnixNanos::SECOND, in_day % UnixNanos::SECOND);
    format!("{}T{:02}:{:02}:{:02}.{nanos:09}Z", model::time::date_text(time.day()), seconds / 3600, seconds / 60 % 60, seconds % 60)
}

impl<'a> Teller<'a> {
    pub(crate) fn new(scene: &'a Scene<'a>) -> Self {
        let window = &scene.case.window;
        let ranges = window.reference.iter().chain([&window.current]);
        let within: Vec<String> = ranges.map(|range| format!("(time >= TIMESTAMP '{}' AND time < TIMESTAMP '{}')", instant(range.from.0), instant(range.until.0))).collect();
        Self { scene, within: format!("({})", within.join(" OR ")) }
    }

    fn text(&self, name: Name) -> &'a str {
        self.scene.text(name)
    }

    fn blank(&self, accused: Entity) -> Sign {
        Sign {
            aspect: Aspect::Other,
            accused,
            bits: 0.0,
            since: 0,
            text: Bilingual::default(),
            now: None,
            reference: None,
            unit: "1",
            query: None,
            points: Vec::new(),
            traces: Vec::new(),
            words: Vec::new(),
            cause: None,
        }
    }

    pub(crate) fn behaviour(&self, change: &Change, accused: Name) -> Sign {
        let (service, operation) = (self.text(change.operation.0), self.text(change.operation.1));
        let (before, now) = (percent(change.shift.reference.share()), percent(change.shift.current.share()));
        let (en, zh, query, word) = match change.event {
            Event::Wrote(template) | Event::Failed(template) => {
                let template = self.text(template);
                let error = matches!(change.event, Event::Failed(_));
                (
                    format!("{service} {operation}: the {} \"{template}\" comes in {now} of invocations, before in {before}", if error { "error line" } else { "log line" }),
                    format!("{service} {operation}：{}“{template}”出现在 {now} 的调用中，此前为 {before}", if error { "错误日志" } else { "日志" }),
                    format!(
                        "SELECT date_trunc('minute', time) AS minute, count(DISTINCT trace_id) AS traces FROM logs WHERE service = {} AND body LIKE {}{} AND {} GROUP BY 1 ORDER BY 1",
                        quoted(service), quoted(&like(template)), if error { " AND severity >= 17" } else { "" }, self.within
                    ),
                    template.to_owned(),
                )
            }
            Event::Called((callee, child)) => {
                let (callee, child) = (self.text(callee), self.text(child));
                (
                    format!("{service} {operation}: {callee} {child} is seen in {now} of invocations, before in {before}"),
                    format!("{service} {operation}：{now} 的调用中出现 {callee} {child}，此前为 {before}"),
                    format!(
                        "SELECT date_trunc('minute', p.time) AS minute, count(DISTINCT p.trace_id) AS invocations, count(DISTINCT c.trace_id) AS with_call FROM spans p LEFT JOIN spans c ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id AND c.service = {} AND c.operation = {} WHERE p.service = {} AND p.operation = {} AND {} GROUP BY 1 ORDER BY 1",
                        quoted(callee), quoted(child), quoted(service), quoted(operation), self.within.replace("time >=", "p.time >=").replace("time <", "p.time <")
                    ),
                    child.to_owned(),
                )
            }
        };
        Sign { text: Bilingual::new(en, zh), query: Some(query), words: vec![word], ..self.blank(self.scene.place(accused)) }
    }

    pub(crate) fn gap(&self, covering: &Covering, worst: Edge, growth: &Growth) -> Sign {
        let (caller, callee) = (self.text(worst.0), self.text(worst.1));
        let (now, before) = (duration(growth.now), duration(growth.reference));
        let (count, quiet) = (covering.edges.len(), covering.quiet);
        let (en, zh) = direction_words(covering.direction);
        let spans = &self.scene.trees.spans;
        Sign {
            text: Bilingual::new(
                format!("{caller} waits {now} longer than {callee} works, before {before}; so do {count} edges {en} {}, {quiet} do not", self.text(covering.place)),
                format!("{caller} 等待的时间比 {callee} 处理的时间长 {now}，此前为 {before}；{} {zh} {count} 条边如此，{quiet} 条正常", self.text(covering.place)),
            ),
            unit: "ns",
            query: Some(format!(
                "SELECT date_trunc('minute', c.time) AS minute, approx_percentile_cont(c.duration_ns - s.duration_ns, 0.5) AS gap_ns FROM spans c JOIN spans s ON s.trace_id = c.trace_id AND s.parent_span_id = c.span_id WHERE c.service = {} AND s.service = {} AND {} GROUP BY 1 ORDER BY 1",
                quoted(self.service(worst.0)), quoted(self.service(worst.1)), self.within.replace("time >=", "c.time >=").replace("time <", "c.time <")
            )),
            traces: growth.worst.iter().map(|index| spans[*index as usize].trace).collect(),
            ..self.blank(self.scene.place(covering.place))
        }
    }

    fn service(&self, place: Name) -> &'a str {
        self.text(self.scene.instances.get(&place).copied().unwrap_or(place))
    }

    pub(crate) fn edge(&self, covering: &Covering, worst: Edge) -> Sign {
        let (source, destination) = (self.text(worst.0), self.text(worst.1));
        let (count, quiet) = (covering.edges.len(), covering.quiet);
        let (en, zh) = direction_words(covering.direction);
        Sign {
            text: Bilingual::new(
                format!("between {source} and {destination} time is lost that neither measures as its own; so on {count} edges {en} {}, {quiet} are quiet", self.text(covering.place)),
                format!("{source} 与 {destination} 之间出现双方都未计入的耗时；{} {zh} {count} 条边如此，{quiet} 条正常", self.text(covering.place)),
            ),
            unit: "ns",
            query: Some(format!(
                "SELECT time, name, value FROM metrics WHERE attributes['source'] = {} AND attributes['destination'] = {} AND {} ORDER BY time",
                quoted(source), quoted(destination), self.within
            )),
            ..self.blank(self.scene.place(covering.place))
        }
    }

    pub(crate) fn resource(&self, surprise: &Surprise) -> Sign {
        let series = &self.scene.case.records.series[surprise.series];
        let key = &series.key;
        let metric = self.text(key.metric);
        let of_node = ["node.", "host.", "system.", "k8s.node."].iter().any(|prefix| metric.starts_with(prefix));
        let accused = match (key.node.is_none(), key.instance.is_none()) {
            (false, _) if of_node => Entity::new(EntityKind::Node, self.text(key.node)),
            (_, false) => Entity::new(EntityKind::Instance, self.text(key.instance)),
            _ => Entity::service(self.text(key.service)),
        };
        Sign {
            text: Bilingual::new(
                format!("{metric} of {} is {:.1}, usually {:.1}", accused.name, surprise.now, surprise.usual.median),
                format!("{} 的 {metric} 为 {:.1}，平时为 {:.1}", accused.name, surprise.now, surprise.usual.median),
            ),
            unit: "1",
            query: Some(format!("SELECT time, value FROM metrics WHERE name = {} AND service = {} AND {} ORDER BY time", quoted(metric), quoted(self.text(key.service)), self.within)),
            points: series.points.iter().rev().take(60).rev().copied().collect(),
            words: vec![metric.to_owned()],
            ..self.blank(accused)
        }
    }
}

/// A masked template as a pattern.
fn like(template: &str) -> String {
    format!("%{}%", template.replace('%', "\\%").replace('*', "%"))
}

fn direction_words(direction: Direction) -> (&'static str, &'static str) {
    match direction {
        Direction::In => ("into", "的入向"),
        Direction::Out => ("out of", "的出向"),
        Direction::Both => ("at", "的双向"),
    }
}
