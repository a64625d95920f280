//! What stands in the description beside the calls themselves.

use serde::Serialize;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, License, ObjectBuilder, OpenApi, OpenApiBuilder, RefOr, Response,
};
use utoipa::{ToResponse, ToSchema};

/// What went wrong (RFC 9457): `detail` says which input is wrong, and what would be right.
#[derive(Debug, Serialize, ToSchema, ToResponse)]
#[response(
    description = "What went wrong, and what would be right (RFC 9457).",
    content_type = "application/problem+json"
)]
pub struct AnyProblem {
    /// `urn:stormglass:problem:` and a name that programs can tell problems apart by.
    r#type: String,
    title: String,
    status: u16,
    detail: String,
}

/// How the calls of Jaeger's API refuse: in Jaeger's own envelope, or, where somebody may not ask at all, by a problem.
pub(crate) struct JaegerRefusal;

impl<'r> ToResponse<'r> for JaegerRefusal {
    fn response() -> (&'r str, RefOr<Response>) {
        let (_, mut refusal) = AnyProblem::response();
        if let RefOr::T(response) = &mut refusal {
            let envelope = ContentBuilder::new().schema(Some(ObjectBuilder::new()));
            response.content.insert("application/json".to_owned(), envelope.into());
            response.description =
                "Errors in Jaeger's envelope; who may not ask is told so by a problem (RFC 9457).".to_owned();
        }
        ("JaegerRefusal", refusal)
    }
}

/// Title, licence, and how callers prove who they are.
pub(crate) fn base() -> OpenApi {
    let mut license = License::new("Apache-2.0");
    license.identifier = Some("Apache-2.0".into());
    let info = InfoBuilder::new().title("Stormglass").license(Some(license)).build();
    let mut components = Components::new();
    components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    for (name, response) in [AnyProblem::response(), JaegerRefusal::response()] {
        components.responses.insert(name.to_owned(), response);
    }
    // On a loopback without tokens nobody is asked.
    let security = [SecurityRequirement::new("token", Vec::<String>::new()), SecurityRequirement::default()];
    OpenApiBuilder::new().info(info).components(Some(components)).security(Some(security)).build()
}

/// Method and path of every call.
pub(crate) fn operations(description: &OpenApi) -> Vec<(String, String)> {
    let of = |path: &str, item: &PathItem| {
        let methods: [(&str, &Option<Operation>); 5] = [
            ("GET", &item.get),
            ("POST", &item.post),
            ("PUT", &item.put),
            ("DELETE", &item.delete),
            ("HEAD", &item.head),
        ];
        let named = methods.into_iter().filter(|(_, operation)| operation.is_some());
        named.map(|(method, _)| (method.to_owned(), path.to_owned())).collect::<Vec<_>>()
    };
    description.paths.paths.iter().flat_map(|(path, item)| of(path, item)).collect()
}

#[cfg(test)]
mod tests {
    use crate::router::described;
    use std::collections::HashSet;

    #[test]
    fn every_call_is_described_with_an_id_of_its_own_an_answer_and_a_problem() {
        let description = serde_json::to_value(described()).unwrap();
        let mut ids = HashSet::new();
        for (path, item) in description["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap();
                assert!(ids.insert(id.to_owned()), "{id} twice");
                assert!(operation["summary"].is_string() || operation["description"].is_string(), "{method} {path}");
                let responses = operation["responses"].as_object().unwrap();
                assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
                assert!(responses.contains_key("default"), "{method} {path}");
            }
        }
        assert!(ids.len() >= 9);
    }
}
