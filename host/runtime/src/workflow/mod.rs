//! Workflow instances: turns over a history, in memory while they are hot and replayed when they are not.
//!
//! Owns what an instance is at the moment: not there, waiting with its code, or stalled without. What its
//! code asks for is compared by [`machine`]; what a turn changes is put together by [`turn`].

mod asking;
mod body;
mod children;
mod commands;
mod control;
mod imports;
mod load;
mod machine;
mod moves;
mod outstanding;
mod rehearse;
mod reissue;
mod turn;

use std::sync::{Arc, Mutex};

use host_base::failure::code;
use host_base::{Entity, Failure, Outcome, WorkflowKey};
use host_engine::{LogLevel, Plugin};
use host_store::records::{EventKind, Instance, MailKind};
use host_store::{ReadError, TimerOf};

pub use children::child_id;
pub(crate) use commands::{describe, is_arrival, is_command};
pub(crate) use load::Past;
pub(crate) use machine::seeds_of;
pub use machine::{Answer, Arrival, Divergence, Machine, MachineLimits};
pub(crate) use moves::move_to;
pub(crate) use rehearse::{behind_last_command, rehearse, rehearse_past};
pub(crate) use turn::{Origin, job};

use crate::core::Core;
use crate::effect::{Ask, Asked, Message};
use crate::entity::live::{Standing, Turns};
use crate::locks::lock;
use crate::view;
use crate::workflow::asking::Callers;
use crate::workflow::body::{Body, Step};
use crate::workflow::children::Child;
use crate::workflow::outstanding::Outstanding;
use crate::workflow::turn::Change;

/// What a live body holds beside the machine: guest memory, fiber and page tables, in bytes, as measured.
const BODY_BYTES: usize = 48 << 10;

/// The turns of one workflow id.
pub(crate) struct WorkflowTurns {
    core: Arc<Core>,
    key: WorkflowKey,
    state: State,
    /// Whether a turn has ended since the store was last known to have everything.
    queued: bool,
}

enum State {
    /// It was not looked at yet.
    Unknown,
    /// No instance of the id takes turns.
    Absent,
    /// One does.
    Loaded(Box<Loaded>),
}

/// What a turn leaves behind.
enum Next {
    /// The instance goes on from here.
    Stays,
    /// It has ended.
    Ended,
    /// This run has ended, and the next one waits for its first turn.
    Continued,
    /// It is held, and its code leaves the memory.
    Held,
    /// It stalls: what is in memory follows code that was given up.
    Outdated,
}

/// What a turn's messages brought.
struct Received {
    /// The number of the first event that the code has not seen.
    first: u64,
    /// Why the instance ends at once, if it does.
    ended: Option<String>,
}

/// How far the code came in a turn, and what it left.
struct Turned {
    step: Step,
    children: Vec<Child>,
    lines: Vec<(LogLevel, String)>,
    /// The first event that the code has not seen before.
    first: u64,
    /// The number of the turn's first event.
    before: u64,
}

/// An instance that has not ended.
struct Loaded {
    /// As the store has it, or will have it when what is queued is durable.
    instance: Instance,
    seed: Vec<u8>,
    machine: Arc<Mutex<Machine>>,
    outstanding: Outstanding,
    /// None while it stalls.
    body: Option<Body>,
    /// Why its component is not there, where it is not.
    absent: Option<String>,
    /// Its code has been asked, and may have changed what no replay changes.
    touched: bool,
    /// What its code has not seen yet, before its first turn.
    unseen: Option<u64>,
    /// What a copied history asked for and is to be asked for anew, before the first turn.
    unasked: Vec<(u64, EventKind)>,
}

impl Turns for WorkflowTurns {
    async fn handle(&mut self, mut messages: Vec<Message>) -> Result<(), ReadError> {
        for one in moves::take(&mut messages) {
            self.carry_over(one).await?;
        }
        let mut asked = asking::take(&mut messages);
        while !(messages.is_empty() && asked.is_empty()) {
            asked = self.turn(std::mem::take(&mut messages), asked).await?;
        }
        Ok(())
    }

    async fn farewell(&mut self) -> Result<bool, ReadError> {
        Ok(false)
    }

    fn standing(&self) -> Standing {
        let (held, holds_place) = match &self.state {
            State::Unknown | State::Absent => (0, false),
            State::Loaded(loaded) => (loaded.bytes(), loaded.body.is_some()),
        };
        Standing {
            bytes: size_of::<Self>() + held,
            idle: None,
            holds_place,
            has_ended: matches!(self.state, State::Absent),
            wakes: None,
        }
    }
}

impl WorkflowTurns {
    pub(crate) fn new(core: Arc<Core>, key: WorkflowKey) -> WorkflowTurns {
        WorkflowTurns {
            core,
            key,
            state: State::Unknown,
            queued: false,
        }
    }

    /// One turn; returns those who ask and were not answered.
    async fn turn(
        &mut self,
        messages: Vec<Message>,
        asked: Vec<Asked>,
    ) -> Result<Vec<Asked>, ReadError> {
        self.look(&messages, &asked).await?;
        self.queued |= !messages.is_empty();
        let (core, key) = (&self.core, &self.key);
        // Before the first turn, whoever causes it: later, nobody knows any more that it has not been done.
        if let State::Loaded(loaded) = &mut self.state
            && (loaded.body.is_some() || !messages.is_empty())
        {
            loaded.ask_anew(core, key).await?;
        }
        match &mut self.state {
            State::Loaded(loaded) if loaded.body.is_some() => {
                self.queued = true;
                let (next, left) = loaded.turn(core, key, messages, asked).await?;
                self.follow(next).await;
                Ok(left)
            }
            State::Loaded(loaded) => {
                if !messages.is_empty() {
                    let (next, _) = loaded.turn(core, key, messages, Vec::new()).await?;
                    self.follow(next).await;
                }
                asking::without_code(&self.core, &self.key, asked).await?;
                Ok(Vec::new())
            }
            State::Absent | State::Unknown => {
                if !messages.is_empty() {
                    discard(core, key, messages).await;
                }
                asking::without_code(core, key, asked).await?;
                Ok(Vec::new())
            }
        }
    }

    /// What a turn leaves behind.
    async fn follow(&mut self, next: Next) {
        match (next, &mut self.state) {
            (Next::Stays, _) => {}
            (Next::Held | Next::Continued, _) => self.state = State::Unknown,
            (Next::Ended, _) => self.state = State::Absent,
            (Next::Outdated, State::Loaded(loaded)) => {
                // A deployment looks for stalls in the store: one that came before this stall was there
                // must be seen here.
                let durable = self.core.settle().await.is_ok();
                if durable && loaded.is_untried(&self.core, &self.key) {
                    let workflow = Entity::Workflow(self.key.clone());
                    self.core.notify(&workflow, Message::Look);
                }
                self.state = State::Unknown;
            }
            (Next::Outdated, State::Absent | State::Unknown) => {}
        }
    }

    /// Reads the instance where what is known of it may be old.
    async fn look(&mut self, messages: &[Message], asked: &[Asked]) -> Result<(), ReadError> {
        let told = messages
            .iter()
            .any(|message| matches!(message, Message::Look));
        let resumes = messages.iter().any(control::is_resume);
        let old = match &self.state {
            State::Unknown => true,
            State::Absent => told || !asked.is_empty() || messages.iter().any(is_from_outside),
            State::Loaded(loaded) => {
                resumes
                    || loaded.instance.starts_ms > 0
                    || loaded.is_old(&self.core, &self.key, told)
                    || loaded.is_spent(messages, asked)
            }
        };
        if !old {
            return Ok(());
        }
        // What is read must hold what was written.
        if self.queued && self.core.settle().await.is_err() {
            return Ok(());
        }
        // First, for the code that comes may need the place of the code that goes.
        self.state = State::Unknown;
        self.state = match load::load(&self.core, &self.key, told, resumes, messages).await? {
            Some(loaded) => State::Loaded(Box::new(loaded)),
            None => State::Absent,
        };
        Ok(())
    }
}

/// There is no instance that the messages could be for: takes them out of the store.
async fn discard(core: &Core, key: &WorkflowKey, messages: Vec<Message>) {
    let mut change = Change::new(core, key, core.clock.now());
    for message in messages {
        change.delete_cause(&message);
    }
    change.commit().await;
}

/// Whether it comes from outside, so that it may be for an instance that was started with it.
fn is_from_outside(message: &Message) -> bool {
    match message {
        Message::Mail(_, mail) => {
            matches!(mail.kind, Some(MailKind::Raised(_) | MailKind::Control(_)))
        }
        Message::Call(_)
        | Message::Order(_)
        | Message::Tick
        | Message::Activity(_)
        | Message::Timer(..)
        | Message::Move(_)
        | Message::Look
        | Message::Ask(_)
        | Message::Mailed => false,
    }
}

impl Loaded {
    /// One turn.
    async fn turn(
        &mut self,
        core: &Arc<Core>,
        key: &WorkflowKey,
        messages: Vec<Message>,
        asked: Vec<Asked>,
    ) -> Result<(Next, Vec<Asked>), ReadError> {
        let mut change = Change::new(core, key, core.clock.now());
        let before = lock(&self.machine).next_sequence();
        let Received { first, ended } = self.receive(&mut change, messages);
        let first = self.unseen.take().unwrap_or(first);
        let mut callers = Callers::ask(&mut lock(&self.machine), asked);
        let arrived = lock(&self.machine).recorded();
        let (step, children) = match self.forced(ended) {
            Some(step) => (step, Vec::new()),
            None => self.run(core, key, !callers.is_empty()).await?,
        };
        if matches!(step, Step::Broke(_) | Step::Stalls(_)) {
            // What the code asked for in this turn is dropped with it; what arrived stays.
            lock(&self.machine).take_back(arrived);
        }
        let run = self.instance.run;
        let mut applied = Vec::new();
        if !callers.is_empty() {
            let answers = lock(&self.machine).take_answers();
            let stalls = matches!(step, Step::Stalls(_));
            applied = callers.answer(answers, stalls, &mut change, run);
            self.touched = lock(&self.machine).is_touched();
        }
        let recorded = lock(&self.machine).take_recorded();
        let lines = lock(&self.machine).take_logs();
        let status = lock(&self.machine).take_status();
        change.record(self, recorded);
        if matches!(step, Step::Waits | Step::Ended(_)) {
            if let Some(status) = status {
                change.set_status(self, status);
            }
            self.show_attributes(&mut change);
        }
        let turned = Turned {
            step,
            children,
            lines,
            first,
            before,
        };
        let next = self.conclude(&mut change, turned);
        let over = matches!(next, Next::Ended | Next::Continued);
        if over && lock(&self.machine).has_open_updates() {
            change.leave_unapplied(run);
        }
        change.commit().await;
        asking::repeat(core, key, run, applied).await?;
        let left = callers.left(&mut lock(&self.machine));
        Ok((next, left))
    }

    /// Others find the instance by what its code has said last.
    fn show_attributes(&mut self, change: &mut Change<'_>) {
        let machine = lock(&self.machine);
        if machine.attributes() != self.instance.attributes {
            let attributes = machine.attributes().to_vec();
            drop(machine);
            change.update(self, |instance| instance.attributes = attributes);
        }
    }

    /// What follows from how far the code came.
    fn conclude(&mut self, change: &mut Change<'_>, turned: Turned) -> Next {
        let Turned {
            step,
            children,
            lines,
            first,
            before,
        } = turned;
        match step {
            Step::Asleep => {
                change.sleep_on(self);
                Next::Stays
            }
            Step::Held => {
                change.hold(self, first);
                match self.body {
                    Some(_) => Next::Held,
                    None => Next::Stays,
                }
            }
            Step::Early => {
                change.stay_pending(self);
                Next::Stays
            }
            Step::Terminated(reason) => {
                let sequence = lock(&self.machine).next_sequence();
                change.terminate(self, sequence, reason, first);
                Next::Ended
            }
            Step::Waits => {
                change.start(children);
                change.go_on(self);
                change.say(lines);
                self.warn(change, before);
                Next::Stays
            }
            Step::Ended(outcome) => {
                change.start(children);
                change.say(lines);
                self.finish(change, outcome)
            }
            Step::Broke(failure) => {
                let sequence = lock(&self.machine).next_sequence();
                change.say(lines);
                change.break_off(self, sequence, failure, first);
                Next::Ended
            }
            Step::Stalls(mut stall) => {
                if stall.may_pass {
                    // Where the history ends, now that what the code asked for is taken back.
                    stall.event = lock(&self.machine).next_sequence();
                }
                change.stall(self, stall, first);
                Next::Outdated
            }
        }
    }

    /// The first event that the code has not seen in a turn that was committed, if this turn, which begins
    /// with `first`, is none.
    fn unseen_from(&self, first: u64) -> u64 {
        let stall = self.instance.stall.as_ref();
        stall.map_or(first, |stall| stall.unseen_from)
    }

    /// Whether its code must be replayed first, because it has been asked: it may have changed what no replay
    /// changes. What was asked before may be asked again.
    fn is_spent(&self, messages: &[Message], asked: &[Asked]) -> bool {
        let update = |asked: &Asked| matches!(asked.ask, Ask::Update(_));
        let broken = self.body.as_ref().is_some_and(Body::is_broken);
        broken || self.touched && (!messages.is_empty() || asked.iter().any(update))
    }

    /// The code has returned: the instance ends, or goes on as the next run.
    fn finish(&mut self, change: &mut Change<'_>, outcome: Outcome) -> Next {
        let mut machine = lock(&self.machine);
        let Some(input) = machine.continues().cloned() else {
            drop(machine);
            change.end(self, outcome);
            return Next::Ended;
        };
        let left = machine.carry_over();
        drop(machine);
        change.continue_as_new(self, input, left);
        Next::Continued
    }

    /// Tells when the history has become long in a turn that began with so many events.
    fn warn(&self, change: &mut Change<'_>, before: u64) {
        let machine = lock(&self.machine);
        let (events, long) = (machine.next_sequence(), machine.suggest_from());
        if long > 0 && before < long && events >= long {
            change.tell_long(events);
        }
    }

    /// What happens to the instance whatever its code would do.
    fn forced(&self, ended: Option<String>) -> Option<Step> {
        if let Some(reason) = ended {
            return Some(Step::Terminated(reason));
        }
        if let Some(failure) = self.overfull() {
            return Some(Step::Broke(failure));
        }
        if self.instance.suspension.is_some() {
            return Some(Step::Held);
        }
        (self.instance.starts_ms > 0).then(|| match self.instance.cancel_reason {
            // There is nothing to clean up.
            Some(_) => Step::Broke(never_begun()),
            None => Step::Early,
        })
    }

    /// Why the instance must end, where more arrives for it than its history may hold.
    fn overfull(&self) -> Option<Failure> {
        let exceeded = lock(&self.machine).exceeded_events_max();
        exceeded.map(|max| {
            let text = format!("the history has reached `history_events_max` of {max} events");
            Failure::new(code::LIMIT, text)
        })
    }

    /// Records what arrived.
    fn receive(&mut self, change: &mut Change<'_>, messages: Vec<Message>) -> Received {
        let machine = Arc::clone(&self.machine);
        let mut machine = lock(&machine);
        let held = self.instance.suspension.as_ref();
        let mut received = Received {
            first: held.map_or(machine.next_sequence(), |held| held.unseen_from),
            ended: None,
        };
        machine.begin_turn(change.now);
        for message in messages {
            change.delete_cause(&message);
            if control::is_start(&message, &self.instance) {
                change.update(self, |instance| instance.starts_ms = 0);
            }
            if let Some(control) = control::of(&message) {
                self.obey(change, &mut machine, control, &mut received);
            } else if let Some(arrival) = arrival(message, self.instance.run) {
                machine.arrive(arrival);
            }
        }
        received
    }

    /// Runs the body until it waits for what has not arrived, or ends; returns the children to be started.
    async fn run(
        &mut self,
        core: &Arc<Core>,
        key: &WorkflowKey,
        asked: bool,
    ) -> Result<(Step, Vec<Child>), ReadError> {
        let mut children = Vec::new();
        let mut looked_at = lock(&self.machine).recorded();
        loop {
            let Some(body) = &mut self.body else {
                return Ok((self.asleep(), children));
            };
            let step = body.run(core, &self.machine).await;
            let wanted = lock(&self.machine).children_from(looked_at);
            looked_at = lock(&self.machine).recorded();
            let run = self.instance.run;
            if !wanted.is_empty() && matches!(step, Step::Waits | Step::Ended(_)) {
                let answers = children::prepare(core, key, run, wanted, &mut children).await?;
                if !answers.is_empty() && matches!(step, Step::Waits) {
                    let mut machine = lock(&self.machine);
                    answers.into_iter().for_each(|arrival| {
                        machine.arrive(arrival);
                    });
                    continue;
                }
            }
            let may_be_asked = asked && matches!(step, Step::Waits) && !body.is_broken();
            if !(may_be_asked && lock(&self.machine).next_ask()) {
                return Ok((step, children));
            }
        }
    }

    /// Why there is no body.
    fn asleep(&self) -> Step {
        match self.instance.stall {
            Some(_) => Step::Asleep,
            None => {
                let absent = self.absent.as_deref();
                let machine = lock(&self.machine);
                Step::Stalls(body::without_code(&machine, &self.instance, absent))
            }
        }
    }

    /// Whether it should begin with other code; `told`: it may also try again with the same.
    fn is_old(&self, core: &Core, key: &WorkflowKey, told: bool) -> bool {
        let pinned = !self.instance.component.is_empty();
        if pinned && !told {
            return false;
        }
        let plugin = self.plugin(core, key);
        self.is_outdated(plugin.as_ref()) || told && self.could_go_on(plugin.as_ref())
    }

    /// The plugin as it is deployed now.
    fn plugin(&self, core: &Core, key: &WorkflowKey) -> Option<Plugin> {
        core.plugins.named(&key.tenant, &self.instance.plugin)
    }

    /// Whether its code is another component's than the one that is deployed, where that matters: an
    /// instance that is pinned to its component stays on it.
    fn is_outdated(&self, deployed: Option<&Plugin>) -> bool {
        let unpinned = self.instance.component.is_empty();
        let body = self.body.as_ref().filter(|_| unpinned);
        body.is_some_and(|body| deployed.is_some_and(|plugin| plugin.digest() != body.component()))
    }

    /// Whether there is code that the instance may go on with although it stalls.
    fn could_go_on(&self, deployed: Option<&Plugin>) -> bool {
        let Instance {
            stall,
            component,
            name,
            ..
        } = &self.instance;
        let may_go_on = |stall| view::may_go_on(stall, component, name, deployed);
        stall.as_ref().is_some_and(may_go_on)
    }

    /// Whether there is code that the instance has not tried since it stalls.
    fn is_untried(&self, core: &Core, key: &WorkflowKey) -> bool {
        let (instance, plugin) = (&self.instance, self.plugin(core, key));
        let (pin, name) = (&instance.component, &instance.name);
        let untried = |stall| view::is_untried(stall, pin, name, plugin.as_ref());
        instance.stall.as_ref().is_some_and(untried)
    }

    fn bytes(&self) -> usize {
        let body = self.body.as_ref().map_or(0, |_| BODY_BYTES);
        size_of::<Self>() + body + lock(&self.machine).bytes()
    }
}

fn never_begun() -> Failure {
    Failure::new(code::CANCELLED, "it was asked to end before it began")
}

/// What a message brings to this run; nothing where it is for another one.
fn arrival(message: Message, run: u32) -> Option<Arrival> {
    let (of_run, arrival) = match message {
        Message::Mail(_, mail) => match mail.kind? {
            MailKind::Resolved(one) => {
                let outcome = one.outcome.unwrap_or_default().into();
                let handle = one.handle;
                (one.run, Arrival::Resolved { handle, outcome })
            }
            MailKind::Raised(event) => {
                let (name, value) = (event.name, event.value);
                (run, Arrival::Raised { name, value })
            }
            MailKind::Call(_) | MailKind::Control(_) | MailKind::CancelDelayed(_) => return None,
        },
        Message::Activity(end) => {
            let (handle, outcome) = (end.task.handle, end.outcome);
            (end.task.run, Arrival::Resolved { handle, outcome })
        }
        Message::Timer(timer, firing) => {
            firing.end();
            match timer.of {
                TimerOf::Workflow { run, handle, .. } => {
                    let outcome = Ok(Vec::new());
                    (run, Arrival::Resolved { handle, outcome })
                }
                _ => return None,
            }
        }
        Message::Call(_)
        | Message::Order(_)
        | Message::Tick
        | Message::Move(_)
        | Message::Look
        | Message::Ask(_)
        | Message::Mailed => return None,
    };
    (of_run == run).then_some(arrival)
}
