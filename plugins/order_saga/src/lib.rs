//! Orders: a workflow of several steps of which either all are done or none remains.
//!
//! Shows a saga: each step says what undoes it, and that is done in reverse where a later step fails and where
//! the order is cancelled meanwhile, also when the host crashes in the middle of undoing. A customer who changes
//! their mind shows how one workflow asks another to end, and the books show how one begins another that it does
//! not wait for.

use guest_sdk::prelude::*;

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Order {
    order_id: String,
    item: String,
    cents: u32,
    /// Whom to tell; nobody can be told without an address.
    email: String,
    /// How long it takes to pack the item.
    #[serde(default)]
    packing_seconds: u64,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Confirmation {
    order_id: String,
    receipt: String,
    parcel: String,
}

/// Sells an item: charges, ships and notifies, or leaves everything as it was.
#[workflow]
async fn order(ctx: WorkflowContext, order: Order) -> Result<Confirmation, Failure> {
    ctx.activity(validate, order.clone()).await?;
    let topic = topic_of(&order.order_id);
    let sale = ctx.saga(async |saga| {
        let give_back = |_: &String| ctx.activity(refund, order.clone());
        let charge = ctx.activity(charge, order.clone());
        let charge = charge.schedule_to_close(Duration::from_hours(1));
        let receipt = saga.step(charge, give_back).await?;
        ctx.publish(&topic, &"charged");
        ctx.sleep(Duration::from_secs(order.packing_seconds)).await;
        // Before it is shipped: a parcel that is on its way although shipping it failed comes back, too.
        saga.compensate(ctx.activity(call_back, order.clone()));
        let parcel = ctx.activity(ship, order.clone()).await?;
        ctx.activity(notify, order.clone()).await?;
        let id = format!("books-{}", order.order_id);
        ctx.child(books, order.clone()).id(id).detach().await?;
        Ok(Confirmation {
            order_id: order.order_id.clone(),
            receipt,
            parcel,
        })
    });
    sale.await
}

/// Orders something, and no longer wants it once it is paid. Returns why there was no sale.
#[workflow]
async fn change_of_mind(ctx: WorkflowContext, wanted: Order) -> Result<String, Failure> {
    let topic = topic_of(&wanted.order_id);
    ctx.subscribe(&topic);
    let id = format!("order-{}", wanted.order_id);
    let sale = ctx.child(order, wanted).id(id);
    let sale = sale.on_parent_close(ParentClose::Cancel).schedule();
    ctx.event::<String>(topic).await?;
    sale.cancel();
    match sale.await {
        Ok(_) => Err(failure!("too-late", "it was sold all the same")),
        Err(failure) => Ok(failure.code),
    }
}

/// Writes the sale into the books, in which there is a time for everything.
#[workflow]
async fn books(ctx: WorkflowContext, sold: Order) -> Result<(), Failure> {
    let journal = ctx.actor::<Journal>(sold.order_id);
    journal.write("booked".to_owned()).await
}

fn topic_of(order_id: &str) -> String {
    format!("orders/{order_id}")
}

/// What shop, bank and carrier have done, in order. It stands for the outside world here.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Journal {
    deeds: Vec<String>,
}

/// Keeps a journal of each order.
#[actor]
impl Journal {
    #[method]
    fn write(&mut self, deed: String) {
        self.deeds.push(deed);
    }

    #[method]
    fn read(&self) -> Vec<String> {
        self.deeds.clone()
    }
}

/// Does something outside. An attempt that is repeated writes nothing a second time.
fn deed(ctx: &ActivityContext, order: &Order, deed: &str) -> Result<(), Failure> {
    ctx.log(format!("{}: {deed}", order.order_id));
    let journal = ctx.actor::<Journal>(&order.order_id);
    journal.write(deed.to_owned())
}

/// Looks whether an order can be served at all.
#[activity]
fn validate(order: Order) -> Result<(), Failure> {
    match order.cents {
        0 => Err(failure!("bad-order", "{} costs nothing", order.item)),
        _ => Ok(()),
    }
}

/// Takes the money; returns the receipt.
#[activity]
fn charge(ctx: &ActivityContext, order: Order) -> Result<String, Failure> {
    deed(ctx, &order, "charged")?;
    Ok(format!("receipt-{}", order.order_id))
}

/// Gives the money back.
#[activity]
fn refund(ctx: &ActivityContext, order: Order) -> Result<(), Failure> {
    deed(ctx, &order, "refunded")
}

/// Hands the item to the carrier; returns the parcel's number.
#[activity]
fn ship(ctx: &ActivityContext, order: Order) -> Result<String, Failure> {
    if order.item == "unicorn" {
        let why = failure!("extinct", "nobody breeds them any more");
        return Err(failure!("sold-out", "there is no {} left", order.item).caused_by(why));
    }
    deed(ctx, &order, "shipped")?;
    Ok(format!("parcel-{}", order.order_id))
}

/// Calls the parcel back, if there is one.
#[activity]
fn call_back(ctx: &ActivityContext, order: Order) -> Result<(), Failure> {
    deed(ctx, &order, "called back")
}

/// Tells the customer.
#[activity]
fn notify(ctx: &ActivityContext, order: Order) -> Result<(), Failure> {
    if order.email.is_empty() {
        return Err(failure!("no-address", "nobody can be told"));
    }
    deed(ctx, &order, "notified")
}

guest_sdk::export! {
    workflows: [order, change_of_mind, books],
    actors: [Journal],
    activities: [validate, charge, refund, ship, call_back, notify],
    example: order, "order-{order_id}", Order {
        order_id: "17".to_owned(),
        item: "teapot".to_owned(),
        cents: 4_500,
        email: "dora@example.com".to_owned(),
        packing_seconds: 0,
    },
}
