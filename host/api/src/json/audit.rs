//! Entries of the audit log.
//!
//! Pure.

use std::borrow::Cow;

use host_base::Timestamp;
use host_runtime::AuditView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rfc3339;

/// That somebody has asked for something that changes how things are run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct AuditLine<'a> {
    /// Its number: entries of a tenant are numbered from 1 on.
    pub number: u64,
    /// When it was asked for (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub at: String,
    /// The id of the caller's token; absent: whoever runs the host.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub token: Cow<'a, str>,
    /// The caller's role.
    pub role: Cow<'a, str>,
    /// The caller's address.
    pub address: Cow<'a, str>,
    /// What was asked for: a method and a route, or a call of gRPC.
    pub deed: Cow<'a, str>,
    /// To what it was to be done.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub object: Cow<'a, str>,
    /// With which status of HTTP it was answered, or of gRPC (`grpc 0`: done); absent: the caller was gone before, or the
    /// host was.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub outcome: Cow<'a, str>,
}

impl AuditLine<'_> {
    /// As it is shown.
    pub fn new(view: &AuditView) -> AuditLine<'_> {
        let entry = &view.entry;
        AuditLine {
            number: view.number,
            at: rfc3339(Timestamp(entry.at_ms)),
            token: entry.token.as_str().into(),
            role: entry.role.as_str().into(),
            address: entry.address.as_str().into(),
            deed: entry.deed.as_str().into(),
            object: entry.object.as_str().into(),
            outcome: entry.outcome.as_str().into(),
        }
    }
}
