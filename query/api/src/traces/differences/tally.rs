//! Counts as they come in from the workers, and what they say in the end.

use super::sides::{RESOURCES_MAX, Sides};
use super::{Differences, SkippedAttribute, ValueDifference};
use crate::ask::{Row, Rows, literals};
use crate::traces::read::first_values;
use crate::{Api, Asker, Problem};
use std::collections::{BTreeMap, HashMap};
use traces::differences::{KeySize, VALUES_MAX};
use traces::{Counted, Keys, rank};

/// Spans of the selection, every attribute of which is counted.
const SELECTION_SPANS_MAX: u64 = 300_000;
/// Spans on both sides together.
const SPANS_MAX: u64 = 3_000_000;
/// Resource ids in one statement.
const IDS_PER_QUERY: usize = 1_000;

/// Counts as they come in.
#[derive(Default)]
pub(super) struct Tally {
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

    pub(super) fn columns(&mut self, rows: &Rows) -> Result<(), Problem> {
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

    /// Refuses what would take apart more spans than a query has time for.
    pub(super) fn few_enough(&self) -> Result<(), Problem> {
        let sides = [
            ("the selection has", self.selection, SELECTION_SPANS_MAX),
            ("selection and baseline have", self.selection.saturating_add(self.baseline), SPANS_MAX),
        ];
        match sides.into_iter().find(|(_, spans, max)| spans > max) {
            None => Ok(()),
            Some((what, spans, max)) => Err(Problem::new(
                http::StatusCode::UNPROCESSABLE_ENTITY,
                "too-many-spans",
                "The question compares too much",
                format!(
                    "{what} {spans} spans; at most {max} are compared: narrow from and to, or add conditions to within"
                ),
            )),
        }
    }

    pub(super) fn sizes(&mut self, rows: &Rows) -> Result<Vec<KeySize>, Problem> {
        self.checked(rows);
        let number = |row: Row<'_>, name: &str| row.int(name).map(i64::unsigned_abs);
        rows.iter()
            .map(|row| {
                let (spans, distinct) = (number(row, "spans")?, number(row, "distinct_values")?);
                Ok(KeySize { key: row.text("key")?.to_owned(), spans, distinct })
            })
            .collect()
    }

    pub(super) fn values(&mut self, rows: &Rows) -> Result<(), Problem> {
        self.checked(rows);
        for row in rows.iter() {
            self.add(&format!("attr.{}", row.text("key")?), row.text("value")?, counts(row)?);
        }
        Ok(())
    }

    /// Counts by resource become counts by attribute of resources.
    pub(super) async fn resources(&mut self, api: &Api, asker: &Asker, rows: Rows) -> Result<(), Problem> {
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
                for (key, value) in first_values(row, "attributes")? {
                    self.add(&format!("resource.{key}"), &value, counts);
                }
            }
        }
        Ok(())
    }

    pub(super) fn judged(mut self, sides: &Sides, chosen: Keys, limit: usize) -> Differences {
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

fn counts(row: Row<'_>) -> Result<(u64, u64), Problem> {
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

    #[test]
    fn counts_of_one_value_add_up_and_ids_of_resources_are_left_out() {
        let question = serde_json::from_str(r#"{"selection": {"service": "pay"}}"#).unwrap();
        let window = crate::window::Window { from: model::UnixNanos(0), to: model::UnixNanos(9) };
        let sides = Sides::of(&question, window).unwrap();
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

    #[test]
    fn more_spans_than_can_be_taken_apart_are_refused_with_what_would_be_right() {
        let tally = |selection, baseline| Tally { selection, baseline, ..Tally::default() };
        assert_eq!(tally(SELECTION_SPANS_MAX, SPANS_MAX - SELECTION_SPANS_MAX).few_enough(), Ok(()));
        for (tally, says) in [
            (tally(SELECTION_SPANS_MAX + 1, 0), "the selection has 300001 spans; at most 300000"),
            (tally(1, SPANS_MAX), "selection and baseline have 3000001 spans; at most 3000000"),
        ] {
            let problem = tally.few_enough().unwrap_err();
            assert_eq!(problem.status(), 422);
            assert!(problem.detail().contains(says) && problem.detail().contains("within"), "{problem:?}");
        }
    }
}
