//! `host schedule …`: workflows that are started and actors that are called again and again.
//!
//! Knows how schedules are typed and shown; when they are due is the runtime's business.

use std::time::Duration;

use anyhow::{Context, anyhow};
use host_api::json::{self, FiredReport, OverlapPolicy, ScheduleLine};
use host_base::{Timestamp, duration};
use host_runtime::{Fired, ScheduleView};
use host_store::records::{Schedule, ScheduleTarget, ScheduledCall, ScheduledWorkflow};

use crate::args::{Common, CreateScheduleArgs, Overlap, ScheduleCommand};
use crate::exit::{self, Exit, OrExit, Problem};
use crate::input;
use crate::session::{self, Ending, Session};
use crate::show::table::table;
use crate::show::trace::Detail;
use crate::show::{console, text, time};

/// Times of a schedule that are shown ahead.
const UPCOMING: usize = 5;

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
    if session.console.is_for_programs() {
        let line = console::encode(&FiredReport::new(fired));
        session.console.result(&line)?;
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
    let shown = if session.console.is_for_programs() {
        console::encode(&ScheduleLine::new(&view))
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
    }
    if session.console.is_for_programs() {
        for view in &views {
            session.console.entry(&ScheduleLine::new(view))?;
        }
        session.console.end_of_list()?;
    } else if !views.is_empty() {
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
        (
            "overlap",
            OverlapPolicy::from(schedule.overlap()).name().to_owned(),
        ),
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
