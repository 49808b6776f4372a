//! Approval: a workflow that waits days for a person, reminds, and in the end goes on without.
//!
//! Shows waiting for an event with a time limit, a race between an event and timers, and that waiting costs
//! nothing: in between, nothing of it is in memory.

use guest_sdk::prelude::*;

const DAY: u64 = 24 * 60 * 60;

/// What somebody wants to be allowed.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Request {
    request_id: String,
    what: String,
    approver: String,
    /// After how many seconds without an answer the approver is reminded, again and again.
    #[serde(default = "a_day")]
    remind_after_seconds: u64,
    /// After how many seconds the request lapses.
    #[serde(default = "a_week")]
    lapse_after_seconds: u64,
}

fn a_day() -> u64 {
    DAY
}

fn a_week() -> u64 {
    7 * DAY
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

/// Asks for an approval and waits for the answer.
#[workflow]
async fn approve(ctx: WorkflowContext, request: Request) -> Result<Answer, Failure> {
    ctx.activity(ask, request.clone()).await?;
    let mut reminders = 0;
    let answered = answer(&ctx, &request, &mut reminders);
    let lapse = Duration::from_secs(request.lapse_after_seconds);
    let decision = match ctx.timeout(lapse, answered).await {
        Ok(decision) => Some(decision?),
        Err(Elapsed) => None,
    };
    let outcome = match &decision {
        Some(decision) if decision.approved => "approved",
        Some(_) => "rejected",
        None => "lapsed",
    };
    ctx.log(format!("{}: {outcome}", request.what));
    Ok(Answer {
        request_id: request.request_id,
        outcome: outcome.to_owned(),
        reminders,
        decision,
    })
}

/// What the approver decides, who is reminded until then. Whoever else decides is told that it is not theirs.
async fn answer(
    ctx: &WorkflowContext,
    request: &Request,
    reminders: &mut u32,
) -> Result<Decision, Failure> {
    let interval = Duration::from_secs(request.remind_after_seconds.max(1));
    // One wait for the event lasts over all reminders, so that none is missed.
    let mut decision = ctx.event::<Decision>("decision").schedule();
    loop {
        let next = match select(&mut decision, ctx.sleep(interval)).await {
            Either::Left((decided, _)) => Some(decided?),
            Either::Right(_) => None,
        };
        match next {
            Some(decided) if decided.by == request.approver => return Ok(decided),
            Some(Decision { by, .. }) => {
                ctx.log(format!(
                    "{by} may not decide what {} is asked",
                    request.approver
                ));
                decision = ctx.event("decision").schedule();
            }
            None => {
                *reminders += 1;
                ctx.activity(remind, request.clone()).await?;
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

guest_sdk::export! {
    workflows: [approve],
    activities: [ask, remind],
    example: approve, "approval-{request_id}", Request {
        request_id: "laptop-7".to_owned(),
        what: "buy a laptop".to_owned(),
        approver: "carol@example.com".to_owned(),
        remind_after_seconds: 1,
        lapse_after_seconds: 3,
    },
}
