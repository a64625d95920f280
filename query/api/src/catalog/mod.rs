//! The catalog: whose services are, who matters, and what telemetry cannot tell of the estate.
//!
//! `[catalog] file` and the API both tell it. A name in the file is the file's: the API shows it and
//! refuses to change it, so that a file under version control cannot be contradicted silently. Relations
//! of the topology add up.

mod entry;
mod file;
mod known;

pub use entry::{Customer, ImportanceName, ServiceEntry};
pub use file::{CatalogFile, CatalogFileError};
pub use known::Catalog;
pub(crate) use known::{EntrySource, Known};

use crate::describe::AnyProblem;
use crate::page::{Page, read_cursor, read_limit, write_cursor};
use crate::params::Params;
use crate::render::timestamp_text;
use crate::{Api, Asker, Problem};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::{Extension, Json};
use graph::{Relation, RelationKind};
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Largest topology as JSON: [`graph::RELATIONS_MAX`] relations.
const TOPOLOGY_BYTES_MAX: usize = 16 << 20;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    let large =
        OpenApiRouter::new().routes(routes!(topology, put_topology)).layer(DefaultBodyLimit::max(TOPOLOGY_BYTES_MAX));
    OpenApiRouter::new()
        .routes(routes!(services))
        .routes(routes!(service, put_service))
        .routes(routes!(customers, put_customers))
        .merge(large)
}

/// What the catalog says of one service.
#[derive(Serialize, ToSchema)]
struct CatalogEntry {
    name: String,
    owner: Option<String>,
    team: Option<String>,
    /// low, normal, high or critical; null where nothing is said, which counts as normal.
    #[schema(value_type = Option<String>)]
    importance: Option<ImportanceName>,
    runbook: Option<String>,
    repository: Option<String>,
    source: EntrySource,
    /// When it was told by the API, RFC 3339; null for the file's.
    updated: Option<String>,
}

fn described(name: String, known: Known) -> CatalogEntry {
    let updated = known.updated.map(|at| timestamp_text(at.0));
    let ServiceEntry { owner, team, importance, runbook, repository } = known.entry;
    CatalogEntry { name, owner, team, importance, runbook, repository, source: known.source, updated }
}

/// The service catalog, by name.
#[utoipa::path(get, path = "/api/v1/catalog/services", operation_id = "catalog_services", tag = "catalog",
    params(("limit" = Option<usize>, Query, description = "1 to 10,000; 1,000 without it."),
        ("cursor" = Option<String>, Query, description = "Where an earlier answer ended.")),
    responses((status = 200, description = "Entries of the file and of the API.", body = Page<CatalogEntry>),
        (status = "default", response = AnyProblem)))]
async fn services(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<CatalogEntry>>, Problem> {
    const QUESTION: &str = "catalog services";
    let params = Params::read(&uri, &["limit", "cursor"])?;
    let limit = read_limit(&params, 1_000, 10_000)?;
    let after: Option<String> = read_cursor(&params, QUESTION)?;
    let all = api.catalog.services(&asker).await?;
    let mut rest = all.into_iter().filter(|(name, _)| after.as_ref().is_none_or(|after| name > after));
    let mut page = Page::whole(rest.by_ref().take(limit).map(|(name, known)| described(name, known)).collect());
    if rest.next().is_some() {
        let last = page.items.last().map(|item: &CatalogEntry| item.name.clone());
        page.next_cursor = Some(write_cursor(QUESTION, last)?);
    }
    Ok(Json(page))
}

/// What the catalog says of a service.
#[utoipa::path(get, path = "/api/v1/catalog/services/{name}", operation_id = "catalog_service", tag = "catalog",
    params(("name" = String, Path, description = "The service's name.")),
    responses((status = 200, description = "The entry.", body = CatalogEntry), (status = "default", response = AnyProblem)))]
async fn service(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Json<CatalogEntry>, Problem> {
    Params::read(&uri, &[])?;
    match api.catalog.service(&asker, &name).await? {
        Some(known) => Ok(Json(described(name, known))),
        None => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "There is no such thing",
            format!(
                "the catalog has no service {name:?}: PUT an entry, or list those there are at /api/v1/catalog/services"
            ),
        )),
    }
}

/// Says whose a service is, in place of what was said before.
#[utoipa::path(put, path = "/api/v1/catalog/services/{name}", operation_id = "put_catalog_service", tag = "catalog",
    params(("name" = String, Path, description = "The service's name.")), request_body = ServiceEntry,
    responses((status = 200, description = "The entry as it is kept.", body = CatalogEntry),
        (status = "default", response = AnyProblem)))]
async fn put_service(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    Path(name): Path<String>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<CatalogEntry>, Problem> {
    Params::read(&uri, &[])?;
    let entry: ServiceEntry = read_body(
        &body,
        "{\"owner\", \"team\", \"importance\": low, normal, high or critical, \"runbook\", \"repository\"}, each of them optional",
    )?;
    entry.check(&name).map_err(Problem::invalid)?;
    if api.catalog.service_of_file(&asker, &name).is_some() {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "kept-in-file",
            "The catalog file says this",
            format!("service {name:?} stands in the catalog file ([catalog] file): change it there and start anew"),
        ));
    }
    let now = api.now();
    api.catalog.put_service(&asker, &name, &entry, now).await?;
    Ok(Json(described(name, Known { entry, source: EntrySource::Api, updated: Some(now) })))
}

/// Customers whose importance is not normal.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Customers {
    customers: Vec<Customer>,
}

#[derive(Serialize, ToSchema)]
struct CustomerAnswer {
    key: String,
    value: String,
    /// low, normal, high or critical.
    #[schema(value_type = String)]
    importance: ImportanceName,
    source: EntrySource,
}

/// Customers, stores and channels that matter more or less than others in the experience score.
#[utoipa::path(get, path = "/api/v1/catalog/customers", operation_id = "catalog_customers", tag = "catalog",
    responses((status = 200, description = "All of them.", body = Page<CustomerAnswer>), (status = "default", response = AnyProblem)))]
async fn customers(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<CustomerAnswer>>, Problem> {
    Params::read(&uri, &[])?;
    let all = api.catalog.customers(&asker).await?;
    let told = |(Customer { key, value, importance }, source)| CustomerAnswer { key, value, importance, source };
    Ok(Json(Page::whole(all.into_iter().map(told).collect())))
}

/// Says which customers matter, in place of what was said before; those of the file stay.
#[utoipa::path(put, path = "/api/v1/catalog/customers", operation_id = "put_catalog_customers", tag = "catalog",
    request_body = Customers,
    responses((status = 200, description = "All that are known now.", body = Page<CustomerAnswer>),
        (status = "default", response = AnyProblem)))]
async fn put_customers(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<Page<CustomerAnswer>>, Problem> {
    Params::read(&uri, &[])?;
    let told: Customers = read_body(
        &body,
        "{\"customers\": [{\"key\": \"tenant.id\", \"value\": \"t1\", \"importance\": \"critical\"}]} with importance \
         low, normal, high or critical",
    )?;
    api.catalog.put_customers(&asker, &told.customers, api.now()).await?;
    customers(State(api), Extension(asker), uri).await
}

/// One line of a topology.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RelationText {
    /// `kind:name`, such as `device:printer-7`.
    from: String,
    /// runs_on, depends_on, at, calls or instance_of.
    #[schema(value_type = String)]
    relation: RelationKind,
    /// `kind:name`, such as `site:store-1`.
    to: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TopologyText {
    relations: Vec<RelationText>,
}

#[derive(Serialize, ToSchema)]
struct RelationAnswer {
    from: String,
    /// runs_on, depends_on, at, calls or instance_of.
    #[schema(value_type = String)]
    relation: RelationKind,
    to: String,
    source: EntrySource,
}

/// What telemetry cannot tell: what runs on what, what depends on what, which device is at which site.
#[utoipa::path(get, path = "/api/v1/catalog/topology", operation_id = "topology", tag = "catalog",
    responses((status = 200, description = "All relations.", body = Page<RelationAnswer>), (status = "default", response = AnyProblem)))]
async fn topology(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
) -> Result<Json<Page<RelationAnswer>>, Problem> {
    Params::read(&uri, &[])?;
    let (_, relations) = api.catalog.topology(&asker).await?;
    let written = |(relation, source): (Relation, EntrySource)| {
        let Relation { from, relation, to } = relation;
        RelationAnswer { from, relation, to, source }
    };
    Ok(Json(Page::whole(relations.into_iter().map(written).collect())))
}

/// Tells the topology, in place of what the API was told before; relations of the file stay.
#[utoipa::path(put, path = "/api/v1/catalog/topology", operation_id = "put_topology", tag = "catalog",
    request_body = TopologyText,
    responses((status = 200, description = "All relations that are known now.", body = Page<RelationAnswer>),
        (status = "default", response = AnyProblem)))]
async fn put_topology(
    State(api): State<Api>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<Page<RelationAnswer>>, Problem> {
    Params::read(&uri, &[])?;
    let told: TopologyText = read_body(
        &body,
        "{\"relations\": [{\"from\": \"device:printer-7\", \"relation\": \"at\", \"to\": \"site:store-1\"}]} with relation \
         runs_on, depends_on, at, calls or instance_of",
    )?;
    let relations: Vec<Relation> =
        told.relations.into_iter().map(|RelationText { from, relation, to }| Relation { from, relation, to }).collect();
    api.catalog.put_topology(&asker, &relations, api.now()).await?;
    topology(State(api), Extension(asker), uri).await
}

fn read_body<T: serde::de::DeserializeOwned>(body: &[u8], right: &str) -> Result<T, Problem> {
    // A list would be read as the fields in their order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::invalid(format!("the body is not a JSON object: send {right}")));
    }
    serde_json::from_slice(body)
        .map_err(|error| Problem::invalid(format!("the body cannot be read: {error}; send {right}")))
}
