//! Behaviour: what an operation does each time it runs. It finds returns too early and exceptions, also
//! those that somebody swallowed.
//!
//! The unit is (service, operation, trace), and once more by the operation that it calls first: where one
//! operation serves many routes, the first call tells them apart. Its events are the log templates, error templates and calls
//! that were seen in it. Rates are per own invocation and never per traffic, so that a caller that calls
//! less, or a surge, changes nothing. Events that are no errors are compared among units of traces in
//! which the service logged no error: an error's wake is no behaviour of its own.

mod count;
mod weigh;

use crate::detect::error;
use crate::names::Name;
use crate::scene::Scene;
use crate::sign::{Aspect, Sign};
use crate::statistic::bits;
use crate::tell::{Teller, like, percent, quoted};
use count::{Behaviour, Change, Event, Operation};
use model::Bilingual;
use weigh::{BRANCH_WEIGHT, Weighed, weigh};

/// What healthy data reaches.
const LEVEL: f64 = 4.0;

/// Changes of behaviour beyond the level.
pub(super) fn signs(scene: &Scene<'_>, teller: &Teller<'_>) -> Vec<Sign> {
    let counted = Behaviour::count(&scene.trees, &scene.case.records.logs, &scene.slots);
    let weighed = weigh(counted.changes(&scene.slots), |template, service| named(scene, template, service));
    weighed.iter().filter(|weighed| weighed.score >= LEVEL).map(|weighed| sign(scene, teller, weighed)).collect()
}

/// The one other service that a template names.
pub(in crate::detect) fn named(scene: &Scene<'_>, template: Name, own: Name) -> Option<Name> {
    const NAME_BYTES_MIN: usize = 4;
    let text = scene.text(template);
    let is_named = |service: &&Name| {
        **service != own && scene.text(**service).len() >= NAME_BYTES_MIN && text.contains(scene.text(**service))
    };
    let mut others = scene.services.iter().filter(is_named);
    let only = others.next()?;
    others.next().is_none().then_some(*only)
}

fn sign(scene: &Scene<'_>, teller: &Teller<'_>, weighed: &Weighed) -> Sign {
    let change = &weighed.change;
    let (text, query, word) = match change.event {
        Event::Wrote(template) | Event::Failed(template) => line(scene, teller, change, template),
        Event::Called(callee) => call(scene, teller, change, callee),
    };
    let aspect = match change.event {
        Event::Called(callee) if callee.0 != change.unit.service => Aspect::Silence,
        Event::Failed(_) => Aspect::ErrorLog,
        _ => Aspect::Behaviour,
    };
    let telling = matches!(change.event, Event::Failed(_)).then(|| error::cause(&[word.to_owned()])).flatten();
    Sign {
        cause: telling,
        bits: bits(weighed.score, LEVEL) * if weighed.asked_otherwise { BRANCH_WEIGHT } else { 1.0 },
        since: scene.slots.start(change.shift.split),
        now: Some(change.shift.current.share()),
        reference: Some(change.shift.reference.share()),
        query: Some(query),
        words: vec![word.to_owned()],
        ..Sign::new(aspect, scene.place(weighed.accused), text)
    }
}

fn line<'a>(scene: &Scene<'a>, teller: &Teller<'_>, change: &Change, template: Name) -> (Bilingual, String, &'a str) {
    let (service, operation, line) =
        (scene.text(change.unit.service), scene.text(change.unit.operation), scene.text(template));
    let (before, now) = (percent(change.shift.reference.share()), percent(change.shift.current.share()));
    let error = matches!(change.event, Event::Failed(_));
    let (en, zh, severe) =
        if error { ("error line", "错误日志", " AND severity >= 17") } else { ("log line", "日志", "") };
    let text = Bilingual::new(
        format!("{service} {operation}: the {en} \"{line}\" comes in {now} of invocations, before in {before}"),
        format!("{service} {operation}：{zh}“{line}”出现在 {now} 的调用中，此前为 {before}"),
    );
    let query = format!(
        "SELECT date_trunc('minute', time) AS minute, count(DISTINCT trace_id) AS traces FROM logs WHERE service = {} AND body LIKE {}{severe} AND {} GROUP BY 1 ORDER BY 1",
        quoted(service),
        like(line),
        teller.within("time")
    );
    (text, query, line)
}

fn call<'a>(
    scene: &Scene<'a>,
    teller: &Teller<'_>,
    change: &Change,
    callee: Operation,
) -> (Bilingual, String, &'a str) {
    let (service, operation) = (scene.text(change.unit.service), scene.text(change.unit.operation));
    let (target, child) = (scene.text(callee.0), scene.text(callee.1));
    let (before, now) = (percent(change.shift.reference.share()), percent(change.shift.current.share()));
    let (route_en, route_zh) = match scene.text(change.unit.route) {
        "" => (String::new(), String::new()),
        route => (format!(" that begin with {route}"), format!("以 {route} 开始的")),
    };
    let text = Bilingual::new(
        format!(
            "{service} {operation}: {target} {child} follows in {now} of invocations{route_en}, before in {before}"
        ),
        format!("{service} {operation}：{route_zh}调用中有 {now} 出现 {target} {child}，此前为 {before}"),
    );
    let query = format!(
        "SELECT date_trunc('minute', p.time) AS minute, count(DISTINCT p.trace_id) AS invocations, count(DISTINCT c.trace_id) AS with_it \
         FROM spans p LEFT JOIN spans c ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id AND c.service = {} AND c.operation = {} \
         WHERE p.service = {} AND p.operation = {} AND {} GROUP BY 1 ORDER BY 1",
        quoted(target),
        quoted(child),
        quoted(service),
        quoted(operation),
        teller.within("p.time")
    );
    (text, query, child)
}
