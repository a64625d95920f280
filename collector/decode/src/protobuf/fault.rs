//! Why one item cannot be taken.

use super::wire::Broken;
use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// The item, or a message in the named field of it, is no message.
    Broken { field: &'static str, why: Broken },
    /// An id of a length that no id has.
    IdLength { id: &'static str, is: usize, must: usize },
    /// A list longer than is kept, which means nothing when it is cut.
    TooMany { what: &'static str, max: usize },
}

impl Fault {
    pub(super) fn in_field(field: &'static str) -> impl Fn(Broken) -> Fault + Copy {
        move |why| Fault::Broken { field, why }
    }
}

impl From<Broken> for Fault {
    fn from(why: Broken) -> Self {
        Fault::Broken { field: "", why }
    }
}

impl From<Fault> for Broken {
    /// Where only the framing matters.
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Broken { why, .. } => why,
            Fault::IdLength { .. } | Fault::TooMany { .. } => Broken::LengthPastEnd,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken { field: "", why } => write!(f, "{why}"),
            Self::Broken { field, why } => write!(f, "in {field}: {why}"),
            Self::IdLength { id, is, must } => write!(f, "{id} is {is} bytes, must be {must}"),
            Self::TooMany { what, max } => write!(f, "more than {max} {what} in one point"),
        }
    }
}

/// An id; absent where of length zero.
#[inline]
pub(super) fn id<const N: usize>(name: &'static str, bytes: &[u8]) -> Result<Option<[u8; N]>, Fault> {
    match <[u8; N]>::try_from(bytes) {
        Ok(id) => Ok(Some(id)),
        Err(_) if bytes.is_empty() => Ok(None),
        Err(_) => Err(Fault::IdLength { id: name, is: bytes.len(), must: N }),
    }
}
