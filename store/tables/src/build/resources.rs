//! The resources and scopes of a request: content-addressed rows of `resources`, entries of the ledger.

use super::attributes::survey;
use super::column::{NumberColumn, TextColumn, required_ids, required_numbers};
use super::context::{Context, dropped};
use super::identity::Canonical;
use super::input::{Attribute, ResourceInput, ScopeInput};
use super::keys::KeyUse;
use super::map::MapColumn;
use super::pool::{Closing, Text, TextPool};
use super::text::attributes_text;
use crate::flags::RowFlags;
use crate::{SenderCount, TableBatch, TableId};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Int64Type, TimestampNanosecondType};
use arrow::error::ArrowError;
use hashbrown::HashMap;
use model::ContentHash;

/// What rows need of their resource.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) id: ContentHash,
    pub(super) service: Text,
    /// `deployment.environment.name`, null where it does not say.
    pub(super) environment: Text,
    /// Oddities of the resource, said on each of its rows.
    pub(super) flags: RowFlags,
    pub(super) sender: SenderCount,
}

/// What rows need of their scope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Scope {
    pub(super) name: Text,
    pub(super) version: Text,
    pub(super) attributes: Text,
    pub(super) schema_url: Text,
    pub(super) flags: RowFlags,
}

impl Scope {
    pub(super) fn new(cx: &mut Context<'_>, scope: &ScopeInput<'_>) -> Self {
        let attributes = if scope.attributes.items().is_empty() {
            Text::NULL
        } else {
            let (text, repaired) = attributes_text(scope.attributes.items());
            if repaired {
                cx.pool.note_repair();
            }
            cx.pool.intern(text.as_bytes())
        };
        let mut built = Self {
            name: cx.pool.intern_or_null(scope.name),
            version: cx.pool.intern_or_null(scope.version),
            attributes,
            schema_url: cx.pool.intern_or_null(scope.schema_url),
            flags: scope.flags,
        };
        built.flags.insert(cx.repair_flag());
        if scope.attributes.beyond() > 0 {
            built.flags.insert(RowFlags::ATTRIBUTES_CUT);
        }
        if scope.dropped_attributes_count > 0 {
            built.flags.insert(RowFlags::SCOPE_CUT);
        }
        built
    }
}

/// The scope columns of a table.
#[derive(Debug, Default)]
pub(super) struct ScopeColumns {
    name: TextColumn,
    version: TextColumn,
    attributes: TextColumn,
    schema_url: TextColumn,
}

impl ScopeColumns {
    #[inline]
    pub(super) fn put(&mut self, row: usize, scope: &Scope) {
        self.name.set_unless_null(row, scope.name);
        self.version.set_unless_null(row, scope.version);
        self.attributes.set_unless_null(row, scope.attributes);
        self.schema_url.set_unless_null(row, scope.schema_url);
    }

    pub(super) fn finish(self, closing: &Closing, rows: usize) -> Result<[arrow::array::ArrayRef; 4], ArrowError> {
        Ok([
            self.name.finish(closing, rows)?,
            self.version.finish(closing, rows)?,
            self.attributes.finish(closing, rows)?,
            self.schema_url.finish(closing, rows)?,
        ])
    }
}

/// Resources of a request in the order they came, each once.
#[derive(Debug, Default)]
pub(super) struct Resources {
    resources: Vec<Resource>,
    by_id: HashMap<ContentHash, u32>,
    map: MapColumn,
    schema_url: TextColumn,
    dropped: NumberColumn<Int64Type>,
    canonical: Canonical,
}

const UNKNOWN_SERVICE: &str = "unknown_service";

impl Resources {
    #[inline]
    pub(super) fn get(&mut self, at: u32) -> &mut Resource {
        &mut self.resources[at as usize]
    }

    pub(super) fn put(&mut self, cx: &mut Context<'_>, resource: &ResourceInput<'_>) -> u32 {
        let key = self.memo_key(cx, resource);
        let remembered = cx.layout.identities().get(key);
        if let Some(at) = remembered.and_then(|id| self.by_id.get(&id)) {
            return *at;
        }
        let mut flags = resource.flags;
        let names = self.put_attributes(cx, resource.attributes.items(), &mut flags);
        let schema_url = cx.pool.intern_or_null(resource.schema_url);
        flags.insert(cx.repair_flag());
        if resource.attributes.beyond() > 0 {
            flags.insert(RowFlags::ATTRIBUTES_CUT);
        }
        let dropped = dropped(resource.dropped_attributes_count, resource.attributes.beyond());
        let id = remembered.unwrap_or_else(|| self.identity(&cx.pool, schema_url, dropped));
        cx.layout.identities().keep_new(key, id, remembered);
        if let Some(at) = self.by_id.get(&id) {
            self.map.abandon_row();
            return *at;
        }
        let row = self.resources.len();
        self.map.end_row(row);
        self.schema_url.set_unless_null(row, schema_url);
        self.dropped.set_some(row, dropped);
        self.by_id.insert(id, row as u32);
        self.resources.push(names.resource(cx, id, flags));
        row as u32
    }

    fn memo_key(&mut self, cx: &Context<'_>, resource: &ResourceInput<'_>) -> u128 {
        self.canonical.clear();
        self.canonical.part(b"resource");
        self.canonical.part(resource.schema_url);
        self.canonical.number(u64::from(resource.dropped_attributes_count));
        self.canonical.number(resource.attributes.beyond());
        self.canonical.attributes(resource.attributes.items());
        self.canonical.fast_hash(cx.layout.seed())
    }

    /// Writes the row's map: attributes as sent, and those with an old name under the new one too.
    fn put_attributes(&mut self, cx: &mut Context<'_>, attributes: &[Attribute<'_>], flags: &mut RowFlags) -> Names {
        let mut names = Names::default();
        let mut uses = std::mem::take(&mut cx.uses);
        if survey(cx, attributes, &mut uses).again {
            flags.insert(RowFlags::DUPLICATE_KEY);
        }
        for (attribute, used) in attributes.iter().zip(&uses) {
            let text = self.put_attribute(cx, attribute, *used);
            if !used.again && text != Text::NULL {
                names.note(attribute.key, text);
            }
        }
        cx.uses = uses;
        names
    }

    fn put_attribute(&mut self, cx: &mut Context<'_>, attribute: &Attribute<'_>, used: KeyUse) -> Text {
        let key = cx.keys.get(used.key);
        let (name, last, route) = (key.text, key.last, key.route);
        let text = cx.value_text(last, &attribute.value);
        cx.keys.get(used.key).last = text;
        self.map.push(name, text, attribute.value.attr_type());
        if let Some(legacy) = route.legacy.filter(|_| !used.again) {
            let new_name = cx.layout.legacy(legacy).new_name;
            if !cx.keys.has(new_name, &cx.pool, cx.layout) {
                let new_name = cx.pool.intern(new_name.as_bytes());
                self.map.push(new_name, text, attribute.value.attr_type());
            }
        }
        text
    }

    fn identity(&mut self, pool: &TextPool, schema_url: Text, dropped: Option<i64>) -> ContentHash {
        self.canonical.clear();
        self.canonical.part(b"resource/1");
        self.canonical.part(pool.get(schema_url));
        self.canonical.number(dropped.unwrap_or_default() as u64);
        write_open_row(&mut self.canonical, pool, &self.map);
        self.canonical.identity()
    }

    pub(super) fn finish(
        self,
        cx: &Context<'_>,
        closing: &Closing,
    ) -> Result<(Option<TableBatch>, Vec<SenderCount>), ArrowError> {
        let rows = self.resources.len();
        if rows == 0 {
            return Ok((None, Vec::new()));
        }
        let ids = self.resources.iter().flat_map(|resource| resource.id.0).collect();
        let services = self.resources.iter().map(|resource| resource.service.0).collect();
        let schema = cx.layout.spec(TableId::Resources).schema.clone();
        let [map, types] = self.map.finish(closing, rows)?;
        let columns = vec![
            required_ids::<16>(ids)?,
            required_numbers::<TimestampNanosecondType>(vec![cx.received.0; rows], schema.field(1).data_type()),
            closing.required_column(services)?,
            map,
            types,
            self.schema_url.finish(closing, rows)?,
            self.dropped.finish(&DataType::Int64, closing, rows),
        ];
        let batch = TableBatch {
            table: TableId::Resources,
            rows: RecordBatch::try_new(schema, columns)?,
            time_min: cx.received.0,
            time_max: cx.received.0,
            overflow: Vec::new(),
        };
        Ok((Some(batch), self.resources.into_iter().map(|resource| resource.sender).collect()))
    }
}

/// Writes the entries of the map row under construction, sorted by key; entries of one key stay in the order sent.
pub(super) fn write_open_row(canonical: &mut Canonical, pool: &TextPool, map: &MapColumn) {
    let mut entries: Vec<_> = map.open_row().map(|(key, value, tag)| (pool.get(key), value, tag)).collect();
    entries.sort_by_key(|(key, _, _)| *key);
    canonical.number(entries.len() as u64);
    for (key, value, tag) in entries {
        canonical.part(key);
        canonical.part(&[tag]);
        canonical.part(pool.get(value));
    }
}

/// The attributes that say who a sender is.
#[derive(Default)]
struct Names {
    service: Option<Text>,
    environment: Option<Text>,
    instance: Option<Text>,
    pod: Option<Text>,
    host: Option<Text>,
}

impl Names {
    fn note(&mut self, key: &[u8], text: Text) {
        match key {
            b"service.name" if text != Text::EMPTY => self.service = Some(text),
            b"deployment.environment.name" => self.environment = Some(text),
            b"deployment.environment" => self.environment = self.environment.or(Some(text)),
            b"service.instance.id" => self.instance = Some(text),
            b"k8s.pod.name" => self.pod = Some(text),
            b"host.name" => self.host = Some(text),
            _ => {}
        }
    }

    fn resource(self, cx: &mut Context<'_>, id: ContentHash, flags: RowFlags) -> Resource {
        let service = self.service.unwrap_or_else(|| cx.pool.intern(UNKNOWN_SERVICE.as_bytes()));
        let text = |text: Text| String::from_utf8_lossy(cx.pool.get(text)).into_owned();
        let sender = SenderCount {
            service: text(service),
            instance: self.instance.or(self.pod).or(self.host).map(text),
            ..SenderCount::default()
        };
        let environment = self.environment.unwrap_or(Text::NULL);
        Resource { id, service, environment, flags, sender }
    }
}
