//! Every option and every form of a function once.

use guest_sdk::future::FutureExt;
use guest_sdk::prelude::*;

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Order {
    pub number: u32,
}

/// Charges.
#[activity(
    name = "charge-card",
    timeout = "10s",
    retry(max_attempts = 5, first_interval = "1s", coefficient = 2.0, max_interval = "1m")
)]
fn charge(ctx: &ActivityContext, order: Order) -> Result<u32, Failure> {
    ctx.log(format!("{}", order.number));
    Ok(order.number)
}

#[activity(retry(max_attempts = 1))]
fn ship() -> bool {
    true
}

#[activity]
fn parse(text: String) -> Result<u32, std::num::ParseIntError> {
    text.parse()
}

#[workflow]
async fn order(ctx: WorkflowContext, order: Order) -> Result<u32, Failure> {
    let charge = ctx.activity(charge, order.clone());
    let charged = charge.retry(RetryPolicy::default()).timeout(Duration::from_secs(1)).await?;
    let cart = ctx.actor::<Cart>("1");
    cart.add(charged).await?;
    cart.one_way().add(1);
    let both = guest_sdk::future::join(ctx.activity(ship, ()), ctx.sleep(Duration::from_secs(1)));
    let (shipped, ()) = ctx.timeout(Duration::from_secs(60), both).await?;
    let started = ctx.child(nothing, ()).id("x").schedule();
    ctx.child(nothing, ()).schedule().detach();
    started.await?;
    let child = ctx.child(nothing, ()).on_parent_close(ParentClose::Abandon).shielded();
    let id: String = child.detach().await?;
    let stopped = ctx.activity(ship, ()).schedule();
    stopped.cancel();
    let shipped_again = ctx.cancellable(stopped).await?;
    let saga = ctx.saga(async |saga| {
        let undo = |_: &bool| ctx.activity(ship, ());
        saga.step(ctx.activity(ship, ()), undo).await?;
        saga.compensate(ctx.sleep(Duration::from_secs(1)).map(Ok::<_, Failure>));
        Ok(())
    });
    saga.await?;
    if ctx.continue_as_new_suggested() || ctx.history_events() > 9 {
        return ctx.continue_as_new(crate::order, Order { number: 1 });
    }
    ctx.log(format!("{id} {shipped_again:?} {}", ctx.is_cancel_requested()));
    let (a, b) = guest_sdk::future::join!(ctx.event::<u32>("a"), ctx.event::<u32>("b"));
    let (mut go, mut nap) = (ctx.event::<u32>("go"), ctx.sleep(Duration::from_secs(1)));
    guest_sdk::future::select_biased! {
        number = go => ctx.log(format!("{}", number?)),
        () = nap => ctx.warn("nobody came"),
    }
    Ok(a? + b? + u32::from(shipped?))
}

/// Names are free for variables: this activity, this workflow and this parameter do not meet.
#[activity]
fn input(order: Order) -> u32 {
    order.number
}

#[workflow(name = "nothing-at-all")]
async fn nothing() {}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
pub struct Cart {
    numbers: Vec<u32>,
}

/// A cart.
#[actor(name = "ShoppingCart", idle = "10m")]
impl Cart {
    #[activate]
    fn wake(&mut self, ctx: &ActorContext) -> Result<(), Failure> {
        ctx.set("woken", &ctx.now_ms())
    }

    /// Adds.
    #[method]
    fn add(&mut self, number: u32) -> usize {
        self.numbers.push(number);
        self.numbers.len()
    }

    #[method(name = "order")]
    fn order_all(&self, ctx: &ActorContext) -> Result<String, Failure> {
        let number = self.total();
        Ok(ctx.start_workflow(order, Order { number }).id("id").start()?)
    }

    fn total(&self) -> u32 {
        self.numbers.iter().sum()
    }
}

guest_sdk::export! {
    name: "shop",
    version: "2.0.0",
    workflows: [order, nothing],
    actors: [Cart],
    activities: [charge, ship, parse, input],
    example: order, "order-{number}", Order { number: 1 },
}

fn main() {
    assert!(ship::call());
    assert_eq!(parse::call("3".to_owned()), Ok(3));
}
