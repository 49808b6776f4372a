//! What others ask of an instance's code while it waits: queries to answer and updates to apply.
//!
//! One ask at a time is admitted, handed out where the code waits and nothing else can be handed out, and
//! answered. Code that has answered a query or refused an update may have changed what it remembers,
//! which no replay would repeat: it is called touched, and is given queries only.

use std::collections::{HashMap, HashSet, VecDeque};

use host_base::failure::code;
use host_base::{Failure, Outcome};
use host_engine::{Interrupt, Query, Update};
use host_store::records::EventKind;

use crate::effect::Ask;

/// What came of an ask.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is done with: a query's answer, or why a query or an update was refused.
    Answered(Outcome),
    /// The update of this id was accepted; its end will be recorded.
    Accepted(String),
    /// The update of this id was accepted before, and is not applied yet.
    Pending(String),
    /// The update was applied before: the event of this number has its answer.
    Applied(u64),
}

/// What was asked and what came of it.
#[derive(Debug, Default)]
pub(super) struct Asks {
    waiting: VecDeque<(u64, Ask)>,
    /// May be handed out at the next wait.
    admitted: Option<(u64, Ask)>,
    /// What the code was given and has not decided about.
    held: Option<Held>,
    answers: Vec<(u64, Answer)>,
    touched: bool,
    /// Updates by id, as far as the history goes: the event that answered them, once there is one.
    known: HashMap<String, Option<u64>>,
    /// Updates that the code has accepted and not answered, as far as it has come.
    open: HashSet<String>,
}

#[derive(Debug)]
enum Held {
    Query(u64),
    Update(u64, Update),
    /// The event of that number says that it was accepted: the code has no choice.
    Accepted(u64),
}

impl Asks {
    /// Follows an event of the history that was written before.
    pub(super) fn follow(&mut self, sequence: u64, kind: &EventKind) {
        match kind {
            EventKind::UpdateAccepted(one) => drop(self.known.insert(one.id.clone(), None)),
            EventKind::UpdateCompleted(one) => {
                self.known.insert(one.id.clone(), Some(sequence));
            }
            _ => {}
        }
    }

    pub(super) fn ask(&mut self, number: u64, ask: Ask) {
        self.waiting.push_back((number, ask));
    }

    /// Lets the next ask in that the code may be given. False where there is none.
    pub(super) fn admit(&mut self, updates_max: usize, is_full: bool) -> bool {
        while let Some(place) = self.next() {
            let Some((number, ask)) = self.waiting.remove(place) else {
                break;
            };
            match self.known_answer(&ask, updates_max, is_full) {
                Some(answer) => self.answers.push((number, answer)),
                None => {
                    self.admitted = Some((number, ask));
                    return true;
                }
            }
        }
        false
    }

    fn next(&self) -> Option<usize> {
        let may = |ask: &Ask| !self.touched || matches!(ask, Ask::Query(_));
        self.waiting.iter().position(|(_, ask)| may(ask))
    }

    /// What can be answered without asking the code.
    fn known_answer(&self, ask: &Ask, updates_max: usize, is_full: bool) -> Option<Answer> {
        let Ask::Update(update) = ask else {
            return None;
        };
        match self.known.get(&update.id) {
            Some(Some(sequence)) => Some(Answer::Applied(*sequence)),
            Some(None) => Some(Answer::Pending(update.id.clone())),
            None if self.open.len() >= updates_max => {
                let text = format!(
                    "{updates_max} updates are being applied, which is `workflow_pending_max`"
                );
                Some(Answer::Answered(Err(Failure::transient(code::BUSY, text))))
            }
            None if is_full => {
                let text = "the history has reached `history_events_max`, and takes no updates";
                Some(Answer::Answered(Err(Failure::new(code::LIMIT, text))))
            }
            None => None,
        }
    }

    /// Takes what was admitted, to be handed out.
    pub(super) fn hand_out(&mut self) -> Option<Ask> {
        let (number, ask) = self.admitted.take()?;
        self.held = Some(match &ask {
            Ask::Query(_) => Held::Query(number),
            Ask::Update(update) => Held::Update(number, update.clone()),
        });
        Some(ask)
    }

    /// Takes the next query for code that has come to its end.
    pub(super) fn hand_out_query(&mut self) -> Option<Query> {
        let mut waiting = self.waiting.iter();
        let place = waiting.position(|(_, ask)| matches!(ask, Ask::Query(_)))?;
        let (number, ask) = self.waiting.remove(place)?;
        self.held = Some(Held::Query(number));
        match ask {
            Ask::Query(query) => Some(query),
            Ask::Update(_) => None,
        }
    }

    /// An update that history holds is handed out again.
    pub(super) fn repeat(&mut self, sequence: u64, id: &str) {
        self.held = Some(Held::Accepted(sequence));
        self.open.insert(id.to_owned());
    }

    /// Whether the code was given something that it has not decided about.
    pub(super) fn is_undecided(&self) -> bool {
        matches!(self.held, Some(Held::Query(_) | Held::Update(..)))
    }

    /// Accepts the update that is being judged; returns it where it is to be recorded.
    pub(super) fn accept(&mut self) -> Result<Option<Update>, Interrupt> {
        match self.held.take() {
            Some(Held::Update(number, update)) => {
                self.known.insert(update.id.clone(), None);
                self.open.insert(update.id.clone());
                self.answers
                    .push((number, Answer::Accepted(update.id.clone())));
                Ok(Some(update))
            }
            Some(Held::Accepted(_)) => Ok(None),
            other => {
                self.held = other;
                Err(out_of_place("accept-update", "no update is being judged"))
            }
        }
    }

    /// Refuses the update that is being judged; returns the event that says that it was accepted, if one does.
    pub(super) fn refuse(&mut self, why: Failure) -> Result<Option<u64>, Interrupt> {
        match &self.held {
            Some(Held::Update(..)) => {
                self.decide(Err(why));
                Ok(None)
            }
            Some(Held::Accepted(event)) => Ok(Some(*event)),
            Some(Held::Query(_)) | None => {
                Err(out_of_place("refuse-update", "no update is being judged"))
            }
        }
    }

    pub(super) fn answer_query(&mut self, outcome: Outcome) -> Result<(), Interrupt> {
        if !matches!(self.held, Some(Held::Query(_))) {
            return Err(out_of_place("answer-query", "no query is being answered"));
        }
        self.decide(outcome);
        Ok(())
    }

    /// What the code was given is answered so; nothing where it has decided.
    pub(super) fn decide(&mut self, outcome: Outcome) {
        match self.held.take() {
            Some(Held::Query(number) | Held::Update(number, _)) => {
                self.touched = true;
                self.answers.push((number, Answer::Answered(outcome)));
            }
            Some(Held::Accepted(_)) | None => {}
        }
    }

    /// What was admitted cannot be handed out, because of that.
    pub(super) fn turn_away(&mut self, why: impl FnOnce() -> Failure) {
        if let Some((number, _)) = self.admitted.take() {
            self.answers.push((number, Answer::Answered(Err(why()))));
        }
    }

    /// The code answers an update.
    pub(super) fn close(&mut self, id: &str) -> Result<(), Interrupt> {
        if self.open.remove(id) {
            return Ok(());
        }
        let why = format!("update {id} is not being applied");
        Err(out_of_place("complete-update", &why))
    }

    /// An update's answer is recorded under that number.
    pub(super) fn applied(&mut self, id: &str, sequence: u64) {
        self.known.insert(id.to_owned(), Some(sequence));
    }

    pub(super) fn is_touched(&self) -> bool {
        self.touched
    }

    /// Whether the code has accepted updates that it has not answered.
    pub(super) fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    pub(super) fn take_answers(&mut self) -> Vec<(u64, Answer)> {
        std::mem::take(&mut self.answers)
    }

    /// Those that nobody was given.
    pub(super) fn take_waiting(&mut self) -> VecDeque<(u64, Ask)> {
        self.waiting.extend(self.admitted.take());
        std::mem::take(&mut self.waiting)
    }

    /// Bytes that it holds, about.
    pub(super) fn bytes(&self) -> usize {
        let ids = self.known.keys().chain(&self.open);
        ids.map(|id| id.len() + size_of::<(String, Option<u64>)>())
            .sum()
    }
}

fn out_of_place(function: &str, why: &str) -> Interrupt {
    Interrupt(format!("`{function}` was called, and {why}"))
}
