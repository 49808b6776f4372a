//! The binary from outside: what its users see and rely on, one fact per test.
//!
//! Runs the real binary in a directory of its own; knows only arguments, streams and exit codes.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot be done ends the test, in its helpers as well"
)]

mod access;
mod actor_routes;
mod actors;
mod agent_loop;
mod api;
mod approval;
mod asked;
mod attacks;
mod attributes;
mod batches;
mod bounds;
mod changes;
mod chat;
mod clients;
mod compiling;
mod crashes;
mod dapr_grpc;
mod deadline;
mod directories;
mod driven;
mod grpc;
mod host;
mod http2;
mod kills;
mod later;
mod lifecycle;
mod limits;
mod many;
mod monitor;
mod order_saga;
mod outputs;
mod patience;
mod remote;
mod runs;
mod scenario;
mod schedules;
mod serve;
mod server;
mod sigkill;
mod storm;
mod topics;
mod transfers;
mod usage;
mod workflows;
