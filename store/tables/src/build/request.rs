//! The rows of one request.

use super::{
    Attributes, Layout, LogInput, MetricInput, PointInput, ResourceInput, ScopeInput, SpanInput,
};
use crate::Batches;
use model::UnixNanos;

/// A resource of this request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResourceRef(u32);

/// An instrumentation scope of this request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScopeRef(u32);

/// A metric of this request, under its resource and scope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetricRef(u32);

/// Takes the items of one request, gives the batches they turned into.
#[derive(Debug)]
pub struct RequestBuilder<'l> {
    layout: &'l Layout,
    received: UnixNanos,
}

#[expect(clippy::todo, unused_variables, reason = "signatures first")]
impl<'l> RequestBuilder<'l> {
    pub fn new(layout: &'l Layout, received: UnixNanos) -> Self {
        Self { layout, received }
    }

    pub fn layout(&self) -> &'l Layout {
        self.layout
    }

    /// An empty attribute list with the bound of the settings.
    pub fn attributes<'a>(&self) -> Attributes<'a> {
        Attributes::new(self.layout.settings().attributes_max)
    }

    /// Registers a resource; the same content gives the same reference. Call it for resources that
    /// have items only: each gives a row of `resources` and an entry for the ledger.
    pub fn resource(&mut self, resource: &ResourceInput<'_>) -> ResourceRef {
        todo!()
    }

    pub fn scope(&mut self, scope: &ScopeInput<'_>) -> ScopeRef {
        todo!()
    }

    /// Whether [`super::BuildSettings::items_max`] is reached: the caller refuses what comes now.
    pub fn is_full(&self) -> bool {
        todo!()
    }

    pub fn span(&mut self, resource: ResourceRef, scope: ScopeRef, span: &SpanInput<'_>) {
        todo!()
    }

    pub fn log(&mut self, resource: ResourceRef, scope: ScopeRef, record: &LogInput<'_>) {
        todo!()
    }

    pub fn metric(&mut self, resource: ResourceRef, scope: ScopeRef, metric: &MetricInput<'_>) -> MetricRef {
        todo!()
    }

    pub fn point(&mut self, metric: MetricRef, point: &PointInput<'_>) {
        todo!()
    }

    /// Counts items of a resource that could not be taken.
    pub fn refuse(&mut self, resource: ResourceRef, items: u64) {
        todo!()
    }

    /// What a sender should hear although everything was taken, e.g. how much text was repaired.
    pub fn warnings(&self) -> Vec<String> {
        todo!()
    }

    pub fn finish(self) -> Batches {
        todo!()
    }
}
