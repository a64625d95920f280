//! Sorted parts into fewer sorted parts: the same rows, each exactly once.
//!
//! The inputs are read side by side, a small batch of each at a time. Runs of rows of one input that all
//! come before the next row of every other input are taken at once, since inputs that were flushed one
//! after the other alternate in long runs. Rows go to the output of their event-time hour; of the hours
//! of a day only a few are written at a time, in as many passes as that takes.
//!
//! An output is a sequence of slices, each of some neighbouring inputs and sorted in itself. Sorted as one,
//! an hour would scatter every trace over all its row groups: its ids would compress to no less than they
//! are, and whoever looks for it would have to open each of them. Tables without traces are one slice.

use crate::draft::Finished;
use crate::gather::Gather;
use crate::read::Rows;
use crate::write::{PartHead, PartWriter};
use crate::{Merge, PartError, Settings, new_part_id};
use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampNanosecondType;
use arrow::row::{RowConverter, Rows as SortKeys, SortField};
use model::UnixNanos;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use tables::{Lineage, Origin, PartId, PartMeta, TableSpec};

const HOUR: i64 = 3_600 * UnixNanos::SECOND;
const HOURS_OF_DAY: usize = 24;
/// The group of rows whose event time lies outside the day of their folder (implausible times).
const OUTSIDE: usize = HOURS_OF_DAY;
const GROUPS: usize = HOURS_OF_DAY + 1;
/// Rows gathered for one output before they are encoded.
const CHUNK_ROWS: usize = 8_192;

/// Where inputs come from and outputs go: the one thing that differs between a directory and a bucket.
pub(crate) trait Shelf {
    fn input(&mut self, meta: &PartMeta) -> Result<File, PartError>;
    fn place(&self, path: &str) -> Result<PathBuf, PartError>;
    fn publish(&mut self, finished: Finished, path: &str) -> Result<(), PartError>;
}

/// Runs a merge. On error the outputs that are published already are the caller's to remove: they are in
/// `outputs`.
pub(crate) fn run(
    merge: &Merge,
    settings: &Settings,
    shelf: &mut dyn Shelf,
    outputs: &mut Vec<PartMeta>,
) -> Result<(), PartError> {
    let (folder, day_start) = common_folder(merge)?;
    let groups = Groups::of(merge, day_start, settings);
    let mut out = Outputs {
        merge,
        settings,
        shelf,
        folder,
        overflow: Vec::new(),
        held_back: None,
        begun: 0,
        absorbed: 0,
        done: outputs,
    };
    // Rows that are to be put together have to meet, and a series lies best in one run: only what bears
    // traces is cut into slices.
    let bears_traces = merge.spec.schema.column_with_name("trace_id").is_some();
    let slice_rows = if bears_traces && merge.combine.is_none() { settings.slice_rows } else { u64::MAX };
    let passes: Vec<Vec<usize>> = groups.present.chunks(settings.merge_hours_max.max(1)).map(<[_]>::to_vec).collect();
    for pass in passes {
        let mut chunk = Chunk::new(&pass);
        for slice in slices(&merge.inputs, slice_rows) {
            let mut sources = Vec::new();
            for input in slice.iter().filter(|input| pass.iter().any(|group| groups.may_hold(input, *group))) {
                let file = out.shelf.input(input)?;
                let (rows, missing) = Rows::open(file, &input.path, &merge.spec, settings.merge_batch_rows)?;
                out.overflow.extend(missing);
                sources.push(Source::new(rows, &merge.spec, &groups, &pass)?);
            }
            merge_slice(sources, &mut chunk, &mut out)?;
        }
        chunk.end(&mut out)?;
    }
    let absorbed = out.end()?;
    conserve(&merge.inputs, outputs, absorbed)
}

/// Neighbouring inputs of about so many rows together; one input is never cut.
fn slices(inputs: &[PartMeta], rows_max: u64) -> Vec<&[PartMeta]> {
    let mut slices = Vec::new();
    let (mut from, mut rows) = (0, 0);
    for (at, input) in inputs.iter().enumerate() {
        if at > from && rows_max.saturating_sub(rows) < input.rows {
            slices.push(&inputs[from..at]);
            (from, rows) = (at, 0);
        }
        rows += input.rows;
    }
    slices.push(&inputs[from..]);
    slices
}

/// The one folder of all inputs, and the start of its day in Unix nanoseconds.
fn common_folder(merge: &Merge) -> Result<(String, i64), PartError> {
    let wrong = |why: String| PartError::Invalid(why);
    let first = merge.inputs.first().ok_or_else(|| wrong("a merge of nothing".into()))?;
    let folder = |input: &PartMeta| input.path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let common = folder(first).ok_or_else(|| wrong(format!("{} has no folder", first.path)))?;
    for input in &merge.inputs {
        if folder(input).as_ref() != Some(&common) || input.table != merge.spec.id {
            return Err(wrong(format!("{} and {} cannot be merged: not of one folder", first.path, input.path)));
        }
        if input.promoted > merge.promoted {
            return Err(wrong(format!("{} was written under a later promoted set", input.path)));
        }
    }
    let date = common.rsplit_once("date=").map(|(_, date)| date).unwrap_or_default();
    let day = day_of_date(date).ok_or_else(|| wrong(format!("folder {common} has no date")))?;
    Ok((common, i64::from(day).saturating_mul(UnixNanos::DAY)))
}

/// Day number of `YYYY-MM-DD`: the inverse of [`model::time::date_text`].
fn day_of_date(text: &str) -> Option<i32> {
    let mut numbers = text.split('-').map(str::parse::<i32>);
    let (year, month, day) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    // The date lies within two days of this guess.
    let guess = (f64::from(year - 1970) * 365.2425 + f64::from(month - 1) * 30.4369 + f64::from(day - 1)) as i32;
    (guess - 4..=guess + 4).find(|day| model::time::date_text(*day) == text)
}

/// No row lost, none twice; `absorbed` are in others.
fn conserve(inputs: &[PartMeta], outputs: &[PartMeta], absorbed: u64) -> Result<(), PartError> {
    let count = |parts: &[PartMeta]| parts.iter().map(|part| part.rows).sum::<u64>();
    let (before, after) = (count(inputs), count(outputs));
    if before == after + absorbed {
        return Ok(());
    }
    let path = inputs.first().map(|input| input.path.clone()).unwrap_or_default();
    Err(PartError::Damaged { path, what: format!("merging {before} rows gave {after}") })
}

/// Which hours the outputs are cut at.
#[derive(Clone, Debug)]
struct Groups {
    day_start: i64,
    /// Everything into one group: too little to be worth cutting.
    whole: bool,
    present: Vec<usize>,
}

impl Groups {
    fn of(merge: &Merge, day_start: i64, settings: &Settings) -> Self {
        let rows: u64 = merge.inputs.iter().map(|input| input.rows).sum();
        let mut groups = Self { day_start, whole: rows < settings.split_rows_min, present: vec![OUTSIDE] };
        if !groups.whole {
            let present = |group: &usize| merge.inputs.iter().any(|input| groups.may_hold(input, *group));
            groups.present = (0..GROUPS).filter(present).collect();
        }
        groups
    }

    fn of_time(&self, time: i64) -> usize {
        if self.whole {
            return OUTSIDE;
        }
        let hour = time.checked_sub(self.day_start).map_or(-1, |since| since.div_euclid(HOUR));
        usize::try_from(hour).ok().filter(|hour| *hour < HOURS_OF_DAY).unwrap_or(OUTSIDE)
    }

    /// Whether an input may have rows of the group, by its time range.
    fn may_hold(&self, input: &PartMeta, group: usize) -> bool {
        let (min, max) = (input.time_min.0, input.time_max.0);
        let hour = |hour: i64| self.day_start.saturating_add(hour * HOUR);
        match group {
            _ if self.whole => true,
            OUTSIDE => min < self.day_start || max >= hour(HOURS_OF_DAY as i64),
            group => min < hour(group as i64 + 1) && max >= hour(group as i64),
        }
    }
}

/// One input: its current batch with the keys that rows are compared by.
struct Source {
    rows: Rows,
    keys: RowConverter,
    sort: Vec<usize>,
    time: usize,
    groups: Groups,
    /// By group, whether this pass takes it.
    wanted: [bool; GROUPS],
    batch: RecordBatch,
    batch_keys: SortKeys,
    /// Group of each row of the batch.
    batch_groups: Vec<u8>,
    at: usize,
}

impl Source {
    fn new(rows: Rows, spec: &TableSpec, groups: &Groups, pass: &[usize]) -> Result<Self, PartError> {
        let sort = spec.sort.iter().map(|name| spec.schema.index_of(name)).collect::<Result<Vec<_>, _>>()?;
        let fields = sort.iter().map(|i| SortField::new(spec.schema.field(*i).data_type().clone())).collect();
        let keys = RowConverter::new(fields)?;
        let mut wanted = [false; GROUPS];
        pass.iter().for_each(|group| wanted[*group] = true);
        Ok(Self {
            rows,
            sort,
            time: spec.schema.index_of(spec.time)?,
            groups: groups.clone(),
            wanted,
            batch: RecordBatch::new_empty(spec.schema.clone()),
            batch_keys: keys.empty_rows(0, 0),
            keys,
            batch_groups: Vec::new(),
            at: 0,
        })
    }

    /// Reads on to the next batch with rows of this pass; false at the end.
    fn refill(&mut self) -> Result<bool, PartError> {
        while let Some(batch) = self.rows.next()? {
            let times = batch.column(self.time).as_primitive::<TimestampNanosecondType>();
            let groups: Vec<u8> = times.values().iter().map(|time| self.groups.of_time(*time) as u8).collect();
            let wanted = |group: &u8| self.wanted[usize::from(*group)];
            let count = groups.iter().filter(|g| wanted(g)).count();
            if count == 0 {
                continue;
            }
            if count == groups.len() {
                (self.batch, self.batch_groups) = (batch, groups);
            } else {
                let keep: BooleanArray = groups.iter().map(|group| Some(wanted(group))).collect();
                self.batch = filter_record_batch(&batch, &keep)?;
                self.batch_groups = groups.into_iter().filter(|g| wanted(g)).collect();
            }
            let columns: Vec<_> = self.sort.iter().map(|i| self.batch.column(*i).clone()).collect();
            self.batch_keys = self.keys.convert_columns(&columns)?;
            self.at = 0;
            return Ok(true);
        }
        Ok(false)
    }

    /// End of the run of rows from `at` that come before (or, where `ties`, with) the head of `other`.
    fn run_end(&self, other: &Source, ties: bool) -> usize {
        let bound = other.batch_keys.row(other.at);
        let before = |i: usize| {
            let key = self.batch_keys.row(i);
            if ties { key <= bound } else { key < bound }
        };
        let rows = self.batch.num_rows();
        // Gallop, then halve.
        let (mut low, mut step) = (self.at, 1);
        while low + step < rows && before(low + step) {
            low += step;
            step *= 2;
        }
        let mut high = rows.min(low + step);
        while low + 1 < high {
            let middle = low.midpoint(high);
            if before(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }
}

/// Merges all rows of a slice in the pass's hours. Sources are kept in the order of their heads; of equal
/// heads the earlier input comes first.
fn merge_slice(mut sources: Vec<Source>, chunk: &mut Chunk, out: &mut Outputs<'_>) -> Result<(), PartError> {
    let spec = out.merge.spec.clone();
    let mut order: Vec<usize> = Vec::new();
    let mut slots = vec![0; sources.len()];
    for i in 0..sources.len() {
        if sources[i].refill()? {
            slots[i] = chunk.hold(sources[i].batch.clone());
            insert(&mut order, i, &sources);
        }
    }
    while let Some(first) = order.first().copied() {
        let source = &sources[first];
        let end = match order.get(1) {
            Some(second) => source.run_end(&sources[*second], first < *second),
            None => source.batch.num_rows(),
        };
        chunk.take(slots[first], source, end);
        order.remove(0);
        let source = &mut sources[first];
        source.at = end;
        let mut more = true;
        if end == source.batch.num_rows() {
            more = source.refill()?;
            if more {
                slots[first] = chunk.hold(source.batch.clone());
            }
        }
        if more {
            insert(&mut order, first, &sources);
        }
        if chunk.rows >= CHUNK_ROWS {
            chunk.write(&spec, out)?;
            for i in &order {
                slots[*i] = chunk.hold(sources[*i].batch.clone());
            }
        }
    }
    chunk.write(&spec, out)
}

/// Puts a source where its head belongs.
fn insert(order: &mut Vec<usize>, new: usize, sources: &[Source]) {
    let key = |i: usize| (sources[i].batch_keys.row(sources[i].at), i);
    let place = order.partition_point(|have| key(*have) < key(new));
    order.insert(place, new);
}

/// A group, its rows (batch among those held, row in it), and the file they go to once it is begun.
type Chosen = (usize, Vec<(u32, u32)>, Option<PartWriter>);

/// Rows chosen and not yet written, by group.
struct Chunk {
    held: Vec<RecordBatch>,
    chosen: Vec<Chosen>,
    /// By group, its place in `chosen`.
    place: [usize; GROUPS],
    rows: usize,
}

impl Chunk {
    fn new(pass: &[usize]) -> Self {
        let mut place = [0; GROUPS];
        let mut chosen = Vec::new();
        for (i, group) in pass.iter().enumerate() {
            place[*group] = i;
            chosen.push((*group, Vec::new(), None));
        }
        Self { held: Vec::new(), chosen, place, rows: 0 }
    }

    /// Keeps a batch for gathering; gives its number.
    fn hold(&mut self, batch: RecordBatch) -> u32 {
        self.held.push(batch);
        (self.held.len() - 1) as u32
    }

    fn take(&mut self, slot: u32, source: &Source, end: usize) {
        for row in source.at..end {
            let place = self.place[usize::from(source.batch_groups[row])];
            self.chosen[place].1.push((slot, row as u32));
        }
        self.rows += end - source.at;
    }

    /// Writes what was chosen and lets the batches go.
    fn write(&mut self, spec: &Arc<TableSpec>, out: &mut Outputs<'_>) -> Result<(), PartError> {
        let bytes_max = out.settings.output_bytes_max;
        let gather = Gather::new(spec.schema.clone(), std::mem::take(&mut self.held));
        for (_, rows, writer) in self.chosen.iter_mut().filter(|(_, rows, _)| !rows.is_empty()) {
            let mut batch = out.combined(gather.rows(rows)?)?;
            rows.clear();
            while batch.num_rows() > 0 {
                let mut open = match writer.take() {
                    Some(open) => open,
                    None => out.begin()?,
                };
                let taken = open.push_until(&batch, bytes_max)?;
                batch = batch.slice(taken, batch.num_rows() - taken);
                if open.is_full(bytes_max) {
                    out.end_one(open)?;
                } else {
                    *writer = Some(open);
                }
            }
        }
        self.rows = 0;
        Ok(())
    }

    fn end(self, out: &mut Outputs<'_>) -> Result<(), PartError> {
        self.chosen.into_iter().filter_map(|(_, _, writer)| writer).try_for_each(|writer| out.end_one(writer))
    }
}

/// The outputs: begun, ended, published. The latest that ended is held back until it is known whether it
/// is the last, because its footer says so.
struct Outputs<'a> {
    merge: &'a Merge,
    settings: &'a Settings,
    shelf: &'a mut dyn Shelf,
    folder: String,
    /// Promoted keys that some input had no column for.
    overflow: Vec<String>,
    held_back: Option<PartWriter>,
    /// Files begun, and rows that went into others.
    begun: usize,
    absorbed: u64,
    done: &'a mut Vec<PartMeta>,
}

impl Outputs<'_> {
    /// The rows, put together where the table allows. A merge leaves something behind, so that there is a
    /// file that says what it replaces.
    fn combined(&mut self, rows: RecordBatch) -> Result<RecordBatch, PartError> {
        let Some(combine) = self.merge.combine else { return Ok(rows) };
        let combined = combine(self.merge.spec.id, &rows)?;
        if combined.num_rows() == 0 && self.begun == 0 {
            return Ok(rows);
        }
        self.absorbed += (rows.num_rows() - combined.num_rows()) as u64;
        Ok(combined)
    }

    fn begin(&mut self) -> Result<PartWriter, PartError> {
        self.begun += 1;
        let inputs = &self.merge.inputs;
        // What its inputs had no column for is known when it ends.
        let overflow = inputs.iter().flat_map(|input| input.overflow.iter().cloned()).collect();
        let head = PartHead {
            id: new_part_id(),
            workspace: inputs[0].workspace.clone(),
            spec: self.merge.spec.clone(),
            folder: self.folder.clone(),
            level: self.merge.level,
            received_max: inputs.iter().map(|input| input.received_max).max().unwrap_or_default(),
            wal_from: inputs.iter().map(|input| input.wal_from).min().unwrap_or_default(),
            wal_until: inputs.iter().map(|input| input.wal_until).max().unwrap_or_default(),
            replaces: replaced(inputs),
            promoted: self.merge.promoted,
            overflow,
        };
        let place = self.shelf.place(&head.path())?;
        PartWriter::begin(head, &place, self.settings)
    }

    fn end_one(&mut self, writer: PartWriter) -> Result<(), PartError> {
        match self.held_back.replace(writer) {
            Some(previous) => self.publish(previous, false),
            None => Ok(()),
        }
    }

    /// Gives the number of rows that went into others.
    fn end(mut self) -> Result<u64, PartError> {
        if let Some(last) = self.held_back.take() {
            self.publish(last, true)?;
        }
        Ok(self.absorbed)
    }

    fn publish(&mut self, writer: PartWriter, last: bool) -> Result<(), PartError> {
        let origin = Origin::Merge { inputs: self.merge.inputs.len() as u32, output: self.done.len() as u32, last };
        let (meta, finished) =
            writer.with_overflow(&self.overflow).finish(Lineage { generation: self.merge.generation, origin })?;
        let path = meta.path.clone();
        // Noted first: what may be there after an error is to be removed.
        self.done.push(meta);
        self.shelf.publish(finished, &path)
    }
}

/// The inputs, then all that they had replaced in their turn.
fn replaced(inputs: &[PartMeta]) -> Vec<PartId> {
    let mut ids: Vec<PartId> = inputs.iter().map(|input| input.id).collect();
    let mut earlier: Vec<PartId> = inputs.iter().flat_map(|input| input.replaces.iter().copied()).collect();
    earlier.sort_unstable();
    earlier.dedup();
    earlier.retain(|id| !inputs.iter().any(|input| input.id == *id));
    ids.extend(earlier);
    ids
}

#[cfg(test)]
mod tests;
