//! Topics, as a workflow publishes to them and receives from them.

use serde::Serialize;

use super::WorkflowContext;
use crate::bindings::durable::plugin::workflow as host;
use crate::topic::value_of;

impl WorkflowContext {
    /// Publishes a value as part of this turn: every actor and workflow that has subscribed to the topic by
    /// then is sent it, exactly once and in the order of publishing.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// #[workflow]
    /// async fn announce(ctx: WorkflowContext, price: u32) {
    ///     ctx.publish("prices", &price);
    /// }
    /// ```
    pub fn publish(&self, topic: impl AsRef<str>, value: &impl Serialize) {
        let topic = topic.as_ref();
        host::publish(topic, &value_of(topic, value));
    }

    /// Receives what is published to a topic from this turn on, as [`event`](Self::event)s of its name,
    /// until the instance ends or unsubscribes. Continuing as new keeps it.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// #[workflow]
    /// async fn await_price(ctx: WorkflowContext, limit: u32) -> Result<u32, Failure> {
    ///     ctx.subscribe("prices");
    ///     loop {
    ///         let price = ctx.event("prices").await?;
    ///         if price <= limit {
    ///             return Ok(price);
    ///         }
    ///     }
    /// }
    /// ```
    pub fn subscribe(&self, topic: impl AsRef<str>) {
        host::subscribe(topic.as_ref());
    }

    /// Receives no more of a topic, as part of this turn.
    pub fn unsubscribe(&self, topic: impl AsRef<str>) {
        host::unsubscribe(topic.as_ref());
    }
}
