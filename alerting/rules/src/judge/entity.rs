//! Whom an alert is about, by the labels of its series.

use crate::Labels;
use model::{Entity, EntityKind};

/// The narrowest entity that the labels name.
pub(crate) fn entity_of(labels: &Labels) -> Option<Entity> {
    let of = |name: &str| labels.get(name).filter(|value| !value.is_empty());
    if let (Some(peer), Some(kind)) = (of("peer"), of("peer_type").and_then(|kind| EntityKind::from_name(kind))) {
        return Some(Entity::new(kind, peer));
    }
    if let (Some(service), Some(operation)) = (of("service"), of("operation")) {
        return Some(Entity::new(EntityKind::Operation, format!("{service}/{operation}")));
    }
    let narrower = [
        ("k8s.pod.name", EntityKind::Pod),
        ("service.instance.id", EntityKind::Instance),
        ("k8s.node.name", EntityKind::Node),
        ("host.name", EntityKind::Host),
        ("device.name", EntityKind::Device),
        ("network.device.name", EntityKind::Device),
        ("store.id", EntityKind::Site),
        ("site.id", EntityKind::Site),
        ("cloud.region", EntityKind::Region),
        ("service", EntityKind::Service),
    ];
    narrower.into_iter().find_map(|(label, kind)| Some(Entity::new(kind, of(label)?.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_entity_is_blamed() {
        for (labels, entity) in [
            (vec![("service", "order")], Some("service:order")),
            (vec![("service", "order"), ("operation", "POST /o")], Some("operation:order/POST /o")),
            (
                vec![("service", "order"), ("peer", "mysql/orders"), ("peer_type", "database")],
                Some("database:mysql/orders"),
            ),
            (vec![("service", "order"), ("k8s.pod.name", "order-1")], Some("pod:order-1")),
            (vec![("host.name", "h1")], Some("host:h1")),
            (vec![("device", "sda")], None),
        ] {
            let labels: Labels = labels.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            assert_eq!(entity_of(&labels).map(|e| e.to_string()).as_deref(), entity);
        }
    }
}
