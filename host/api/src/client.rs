//! Clients of the services that gRPC serves: for tests, which bring the connection.
//!
//! Knows the calls and their messages.

/// Workflows, as workflow clients drive them.
pub mod task_hub {
    pub use crate::grpc::messages::*;

    include!(concat!(
        env!("OUT_DIR"),
        "/clients/.TaskHubSidecarService.rs"
    ));
}

/// Actors, workflows and metadata.
pub mod dapr {
    pub use crate::grpc::dapr_messages::*;

    include!(concat!(
        env!("OUT_DIR"),
        "/clients/dapr.proto.runtime.v1.Dapr.rs"
    ));
}
