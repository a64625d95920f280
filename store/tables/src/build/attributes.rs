//! Where each attribute of a span or a record goes: request id, promoted column, or map.

use super::column::{BoolColumn, NumberColumn, TextColumn};
use super::context::Context;
use super::derived::Marks;
use super::input::{Attribute, Value};
use super::keys::KeyUse;
use super::layout::Column;
use super::map::MapColumn;
use super::pool::{Closing, Text};
use crate::PromotedType;
use crate::flags::RowFlags;
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::error::ArrowError;
use model::AttrType;

/// A promoted key's column.
#[derive(Debug)]
enum Promoted {
    String(TextColumn),
    Int(NumberColumn<Int64Type>),
    Double(NumberColumn<Float64Type>),
    Bool(BoolColumn),
}

impl Promoted {
    fn new(ty: PromotedType) -> Self {
        match ty {
            PromotedType::String => Self::String(TextColumn::default()),
            PromotedType::Int => Self::Int(NumberColumn::default()),
            PromotedType::Double => Self::Double(NumberColumn::default()),
            PromotedType::Bool => Self::Bool(BoolColumn::default()),
        }
    }

    fn has(&self, row: usize) -> bool {
        match self {
            Self::String(column) => column.has(row),
            Self::Int(column) => column.has(row),
            Self::Double(column) => column.has(row),
            Self::Bool(column) => column.has(row),
        }
    }

    fn finish(self, closing: &Closing, rows: usize) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::String(column) => column.finish(closing, rows),
            Self::Int(column) => Ok(column.finish(&DataType::Int64, closing, rows)),
            Self::Double(column) => Ok(column.finish(&DataType::Float64, closing, rows)),
            Self::Bool(column) => Ok(column.finish(closing, rows)),
        }
    }
}

/// The attribute columns of `spans` and `logs`.
#[derive(Debug)]
pub(super) struct AttributeColumns {
    map: MapColumn,
    request_id: TextColumn,
    request_id_key: TextColumn,
    legacy_keys: TextColumn,
    promoted: Vec<Promoted>,
    overflow: Vec<bool>,
    /// Old names of the row at hand whose values went to the column of the new name.
    renamed: String,
    /// Request id of the row at hand.
    row_request_id: Text,
}

/// What the attributes of a row turned out to say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) flags: RowFlags,
    pub(super) marks: Marks,
    pub(super) request_id: Text,
}

/// What is known of a list before its first attribute is placed.
#[derive(Default)]
pub(super) struct Survey {
    /// Best rank among the request ids of the list.
    request_id_rank: Option<u16>,
    pub(super) again: bool,
    marks: Marks,
}

impl AttributeColumns {
    pub(super) fn new(cx: &Context<'_>) -> Self {
        let keys = &cx.layout.settings().promoted.keys;
        Self {
            map: MapColumn::default(),
            request_id: TextColumn::default(),
            request_id_key: TextColumn::default(),
            legacy_keys: TextColumn::default(),
            promoted: keys.iter().map(|key| Promoted::new(key.ty)).collect(),
            overflow: vec![false; keys.len()],
            renamed: String::new(),
            row_request_id: Text::NULL,
        }
    }

    /// Places the attributes of row `row`; `own` are attributes that we add ourselves.
    pub(super) fn put(
        &mut self,
        cx: &mut Context<'_>,
        row: usize,
        attributes: &[Attribute<'_>],
        own: &[(&str, String)],
    ) -> Placed {
        self.row_request_id = Text::NULL;
        let mut uses = std::mem::take(&mut cx.uses);
        let survey = survey(cx, attributes, &mut uses);
        for (attribute, key) in attributes.iter().zip(&uses) {
            self.place(cx, row, attribute, *key, &survey);
        }
        cx.uses = uses;
        for (key, text) in own {
            let (key, text) = (cx.pool.intern(key.as_bytes()), cx.pool.intern(text.as_bytes()));
            self.map.push(key, text, AttrType::String);
        }
        self.map.end_row(row);
        if !self.renamed.is_empty() {
            let names = cx.pool.intern(self.renamed.as_bytes());
            self.legacy_keys.set(row, names);
            self.renamed.clear();
        }
        let flags = if survey.again { RowFlags::DUPLICATE_KEY } else { RowFlags::default() };
        Placed { flags, marks: survey.marks, request_id: self.row_request_id }
    }

    #[inline]
    fn place(&mut self, cx: &mut Context<'_>, row: usize, attribute: &Attribute<'_>, used: KeyUse, survey: &Survey) {
        let value = &attribute.value;
        let key = cx.keys.get(used.key);
        let (name, last, route) = (key.text, key.last, key.route);
        if used.again {
            let text = cx.value_text(last, value);
            return self.map.push(name, text, value.attr_type());
        }
        if route.request_id_rank.is_some() && route.request_id_rank == survey.request_id_rank {
            let text = cx.value_text(last, value);
            cx.keys.get(used.key).last = text;
            self.request_id.set(row, text);
            self.row_request_id = text;
            if matches!(value, Value::String(_)) {
                return self.request_id_key.set(row, name);
            }
            // Its type would be lost: it stays an attribute too, and no key claims it.
        }
        if let Some(column) = route.promoted {
            if let Some(text) = self.promote(cx, row, column, last, value) {
                cx.keys.get(used.key).last = text;
                return;
            }
            self.overflow[usize::from(column.0)] = true;
        }
        let text = cx.value_text(last, value);
        cx.keys.get(used.key).last = text;
        match route.legacy {
            Some(legacy) => self.place_renamed(cx, row, legacy, (name, attribute.key), text, value),
            None => self.map.push(name, text, value.attr_type()),
        }
    }

    /// Puts a value of the right type into its column and gives its text; `None` where it does not belong there.
    #[inline]
    fn promote(
        &mut self,
        cx: &mut Context<'_>,
        row: usize,
        (at, _): Column,
        last: Text,
        value: &Value<'_>,
    ) -> Option<Text> {
        match (&mut self.promoted[usize::from(at)], value) {
            (Promoted::String(column), Value::String(raw)) => {
                let text = cx.pool.intern_after(last, raw);
                column.set(row, text);
                return Some(text);
            }
            (Promoted::Int(column), Value::Int(value)) => column.set(row, *value),
            (Promoted::Double(column), Value::Double(value)) => column.set(row, *value),
            (Promoted::Bool(column), Value::Bool(value)) => column.set(row, *value),
            _ => return None,
        }
        Some(last)
    }

    /// An attribute under an old name: its value goes to the column of the new name, or into the map under both.
    fn place_renamed(
        &mut self,
        cx: &mut Context<'_>,
        row: usize,
        legacy: u16,
        (name, old_name): (Text, &[u8]),
        text: Text,
        value: &Value<'_>,
    ) {
        let legacy = cx.layout.legacy(legacy);
        if cx.keys.has(legacy.new_name, &cx.pool, cx.layout) {
            return self.map.push(name, text, value.attr_type());
        }
        if let Some(column) = legacy.promoted {
            if self.promoted[usize::from(column.0)].has(row) {
                return self.map.push(name, text, value.attr_type());
            }
            if self.promote(cx, row, column, text, value).is_some() {
                if !self.renamed.is_empty() {
                    self.renamed.push(',');
                }
                return self.renamed.push_str(&String::from_utf8_lossy(old_name));
            }
            self.overflow[usize::from(column.0)] = true;
        }
        let new_name = cx.pool.intern(legacy.new_name.as_bytes());
        self.map.push(name, text, value.attr_type());
        self.map.push(new_name, text, value.attr_type());
    }

    pub(super) fn finish(self, cx: &Context<'_>, closing: &Closing, rows: usize) -> Result<Finished, ArrowError> {
        let keys = &cx.layout.settings().promoted.keys;
        let overflow = keys.iter().zip(&self.overflow).filter(|(_, over)| **over).map(|(key, _)| key.key.clone());
        Ok(Finished {
            overflow: overflow.collect(),
            map: self.map.finish(closing, rows)?,
            request_id: self.request_id.finish(closing, rows)?,
            request_id_key: self.request_id_key.finish(closing, rows)?,
            legacy_keys: self.legacy_keys.finish(closing, rows)?,
            promoted: self.promoted.into_iter().map(|column| column.finish(closing, rows)).collect::<Result<_, _>>()?,
        })
    }
}

/// The closed attribute columns.
pub(super) struct Finished {
    pub(super) overflow: Vec<String>,
    /// `attributes` and `attribute_types`.
    pub(super) map: [ArrayRef; 2],
    pub(super) request_id: ArrayRef,
    pub(super) request_id_key: ArrayRef,
    pub(super) legacy_keys: ArrayRef,
    pub(super) promoted: Vec<ArrayRef>,
}

pub(super) fn survey(cx: &mut Context<'_>, attributes: &[Attribute<'_>], uses: &mut Vec<KeyUse>) -> Survey {
    let mut survey = Survey::default();
    uses.clear();
    cx.keys.begin_list();
    for attribute in attributes {
        let used = cx.keys.place(attribute.key, &mut cx.pool, cx.layout);
        survey.again |= used.again;
        uses.push(used);
        let route = &cx.keys.get(used.key).route;
        survey.marks.insert(route.marks);
        if let Some(rank) = route.request_id_rank
            && !used.again
            && !attribute.value.is_blank()
            && survey.request_id_rank.is_none_or(|best| rank < best)
        {
            survey.request_id_rank = Some(rank);
        }
    }
    survey
}

/// Attributes that all go to a map, as sent: those of events, links, exemplars, series.
pub(super) fn put_all(cx: &mut Context<'_>, map: &mut MapColumn, attributes: &[Attribute<'_>]) -> RowFlags {
    let mut again = false;
    cx.keys.begin_list();
    for attribute in attributes {
        let used = cx.keys.place(attribute.key, &mut cx.pool, cx.layout);
        again |= used.again;
        let key = cx.keys.get(used.key);
        let (name, last) = (key.text, key.last);
        let text = cx.value_text(last, &attribute.value);
        cx.keys.get(used.key).last = text;
        map.push(name, text, attribute.value.attr_type());
    }
    if again { RowFlags::DUPLICATE_KEY } else { RowFlags::default() }
}
