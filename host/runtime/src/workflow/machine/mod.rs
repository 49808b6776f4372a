//! Replay: answers a workflow's code from its history, and records what it does beyond.
//!
//! A synchronous function of history, arrivals and what the code asks; time and randomness come in as
//! arguments. Knows nothing of stores, guests or tasks.
//!
//! The rule that makes a replay repeat the first run: a wait returns, of the handles waited for, the
//! completion that history holds first and that was not returned before. It does not matter when a
//! completion was written relative to the wait. An event from outside goes to the waits for its name in
//! the order in which they began; the match is made when a wait asks, so that a wait that was given up
//! loses its place and the event does not get lost.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use host_base::failure::code;
use host_base::{Failure, Outcome, Payload, Timestamp};
use host_engine::{Command, Completion, HistorySize, Interrupt, LogLevel, Wakeup};
use host_store::records::{
    ChildScheduled, Completed, Event, EventKind, EventRaised, OutcomeRecord, Reason, Resolved,
    Resumed, Started,
};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::workflow::commands::{
    describe, event_of, handle_of, input_bytes, is_command, same, yields_handle,
};

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

#[derive(Debug)]
struct Ready {
    handle: u32,
    at: Timestamp,
    outcome: Outcome,
}

/// Waits and events of one name.
#[derive(Debug, Default)]
struct Channel {
    waiting: VecDeque<u32>,
    raised: VecDeque<(u64, Timestamp, Payload)>,
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
    /// Handles whose result was not returned yet, as far as the code has come.
    open: HashSet<u32>,
    /// Handles whose result was not recorded yet, as far as the history goes.
    expected: HashSet<u32>,
    /// By the number of the event that completed them.
    ready: BTreeMap<u64, Ready>,
    channels: HashMap<String, Channel>,
    random: ChaCha12Rng,
    /// From which event on random numbers come from another seed, where the history was copied up to there.
    reseed: Option<(u64, ChaCha12Rng)>,
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
        let cancels = |event: &Event| matches!(event.kind, Some(EventKind::CancelRequested(_)));
        let cancel_recorded = rest.iter().any(|(_, event)| cancels(event));
        Machine {
            next_sequence: rest.last().map_or(1, |(last, _)| last + 1),
            expected: expected_in(&rest),
            unread: rest.into(),
            unseen_from,
            live: unseen_from <= 1,
            waiting: false,
            now: at,
            turn_at: at,
            next_handle: 1,
            open: HashSet::new(),
            ready: BTreeMap::new(),
            channels: HashMap::new(),
            random: ChaCha12Rng::from_seed(seed_of(started)),
            reseed: reseed_of(started),
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
        let handle = if yields_handle(&command) {
            self.next_handle
        } else {
            0
        };
        if self.continues.is_some() {
            return match command {
                // What is dropped with the body is given up anyway.
                Command::Cancel { .. } => Ok(0),
                _ => Err(Interrupt(
                    "nothing can be scheduled behind `continue-as-new`".to_owned(),
                )),
            };
        }
        let bytes = input_bytes(&command);
        let asked = event_of(command, handle, self.turn_at);
        match self.next_held_command() {
            Some((event, held)) if same(&held, &asked) => {
                self.seen = event;
                self.accept(&held);
            }
            Some((event, held)) => return self.diverge(event, describe(&held), describe(&asked)),
            None if !self.live => return self.ended_early(describe(&asked)),
            None => {
                self.check_limits(bytes)?;
                self.accept(&asked);
                self.expect(&asked);
                self.seen = self.next_sequence;
                self.record(asked);
            }
        }
        self.next_handle += u32::from(handle != 0);
        Ok(handle)
    }

    /// The first of these handles that is complete, or a request to end; none: the code has to wait for an
    /// arrival.
    ///
    /// # Errors
    /// History holds another command where the code waits.
    pub fn wait_any(&mut self, handles: &[u32]) -> Result<Option<Wakeup>, Interrupt> {
        self.first_of(handles)
    }

    /// What came of this handle, for code that can be told nothing else; none: it has to wait. A request to
    /// end is told as a failure.
    ///
    /// # Errors
    /// History holds another command where the code waits.
    pub fn wait(&mut self, handle: u32) -> Result<Option<Outcome>, Interrupt> {
        let wakeup = self.first_of(&[handle])?;
        Ok(wakeup.map(|wakeup| match wakeup {
            Wakeup::Completion(completion) => completion.outcome,
            Wakeup::CancelRequested(reason) => Err(asked_to_end(&reason)),
        }))
    }

    fn first_of(&mut self, handles: &[u32]) -> Result<Option<Wakeup>, Interrupt> {
        self.waiting = false;
        loop {
            if let Some(wakeup) = self.take_first(handles) {
                return Ok(Some(wakeup));
            }
            match self.unread.pop_front() {
                Some((
                    event,
                    Event {
                        kind: Some(held), ..
                    },
                )) if is_command(&held) => {
                    let asked = format!("a wait for {} handles", handles.len());
                    return self.diverge(event, describe(&held), asked);
                }
                Some((sequence, event)) => self.file(sequence, event),
                None => {
                    self.waiting = true;
                    self.live = true;
                    return Ok(None);
                }
            }
        }
    }

    /// The code returned; records how.
    ///
    /// # Errors
    /// History says that it went on.
    pub fn finish(&mut self, outcome: &Outcome) -> Result<(), Interrupt> {
        self.may_end("the end".to_owned())?;
        if self.continues.is_some() {
            return Ok(());
        }
        self.record(match outcome {
            Ok(_) => EventKind::Completed(Completed {}),
            Err(failure) => EventKind::Failed(failure.clone().into()),
        });
        Ok(())
    }

    /// Whether history agrees that the code goes no further; `asked` says how it ended.
    ///
    /// # Errors
    /// History says that it went on.
    pub fn may_end(&mut self, asked: String) -> Result<(), Interrupt> {
        if let Some((event, held)) = self.next_held_command() {
            return self.diverge(event, describe(&held), asked);
        }
        if !self.live {
            return self.ended_early(asked);
        }
        Ok(())
    }

    /// The handles whose results the code has not taken, in the order in which it asked for them.
    pub fn open_handles(&self) -> Vec<u32> {
        let waiting = self.channels.values().flat_map(|channel| &channel.waiting);
        let mut open: Vec<u32> = self.open.iter().chain(waiting).copied().collect();
        open.sort_unstable();
        open
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
        let mut left: Vec<_> = Vec::new();
        for (name, channel) in std::mem::take(&mut self.channels) {
            left.extend(channel.raised.into_iter().map(|(sequence, _, value)| {
                let name = name.clone();
                (
                    sequence,
                    EventKind::EventRaised(EventRaised { name, value }),
                )
            }));
        }
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
        let ready = self.ready.values().map(|one| match &one.outcome {
            Ok(value) => value.len(),
            Err(failure) => failure.message.len(),
        });
        let raised = self.channels.values().flat_map(|one| &one.raised);
        let raised = raised.map(|(.., value)| value.len());
        let handles = self.open.len() + self.expected.len();
        size_of::<Self>()
            + ready.sum::<usize>()
            + raised.sum::<usize>()
            + handles * size_of::<u64>()
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
            Some(EventKind::Resolved(Resolved { handle, outcome }))
                if self.open.contains(&handle) =>
            {
                let outcome = Outcome::from(outcome.unwrap_or_default());
                let ready = Ready {
                    handle,
                    at,
                    outcome,
                };
                self.ready.insert(sequence, ready);
            }
            Some(EventKind::EventRaised(EventRaised { name, value })) => {
                let channel = self.channel(&name);
                channel.raised.push_back((sequence, at, value));
            }
            _ => {}
        }
    }

    /// Follows a command that history holds or that was just issued.
    fn accept(&mut self, kind: &EventKind) {
        match kind {
            EventKind::EventAwaited(one) => {
                let handle = one.handle;
                self.channel(&one.name).waiting.push_back(handle);
            }
            EventKind::Cancelled(one) => self.give_up(one.handle),
            EventKind::ContinuedAsNew(one) => self.continues = Some(one.input.clone()),
            other => self.open.extend(handle_of(other)),
        }
    }

    fn give_up(&mut self, handle: u32) {
        self.open.remove(&handle);
        self.ready.retain(|_, ready| ready.handle != handle);
        for channel in self.channels.values_mut() {
            channel.waiting.retain(|waiting| *waiting != handle);
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

    /// Of what is filed, the code is given first what history has first.
    fn take_first(&mut self, handles: &[u32]) -> Option<Wakeup> {
        let resolved = self
            .ready
            .iter()
            .find(|(_, one)| handles.contains(&one.handle));
        let resolved = resolved.map(|(sequence, _)| *sequence);
        let raised = self.first_raised(handles);
        let first = [resolved, raised.as_ref().map(|(event, ..)| *event)];
        let first = first.into_iter().flatten().min();
        let earlier = |event: u64| first.is_none_or(|first| event <= first);
        if let Some(request) = self.cancel.take_if(|request| earlier(request.sequence)) {
            self.pass(request.sequence, request.at);
            return Some(Wakeup::CancelRequested(request.reason));
        }
        let (sequence, at, completion) = match raised {
            Some((event, name, place)) if earlier(event) => self.take_raised(&name, place)?,
            _ => self.take_resolved(resolved?)?,
        };
        self.pass(sequence, at);
        Some(Wakeup::Completion(completion))
    }

    /// The code is given what an event of that number and time brought.
    fn pass(&mut self, sequence: u64, at: Timestamp) {
        self.now = self.now.max(at);
        self.live |= sequence >= self.unseen_from;
        let copied = self.reseed.take_if(|(from, _)| sequence >= *from);
        if let Some((_, random)) = copied {
            self.random = random;
        }
    }

    fn take_resolved(&mut self, sequence: u64) -> Option<(u64, Timestamp, Completion)> {
        let Ready {
            handle,
            at,
            outcome,
        } = self.ready.remove(&sequence)?;
        self.open.remove(&handle);
        Some((sequence, at, Completion { handle, outcome }))
    }

    /// The earliest event that one of these waits gets: its number, its name, its place in the line.
    fn first_raised(&self, handles: &[u32]) -> Option<(u64, String, usize)> {
        let matches = self.channels.iter().filter_map(|(name, channel)| {
            let mut pairs = channel.waiting.iter().zip(&channel.raised).enumerate();
            let (place, (_, raised)) = pairs.find(|(_, (handle, _))| handles.contains(handle))?;
            Some((raised.0, name, place))
        });
        let (sequence, name, place) = matches.min()?;
        Some((sequence, name.clone(), place))
    }

    fn take_raised(&mut self, name: &str, place: usize) -> Option<(u64, Timestamp, Completion)> {
        let channel = self.channels.get_mut(name)?;
        let handle = channel.waiting.remove(place)?;
        let (sequence, at, value) = channel.raised.remove(place)?;
        let outcome = Ok(value);
        Some((sequence, at, Completion { handle, outcome }))
    }

    fn channel(&mut self, name: &str) -> &mut Channel {
        self.channels.entry(name.to_lowercase()).or_default()
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

    /// Whether more has arrived than the history may hold.
    pub fn is_overfull(&self) -> bool {
        self.next_sequence > self.limits.history_events_max
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
        if self.open.len() >= pending_max {
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

/// A request to end, as a failure.
fn asked_to_end(reason: &str) -> Failure {
    let text = match reason {
        "" => "the workflow was asked to end".to_owned(),
        reason => format!("the workflow was asked to end: {reason}"),
    };
    Failure::new(code::CANCELLED, text)
}

/// The handles of a history whose results have not been recorded and that were not given up.
pub(crate) fn expected_in(history: &[(u64, Event)]) -> HashSet<u32> {
    let mut expected = HashSet::new();
    for kind in history.iter().filter_map(|(_, event)| event.kind.as_ref()) {
        match kind {
            EventKind::Resolved(one) => {
                expected.remove(&one.handle);
            }
            EventKind::Cancelled(one) => {
                expected.remove(&one.handle);
            }
            other => expected.extend(handle_of(other)),
        }
    }
    expected
}

fn reseed_of(started: &Started) -> Option<(u64, ChaCha12Rng)> {
    let origin = started.origin.as_ref()?;
    let random = ChaCha12Rng::from_seed(seed_from(&origin.seed));
    Some((origin.unseen_from, random))
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
