//! What the catalog says of a service or a customer, and what may be said.

use graph::Importance;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest text of an entry, in bytes.
const TEXT_BYTES_MAX: usize = 512;
/// Most customers of one list, and the bytes of their names in all: they are named in questions.
pub(super) const CUSTOMERS_MAX: usize = 2_000;
const CUSTOMER_BYTES_MAX: usize = 32 << 10;

/// Whose a service is and how much it matters: what routing, impact and the experience score use.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceEntry {
    /// The person who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// low, normal, high or critical; a call to it weighs 1, 2, 4 or 8. Normal where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub importance: Option<ImportanceName>,
    /// An http(s) address: what to do when it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// An address: where its source is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
}

/// [`Importance`] as it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportanceName {
    Low,
    Normal,
    High,
    Critical,
}

impl From<ImportanceName> for Importance {
    fn from(name: ImportanceName) -> Self {
        match name {
            ImportanceName::Low => Self::Low,
            ImportanceName::Normal => Self::Normal,
            ImportanceName::High => Self::High,
            ImportanceName::Critical => Self::Critical,
        }
    }
}

/// A customer, store or channel that matters more, or less, than others.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    /// The attribute that names it: `tenant.id`, `store.id` ...
    pub key: String,
    pub value: String,
    /// low, normal, high or critical.
    #[schema(value_type = String)]
    pub importance: ImportanceName,
}

impl ServiceEntry {
    /// What is wrong with it, and what would be right.
    pub(super) fn check(&self, name: &str) -> Result<(), String> {
        named("the service's name", name)?;
        for (field, text) in [("owner", &self.owner), ("team", &self.team)] {
            text.as_deref().map_or(Ok(()), |text| named(field, text))?;
        }
        for (field, text) in [("runbook", &self.runbook), ("repository", &self.repository)] {
            let Some(text) = text else { continue };
            named(field, text)?;
            // They become links: an address of another kind could run in the reader's browser.
            let schemes: &[&str] =
                if field == "runbook" { &["https://", "http://"] } else { &["https://", "http://", "ssh://", "git@"] };
            if !schemes.iter().any(|scheme| text.starts_with(scheme)) {
                return Err(format!("{field} is {text:?}: an address that begins with {}", schemes.join(" or ")));
            }
        }
        Ok(())
    }

    pub(crate) fn weight(&self) -> Importance {
        self.importance.map(Importance::from).unwrap_or_default()
    }
}

/// What is wrong with a list of customers.
pub(super) fn check_customers(customers: &[Customer]) -> Result<(), String> {
    let bytes: usize = customers.iter().map(|c| c.value.len() + 4).sum();
    if customers.len() > CUSTOMERS_MAX || bytes > CUSTOMER_BYTES_MAX {
        return Err(format!(
            "{} customers with {bytes} bytes of names: at most {CUSTOMERS_MAX} with {CUSTOMER_BYTES_MAX} bytes are kept; \
             leave out those of normal importance",
            customers.len()
        ));
    }
    for (at, customer) in customers.iter().enumerate() {
        named("key", &customer.key)
            .and_then(|()| named("value", &customer.value))
            .map_err(|e| format!("customer {at}: {e}"))?;
        if customers[..at].iter().any(|c| (&c.key, &c.value) == (&customer.key, &customer.value)) {
            return Err(format!("customer {at}: {} = {:?} is listed twice", customer.key, customer.value));
        }
    }
    Ok(())
}

fn named(field: &str, text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err(format!("{field} is empty: leave it out, or give it"));
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("{field} has {} bytes: at most {TEXT_BYTES_MAX}", text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{field} is {text:?}: it has control characters, which are not kept"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_checked_field_by_field() {
        let good = ServiceEntry {
            owner: Some("li.wei".into()),
            team: Some("trade".into()),
            importance: Some(ImportanceName::High),
            runbook: Some("https://wiki/runbook".into()),
            repository: Some("git@host:order.git".into()),
        };
        assert_eq!(good.check("order"), Ok(()));
        let with = |change: fn(&mut ServiceEntry)| {
            let mut entry = good.clone();
            change(&mut entry);
            entry.check("order").unwrap_err()
        };
        assert!(with(|e| e.owner = Some(" ".into())).contains("owner is empty"));
        assert!(with(|e| e.team = Some("x".repeat(600))).contains("team has 600 bytes"));
        assert!(with(|e| e.runbook = Some("javascript:alert(1)".into())).contains("begins with https:// or http://"));
        assert!(with(|e| e.repository = Some("file:///etc".into())).contains("repository"));
        assert!(with(|e| e.team = Some("a\nb".into())).contains("control characters"));
        assert!(good.check("").unwrap_err().contains("name is empty"));
    }

    #[test]
    fn customers_are_bounded_and_named_once() {
        let customer = |value: &str| Customer {
            key: "tenant.id".into(),
            value: value.into(),
            importance: ImportanceName::Critical,
        };
        assert_eq!(check_customers(&[customer("a"), customer("b")]), Ok(()));
        assert!(check_customers(&[customer("a"), customer("a")]).unwrap_err().contains("listed twice"));
        assert!(check_customers(&[customer("")]).unwrap_err().contains("customer 0: value is empty"));
        let many: Vec<_> = (0..=CUSTOMERS_MAX).map(|n| customer(&n.to_string())).collect();
        assert!(check_customers(&many).unwrap_err().contains("at most 2000"));
        let long: Vec<_> = (0..80).map(|n| customer(&format!("{n}{}", "x".repeat(500)))).collect();
        assert!(check_customers(&long).unwrap_err().contains("bytes of names"));
    }
}
