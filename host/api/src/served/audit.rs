//! What is noted of requests that change how things are run: before they are done, and how they were answered.
//!
//! Knows what an entry says; which requests are noted is said elsewhere.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::response::Response;
use host_runtime::records::AuditEntry;

use crate::caller::{Caller, Noted};

/// Longest object, in bytes; the rest is cut off.
const OBJECT_BYTES_MAX: usize = 1_024;
const GRPC_STATUS: &str = "grpc-status";
const GRPC_DONE: &str = "0";

/// What is asked for.
pub(super) struct Asked<'a> {
    pub(super) caller: &'a Caller,
    pub(super) address: IpAddr,
    pub(super) method: &'a str,
    /// The router's.
    pub(super) route: &'a str,
    pub(super) path: &'a str,
    /// Whether it is a call of gRPC, whose path names no object.
    pub(super) is_call: bool,
}

impl Asked<'_> {
    /// What is noted of it.
    pub(super) fn entry(&self) -> AuditEntry {
        let token = self.caller.grant().map(|grant| grant.token.clone());
        let (deed, object) = match self.is_call {
            true => (self.path.to_owned(), String::new()),
            false => (
                format!("{} {}", self.method, self.route),
                self.path.to_owned(),
            ),
        };
        AuditEntry {
            token: token.unwrap_or_default(),
            role: self.caller.role_name().to_owned(),
            address: self.address.to_string(),
            deed,
            object: cut(object),
            ..AuditEntry::default()
        }
    }
}

/// The same once it is answered: to what it was done, as far as that has turned out, and how it was answered.
pub(super) fn answered(entry: AuditEntry, noted: &Noted, response: &Response) -> AuditEntry {
    let object = noted.get().map(|object| cut(object.to_owned()));
    let is_call = entry.deed.starts_with('/');
    AuditEntry {
        object: object.unwrap_or(entry.object),
        outcome: match is_call {
            true => format!("grpc {}", grpc_status(response.headers())),
            false => response.status().as_str().to_owned(),
        },
        ..entry
    }
}

/// What is told behind the answer was done: what was not is told in its head.
fn grpc_status(headers: &HeaderMap) -> &str {
    let status = headers.get(GRPC_STATUS).and_then(|it| it.to_str().ok());
    status.unwrap_or(GRPC_DONE)
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(OBJECT_BYTES_MAX));
    text
}
