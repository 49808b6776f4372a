//! One workflow instance for people: a block, or a few words.
//!
//! Pure. Knows what programs are shown of it, and shows no more: so it does not matter where that comes from.

use host_api::json::{
    ActivityReport, AttributeLine, FailureReport, Raw, Report, StallReport, TimeLine,
};

use super::{json, stall, text};

/// Characters of an output or a failure in a list.
const EXCERPT_CHARS: usize = 60;

/// All that is known of a workflow, a fact a line, for people.
pub(crate) fn block(report: &Report<'_>) -> String {
    let mut lines = vec![
        fact("id", &report.id),
        fact("name", &text::printable(&report.name)),
        fact("plugin", &text::printable(&report.plugin)),
        fact("status", report.status.name()),
        fact("run", &report.run.to_string()),
    ];
    let pinned = |digest| {
        fact(
            "runs on",
            &format!("component {}", stall::beginning(digest)),
        )
    };
    lines.extend(report.component.as_deref().map(pinned));
    let starts = report.starts.as_deref();
    lines.extend(starts.map(|at| fact("starts", at)));
    lines.extend([
        fact("created", &report.created),
        fact("updated", &report.updated),
    ]);
    let kept_until = report.kept_until.as_deref();
    lines.extend(kept_until.map(|until| fact("kept", &format!("until {until}"))));
    let payload = |name, value: &Option<Raw>| value.as_ref().map(|value| payload(name, value));
    lines.extend(payload("says", &report.custom_status));
    let attributes = report.attributes.iter();
    lines.extend(attributes.map(|(name, value)| attribute_fact(name, value)));
    lines.extend(payload("input", &report.input));
    lines.extend(payload("output", &report.output));
    lines.extend(report.failure.iter().flat_map(failure_facts));
    lines.extend(report.stall.iter().flat_map(stall_facts));
    lines.extend(report.suspension.as_ref().map(|held| {
        let since = format!("since {}", held.since);
        fact("held", &with_reason(&since, &held.reason))
    }));
    let asked = report.cancel_requested.as_deref();
    lines.extend(asked.map(|reason| fact("cancel", &with_reason("requested", reason))));
    lines.extend(report.activities.iter().map(activity_fact));
    lines.join("\n")
}

fn with_reason(fact: &str, reason: &str) -> String {
    match reason {
        "" => fact.to_owned(),
        reason => format!("{fact}: {}", text::printable(reason)),
    }
}

/// How a workflow ended, why it does not go on or where it says that it stands, in a few words.
pub(crate) fn ending(report: &Report<'_>) -> String {
    match (&report.output, &report.failure, &report.stall) {
        (Some(output), _, _) => excerpt(output),
        (None, Some(failure), _) => shown_failure(failure),
        (None, None, Some(stall)) => format!("at event {}", stall.event),
        (None, None, None) => report
            .custom_status
            .as_ref()
            .map(excerpt)
            .unwrap_or_default(),
    }
}

fn shown_failure(report: &FailureReport<'_>) -> String {
    let words = report.failure().to_string();
    text::shortened(&text::printable(&words), EXCERPT_CHARS)
}

/// A name and what belongs to it; further lines stand under the first.
fn fact(name: &str, value: &str) -> String {
    format!("{name:<9}{}", value.replace('\n', "\n         "))
}

fn payload(name: &str, value: &Raw) -> String {
    fact(name, &json::pretty(value.bytes()))
}

fn excerpt(value: &Raw) -> String {
    json::excerpt(value.bytes(), EXCERPT_CHARS)
}

fn failure_facts(report: &FailureReport<'_>) -> Vec<String> {
    let again = if report.retryable {
        "; trying again can help"
    } else {
        ""
    };
    let message = text::printable_lines(&report.failure().to_string());
    let mut facts = vec![fact("failure", &format!("{message}{again}"))];
    let details = report.details.as_ref();
    facts.extend(details.map(|details| payload("details", details)));
    facts
}

/// As it is compared with `--where`.
fn attribute_fact(name: &str, value: &AttributeLine) -> String {
    let value = match value {
        AttributeLine::Text(text) => format!("{text:?}"),
        AttributeLine::Number(number) => number.to_string(),
        AttributeLine::Bool(truth) => truth.to_string(),
        AttributeLine::Time(TimeLine { time }) => time.clone(),
    };
    fact("has", &format!("{} = {value}", text::printable(name)))
}

fn activity_fact(activity: &ActivityReport<'_>) -> String {
    let (name, attempt) = (text::printable(&activity.name), activity.attempt);
    let mut words = format!("{name}, attempt {attempt} due {}", activity.due);
    if activity.cancel_requested {
        words.push_str(", asked to stop");
    }
    if let Some(details) = &activity.heartbeat {
        words.push_str("\nlast heartbeat ");
        words.push_str(&excerpt(details));
    }
    if let Some(failure) = &activity.last_failure {
        words.push_str("\nlast failure ");
        words.push_str(&text::printable_lines(&failure.failure().to_string()));
    }
    fact("activity", &words)
}

fn stall_facts(stall: &StallReport<'_>) -> Vec<String> {
    let mut facts = vec![fact("stalled", &stall::lines(stall).join("\n"))];
    facts.push(fact("", stall::ADVICE));
    facts
}

#[cfg(test)]
mod tests {
    use host_base::{AttributeValue, Attributes, Failure, TenantId, Timestamp, WorkflowKey};
    use host_engine::WorkflowStatus;
    use host_runtime::{PendingActivity, WorkflowView};

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
            attributes: Attributes::new(),
            starts: None,
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
        let report = Report::new(&view).with_input(Some(&b"{\"a\":1}".to_vec()));
        assert_eq!(block(&report), expected);
    }

    #[test]
    fn attributes_are_shown_as_they_are_looked_for() {
        let mut view = view(WorkflowStatus::Running, None);
        view.attributes = Attributes::from([
            (
                "customer".to_owned(),
                AttributeValue::Text("ada \"b\"".to_owned()),
            ),
            ("due".to_owned(), AttributeValue::Time(0)),
            ("total".to_owned(), AttributeValue::Number(10.0)),
            ("vip".to_owned(), AttributeValue::Bool(true)),
        ]);
        let expected = r#"
has      customer = "ada \"b\""
has      due = 1970-01-01T00:00:00.000Z
has      total = 10
has      vip = true"#;
        let report = Report::new(&view);
        assert!(block(&report).ends_with(expected), "{}", block(&report));
        let line = console::encode(&report);
        let end = r#""attributes":{"customer":"ada \"b\"","due":{"time":"1970-01-01T00:00:00.000Z"},"total":10,"vip":true}}"#;
        assert!(line.ends_with(end), "{line}");
        let read: Report<'_> = serde_json::from_str(&line).unwrap();
        assert_eq!(console::encode(&read), line);
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
        let report = Report::new(&view).with_activities(&activities);
        let shown = block(&report);
        assert!(shown.ends_with(expected), "{shown}");
        let line = console::encode(&report);
        let end = r#""activities":[{"handle":7,"name":"ship","attempt":3,"due":"1970-01-01T00:00:01.500Z","cancel_requested":true,"heartbeat":{"parcel":1},"last_failure":{"code":"busy","message":"no van","retryable":true}}]}"#;
        assert!(line.ends_with(end), "{line}");
    }

    #[test]
    fn what_programs_are_shown_is_read_back_as_it_was() {
        let mut failure = Failure::transient("busy", "no van");
        failure.details = Some(b"1.10".to_vec());
        let failure = failure.caused_by(Failure::new("late", "three"));
        let mut failed = view(WorkflowStatus::Failed, Some(Err(failure)));
        failed.custom_status = Some(b"null".to_vec());
        let mut held = view(WorkflowStatus::Completed, Some(Ok(Vec::new())));
        held.cancel_requested = Some(String::new());
        for view in [failed, held] {
            let line = console::encode(&Report::new(&view).with_input(Some(&Vec::new())));
            let read: Report<'_> = serde_json::from_str(&line).unwrap();
            assert_eq!(console::encode(&read), line);
        }
    }
}
