//! Reminders and timers as a turn changes them, whoever asks for it.

use std::sync::Mutex;

use host_base::failure::code;
use host_base::{ActorKey, Failure};
use host_engine::{Alarm, Interrupt, NewReminder};
use host_store::ReadError;
use host_store::records::Reminder;

use crate::actor::reminders;
use crate::actor::turn::Turn;
use crate::core::Core;
use crate::limits;
use crate::locks::lock;
use crate::start::unreadable;

/// An actor's reminders and timers within a turn.
pub(crate) struct Alarms<'a> {
    pub(crate) core: &'a Core,
    pub(crate) actor: &'a ActorKey,
    pub(crate) turn: &'a Mutex<Turn>,
}

impl Alarms<'_> {
    /// The reminder of that name.
    pub(crate) fn reminder(&self, name: &str) -> Result<Option<Reminder>, Interrupt> {
        let mut turn = lock(self.turn);
        if let Some(known) = turn.known_reminder(name) {
            return Ok(known);
        }
        let found = self.core.reader.reminder(self.actor, name);
        let found = found.map_err(|error| unreadable_state(self.core, &mut turn, error))?;
        turn.store_reads += 1;
        turn.remember_reminder(name, found.clone());
        Ok(found)
    }

    /// Sets a reminder. The inner error is that of whoever asked for it.
    pub(crate) fn set_reminder(&self, new: NewReminder) -> Result<Result<(), Failure>, Interrupt> {
        let (name, overwrite) = (new.alarm.name.clone(), new.overwrite);
        self.check(&new.alarm)?;
        let before = self.reminder(&name)?;
        if before.is_some() && !overwrite {
            let text = format!("{} has a reminder `{name}` already", self.actor);
            return Ok(Err(Failure::new(code::ALREADY_EXISTS, text)));
        }
        let now = lock(self.turn).now;
        let reminder = match reminders::reminder(new, now) {
            Ok(reminder) => reminder,
            Err(failure) => return Ok(Err(failure)),
        };
        self.write_reminder(name, (!reminders::is_over(&reminder)).then_some(reminder))?;
        Ok(Ok(()))
    }

    /// Cancels a reminder. Says whether there was one.
    pub(crate) fn cancel_reminder(&self, name: &str) -> Result<bool, Interrupt> {
        let was_there = self.reminder(name)?.is_some();
        if was_there {
            self.write_reminder(name.to_owned(), None)?;
        }
        Ok(was_there)
    }

    fn write_reminder(&self, name: String, reminder: Option<Reminder>) -> Result<(), Interrupt> {
        let mut turn = lock(self.turn);
        let writes = turn.writes();
        let bytes = reminder.as_ref().map_or(0, |one| one.input.len());
        let limits = &self.core.limits_of(&self.actor.tenant);
        if !writes.reminders.contains_key(&name) {
            limits::check_sent(limits, writes.sent())?;
        }
        limits::take_bytes(limits, &mut writes.bytes, bytes)?;
        writes.reminders.insert(name, reminder);
        Ok(())
    }

    /// Sets a timer. The inner error is that of whoever asked for it.
    pub(crate) fn set_timer(&self, alarm: Alarm) -> Result<Result<(), Failure>, Interrupt> {
        self.check(&alarm)?;
        let mut turn = lock(self.turn);
        let max = self.core.limits_of(&self.actor.tenant).actor_timers_max;
        if turn.timers_max() >= max && !turn.has_timer(&alarm.name) {
            let text = format!("an actor may have {max} timers (`actor_timers_max`)");
            return Err(Interrupt(text));
        }
        let name = alarm.name.clone();
        let set = reminders::timer(alarm, turn.now).map(|timer| {
            let timer = (!reminders::is_over(&timer)).then_some(timer);
            turn.writes().timers.insert(name, timer);
        });
        Ok(set)
    }

    /// Cancels a timer. Says whether there was one.
    pub(crate) fn cancel_timer(&self, name: &str) -> bool {
        let mut turn = lock(self.turn);
        let was_there = turn.has_timer(name);
        if was_there {
            turn.writes().timers.insert(name.to_owned(), None);
        }
        was_there
    }

    fn check(&self, alarm: &Alarm) -> Result<(), Interrupt> {
        limits::check_name("reminder or timer", &alarm.name)?;
        limits::check_call(
            &self.core.limits_of(&self.actor.tenant),
            &alarm.method,
            &alarm.input,
        )
    }
}

/// The store failed under a turn, which ends.
pub(crate) fn unreadable_state(core: &Core, turn: &mut Turn, error: ReadError) -> Interrupt {
    core.store_unreadable(&error);
    turn.stop(unreadable(error))
}
