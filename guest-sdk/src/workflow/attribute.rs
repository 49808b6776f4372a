//! By what a workflow is found: search attributes.

use std::time::{SystemTime, UNIX_EPOCH};

use super::WorkflowContext;
use crate::bindings::durable::plugin::workflow as host;

/// What a search attribute is: a text, a number, a truth value or a point in time.
///
/// Numbers lie between -2^53 and 2^53, so that every whole one is exact. What is only compared for being the same,
/// such as an order's number, is a text.
#[derive(Clone, Debug)]
pub struct Attribute(host::AttributeValue);

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Attribute {
    fn from(text: String) -> Self {
        Self(host::AttributeValue::Text(text))
    }
}

impl From<bool> for Attribute {
    fn from(truth: bool) -> Self {
        Self(host::AttributeValue::Truth(truth))
    }
}

impl From<f64> for Attribute {
    fn from(number: f64) -> Self {
        Self(host::AttributeValue::Number(number))
    }
}

impl From<i32> for Attribute {
    fn from(number: i32) -> Self {
        Self::from(f64::from(number))
    }
}

impl From<u32> for Attribute {
    fn from(number: u32) -> Self {
        Self::from(f64::from(number))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the host refuses numbers that lose something"
)]
impl From<i64> for Attribute {
    fn from(number: i64) -> Self {
        Self::from(number as f64)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the host refuses numbers that lose something"
)]
impl From<u64> for Attribute {
    fn from(number: u64) -> Self {
        Self::from(number as f64)
    }
}

impl From<SystemTime> for Attribute {
    fn from(time: SystemTime) -> Self {
        let millis = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        };
        Self(host::AttributeValue::TimeMs(millis))
    }
}

impl WorkflowContext {
    /// Has the workflow found by an attribute: `host workflow list --where "customer = ada and total >= 10"` shows
    /// those that fit. It keeps what it was started with, and what it has set, when it continues as new.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// # #[activity] fn price(item: String) -> f64 { item.len() as f64 }
    /// #[workflow]
    /// async fn buy(ctx: WorkflowContext, items: Vec<String>) -> Result<(), Failure> {
    ///     let mut total = 0.0;
    ///     for item in items {
    ///         total += ctx.activity(price, item).await?;
    ///         ctx.set_attribute("total", total);
    ///     }
    ///     ctx.set_attribute("paid", false);
    ///     ctx.event::<()>("payment").await?;
    ///     ctx.set_attribute("paid", true);
    ///     ctx.remove_attribute("total");
    ///     Ok(())
    /// }
    /// ```
    pub fn set_attribute(&self, name: &str, value: impl Into<Attribute>) {
        let Attribute(value) = value.into();
        host::set_attribute(name, Some(&value));
    }

    /// The workflow is not found by this attribute any more.
    pub fn remove_attribute(&self, name: &str) {
        host::set_attribute(name, None);
    }
}
