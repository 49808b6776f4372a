//! Clients of the services that gRPC serves: for tests, which bring the connection.
//!
//! Knows the calls and their messages.

pub use crate::grpc::messages::*;

include!(concat!(
    env!("OUT_DIR"),
    "/clients/.TaskHubSidecarService.rs"
));
