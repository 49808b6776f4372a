//! Actors in a data directory: lists them, calls a method and writes its answer, or deletes the actor.
//!
//! Owns when a call is over: once the answer is durable, or with `--wait` once nothing runs any more.

use anyhow::Error;
use host_api::json::ActorLine;
use host_base::ActorKey;

use super::told;
use crate::args::{ActorArgs, CallArgs, Common};
use crate::exit::{self, Exit, OrExit, Problem};
use crate::input;
use crate::session::{self, Ending, Session};
use crate::show::trace::Detail;

/// Actors that are read at once.
const PAGE: usize = 1_000;

/// Lists them.
pub(super) fn list(common: &Common, actor_type: Option<&str>, limit: usize) -> Ending {
    let detail = session::detail(common, Detail::Normal);
    session::run(common, detail, async move |session| {
        // Whether there are more is told, too.
        let actors = first(session, actor_type, limit.saturating_add(1))?;
        let lines: Vec<_> = actors.iter().map(ActorLine::new).collect();
        told::listed(&session.console, &lines, limit)
    })
}

fn first(
    session: &Session,
    actor_type: Option<&str>,
    number: usize,
) -> Result<Vec<ActorKey>, Problem> {
    let mut found: Vec<ActorKey> = Vec::new();
    loop {
        let limit = PAGE.min(number - found.len());
        let (runtime, tenant) = (&session.runtime, &session.tenant);
        let page = runtime.actors(tenant, actor_type, found.last(), limit)?;
        let full = page.len() == limit;
        found.extend(page);
        if !full || found.len() == number {
            return Ok(found);
        }
    }
}

/// Calls it.
pub(super) fn call(common: &Common, args: &CallArgs) -> Ending {
    let input = input::read_optional(args.input.as_deref()).or_exit(Exit::BadUsage)?;
    let detail = session::detail(common, Detail::Normal);
    session::run(common, detail, async move |session| {
        let key = key(session, &args.actor)?;
        if args.wait {
            session.resume().await?;
        }
        let idempotency_key = args.idempotency_key.as_deref();
        let answer = session
            .runtime
            .call_actor(&key, &args.method, input, idempotency_key)
            .await;
        let answer = answer.map_err(Error::new).or_exit(Exit::Failed)?;
        session.console.result(&session.console.payload(&answer))?;
        finish(session, args.wait).await
    })
}

/// Deletes it.
pub(super) fn delete(common: &Common, args: &ActorArgs) -> Ending {
    let detail = session::detail(common, Detail::Normal);
    session::run(common, detail, async move |session| {
        let key = key(session, args)?;
        let deleted = session.runtime.delete_actor(&key).await;
        deleted.map_err(exit::refused)?;
        told::deleted(&session.console, &key.to_string())
    })
}

/// The address of the actor.
pub(super) fn key(session: &Session, args: &ActorArgs) -> Result<ActorKey, Problem> {
    let key = ActorKey::new(session.tenant.clone(), &args.actor_type, &args.id);
    key.or_exit(Exit::BadUsage)
}

async fn finish(session: &Session, wait: bool) -> Result<Exit, Problem> {
    let exit = if wait {
        session.wait_for_all().await?
    } else {
        Exit::Done
    };
    session.tell_unfinished()?;
    Ok(exit)
}
