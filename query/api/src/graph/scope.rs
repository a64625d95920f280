//! What a question about the graph is limited to, and the same as SQL conditions.

use crate::Problem;
use crate::ask::literal;
use crate::params::Params;

/// Attribute filters of one question.
const ATTRIBUTES_MAX: usize = 16;
/// Longest key or value of a filter, in bytes.
const TEXT_BYTES_MAX: usize = 1_024;

/// The parameters that every such question takes.
pub(super) const SCOPE: [&str; 3] = ["environment", "namespace", "lane"];

/// A part of the estate. None means all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Scope {
    environment: Option<String>,
    namespace: Option<String>,
    lane: Option<String>,
    /// Key and value; a trace belongs when some span of it says each of them.
    attributes: Vec<(String, String)>,
}

impl Scope {
    /// Reads the parameters [`SCOPE`], and the filters of `family` (`attr.`).
    pub(super) fn read(params: &Params, family: &str) -> Result<Self, Problem> {
        let own = |name: &str| params.get(name).map(str::to_owned);
        let attributes: Vec<(String, String)> =
            params.family(family).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        if attributes.len() > ATTRIBUTES_MAX {
            let count = attributes.len();
            return Err(Problem::invalid(format!("{count} filters {family}K=V: at most {ATTRIBUTES_MAX}")));
        }
        for (key, value) in &attributes {
            if key.len().max(value.len()) > TEXT_BYTES_MAX {
                let longest = key.len().max(value.len());
                return Err(Problem::invalid(format!(
                    "a filter {family}K=V has a key or value of {longest} bytes: at most {TEXT_BYTES_MAX}"
                )));
            }
        }
        Ok(Self { environment: own("environment"), namespace: own("namespace"), lane: own("lane"), attributes })
    }

    /// Whether rollups cannot tell: they have no attributes.
    pub(super) fn needs_spans(&self) -> bool {
        !self.attributes.is_empty()
    }

    /// As conditions on rows of `red` or `service_edges`, each after an AND.
    pub(super) fn on_rollups(&self) -> String {
        let columns = [("environment", &self.environment), ("namespace", &self.namespace), ("lane", &self.lane)];
        let conditions = columns.into_iter().filter_map(|(column, value)| Some((column, value.as_ref()?)));
        conditions.map(|(column, value)| format!(" AND {column} = {}", literal(value))).collect()
    }

    /// The same where the lane is that of the caller: what left it is to be found.
    pub(super) fn on_callers(&self) -> String {
        let lane = self.lane.as_ref().map(|lane| format!(" AND caller_lane = {}", literal(lane)));
        self.without_lane().on_rollups() + &lane.unwrap_or_default()
    }

    /// Both limits at once.
    pub(super) fn and(&self, other: &Self) -> Self {
        let attributes = [self.attributes.as_slice(), &other.attributes].concat();
        Self { attributes, ..self.clone() }
    }

    pub(super) fn without_lane(&self) -> Self {
        Self { lane: None, ..self.clone() }
    }

    pub(super) fn lane(&self) -> Option<&str> {
        self.lane.as_deref()
    }

    /// As conditions on rows of spans under `alias`, each after an AND; attributes apart, see
    /// [`Scope::traces`].
    pub(super) fn on_spans(&self, alias: &str, lane_keys: &[String]) -> String {
        let mut conditions = String::new();
        for (key, value) in [("deployment.environment.name", &self.environment), ("service.namespace", &self.namespace)]
        {
            if let Some(value) = value {
                let held = format!("COALESCE({alias}.resource[{}], '')", literal(key));
                conditions.push_str(&format!(" AND {held} = {}", literal(value)));
            }
        }
        if let Some(lane) = &self.lane {
            conditions.push_str(&format!(" AND {} = {}", lane_of(alias, lane_keys), literal(lane)));
        }
        conditions
    }

    /// The traces (their column `id` as `trace`) that say all of the attributes within `window`; none where
    /// nothing is asked of them.
    pub(super) fn traces(&self, id: &str, window: &str) -> Option<String> {
        let each: Vec<String> = self.each("").collect();
        let any = each.join(" OR ");
        let all: Vec<String> = each.iter().map(|one| format!("MAX(CASE WHEN {one} THEN 1 ELSE 0 END) = 1")).collect();
        let all = all.join(" AND ");
        match each.as_slice() {
            [] => None,
            [only] => Some(format!("SELECT DISTINCT {id} AS trace FROM spans WHERE {window} AND {only}")),
            _ => Some(format!("SELECT {id} AS trace FROM spans WHERE {window} AND ({any}) GROUP BY {id} HAVING {all}")),
        }
    }

    /// Which of the attributes the span `c` says within `window`, as bits; none where nothing is asked of them.
    pub(super) fn says(&self, window: &str) -> Option<String> {
        let bit = |(at, says): (usize, String)| format!("CASE WHEN {says} THEN {} ELSE 0 END", 1_u32 << at);
        let bits: Vec<String> = self.each("c.").enumerate().map(bit).collect();
        (!bits.is_empty()).then(|| format!("CASE WHEN {window} THEN {} ELSE 0 END", bits.join(" + ")))
    }

    /// The bits of all attributes.
    pub(super) fn wanted(&self) -> u32 {
        (1 << self.attributes.len()) - 1
    }

    /// That a span says it, for each of the attributes; `of` goes before the columns.
    fn each(&self, of: &str) -> impl Iterator<Item = String> {
        self.attributes.iter().map(move |(key, value)| {
            let (key, value) = (literal(key), literal(value));
            format!("({of}attributes[{key}] = {value} OR {of}resource[{key}] = {value})")
        })
    }
}

/// The lane of a span: the first key that it, or else its resource, says.
pub(super) fn lane_of(alias: &str, keys: &[String]) -> String {
    let said = |map: &'static str| keys.iter().map(move |key| format!("NULLIF({alias}.{map}[{}], '')", literal(key)));
    let all: Vec<String> = said("attributes").chain(said("resource")).collect();
    if all.is_empty() { "''".into() } else { format!("COALESCE({}, '')", all.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(query: &str) -> Result<Scope, Problem> {
        let uri = format!("/x?{query}").parse().unwrap();
        let params = Params::read(&uri, &["environment", "namespace", "lane", "attr.*"]).unwrap();
        Scope::read(&params, "attr.")
    }

    #[test]
    fn rollups_are_filtered_by_their_columns_and_values_cannot_leave_their_literals() {
        let scope = scope("environment=prod&lane=it%27s").unwrap();
        assert!(!scope.needs_spans());
        assert_eq!(scope.on_rollups(), " AND environment = 'prod' AND lane = 'it''s'");
    }

    #[test]
    fn a_trace_belongs_when_its_spans_say_all_of_the_attributes() {
        let scope = scope("attr.tenant.id=t1&attr.lane=canary").unwrap();
        assert!(scope.needs_spans());
        assert_eq!(scope.on_spans("c", &[]), "");
        let sql = scope.traces("trace_id", "time < 9").unwrap();
        assert!(sql.contains("trace_id AS trace FROM spans WHERE time < 9 AND ("), "{sql}");
        assert_eq!(sql.matches(" = 1").count(), 2, "{sql}");
        assert!(sql.contains("attributes['tenant.id'] = 't1' OR resource['tenant.id'] = 't1'"), "{sql}");
        let says = scope.says("c.time < 9").unwrap();
        assert!(says.starts_with("CASE WHEN c.time < 9 THEN CASE WHEN (c.attributes['tenant.id'] = 't1'"), "{says}");
        assert!(says.contains(" THEN 1 ELSE 0 END + CASE WHEN ") && says.contains(" THEN 2 ELSE 0 END"), "{says}");
        assert_eq!(scope.wanted(), 3);
    }

    #[test]
    fn too_many_and_too_long_filters_are_refused() {
        let many: Vec<String> = (0..20).map(|n| format!("attr.k{n}=v")).collect();
        assert!(scope(&many.join("&")).unwrap_err().detail().contains("20 filters attr.K=V: at most 16"));
        assert!(scope(&format!("attr.k={}", "v".repeat(2_000))).unwrap_err().detail().contains("2000 bytes"));
    }

    #[test]
    fn a_lane_is_the_first_key_that_says_one() {
        assert_eq!(lane_of("c", &[]), "''");
        let sql = lane_of("c", &["lane".into(), "gray".into()]);
        assert_eq!(
            sql,
            "COALESCE(NULLIF(c.attributes['lane'], ''), NULLIF(c.attributes['gray'], ''), \
             NULLIF(c.resource['lane'], ''), NULLIF(c.resource['gray'], ''), '')"
        );
    }
}
