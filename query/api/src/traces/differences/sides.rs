//! Selection and baseline as SQL: conditions, and the statements that count both at once.

use super::DifferencesQuestion;
use crate::Problem;
use crate::ask::{instant, literals};
use crate::traces::filter::SpanFilter;
use crate::window::{DEFAULT_WINDOW, Window, parse_instant};
use model::UnixNanos;

/// Resources whose attributes are counted, the most frequent of the selection first.
pub(super) const RESOURCES_MAX: usize = 10_000;

pub(super) fn window(question: &DifferencesQuestion, now: UnixNanos) -> Result<Window, Problem> {
    let at = |name: &str, text: &Option<String>| text.as_ref().map(|t| parse_instant(name, t, now)).transpose();
    let to = at("to", &question.to)?.unwrap_or(UnixNanos(now.0.saturating_add(1)));
    let from = at("from", &question.from)?.unwrap_or(to.saturating_sub(DEFAULT_WINDOW));
    if from >= to {
        return Err(Problem::invalid("from is not before to: give an earlier from or a later to"));
    }
    Ok(Window { from, to })
}

/// Both sides as SQL.
pub(super) struct Sides {
    /// Spans on either side.
    either: String,
    selection: String,
    baseline: String,
    /// Keys that the selection is made by.
    pub(super) fixed: Vec<String>,
}

impl Sides {
    pub(super) fn of(question: &DifferencesQuestion, window: Window) -> Result<Self, Problem> {
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

    pub(super) fn columns(&self) -> String {
        let (counts, either) = (self.counts(), &self.either);
        format!(
            "SELECT service, operation, kind, status, {counts} FROM spans WHERE {either} \
             GROUP BY service, operation, kind, status"
        )
    }

    pub(super) fn resource_ids(&self) -> String {
        let (counts, either) = (self.counts(), &self.either);
        format!(
            "SELECT resource_id, {counts} FROM spans WHERE {either} GROUP BY resource_id \
             ORDER BY selection DESC, baseline DESC, resource_id LIMIT {}",
            RESOURCES_MAX + 1
        )
    }

    /// Keys of the selection, with spans and values.
    pub(super) fn keys(&self) -> String {
        format!(
            "SELECT e['key'] AS key, count(*) AS spans, approx_distinct(e['value']) AS distinct_values FROM \
             (SELECT unnest(map_entries(attributes)) AS e FROM spans WHERE {} AND {}) GROUP BY e['key']",
            self.either, self.selection
        )
    }

    /// Values that the selection has, on both sides.
    pub(super) fn values(&self, keys: &[String]) -> String {
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
}
