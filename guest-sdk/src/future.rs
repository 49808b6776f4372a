//! Futures side by side: what a workflow uses to wait for several things at once.
//!
//! Most are the ones of the `futures` crate; in `select_biased!`, an `async` block is first given to
//! [`FutureExt::fuse`]. All of them look at their futures in the order in which they are given or were woken,
//! so they do the same in every replay. What is dropped before it is complete is given up: that is what
//! becomes of the slower one of a race, and of the others where one of [`try_join_all`] fails.
//!
//! ```
//! use guest_sdk::prelude::*;
//!
//! #[activity]
//! fn quote(shop: String) -> Result<u32, Failure> {
//!     Ok(u32::try_from(shop.len())?)
//! }
//!
//! #[workflow]
//! async fn buy(ctx: WorkflowContext, shops: Vec<String>) -> Result<u32, Failure> {
//!     // All of them, or the first failure; at most ten at once.
//!     let quotes = try_map_concurrent(10, shops, |shop| ctx.activity(quote, shop)).await?;
//!     // Two of different kinds, side by side.
//!     let deal = ctx.event::<u32>("deal");
//!     let (deal, ()) = join(deal, ctx.sleep(Duration::from_mins(1))).await;
//!     // A race: the slower one is given up.
//!     let last = ctx.activity(quote, "last".to_owned());
//!     let last = match select(last, ctx.sleep(Duration::from_mins(5))).await {
//!         Either::Left((price, _)) => price?,
//!         Either::Right(((), _)) => u32::MAX,
//!     };
//!     let cheapest = quotes.into_iter().chain([deal?, last]).min();
//!     cheapest.ok_or_else(|| failure!("no-shop", "nobody sells it"))
//! }
//!
//! guest_sdk::export! { workflows: [buy], activities: [quote] }
//! ```

use futures_util::stream::{StreamExt, TryStreamExt, iter};

pub use futures_util::future::{
    Either, FutureExt, join, join_all, select, select_all, try_join, try_join_all,
};
pub use futures_util::{join, select_biased, try_join};

/// Makes a future of each item and waits for all of them, no more than `limit` at once; the results come in
/// the order of the items. Fan-out and fan-in with a bound.
pub async fn map_concurrent<T, F: Future>(
    limit: usize,
    items: impl IntoIterator<Item = T>,
    mut start: impl FnMut(T) -> F,
) -> Vec<F::Output> {
    let futures = items.into_iter().enumerate().map(|(place, item)| {
        let future = start(item);
        async move { (place, future.await) }
    });
    let results = iter(futures).buffer_unordered(limit.max(1));
    in_order(results.collect().await)
}

/// The same for what may fail: the first failure is what comes of it, and what still runs is given up.
///
/// # Errors
/// One of the futures failed.
pub async fn try_map_concurrent<T, O, E, F: Future<Output = Result<O, E>>>(
    limit: usize,
    items: impl IntoIterator<Item = T>,
    mut start: impl FnMut(T) -> F,
) -> Result<Vec<O>, E> {
    let futures = items.into_iter().enumerate().map(|(place, item)| {
        let future = start(item);
        async move { future.await.map(|output| (place, output)) }
    });
    let results = iter(futures).buffer_unordered(limit.max(1));
    Ok(in_order(results.try_collect().await?))
}

fn in_order<T>(mut results: Vec<(usize, T)>) -> Vec<T> {
    results.sort_unstable_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Ends at its second poll; counts how many have begun and not ended.
    async fn work(running: &Cell<usize>, most: &Cell<usize>, number: usize) -> usize {
        running.set(running.get() + 1);
        most.set(most.get().max(running.get()));
        let mut polled = false;
        std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            match std::mem::replace(&mut polled, true) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        running.set(running.get() - 1);
        number
    }

    fn run<F: Future>(future: F) -> F::Output {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
        }
    }

    #[test]
    fn no_more_run_than_may_and_results_keep_their_order() {
        let (running, most) = (Cell::new(0), Cell::new(0));
        let all = map_concurrent(3, 0..20, |number| work(&running, &most, number));
        assert_eq!(run(all), (0..20).collect::<Vec<_>>());
        assert_eq!(most.get(), 3);
    }

    #[test]
    fn the_first_failure_ends_all() {
        let (running, most) = (Cell::new(0), Cell::new(0));
        let (running, most) = (&running, &most);
        let all = try_map_concurrent(2, 0..20, |number| async move {
            match work(running, most, number).await {
                4 => Err(number),
                _ => Ok(number),
            }
        });
        assert_eq!(run(all), Err(4));
    }
}
