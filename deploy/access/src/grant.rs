//! What a token may carry: a role for the API, scopes for ingest.

use crate::AccessError;
use model::Signal;
use std::fmt;

/// Roles for the API, each with all that the ones before it may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// Reads telemetry.
    Viewer,
    /// Reads, and works on cases.
    Support,
    /// Runs the store: flush, compact, rules.
    Operator,
    /// Administers tokens and users.
    Admin,
}

impl Role {
    pub const ALL: [Role; 4] = [Role::Viewer, Role::Support, Role::Operator, Role::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Support => "support",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl Role {
    pub fn parse(name: &str) -> Result<Self, AccessError> {
        Role::ALL.into_iter().find(|role| role.as_str() == name).ok_or_else(|| {
            AccessError::Invalid(format!("{name:?} is not a role; one of: {}", Role::ALL.map(Role::as_str).join(", ")))
        })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that a token grants. No role includes ingest, and no ingest scope includes reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grant {
    Role(Role),
    Ingest(Signal),
    /// To send alerts of other tools. They page people, with words and links of the sender's choosing: a token
    /// that every application carries must not be able to.
    Alerts,
}

impl Grant {
    pub const ALL: [Grant; 8] = [
        Grant::Role(Role::Viewer),
        Grant::Role(Role::Support),
        Grant::Role(Role::Operator),
        Grant::Role(Role::Admin),
        Grant::Ingest(Signal::Traces),
        Grant::Ingest(Signal::Metrics),
        Grant::Ingest(Signal::Logs),
        Grant::Alerts,
    ];

    /// Reads one name, or `ingest` for the three signals of telemetry.
    pub fn parse(name: &str) -> Result<Vec<Grant>, AccessError> {
        if name == "ingest" {
            return Ok(Signal::ALL.map(Grant::Ingest).to_vec());
        }
        match Grant::ALL.into_iter().find(|g| g.to_string() == name) {
            Some(grant) => Ok(vec![grant]),
            None => Err(AccessError::Invalid(format!(
                "{name:?} is not a scope; one of: ingest, {}",
                Grant::ALL.map(|g| g.to_string()).join(", ")
            ))),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Grant::Role(role) => write!(f, "{role}"),
            Grant::Ingest(signal) => write!(f, "ingest:{signal}"),
            Grant::Alerts => f.write_str("ingest:alerts"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grant_reads_back_from_its_name() {
        for grant in Grant::ALL {
            assert_eq!(Grant::parse(&grant.to_string()).unwrap(), [grant]);
        }
        let telemetry = Grant::parse("ingest").unwrap();
        assert!(telemetry.len() == 3 && !telemetry.contains(&Grant::Alerts), "alerts are asked for by name");
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()).unwrap(), role);
        }
        assert!(Role::parse("root").unwrap_err().to_string().contains("viewer, support, operator, admin"));
        let error = Grant::parse("root").unwrap_err().to_string();
        assert!(error.contains("\"root\"") && error.contains("ingest:traces"), "{error}");
    }
}
