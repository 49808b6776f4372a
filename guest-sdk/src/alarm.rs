//! Reminders and timers: how an actor has its own methods run later.
//!
//! The method is named by calling it on the actor's client, so that its input has the type that it takes.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;

use crate::bindings::durable::plugin::actor as host;
use crate::bindings::durable::plugin::types;
use crate::client::{Address, Caller};
use crate::policy::milliseconds;
use crate::value::{decode, encode};
use crate::{Actor, ActorContext, Failure, Moment, Value};

/// Reminders that one question to the host brings.
const PAGE: u32 = 100;

/// What becomes of times at which a reminder was due and did not fire, because the host was away or had too
/// much to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CatchUp {
    /// It fires once for all of them.
    #[default]
    Once,
    /// It does not fire for those at which the host was away; one that is due only once is gone then.
    Skip,
    /// It fires for each of them, for a hundred at most.
    All,
}

/// What becomes of a reminder whose method fails. A repeating one goes on afterwards in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailurePolicy {
    /// It is over for this time.
    Drop,
    /// The method is run again.
    Constant {
        /// After how long.
        interval: Duration,
        /// How often at most; none: until it works.
        max_retries: Option<u32>,
    },
}

impl Default for FailurePolicy {
    /// Three times, each a second later.
    fn default() -> Self {
        Self::Constant {
            interval: Duration::from_secs(1),
            max_retries: Some(3),
        }
    }
}

/// What is known of a reminder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReminderInfo {
    /// Its name.
    pub name: String,
    /// Which method it runs.
    pub method: String,
    input: Vec<u8>,
    /// When it is due next, in milliseconds since 1970-01-01T00:00:00Z.
    pub due_ms: u64,
    /// After how long it is due again, as a duration of ISO 8601; none: it is not.
    pub period: Option<String>,
    /// How often it is still due; none: without an end.
    pub left: Option<u32>,
    /// Later than this it is not due any more; none: it has no end.
    pub ends_ms: Option<u64>,
}

impl ReminderInfo {
    /// What the method takes.
    pub fn input<T: Value>(&self) -> Result<T, Failure> {
        let what = format_args!("the input of the reminder `{}`", self.name);
        decode(&self.input, "bad-input", what)
    }
}

impl From<host::ReminderInfo> for ReminderInfo {
    fn from(info: host::ReminderInfo) -> Self {
        Self {
            name: info.name,
            method: info.method,
            input: info.input,
            due_ms: info.due_ms,
            period: info.period,
            left: info.left,
            ends_ms: info.ends_ms,
        }
    }
}

/// A reminder that is about to be set. Nothing is set before a method of what [`call`](Self::call) returns
/// is called.
#[derive(Clone, Debug)]
#[must_use = "nothing is set before `call` and a method are called"]
pub struct Reminder<A> {
    alarm: Alarm,
    rules: Rules,
    actor: PhantomData<fn() -> A>,
}

/// What is said of a reminder and not of a timer.
#[derive(Clone, Copy, Debug)]
struct Rules {
    catch_up: CatchUp,
    on_failure: FailurePolicy,
    overwrite: bool,
}

/// A timer that is about to be set. Nothing is set before a method of what [`call`](Self::call) returns is
/// called.
#[derive(Clone, Debug)]
#[must_use = "nothing is set before `call` and a method are called"]
pub struct Timer<A> {
    alarm: Alarm,
    actor: PhantomData<fn() -> A>,
}

#[derive(Clone, Debug)]
struct Alarm {
    name: String,
    due: Moment,
    period: Option<Moment>,
    ttl: Option<Moment>,
}

/// The parts that reminders and timers have in common.
macro_rules! alarm_methods {
    ($name:ident) => {
        impl<A: Actor> $name<A> {
            /// When it is due first; where nothing is said, at once.
            pub fn due(mut self, due: impl Into<Moment>) -> Self {
                self.alarm.due = due.into();
                self
            }

            /// After how long it is due again. In words it may say how often in all: `R5/PT10S`. Periods are
            /// counted from the first time.
            pub fn every(mut self, period: impl Into<Moment>) -> Self {
                self.alarm.period = Some(period.into());
                self
            }

            /// Later than this it is not due any more.
            pub fn ttl(mut self, ttl: impl Into<Moment>) -> Self {
                self.alarm.ttl = Some(ttl.into());
                self
            }
        }
    };
}

alarm_methods!(Reminder);
alarm_methods!(Timer);

impl<A: Actor> Reminder<A> {
    /// What becomes of times at which it did not fire.
    pub fn catch_up(mut self, rule: CatchUp) -> Self {
        self.rules.catch_up = rule;
        self
    }

    /// What becomes of it when its method fails.
    pub fn on_failure(mut self, policy: FailurePolicy) -> Self {
        self.rules.on_failure = policy;
        self
    }

    /// Where there is a reminder of the name already, it stays, and setting this one fails with
    /// `already-exists`.
    pub fn keep_existing(mut self) -> Self {
        self.rules.overwrite = false;
        self
    }

    /// The actor itself: the method that is called on it is run when the reminder is due. The call sets the
    /// reminder.
    pub fn call(self) -> A::Client<SetAlarm> {
        let kind = Kind::Reminder(self.rules);
        let set = SetAlarm {
            alarm: self.alarm,
            kind,
        };
        A::client(set, host::info().actor_id)
    }
}

impl<A: Actor> Timer<A> {
    /// The actor itself: the method that is called on it is run when the timer is due. The call sets the
    /// timer.
    pub fn call(self) -> A::Client<SetAlarm> {
        let set = SetAlarm {
            alarm: self.alarm,
            kind: Kind::Timer,
        };
        A::client(set, host::info().actor_id)
    }
}

/// A caller whose calls set a reminder or a timer.
#[derive(Clone, Debug)]
pub struct SetAlarm {
    alarm: Alarm,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Reminder(Rules),
    Timer,
}

impl Caller for SetAlarm {
    type Answer<T: Value> = Result<(), Failure>;

    fn call<T: Value>(
        &self,
        actor: &Address,
        method: Cow<'static, str>,
        input: &impl Serialize,
    ) -> Result<(), Failure> {
        let alarm = self.alarm.to_host(actor, &method, input)?;
        match self.kind {
            Kind::Reminder(rules) => rules.set(&alarm)?,
            Kind::Timer => host::set_timer(&alarm)?,
        }
        Ok(())
    }
}

impl Rules {
    fn set(self, alarm: &host::Alarm) -> Result<(), types::Failure> {
        let (catch_up, on_failure) = (self.catch_up.into(), self.on_failure.into());
        host::set_reminder(alarm, catch_up, on_failure, self.overwrite)
    }
}

impl From<CatchUp> for host::CatchUp {
    fn from(rule: CatchUp) -> Self {
        match rule {
            CatchUp::Once => Self::Once,
            CatchUp::Skip => Self::Skip,
            CatchUp::All => Self::All,
        }
    }
}

impl From<FailurePolicy> for host::FailurePolicy {
    fn from(policy: FailurePolicy) -> Self {
        match policy {
            FailurePolicy::Drop => Self::Drop,
            FailurePolicy::Constant {
                interval,
                max_retries,
            } => Self::Constant(host::ConstantRetry {
                interval_ms: milliseconds(interval),
                max_retries,
            }),
        }
    }
}

impl Alarm {
    fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            due: Moment::from(Duration::ZERO),
            period: None,
            ttl: None,
        }
    }

    fn to_host(
        &self,
        actor: &Address,
        method: &str,
        input: &impl Serialize,
    ) -> Result<host::Alarm, Failure> {
        let (name, own) = (&self.name, host::info().actor_type);
        if own != actor.actor_type {
            let other = &actor.actor_type;
            let message = format!("`{name}` runs a method of `{own}` itself, not of `{other}`");
            return Err(Failure::new("bad-input", message));
        }
        Ok(host::Alarm {
            name: name.clone(),
            method: method.to_owned(),
            input: encode(input, format_args!("the input of `{name}`"))?,
            due: self.due.0.clone(),
            period: self.period.clone().map(|period| period.0),
            ttl: self.ttl.clone().map(|ttl| ttl.0),
        })
    }
}

impl ActorContext {
    /// A reminder of that name: has a method of this actor run when it is due, exactly once each time,
    /// whatever happens to the host meanwhile. One that has the name already is replaced.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// #[derive(Default, Serialize, Deserialize, JsonSchema)]
    /// struct Offer { expired: bool }
    ///
    /// #[actor]
    /// impl Offer {
    ///     #[method]
    ///     fn publish(&mut self, ctx: &ActorContext) -> Result<(), Failure> {
    ///         ctx.reminder::<Self>("expiry").due("48h").call().expire()?;
    ///         ctx.reminder::<Self>("nudge").due("1h").every("R5/PT1H").call().nudge("buy!".to_owned())
    ///     }
    ///
    ///     #[method]
    ///     fn expire(&mut self, ctx: &ActorContext) {
    ///         self.expired = true;
    ///         ctx.cancel_reminder("nudge");
    ///     }
    ///
    ///     #[method]
    ///     fn nudge(&self, ctx: &ActorContext, text: String) {
    ///         ctx.log(text);
    ///     }
    /// }
    /// ```
    pub fn reminder<A: Actor>(&self, name: impl Into<String>) -> Reminder<A> {
        Reminder {
            alarm: Alarm::new(name),
            rules: Rules {
                catch_up: CatchUp::default(),
                on_failure: FailurePolicy::default(),
                overwrite: true,
            },
            actor: PhantomData,
        }
    }

    /// Cancels a reminder of this actor. Says whether there was one.
    pub fn cancel_reminder(&self, name: &str) -> bool {
        host::cancel_reminder(name)
    }

    /// What is known of a reminder of this actor.
    pub fn reminder_info(&self, name: &str) -> Option<ReminderInfo> {
        host::get_reminder(name).map(ReminderInfo::from)
    }

    /// The reminders of this actor, in the order of their names.
    pub fn reminders(&self) -> impl Iterator<Item = ReminderInfo> + use<> {
        let mut next = Some(None::<String>);
        let pages = std::iter::from_fn(move || {
            let after = next.take()?;
            let page = host::list_reminders(after.as_deref(), PAGE);
            if page.len() == PAGE as usize {
                next = page.last().map(|last| Some(last.name.clone()));
            }
            Some(page)
        });
        pages.flatten().map(ReminderInfo::from)
    }

    /// A timer of that name: has a method of this actor run when it is due, as long as the actor stays
    /// active. One that has the name already is replaced. A timer does not hold the actor active: what must
    /// happen in any case is a reminder.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// #[derive(Default, Serialize, Deserialize, JsonSchema)]
    /// struct Sensor { readings: Vec<f64> }
    ///
    /// #[actor(idle = "5m")]
    /// impl Sensor {
    ///     #[method]
    ///     fn read(&mut self, ctx: &ActorContext, value: f64) -> Result<(), Failure> {
    ///         self.readings.push(value);
    ///         ctx.timer::<Self>("flush").due(Duration::from_secs(10)).call().flush()
    ///     }
    ///
    ///     #[method]
    ///     fn flush(&mut self, ctx: &ActorContext) {
    ///         ctx.log(format!("{} readings", self.readings.len()));
    ///         self.readings.clear();
    ///     }
    /// }
    /// ```
    pub fn timer<A: Actor>(&self, name: impl Into<String>) -> Timer<A> {
        Timer {
            alarm: Alarm::new(name),
            actor: PhantomData,
        }
    }

    /// Cancels a timer of this actor. Says whether there was one.
    pub fn cancel_timer(&self, name: &str) -> bool {
        host::cancel_timer(name)
    }
}
