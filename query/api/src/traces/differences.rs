//! `POST /api/v1/traces/differences`: which attribute values are over-represented in a selection of
//! spans against its baseline.
//!
//! All counts are exact and made by SQL: first which keys the selection has, and how many values; then
//! each value of the keys that are no ids, on both sides. The pure crate judges and ranks.

use super::filter::SpanFilter;
use crate::ask::{Rows, instant, literals};
use crate::describe::AnyProblem;
use crate::params::Params;
use crate::window::{DEFAULT_WINDOW, Window, parse_instant};
use crate::{Api, Asker, Problem};
use axum::body::Bytes;
use axum::extract::State;
use axum::{Extension, Json};
use http::Uri;
use model::UnixNanos;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use traces::differences::{KeySize, VALUES_MAX};
use traces::{Counted, Keys, rank};
use utoipa::ToSchema;

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1_000;
/// Resources whose attributes are counted, the most frequent of the selection first, and ids of these
/// in one statement.
const RESOURCES_MAX: usize = 10_000;
const IDS_PER_QUERY: usize = 1_000;

/// The spans to explain, and the spans to compare them with.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DifferencesQuestion {
    /// RFC 3339, Unix nanoseconds or now-15m; an hour before `to` without it.
    from: Option<String>,
    /// Likewise; now without it.
    to: Option<String>,
    /// Spans outside it are on neither side.
    #[serde(default)]
    within: SpanFilter,
    selection: SpanFilter,
    /// All spans within that are not in the selection, without it.
    baseline: Option<SpanFilter>,
    /// 1 to 1000 values; 100 without it.
    limit: Option<usize>,
}

/// Values by what they tell, and how that was found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Differences {
    /// The significant ones first, by the difference of shares; then the others by their statistic.
    items: Vec<ValueDifference>,
    /// Spans on each side.
    selection_count: u64,
    baseline_count: u64,
    /// Values that were tested. `p_adjusted` is `p` times this number (Bonferroni), at most 1.
    tests: usize,
    /// Keys that were left out, and why.
    skipped: Vec<SkippedAttribute>,
    complete: bool,
    incomplete_reason: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ValueDifference {
    /// service, operation, kind, status; attr.KEY; resource.KEY: as filters are written.
    key: String,
    value: String,
    selection_count: u64,
    baseline_count: u64,
    /// Of all spans on that side, 0 to 1.
    selection_share: f64,
    baseline_share: f64,
    /// Two-proportion z statistic; above zero where the value is more frequent in the selection.
    z: f64,
    /// Two-sided, of this value alone: by z, or by Fisher's exact test where counts are small.
    p: f64,
    p_adjusted: f64,
    /// p_adjusted < 0.01
    significant: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct SkippedAttribute {
    key: String,
    why: String,
}

/// Attribute values that set a selection of spans apart from its baseline, with counts and a test.
#[utoipa::path(post, path = "/api/v1/traces/differences", operation_id = "trace_differences", tag = "traces", request_body = DifferencesQuestion,
    responses((status = 200, description = "Values by what they tell.", body = Differences), (status = "default", response = AnyProblem)))]
pub(super) async fn differences(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<Differences>, Problem> {
    Params::read(&uri, &[])?;
    let question: DifferencesQuestion = serde_json::from_slice(&body).map_err(|error| {
        Problem::invalid(format!(
            "the body is not a question: {error}; send {{\"selection\": {{\"service\": \"...\", \"attributes\": \
             {{\"KEY\": \"VALUE\"}}}}}} with baseline, within, from, to and limit where wanted"
        ))
    })?;
    let limit = match question.limit.unwrap_or(LIMIT_DEFAULT) {
        limit @ 1..=LIMIT_MAX => limit,
        other => return Err(Problem::invalid(format!("limit is {other}: an integer from 1 to {LIMIT_MAX}"))),
    };
    let sides = Sides::of(&question, window(&question, api.now())?)?;
    let mut tally = Tally::default();
    let (columns, keys, resources) = futures::join!(
        api.ask(&asker, sides.columns()),
        api.ask(&asker, sides.keys()),
        api.ask(&asker, sides.resource_ids()),
    );
    tally.columns(&columns?)?;
    let chosen = Keys::choose(tally.sizes(&keys?)?, &sides.fixed);
    if !chosen.kept.is_empty() {
        tally.values(&api.ask(&asker, sides.values(&chosen.kept)).await?)?;
    }
    tally.resources(&api, &asker, resources?).await?;
    Ok(Json(tally.judged(&sides, chosen, limit)))
}

fn window(question: &DifferencesQuestion, now: UnixNanos) -> Result<Window, Problem> {
    let at = |name: &str, text: &Option<String>| text.as_ref().map(|t| parse_instant(name, t, now)).transpose();
    let to = at("to", &question.to)?.unwrap_or(UnixNanos(now.0.saturating_add(1)));
    let from = at("from", &question.from)?.unwrap_or(to.saturating_sub(DEFAULT_WINDOW));
    if from >= to {
        return Err(Problem::invalid("from is not before to: give an earlier from or a later to"));
    }
    Ok(Window { from, to })
}

/// Both sides as SQL.
struct Sides {
    /// Spans on either side.
    either: String,
    selection: String,
    baseline: String,
    /// Keys that the selection is made by.
    fixed: Vec<String>,
}

impl Sides {
    fn of(question: &DifferencesQuestion, window: Window) -> Result<Self, Problem> {
        let within = question.within.clone().checked("within.")?;
        let selection = question.selection.clone().checked("selection.")?;
        let fixed = fixed_keys(&selection);
        let selection = format!("({}) IS TRUE", selection.sql());
        let baseline = match &question.baseline {
            Some(baseline) => format!("({}) IS TRUE", baseline.clone().checked("baseline.")?.sql()),
            None => selection.replace(" IS TRUE", " IS NOT TRUE"),
        };
        let time = format!("time >= {} AND time < {}", instant(window.from), instant(window.to));
        let all = if question.baseline.is_some() { format!(" AND ({selection} OR {baseline})") } else { String::new() };
        Ok(Self { either: format!("{time} AND {}{all}", within.sql()), selection, baseline, fixed })
    }

    fn counts(&self) -> String {
        format!(
            "count(*) FILTER (WHERE {}) AS selection, count(*) FILTER (WHERE {}) AS baseline",
            self.selection, self.baseline
        )
    }

    fn columns(&self) -> String {
        let (counts, either) = (self.counts(), &self.either);
        format!(
            "SELECT service, operation, kind, status, {counts} FROM spans WHERE {either} \
             GROUP BY service, operation, kind, status"
        )
    }

    fn resource_ids(&self) -> String {
        let (counts, either) = (self.counts(), &self.either);
        format!(
            "SELECT resource_id, {counts} FROM spans WHERE {either} GROUP BY resource_id \
             ORDER BY selection DESC, baseline DESC, resource_id LIMIT {}",
            RESOURCES_MAX + 1
        )
    }

    /// Keys of the selection, with spans and values.
    fn keys(&self) -> String {
        format!(
            "SELECT e['key'] AS key, count(*) AS spans, approx_distinct(e['value']) AS distinct_values FROM \
             (SELECT unnest(map_entries(attributes)) AS e FROM spans WHERE {} AND {}) GROUP BY e['key']",
            self.either, self.selection
        )
    }

    /// Values that the selection has, on both sides.
    fn values(&self, keys: &[String]) -> String {
        format!(
            "SELECT key, value, sum(s) AS selection, sum(b) AS baseline FROM (SELECT e['key'] AS key, e['value'] AS value, \
             s, b FROM (SELECT unnest(map_entries(attributes)) AS e, CASE WHEN {} THEN 1 ELSE 0 END AS s, \
             CASE WHEN {} THEN 1 ELSE 0 END AS b FROM spans WHERE {}) WHERE e['key'] IN {}) \
             GROUP BY key, value HAVING sum(s) > 0",
            self.selection,
            self.baseline,
            self.either,
            literals(keys.iter().map(String::as_str)),
        )
    }
}

/// The keys of a filter, as the map has them and as answers write them.
fn fixed_keys(filter: &SpanFilter) -> Vec<String> {
    let columns = [
        ("service", &filter.service),
        ("operation", &filter.operation),
        ("kind", &filter.kind),
        ("status", &filter.status),
    ];
    let columns = columns.into_iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name.to_owned());
    let resource = filter.resource.keys().map(|key| format!("resource.{key}"));
    columns.chain(filter.attributes.keys().cloned()).chain(resource).collect()
}

/// Counts as they come in.
#[derive(Default)]
struct Tally {
    selection: u64,
    baseline: u64,
    /// By key and value.
    counts: BTreeMap<(String, String), (u64, u64)>,
    /// Keys of resources and columns that were left out.
    skipped: Vec<SkippedAttribute>,
    reasons: Vec<String>,
}

impl Tally {
    fn add(&mut self, key: &str, value: &str, (selection, baseline): (u64, u64)) {
        let count = self.counts.entry((key.to_owned(), value.to_owned())).or_default();
        *count = (count.0 + selection, count.1 + baseline);
    }

    fn checked(&mut self, rows: &Rows) {
        if !rows.complete {
            self.reasons.extend(rows.incomplete_reason.clone());
        }
    }

    fn columns(&mut self, rows: &Rows) -> Result<(), Problem> {
        self.checked(rows);
        for row in rows.iter() {
            let counts = counts(row)?;
            self.selection += counts.0;
            self.baseline += counts.1;
            for name in ["service", "operation", "kind", "status"] {
                self.add(name, row.text(name)?, counts);
            }
        }
        Ok(())
    }

    fn sizes(&mut self, rows: &Rows) -> Result<Vec<KeySize>, Problem> {
        self.checked(rows);
        let number = |row: crate::ask::Row<'_>, name: &str| row.int(name).map(i64::unsigned_abs);
        rows.iter()
            .map(|row| {
                let (spans, distinct) = (number(row, "spans")?, number(row, "distinct_values")?);
                Ok(KeySize { key: row.text("key")?.to_owned(), spans, distinct })
            })
            .collect()
    }

    fn values(&mut self, rows: &Rows) -> Result<(), Problem> {
        self.checked(rows);
        for row in rows.iter() {
            self.add(&format!("attr.{}", row.text("key")?), row.text("value")?, counts(row)?);
        }
        Ok(())
    }

    /// Counts by resource become counts by attribute of resources.
    async fn resources(&mut self, api: &Api, asker: &Asker, rows: Rows) -> Result<(), Problem> {
        self.checked(&rows);
        if rows.len() > RESOURCES_MAX {
            self.reasons.push(format!("resource attributes are those of the {RESOURCES_MAX} most frequent resources"));
        }
        let mut by_id: HashMap<String, (u64, u64)> = HashMap::new();
        for row in rows.iter().take(RESOURCES_MAX) {
            by_id.insert(row.text("resource_id")?.to_owned(), counts(row)?);
        }
        let ids: Vec<String> = by_id.keys().cloned().collect();
        for ids in ids.chunks(IDS_PER_QUERY) {
            let among = literals(ids.iter().map(String::as_str));
            // A resource is written anew each day and at each start: any one row of it says all.
            let sql = format!("SELECT resource_id, attributes FROM resources WHERE resource_id IN {among}");
            let found = api.ask(asker, sql).await?;
            self.checked(&found);
            for row in found.iter() {
                let Some(counts) = by_id.remove(row.text("resource_id")?) else { continue };
                for (key, value) in crate::traces::read::first_values(row, "attributes")? {
                    self.add(&format!("resource.{key}"), &value, counts);
                }
            }
        }
        Ok(())
    }

    fn judged(mut self, sides: &Sides, chosen: Keys, limit: usize) -> Differences {
        let counted = self.counted(sides);
        let ranking = rank(counted, self.selection, self.baseline);
        let skipped =
            chosen.skipped.into_iter().map(|s| SkippedAttribute { key: format!("attr.{}", s.key), why: s.why });
        let skipped = skipped.chain(std::mem::take(&mut self.skipped)).collect();
        let items: Vec<ValueDifference> = ranking.differences.into_iter().take(limit).map(answer).collect();
        Differences {
            items,
            selection_count: self.selection,
            baseline_count: self.baseline,
            tests: ranking.tests,
            skipped,
            complete: self.reasons.is_empty(),
            incomplete_reason: (!self.reasons.is_empty()).then(|| self.reasons.join("; ")),
        }
    }

    /// What is tested: values of the selection, of each key the most frequent ones; of columns and
    /// resources only keys that are no ids and not what the selection is made by.
    fn counted(&mut self, sides: &Sides) -> Vec<Counted> {
        let mut by_key: BTreeMap<String, Vec<Counted>> = BTreeMap::new();
        for ((key, value), (selection, baseline)) in std::mem::take(&mut self.counts) {
            if selection > 0 {
                let counted = Counted { key: key.clone(), value, selection, baseline };
                by_key.entry(key).or_default().push(counted);
            }
        }
        let unjudged = |key: &&String| !key.starts_with("attr.");
        let sizes = by_key.iter().filter(|(key, _)| unjudged(key)).map(|(key, values)| KeySize {
            key: key.clone(),
            spans: values.iter().map(|v| v.selection).sum(),
            distinct: values.len() as u64,
        });
        let chosen = Keys::choose(sizes.collect(), &sides.fixed);
        self.skipped.extend(chosen.skipped.into_iter().map(|s| SkippedAttribute { key: s.key, why: s.why }));
        let mut counted = Vec::new();
        for (key, mut values) in by_key {
            if !key.starts_with("attr.") && !chosen.kept.contains(&key) {
                continue;
            }
            values.sort_by(|a, b| b.selection.cmp(&a.selection).then_with(|| a.value.cmp(&b.value)));
            values.truncate(VALUES_MAX);
            counted.extend(values);
        }
        counted
    }
}

fn counts(row: crate::ask::Row<'_>) -> Result<(u64, u64), Problem> {
    Ok((row.int("selection")?.unsigned_abs(), row.int("baseline")?.unsigned_abs()))
}

fn answer(difference: traces::Difference) -> ValueDifference {
    let traces::Difference { counted, selection_share, baseline_share, z, p, p_adjusted, significant } = difference;
    ValueDifference {
        key: counted.key,
        value: counted.value,
        selection_count: counted.selection,
        baseline_count: counted.baseline,
        selection_share,
        baseline_share,
        z,
        p,
        p_adjusted,
        significant,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(question: &str) -> Result<Sides, String> {
        let question: DifferencesQuestion = serde_json::from_str(question).map_err(|error| error.to_string())?;
        let window = window(&question, UnixNanos(10_000_000_000_000)).map_err(|p| p.detail().to_owned())?;
        Sides::of(&question, window).map_err(|p| p.detail().to_owned())
    }

    #[test]
    fn the_baseline_is_the_rest_unless_it_is_given() {
        let rest = sides(r#"{"selection": {"status": "error", "attributes": {"lane": "x"}}}"#).unwrap();
        assert_eq!(rest.selection, "(status = 'error' AND attributes['lane'] = 'x') IS TRUE");
        assert_eq!(rest.baseline, "(status = 'error' AND attributes['lane'] = 'x') IS NOT TRUE");
        assert_eq!(rest.fixed, ["status", "lane"]);
        let given = sides(
            r#"{"within": {"service": "pay"}, "selection": {"kind": "server"}, "baseline": {"kind": "client"}, "from": "1", "to": "9"}"#,
        )
        .unwrap();
        assert!(given.either.contains("service = 'pay' AND ((kind = 'server') IS TRUE OR (kind = 'client') IS TRUE)"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_its_place() {
        for (question, says) in [
            (r#"{"selection": {"status": "eror"}}"#, "selection.status is \"eror\": did you mean \"error\"?"),
            (r#"{"selection": {}, "baseline": {"kind": "x"}}"#, "baseline.kind"),
            (r#"{"selection": {}, "from": "9", "to": "5"}"#, "from is not before to"),
            (r#"{"selection": {"servce": "a"}}"#, "unknown field `servce`"),
            (r#"{}"#, "selection"),
        ] {
            let said = sides(question).err().unwrap();
            assert!(said.contains(says), "{said}");
        }
    }

    #[test]
    fn counts_of_one_value_add_up_and_ids_of_resources_are_left_out() {
        let sides = sides(r#"{"selection": {"service": "pay"}}"#).unwrap();
        let mut tally = Tally { selection: 100, baseline: 1_000, ..Tally::default() };
        tally.add("service", "pay", (100, 0));
        tally.add("status", "error", (90, 10));
        tally.add("status", "unset", (10, 990));
        for pod in 0..100 {
            tally.add("resource.k8s.pod.name", &format!("pod-{pod}"), (1, 0));
            tally.add("resource.k8s.node.name", &format!("node-{}", pod % 2), (1, 10));
        }
        let answer = tally.judged(&sides, Keys::default(), 10);
        let first = &answer.items[0];
        assert_eq!((first.key.as_str(), first.value.as_str(), first.selection_count), ("status", "error", 90));
        assert!(first.significant && answer.items.iter().all(|d| d.key != "service"));
        let skipped: Vec<_> = answer.skipped.iter().map(|s| s.key.as_str()).collect();
        assert_eq!(skipped, ["resource.k8s.pod.name", "service"]);
        let node = answer.items.iter().find(|d| d.value == "node-0").unwrap();
        assert_eq!((node.selection_count, node.baseline_count), (50, 500));
    }
}
