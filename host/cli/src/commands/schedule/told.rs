//! What is told of schedules, wherever they are.
//!
//! Owns the words; knows what programs are shown and asks for nothing.

use std::io;
use std::time::Duration;

use anyhow::anyhow;
use host_api::json::{FiredReport, ScheduleLine, Target};

use crate::exit::{Exit, Problem};
use crate::session::Ending;
use crate::show::console::{self, Console};
use crate::show::{list, text, time};

const HEADS: [&str; 6] = ["NAME", "WHEN", "DOES", "NEXT", "STARTED", "SKIPPED"];

/// Something was done to one.
pub(super) fn done(console: &Console, name: &str, what: &str) -> Ending {
    console.note(&format!("Schedule {name} {what}"));
    Ok(Exit::Done)
}

/// One that was created, or was there already.
pub(super) fn created(console: &Console, schedule: &ScheduleLine<'_>) -> Ending {
    let next = schedule.upcoming.first().map_or("never", String::as_str);
    let what = format!("is there; it is due next {next}");
    done(console, &schedule.name, &what)
}

/// What came of a trigger or a backfill.
pub(super) fn fired(console: &Console, name: &str, fired: FiredReport) -> io::Result<()> {
    if console.is_for_programs() {
        console.result(&console::encode(&fired))?;
    }
    let FiredReport {
        started,
        queued,
        skipped,
    } = fired;
    let words = format!("has met {started} of its times; {queued} wait, {skipped} are left out");
    console.note(&format!("Schedule {name} {words}"));
    Ok(())
}

pub(super) fn unknown(name: &str) -> Problem {
    let error =
        anyhow!("no schedule has the name {name}; \"host schedule list\" shows those there are");
    Problem::new(Exit::Failed, error)
}

/// All that is known of one.
pub(super) fn show(console: &Console, schedule: &ScheduleLine<'_>) -> Ending {
    let shown = if console.is_for_programs() {
        console::encode(schedule)
    } else {
        block(schedule)
    };
    console.result(&shown)?;
    Ok(Exit::Done)
}

/// Those there are.
pub(super) fn listed(console: &Console, schedules: &[ScheduleLine<'_>]) -> Ending {
    list::show(console, HEADS, schedules, row, "There are no schedules")?;
    Ok(Exit::Done)
}

fn row(schedule: &ScheduleLine<'_>) -> [String; 6] {
    [
        text::printable(&schedule.name),
        when(schedule),
        does(schedule),
        next(schedule),
        schedule.started.to_string(),
        schedule.skipped.to_string(),
    ]
}

fn when(schedule: &ScheduleLine<'_>) -> String {
    if let Some(interval_ms) = schedule.interval_ms {
        return format!("every {}", time::length(Duration::from_millis(interval_ms)));
    }
    let (cron, zone) = (&schedule.cron, &schedule.zone);
    text::printable(&format!("{cron} ({zone})"))
}

fn does(schedule: &ScheduleLine<'_>) -> String {
    let what = match &schedule.target {
        Target::Workflow { workflow, .. } => format!("starts {workflow}"),
        Target::Actor {
            actor_type,
            actor_id,
            method,
        } => format!("calls {actor_type}/{actor_id}.{method}"),
        Target::Nothing {} => "nothing".to_owned(),
    };
    text::printable(&what)
}

fn next(schedule: &ScheduleLine<'_>) -> String {
    match schedule.upcoming.first() {
        Some(next) => next.clone(),
        None if schedule.paused => "paused".to_owned(),
        None => "never".to_owned(),
    }
}

/// All that is known of a schedule, a fact a line.
fn block(schedule: &ScheduleLine<'_>) -> String {
    let mut facts = vec![
        ("name", text::printable(&schedule.name)),
        ("when", when(schedule)),
        ("does", does(schedule)),
        ("overlap", schedule.overlap.name().to_owned()),
        ("next", next(schedule)),
        ("started", schedule.started.to_string()),
        ("skipped", schedule.skipped.to_string()),
        ("missed", schedule.missed.to_string()),
    ];
    let all = |name, times: &[String]| times.iter().map(|time| (name, time.clone())).collect();
    let then: Vec<_> = all("then", schedule.upcoming.get(1..).unwrap_or_default());
    facts.extend(then);
    facts.extend::<Vec<_>>(all("waits", &schedule.queued));
    if let [first, rest @ ..] = &schedule.backfill[..] {
        let more = rest.len();
        facts.push(("makes up", format!("{first} and {more} more")));
    }
    let some = |name, time: &Option<String>| time.clone().map(|time| (name, time));
    facts.extend(some("from", &schedule.from));
    facts.extend(some("until", &schedule.until));
    facts.extend(some("last", &schedule.last));
    if !schedule.problem.is_empty() {
        facts.push(("problem", text::printable(&schedule.problem)));
    }
    let lines = facts
        .iter()
        .map(|(name, value)| format!("{name:<10}{value}"));
    lines.collect::<Vec<_>>().join("\n")
}
