//! Rows of `changes` under construction: deployments, configuration, feature flags, migrations.

use super::{Origin, VIA};
use crate::build::column::{TextColumn, required_numbers};
use crate::build::context::{Context, TimeSpan};
use crate::build::map::MapColumn;
use crate::build::pool::{Closing, Text};
use crate::flags::RowFlags;
use crate::{TableBatch, TableId};
use arrow::array::RecordBatch;
use arrow::datatypes::TimestampNanosecondType;
use arrow::error::ArrowError;

/// A column, and the attributes it is read from, best first.
type Reading = (Column, &'static [&'static str]);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Column {
    Kind,
    Target,
    Environment,
    Version,
    PreviousVersion,
    Status,
    Source,
    Author,
    Title,
    Url,
    ChangeId,
}

const COLUMNS: usize = 11;

const READINGS: [Reading; COLUMNS] = [
    (Column::Kind, &["change.kind"]),
    (Column::Target, &["change.target", "feature_flag.key", "service.name", "k8s.deployment.name"]),
    (Column::Environment, &["deployment.environment.name", "deployment.environment"]),
    (
        Column::Version,
        &[
            "change.version",
            "feature_flag.result.variant",
            "feature_flag.variant",
            "service.version",
            "vcs.ref.head.name",
        ],
    ),
    (Column::PreviousVersion, &["change.previous_version"]),
    (Column::Status, &["change.status", "deployment.status", "cicd.pipeline.task.run.result", "cicd.pipeline.result"]),
    (Column::Source, &["change.source", "feature_flag.provider.name", "cicd.system.component"]),
    (Column::Author, &["change.author", "user.name", "enduser.id"]),
    (Column::Title, &["change.title", "vcs.change.title", "deployment.name", "cicd.pipeline.name"]),
    (
        Column::Url,
        &["change.url", "cicd.pipeline.run.url.full", "cicd.pipeline.task.run.url.full", "vcs.repository.url.full"],
    ),
    (Column::ChangeId, &["change.id", "deployment.id", "cicd.pipeline.run.id", "vcs.change.id"]),
];

/// Attributes that exist for the change alone; others stay beside it as attributes too.
const OWN_PREFIX: &[u8] = b"change.";

#[derive(Debug, Default)]
pub(super) struct ChangeRows {
    rows: usize,
    times: TimeSpan,
    time: Vec<i64>,
    columns: [TextColumn; COLUMNS],
    service: TextColumn,
    map: MapColumn,
    flags: TextColumn,
}

impl ChangeRows {
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// A record whose event name speaks of a change.
    pub(super) fn put_event(&mut self, cx: &mut Context<'_>, origin: &Origin<'_>) -> RowFlags {
        let (family, rest) = split(origin.name);
        let kind = match family {
            b"deployment" => "deployment",
            b"feature_flag" => "feature_flag",
            _ => "other",
        };
        // `deployment.completed` says how it stands where no attribute does.
        self.put(cx, origin, kind, if family == b"deployment" { rest } else { b"" })
    }

    /// A span of a pipeline: a change only where it deploys.
    pub(super) fn put_span(&mut self, cx: &mut Context<'_>, origin: &Origin<'_>) -> RowFlags {
        let task = origin.text(cx, b"cicd.pipeline.task.type");
        let deploys = task != Text::NULL && cx.pool.get(task) == b"deploy";
        let named = ["deployment.id", "deployment.status"].iter().any(|key| origin.value(key.as_bytes()).is_some());
        if deploys || named { self.put(cx, origin, "deployment", b"") } else { RowFlags::default() }
    }

    fn put(&mut self, cx: &mut Context<'_>, origin: &Origin<'_>, kind: &str, state: &[u8]) -> RowFlags {
        let mut flags = RowFlags::default();
        let mut said = [Text::NULL; COLUMNS];
        for (column, keys) in READINGS {
            said[column as usize] = origin.first_text(cx, keys);
        }
        fill(&mut said, Column::Kind, || cx.pool.intern(kind.as_bytes()));
        if said[Column::Target as usize] == Text::NULL {
            // Its sender speaks of itself, or forgot to say of whom: an event of ours has a target.
            if origin.name == b"stormglass.change" {
                flags.insert(RowFlags::EVENT_MALFORMED);
            }
            said[Column::Target as usize] = origin.service;
        }
        let status = said[Column::Status as usize];
        let status = if status == Text::NULL { state.to_vec() } else { cx.pool.get(status).to_vec() };
        said[Column::Status as usize] = cx.pool.intern_or_null(status_word(&status));
        fill(&mut said, Column::Environment, || origin.environment);
        fill(&mut said, Column::Source, || cx.pool.intern(b"telemetry"));
        self.push(cx, origin, &said, flags)
    }

    fn push(
        &mut self,
        cx: &mut Context<'_>,
        origin: &Origin<'_>,
        said: &[Text; COLUMNS],
        mut flags: RowFlags,
    ) -> RowFlags {
        let row = self.rows;
        self.rows += 1;
        self.times.add(origin.time);
        self.time.push(origin.time);
        for (column, text) in self.columns.iter_mut().zip(said) {
            column.set_unless_null(row, *text);
        }
        self.service.set(row, origin.service);
        for attribute in origin.attributes {
            if attribute.key != VIA && !attribute.key.starts_with(OWN_PREFIX) {
                let key = cx.pool.intern(attribute.key);
                let text = cx.value_text(Text::NULL, &attribute.value);
                self.map.push(key, text, attribute.value.attr_type());
            }
        }
        self.map.end_row(row);
        flags.insert(cx.repair_flag());
        let text = cx.flags_text(flags);
        self.flags.set_unless_null(row, text);
        flags
    }

    pub(super) fn finish(self, cx: &Context<'_>, closing: &Closing) -> Result<Option<TableBatch>, ArrowError> {
        let rows = self.rows;
        if rows == 0 {
            return Ok(None);
        }
        let schema = cx.layout.spec(TableId::Changes).schema.clone();
        let [kind, target, environment, version, previous, status, source, author, title, url, change_id] =
            self.columns;
        let [map, types] = self.map.finish(closing, rows)?;
        let columns = vec![
            required_numbers::<TimestampNanosecondType>(self.time, schema.field(0).data_type()),
            kind.finish_required(closing)?,
            target.finish_required(closing)?,
            environment.finish(closing, rows)?,
            version.finish(closing, rows)?,
            previous.finish(closing, rows)?,
            status.finish(closing, rows)?,
            self.service.finish_required(closing)?,
            source.finish_required(closing)?,
            author.finish(closing, rows)?,
            title.finish(closing, rows)?,
            url.finish(closing, rows)?,
            change_id.finish(closing, rows)?,
            map,
            types,
            self.flags.finish(closing, rows)?,
        ];
        Ok(Some(TableBatch {
            table: TableId::Changes,
            rows: RecordBatch::try_new(schema, columns)?,
            time_min: self.times.min,
            time_max: self.times.max,
            overflow: Vec::new(),
        }))
    }
}

fn fill(said: &mut [Text; COLUMNS], column: Column, text: impl FnOnce() -> Text) {
    let place = &mut said[column as usize];
    if *place == Text::NULL {
        *place = text();
    }
}

/// The first part of an event's name, and the rest.
fn split(name: &[u8]) -> (&[u8], &[u8]) {
    match name.iter().position(|byte| *byte == b'.') {
        Some(dot) => (&name[..dot], &name[dot + 1..]),
        None => (name, b""),
    }
}

/// One word for what many systems call many things; what is none of them stays as it is.
fn status_word(text: &[u8]) -> &[u8] {
    let word = text.to_ascii_lowercase();
    let word: &[u8] = &word;
    match word {
        b"started" | b"running" | b"in_progress" | b"pending" | b"progressing" | b"created" => b"started",
        b"succeeded" | b"success" | b"successful" | b"completed" | b"finished" | b"ok" | b"passed" => b"succeeded",
        b"failed" | b"failure" | b"error" | b"timeout" | b"cancelled" | b"canceled" => b"failed",
        b"rolled_back" | b"rollback" | b"rolledback" => b"rolled_back",
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_stand_in_the_order_of_their_columns() {
        for (at, (column, _)) in READINGS.iter().enumerate() {
            assert_eq!(*column as usize, at, "{column:?}");
        }
    }

    #[test]
    fn many_words_for_a_state_become_one() {
        for (text, word) in
            [("Success", "succeeded"), ("in_progress", "started"), ("timeout", "failed"), ("odd", "odd")]
        {
            assert_eq!(status_word(text.as_bytes()), word.as_bytes());
        }
    }
}
