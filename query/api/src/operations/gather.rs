//! What the linker wants to know, asked of the tables in SQL.
//!
//! Trace ids of other propagators are looked for here and not written down at ingest: only rows near a
//! story are searched for its few trace ids, which costs a glance at some minutes of rows, where an
//! index of every id in every line would cost every line.

use super::answer::Item;
use super::columns::Keys;
use super::rows::{Read, TOLD_OTHERWISE, business, log, span};
use crate::ask::{Row, Rows, instant, literal, literals};
use crate::{Api, Asker, Problem};
use futures::stream::{StreamExt, TryStreamExt};
use model::{TraceId, UnixNanos};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use timeline::{Answer, Fact, FactId, Question, Stretch};

/// Statements under way at a time: a worker takes few, and others ask too.
const AT_ONCE: usize = 3;
/// Ids in one statement.
const IDS_PER_QUERY: usize = 100;
/// Rows of one statement; more are cut, and the answer says so.
const ROWS_MAX: usize = 20_000;
/// Spans that link to the story's traces.
const LINKS_MAX: usize = 1_000;
/// How far from where a trace was met the rest of it is looked for.
const TRACE_REACH: Duration = Duration::from_secs(86_400);
/// Stretches of time searched for mentions of a story's traces; the nearest together are joined first.
const STRETCHES_MAX: usize = 8;
/// All of them together; beyond, the latest are left out.
const SEARCHED_MAX: Duration = Duration::from_secs(6 * 3_600);

/// One statement, and which reader its rows need.
struct Statement {
    table: Table,
    sql: String,
    /// Its rows are of traces that were asked for.
    of_traces: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Spans,
    Logs,
    Business,
}

/// Asks for one story.
pub(super) struct Gatherer<'a> {
    api: &'a Api,
    asker: &'a Asker,
    keys: Keys,
    within: Stretch,
    numbers: HashMap<String, FactId>,
    pub(super) items: Vec<Item>,
    /// Of the items, Unix nanoseconds.
    pub(super) times: Vec<i64>,
    /// When traces were met.
    met: BTreeMap<TraceId, (UnixNanos, UnixNanos)>,
}

impl<'a> Gatherer<'a> {
    pub(super) fn new(api: &'a Api, asker: &'a Asker, keys: Keys, within: Stretch) -> Self {
        Self {
            api,
            asker,
            keys,
            within,
            numbers: HashMap::new(),
            items: Vec::new(),
            times: Vec::new(),
            met: BTreeMap::new(),
        }
    }

    pub(super) async fn answer(&mut self, question: &Question) -> Result<Answer, Problem> {
        let mut cut = BTreeSet::new();
        let mut statements = self.of_traces(&question.traces);
        statements.extend(self.by_request(question));
        statements.extend(self.by_message(question));
        statements.extend(self.by_operation(question));
        statements.extend(self.by_link(question, &mut cut).await?);
        statements.extend(self.by_text(question, &mut cut));
        statements.extend(self.by_key(question).await?);
        let mut answer = Answer::default();
        let (api, asker) = (self.api, self.asker);
        let asked = statements.into_iter().map(|statement| async move {
            let rows = api.ask(asker, statement.sql.as_str()).await?;
            Ok::<_, Problem>((statement, rows))
        });
        let answers: Vec<(Statement, Rows)> = futures::stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
        for (statement, rows) in answers {
            if !rows.complete {
                cut.extend(rows.incomplete_reason.clone());
            }
            if rows.len() >= ROWS_MAX {
                cut.insert(format!("more than {ROWS_MAX} rows of one look-up"));
            }
            let facts = self.take(&statement, &rows)?;
            if statement.of_traces { answer.of_traces.extend(facts) } else { answer.found.extend(facts) }
        }
        answer.cut = cut.into_iter().collect();
        Ok(answer)
    }

    /// Rows as facts; the same row has the same number, and equal rows of one answer have several.
    fn take(&mut self, statement: &Statement, rows: &Rows) -> Result<Vec<Fact>, Problem> {
        let mut facts = Vec::with_capacity(rows.len());
        let mut seen: HashMap<String, usize> = HashMap::new();
        for row in rows.iter() {
            let Read { mut fact, item, identity } = self.read(statement.table, row)?;
            let times = seen.entry(identity.clone()).or_default();
            *times += 1;
            // Spans have ids of their own; a second copy of one is no second span.
            let identity = if statement.table == Table::Spans { identity } else { format!("{identity} {times}") };
            let next = FactId(self.items.len() as u32);
            let number = *self.numbers.entry(identity).or_insert(next);
            if number == next {
                self.items.push(item);
                self.times.push(fact.time.0);
            }
            fact.id = number;
            if let Some(trace) = fact.trace_id {
                let met = self.met.entry(trace).or_insert((fact.time, fact.time));
                *met = (met.0.min(fact.time), met.1.max(fact.time));
            }
            for (trace, _) in &fact.links {
                self.met.entry(*trace).or_insert((fact.time, fact.time));
            }
            facts.push(fact);
        }
        Ok(facts)
    }

    fn read(&self, table: Table, row: Row<'_>) -> Result<Read, Problem> {
        match table {
            Table::Spans => span(row, &self.keys),
            Table::Logs => log(row, &self.keys),
            Table::Business => business(row, &self.keys),
        }
    }

    fn statement(&self, table: Table, condition: &str, of_traces: bool) -> Statement {
        let (name, columns, more) = match table {
            Table::Spans => ("spans", self.keys.span_columns(), String::new()),
            Table::Logs => {
                let told = format!(" AND (event_name IS NULL OR event_name NOT IN {TOLD_OTHERWISE})");
                ("logs", self.keys.log_columns(), told)
            }
            Table::Business => ("business_events", self.keys.business_columns(), String::new()),
        };
        let sql = format!("SELECT {columns} FROM {name} WHERE {condition}{more} ORDER BY time LIMIT {ROWS_MAX}");
        Statement { table, sql, of_traces }
    }

    fn everywhere(&self, condition: &str, of_traces: bool) -> Vec<Statement> {
        [Table::Spans, Table::Logs, Table::Business].map(|table| self.statement(table, condition, of_traces)).into()
    }

    fn of_traces(&self, traces: &[TraceId]) -> Vec<Statement> {
        let chunk = |traces: &[TraceId]| {
            let ids: Vec<String> = traces.iter().map(ToString::to_string).collect();
            let met = traces.iter().map(|trace| self.met.get(trace));
            let met: Option<Vec<_>> = met.collect();
            // Where one was never met, it may be anywhere.
            let reach = met.and_then(|met| {
                let from = met.iter().map(|(from, _)| *from).min()?.saturating_sub(TRACE_REACH);
                let to = met.iter().map(|(_, to)| *to).max()?.saturating_add(TRACE_REACH);
                Some(Stretch { from, to })
            });
            let within = time_condition(&reach.unwrap_or(self.within));
            let ids = literals(ids.iter().map(String::as_str));
            self.everywhere(&format!("trace_id IN {ids}{within}"), true)
        };
        traces.chunks(IDS_PER_QUERY).flat_map(chunk).collect()
    }

    fn by_request(&self, question: &Question) -> Vec<Statement> {
        let chunk = |chunk: &[(String, Stretch)]| {
            let ids = literals(chunk.iter().map(|(id, _)| id.as_str()));
            let each =
                chunk.iter().map(|(id, within)| format!("(request_id = {}{})", literal(id), time_condition(within)));
            let each: Vec<String> = each.collect();
            let within = time_condition(&hull(chunk.iter().map(|(_, within)| *within)));
            self.everywhere(&format!("request_id IN {ids}{within} AND ({})", each.join(" OR ")), false)
        };
        question.requests.chunks(IDS_PER_QUERY).flat_map(chunk).collect()
    }

    fn by_message(&self, question: &Question) -> Vec<Statement> {
        let chunk = |chunk: &[(String, Stretch)]| {
            let ids = literals(chunk.iter().map(|(id, _)| id.as_str()));
            let within = time_condition(&hull(chunk.iter().map(|(_, within)| *within)));
            self.statement(Table::Spans, &format!("attributes['messaging.message.id'] IN {ids}{within}"), false)
        };
        question.messages.chunks(IDS_PER_QUERY).map(chunk).collect()
    }

    fn by_operation(&self, question: &Question) -> Vec<Statement> {
        let chunk = |chunk: &[(String, Stretch)]| {
            let ids = literals(chunk.iter().map(|(id, _)| id.as_str()));
            let within = time_condition(&hull(chunk.iter().map(|(_, within)| *within)));
            self.statement(Table::Business, &format!("operation_id IN {ids}{within}"), false)
        };
        question.operations.chunks(IDS_PER_QUERY).map(chunk).collect()
    }

    async fn by_key(&self, question: &Question) -> Result<Vec<Statement>, Problem> {
        let mut statements = Vec::new();
        for (key, value, within) in &question.keys {
            let condition = format!("attributes[{}] = {}{}", literal(key), literal(value), time_condition(within));
            statements.extend(self.everywhere(&condition, false));
            statements.extend(self.by_entity(key, value, within).await?);
        }
        Ok(statements)
    }

    /// Business events that name the thing as one of their entities: found where entities lie together,
    /// then read by their times.
    async fn by_entity(&self, key: &str, value: &str, within: &Stretch) -> Result<Option<Statement>, Problem> {
        let ty = key.strip_suffix(".id").unwrap_or(key);
        let sql = format!(
            "SELECT DISTINCT time FROM entity_changes WHERE entity_type IN {} AND entity_id = {}{} ORDER BY time DESC LIMIT 500",
            literals([ty, key]),
            literal(value),
            time_condition(within)
        );
        let found = self.api.ask(self.asker, sql).await?;
        let times = found.iter().map(|row| row.time("time")).collect::<Result<Vec<_>, _>>()?;
        let (Some(from), Some(to)) = (times.iter().min(), times.iter().max()) else { return Ok(None) };
        let within = time_condition(&Stretch { from: *from, to: *to });
        let times: Vec<String> = times.iter().map(|time| instant(*time)).collect();
        Ok(Some(self.statement(Table::Business, &format!("time IN ({}){within}", times.join(", ")), false)))
    }

    /// Spans that link to the story's traces: found by their links alone, then read.
    async fn by_link(&self, question: &Question, cut: &mut BTreeSet<String>) -> Result<Vec<Statement>, Problem> {
        let mut statements = Vec::new();
        let mentions = question.mentions.iter().map(|mention| (mention.trace, mention.links));
        for (stretch, traces) in searched(mentions, "links to", cut) {
            let within = time_condition(&stretch);
            let ids: Vec<String> = traces.iter().map(ToString::to_string).collect();
            let list = literals(ids.iter().map(String::as_str));
            let sql = format!(
                "SELECT DISTINCT trace_id, span_id FROM (SELECT trace_id, span_id, unnest(links) AS link FROM spans \
                 WHERE links IS NOT NULL{within}) WHERE link['trace_id'] IN {list} AND trace_id NOT IN {list} LIMIT {LINKS_MAX}"
            );
            let rows = self.api.ask(self.asker, sql).await?;
            if rows.len() == LINKS_MAX {
                cut.insert(format!("more than {LINKS_MAX} spans link to its traces"));
            }
            let pairs = rows.iter().map(|row| Ok((row.text("trace_id")?, row.text("span_id")?)));
            let pairs = pairs.collect::<Result<Vec<_>, Problem>>()?;
            if !pairs.is_empty() {
                let (traces, spans): (BTreeSet<&str>, BTreeSet<&str>) = pairs.into_iter().unzip();
                let condition = format!("trace_id IN {} AND span_id IN {}{within}", literals(traces), literals(spans));
                statements.push(self.statement(Table::Spans, &condition, false));
            }
        }
        Ok(statements)
    }

    /// Rows that mention the story's traces in a context of another propagator.
    fn by_text(&self, question: &Question, cut: &mut BTreeSet<String>) -> Vec<Statement> {
        let mut statements = Vec::new();
        let mentions = question.mentions.iter().map(|mention| (mention.trace, mention.texts));
        for (stretch, traces) in searched(mentions, "texts that mention", cut) {
            let within = time_condition(&stretch);
            let ids: Vec<String> = traces.iter().map(ToString::to_string).collect();
            let list = literals(ids.iter().map(String::as_str));
            // Zeros in front may be missing where it is mentioned.
            let mentions = |column: &str| {
                let likes = ids.iter().map(|id| format!("{column} LIKE '%{}%'", id.trim_start_matches('0')));
                likes.collect::<Vec<_>>().join(" OR ")
            };
            // Nearly no row has such an attribute: that is looked at first.
            let attribute = |key: &String| {
                let column = format!("attributes[{}]", literal(key));
                format!("({column} IS NOT NULL AND ({}))", mentions(&column))
            };
            let attributes: Vec<String> = self.keys.contexts.iter().map(attribute).collect();
            let attributes = attributes.join(" OR ");
            let own = format!("(trace_id IS NULL OR trace_id NOT IN {list})");
            let records = format!("{own} AND ({} OR {attributes}){within}", mentions("body"));
            statements.push(self.statement(Table::Logs, &records, false));
            statements.push(self.statement(Table::Spans, &format!("{own} AND ({attributes}){within}"), false));
        }
        statements
    }
}

/// ` AND time >= ... AND time <= ...`, as far as the ends are closed.
fn time_condition(stretch: &Stretch) -> String {
    let from = (stretch.from > Stretch::ALL.from).then(|| format!(" AND time >= {}", instant(stretch.from)));
    let to = (stretch.to < Stretch::ALL.to).then(|| format!(" AND time <= {}", instant(stretch.to)));
    from.unwrap_or_default() + &to.unwrap_or_default()
}

fn hull(stretches: impl Iterator<Item = Stretch>) -> Stretch {
    let join = |a: Stretch, b: Stretch| Stretch { from: a.from.min(b.from), to: a.to.max(b.to) };
    stretches.reduce(join).unwrap_or(Stretch::ALL)
}

/// Few stretches of time instead of one for each trace, and the traces that each is searched for.
fn searched(
    mentions: impl Iterator<Item = (TraceId, Stretch)>,
    what: &str,
    cut: &mut BTreeSet<String>,
) -> Vec<(Stretch, Vec<TraceId>)> {
    let mut sorted: Vec<(Stretch, Vec<TraceId>)> = mentions.map(|(trace, stretch)| (stretch, vec![trace])).collect();
    sorted.sort_by_key(|(stretch, _)| stretch.from);
    let mut joined: Vec<(Stretch, Vec<TraceId>)> = Vec::new();
    for (stretch, traces) in sorted {
        match joined.last_mut() {
            Some((last, all)) if stretch.from <= last.to && all.len() < IDS_PER_QUERY => {
                last.to = last.to.max(stretch.to);
                all.extend(traces);
            }
            _ => joined.push((stretch, traces)),
        }
    }
    let length = |stretch: &Stretch| i128::from(stretch.to.0) - i128::from(stretch.from.0);
    let mut total = 0;
    let count = joined.len();
    let mut at = 0;
    joined.retain(|(stretch, _)| {
        total += length(stretch);
        at += 1;
        at <= STRETCHES_MAX && total <= SEARCHED_MAX.as_nanos() as i128
    });
    if joined.len() < count {
        cut.insert(format!("{what} its traces were searched for in {} of {count} stretches of time", joined.len()));
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(from: i64, to: i64) -> Stretch {
        Stretch { from: UnixNanos(from), to: UnixNanos(to) }
    }

    #[test]
    fn stretches_that_touch_are_searched_once() {
        let trace = |n: u8| TraceId([n; 16]);
        let mentions = [(trace(1), stretch(0, 10)), (trace(2), stretch(50, 60)), (trace(3), stretch(5, 20))];
        let mut cut = BTreeSet::new();
        let found = searched(mentions.into_iter(), "links to", &mut cut);
        assert_eq!(found, [(stretch(0, 20), vec![trace(1), trace(3)]), (stretch(50, 60), vec![trace(2)])]);
        assert!(cut.is_empty());
    }

    #[test]
    fn too_long_a_search_is_cut_and_said() {
        let hour = 3_600_000_000_000;
        let mentions: Vec<_> =
            (0..10).map(|n| (TraceId([1; 16]), stretch(n * 3 * hour, n * 3 * hour + hour))).collect();
        let mut cut = BTreeSet::new();
        assert_eq!(searched(mentions.into_iter(), "links to", &mut cut).len(), 6);
        assert!(cut.first().is_some_and(|text| text.contains("6 of 10")));
    }

    #[test]
    fn open_ends_are_no_condition() {
        assert_eq!(time_condition(&Stretch::ALL), "");
        assert_eq!(
            time_condition(&Stretch { from: UnixNanos(0), ..Stretch::ALL }),
            " AND time >= TIMESTAMP '1970-01-01T00:00:00.000000000Z'"
        );
        assert_eq!(hull([stretch(5, 9), stretch(1, 6)].into_iter()), stretch(1, 9));
    }
}
