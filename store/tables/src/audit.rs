//! The table of what people and tokens changed: rows of the audit log of one workspace.
//!
//! It refuses to know who may read it: whoever shows the rows decides.

use crate::alerting::{number, shown};
use crate::spec::{required_text, text};
use crate::{TableId, TableSpec};

/// One row per change, as `GET /api/v1/audit` tells it.
pub(crate) fn audit() -> TableSpec {
    let columns = vec![
        number("seq"),
        text("actor"),
        // user, token, open, command_line, nobody.
        required_text("actor_kind"),
        text("role"),
        required_text("workspace"),
        text("ip"),
        required_text("method"),
        required_text("route"),
        required_text("path"),
        number("status"),
        text("detail"),
        // SHA-256 over this row and the hash before it, in hex.
        required_text("hash"),
    ];
    shown(TableId::Audit, columns)
}
