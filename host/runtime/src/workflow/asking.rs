//! What callers ask of an instance: handed to its code where that waits, and answered when the turn is durable.
//!
//! A query is answered by the code that is in memory, or by code that is replayed for it alone. Code that
//! was asked takes no other turn before it is replayed, so that a handler which changes something, or breaks,
//! harms nobody.

use std::sync::{Arc, Mutex};

use host_base::failure::code;
use host_base::{Failure, Outcome, WorkflowKey};
use host_engine::{Plugin, Query, Update};
use host_store::records::{EventKind, Instance};
use host_store::{ReadError, Reader};
use tokio::sync::oneshot;

use crate::core::Core;
use crate::effect::{Ask, Asked, Message};
use crate::locks::lock;
use crate::start::no_workflow;
use crate::updates::unapplied;
use crate::view::{brings, is_active, status_name, status_of};
use crate::workflow::body::{Begin, Body, Step};
use crate::workflow::load::Past;
use crate::workflow::machine::{Answer, Machine, seed_of};
use crate::workflow::turn::Change;

/// Events that are read from the store at once.
const PAGE: usize = 1_000;

/// Takes what is asked out of the messages. Whoever no longer waits asks nothing.
pub(crate) fn take(messages: &mut Vec<Message>) -> Vec<Asked> {
    let is_ask = |message: &mut Message| matches!(message, Message::Ask(_));
    let asked = messages.extract_if(.., is_ask);
    let asked = asked.filter_map(|message| match message {
        Message::Ask(asked) => Some(*asked),
        _ => None,
    });
    asked.filter(|asked| !asked.answer.is_closed()).collect()
}

/// Those who ask in one turn, by the numbers that the machine knows them by.
#[derive(Default)]
pub(crate) struct Callers(Vec<Option<oneshot::Sender<Outcome>>>);

/// Updates whose answers lie in the history.
type Applied = Vec<(u64, oneshot::Sender<Outcome>)>;

impl Callers {
    /// Asks the machine.
    pub(crate) fn ask(machine: &mut Machine, asked: Vec<Asked>) -> Callers {
        let mut callers = Vec::new();
        for Asked { ask, answer } in asked {
            machine.ask(callers.len() as u64, ask);
            callers.push(Some(answer));
        }
        Callers(callers)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, number: u64) -> Option<oneshot::Sender<Outcome>> {
        let place = usize::try_from(number).ok()?;
        self.0.get_mut(place)?.take()
    }

    /// Answers with the turn, or waits for the updates that it accepted. `stalls`: it accepted none in truth.
    pub(crate) fn answer(
        &mut self,
        answers: Vec<(u64, Answer)>,
        stalls: bool,
        change: &mut Change<'_>,
        run: u32,
    ) -> Applied {
        let mut applied = Applied::new();
        for (number, answer) in answers {
            let Some(caller) = self.take(number) else {
                continue;
            };
            match answer {
                Answer::Answered(outcome) => change.answer(caller, outcome),
                Answer::Accepted(_) if stalls => change.answer(caller, Err(stalled())),
                Answer::Accepted(id) | Answer::Pending(id) => change.answer_later(run, &id, caller),
                Answer::Applied(event) => applied.push((event, caller)),
            }
        }
        applied
    }

    /// Those whom the code was not asked for.
    pub(crate) fn left(mut self, machine: &mut Machine) -> Vec<Asked> {
        let left = machine.take_asks().into_iter();
        let left = left.filter_map(|(number, ask)| {
            let answer = self.take(number)?;
            Some(Asked { ask, answer })
        });
        left.collect()
    }
}

/// Answers the repeats of updates with what the history holds.
pub(crate) async fn repeat(
    core: &Core,
    key: &WorkflowKey,
    run: u32,
    applied: Applied,
) -> Result<(), ReadError> {
    // The events may be on their way to the disk.
    if applied.is_empty() || core.settle().await.is_err() {
        return Ok(());
    }
    for (event, caller) in applied {
        let event = core.reader.event(key, run, event)?;
        if let Some(EventKind::UpdateCompleted(one)) = event.and_then(|event| event.kind) {
            // Whoever no longer waits does not want to know.
            let _ = caller.send(one.outcome.unwrap_or_default().into());
        }
    }
    Ok(())
}

/// Answers those who ask an instance of which no code is in memory: it has ended, or it stalls.
pub(crate) async fn without_code(
    core: &Core,
    key: &WorkflowKey,
    asked: Vec<Asked>,
) -> Result<(), ReadError> {
    let instance = core.reader.instance(key)?;
    let mut queries = Vec::new();
    for Asked { ask, answer } in asked {
        match (&instance, ask) {
            (None, _) => drop(answer.send(Err(no_workflow(key)))),
            (Some(_), Ask::Query(query)) => queries.push((query, answer)),
            (Some(instance), Ask::Update(update)) => {
                update_without_code(core, key, instance, &update, answer)?;
            }
        }
    }
    match instance {
        Some(instance) if !queries.is_empty() => replay(core, key, &instance, queries).await,
        Some(_) | None => Ok(()),
    }
}

fn update_without_code(
    core: &Core,
    key: &WorkflowKey,
    instance: &Instance,
    update: &Update,
    caller: oneshot::Sender<Outcome>,
) -> Result<(), ReadError> {
    let id = &update.id;
    let outcome = match recorded(&core.reader, key, instance.run, id)? {
        Recorded::Applied(outcome) => outcome,
        Recorded::Accepted if is_active(instance) => {
            core.updates.wait(key, instance.run, id, caller);
            return Ok(());
        }
        Recorded::Accepted => Err(unapplied(key, id)),
        Recorded::Nothing if instance.starts_ms > 0 => Err(never_waited(key)),
        Recorded::Nothing if is_active(instance) => Err(stalled()),
        Recorded::Nothing => {
            let status = status_name(status_of(instance));
            let text = format!("workflow {} is {status} already", key.id);
            Err(Failure::new(code::ALREADY_ENDED, text))
        }
    };
    // Whoever no longer waits does not want to know.
    let _ = caller.send(outcome);
    Ok(())
}

fn never_waited(key: &WorkflowKey) -> Failure {
    let text = format!("workflow {} has never waited, and cannot be asked", key.id);
    Failure::new(code::REFUSED, text)
}

/// What a history holds of an update.
enum Recorded {
    Nothing,
    Accepted,
    Applied(Outcome),
}

fn recorded(reader: &Reader, key: &WorkflowKey, run: u32, id: &str) -> Result<Recorded, ReadError> {
    let (mut found, mut from) = (Recorded::Nothing, 0);
    loop {
        let page = reader.history(key, run, from, PAGE)?;
        let last = page.last().map(|(last, _)| *last);
        for (_, event) in page {
            match event.kind {
                Some(EventKind::UpdateAccepted(one)) if one.id == id => found = Recorded::Accepted,
                Some(EventKind::UpdateCompleted(one)) if one.id == id => {
                    let outcome = one.outcome.unwrap_or_default().into();
                    return Ok(Recorded::Applied(outcome));
                }
                _ => {}
            }
        }
        match last {
            Some(last) => from = last + 1,
            None => return Ok(found),
        }
    }
}

/// Answers queries by code that is replayed for them. It may break at one; then the others get code of their own.
async fn replay(
    core: &Core,
    key: &WorkflowKey,
    instance: &Instance,
    queries: Vec<(Query, oneshot::Sender<Outcome>)>,
) -> Result<(), ReadError> {
    let asked = queries.into_iter();
    let asked = asked.map(|(query, answer)| {
        let ask = Ask::Query(query);
        Asked { ask, answer }
    });
    let mut asked: Vec<_> = asked.collect();
    while !asked.is_empty() {
        let (left, why) = replay_once(core, key, instance, asked).await?;
        asked = left;
        if let Some(why) = why {
            let refuse = |asked: Asked| drop(asked.answer.send(Err(why.clone())));
            asked.drain(..).for_each(refuse);
        }
    }
    Ok(())
}

/// Returns those who were not answered, and why nobody can be, where that is so.
async fn replay_once(
    core: &Core,
    key: &WorkflowKey,
    instance: &Instance,
    asked: Vec<Asked>,
) -> Result<(Vec<Asked>, Option<Failure>), ReadError> {
    let (machine, begin) = match prepare(core, key, instance).await? {
        Ok(prepared) => prepared,
        Err(why) => return Ok((asked, Some(why))),
    };
    let mut callers = Callers::ask(&mut lock(&machine), asked);
    let mut body = Body::begin(core, begin, &machine).await;
    let step = loop {
        let step = body.run(core, &machine).await;
        let waits = matches!(step, Step::Waits) && !body.is_broken();
        if !(waits && lock(&machine).next_ask()) {
            break step;
        }
    };
    let mut machine = lock(&machine);
    let answers = machine.take_answers();
    let none = answers.is_empty();
    for (number, answer) in answers {
        if let (Some(caller), Answer::Answered(outcome)) = (callers.take(number), answer) {
            // Whoever no longer waits does not want to know.
            let _ = caller.send(outcome);
        }
    }
    let why = none.then(|| unanswered(key, step));
    Ok((callers.left(&mut machine), why))
}

type Prepared = (Arc<Mutex<Machine>>, Begin);

/// What the instance's code is replayed with, up to where it waited last or returned.
async fn prepare(
    core: &Core,
    key: &WorkflowKey,
    instance: &Instance,
) -> Result<Result<Prepared, Failure>, ReadError> {
    let plugin = match code_of(core, key, instance).await {
        Ok(plugin) => plugin,
        Err(why) => return Ok(Err(why)),
    };
    let Some(mut past) = Past::read(&core.reader, key, instance.run)? else {
        return Ok(Err(no_workflow(key)));
    };
    if let Some(unseen_from) = unseen_from(instance) {
        past.rest.retain(|(sequence, _)| *sequence < unseen_from);
        if past.rest.is_empty() {
            return Ok(Err(never_waited(key)));
        }
    }
    let seen = past.rest.last().map_or(1, |(last, _)| last + 1);
    let (machine, started) = past.machine(&core.limits_of(&key.tenant), seen);
    let begin = Begin::new(plugin, key, instance, &started, seed_of(&started));
    Ok(Ok((machine, begin)))
}

/// The code that the instance runs on. Where it has ended and its component is gone, the one that stands for
/// its plugin may do.
async fn code_of(core: &Core, key: &WorkflowKey, instance: &Instance) -> Result<Plugin, Failure> {
    let Instance { plugin, name, .. } = instance;
    let own = core
        .component(&key.tenant, plugin, &instance.component)
        .await;
    let deployed = core.plugins.named(&key.tenant, plugin);
    let code = match (own, deployed) {
        (Err(_), Some(deployed)) if !is_active(instance) => Ok(deployed),
        (own, _) => own,
    };
    match code {
        Ok(code) if brings(&code, name) => Ok(code),
        Ok(_) => {
            let text = format!("plugin {plugin} has no workflow {name} any more");
            Err(Failure::new(code::NOT_FOUND, text))
        }
        Err(why) => Err(Failure::new(code::NOT_FOUND, why)),
    }
}

/// From which event on the code has seen nothing in a turn that was committed; none where it has seen all.
fn unseen_from(instance: &Instance) -> Option<u64> {
    let stall = instance.stall.as_ref();
    let suspension = instance.suspension.as_ref();
    stall
        .map(|stall| stall.unseen_from)
        .or(suspension.map(|held| held.unseen_from))
        .or((instance.starts_ms > 0).then_some(1))
        .or(instance.unseen_from)
}

/// Why code that was replayed to be asked has answered nothing.
fn unanswered(key: &WorkflowKey, step: Step) -> Failure {
    let id = &key.id;
    match step {
        Step::Stalls(stall) if stall.may_pass => {
            let text = format!(
                "workflow {id} could not be replayed to be asked: {}",
                stall.asked
            );
            Failure::transient(code::BUSY, text)
        }
        Step::Stalls(stall) => {
            let text = format!(
                "workflow {id} cannot be asked, because its code no longer does what its history says: event {} \
                 of the history is {}, and the code asked for {}",
                stall.event, stall.history, stall.asked
            );
            Failure::new(code::STALLED, text)
        }
        Step::Broke(why) => why,
        Step::Asleep
        | Step::Held
        | Step::Early
        | Step::Waits
        | Step::Ended(_)
        | Step::Terminated(_) => {
            Failure::new(code::REFUSED, format!("workflow {id} answers no queries"))
        }
    }
}

fn stalled() -> Failure {
    let text = "the workflow's code cannot go on at present, and applies no updates; try again when it goes on";
    Failure::transient(code::STALLED, text)
}
