//! Transfers: two actors that own accounts, and a workflow that moves money between them.
//!
//! Shows a saga, and that money is never made or lost: each step takes effect once, and one that cannot be
//! followed by the next is taken back, also where somebody asks the workflow to end. Nothing here looks for
//! repeats; that each call counts once is the host's business.

use guest_sdk::prelude::*;

/// What an account holds before its first entry, in cents.
const OPENING_BALANCE: i64 = 100_000;

/// One account. Its entries lie under keys of their own, so that a turn writes one and not all.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Account {
    /// The sum of all entries.
    moved: i64,
    entries: u64,
}

/// One change of a balance.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Entry {
    transfer_id: String,
    /// What is added, in cents; below zero: what is taken.
    amount: i64,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Statement {
    balance: i64,
    entries: Vec<Entry>,
}

/// Owns a balance, which is never below zero.
#[actor]
impl Account {
    /// Adds an entry and returns the new balance.
    #[method]
    fn post(&mut self, ctx: &ActorContext, entry: Entry) -> Result<i64, Failure> {
        let (id, held) = (ctx.id(), self.balance());
        if held + entry.amount < 0 {
            return Err(failure!("insufficient-funds", "{id} holds {held} cents"));
        }
        ctx.set(&format!("entry/{:08}", self.entries), &entry)?;
        self.entries += 1;
        self.moved += entry.amount;
        Ok(self.balance())
    }

    /// The balance and all that made it.
    #[method(read_only)]
    fn statement(&self, ctx: &ActorContext) -> Result<Statement, Failure> {
        let entries = ctx
            .list("entry/")
            .map(|entry| entry.map(|(_key, entry)| entry));
        Ok(Statement {
            balance: self.balance(),
            entries: entries.collect::<Result<_, _>>()?,
        })
    }

    fn balance(&self) -> i64 {
        OPENING_BALANCE + self.moved
    }
}

/// An amount on its way from one account to another, in cents.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Transfer {
    transfer_id: String,
    from: String,
    to: String,
    amount: u32,
}

impl Transfer {
    /// The entry that moves the amount into an account, or out of it.
    fn entry(&self, sign: i64) -> Entry {
        Entry {
            transfer_id: self.transfer_id.clone(),
            amount: sign * i64::from(self.amount),
        }
    }
}

/// Moves money from one account to another, or leaves both as they were.
#[workflow]
async fn transfer(ctx: WorkflowContext, transfer: Transfer) -> Result<i64, Failure> {
    let post = |id: &str, sign| ctx.actor::<Account>(id).post(transfer.entry(sign));
    let moving = ctx.saga(async |saga| {
        let give_back = |_: &i64| post(&transfer.from, 1);
        saga.step(post(&transfer.from, -1), give_back).await?;
        ctx.activity(clear, transfer.clone()).await?;
        // A step like the first, so that a request to end does not come between it and the end.
        saga.step(post(&transfer.to, 1), |_| post(&transfer.to, -1))
            .await
    });
    moving.await
}

/// Asks the clearing house, which is often busy at first and refuses some amounts for good.
#[activity(retry(max_attempts = 5, first_interval = "1ms", max_interval = "5ms"))]
fn clear(ctx: &ActivityContext, transfer: Transfer) -> Result<(), Failure> {
    let amount = transfer.amount;
    if amount.is_multiple_of(13) {
        return Err(failure!("refused", "nobody may send {amount} cents"));
    }
    if amount.is_multiple_of(3) && ctx.info().attempt < 3 {
        return Err(failure!("busy", "the clearing house is busy").retryable());
    }
    Ok(())
}

guest_sdk::export! {
    workflows: [transfer],
    actors: [Account],
    activities: [clear],
    example: transfer, "transfer-{transfer_id}", Transfer {
        transfer_id: "t-1".to_owned(),
        from: "alice".to_owned(),
        to: "bob".to_owned(),
        amount: 25_000,
    },
}
