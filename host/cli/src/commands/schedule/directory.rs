//! Schedules in a data directory.
//!
//! Knows how they are typed; how they look is told elsewhere.

use anyhow::Context;
use host_api::json::{self, FiredReport, OverlapPolicy, ScheduleLine};
use host_base::{Timestamp, duration};
use host_runtime::{Fired, ScheduleView};
use host_store::records::{Overlap, Schedule, ScheduleTarget, ScheduledCall, ScheduledWorkflow};

use super::told;
use crate::args::{Common, CreateScheduleArgs, ScheduleCommand};
use crate::exit::{self, Exit, OrExit, Problem};
use crate::input;
use crate::session::{self, Ending, Session};
use crate::show::trace::Detail;

/// Times of a schedule that are shown ahead.
const UPCOMING: usize = 5;

/// Does what the command says.
pub(super) fn run(common: &Common, command: &ScheduleCommand) -> Ending {
    match command {
        ScheduleCommand::Create(args) => create(common, args),
        ScheduleCommand::List => on(common, async |session| {
            let schedules = session.runtime.schedules(&session.tenant)?;
            let lines: Vec<_> = schedules.iter().map(ScheduleLine::new).collect();
            told::listed(&session.console, &lines)
        }),
        ScheduleCommand::Show { name } => on(common, async |session| {
            let schedule = known(session, name)?;
            told::show(&session.console, &ScheduleLine::new(&schedule))
        }),
        ScheduleCommand::Pause { name } => on(common, async |session| {
            let done = session.runtime.pause_schedule(&session.tenant, name).await;
            done.map_err(exit::refused)?;
            told::done(&session.console, name, "is paused")
        }),
        ScheduleCommand::Resume { name } => on(common, async |session| {
            let done = session.runtime.resume_schedule(&session.tenant, name).await;
            done.map_err(exit::refused)?;
            told::done(&session.console, name, "goes on")
        }),
        ScheduleCommand::Trigger { name } => on(common, async |session| {
            let fired = session
                .runtime
                .trigger_schedule(&session.tenant, name)
                .await;
            tell_fired(session, name, fired.map_err(exit::refused)?)
        }),
        ScheduleCommand::Backfill { name, from, to } => {
            let (from, to) = (moment(from)?, moment(to)?);
            on(common, async move |session| {
                let runtime = &session.runtime;
                let fired = runtime.backfill_schedule(&session.tenant, name, from, to);
                tell_fired(session, name, fired.await.map_err(exit::refused)?)
            })
        }
        ScheduleCommand::Delete { name } => on(common, async |session| {
            let done = session.runtime.delete_schedule(&session.tenant, name).await;
            done.map_err(exit::refused)?;
            told::done(&session.console, name, "is deleted")
        }),
    }
}

fn on(common: &Common, work: impl AsyncFnOnce(&Session) -> Ending) -> Ending {
    session::run(common, session::detail(common, Detail::Normal), work)
}

fn create(common: &Common, args: &CreateScheduleArgs) -> Ending {
    let schedule = definition(args)?;
    on(common, async move |session| {
        let (tenant, name) = (&session.tenant, &args.name);
        let created = session
            .runtime
            .create_schedule(tenant, name, schedule, args.replace);
        created.await.map_err(exit::refused)?;
        let view = known(session, name)?;
        told::created(&session.console, &ScheduleLine::new(&view))
    })
}

fn definition(args: &CreateScheduleArgs) -> Result<Schedule, Problem> {
    let input = input::read_optional(args.input.as_deref()).or_exit(Exit::BadUsage)?;
    let target = match (&args.workflow, &args.actor[..]) {
        (Some(name), _) => ScheduleTarget::Workflow(ScheduledWorkflow {
            name: name.clone(),
            id: args
                .id
                .clone()
                .unwrap_or_else(|| json::SCHEDULED_ID_DEFAULT.to_owned()),
        }),
        (None, [actor_type, actor_id, method]) => ScheduleTarget::Actor(ScheduledCall {
            actor_type: actor_type.clone(),
            actor_id: actor_id.clone(),
            method: method.clone(),
        }),
        (None, _) => unreachable!("the arguments are read only with one of both"),
    };
    let interval = args.every.as_deref().map(millis).transpose()?;
    let cron = args.cron.clone().unwrap_or_default();
    let bound = |text: &Option<String>| text.as_deref().map(moment).transpose();
    Ok(Schedule {
        from_ms: bound(&args.from)?.unwrap_or_default().0,
        until_ms: bound(&args.until)?.unwrap_or_default().0,
        zone: if cron.is_empty() {
            String::new()
        } else {
            args.zone.clone()
        },
        cron,
        interval_ms: interval.unwrap_or_default(),
        target: Some(target),
        input,
        overlap: Overlap::from(OverlapPolicy::from(args.overlap)).into(),
        queue_max: args.queue,
        catch_up_ms: millis(&args.catch_up)?,
        jitter_ms: millis(&args.jitter)?,
        ..Schedule::default()
    })
}

fn millis(text: &str) -> Result<u64, Problem> {
    let duration = duration::read(text).or_exit(Exit::BadUsage)?;
    Ok(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn moment(text: &str) -> Result<Timestamp, Problem> {
    let time: Result<jiff::Timestamp, _> = text.parse();
    let time = time.with_context(|| format!("read the time `{text}`, like 2030-01-31T12:00:00Z"));
    let time = time.or_exit(Exit::BadUsage)?;
    Ok(Timestamp(time.as_millisecond().try_into().unwrap_or(0)))
}

fn tell_fired(session: &Session, name: &str, fired: Fired) -> Ending {
    told::fired(&session.console, name, FiredReport::new(fired))?;
    session.tell_unfinished()?;
    Ok(Exit::Done)
}

fn known(session: &Session, name: &str) -> Result<ScheduleView, Problem> {
    let found = session.runtime.schedule(&session.tenant, name, UPCOMING)?;
    found.ok_or_else(|| told::unknown(name))
}
