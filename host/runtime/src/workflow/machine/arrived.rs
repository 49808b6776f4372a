//! What has arrived and was not taken, and which of it ends a wait first.
//!
//! A result belongs to its handle. An event from outside goes to the waits for its name in the order in which
//! they began; the match is made when a wait asks, so that a wait that was given up loses its place and the
//! event does not get lost. What the code waits for can be said once and is remembered, so that each of very
//! many things that it waits for at once costs no more than one alone.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use host_base::{Outcome, Payload, Timestamp};
use host_engine::Completion;

use crate::handles::{HandleMap, HandleSet};

/// What a wait is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Among<'a> {
    /// These handles.
    These(&'a [u32]),
    /// All that the code has said it waits for.
    Said,
}

/// What ends a wait first.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum First {
    /// The result that the event of that number brought.
    Result(u64),
    /// The event from outside of that number: its name, and the place of the wait that gets it.
    Raised(u64, String, usize),
}

impl First {
    /// Where history has it.
    pub(super) fn sequence(&self) -> u64 {
        match self {
            First::Result(sequence) | First::Raised(sequence, ..) => *sequence,
        }
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

/// What the code has asked for and not taken, and what of it is there.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    /// Handles whose result was not taken: by which event it arrived, once it has.
    results: HandleMap<Option<u64>>,
    /// By the number of the event that brought them.
    ready: BTreeMap<u64, Ready>,
    /// Waits for an event from outside: its name.
    waits: HandleMap<String>,
    channels: HashMap<String, Channel>,
    /// Names of which both a wait and an event are there.
    met: BTreeSet<String>,
    /// Handles that the code has said it waits for.
    said: HandleSet,
    /// Results of those that are there.
    due: BTreeSet<u64>,
}

impl Arrived {
    /// The code has asked for something whose result arrives.
    pub(super) fn expect(&mut self, handle: u32) {
        self.results.insert(handle, None);
    }

    /// The code has begun to wait for an event of that name.
    pub(super) fn expect_event(&mut self, handle: u32, name: &str) {
        let name = name.to_lowercase();
        self.waits.insert(handle, name.clone());
        self.channel(name, |channel| channel.waiting.push_back(handle));
    }

    /// A result has arrived. One that nobody expects is dropped.
    pub(super) fn resolve(&mut self, sequence: u64, at: Timestamp, handle: u32, outcome: Outcome) {
        let Some(place) = self.results.get_mut(&handle) else {
            return;
        };
        *place = Some(sequence);
        if self.said.contains(&handle) {
            self.due.insert(sequence);
        }
        let ready = Ready {
            handle,
            at,
            outcome,
        };
        self.ready.insert(sequence, ready);
    }

    /// An event from outside has arrived.
    pub(super) fn raise(&mut self, sequence: u64, at: Timestamp, name: &str, value: Payload) {
        let raised = (sequence, at, value);
        self.channel(name.to_lowercase(), |channel| {
            channel.raised.push_back(raised);
        });
    }

    /// The code waits for these, too.
    pub(super) fn say(&mut self, handles: &[u32]) {
        for handle in handles {
            let result = self.results.get(handle);
            if result.is_some() || self.waits.contains_key(handle) {
                self.said.insert(*handle);
            }
            self.due.extend(result.copied().flatten());
        }
    }

    /// The code takes no more interest in the handle.
    pub(super) fn give_up(&mut self, handle: u32) {
        self.said.remove(&handle);
        if let Some(Some(sequence)) = self.results.remove(&handle) {
            self.ready.remove(&sequence);
            self.due.remove(&sequence);
        }
        if let Some(name) = self.waits.remove(&handle) {
            self.channel(name, |channel| {
                channel.waiting.retain(|waiting| *waiting != handle);
            });
        }
    }

    /// What is there of those and came first.
    pub(super) fn first(&self, among: Among<'_>) -> Option<First> {
        let result = self.first_result(among);
        let raised = self.first_raised(among);
        let both = [result.map(First::Result), raised];
        both.into_iter().flatten().min_by_key(First::sequence)
    }

    fn first_result(&self, among: Among<'_>) -> Option<u64> {
        match among {
            Among::Said => self.due.first().copied(),
            Among::These(handles) => {
                let mut ready = self.ready.iter();
                let first = ready.find(|(_, one)| handles.contains(&one.handle));
                first.map(|(sequence, _)| *sequence)
            }
        }
    }

    fn first_raised(&self, among: Among<'_>) -> Option<First> {
        let wanted = |handle: &u32| match among {
            Among::These(handles) => handles.contains(handle),
            Among::Said => self.said.contains(handle),
        };
        let matches = self.met.iter().filter_map(|name| {
            let channel = self.channels.get(name)?;
            let mut pairs = channel.waiting.iter().zip(&channel.raised).enumerate();
            let (place, (_, raised)) = pairs.find(|(_, (handle, _))| wanted(handle))?;
            Some((raised.0, name, place))
        });
        let (sequence, name, place) = matches.min()?;
        Some(First::Raised(sequence, name.clone(), place))
    }

    /// The code takes it: what it is, and when that arrived.
    pub(super) fn take(&mut self, first: First) -> Option<(Timestamp, Completion)> {
        let (at, completion) = match first {
            First::Result(sequence) => {
                let Ready {
                    handle,
                    at,
                    outcome,
                } = self.ready.remove(&sequence)?;
                self.due.remove(&sequence);
                self.results.remove(&handle);
                (at, Completion { handle, outcome })
            }
            First::Raised(_, name, place) => self.take_raised(name, place)?,
        };
        self.said.remove(&completion.handle);
        Some((at, completion))
    }

    fn take_raised(&mut self, name: String, place: usize) -> Option<(Timestamp, Completion)> {
        let (handle, (_, at, value)) = self.channel(name, |channel| {
            channel
                .waiting
                .remove(place)
                .zip(channel.raised.remove(place))
        })?;
        self.waits.remove(&handle);
        let outcome = Ok(value);
        Some((at, Completion { handle, outcome }))
    }

    /// Changes what is known of a name.
    fn channel<T>(&mut self, name: String, change: impl FnOnce(&mut Channel) -> T) -> T {
        let channel = self.channels.entry(name.clone()).or_default();
        let changed = change(channel);
        if channel.waiting.is_empty() && channel.raised.is_empty() {
            self.channels.remove(&name);
            self.met.remove(&name);
        } else if channel.waiting.is_empty() || channel.raised.is_empty() {
            self.met.remove(&name);
        } else {
            self.met.insert(name);
        }
        changed
    }

    /// How many results the code has asked for and not taken.
    pub(super) fn results(&self) -> usize {
        self.results.len()
    }

    /// How many things a wait is for.
    pub(super) fn count(&self, among: Among<'_>) -> usize {
        match among {
            Among::These(handles) => handles.len(),
            Among::Said => self.said.len(),
        }
    }

    /// What the code has asked for and not taken, in the order in which it asked.
    pub(super) fn handles(&self) -> Vec<u32> {
        let all = self.results.keys().chain(self.waits.keys());
        let mut all: Vec<_> = all.copied().collect();
        all.sort_unstable();
        all
    }

    /// Takes the events from outside that no wait has taken, with their numbers and lower-case names.
    pub(super) fn take_events(&mut self) -> Vec<(u64, String, Payload)> {
        self.met.clear();
        let mut left = Vec::new();
        for (name, channel) in self.channels.drain() {
            let raised = channel.raised.into_iter();
            left.extend(raised.map(|(sequence, _, value)| (sequence, name.clone(), value)));
        }
        left
    }

    /// Bytes that it holds, about.
    pub(super) fn bytes(&self) -> usize {
        let ready = self.ready.values().map(|one| match &one.outcome {
            Ok(value) => value.len(),
            Err(failure) => failure.message.len(),
        });
        let raised = self.channels.values().flat_map(|one| &one.raised);
        let raised = raised.map(|(.., value)| value.len());
        let handles = self.results.len() + self.waits.len();
        ready.sum::<usize>() + raised.sum::<usize>() + handles * size_of::<(u32, String)>()
    }
}
