//! What clients reach over the network: routes that extract, call the runtime, and convert.
//!
//! Knows `base` and `runtime`, and the web crates; decides nothing about workflows and actors. What it answers
//! with success is durable.

mod actors;
#[cfg(feature = "client")]
#[expect(
    clippy::allow_attributes_without_reason,
    reason = "it is made by code that is not ours"
)]
pub mod client;
mod dapr;
mod grpc;
mod idempotency;
pub mod json;
mod metadata;
mod served;
mod v1;
mod workflows;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use host_base::TenantId;
use host_runtime::Runtime;
use tokio::sync::{Semaphore, watch};

use metadata::Labels;

pub use served::{
    ListenError, ServeOptions, Server, TOKEN_BYTES_MIN, Tls, TlsError, Tokens, TokensError,
};

/// After how many seconds it is worth trying again where the host has too much to do.
const RETRY_AFTER_SECONDS: &str = "1";
/// What is said in a problem document (RFC 9457) is of this media type.
const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// Whose plugins are served.
#[derive(Clone)]
pub struct Api {
    runtime: Arc<Runtime>,
    tenant: TenantId,
    labels: Arc<Labels>,
    /// Whether the host is to stop.
    stops: watch::Sender<bool>,
    /// A permit for each stream of events that may be open.
    event_streams: Arc<Semaphore>,
}

impl Api {
    /// The API of one tenant of a runtime.
    pub fn new(runtime: Arc<Runtime>, tenant: TenantId) -> Api {
        let event_streams = Semaphore::new(runtime.limits().event_streams_max);
        Api {
            event_streams: Arc::new(event_streams),
            runtime,
            tenant,
            labels: Arc::default(),
            stops: watch::Sender::new(false),
        }
    }

    /// Tells those who wait for something that may take long that the host is to stop: they are answered now.
    pub fn stop(&self) {
        self.stops.send_replace(true);
    }

    /// Ends once the host is to stop.
    async fn stopping(&self) {
        let mut stops = self.stops.subscribe();
        // It lives as long as what it is asked through.
        drop(stops.wait_for(|stops| *stops).await);
    }

    /// Every route. A body may have as many bytes as a payload.
    pub fn router(self) -> Router {
        let limits = self.runtime.limits();
        let body_bytes_max = limits.payload_bytes_max;
        let own = v1::routes(limits);
        let grpc = grpc::routes(&self);
        dapr::routes()
            .merge(own)
            .layer(DefaultBodyLimit::max(body_bytes_max))
            .with_state(self)
            .merge(grpc)
    }
}
