//! What clients ask for of an actor's state, reminders and timers, and why they do not get it.
//!
//! Knows neither HTTP nor gRPC. What is asked for from outside is done between two of the actor's turns.

use std::collections::BTreeMap;
use std::time::Duration;

use host_base::duration::{self, InvalidDuration};
use host_base::failure::code;
use host_base::{ActorKey, Failure, Fault, Payload};
use host_runtime::{
    Alarm, CatchUp, ConstantRetry, Moment, NewReminder, ReminderInfo, StateChange, StateValue,
    StoreError,
};
use serde::de::IgnoredAny;

use crate::Api;

/// How the types are called that Dapr keeps for itself.
const RESERVED: &str = "dapr.internal.";
/// After how long a reminder whose method has failed is run again, and how often, where nothing is said of it.
pub(crate) const RETRY_INTERVAL: Duration = Duration::from_secs(1);
pub(crate) const RETRIES_MAX: u32 = 3;

/// Reminders that one answer lists at most.
const REMINDERS_LISTED_MAX: usize = 10_000;

/// What says in the metadata of a value how long it stays.
const TTL: &str = "ttlInSeconds";

/// Why a method was not called, or what became of it.
#[derive(Debug, PartialEq)]
pub(crate) enum Uncalled {
    /// No plugin brings the type.
    NoAddress,
    /// It is worth trying again: nothing was done.
    Busy,
    /// It failed.
    Failed,
}

/// Why nothing was done, or could be read.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Types of such a name belong to Dapr.
    Reserved(String),
    /// No plugin brings the type.
    NotHosted(String),
    /// The runtime refuses it.
    Failed(Failure),
    /// The store cannot be read.
    Unreadable(StoreError),
}

/// When something is due, and what it runs, as Dapr's clients say it: where there is nothing, it is empty.
#[derive(Debug, Default)]
pub(crate) struct Due {
    pub(crate) name: String,
    /// Which method it runs; empty: the one of its name.
    pub(crate) method: String,
    /// What the method takes.
    pub(crate) data: Payload,
    /// When it is due first; empty: at once.
    pub(crate) due: String,
    /// After how long it is due again; empty or no time at all: never.
    pub(crate) period: String,
    /// Until when it is due; empty: without an end.
    pub(crate) ttl: String,
}

/// What becomes of a reminder whose method fails.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum FailurePolicy {
    /// As it is where nothing is said.
    #[default]
    Usual,
    /// It is dropped for this time.
    Drop,
    /// It is run again after so long, so often at most.
    Constant {
        interval: Option<Duration>,
        max_retries: Option<u32>,
    },
}

impl Due {
    /// As a timer.
    pub(crate) fn timer(self) -> Alarm {
        let text = |text: String| (!text.trim().is_empty()).then_some(Moment::Text(text));
        Alarm {
            method: if self.method.is_empty() {
                self.name.clone()
            } else {
                self.method
            },
            name: self.name,
            input: self.data,
            due: text(self.due).unwrap_or(Moment::After(Duration::ZERO)),
            period: text(self.period).filter(is_some_time),
            ttl: text(self.ttl),
        }
    }

    /// As a reminder.
    pub(crate) fn reminder(self, policy: FailurePolicy, overwrite: bool) -> NewReminder {
        NewReminder {
            alarm: self.timer(),
            // As Dapr's scheduler, which fires once for what it has missed.
            catch_up: CatchUp::Once,
            retry: policy.retry(),
            overwrite,
        }
    }
}

/// Clients say by a period of no time at all that there is none.
fn is_some_time(period: &Moment) -> bool {
    match period {
        Moment::Text(text) => {
            text.starts_with('R')
                || !text.contains('0')
                || text.contains(|one| "123456789".contains(one))
        }
        Moment::After(_) | Moment::At(_) => true,
    }
}

impl FailurePolicy {
    fn retry(self) -> Option<ConstantRetry> {
        let (interval, max_retries) = match self {
            FailurePolicy::Usual => (None, Some(RETRIES_MAX)),
            FailurePolicy::Drop => return None,
            FailurePolicy::Constant {
                interval,
                max_retries,
            } => (interval, max_retries),
        };
        Some(ConstantRetry {
            interval: interval.unwrap_or(RETRY_INTERVAL),
            max_retries,
        })
    }
}

/// The interval that a client writes; none where it is empty.
pub(crate) fn interval(text: &str) -> Result<Option<Duration>, InvalidDuration> {
    let text = Some(text).filter(|text| !text.trim().is_empty());
    text.map(duration::read).transpose()
}

/// How long a value stays by its metadata; none: for ever.
pub(crate) fn ttl(metadata: &BTreeMap<String, String>) -> Result<Option<Duration>, String> {
    let Some(text) = metadata.get(TTL) else {
        return Ok(None);
    };
    match text.parse::<i64>() {
        // It is never over, or nothing is said.
        Ok(-1 | 0) => Ok(None),
        Ok(seconds) if seconds > 0 => Ok(Some(Duration::from_secs(seconds.unsigned_abs()))),
        Ok(_) | Err(_) => Err(format!(
            "{TTL} {text:?} is no number of seconds, and not -1"
        )),
    }
}

/// The period of a reminder as it can be written; empty where there is none.
pub(crate) fn period(reminder: &ReminderInfo) -> String {
    match (&reminder.period, reminder.left) {
        (None, _) => String::new(),
        (Some(period), None) => period.clone(),
        (Some(period), Some(left)) => format!("R{left}/{period}"),
    }
}

impl Api {
    /// How Dapr's clients are told that a method was not called or has failed.
    pub(crate) fn uncalled(&self, actor: &ActorKey, failure: &Failure) -> (Uncalled, String) {
        const WHAT: &str = "error invoke actor method";
        let (tenant, actor_type) = (&actor.tenant, &actor.actor_type);
        let is_missing = failure.code == code::NOT_FOUND;
        if is_missing && !self.runtime.brings_actor(tenant, actor_type) {
            return (Uncalled::NoAddress, format!("{WHAT}: {failure}"));
        }
        if failure.fault() == Fault::TryAgain {
            return (Uncalled::Busy, format!("{WHAT}: {failure}"));
        }
        // What daprd makes of an application that answers with an error.
        let status = if is_missing { 404 } else { 500 };
        let text = format!("{WHAT}: error from actor service: ({status}) {failure}");
        (Uncalled::Failed, text)
    }

    /// Writes values of an actor's state, all or none.
    pub(crate) async fn write_state(
        &self,
        actor: &ActorKey,
        changes: Vec<StateChange>,
    ) -> Result<(), Refused> {
        self.check_hosted(actor)?;
        let written = self.runtime.write_state(actor, changes).await;
        written.map_err(Refused::Failed)
    }

    /// A value of an actor's state. It need not be hosted.
    pub(crate) fn state(&self, actor: &ActorKey, key: &str) -> Result<Option<StateValue>, Refused> {
        check_not_reserved(&actor.actor_type)?;
        let value = self.runtime.state(actor, key);
        value.map_err(Refused::Unreadable)
    }

    /// Sets a reminder of an actor.
    pub(crate) async fn set_reminder(
        &self,
        actor: &ActorKey,
        reminder: NewReminder,
    ) -> Result<(), Refused> {
        self.check_hosted(actor)?;
        let set = self.runtime.set_reminder(actor, reminder).await;
        set.map_err(Refused::Failed)
    }

    /// Cancels a reminder of an actor, if it is there.
    pub(crate) async fn cancel_reminder(
        &self,
        actor: &ActorKey,
        name: &str,
    ) -> Result<(), Refused> {
        self.check_hosted(actor)?;
        let cancelled = self.runtime.cancel_reminder(actor, name).await;
        cancelled.map(drop).map_err(Refused::Failed)
    }

    /// A reminder of an actor.
    pub(crate) fn reminder(
        &self,
        actor: &ActorKey,
        name: &str,
    ) -> Result<Option<ReminderInfo>, Refused> {
        self.check_hosted(actor)?;
        let reminder = self.runtime.reminder(actor, name);
        reminder.map_err(Refused::Unreadable)
    }

    /// The reminders of all actors of a type, or of one of them: by actor, then by name.
    pub(crate) fn reminders(
        &self,
        actor_type: &str,
        only: Option<&ActorKey>,
    ) -> Result<Vec<(ActorKey, ReminderInfo)>, Refused> {
        self.check_type(actor_type)?;
        let found = self.first_reminders(actor_type, only, REMINDERS_LISTED_MAX + 1)?;
        if found.len() <= REMINDERS_LISTED_MAX {
            return Ok(found);
        }
        let text = format!(
            "there are more than {REMINDERS_LISTED_MAX} reminders: name an actor, or read them page by page under \
             /api/v1"
        );
        Err(Refused::Failed(Failure::new(code::LIMIT, text)))
    }

    /// Cancels the reminders of all actors of a type, or of one of them.
    pub(crate) async fn cancel_reminders(
        &self,
        actor_type: &str,
        only: Option<&ActorKey>,
    ) -> Result<(), Refused> {
        self.check_type(actor_type)?;
        loop {
            let found = self.first_reminders(actor_type, only, REMINDERS_LISTED_MAX)?;
            for (actor, reminder) in &found {
                let cancelled = self.runtime.cancel_reminder(actor, &reminder.name).await;
                cancelled.map_err(Refused::Failed)?;
            }
            if found.len() < REMINDERS_LISTED_MAX {
                return Ok(());
            }
        }
    }

    fn first_reminders(
        &self,
        actor_type: &str,
        only: Option<&ActorKey>,
        limit: usize,
    ) -> Result<Vec<(ActorKey, ReminderInfo)>, Refused> {
        let runtime = &self.runtime;
        let found = match only {
            Some(actor) => runtime.reminders(actor, None, limit).map(|all| {
                let all = all.into_iter();
                all.map(|one| (actor.clone(), one)).collect()
            }),
            None => runtime.reminders_of_type(self.tenant(), actor_type, None, limit),
        };
        found.map_err(Refused::Unreadable)
    }

    /// The timers of an actor, in the order of their names.
    pub(crate) async fn timers(&self, actor: &ActorKey) -> Result<Vec<ReminderInfo>, Refused> {
        self.check_hosted(actor)?;
        self.runtime.timers(actor).await.map_err(Refused::Failed)
    }

    /// Sets a timer of an actor.
    pub(crate) async fn set_timer(&self, actor: &ActorKey, timer: Alarm) -> Result<(), Refused> {
        self.check_hosted(actor)?;
        let set = self.runtime.set_timer(actor, timer).await;
        set.map_err(Refused::Failed)
    }

    /// Cancels a timer of an actor, if it is there.
    pub(crate) async fn cancel_timer(&self, actor: &ActorKey, name: &str) -> Result<(), Refused> {
        self.check_hosted(actor)?;
        let cancelled = self.runtime.cancel_timer(actor, name).await;
        cancelled.map(drop).map_err(Refused::Failed)
    }

    fn check_hosted(&self, actor: &ActorKey) -> Result<(), Refused> {
        self.check_type(&actor.actor_type)
    }

    fn check_type(&self, actor_type: &str) -> Result<(), Refused> {
        check_not_reserved(actor_type)?;
        if self.runtime.brings_actor(self.tenant(), actor_type) {
            Ok(())
        } else {
            Err(Refused::NotHosted(actor_type.to_owned()))
        }
    }
}

fn check_not_reserved(actor_type: &str) -> Result<(), Refused> {
    if actor_type.starts_with(RESERVED) {
        return Err(Refused::Reserved(actor_type.to_owned()));
    }
    Ok(())
}

/// Dapr's JavaScript client sends a list of what a method is called with, whose methods may take several
/// arguments. Methods of plugins take one input: this is the only one in such a list, if there is only one.
pub(crate) fn sole_argument(list: &[u8]) -> Option<&[u8]> {
    serde_json::from_slice::<[IgnoredAny; 1]>(list).ok()?;
    let inside = list.trim_ascii().strip_prefix(b"[")?.strip_suffix(b"]")?;
    Some(inside.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(period: &str) -> Due {
        Due {
            name: "Ring".to_owned(),
            period: period.to_owned(),
            ..Due::default()
        }
    }

    #[test]
    fn a_period_of_no_time_is_none() {
        for none in ["", " ", "0", "0s", "PT0S", "0h0m0s0ms0μs"] {
            assert_eq!(due(none).timer().period, None, "{none}");
        }
        for some in ["0h0m1s0ms0μs", "PT10S", "R0/PT0S", "soon"] {
            let period = due(some).timer().period;
            assert_eq!(period, Some(Moment::Text(some.to_owned())));
        }
    }

    #[test]
    fn what_runs_the_method_of_its_name_and_at_once_says_nothing_else() {
        let timer = due("").timer();
        assert_eq!((&*timer.name, &*timer.method), ("Ring", "Ring"));
        assert_eq!(timer.due, Moment::After(Duration::ZERO));
        assert_eq!(timer.ttl, None);
    }

    #[test]
    fn a_failed_reminder_is_run_again_as_the_policy_says() {
        let retry = |policy| due("").reminder(policy, true).retry;
        assert_eq!(retry(FailurePolicy::Drop), None);
        let usual = retry(FailurePolicy::Usual).unwrap();
        assert_eq!(
            (usual.interval, usual.max_retries),
            (RETRY_INTERVAL, Some(3))
        );
        let constant = FailurePolicy::Constant {
            interval: interval("0h0m5s0ms0μs").unwrap(),
            max_retries: None,
        };
        let constant = retry(constant).unwrap();
        assert_eq!(
            (constant.interval.as_secs(), constant.max_retries),
            (5, None)
        );
        assert!(interval("soon").is_err());
    }

    #[test]
    fn the_only_argument_is_taken_out_of_its_list_as_it_is() {
        let sole = |list: &str| sole_argument(list.as_bytes()).map(<[u8]>::to_vec);
        assert_eq!(sole(r#" [ {"a": 1.0} ] "#), Some(br#"{"a": 1.0}"#.to_vec()));
        assert_eq!(sole("[[1,2]]"), Some(b"[1,2]".to_vec()));
        for other in ["", "[]", "[1,2]", "1", "[1", "[1,]", "{}"] {
            assert_eq!(sole(other), None, "{other}");
        }
    }
}
