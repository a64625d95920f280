//! Where an alert is: the entity it is about, and what its labels say that entity belongs to.
//!
//! It refuses to guess where labels say nothing: an alert may be nowhere. Labels name the thing, the terrain
//! says under which kind the thing is known.

use crate::alert::Alert;
use crate::terrain::Terrain;
use model::{Entity, EntityKind};

/// See the module. `service` and `node` are set where the entity is not them itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    pub entity: Option<Entity>,
    pub service: Option<Entity>,
    pub node: Option<Entity>,
}

const SERVICE: &[&str] = &[
    "service",
    "service_name",
    "service.name",
    "app",
    "application",
    "app_kubernetes_io_name",
    "deployment",
    "k8s_deployment_name",
    "statefulset",
    "workload",
];
const POD: &[&str] = &["pod", "pod_name", "k8s_pod_name", "k8s.pod.name", "kubernetes_pod_name"];
const INSTANCE: &[&str] = &["service_instance_id", "service.instance.id", "instance"];
const NODE: &[&str] = &["node", "k8s_node_name", "k8s.node.name", "kubernetes_node", "nodename"];
const HOST: &[&str] = &["host", "hostname", "host_name", "host.name", "server"];
/// Things that are neither service nor machine, by the label that names them.
const THINGS: &[(&str, EntityKind)] = &[
    ("database", EntityKind::Database),
    ("datname", EntityKind::Database),
    ("db_name", EntityKind::Database),
    ("db.namespace", EntityKind::Database),
    ("cache", EntityKind::Cache),
    ("queue", EntityKind::Queue),
    ("topic", EntityKind::Queue),
    ("messaging_destination_name", EntityKind::Queue),
    ("messaging.destination.name", EntityKind::Queue),
    ("third_party", EntityKind::ThirdParty),
    ("device", EntityKind::Device),
    ("network_device_name", EntityKind::Device),
    ("network.device.name", EntityKind::Device),
    ("site", EntityKind::Site),
    ("region", EntityKind::Region),
];
const MACHINES: &[EntityKind] = &[EntityKind::Node, EntityKind::Host];
const PARTS: &[EntityKind] = &[EntityKind::Pod, EntityKind::Instance];

/// Where this alert is.
pub fn place(alert: &Alert, terrain: &Terrain) -> Place {
    let service = alert.first_label(SERVICE).map(Entity::service);
    let node = machine(alert, terrain);
    let entity = stated(alert, terrain)
        .or_else(|| thing(alert, service.as_ref()))
        .or_else(|| part(alert, terrain, service.is_some()))
        .or_else(|| service.clone())
        .or_else(|| node.clone())
        .or_else(|| lonely(alert, terrain));
    let entity = entity.map(|entity| match terrain.find(&entity) {
        Some(spot) => terrain.entity(spot).clone(),
        None => entity,
    });
    Place {
        service: service.filter(|service| Some(service) != entity.as_ref()),
        node: node.filter(|node| Some(node) != entity.as_ref()),
        entity,
    }
}

/// `entity = kind:name`, or `entity` with `entity_type`.
fn stated(alert: &Alert, terrain: &Terrain) -> Option<Entity> {
    let name = alert.first_label(&["entity", "entity_name"])?;
    if let Some((kind, rest)) = name.split_once(':')
        && let Some(kind) = EntityKind::from_name(kind)
    {
        return (!rest.is_empty()).then(|| Entity::new(kind, rest));
    }
    let kind = alert.first_label(&["entity_type", "entity_kind"]).and_then(kind_of_word);
    let known = || terrain.named(name, EntityKind::ALL).map(|spot| terrain.entity(spot).kind);
    Some(Entity::new(kind.or_else(known).unwrap_or(EntityKind::Service), name))
}

/// The kind behind a sender's word for it: `Service_Instance`, `K8s Node`, `rds`.
fn kind_of_word(word: &str) -> Option<EntityKind> {
    let word = word.to_ascii_lowercase();
    if let Some(kind) = EntityKind::from_name(&word) {
        return Some(kind);
    }
    [
        ("instance", EntityKind::Instance),
        ("pod", EntityKind::Pod),
        ("container", EntityKind::Instance),
        ("node", EntityKind::Node),
        ("host", EntityKind::Host),
        ("vm", EntityKind::Host),
        ("database", EntityKind::Database),
        ("db", EntityKind::Database),
        ("cache", EntityKind::Cache),
        ("redis", EntityKind::Cache),
        ("queue", EntityKind::Queue),
        ("topic", EntityKind::Queue),
        ("service", EntityKind::Service),
        ("deployment", EntityKind::Service),
        ("application", EntityKind::Service),
    ]
    .into_iter()
    .find(|(part, _)| word.contains(part))
    .map(|(_, kind)| kind)
}

fn thing(alert: &Alert, service: Option<&Entity>) -> Option<Entity> {
    let (label, kind) = THINGS.iter().find(|(label, _)| alert.first_label(&[label]).is_some())?;
    // A region or site that stands beside a service says where the service is, not what the alert is about.
    if service.is_some() && matches!(kind, EntityKind::Region | EntityKind::Site) {
        return None;
    }
    // A disk's or interface's device name beside an instance is not a network device.
    if *label == "device" && alert.first_label(INSTANCE).is_some() {
        return None;
    }
    alert.first_label(&[label]).map(|name| Entity::new(*kind, name))
}

fn part(alert: &Alert, terrain: &Terrain, has_service: bool) -> Option<Entity> {
    if let Some(pod) = alert.first_label(POD) {
        return Some(Entity::new(EntityKind::Pod, pod));
    }
    let instance = alert.first_label(INSTANCE)?;
    if let Some(spot) = terrain.named(instance, PARTS) {
        return Some(terrain.entity(spot).clone());
    }
    let bare = without_port(instance);
    if let Some(spot) = terrain.named(bare, MACHINES) {
        return Some(terrain.entity(spot).clone());
    }
    has_service.then(|| Entity::new(EntityKind::Instance, instance))
}

fn machine(alert: &Alert, terrain: &Terrain) -> Option<Entity> {
    let (name, kind) = alert
        .first_label(NODE)
        .map(|name| (name, EntityKind::Node))
        .or_else(|| alert.first_label(HOST).map(|name| (name, EntityKind::Host)))?;
    let entity = Entity::new(kind, without_port(name));
    Some(terrain.find(&entity).map_or(entity, |spot| terrain.entity(spot).clone()))
}

/// The last resort: `instance` as a host, then `job` as a service.
fn lonely(alert: &Alert, terrain: &Terrain) -> Option<Entity> {
    if let Some(job) = alert.first_label(&["job"])
        && let Some(spot) = terrain.named(job, &[EntityKind::Service])
    {
        return Some(terrain.entity(spot).clone());
    }
    alert
        .first_label(INSTANCE)
        .map(|instance| Entity::new(EntityKind::Host, without_port(instance)))
        .or_else(|| alert.first_label(&["job"]).map(Entity::service))
}

/// `host:port` without the port; an IPv6 address keeps its colons.
fn without_port(instance: &str) -> &str {
    match instance.rsplit_once(':') {
        Some((host, port))
            if !port.is_empty()
                && port.bytes().all(|byte| byte.is_ascii_digit())
                && (!host.contains(':') || host.ends_with(']')) =>
        {
            host.trim_start_matches('[').trim_end_matches(']')
        }
        _ => instance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Told;
    use crate::estate::{Estate, Link, Relation};
    use model::UnixNanos;

    fn at(labels: &[(&str, &str)]) -> String {
        let link = |from: &str, relation, to: &str| Link {
            from: Entity::read(from),
            relation,
            to: Entity::read(to),
            calls: 1,
            seen: None,
        };
        let terrain = Terrain::of(&Estate {
            links: vec![
                link("pod:order-1", Relation::InstanceOf, "order"),
                link("pod:order-1", Relation::RunsOn, "node:n1"),
            ],
        });
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let alert = Alert::read(Told { labels, ..Told::default() }, UnixNanos(1_700_000_000 * UnixNanos::SECOND));
        let place = place(&alert, &terrain);
        let part = |entity: Option<Entity>| entity.map_or_else(|| "-".to_owned(), |entity| entity.to_string());
        format!("{} {} {}", part(place.entity), part(place.service), part(place.node))
    }

    #[test]
    fn labels_say_where_an_alert_is() {
        for (labels, want) in [
            (&[("service", "order")][..], "service:order - -"),
            (&[("service_name", "order"), ("severity", "page")], "service:order - -"),
            (&[("entity", "database:orders")], "database:orders - -"),
            (&[("entity", "order-1"), ("entity_type", "Service_Instance")], "pod:order-1 - -"),
            (&[("entity", "n1"), ("entity_type", "Host")], "node:n1 - -"),
            (&[("entity", "n1")], "node:n1 - -"),
            (&[("entity", "who")], "service:who - -"),
            (&[("pod", "order-1"), ("node", "n1"), ("service", "order")], "pod:order-1 service:order node:n1"),
            (&[("instance", "n1:9100"), ("job", "node-exporter")], "node:n1 - -"),
            (&[("instance", "10.0.0.7:9100")], "host:10.0.0.7 - -"),
            (&[("instance", "[::1]:9100")], "host:::1 - -"),
            (&[("instance", "10.0.0.7:8080"), ("service", "pay")], "instance:10.0.0.7:8080 service:pay -"),
            (&[("queue", "orders"), ("service", "pay")], "queue:orders service:pay -"),
            (&[("device", "sda"), ("instance", "n1:9100")], "node:n1 - -"),
            (&[("region", "eu"), ("service", "pay")], "service:pay - -"),
            (&[("host", "n1")], "node:n1 - -"),
            (&[("job", "pay")], "service:pay - -"),
            (&[("alertname", "Odd")], "- - -"),
        ] {
            assert_eq!(at(labels), want, "{labels:?}");
        }
    }
}
