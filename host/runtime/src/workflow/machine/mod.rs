//! Replay: answers a workflow's code from its history, and records what it does beyond.
//!
//! A synchronous function of history, arrivals and what the code asks; time and randomness come in as
//! arguments. Knows nothing of stores, guests or tasks.
//!
//! The rule that makes a replay repeat the first run: a wait returns, of the handles waited for, the
//! completion that history holds first and that was not returned before. It does not matter when a
//! completion was written relative to the wait.

mod arrived;
mod asks;
mod marks;

use std::collections::VecDeque;

use host_base::failure::code;
use host_base::{ActorKey, AttributeValue, Failure, Outcome, Payload, Timestamp};
use host_engine::{
    Command, HistorySize, Interrupt, LogLevel, MethodCall, Moment, Query, Update, Wakeup,
};
use host_store::records::{
    Attribute, ChildScheduled, Completed, Event, EventKind, EventRaised, OutcomeRecord, Patched,
    Reason, Resolved, Resumed, SeedFrom, Started, UpdateAccepted,
};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::effect::Ask;
use crate::handles::HandleSet;
use crate::message_id::MessageId;
use crate::start::key_seed;
use crate::when;
use crate::workflow::commands::{
    delayed, describe, event_of, handle_in, handle_of, input_bytes, is_command, is_end, same,
};

pub use asks::Answer;

use arrived::{Among, Arrived, First};
use asks::Asks;
use marks::Marks;

/// What code asks for that records a value.
const A_VALUE: &str = "a recorded value";

/// The bounds of one instance.
#[derive(Clone, Copy, Debug)]
pub struct MachineLimits {
    /// Events in the history.
    pub history_events_max: u64,
    /// Commands whose results are outstanding.
    pub pending_max: usize,
    /// Bytes of the inputs that one turn's commands carry.
    pub turn_bytes_max: usize,
}

/// Something that reached the instance from outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrival {
    /// A command's result.
    Resolved {
        /// Whose.
        handle: u32,
        /// What it is.
        outcome: Outcome,
    },
    /// An event.
    Raised {
        /// Its name; case does not matter.
        name: String,
        /// Its value.
        value: Payload,
    },
    /// A request to end.
    CancelRequested {
        /// Why, in the words of whoever asks.
        reason: String,
    },
    /// The instance is held from here on.
    Suspended {
        /// Why, in the words of whoever asks.
        reason: String,
    },
    /// The instance is held no longer.
    Resumed,
}

/// Where the code no longer does what its history says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The event's number in the history.
    pub event: u64,
    /// What history holds there.
    pub history: String,
    /// What the code asked for.
    pub asked: String,
}

impl Divergence {
    fn interrupt(&self) -> Interrupt {
        let Divergence {
            event,
            history,
            asked,
        } = self;
        Interrupt(format!(
            "event {event} of the history is {history}, and the code asked for {asked}"
        ))
    }
}

/// The replay state of one instance.
#[derive(Debug)]
pub struct Machine {
    unread: VecDeque<(u64, Event)>,
    next_sequence: u64,
    /// Events from this number on have not been seen by the code in a turn that was committed.
    unseen_from: u64,
    live: bool,
    waiting: bool,
    now: Timestamp,
    turn_at: Timestamp,
    next_handle: u32,
    /// Handles whose result was not recorded yet, as far as the history goes.
    expected: HandleSet,
    /// What the code has asked for and not taken, as far as it has come.
    arrived: Arrived,
    asks: Asks,
    marks: Marks,
    /// Whether history holds the end, so that the code is run again only to be looked at.
    ended: bool,
    random: ChaCha12Rng,
    /// Where the ids of what the run sends come from.
    key_seed: Vec<u8>,
    /// Where random numbers come from from which event on, where the history was copied.
    seeds: VecDeque<SeedFrom>,
    /// The seed that they come from by now, unless that was taken.
    seed: Option<[u8; 32]>,
    recorded: Vec<(u64, Event)>,
    turn_bytes: usize,
    logs: Vec<(LogLevel, String)>,
    divergence: Option<Divergence>,
    limits: MachineLimits,
    /// The number of the last event that the code has come by.
    seen: u64,
    suggest_from: u64,
    /// A request to end was recorded: there is one for each run.
    cancel_recorded: bool,
    /// The request to end that the code was not told of yet.
    cancel: Option<CancelRequest>,
    /// This run ends with the body, and the next one begins with this input.
    continues: Option<Payload>,
}

/// A request to end, and where history has it.
#[derive(Debug)]
struct CancelRequest {
    sequence: u64,
    at: Timestamp,
    reason: String,
}

impl Machine {
    /// The machine of an instance that was started at `at` and whose history after that event is `rest`.
    /// The code has seen the events below `unseen_from` in turns that were committed.
    pub fn new(
        started: &Started,
        at: Timestamp,
        rest: Vec<(u64, Event)>,
        unseen_from: u64,
        limits: MachineLimits,
    ) -> Machine {
        let Known {
            expected,
            asks,
            mut marks,
            cancel_recorded,
        } = known_in(&rest);
        marks.attributes.clone_from(&started.attributes);
        let at = at.max(Timestamp(started.starts_ms));
        Machine {
            next_sequence: rest.last().map_or(1, |(last, _)| last + 1),
            expected,
            ended: rest
                .last()
                .is_some_and(|(_, last)| last.kind.as_ref().is_some_and(is_end)),
            asks,
            marks,
            unread: rest.into(),
            unseen_from,
            live: unseen_from <= 1,
            waiting: false,
            now: at,
            turn_at: at,
            next_handle: 1,
            arrived: Arrived::default(),
            random: ChaCha12Rng::from_seed(seed_of(started)),
            key_seed: key_seed(started).to_vec(),
            seeds: seeds_of(started).into(),
            seed: None,
            recorded: Vec::new(),
            turn_bytes: 0,
            logs: Vec::new(),
            divergence: None,
            limits,
            seen: 0,
            suggest_from: started.suggest_from,
            cancel_recorded,
            cancel: None,
            continues: None,
        }
    }

    /// A turn begins at `at`: what it records bears this time.
    pub fn begin_turn(&mut self, at: Timestamp) {
        self.turn_at = at;
        self.turn_bytes = 0;
    }

    /// Records something that arrived. False where nothing waits for it, which records nothing.
    pub fn arrive(&mut self, arrival: Arrival) -> bool {
        let kind = match arrival {
            Arrival::Resolved { handle, outcome } => {
                if !self.expected.remove(&handle) {
                    return false;
                }
                let outcome = Some(OutcomeRecord::from(outcome));
                EventKind::Resolved(Resolved { handle, outcome })
            }
            Arrival::Raised { name, value } => EventKind::EventRaised(EventRaised { name, value }),
            Arrival::CancelRequested { reason } => {
                if std::mem::replace(&mut self.cancel_recorded, true) {
                    return false;
                }
                EventKind::CancelRequested(Reason { reason })
            }
            Arrival::Suspended { reason } => EventKind::Suspended(Reason { reason }),
            Arrival::Resumed => EventKind::Resumed(Resumed {}),
        };
        let event = self.record(kind);
        self.unread.push_back(event);
        true
    }

    /// Takes a command from the code and returns its handle, 0 where it has none.
    ///
    /// # Errors
    /// History holds another command, or a limit is reached.
    pub fn command(&mut self, command: Command) -> Result<u32, Interrupt> {
        self.check_decided()?;
        if let Command::CompleteUpdate { id, .. } = &command {
            self.asks.close(id)?;
        }
        match command {
            // What is dropped with the body is given up anyway.
            Command::Cancel { .. } if self.continues.is_some() => return Ok(0),
            _ => self.check_goes_on()?,
        }
        let bytes = input_bytes(&command);
        let asked = event_of(command, self.next_handle, self.turn_at);
        let handle = handle_in(&asked);
        drop(self.follow(asked, bytes)?);
        self.next_handle += u32::from(handle.is_some());
        Ok(handle.unwrap_or(0))
    }

    /// Sends an actor a message that is delivered when it is due; returns its id. The inner error is that of
    /// whoever asked for it.
    ///
    /// # Errors
    /// History holds another command, or a limit is reached.
    pub fn send_later(
        &mut self,
        to: ActorKey,
        call: MethodCall,
        due: Moment,
    ) -> Result<Result<String, Failure>, Interrupt> {
        self.check_decided()?;
        self.check_goes_on()?;
        let at = match when::resolve("the due time", &due, self.turn_at) {
            Ok(at) => at,
            Err(failure) => return Ok(Err(failure)),
        };
        let id = MessageId::of_event(to, &self.key_seed, self.next_sequence).to_string();
        let bytes = call.input.len();
        let held = self.follow(delayed(call, due, at, id.clone()), bytes)?;
        Ok(Ok(match held {
            Some(EventKind::MessageDelayed(held)) => held.id,
            _ => id,
        }))
    }

    fn check_goes_on(&self) -> Result<(), Interrupt> {
        match self.continues {
            None => Ok(()),
            Some(_) => Err(Interrupt(
                "nothing can be scheduled behind `continue-as-new`".to_owned(),
            )),
        }
    }

    /// Compares what the code asks for with what history holds, and returns that, or records it; `bytes` are
    /// what it carries.
    fn follow(&mut self, asked: EventKind, bytes: usize) -> Result<Option<EventKind>, Interrupt> {
        match self.next_held_command() {
            Some((event, held)) if same(&held, &asked) => {
                self.seen = event;
                self.accept(&held);
                Ok(Some(held))
            }
            Some((event, held)) => self.diverge(event, describe(&held), describe(&asked)),
            None if !self.live => self.ended_early(describe(&asked)),
            None => {
                self.check_limits(bytes)?;
                self.issue(asked);
                Ok(None)
            }
        }
    }

    /// Records what the code asks for for the first time.
    fn issue(&mut self, asked: EventKind) {
        self.accept(&asked);
        self.expect(&asked);
        self.seen = self.next_sequence;
        let (sequence, recorded) = self.record(asked);
        if let Some(EventKind::UpdateCompleted(one)) = &recorded.kind {
            self.asks.applied(&one.id, sequence);
        }
    }

    /// The first of these handles that is complete, or what is asked of the code; none: it has to wait for
    /// an arrival.
    ///
    /// # Errors
    /// History holds another command where the code waits.
    pub fn wait_any(&mut self, handles: &[u32]) -> Result<Option<Wakeup>, Interrupt> {
        self.wait_among(Among::These(handles))
    }

    /// The same for these and all handles that were said here before and are neither returned nor given up.
    ///
    /// # Errors
    /// History holds another command where the code waits.
    pub fn wait_more(&mut self, more: &[u32]) -> Result<Option<Wakeup>, Interrupt> {
        self.arrived.say(more);
        self.wait_among(Among::Said)
    }

    fn wait_among(&mut self, among: Among<'_>) -> Result<Option<Wakeup>, Interrupt> {
        if let Some(first) = self.first_of(among)? {
            return Ok(Some(first));
        }
        if let Some((sequence, event)) = self.unread.pop_front() {
            return self.repeat_update(sequence, event, among).map(Some);
        }
        self.live = true;
        let asked = self.asks.hand_out().map(|ask| match ask {
            Ask::Query(query) => Wakeup::Query(query),
            Ask::Update(update) => {
                self.now = self.now.max(self.turn_at);
                Wakeup::Update(update)
            }
        });
        self.waiting = asked.is_none();
        Ok(asked)
    }

    /// What came of this handle, for code that can be told nothing else; none: it has to wait.
    ///
    /// # Errors
    /// History holds another command where the code waits.
    pub fn wait(&mut self, handle: u32) -> Result<Option<Outcome>, Interrupt> {
        match self.first_of(Among::These(&[handle]))? {
            Some(Wakeup::Completion(completion)) => return Ok(Some(completion.outcome)),
            Some(Wakeup::CancelRequested(reason)) => return Ok(Some(Err(asked_to_end(&reason)))),
            Some(Wakeup::Update(_) | Wakeup::Query(_)) | None => {}
        }
        if let Some((
            event,
            Event {
                kind: Some(held), ..
            },
        )) = self.unread.pop_front()
        {
            let asked = "a wait for one handle, at which nothing can be asked".to_owned();
            return self.diverge(event, describe(&held), asked);
        }
        self.live = true;
        self.waiting = true;
        Ok(None)
    }

    /// The first of these handles that is complete, or a request to end that came before. Where there is
    /// neither, what is unread is nothing, or begins with the acceptance of an update.
    fn first_of(&mut self, among: Among<'_>) -> Result<Option<Wakeup>, Interrupt> {
        self.waiting = false;
        self.leave_undecided();
        loop {
            if let Some(first) = self.take_first(among) {
                return Ok(Some(first));
            }
            match self
                .unread
                .front()
                .and_then(|(_, event)| event.kind.as_ref())
            {
                Some(EventKind::UpdateAccepted(_)) => return Ok(None),
                Some(held) if is_command(held) => {
                    let asked = self.wait_in_words(among);
                    let (event, held) = (self.unread[0].0, describe(held));
                    return self.diverge(event, held, asked);
                }
                Some(_) | None => match self.unread.pop_front() {
                    Some((sequence, event)) => self.file(sequence, event),
                    None => return Ok(None),
                },
            }
        }
    }

    fn repeat_update(
        &mut self,
        sequence: u64,
        event: Event,
        among: Among<'_>,
    ) -> Result<Wakeup, Interrupt> {
        let at = Timestamp(event.at_ms);
        match event.kind {
            Some(EventKind::UpdateAccepted(UpdateAccepted { id, name, input })) => {
                self.asks.repeat(sequence, &id);
                self.come_by(sequence, at);
                let accepted = true;
                Ok(Wakeup::Update(Update {
                    id,
                    name,
                    input,
                    accepted,
                }))
            }
            other => {
                let held = other.as_ref().map_or_else(String::new, describe);
                self.diverge(sequence, held, self.wait_in_words(among))
            }
        }
    }

    fn wait_in_words(&self, among: Among<'_>) -> String {
        format!("a wait for {} handles", self.arrived.count(among))
    }

    /// Whether the code is to go the new way of that name.
    ///
    /// # Errors
    /// The history may hold no more.
    pub fn patched(&mut self, name: &str) -> Result<bool, Interrupt> {
        if let Some(known) = self.marks.patched(name) {
            return Ok(known);
        }
        self.check_decided()?;
        if self.live {
            self.check_limits(0)?;
            let name = name.to_owned();
            self.record(EventKind::Patched(Patched { name }));
        }
        self.marks.decide(name, self.live);
        Ok(self.live)
    }

    /// The value that history holds where the code is; none where the code comes there for the first time.
    ///
    /// # Errors
    /// History holds another command.
    pub fn recorded_value(&mut self) -> Result<Option<Payload>, Interrupt> {
        self.check_decided()?;
        match self.next_held_command() {
            Some((event, EventKind::ValueRecorded(one))) => {
                self.seen = event;
                Ok(Some(one.value))
            }
            Some((event, held)) => self.diverge(event, describe(&held), A_VALUE.to_owned()),
            None if !self.live => self.ended_early(A_VALUE.to_owned()),
            None => Ok(None),
        }
    }

    /// The code says where it stands; what it has said before counts no more.
    ///
    /// # Errors
    /// It is in the middle of an answer.
    pub fn set_status(&mut self, value: Payload) -> Result<(), Interrupt> {
        self.check_decided()?;
        if self.live {
            self.marks.status = Some(value);
        }
        Ok(())
    }

    /// What the code has said last of where it stands, since the last call.
    pub fn take_status(&mut self) -> Option<Payload> {
        self.marks.status.take()
    }

    /// How many attributes there would be if one of this name were set.
    pub fn attributes_with(&self, name: &str) -> usize {
        self.marks.attributes_with(name)
    }

    /// The code has itself found by another value of an attribute, or by none.
    ///
    /// # Errors
    /// It is in the middle of an answer.
    pub fn set_attribute(
        &mut self,
        name: String,
        value: Option<AttributeValue>,
    ) -> Result<(), Interrupt> {
        self.check_decided()?;
        self.marks.set_attribute(name, value);
        Ok(())
    }

    /// By what it is found, as far as the code has come, in the order of the names.
    pub fn attributes(&self) -> &[Attribute] {
        &self.marks.attributes
    }

    /// Something is asked of the code, under a number by which its answer is known.
    pub(crate) fn ask(&mut self, number: u64, ask: Ask) {
        self.asks.ask(number, ask);
    }

    /// The code waits: lets the next ask reach it there. False where there is none that may. One that did not
    /// reach it is refused, because the code waits where it cannot be asked.
    pub(crate) fn next_ask(&mut self) -> bool {
        let text =
            "the workflow waits for one thing only, and can be asked nothing meanwhile; try again";
        self.asks
            .turn_away(|| Failure::transient(code::REFUSED, text));
        self.asks.admit(
            self.limits.pending_max,
            self.next_sequence >= self.limits.history_events_max,
        )
    }

    /// What came of asks since the last call.
    pub(crate) fn take_answers(&mut self) -> Vec<(u64, Answer)> {
        self.asks.take_answers()
    }

    /// The asks that the code was not given.
    pub(crate) fn take_asks(&mut self) -> VecDeque<(u64, Ask)> {
        self.asks.take_waiting()
    }

    /// Whether the code has done what no replay repeats, so that it must take no other turn.
    pub(crate) fn is_touched(&self) -> bool {
        self.asks.is_touched()
    }

    /// Whether the code is in the middle of an answer.
    pub(crate) fn is_undecided(&self) -> bool {
        self.asks.is_undecided()
    }

    /// The code broke in the middle of an answer, for that reason.
    pub(crate) fn break_answer(&mut self, why: Failure) {
        self.asks.decide(Err(why));
    }

    /// Whether updates were accepted that are not applied.
    pub(crate) fn has_open_updates(&self) -> bool {
        self.asks.has_open()
    }

    /// The code accepts the update that it was given.
    ///
    /// # Errors
    /// It was given none.
    pub fn accept_update(&mut self) -> Result<(), Interrupt> {
        if let Some(Update {
            id, name, input, ..
        }) = self.asks.accept()?
        {
            self.record(EventKind::UpdateAccepted(UpdateAccepted {
                id,
                name,
                input,
            }));
        }
        Ok(())
    }

    /// The code refuses the update that it was given.
    ///
    /// # Errors
    /// It was given none, or history says that it accepted it.
    pub fn refuse_update(&mut self, why: Failure) -> Result<(), Interrupt> {
        let asked = format!("to refuse an update: {why}");
        match self.asks.refuse(why)? {
            None => Ok(()),
            Some(event) => self.diverge(event, "that it was accepted".to_owned(), asked),
        }
    }

    /// The code answers the query that it was given.
    ///
    /// # Errors
    /// It was given none.
    pub fn answer_query(&mut self, outcome: Outcome) -> Result<(), Interrupt> {
        self.asks.answer_query(outcome)
    }

    /// The next query for code that has come to its end; none in an ordinary run.
    ///
    /// # Errors
    /// History says that the code went on.
    pub fn next_query(&mut self) -> Result<Option<Query>, Interrupt> {
        if !self.ended {
            return Ok(None);
        }
        self.leave_undecided();
        self.may_end("the end".to_owned())?;
        Ok(self.asks.hand_out_query())
    }

    /// The code goes on although it was given something to decide about.
    fn leave_undecided(&mut self) {
        if self.asks.is_undecided() {
            let text = "the workflow's code gave no answer";
            self.asks.decide(Err(Failure::new(code::FAILED, text)));
        }
    }

    fn check_decided(&self) -> Result<(), Interrupt> {
        if self.asks.is_undecided() {
            let text = "nothing can be scheduled while a query is answered or an update is judged";
            return Err(Interrupt(text.to_owned()));
        }
        Ok(())
    }

    /// The code returned; records how.
    ///
    /// # Errors
    /// History says that it went on.
    pub fn finish(&mut self, outcome: &Outcome) -> Result<(), Interrupt> {
        self.may_end("the end".to_owned())?;
        if self.ended || self.continues.is_some() {
            return Ok(());
        }
        self.record(match outcome {
            Ok(_) => EventKind::Completed(Completed {}),
            Err(failure) => EventKind::Failed(Box::new(failure.clone().into())),
        });
        Ok(())
    }

    /// Whether history agrees that the code goes no further; `asked` says how it ended.
    ///
    /// # Errors
    /// History says that it went on.
    pub fn may_end(&mut self, asked: String) -> Result<(), Interrupt> {
        match self.next_held_command() {
            Some((_, held)) if is_end(&held) => Ok(()),
            Some((event, held)) => self.diverge(event, describe(&held), asked),
            None if !(self.live || self.ended) => self.ended_early(asked),
            None => Ok(()),
        }
    }

    /// The handles whose results the code has not taken, in the order in which it asked for them.
    pub fn open_handles(&self) -> Vec<u32> {
        self.arrived.handles()
    }

    /// Whether the code waits for an arrival.
    pub fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// Whether the code has come to where history ends.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Where code and history differ, if they do.
    pub fn divergence(&self) -> Option<&Divergence> {
        self.divergence.as_ref()
    }

    /// The input of the next run, where this one ends with the body.
    pub fn continues(&self) -> Option<&Payload> {
        self.continues.as_ref()
    }

    /// What arrived and the code did not take, for the next run: events from outside in their order, and a
    /// request to end.
    pub fn carry_over(&mut self) -> Vec<EventKind> {
        while let Some((sequence, event)) = self.unread.pop_front() {
            self.file(sequence, event);
        }
        let events = self.arrived.take_events().into_iter();
        let raised = |(sequence, name, value)| {
            (
                sequence,
                EventKind::EventRaised(EventRaised { name, value }),
            )
        };
        let mut left: Vec<_> = events.map(raised).collect();
        left.extend(self.cancel.take().map(|request| {
            let reason = request.reason;
            let kind = EventKind::CancelRequested(Reason { reason });
            (request.sequence, kind)
        }));
        left.sort_by_key(|(sequence, _)| *sequence);
        left.into_iter().map(|(_, kind)| kind).collect()
    }

    /// How long the history is, as far as the code has come: the same in every replay.
    pub fn history_size(&self) -> HistorySize {
        let events = self.seen + 1;
        HistorySize {
            events,
            continue_as_new_suggested: self.suggest_from > 0 && events >= self.suggest_from,
        }
    }

    /// From how many events on the code is told that it should continue as new; 0: never.
    pub fn suggest_from(&self) -> u64 {
        self.suggest_from
    }

    /// The time of the latest event that the code has seen.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Where the language's random numbers come from by now, where that has changed since the last call.
    pub fn take_seed(&mut self) -> Option<[u8; 32]> {
        self.seed.take()
    }

    /// The next number of the instance's random stream.
    pub fn random_u64(&mut self) -> u64 {
        self.random.next_u64()
    }

    /// A new unique id, out of the same stream.
    pub fn new_id(&mut self) -> String {
        let mut bytes = [0; 16];
        self.random.fill_bytes(&mut bytes);
        let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
        id.to_string()
    }

    /// Keeps a log line, unless the code has logged it before.
    pub fn log(&mut self, level: LogLevel, message: String) {
        if self.live {
            self.logs.push((level, message));
        }
    }

    /// The events recorded since the last call.
    pub fn take_recorded(&mut self) -> Vec<(u64, Event)> {
        std::mem::take(&mut self.recorded)
    }

    /// Takes back the events recorded since the last call from that place on: they have not happened.
    pub fn take_back(&mut self, place: usize) {
        let place = place.min(self.recorded.len());
        let taken_back = self.recorded.split_off(place);
        self.next_sequence -= taken_back.len() as u64;
    }

    /// How many events were recorded since they were last taken.
    pub fn recorded(&self) -> usize {
        self.recorded.len()
    }

    /// The children that the code asked for, among the events recorded since the last taking, from that
    /// place on.
    pub fn children_from(&self, place: usize) -> Vec<ChildScheduled> {
        let events = self.recorded.iter().skip(place);
        let children = events.filter_map(|(_, event)| match &event.kind {
            Some(EventKind::ChildScheduled(child)) => Some(child.clone()),
            _ => None,
        });
        children.collect()
    }

    /// The lines logged since the last call.
    pub fn take_logs(&mut self) -> Vec<(LogLevel, String)> {
        std::mem::take(&mut self.logs)
    }

    /// Bytes that it holds, about: what arrived and was not taken, and its tables.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.arrived.bytes()
            + self.expected.len() * size_of::<u64>()
            + self.asks.bytes()
    }

    /// The number that the next event gets.
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    fn next_held_command(&mut self) -> Option<(u64, EventKind)> {
        while let Some((sequence, event)) = self.unread.pop_front() {
            match event.kind {
                Some(kind) if is_command(&kind) => return Some((sequence, kind)),
                _ => self.file(sequence, event),
            }
        }
        None
    }

    /// Keeps a completion until the code waits for it.
    fn file(&mut self, sequence: u64, event: Event) {
        let at = Timestamp(event.at_ms);
        self.seen = sequence;
        match event.kind {
            Some(EventKind::CancelRequested(Reason { reason })) => {
                self.cancel = Some(CancelRequest {
                    sequence,
                    at,
                    reason,
                });
            }
            Some(EventKind::Resolved(Resolved { handle, outcome })) => {
                let outcome = Outcome::from(outcome.unwrap_or_default());
                self.arrived.resolve(sequence, at, handle, outcome);
            }
            Some(EventKind::EventRaised(EventRaised { name, value })) => {
                self.arrived.raise(sequence, at, &name, value);
            }
            _ => {}
        }
    }

    /// Follows a command that history holds or that was just issued.
    fn accept(&mut self, kind: &EventKind) {
        match kind {
            EventKind::EventAwaited(one) => self.arrived.expect_event(one.handle, &one.name),
            EventKind::Cancelled(one) => self.arrived.give_up(one.handle),
            EventKind::ContinuedAsNew(one) => self.continues = Some(one.input.clone()),
            other => {
                if let Some(handle) = handle_of(other) {
                    self.arrived.expect(handle);
                }
            }
        }
    }

    fn expect(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Cancelled(one) => {
                self.expected.remove(&one.handle);
            }
            other => self.expected.extend(handle_of(other)),
        }
    }

    fn take_first(&mut self, among: Among<'_>) -> Option<Wakeup> {
        let first = self.arrived.first(among);
        let came = first.as_ref().map(First::sequence);
        let is_first = |request: &mut CancelRequest| came.is_none_or(|it| request.sequence < it);
        if let Some(request) = self.cancel.take_if(is_first) {
            self.come_by(request.sequence, request.at);
            return Some(Wakeup::CancelRequested(request.reason));
        }
        let (at, completion) = self.arrived.take(first?)?;
        self.come_by(came?, at);
        Some(Wakeup::Completion(completion))
    }

    /// The code is told of the event of that number.
    fn come_by(&mut self, sequence: u64, at: Timestamp) {
        self.now = self.now.max(at);
        self.live |= sequence >= self.unseen_from;
        let is_past = |from: &mut SeedFrom| from.event <= sequence;
        while let Some(from) = self.seeds.pop_front_if(is_past) {
            let seed = seed_from(&from.seed);
            self.random = ChaCha12Rng::from_seed(seed);
            self.seed = Some(seed);
        }
    }

    fn record(&mut self, kind: EventKind) -> (u64, Event) {
        let event = Event {
            at_ms: self.turn_at.0,
            kind: Some(kind),
        };
        let recorded = (self.next_sequence, event);
        self.next_sequence += 1;
        self.recorded.push(recorded.clone());
        recorded
    }

    /// How many events the history may hold, where more has arrived.
    pub fn exceeded_events_max(&self) -> Option<u64> {
        let max = self.limits.history_events_max;
        (self.next_sequence > max).then_some(max)
    }

    /// Counts bytes that the turn's commands make the host send.
    ///
    /// # Errors
    /// They are more than a turn may send.
    pub fn take_bytes(&mut self, bytes: usize) -> Result<(), Interrupt> {
        let max = self.limits.turn_bytes_max;
        self.turn_bytes += bytes;
        if self.turn_bytes > max {
            let text = format!("a turn may send {max} bytes (`turn_bytes_max`)");
            return Err(Interrupt(text));
        }
        Ok(())
    }

    fn check_limits(&mut self, bytes: usize) -> Result<(), Interrupt> {
        let MachineLimits {
            history_events_max,
            pending_max,
            ..
        } = self.limits;
        self.take_bytes(bytes)?;
        if self.next_sequence >= history_events_max {
            let text = format!(
                "the history has reached `history_events_max` of {history_events_max} events"
            );
            return Err(Interrupt(text));
        }
        if self.arrived.results() >= pending_max {
            let text =
                format!("{pending_max} commands are outstanding, which is `workflow_pending_max`");
            return Err(Interrupt(text));
        }
        Ok(())
    }

    fn ended_early<T>(&mut self, asked: String) -> Result<T, Interrupt> {
        let history = "a wait for what had not arrived yet".to_owned();
        self.diverge(self.unseen_from, history, asked)
    }

    fn diverge<T>(&mut self, event: u64, history: String, asked: String) -> Result<T, Interrupt> {
        let divergence = Divergence {
            event,
            history,
            asked,
        };
        let interrupt = divergence.interrupt();
        // Only the first counts: what follows it is the code running on without a guide.
        self.divergence.get_or_insert(divergence);
        Err(interrupt)
    }
}

/// What a wait ends with at which the code can be told nothing else.
fn asked_to_end(reason: &str) -> Failure {
    let text = match reason {
        "" => "the workflow was asked to end".to_owned(),
        reason => format!("the workflow was asked to end: {reason}"),
    };
    Failure::new(code::CANCELLED, text)
}

/// The handles of a history whose results have not been recorded and that were not given up.
pub(crate) fn expected_in(history: &[(u64, Event)]) -> HandleSet {
    known_in(history).expected
}

/// What of a whole history counts before the code has come there.
#[derive(Default)]
struct Known {
    /// The handles whose results have not been recorded and that were not given up.
    expected: HandleSet,
    asks: Asks,
    marks: Marks,
    cancel_recorded: bool,
}

fn known_in(history: &[(u64, Event)]) -> Known {
    let mut known = Known::default();
    for (sequence, event) in history {
        match &event.kind {
            Some(EventKind::Resolved(one)) => {
                known.expected.remove(&one.handle);
            }
            Some(EventKind::Cancelled(one)) => {
                known.expected.remove(&one.handle);
            }
            Some(kind @ (EventKind::UpdateAccepted(_) | EventKind::UpdateCompleted(_))) => {
                known.asks.follow(*sequence, kind);
            }
            Some(EventKind::Patched(one)) => known.marks.follow(one),
            Some(EventKind::CancelRequested(_)) => known.cancel_recorded = true,
            Some(other) => known.expected.extend(handle_of(other)),
            None => {}
        }
    }
    known
}

/// From which events on a run's random numbers come from other seeds.
pub(crate) fn seeds_of(started: &Started) -> Vec<SeedFrom> {
    let Some(origin) = &started.origin else {
        return Vec::new();
    };
    if !origin.seeds.is_empty() {
        return origin.seeds.clone();
    }
    vec![SeedFrom {
        event: origin.unseen_from,
        seed: origin.seed.clone(),
    }]
}

/// Where the run's random numbers come from.
pub(crate) fn seed_of(started: &Started) -> [u8; 32] {
    seed_from(&started.seed)
}

/// A seed of another length than 32 bytes was written by nobody; it is cut or filled up all the same,
/// because a replay must not fail for it.
fn seed_from(bytes: &[u8]) -> [u8; 32] {
    let mut seed = [0; 32];
    let length = bytes.len().min(seed.len());
    seed[..length].copy_from_slice(&bytes[..length]);
    seed
}

#[cfg(test)]
mod tests;
