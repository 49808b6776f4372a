//! `audit`: who has asked for what that changes how things are run.
//!
//! Reads; what is noted is decided where requests are let in.

use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::Query;
use super::paging::Page;
use super::problem::Problem;
use crate::json::{AuditLine, Raw};
use crate::{Api, Shared};

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<u64>,
    /// How many at most. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// A page of the audit log, the latest entry first.
#[derive(Serialize, ToSchema)]
struct Audit {
    #[schema(value_type = Vec<AuditLine<'static>>)]
    entries: Vec<Raw>,
    /// Where the next page begins; absent at the end of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Shows the audit log
///
/// An entry for each request that changes how things are run, as roles from operator on may: written before it is done,
/// and completed when it is answered. The latest `audit_entries_max` are kept.
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "list_audit",
    tag = "tokens",
    params(Options),
    responses((status = 200, description = "A page of entries.", body = Audit))
)]
async fn list(api: Api, Query(options): Query<Options>) -> Result<Response, Problem> {
    let mut page = Page::new(options.limit)?;
    let mut before = options.cursor;
    let mut more = true;
    while more && !page.is_full() {
        let wanted = page.wanted();
        let found = api.runtime.audit(api.tenant(), before, wanted)?;
        more = found.len() == wanted;
        for view in &found {
            page.put(&AuditLine::new(view));
            before = Some(view.number);
        }
    }
    let listed = Audit {
        entries: page.entries,
        next_cursor: before.filter(|_| more).map(|number| number.to_string()),
    };
    Ok(axum::Json(listed).into_response())
}
