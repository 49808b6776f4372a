//! Approval: a workflow that waits days for a person, reminds, and in the end goes on without.
//!
//! Shows waiting for an event with a time limit, a race between an event and timers, and that waiting costs
//! nothing: in between, nothing of it is in memory. Meanwhile it says where it stands, is asked, has somebody
//! else named as the approver, and cleans up where it is cancelled. How long it waits is recorded when it begins,
//! for the next version of this code may be less patient.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use guest_sdk::prelude::*;

/// A reminder a day, unless the request says otherwise.
const REMIND_AFTER_SECONDS: u64 = 24 * 60 * 60;
/// A week in all, unless the request says otherwise.
const LAPSE_AFTER_SECONDS: u64 = 7 * 24 * 60 * 60;

/// What somebody wants to be allowed.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Request {
    request_id: String,
    what: String,
    approver: String,
    /// After how many seconds without an answer the approver is reminded, again and again.
    remind_after_seconds: Option<u64>,
    /// After how many seconds the request lapses.
    lapse_after_seconds: Option<u64>,
}

/// The event `decision`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Decision {
    approved: bool,
    by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Answer {
    request_id: String,
    /// `approved`, `rejected` or `lapsed`.
    outcome: String,
    reminders: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Decision>,
}

/// How often somebody was reminded.
const REMINDERS: Query<(), u32> = Query::new("reminders");
/// Has somebody else decide; answers with who was to do so.
const DELEGATE: Update<String, String> = Update::new("delegate");

/// What the workflow shares with those who ask.
struct State {
    request: RefCell<Request>,
    reminders: Cell<u32>,
}

impl State {
    fn request(&self) -> Request {
        self.request.borrow().clone()
    }
}

/// Asks for an approval and waits for the answer.
#[workflow(queries(REMINDERS), updates(DELEGATE))]
async fn approve(ctx: WorkflowContext, request: Request) -> Result<Answer, Failure> {
    let lapse = seconds(&ctx, request.lapse_after_seconds, LAPSE_AFTER_SECONDS);
    let state = Rc::new(State {
        request: RefCell::new(request),
        reminders: Cell::new(0),
    });
    let decided = ctx.timeout(lapse, decide(&ctx, &state));
    let decision = match ctx.cancellable(decided).await {
        Ok(Ok(decision)) => Some(decision?),
        Ok(Err(Elapsed)) => None,
        Err(cancelled) => {
            ctx.activity(withdraw, state.request()).await?;
            return Err(cancelled.into());
        }
    };
    let outcome = match &decision {
        Some(decision) if decision.approved => "approved",
        Some(_) => "rejected",
        None => "lapsed",
    };
    ctx.set_status(outcome);
    // Nobody who has named another approver is left without an answer.
    ctx.updates_applied().await;
    Ok(Answer {
        request_id: state.request().request_id,
        outcome: outcome.to_owned(),
        reminders: state.reminders.get(),
        decision,
    })
}

/// What the request says, or else what this code said when the workflow began.
fn seconds(ctx: &WorkflowContext, said: Option<u64>, usual: u64) -> Duration {
    Duration::from_secs(said.unwrap_or_else(|| ctx.side_effect(|| usual)))
}

fn be_asked(ctx: &WorkflowContext, state: &Rc<State>) {
    let here = state.clone();
    ctx.on_query(REMINDERS, move |()| Ok(here.reminders.get()));
    let is_named = |name: &String| match name.is_empty() {
        true => Err(failure!("nobody", "say who is to decide")),
        false => Ok(()),
    };
    let here = state.clone();
    ctx.on_update(DELEGATE, is_named, move |name| {
        let before = std::mem::replace(&mut here.request.borrow_mut().approver, name);
        async move { Ok(before) }
    });
}

/// What the approver decides, who is reminded until then. Nobody else's word counts.
async fn decide(ctx: &WorkflowContext, state: &Rc<State>) -> Result<Decision, Failure> {
    be_asked(ctx, state);
    ctx.activity(ask, state.request()).await?;
    let interval = state.request().remind_after_seconds;
    let interval = seconds(ctx, interval, REMIND_AFTER_SECONDS).max(Duration::from_secs(1));
    // One wait for the event lasts over all reminders, so that none is missed.
    let mut decision = ctx.event::<Decision>("decision").schedule();
    loop {
        ctx.set_status(format!("waiting for {}", state.request().approver));
        let next = match select(&mut decision, ctx.sleep(interval)).await {
            Either::Left((decided, _)) => Some(decided?),
            Either::Right(_) => None,
        };
        match next {
            Some(decided) if decided.by == state.request().approver => return Ok(decided),
            Some(Decision { by, .. }) => {
                ctx.log(format!("{by} is not asked"));
                decision = ctx.event("decision").schedule();
            }
            None => {
                state.reminders.set(state.reminders.get() + 1);
                ctx.activity(remind, state.request()).await?;
            }
        }
    }
}

/// Puts the request before its approver.
#[activity]
fn ask(ctx: &ActivityContext, request: Request) {
    ctx.log(format!("{}: may we {}?", request.approver, request.what));
}

/// Reminds the approver.
#[activity]
fn remind(ctx: &ActivityContext, request: Request) {
    ctx.log(format!(
        "{}: still waiting to {}",
        request.approver, request.what
    ));
}

/// Tells the approver that there is nothing to decide any more.
#[activity]
fn withdraw(ctx: &ActivityContext, request: Request) {
    ctx.log(format!("{}: never mind", request.approver));
}

guest_sdk::export! {
    workflows: [approve],
    activities: [ask, remind, withdraw],
    example: approve, "approval-{request_id}", Request {
        request_id: "laptop-7".to_owned(),
        what: "buy a laptop".to_owned(),
        approver: "carol@example.com".to_owned(),
        remind_after_seconds: Some(1),
        lapse_after_seconds: Some(3),
    },
}
