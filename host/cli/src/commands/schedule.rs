//! `host schedule …`: workflows that are started and actors that are called again and again.
//!
//! Knows how schedules are typed and shown; when they are due is the runtime's business.

use std::time::Duration;

use anyhow::{Context, anyhow};
use host_api::json::Raw;
use host_base::{Timestamp, duration};
use host_runtime::{Fired, ScheduleView};
use host_store::records::{Schedule, ScheduleTarget, ScheduledCall, ScheduledWorkflow};
use serde::Serialize;

use crate::args::{Common, CreateScheduleArgs, Overlap, ScheduleCommand};
use crate::exit::{self, Exit, OrExit, Problem};
use crate::input;
use crate::session::{self, Ending, Session};
use crate::show::table::table;
use crate::show::trace::Detail;
use crate::show::{console, text, time};

/// Times of a schedule that are shown ahead.
const UPCOMING: usize = 5;
/// The id of a workflow where nothing else is said.
const ID_DEFAULT: &str = "{schedule}-{time}";

/// A schedule for programs.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    cron: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    zone: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(flatten)]
    target: Target<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Raw>,
    overlap: &'static str,
    catch_up_ms: u64,
    jitter_ms: u64,
    paused: bool,
    upcoming: Vec<String>,
    queued: Vec<String>,
    backfill: Vec<String>,
    started: u64,
    skipped: u64,
    missed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    last_workflow: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    problem: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Target<'a> {
    Workflow {
        workflow: &'a str,
        id: &'a str,
    },
    Actor {
        actor_type: &'a str,
        actor_id: &'a str,
        method: &'a str,
    },
    Nothing {},
}

/// What came of a trigger or a backfill, for programs.
#[derive(Serialize)]
struct FiredLine {
    started: u64,
    queued: u64,
    skipped: u64,
}

/// Does what the command says.
pub(crate) fn run(common: &Common, command: &ScheduleCommand) -> Ending {
    match command {
        ScheduleCommand::Create(args) => create(common, args),
        ScheduleCommand::List => on(common, async |session| list(session)),
        ScheduleCommand::Show { name } => on(common, async |session| show(session, name)),
        ScheduleCommand::Pause { name } => on(common, async |session| {
            let done = session.runtime.pause_schedule(&session.tenant, name).await;
            done.map_err(exit::refused)?;
            note(session, name, "is paused")
        }),
        ScheduleCommand::Resume { name } => on(common, async |session| {
            let done = session.runtime.resume_schedule(&session.tenant, name).await;
            done.map_err(exit::refused)?;
            note(session, name, "goes on")
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
            note(session, name, "is deleted")
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
        let next = view.upcoming.first().map(|next| time::rfc3339(*next));
        let next = next.unwrap_or_else(|| "never".to_owned());
        note(session, name, &format!("is there; it is due next {next}"))
    })
}

fn definition(args: &CreateScheduleArgs) -> Result<Schedule, Problem> {
    let input = input::read_optional(args.input.as_deref()).or_exit(Exit::BadUsage)?;
    let target = match (&args.workflow, &args.actor[..]) {
        (Some(name), _) => ScheduleTarget::Workflow(ScheduledWorkflow {
            name: name.clone(),
            id: args.id.clone().unwrap_or_else(|| ID_DEFAULT.to_owned()),
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
        overlap: overlap(args.overlap).into(),
        queue_max: args.queue,
        catch_up_ms: millis(&args.catch_up)?,
        jitter_ms: millis(&args.jitter)?,
        ..Schedule::default()
    })
}

fn overlap(overlap: Overlap) -> host_store::records::Overlap {
    use host_store::records::Overlap as Kept;
    match overlap {
        Overlap::Skip => Kept::Skip,
        Overlap::Queue => Kept::Queue,
        Overlap::Allow => Kept::Allow,
        Overlap::Cancel => Kept::Cancel,
        Overlap::Terminate => Kept::Terminate,
    }
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

fn note(session: &Session, name: &str, what: &str) -> Ending {
    session.console.note(&format!("Schedule {name} {what}"));
    Ok(Exit::Done)
}

fn tell_fired(session: &Session, name: &str, fired: Fired) -> Ending {
    let Fired {
        started,
        queued,
        skipped,
    } = fired;
    if session.console.json {
        let line = FiredLine {
            started,
            queued,
            skipped,
        };
        session.console.result(&console::encode(&line))?;
    }
    let words = format!("has met {started} of its times; {queued} wait, {skipped} are left out");
    session.console.note(&format!("Schedule {name} {words}"));
    session.tell_unfinished()?;
    Ok(Exit::Done)
}

fn known(session: &Session, name: &str) -> Result<ScheduleView, Problem> {
    let found = session.runtime.schedule(&session.tenant, name, UPCOMING)?;
    found.ok_or_else(|| {
        let error = anyhow!(
            "no schedule has the name {name}; \"host schedule list\" shows those there are"
        );
        Problem::new(Exit::Failed, error)
    })
}

fn show(session: &Session, name: &str) -> Ending {
    let view = known(session, name)?;
    let shown = if session.console.json {
        console::encode(&line(&view))
    } else {
        block(&view)
    };
    session.console.result(&shown)?;
    Ok(Exit::Done)
}

fn list(session: &Session) -> Ending {
    let views = session.runtime.schedules(&session.tenant)?;
    if views.is_empty() {
        session.console.note("There are no schedules");
    } else if session.console.json {
        for view in &views {
            session.console.result(&console::encode(&line(view)))?;
        }
    } else {
        let heads = ["NAME", "WHEN", "DOES", "NEXT", "STARTED", "SKIPPED"];
        let rows = views.iter().map(row).collect();
        session.console.result(&table(heads, rows))?;
    }
    Ok(Exit::Done)
}

fn row(view: &ScheduleView) -> [String; 6] {
    let schedule = &view.schedule;
    [
        view.name.clone(),
        when(schedule),
        does(schedule),
        next(view),
        schedule.started.to_string(),
        schedule.skipped.to_string(),
    ]
}

fn when(schedule: &Schedule) -> String {
    if schedule.cron.is_empty() {
        let every = Duration::from_millis(schedule.interval_ms);
        return format!("every {}", time::length(every));
    }
    let (cron, zone) = (&schedule.cron, &schedule.zone);
    text::printable(&format!("{cron} ({zone})"))
}

fn does(schedule: &Schedule) -> String {
    let what = match &schedule.target {
        Some(ScheduleTarget::Workflow(workflow)) => format!("starts {}", workflow.name),
        Some(ScheduleTarget::Actor(call)) => {
            format!(
                "calls {}/{}.{}",
                call.actor_type, call.actor_id, call.method
            )
        }
        None => "nothing".to_owned(),
    };
    text::printable(&what)
}

fn next(view: &ScheduleView) -> String {
    match view.upcoming.first() {
        Some(next) => time::rfc3339(*next),
        None if view.schedule.paused => "paused".to_owned(),
        None => "never".to_owned(),
    }
}

/// All that is known of a schedule, a fact a line.
fn block(view: &ScheduleView) -> String {
    let schedule = &view.schedule;
    let at = |ms: u64| time::rfc3339(Timestamp(ms));
    let mut facts = vec![
        ("name", view.name.clone()),
        ("when", when(schedule)),
        ("does", does(schedule)),
        ("overlap", overlap_name(schedule).to_owned()),
        ("next", next(view)),
        ("started", schedule.started.to_string()),
        ("skipped", schedule.skipped.to_string()),
        ("missed", schedule.missed.to_string()),
    ];
    facts.extend(
        view.upcoming
            .iter()
            .skip(1)
            .map(|time| ("then", at(time.0))),
    );
    facts.extend(schedule.queued.iter().map(|time| ("waits", at(*time))));
    if let [first, rest @ ..] = &schedule.backfill[..] {
        let more = rest.len();
        facts.push(("makes up", format!("{} and {more} more", at(*first))));
    }
    for (name, ms) in [("from", schedule.from_ms), ("until", schedule.until_ms)] {
        if ms != 0 {
            facts.push((name, at(ms)));
        }
    }
    if schedule.last_ms != 0 {
        facts.push(("last", at(schedule.last_ms)));
    }
    if !schedule.problem.is_empty() {
        facts.push(("problem", text::printable(&schedule.problem)));
    }
    let lines = facts
        .iter()
        .map(|(name, value)| format!("{name:<10}{value}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn overlap_name(schedule: &Schedule) -> &'static str {
    use host_store::records::Overlap as Kept;
    match schedule.overlap() {
        Kept::Skip => "skip",
        Kept::Queue => "queue",
        Kept::Allow => "allow",
        Kept::Cancel => "cancel",
        Kept::Terminate => "terminate",
    }
}

fn line(view: &ScheduleView) -> Line<'_> {
    let schedule = &view.schedule;
    let at = |ms: u64| time::rfc3339(Timestamp(ms));
    let bound = |ms: u64| Some(ms).filter(|ms| *ms != 0).map(at);
    Line {
        name: &view.name,
        cron: &schedule.cron,
        zone: &schedule.zone,
        interval_ms: Some(schedule.interval_ms).filter(|ms| *ms != 0),
        from: bound(schedule.from_ms),
        until: bound(schedule.until_ms),
        target: match &schedule.target {
            Some(ScheduleTarget::Workflow(workflow)) => Target::Workflow {
                workflow: &workflow.name,
                id: &workflow.id,
            },
            Some(ScheduleTarget::Actor(call)) => Target::Actor {
                actor_type: &call.actor_type,
                actor_id: &call.actor_id,
                method: &call.method,
            },
            None => Target::Nothing {},
        },
        input: (!schedule.input.is_empty()).then(|| Raw::new(&schedule.input)),
        overlap: overlap_name(schedule),
        catch_up_ms: schedule.catch_up_ms,
        jitter_ms: schedule.jitter_ms,
        paused: schedule.paused,
        upcoming: view.upcoming.iter().map(|time| at(time.0)).collect(),
        queued: schedule.queued.iter().map(|time| at(*time)).collect(),
        backfill: schedule.backfill.iter().map(|time| at(*time)).collect(),
        started: schedule.started,
        skipped: schedule.skipped,
        missed: schedule.missed,
        last: bound(schedule.last_ms),
        last_workflow: &schedule.running,
        problem: &schedule.problem,
    }
}
