//! The attributes with which a plugin author marks activities, workflows and actors.
//!
//! Owns how Rust items become implementations of the SDK's traits, and what a mistake looks like to its
//! author. Must not know what the traits do: the generated code is as little as possible, and names only
//! `::guest_sdk`.

mod activity;
mod actor;
mod duration;
mod export;
mod options;
mod signature;
mod workflow;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Makes a function an activity: code that a workflow has run for it, and that may do anything.
///
/// The function takes an input or none, and before it a `&ActivityContext` if it likes; it returns a value
/// or a `Result` of one. Its name is what workflows pass to say which activity they mean; the function
/// itself is called as `name::call(input)`.
///
/// Options, each of which may be left out:
///
/// | option | says |
/// |---|---|
/// | `name = "..."` | its name, instead of the function's |
/// | `timeout = "10s"` | how long one attempt may take |
/// | `schedule_to_close = "1h"` | how long all of it may take, waits between attempts included |
/// | `heartbeat_timeout = "30s"` | how long an attempt may go without `ctx.heartbeat(..)` |
/// | `retry(...)` | how often and when it is tried again |
///
/// A time is a whole number and one of `ms`, `s`, `m`, `h`, `d`. In `retry`, what is not said comes from
/// `RetryPolicy::DEFAULT`:
///
/// | option | says |
/// |---|---|
/// | `max_attempts = 5` or `"unlimited"` | attempts in all, the first included |
/// | `first_interval = "1s"` | the wait after the first failed attempt |
/// | `coefficient = 2.0` | by what each wait is longer than the one before |
/// | `max_interval = "1m"` | no wait is longer than this |
/// | `jitter = 0.1` | the part of a wait that chance may take off it |
/// | `non_retryable = ["sold-out"]` | codes of failures that end the retries |
#[proc_macro_attribute]
pub fn activity(options: TokenStream, item: TokenStream) -> TokenStream {
    let function = parse_macro_input!(item as syn::ItemFn);
    finish(activity::expand(options.into(), function))
}

/// Makes an `async fn` a workflow: a process of several steps that survives everything.
///
/// The function takes a `WorkflowContext` and an input or none; it returns a value or a `Result` of one.
///
/// Options, each of which may be left out:
///
/// | option | says |
/// |---|---|
/// | `name = "..."` | its name, instead of the function's |
/// | `queries(LEFT, ...)` | constants of type `Query`, which the manifest lists |
/// | `updates(BOOK, ...)` | constants of type `Update`, which the manifest lists |
#[proc_macro_attribute]
pub fn workflow(options: TokenStream, item: TokenStream) -> TokenStream {
    let function = parse_macro_input!(item as syn::ItemFn);
    finish(workflow::expand(options.into(), function))
}

/// Makes a type an actor: something with an identity and a state, which handles one call at a time.
///
/// It stands on an `impl` block of the state's type, which derives `Default`, `Serialize`, `Deserialize`
/// and `JsonSchema`. In the block, `#[method]` marks what can be called: a function of `&self` or
/// `&mut self`, of a `&ActorContext` if it likes, and of an input or none. It is called by its name in
/// `PascalCase` unless `#[method(name = "...")]` says otherwise. `#[method(read_only)]` marks one that only
/// reads its state: calls of it run beside each other and beside a turn, over the state as it was last
/// committed, without messages that wait for a turn, and may change and send nothing. `#[activate]` marks what runs when the actor becomes active,
/// and `#[deactivate]` what runs before it leaves the memory.
///
/// Options, each of which may be left out:
///
/// | option | says |
/// |---|---|
/// | `name = "..."` | its type's name, instead of the Rust type's |
/// | `idle = "10m"` | after how long without a call it leaves the memory |
/// | `reentrant` or `reentrant(depth = 4)` | how often one chain of calls may be in it at once (32 where no depth is given), for calls that are made with `ActorContext::reentrant` |
#[proc_macro_attribute]
pub fn actor(options: TokenStream, item: TokenStream) -> TokenStream {
    let block = parse_macro_input!(item as syn::ItemImpl);
    finish(actor::expand(options.into(), block))
}

/// Says what the plugin brings; once per plugin.
///
/// ```text
/// guest_sdk::export! {
///     workflows: [order],
///     actors: [Cart],
///     activities: [charge, ship],
///     example: order, "order-{number}", Order { number: 1 },
/// }
/// ```
///
/// Everything but one entry may be left out. `name: "..."` and `version: "..."` stand in for the
/// package's own.
#[proc_macro]
pub fn export(items: TokenStream) -> TokenStream {
    let plugin = parse_macro_input!(items as export::Export);
    export::expand(&plugin).into()
}

fn finish(code: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    code.unwrap_or_else(syn::Error::into_compile_error).into()
}
