//! Which role a request needs: one table of everything that can be asked for, over HTTP and gRPC.
//!
//! Pure. Knows routes by their text alone. What is not in the table is for administrators: a route that is forgotten
//! here is closed and not open.

use host_base::Role;
use host_base::Role::{Administrator, Deployer, Invoker, Operator, Reader};

use crate::caller::Caller;

/// What a request reaches, for a token that is limited to some names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Workflows and actors that it names, of which each is looked at where it is known.
    Named,
    /// All that its tenant has.
    All,
    /// Nothing of any tenant.
    Nothing,
}

use Reach::{All, Named, Nothing};

/// Who may ask for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Right {
    least: Role,
    reach: Reach,
}

impl Right {
    /// Whether what is asked for with it changes how things are run.
    pub(crate) fn is_noted(self, method: &str) -> bool {
        self.least >= Operator && !["GET", "HEAD"].contains(&method)
    }
}

/// A caller may not.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum Denied {
    /// Its role is too low.
    #[error(
        "this needs the role {least} or one that may more, and the token's role is {role}: use another token"
    )]
    Role {
        /// The role that would do.
        least: Role,
        /// The one that it has.
        role: Role,
    },
    /// It is limited to some names.
    #[error(
        "the token is limited to {scope}, and this reaches all that its tenant has: use one that is not limited"
    )]
    Limited {
        /// To what.
        scope: String,
    },
}

/// Any method: what stands there is one thing whichever is used.
const ANY: &str = "*";
/// What is asked for over gRPC.
const CALL: &str = "CALL";

const WORKFLOW: &str = "/api/v1/workflows/{id}";
const DAPR_WORKFLOW: &str = "/v1.0/workflows/{component}/{workflow}";
const ACTOR: &str = "/api/v1/actors/{actor_type}/{id}";
const DAPR_ACTOR: &str = "/v1.0/actors/{type}/{id}";
const SCHEDULE: &str = "/api/v1/schedules/{name}";
const HUB: &str = "/TaskHubSidecarService/";
const DAPR: &str = "/dapr.proto.runtime.v1.Dapr/";

/// A row: a method, where a path begins, how it goes on, and who may.
type Row = (&'static str, &'static str, &'static str, Role, Reach);

const ROWS: [Row; 114] = [
    ("GET", "/api/v1/openapi.json", "", Reader, Nothing),
    ("GET", "/api/v1/changes", "", Reader, All),
    ("GET", "/api/v1/workflows", "", Reader, All),
    ("POST", "/api/v1/workflows", "", Invoker, Named),
    ("POST", "/api/v1/batches/start", "", Invoker, Named),
    ("GET", WORKFLOW, "", Reader, Named),
    ("GET", WORKFLOW, "/history", Reader, Named),
    ("GET", WORKFLOW, "/result", Reader, Named),
    ("GET", WORKFLOW, "/events", Reader, Named),
    // It changes nothing.
    ("POST", WORKFLOW, "/query/{name}", Reader, Named),
    ("POST", WORKFLOW, "/raise/{name}", Invoker, Named),
    ("POST", WORKFLOW, "/update/{name}", Invoker, Named),
    ("DELETE", WORKFLOW, "", Operator, Named),
    ("POST", WORKFLOW, "/cancel", Operator, Named),
    ("POST", WORKFLOW, "/terminate", Operator, Named),
    ("POST", WORKFLOW, "/suspend", Operator, Named),
    ("POST", WORKFLOW, "/resume", Operator, Named),
    ("POST", WORKFLOW, "/rerun", Operator, Named),
    ("POST", WORKFLOW, "/move", Operator, Named),
    // It may run a component that is sent along.
    ("POST", WORKFLOW, "/fork", Deployer, Named),
    ("GET", "/api/v1/batches", "", Reader, All),
    ("GET", "/api/v1/batches/{id}", "", Reader, All),
    ("POST", "/api/v1/batches", "", Operator, All),
    ("POST", "/api/v1/batches/{id}/abort", "", Operator, All),
    ("GET", "/api/v1/actors", "", Reader, All),
    ("GET", ACTOR, "/state", Reader, Named),
    ("GET", ACTOR, "/state/{name}", Reader, Named),
    ("GET", ACTOR, "/reminders", Reader, Named),
    ("POST", ACTOR, "/call/{name}", Invoker, Named),
    ("PUT", ACTOR, "/reminders/{name}", Invoker, Named),
    ("DELETE", ACTOR, "/reminders/{name}", Invoker, Named),
    ("POST", ACTOR, "/deactivate", Operator, Named),
    ("DELETE", ACTOR, "", Operator, Named),
    ("GET", "/api/v1/activities", "", Reader, All),
    ("GET", "/api/v1/schedules", "", Reader, All),
    ("GET", SCHEDULE, "", Reader, All),
    ("PUT", SCHEDULE, "", Operator, All),
    ("DELETE", SCHEDULE, "", Operator, All),
    ("POST", SCHEDULE, "/pause", Operator, All),
    ("POST", SCHEDULE, "/resume", Operator, All),
    ("POST", SCHEDULE, "/trigger", Operator, All),
    ("POST", SCHEDULE, "/backfill", Operator, All),
    ("GET", "/api/v1/topics", "", Reader, All),
    (
        "GET",
        "/api/v1/topics/{topic}/subscriptions",
        "",
        Reader,
        All,
    ),
    ("POST", "/api/v1/topics/{topic}/publish", "", Invoker, All),
    ("GET", "/api/v1/plugins", "", Reader, All),
    ("GET", "/api/v1/plugins/{name}", "", Reader, All),
    ("POST", "/api/v1/plugins", "", Deployer, All),
    ("DELETE", "/api/v1/plugins/{name}", "", Deployer, All),
    ("POST", "/api/v1/plugins/{name}/activate", "", Deployer, All),
    (
        "DELETE",
        "/api/v1/plugins/{name}/versions/{component}",
        "",
        Deployer,
        All,
    ),
    ("GET", "/api/v1/audit", "", Administrator, All),
    ("GET", "/api/v1/tokens", "", Administrator, All),
    ("POST", "/api/v1/tokens", "", Administrator, All),
    ("DELETE", "/api/v1/tokens/{id}", "", Administrator, All),
    ("POST", "/api/v1/tokens/{id}/rotate", "", Administrator, All),
    ("GET", "/v1.0/metadata", "", Reader, All),
    ("PUT", "/v1.0/metadata/{name}", "", Operator, All),
    (ANY, DAPR_ACTOR, "/method/{method}", Invoker, Named),
    ("GET", DAPR_ACTOR, "/state/{key}", Reader, Named),
    // Past the code that looks after it.
    ("POST", DAPR_ACTOR, "/state", Operator, Named),
    ("PUT", DAPR_ACTOR, "/state", Operator, Named),
    ("GET", DAPR_ACTOR, "/reminders/{name}", Reader, Named),
    ("POST", DAPR_ACTOR, "/reminders/{name}", Invoker, Named),
    ("PUT", DAPR_ACTOR, "/reminders/{name}", Invoker, Named),
    ("DELETE", DAPR_ACTOR, "/reminders/{name}", Invoker, Named),
    ("POST", DAPR_ACTOR, "/timers/{name}", Invoker, Named),
    ("PUT", DAPR_ACTOR, "/timers/{name}", Invoker, Named),
    ("DELETE", DAPR_ACTOR, "/timers/{name}", Invoker, Named),
    ("GET", DAPR_WORKFLOW, "", Reader, Named),
    ("POST", DAPR_WORKFLOW, "/start", Invoker, Named),
    ("POST", DAPR_WORKFLOW, "/raiseEvent/{event}", Invoker, Named),
    ("POST", DAPR_WORKFLOW, "/terminate", Operator, Named),
    ("POST", DAPR_WORKFLOW, "/pause", Operator, Named),
    ("POST", DAPR_WORKFLOW, "/resume", Operator, Named),
    ("POST", DAPR_WORKFLOW, "/purge", Operator, Named),
    (CALL, HUB, "Hello", Reader, Nothing),
    (CALL, HUB, "StartInstance", Invoker, Named),
    (CALL, HUB, "GetInstance", Reader, Named),
    (CALL, HUB, "WaitForInstanceStart", Reader, Named),
    (CALL, HUB, "WaitForInstanceCompletion", Reader, Named),
    (CALL, HUB, "RaiseEvent", Invoker, Named),
    (CALL, HUB, "TerminateInstance", Operator, Named),
    (CALL, HUB, "SuspendInstance", Operator, Named),
    (CALL, HUB, "ResumeInstance", Operator, Named),
    // Where many are meant, that is looked at there.
    (CALL, HUB, "PurgeInstances", Operator, Named),
    (CALL, HUB, "RerunWorkflowFromEvent", Operator, Named),
    (CALL, HUB, "ListInstanceIDs", Reader, All),
    (CALL, HUB, "GetInstanceHistory", Reader, Named),
    // What workers send is refused whoever sends it.
    (CALL, HUB, "CompleteOrchestratorTask", Reader, Nothing),
    (CALL, HUB, "CompleteWorkflowTask", Reader, Nothing),
    (CALL, HUB, "CompleteActivityTask", Reader, Nothing),
    (CALL, HUB, "GetWorkItems", Reader, Nothing),
    (CALL, DAPR, "InvokeActor", Invoker, Named),
    (CALL, DAPR, "GetActorState", Reader, Named),
    (CALL, DAPR, "ExecuteActorStateTransaction", Operator, Named),
    (CALL, DAPR, "RegisterActorReminder", Invoker, Named),
    (CALL, DAPR, "UnregisterActorReminder", Invoker, Named),
    (CALL, DAPR, "GetActorReminder", Reader, Named),
    (CALL, DAPR, "ListActorReminders", Reader, Named),
    (
        CALL,
        DAPR,
        "UnregisterActorRemindersByType",
        Operator,
        Named,
    ),
    (CALL, DAPR, "RegisterActorTimer", Invoker, Named),
    (CALL, DAPR, "UnregisterActorTimer", Invoker, Named),
    (CALL, DAPR, "GetActorTimer", Reader, Named),
    (CALL, DAPR, "ListActorTimers", Reader, Named),
    (CALL, DAPR, "GetMetadata", Reader, All),
    (CALL, DAPR, "SetMetadata", Operator, All),
    (CALL, DAPR, "StartWorkflow", Invoker, Named),
    (CALL, DAPR, "GetWorkflow", Reader, Named),
    (CALL, DAPR, "PurgeWorkflow", Operator, Named),
    (CALL, DAPR, "TerminateWorkflow", Operator, Named),
    (CALL, DAPR, "PauseWorkflow", Operator, Named),
    (CALL, DAPR, "ResumeWorkflow", Operator, Named),
    (CALL, DAPR, "RaiseEventWorkflow", Invoker, Named),
];

/// What closes everything that is not in the table.
const FORGOTTEN: Right = Right {
    least: Administrator,
    reach: All,
};

/// What a request needs. `route` is what the router has found for it, with names in braces; over gRPC, where one route
/// has many calls, `path` says which.
pub(crate) fn needed(method: &str, route: &str, path: &str) -> Right {
    let (method, asked) = if is_of_calls(route) {
        (CALL, unversioned_call(path))
    } else if method == "HEAD" {
        // What answers GET answers HEAD.
        ("GET", unversioned(route))
    } else {
        (method, unversioned(route))
    };
    let fits = |row: &&Row| {
        let rest = asked.strip_prefix(row.1);
        (row.0 == method || row.0 == ANY) && rest == Some(row.2)
    };
    let row = ROWS.iter().find(fits);
    row.map_or(FORGOTTEN, |&(_, _, _, least, reach)| Right { least, reach })
}

/// Whether many calls of gRPC have this route.
pub(crate) fn is_of_calls(route: &str) -> bool {
    route.ends_with("/{call}")
}

/// Versions of Dapr's workflow API are one.
fn unversioned(route: &str) -> String {
    let earlier = ["/v1.0-alpha1/", "/v1.0-beta1/"];
    let rest = earlier.iter().find_map(|one| route.strip_prefix(one));
    rest.map_or_else(|| route.to_owned(), |rest| format!("/v1.0/{rest}"))
}

fn unversioned_call(path: &str) -> String {
    let bare = ["Alpha1", "Beta1"]
        .iter()
        .find_map(|version| path.strip_suffix(version));
    bare.filter(|_| path.starts_with(DAPR))
        .unwrap_or(path)
        .to_owned()
}

/// Whether a caller may.
pub(crate) fn judge(caller: &Caller, right: Right) -> Result<(), Denied> {
    let Right { least, reach } = right;
    let role = caller.role();
    if role < least {
        return Err(Denied::Role { least, role });
    }
    match caller.scope() {
        Some(scope) if reach == All => Err(Denied::Limited {
            scope: scope.to_string(),
        }),
        _ => Ok(()),
    }
}

/// Every row as a method and a path, for those who know which there are.
#[cfg(test)]
pub(crate) fn rows() -> impl Iterator<Item = (&'static str, String)> {
    ROWS.iter().map(|row| (row.0, [row.1, row.2].concat()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use host_base::TenantId;

    use super::*;

    fn least(method: &str, route: &str) -> Role {
        needed(method, route, route).least
    }

    #[test]
    fn what_is_in_no_row_is_for_administrators_without_a_limit() {
        assert_eq!(needed("GET", "/api/v1/new", ""), FORGOTTEN);
        assert_eq!(needed("PATCH", WORKFLOW, ""), FORGOTTEN);
        assert_eq!(needed("POST", "/Other/{call}", "/Other/Call"), FORGOTTEN);
    }

    #[test]
    fn no_row_stands_there_twice() {
        let all: Vec<_> = rows().collect();
        let different: BTreeSet<_> = all.iter().cloned().collect();
        assert_eq!(all.len(), different.len());
    }

    #[test]
    fn versions_and_heads_need_what_their_like_needs() {
        let start = "/workflows/{component}/{workflow}/start";
        for version in ["/v1.0", "/v1.0-beta1", "/v1.0-alpha1"] {
            assert_eq!(least("POST", &format!("{version}{start}")), Invoker);
        }
        assert_eq!(least("HEAD", "/api/v1/workflows"), Reader);
        let route = format!("{DAPR}{{call}}");
        let call = |name: String| needed("POST", &route, &format!("{DAPR}{name}")).least;
        for version in ["Alpha1", "Beta1"] {
            assert_eq!(call(format!("PurgeWorkflow{version}")), Operator);
        }
        assert_eq!(call("InvokeActor".to_owned()), Invoker);
        assert_eq!(
            least("DELETE", "/v1.0/actors/{type}/{id}/method/{method}"),
            Invoker
        );
    }

    #[test]
    fn who_runs_the_host_may_everything() {
        let caller = Caller::Operator(TenantId::default());
        for (method, path) in rows() {
            assert_eq!(judge(&caller, needed(method, &path, &path)), Ok(()));
        }
    }
}
