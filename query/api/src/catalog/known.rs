//! The catalog as it is asked: the file's word, and what was told by the API.

use super::entry::{Customer, ServiceEntry, check_customers};
use super::file::CatalogFile;
use crate::{Asker, Problem};
use graph::{Importance, Relation, Topology};
use http::StatusCode;
use metastore::{Document, Documents, Metastore, MetastoreError};
use model::UnixNanos;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Most services of one workspace's catalog.
pub(super) const SERVICES_MAX: u32 = 10_000;

/// Who said so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EntrySource {
    /// The catalog file: change it there.
    File,
    Api,
}

/// An entry with its source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Known {
    pub(crate) entry: ServiceEntry,
    pub(crate) source: EntrySource,
    /// When the API was told; none for the file's.
    pub(crate) updated: Option<UnixNanos>,
}

/// The service catalog and the topology. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Catalog {
    file: std::sync::Arc<CatalogFile>,
    services: Documents,
    customers: Documents,
    topology: Documents,
}

/// The one key of kinds that have a single document.
const ALL: &str = "all";

impl Catalog {
    /// What the file says, beside what the metastore keeps.
    pub fn new(metastore: &Metastore, file: CatalogFile) -> Self {
        Self {
            file: std::sync::Arc::new(file),
            services: metastore.documents("catalog.service", SERVICES_MAX),
            customers: metastore.documents("catalog.customers", 1),
            topology: metastore.documents("catalog.topology", 1),
        }
    }

    /// The file, as far as it speaks of the asker's workspace.
    fn file(&self, asker: &Asker) -> Option<&CatalogFile> {
        (self.file.workspace == asker.workspace).then_some(&*self.file)
    }

    pub(super) fn service_of_file(&self, asker: &Asker, name: &str) -> Option<&ServiceEntry> {
        self.file(asker)?.services.get(name)
    }

    /// What is told of every service, by name.
    ///
    /// # Errors
    /// When the metastore does not answer.
    pub async fn entries(&self, asker: &Asker) -> Result<BTreeMap<String, ServiceEntry>, Problem> {
        Ok(self.services(asker).await?.into_iter().map(|(name, known)| (name, known.entry)).collect())
    }

    /// The relations that were declared.
    ///
    /// # Errors
    /// When the metastore does not answer.
    pub async fn declared(&self, asker: &Asker) -> Result<Topology, Problem> {
        Ok(self.topology(asker).await?.0)
    }

    /// Every entry by name.
    pub(crate) async fn services(&self, asker: &Asker) -> Result<BTreeMap<String, Known>, Problem> {
        let mut services = BTreeMap::new();
        for document in self.services.list(&asker.workspace).await.map_err(stored)? {
            let known = Known { entry: read(&document)?, source: EntrySource::Api, updated: Some(document.updated) };
            services.insert(document.key, known);
        }
        for (name, entry) in self.file(asker).into_iter().flat_map(|file| &file.services) {
            let known = Known { entry: entry.clone(), source: EntrySource::File, updated: None };
            services.insert(name.clone(), known);
        }
        Ok(services)
    }

    pub(super) async fn service(&self, asker: &Asker, name: &str) -> Result<Option<Known>, Problem> {
        if let Some(entry) = self.service_of_file(asker, name) {
            return Ok(Some(Known { entry: entry.clone(), source: EntrySource::File, updated: None }));
        }
        let document = self.services.get(&asker.workspace, name).await.map_err(stored)?;
        document.map(|d| Ok(Known { entry: read(&d)?, source: EntrySource::Api, updated: Some(d.updated) })).transpose()
    }

    pub(super) async fn put_service(
        &self,
        asker: &Asker,
        name: &str,
        entry: &ServiceEntry,
        now: UnixNanos,
    ) -> Result<(), Problem> {
        put(&self.services, asker, name, entry, now).await
    }

    /// Customers of the file, then those told by the API that the file does not name.
    pub(crate) async fn customers(&self, asker: &Asker) -> Result<Vec<(Customer, EntrySource)>, Problem> {
        let of_file: Vec<Customer> = self.file(asker).map(|file| file.customers.clone()).unwrap_or_default();
        let told: Vec<Customer> = one(&self.customers, asker).await?;
        let named =
            |customer: &Customer| of_file.iter().any(|c| (&c.key, &c.value) == (&customer.key, &customer.value));
        let told: Vec<_> = told.into_iter().filter(|c| !named(c)).map(|c| (c, EntrySource::Api)).collect();
        Ok(of_file.into_iter().map(|c| (c, EntrySource::File)).chain(told).collect())
    }

    pub(super) async fn put_customers(
        &self,
        asker: &Asker,
        customers: &[Customer],
        now: UnixNanos,
    ) -> Result<(), Problem> {
        check_customers(customers).map_err(Problem::invalid)?;
        let mut all: Vec<Customer> = self.file(asker).map(|file| file.customers.clone()).unwrap_or_default();
        all.extend_from_slice(customers);
        check_together(&all)?;
        put(&self.customers, asker, ALL, &customers, now).await
    }

    /// Relations of the file and of the API, each once; the file's are marked so.
    pub(crate) async fn topology(&self, asker: &Asker) -> Result<(Topology, Vec<(Relation, EntrySource)>), Problem> {
        let of_file: Vec<Relation> = self.file(asker).map(|file| file.topology.written()).unwrap_or_default();
        let told: Vec<Relation> = one(&self.topology, asker).await?;
        let in_file: std::collections::HashSet<&Relation> = of_file.iter().collect();
        let more: Vec<Relation> = told.into_iter().filter(|relation| !in_file.contains(relation)).collect();
        let sources = of_file.iter().map(|r| (r.clone(), EntrySource::File));
        let sources: Vec<_> = sources.chain(more.iter().map(|r| (r.clone(), EntrySource::Api))).collect();
        let all: Vec<Relation> = sources.iter().map(|(relation, _)| relation.clone()).collect();
        // Each list is within its bound; both together may be twice it.
        let halves = [&all[..of_file.len()], &all[of_file.len()..]];
        let [first, second] = halves.map(|half| Topology::new(half).map_err(|e| Problem::internal(e.to_string())));
        Ok((first?.joined(&second?), sources))
    }

    pub(super) async fn put_topology(
        &self,
        asker: &Asker,
        relations: &[Relation],
        now: UnixNanos,
    ) -> Result<(), Problem> {
        let topology = Topology::new(relations).map_err(|error| Problem::invalid(error.to_string()))?;
        put(&self.topology, asker, ALL, &topology.written(), now).await
    }

    /// Services that are not of normal importance.
    pub(crate) async fn weights(&self, asker: &Asker) -> Result<Vec<(String, Importance)>, Problem> {
        let services = self.services(asker).await?;
        let weights = services.into_iter().map(|(name, known)| (name, known.entry.weight()));
        Ok(weights.filter(|(_, importance)| *importance != Importance::Normal).collect())
    }
}

/// Those of the file and those of the API, each once.
fn check_together(customers: &[Customer]) -> Result<(), Problem> {
    let alike = |e: String| Problem::invalid(format!("together with the catalog file: {e}"));
    let mut once: Vec<Customer> = Vec::with_capacity(customers.len());
    for customer in customers {
        if !once.iter().any(|c| (&c.key, &c.value) == (&customer.key, &customer.value)) {
            once.push(customer.clone());
        }
    }
    check_customers(&once).map_err(alike)
}

fn read<T: serde::de::DeserializeOwned>(document: &Document) -> Result<T, Problem> {
    serde_json::from_str(&document.json).map_err(|error| {
        Problem::internal(format!("the catalog's document {:?} cannot be read: {error}", document.key))
    })
}

async fn one<T: serde::de::DeserializeOwned + Default>(documents: &Documents, asker: &Asker) -> Result<T, Problem> {
    let document = documents.get(&asker.workspace, ALL).await.map_err(stored)?;
    document.map(|document| read(&document)).transpose().map(Option::unwrap_or_default)
}

async fn put(
    documents: &Documents,
    asker: &Asker,
    key: &str,
    value: &impl Serialize,
    now: UnixNanos,
) -> Result<(), Problem> {
    let json = serde_json::to_string(value).map_err(|error| Problem::internal(error.to_string()))?;
    let document = Document { key: key.into(), json, updated: now };
    documents.put(&asker.workspace, &document).await.map_err(stored)
}

fn stored(error: MetastoreError) -> Problem {
    match error {
        MetastoreError::Full { .. } => {
            Problem::new(StatusCode::CONFLICT, "full", "There is no room for more", error.to_string())
        }
        MetastoreError::Busy | MetastoreError::Disk(_) => Problem::unavailable(error.to_string()),
        _ => Problem::internal(error.to_string()),
    }
}
