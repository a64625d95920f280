//! Who works in the company: twelve services, their pods, and what each says of itself.

use crate::telemetry::{int, text};
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use std::time::Duration;

/// Which OTLP transport a service's SDK was set up with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transport {
    Grpc,
    Http,
}

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) language: &'static str,
    pub(crate) transport: Transport,
    pub(crate) pods: u32,
}

macro_rules! services {
    ($($konst:ident = $name:literal $version:literal $language:literal $transport:ident x $pods:literal;)*) => {
        $(pub(crate) const $konst: &Service = &Service {
            name: $name, version: $version, language: $language, transport: Transport::$transport, pods: $pods,
        };)*
        pub(crate) const ALL: &[&Service] = &[$($konst),*];
    };
}

services! {
    GATEWAY = "mp-gateway" "4.12.0" "nodejs" Http x 3;
    ORDER = "order-service" "7.3.1" "java" Grpc x 3;
    MEMBER = "member-service" "3.8.0" "java" Grpc x 2;
    COUPON = "coupon-service" "2.19.4" "java" Grpc x 2;
    INVENTORY = "inventory-service" "1.40.2" "go" Grpc x 2;
    PAYMENT = "payment-service" "5.0.7" "java" Grpc x 2;
    DELIVERY = "delivery-service" "2.6.0" "go" Http x 1;
    PRINTING = "printing-service" "1.9.3" "python" Http x 1;
    NOTIFY = "notify-service" "2.2.0" "nodejs" Http x 1;
    ORDER_CONSUMER = "order-event-consumer" "7.3.1" "java" Grpc x 2;
    POINTS_CONSUMER = "points-consumer" "3.8.0" "java" Grpc x 1;
    SETTLEMENT_JOB = "settlement-job" "1.4.0" "python" Http x 1;
}

/// Releases of a day: which version a service goes to, and how long after opening its first pod does.
const RELEASES: &[(&str, &str, Duration)] =
    &[("order-service", "7.4.0", Duration::from_secs(120)), ("coupon-service", "2.20.0", Duration::from_secs(420))];
/// Time between the pods of one release.
const BETWEEN_PODS: Duration = Duration::from_secs(15);

/// One running copy of a service: it has its own SDK, exporter and resource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pod {
    pub(crate) service: &'static Service,
    pub(crate) ordinal: u32,
}

impl PartialEq for Pod {
    fn eq(&self, other: &Self) -> bool {
        (self.service.name, self.ordinal) == (other.service.name, other.ordinal)
    }
}

impl Pod {
    /// Every pod, in a fixed order: [`Pod::index`] is the place in it.
    pub(crate) fn all() -> Vec<Pod> {
        ALL.iter().flat_map(|s| (0..s.pods).map(|ordinal| Pod { service: s, ordinal })).collect()
    }

    pub(crate) fn index(self) -> usize {
        let before = ALL.iter().take_while(|s| s.name != self.service.name).map(|s| s.pods as usize).sum::<usize>();
        before + self.ordinal as usize
    }

    pub(crate) fn name(self) -> String {
        format!("{}-{}", self.service.name, self.ordinal)
    }

    pub(crate) fn address(self) -> String {
        format!("10.32.{}.{}", self.index() / 4, 10 + self.index())
    }

    /// What it runs so long after opening.
    pub(crate) fn version(self, open_for: Duration) -> &'static str {
        let released = |(name, _, after): &&(&str, &str, Duration)| {
            *name == self.service.name && open_for >= *after + BETWEEN_PODS * self.ordinal
        };
        RELEASES.iter().rev().find(released).map_or(self.service.version, |(_, version, _)| version)
    }

    pub(crate) fn resource(self, version: &str) -> Resource {
        let service = self.service;
        let attributes = vec![
            text("service.name", service.name),
            text("service.namespace", "retail"),
            text("service.version", version),
            text("service.instance.id", self.name()),
            text("deployment.environment.name", "production"),
            text("telemetry.sdk.name", "opentelemetry"),
            text("telemetry.sdk.language", service.language),
            text("telemetry.sdk.version", "1.45.0"),
            text("host.name", format!("node-{}", self.index() % 4)),
            text("k8s.cluster.name", "retail-east"),
            text("k8s.namespace.name", "retail"),
            text("k8s.node.name", format!("node-{}", self.index() % 4)),
            text("k8s.pod.name", self.name()),
            text("k8s.deployment.name", service.name),
            text("cloud.region", "cn-east-2"),
            int("process.pid", 1 + i64::from(self.ordinal)),
        ];
        Resource { attributes, ..Resource::default() }
    }

    pub(crate) fn scope(self) -> InstrumentationScope {
        let name = match self.service.language {
            "java" => "io.opentelemetry.spring-webmvc-6.0",
            "nodejs" => "@opentelemetry/instrumentation-http",
            "go" => "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",
            _ => "opentelemetry.instrumentation.fastapi",
        };
        InstrumentationScope {
            name: name.into(),
            version: "2.11.0".into(),
            attributes: Vec::<KeyValue>::new(),
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_goes_from_pod_to_pod() {
        let versions = |seconds| {
            let version = |ordinal| Pod { service: ORDER, ordinal }.version(Duration::from_secs(seconds));
            [version(0), version(1), version(2)]
        };
        assert_eq!(versions(119), ["7.3.1"; 3]);
        assert_eq!(versions(120), ["7.4.0", "7.3.1", "7.3.1"]);
        assert_eq!(versions(150), ["7.4.0"; 3]);
        assert_eq!(Pod { service: GATEWAY, ordinal: 0 }.version(Duration::MAX), "4.12.0");
    }

    #[test]
    fn a_pod_is_found_by_its_index() {
        for (i, pod) in Pod::all().into_iter().enumerate() {
            assert_eq!(pod.index(), i, "{}", pod.name());
        }
        assert_eq!(ALL.len(), 12);
    }
}
