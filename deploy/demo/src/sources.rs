//! Who sends telemetry, and what each says of itself: pods, hosts, devices, the cluster, the pipelines.
//!
//! A source is known by its place: pods first, then hosts, devices, and the two of the control plane.

use crate::estate::places::{DEVICES, HOSTS, HostKind, OF_CONTROL};
use crate::estate::services::{Language, Pod};
use crate::telemetry::{int, text};
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

const NAMESPACE: &str = "retail";
const CLUSTER: &str = "retail-east";

/// Places of the sources.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pods: Vec<Pod>,
}

impl Sources {
    pub(crate) fn new() -> Self {
        Self { pods: Pod::all() }
    }

    pub(crate) fn len(&self) -> usize {
        self.pipeline() + 1
    }

    pub(crate) fn pods(&self) -> &[Pod] {
        &self.pods
    }

    pub(crate) fn host(&self, host: usize) -> usize {
        self.pods.len() + host
    }

    pub(crate) fn device(&self, device: usize) -> usize {
        self.host(HOSTS.len()) + device
    }

    /// Whoever watches the cluster's own objects.
    pub(crate) fn cluster(&self) -> usize {
        self.device(DEVICES.len())
    }

    /// Whoever brings releases and configuration out.
    pub(crate) fn pipeline(&self) -> usize {
        self.cluster() + 1
    }

    /// The collector that takes its telemetry.
    pub(crate) fn collector(&self, source: usize) -> usize {
        if let Some(pod) = self.pods.get(source) {
            return HOSTS[pod.host()].collector;
        }
        let host = source - self.pods.len();
        match HOSTS.get(host) {
            Some(host) => host.collector,
            None => DEVICES.get(host - HOSTS.len()).map_or(OF_CONTROL, |device| device.collector),
        }
    }

    /// What it says of itself; `version` is what a pod runs.
    pub(crate) fn resource(&self, source: usize, version: &str) -> Resource {
        let attributes = match self.pods.get(source) {
            Some(pod) => of_pod(*pod, version),
            None => self.of_other(source),
        };
        Resource { attributes, ..Resource::default() }
    }

    fn of_other(&self, source: usize) -> Vec<KeyValue> {
        let at = source - self.pods.len();
        if let Some(host) = HOSTS.get(at) {
            let mut attributes = vec![text("host.name", host.name), text("os.type", "linux")];
            attributes.extend(of_place(at));
            return attributes;
        }
        match DEVICES.get(at - HOSTS.len()) {
            Some(device) => vec![
                text("service.name", "network-monitor"),
                text("network.device.name", device.name),
                text("hw.type", "network"),
                text("hw.name", device.what),
                text("site.id", device.site),
                text("cloud.region", device.region),
            ],
            None if source == self.cluster() => {
                vec![text("service.name", "k8s-cluster"), text("k8s.cluster.name", CLUSTER)]
            }
            None => vec![text("service.name", "release-pipeline"), text("service.namespace", "platform")],
        }
    }

    pub(crate) fn scope(&self, source: usize) -> InstrumentationScope {
        let name = match self.pods.get(source).map(|pod| pod.service.language) {
            Some(Language::Java) => "io.opentelemetry.spring-webmvc-6.0",
            Some(Language::Node) => "@opentelemetry/instrumentation-http",
            Some(Language::Go) => "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",
            Some(Language::Python) => "opentelemetry.instrumentation.fastapi",
            None => "github.com/open-telemetry/opentelemetry-collector-contrib/receiver",
        };
        InstrumentationScope { name: name.into(), version: "2.11.0".into(), ..Default::default() }
    }
}

/// Where a host stands: in the cluster, at a site, in a shop.
fn of_place(host: usize) -> Vec<KeyValue> {
    let host = &HOSTS[host];
    match host.kind {
        HostKind::Node => {
            vec![text("k8s.cluster.name", CLUSTER), text("k8s.node.name", host.name), text("cloud.region", "cn-east-2")]
        }
        HostKind::Mysql | HostKind::Redis | HostKind::Broker => vec![text("cloud.region", "cn-east-2")],
        HostKind::Site => vec![text("site.id", host.site), text("network.device.name", DEVICES[0].name)],
        HostKind::Till => vec![text("site.id", host.site)],
    }
}

fn of_pod(pod: Pod, version: &str) -> Vec<KeyValue> {
    let service = pod.service;
    let host = &HOSTS[pod.host()];
    let language = match service.language {
        Language::Java => "java",
        Language::Go => "go",
        Language::Node => "nodejs",
        Language::Python => "python",
    };
    let mut attributes = vec![
        text("service.name", service.name),
        text("service.namespace", NAMESPACE),
        text("service.version", version),
        text("service.instance.id", pod.name()),
        text("deployment.environment.name", "production"),
        text("telemetry.sdk.name", "opentelemetry"),
        text("telemetry.sdk.language", language),
        text("telemetry.sdk.version", "1.45.0"),
        text("host.name", host.name),
        int("process.pid", 1),
    ];
    attributes.extend(of_place(pod.host()));
    if host.kind == HostKind::Node {
        attributes.extend([
            text("k8s.namespace.name", NAMESPACE),
            text("k8s.pod.name", pod.name()),
            text("k8s.deployment.name", service.name),
            text("k8s.container.name", service.name),
        ]);
    }
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_says_who_it_is_to_one_collector() {
        let sources = Sources::new();
        for source in 0..sources.len() {
            let resource = sources.resource(source, "1.0.0");
            assert!(resource.attributes.len() >= 2, "{source}");
            assert!(sources.collector(source) <= OF_CONTROL);
        }
        let till = sources.pods().iter().rev().find(|p| p.name() == "pos-client-S10005").map(|p| p.index);
        assert_eq!(till.map(|t| sources.collector(t)), Some(10));
    }
}
