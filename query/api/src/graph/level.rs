//! The three levels at which an estate is drawn.

use crate::{Problem, nearest};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// Services and what they call.
    #[default]
    Service,
    /// Operations of services and what they call.
    Operation,
    /// What services run on, and what the topology tells.
    Infrastructure,
}

impl Level {
    const NAMES: [(&'static str, Level); 3] =
        [("service", Level::Service), ("operation", Level::Operation), ("infrastructure", Level::Infrastructure)];

    pub(super) fn read(text: Option<&str>) -> Result<Self, Problem> {
        let Some(text) = text else { return Ok(Self::default()) };
        let known = Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, level)| *level);
        known.ok_or_else(|| {
            let right = match nearest(text, Self::NAMES.iter().map(|(name, _)| *name)) {
                Some(near) => format!("did you mean {near:?}?"),
                None => "service, operation or infrastructure".into(),
            };
            Problem::invalid(format!("level is {text:?}: {right}"))
        })
    }
}
