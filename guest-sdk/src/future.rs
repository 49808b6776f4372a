//! Futures side by side: what a workflow uses to wait for several things at once.
//!
//! These are the ones of the `futures` crate; in `select_biased!`, an `async` block is first given to
//! [`FutureExt::fuse`]. All of them look at their futures in the order in which
//! they are given, so they do the same in every replay.

pub use futures_util::future::{
    Either, FutureExt, join, join_all, select, select_all, try_join, try_join_all,
};
pub use futures_util::{join, select_biased, try_join};
