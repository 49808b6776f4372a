//! Workflow instances: what their code asks for, what history holds, and whether the two agree.

mod commands;
mod machine;

pub use machine::{Arrival, Divergence, Machine, MachineLimits};
