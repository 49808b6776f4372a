//! What is known of an instance, as its clients read it.
//!
//! Pure. A payload that is empty is none: clients tell the two apart, and the host does not.

use std::collections::BTreeMap;

use host_base::failure::Cause;
use host_base::{AttributeValue, Attributes, Failure, Outcome, Payload, Timestamp};
use host_runtime::{WorkflowStatus, WorkflowView};

use crate::json::date;

use super::messages::{FailureDetails, Status, WorkflowState};

/// What was asked for besides.
pub(super) struct Payloads {
    pub(super) input: Option<Payload>,
    /// With which words it was terminated.
    pub(super) termination: Option<String>,
}

/// An instance; input, output, custom status and failure only where they were asked for.
pub(super) fn of(view: &WorkflowView, payloads: Option<Payloads>) -> WorkflowState {
    let bare = WorkflowState {
        instance_id: view.key.id.clone(),
        name: view.name.clone(),
        status: status(view.status).into(),
        starts: view.starts.map(moment),
        created: Some(moment(view.created)),
        updated: Some(moment(view.updated)),
        execution_id: Some(view.run.to_string()),
        completed: view.has_ended().then(|| moment(view.updated)),
        tags: tags(&view.attributes),
        ..WorkflowState::default()
    };
    let Some(Payloads { input, termination }) = payloads else {
        return bare;
    };
    let (output, failure) = match (view.status, &view.outcome) {
        // It has ended as it was asked to.
        (WorkflowStatus::Terminated, _) => (termination, None),
        (_, outcome) => ended_with(outcome.as_ref()),
    };
    WorkflowState {
        input: input.as_deref().and_then(text),
        output,
        custom_status: view.custom_status.as_deref().map(lossy),
        failure,
        ..bare
    }
}

/// Attributes that are texts.
fn tags(attributes: &Attributes) -> BTreeMap<String, String> {
    let texts = attributes.iter().filter_map(|(name, value)| match value {
        AttributeValue::Text(text) => Some((name.clone(), text.clone())),
        AttributeValue::Number(_) | AttributeValue::Bool(_) | AttributeValue::Time(_) => None,
    });
    texts.collect()
}

/// The same the other way.
pub(super) fn attributes(tags: BTreeMap<String, String>) -> Attributes {
    let tags = tags.into_iter();
    tags.map(|(name, text)| (name, AttributeValue::Text(text)))
        .collect()
}

/// Output or failure.
pub(super) fn ended_with(outcome: Option<&Outcome>) -> (Option<String>, Option<FailureDetails>) {
    match outcome {
        Some(Ok(output)) => (text(output), None),
        Some(Err(failure)) => (None, Some(details(failure))),
        None => (None, None),
    }
}

pub(super) fn status(status: WorkflowStatus) -> Status {
    match status {
        WorkflowStatus::Pending => Status::Pending,
        WorkflowStatus::Running => Status::Running,
        WorkflowStatus::Completed => Status::Completed,
        WorkflowStatus::Failed => Status::Failed,
        WorkflowStatus::Stalled => Status::Stalled,
        WorkflowStatus::Cancelled => Status::Canceled,
        WorkflowStatus::Terminated => Status::Terminated,
        WorkflowStatus::Suspended => Status::Suspended,
    }
}

/// A failure with what led to it, each within the one that it led to.
pub(super) fn details(failure: &Failure) -> FailureDetails {
    let inner = failure.causes.iter().rev().fold(None, |inner, cause| {
        let Cause { code, message } = cause.clone();
        Some(Box::new(FailureDetails {
            error_type: code,
            message,
            inner,
            is_non_retriable: false,
        }))
    });
    FailureDetails {
        error_type: failure.code.clone(),
        message: failure.message.clone(),
        inner,
        is_non_retriable: !failure.retryable,
    }
}

/// A payload as text; none where it is empty.
pub(super) fn text(payload: &[u8]) -> Option<String> {
    (!payload.is_empty()).then(|| lossy(payload))
}

fn lossy(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).into_owned()
}

pub(super) fn moment(at: Timestamp) -> prost_types::Timestamp {
    let at = date(at);
    prost_types::Timestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    }
}

/// The same the other way; what lies before 1970 is 1970.
pub(super) fn millis(at: &prost_types::Timestamp) -> u64 {
    let millis = i128::from(at.seconds) * 1_000 + i128::from(at.nanos) / 1_000_000;
    u64::try_from(millis.max(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_led_to_a_failure_is_within_it_the_nearest_first() {
        let cause = Failure::new("b", "second").caused_by(Failure::new("c", "third"));
        let shown = details(&Failure::new("a", "first").caused_by(cause));
        let second = shown.inner.as_deref().unwrap();
        let third = second.inner.as_deref().unwrap();
        assert_eq!(
            (shown.error_type.as_str(), shown.is_non_retriable),
            ("a", true)
        );
        assert_eq!(
            (second.message.as_str(), third.message.as_str()),
            ("second", "third")
        );
        assert_eq!(third.inner, None);
    }

    #[test]
    fn a_payload_that_is_empty_is_none() {
        assert_eq!(text(b""), None);
        assert_eq!(text(b"\"\""), Some("\"\"".to_owned()));
    }

    #[test]
    fn times_go_there_and_back() {
        for at in [0, 1, 999, 1_000, 1_764_000_000_123] {
            assert_eq!(millis(&moment(Timestamp(at))), at);
        }
        let earlier = prost_types::Timestamp {
            seconds: -5,
            nanos: 0,
        };
        assert_eq!(millis(&earlier), 0);
        assert_eq!(moment(Timestamp(u64::MAX)).seconds, 253_402_207_200);
    }
}
