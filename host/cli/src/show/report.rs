//! One workflow instance for people: a block, or a few words.
//!
//! Pure. Knows the view that the runtime gives; asks for nothing.

use host_base::{Digest, Failure, Payload, Timestamp};
use host_runtime::{PendingActivity, WorkflowView};
use host_store::records::Stall;

use super::{json, stall, text, time};

/// Characters of an output or a failure in a list.
const EXCERPT_CHARS: usize = 60;

/// All that is known of a workflow, a fact a line, for people.
pub(crate) fn block(
    view: &WorkflowView,
    input: Option<&Payload>,
    activities: &[PendingActivity],
) -> String {
    let mut lines = vec![
        fact("id", &view.key.id),
        fact("name", &text::printable(&view.name)),
        fact("plugin", &text::printable(&view.plugin)),
        fact("status", view.status_name()),
        fact("run", &view.run.to_string()),
    ];
    let pinned = |digest: Digest| fact("runs on", &format!("component {}", stall::short(&digest)));
    lines.extend(view.component.map(pinned));
    lines.extend([
        fact("created", &time::rfc3339(view.created)),
        fact("updated", &time::rfc3339(view.updated)),
    ]);
    let kept_until = view.kept_until.map(time::rfc3339);
    lines.extend(kept_until.map(|until| fact("kept", &format!("until {until}"))));
    let custom = view.custom_status.as_deref();
    lines.extend(custom.map(|value| fact("says", &json::pretty(value))));
    lines.extend(input.map(|input| fact("input", &json::pretty(input))));
    lines.extend(output(view).map(|output| fact("output", &json::pretty(output))));
    lines.extend(failure(view).into_iter().flat_map(failure_facts));
    lines.extend(view.stall.iter().flat_map(stall_facts));
    lines.extend(view.suspension.as_ref().map(|held| {
        let since = time::rfc3339(Timestamp(held.at_ms));
        fact(
            "held",
            &with_reason(&format!("since {since}"), &held.reason),
        )
    }));
    let asked = view.cancel_requested.as_deref();
    lines.extend(asked.map(|reason| fact("cancel", &with_reason("requested", reason))));
    lines.extend(activities.iter().map(activity_fact));
    lines.join("\n")
}

fn with_reason(fact: &str, reason: &str) -> String {
    match reason {
        "" => fact.to_owned(),
        reason => format!("{fact}: {}", text::printable(reason)),
    }
}

/// How a workflow ended, why it does not go on or where it says that it stands, in a few words.
pub(crate) fn ending(view: &WorkflowView) -> String {
    match (&view.outcome, &view.stall) {
        (Some(Ok(output)), _) => json::excerpt(output, EXCERPT_CHARS),
        (Some(Err(failure)), _) => shown_failure(failure),
        (None, Some(stall)) => format!("at event {}", stall.event),
        (None, None) => {
            let custom = view.custom_status.as_deref();
            custom.map_or_else(String::new, |value| json::excerpt(value, EXCERPT_CHARS))
        }
    }
}

fn shown_failure(failure: &Failure) -> String {
    text::shortened(&text::printable(&failure.to_string()), EXCERPT_CHARS)
}

fn output(view: &WorkflowView) -> Option<&Payload> {
    view.outcome
        .as_ref()
        .and_then(|outcome| outcome.as_ref().ok())
}

fn failure(view: &WorkflowView) -> Option<&Failure> {
    view.outcome
        .as_ref()
        .and_then(|outcome| outcome.as_ref().err())
}

/// A name and what belongs to it; further lines stand under the first.
fn fact(name: &str, value: &str) -> String {
    format!("{name:<9}{}", value.replace('\n', "\n         "))
}

fn failure_facts(failure: &Failure) -> Vec<String> {
    let again = if failure.retryable {
        "; trying again can help"
    } else {
        ""
    };
    let message = text::printable_lines(&failure.to_string());
    let mut facts = vec![fact("failure", &format!("{message}{again}"))];
    facts.extend(
        failure
            .details
            .as_deref()
            .map(|details| fact("details", &json::pretty(details))),
    );
    facts
}

fn activity_fact(activity: &PendingActivity) -> String {
    let (name, attempt) = (text::printable(&activity.name), activity.attempt);
    let mut words = format!(
        "{name}, attempt {attempt} due {}",
        time::rfc3339(activity.due)
    );
    if activity.cancel_requested {
        words.push_str(", asked to stop");
    }
    if let Some(details) = &activity.heartbeat {
        words.push_str("\nlast heartbeat ");
        words.push_str(&json::excerpt(details, EXCERPT_CHARS));
    }
    if let Some(failure) = &activity.last_failure {
        words.push_str("\nlast failure ");
        words.push_str(&text::printable_lines(&failure.to_string()));
    }
    fact("activity", &words)
}

fn stall_facts(stall: &Stall) -> Vec<String> {
    let mut facts = vec![fact("stalled", &stall::lines(stall).join("\n"))];
    facts.push(fact("", stall::ADVICE));
    facts
}

#[cfg(test)]
mod tests {
    use host_api::json::Report;
    use host_base::{TenantId, WorkflowKey};
    use host_engine::WorkflowStatus;

    use super::*;
    use crate::show::console;

    fn view(status: WorkflowStatus, outcome: Option<host_base::Outcome>) -> WorkflowView {
        WorkflowView {
            key: WorkflowKey::new(TenantId::default(), "w-1").unwrap(),
            name: "w".to_owned(),
            plugin: "p".to_owned(),
            run: 2,
            status,
            created: Timestamp(0),
            updated: Timestamp(1500),
            outcome,
            stall: None,
            component: None,
            suspension: None,
            cancel_requested: None,
            custom_status: None,
            kept_until: None,
        }
    }

    #[test]
    fn programs_get_the_output_as_the_plugin_wrote_it() {
        let view = view(
            WorkflowStatus::Completed,
            Some(Ok(br#"{"b":1, "a":1.0}"#.to_vec())),
        );
        let expected = r#"{"id":"w-1","name":"w","plugin":"p","run":2,"status":"completed","created":"1970-01-01T00:00:00.000Z","updated":"1970-01-01T00:00:01.500Z","output":{"b":1,"a":1.0}}"#;
        assert_eq!(console::encode(&Report::new(&view)), expected);
    }

    #[test]
    fn programs_get_a_failure_with_its_details() {
        let mut failure = Failure::new("no-stock", "none left");
        failure.details = Some(b"{\"left\":0}".to_vec());
        let failure = failure.caused_by(Failure::new("late", "the van is late"));
        let view = view(WorkflowStatus::Failed, Some(Err(failure)));
        let report = Report::new(&view).with_input(Some(&b"[]".to_vec()));
        let report = report.already_done();
        let line = console::encode(&report);
        let end = r#""already_done":true,"input":[],"failure":{"code":"no-stock","message":"none left","retryable":false,"details":{"left":0},"causes":[{"code":"late","message":"the van is late"}]}}"#;
        assert!(line.ends_with(end), "{line}");
    }

    #[test]
    fn people_get_a_fact_a_line() {
        let failure = Failure::transient("busy", "one\ntwo");
        let failure = failure.caused_by(Failure::new("late", "three"));
        let view = view(WorkflowStatus::Failed, Some(Err(failure)));
        let expected = "\
id       w-1
name     w
plugin   p
status   failed
run      2
created  1970-01-01T00:00:00.000Z
updated  1970-01-01T00:00:01.500Z
input    {
           \"a\": 1
         }
failure  one
         two (busy), caused by: three (late); trying again can help";
        assert_eq!(block(&view, Some(&b"{\"a\":1}".to_vec()), &[]), expected);
    }

    #[test]
    fn activities_that_have_not_ended_are_shown_with_what_is_known_of_them() {
        let activity = PendingActivity {
            name: "ship".to_owned(),
            handle: 7,
            attempt: 3,
            due: Timestamp(1500),
            cancel_requested: true,
            heartbeat: Some(b"{\"parcel\":1}".to_vec()),
            last_failure: Some(Failure::transient("busy", "no van")),
        };
        let activities = [activity];
        let expected = "\
activity ship, attempt 3 due 1970-01-01T00:00:01.500Z, asked to stop
         last heartbeat {\"parcel\":1}
         last failure no van (busy)";
        let view = view(WorkflowStatus::Running, None);
        let shown = block(&view, None, &activities);
        assert!(shown.ends_with(expected), "{shown}");
        let line = console::encode(&Report::new(&view).with_activities(&activities));
        let end = r#""activities":[{"handle":7,"name":"ship","attempt":3,"due":"1970-01-01T00:00:01.500Z","cancel_requested":true,"heartbeat":{"parcel":1},"last_failure":{"code":"busy","message":"no van","retryable":true}}]}"#;
        assert!(line.ends_with(end), "{line}");
    }
}
