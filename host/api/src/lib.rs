//! What clients reach over the network: routes that extract, call the runtime, and convert.
//!
//! Knows `base` and `runtime`, and the web crates; decides nothing about workflows and actors. What it answers
//! with success is durable.

mod actors;
mod caller;
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
mod rights;
mod served;
mod v1;
mod workflows;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, StatusCode};
use host_base::TenantId;
use host_runtime::Runtime;
use tokio::sync::{Semaphore, watch};

use caller::{Caller, Noted};
use metadata::Labels;

pub use served::{
    ListenError, ServeOptions, Server, TOKEN_BYTES_MIN, Tls, TlsError, Tokens, TokensError,
};

/// After how many seconds it is worth trying again where the host has too much to do.
const RETRY_AFTER_SECONDS: &str = "1";
/// What is said in a problem document (RFC 9457) is of this media type.
const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// From what all callers are served.
#[derive(Clone)]
pub struct Shared {
    runtime: Arc<Runtime>,
    labels: Arc<Labels>,
    /// Whether the host is to stop.
    stops: watch::Sender<bool>,
    /// A permit for each stream of events that may be open.
    event_streams: Arc<Semaphore>,
}

/// The same for one caller: what is asked of it is asked of the caller's tenant.
#[derive(Clone)]
struct Api {
    shared: Shared,
    caller: Caller,
    /// Where it is noted what the request is about; none where nobody does.
    noted: Option<Noted>,
}

impl Shared {
    /// The API of a runtime.
    pub fn new(runtime: Arc<Runtime>) -> Shared {
        let event_streams = Semaphore::new(runtime.limits().event_streams_max);
        Shared {
            event_streams: Arc::new(event_streams),
            runtime,
            labels: Arc::default(),
            stops: watch::Sender::new(false),
        }
    }

    /// Tells those who wait for something that may take long that the host is to stop: they are answered now.
    pub fn stop(&self) {
        self.stops.send_replace(true);
    }

    /// Every route. A body may have as many bytes as a payload. None asks who it is that calls.
    fn router(self) -> Router {
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

    /// For whoever was let in; none where nobody has looked at who it is.
    fn of(&self, request: &Extensions) -> Option<Api> {
        let caller = request.get::<Caller>()?.clone();
        let noted = request.get::<Noted>().cloned();
        let shared = self.clone();
        Some(Api {
            shared,
            caller,
            noted,
        })
    }
}

impl Api {
    /// Whose things it reaches.
    fn tenant(&self) -> &TenantId {
        self.caller.tenant()
    }

    /// Ends once the host is to stop, or the caller's token counts no longer.
    fn stopping(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stops = self.stops.subscribe();
        let token = self.caller.grant();
        let token = token.map(|grant| self.runtime.token_ended(grant));
        async move {
            // It lives as long as what it is asked through.
            let stop = async { drop(stops.wait_for(|stops| *stops).await) };
            match token {
                None => stop.await,
                Some(token) => tokio::select! {
                    () = stop => {}
                    () = token => {}
                },
            }
        }
    }
}

impl Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl FromRequestParts<Shared> for Api {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Api, StatusCode> {
        shared.of(&parts.extensions).ok_or(StatusCode::UNAUTHORIZED)
    }
}
