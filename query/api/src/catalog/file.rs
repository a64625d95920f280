//! The catalog as a YAML file: services, customers, topology.
//!
//! Every error says line and column. What the file says is the file's: the API shows it and refuses to
//! change it.

use super::entry::{Customer, ServiceEntry, check_customers};
use graph::{Relation, Topology};
use model::Workspace;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};
use std::collections::BTreeMap;

/// A checked catalog file.
#[derive(Clone, Debug, Default)]
pub struct CatalogFile {
    /// Whose estate it describes.
    pub(super) workspace: Workspace,
    pub(super) services: BTreeMap<String, ServiceEntry>,
    pub(super) customers: Vec<Customer>,
    pub(super) topology: Topology,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    workspace: Option<Spanned<String>>,
    #[serde(default)]
    services: Vec<Spanned<Service>>,
    #[serde(default)]
    customers: Vec<Spanned<Customer>>,
    #[serde(default)]
    topology: Vec<Spanned<Relation>>,
}

/// A [`ServiceEntry`] with its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    name: String,
    owner: Option<String>,
    team: Option<String>,
    importance: Option<super::entry::ImportanceName>,
    runbook: Option<String>,
    repository: Option<String>,
}

/// What is wrong with a catalog file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CatalogFileError {
    #[error("line {line}, column {column}: {what}")]
    At { line: u64, column: u64, what: String },
    #[error("{0}")]
    Whole(String),
}

fn at(location: Location, what: impl ToString) -> CatalogFileError {
    CatalogFileError::At { line: location.line(), column: location.column(), what: what.to_string() }
}

impl CatalogFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(text: &str) -> Result<Self, CatalogFileError> {
        let written: Written = serde_saphyr::from_str(text).map_err(|error| {
            let bare = error.without_snippet();
            match bare.location() {
                Some(location) => at(location, without_place(&bare.to_string())),
                None => CatalogFileError::Whole(bare.to_string()),
            }
        })?;
        let workspace = match &written.workspace {
            Some(name) => Workspace::new(&name.value).map_err(|error| at(name.referenced, error))?,
            None => Workspace::default(),
        };
        let services = services(written.services)?;
        let (customers, topology) = (customers(written.customers)?, topology(&written.topology)?);
        Ok(Self { workspace, services, customers, topology })
    }

    /// How many services, customers and relations it names.
    pub fn counts(&self) -> [usize; 3] {
        [self.services.len(), self.customers.len(), self.topology.written().len()]
    }
}

/// The parser says the place in its sentence as well; once is enough.
fn without_place(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(what, _)| what)
}

fn services(written: Vec<Spanned<Service>>) -> Result<BTreeMap<String, ServiceEntry>, CatalogFileError> {
    let mut services = BTreeMap::new();
    for service in written {
        let place = service.referenced;
        let Service { name, owner, team, importance, runbook, repository } = service.value;
        let entry = ServiceEntry { owner, team, importance, runbook, repository };
        entry.check(&name).map_err(|what| at(place, what))?;
        if services.contains_key(&name) {
            return Err(at(place, format!("service {name:?} is listed twice")));
        }
        services.insert(name, entry);
    }
    Ok(services)
}

fn customers(written: Vec<Spanned<Customer>>) -> Result<Vec<Customer>, CatalogFileError> {
    let place = written.first().map(|first| first.referenced);
    let customers: Vec<Customer> = written.into_iter().map(|customer| customer.value).collect();
    match (check_customers(&customers), place) {
        (Err(what), Some(place)) => Err(at(place, what)),
        (Err(what), None) => Err(CatalogFileError::Whole(what)),
        (Ok(()), _) => Ok(customers),
    }
}

fn topology(written: &[Spanned<Relation>]) -> Result<Topology, CatalogFileError> {
    // One by one first, so that an error has the place of its own line.
    for relation in written {
        let one = Topology::new(std::slice::from_ref(&relation.value));
        one.map_err(|error| at(relation.referenced, without_number(&error.to_string())))?;
    }
    let all: Vec<Relation> = written.iter().map(|relation| relation.value.clone()).collect();
    Topology::new(&all).map_err(|error| CatalogFileError::Whole(error.to_string()))
}

fn without_number(message: &str) -> &str {
    message.strip_prefix("relation 0: ").unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
services:
  - name: order
    owner: li.wei
    team: trade
    importance: critical
    runbook: https://wiki/order
  - name: search
customers:
  - { key: tenant.id, value: t1, importance: high }
topology:
  - { from: 'device:printer-7', relation: at, to: 'site:store-1' }
";

    #[test]
    fn a_file_names_services_customers_and_relations() {
        let file = CatalogFile::parse(GOOD).unwrap();
        assert_eq!(file.counts(), [2, 1, 1]);
        assert_eq!(file.services["order"].team.as_deref(), Some("trade"));
        assert_eq!(file.workspace, Workspace::default());
        assert_eq!(CatalogFile::parse("services: []").unwrap().counts(), [0, 0, 0]);
    }

    #[test]
    fn an_error_says_line_and_column_and_what_would_be_right() {
        for (text, place, says) in [
            ("services:\n  - name: a\n    colour: red\n", "line 3", "colour"),
            ("services:\n  - owner: x\n", "line 2", "name"),
            ("services:\n  - name: a\n    importance: vip\n", "line 3", "critical"),
            ("services:\n  - name: a\n  - name: a\n", "line 3, column 5", "listed twice"),
            ("services:\n  - name: a\n    runbook: ftp://x\n", "line 2, column 5", "begins with https://"),
            ("topology:\n  - {from: 'pod:a', relation: at, to: b}\n", "line 2, column 5", "write kind:name"),
            ("topology:\n  - {from: 'pod:a', relation: near, to: 'site:b'}\n", "line 2", "runs_on"),
            ("workspace: '../x'\n", "line 1, column 12", "workspace name"),
            ("services: [\n", "line", ""),
        ] {
            let error = CatalogFile::parse(text).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains(says), "{text:?} gave {error:?}");
            assert!(!error.contains(" at line "), "{error}");
        }
    }
}
