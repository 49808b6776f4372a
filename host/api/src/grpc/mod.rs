//! gRPC: the services that the published clients of Dapr call.
//!
//! Owns what holds for every call: how long it may take and how large its message may be. Knows nothing of what is
//! asked.

mod dapr;
pub(crate) mod dapr_messages;
mod history;
pub(crate) mod messages;
mod state;
mod status;
mod task_hub;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::post_service;
use tonic::{Code, Status};

use crate::Shared;
use dapr::service::dapr_server::DaprServer;
use task_hub::service::task_hub_sidecar_service_server::TaskHubSidecarServiceServer;

/// What a message may have besides its payload, in bytes: ids, names, and what encoding adds.
const BESIDES_PAYLOAD: usize = 64 << 10;
/// Digits of a time in a call's head.
const TIMEOUT_DIGITS_MAX: usize = 8;

/// Every service. A message may be as long as a payload, and what stands beside it.
pub(crate) fn routes(shared: &Shared) -> Router {
    let payload_bytes_max = shared.runtime.limits().payload_bytes_max;
    let task_hub = TaskHubSidecarServiceServer::new(task_hub::Calls(shared.clone()))
        .max_decoding_message_size(payload_bytes_max + BESIDES_PAYLOAD);
    let dapr = DaprServer::new(dapr::Calls(shared.clone()))
        .max_decoding_message_size(payload_bytes_max + BESIDES_PAYLOAD);
    Router::new()
        .route("/TaskHubSidecarService/{call}", post_service(task_hub))
        .route("/dapr.proto.runtime.v1.Dapr/{call}", post_service(dapr))
        .layer(from_fn(in_time))
        .layer(from_fn_with_state(payload_bytes_max, names_its_limit))
}

/// Gives a call up when its client does. What it has made durable by then stays so.
async fn in_time(request: Request, next: Next) -> Response {
    match timeout_of(request.headers()) {
        Ok(None) => next.run(request).await,
        Ok(Some(limit)) => {
            let answer = tokio::time::timeout(limit, next.run(request)).await;
            let late = || Status::deadline_exceeded(format!("it takes longer than {limit:?}"));
            answer.unwrap_or_else(|_| refusal(late()))
        }
        Err(status) => refusal(status),
    }
}

/// How long a call may take, where its head says so.
fn timeout_of(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    const HEADER: &str = "grpc-timeout";
    let Some(value) = headers.get(HEADER) else {
        return Ok(None);
    };
    let duration = value.to_str().ok().and_then(duration);
    let duration = duration.ok_or_else(|| {
        let text =
            format!("{HEADER} must be up to {TIMEOUT_DIGITS_MAX} digits and H, M, S, m, u or n");
        Status::invalid_argument(text)
    });
    duration.map(Some)
}

fn duration(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number =
        digits.len() <= TIMEOUT_DIGITS_MAX && digits.bytes().all(|one| one.is_ascii_digit());
    let number: u64 = is_number.then(|| digits.parse().ok())??;
    Some(match unit {
        "H" => Duration::from_secs(number * 60 * 60),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// A message that is too long is refused before it is read, by code that does not know how the limit is called.
async fn names_its_limit(
    State(payload_bytes_max): State<usize>,
    request: Request,
    next: Next,
) -> Response {
    let answer = next.run(request).await;
    match Status::from_header_map(answer.headers()) {
        // Nothing here answers so.
        Some(status) if status.code() == Code::OutOfRange => {
            let message = status.message();
            refusal(Status::resource_exhausted(format!(
                "{message}; a payload may have `payload_bytes_max` of {payload_bytes_max} bytes"
            )))
        }
        _ => answer,
    }
}

fn refusal(status: Status) -> Response {
    status
        .into_http()
        .map(|body: tonic::body::Body| Body::new(body))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rights;

    /// The services as they were made of the lists of their calls.
    const SERVICES: [(&str, &str); 2] = [
        (
            "/TaskHubSidecarService/",
            include_str!(concat!(env!("OUT_DIR"), "/.TaskHubSidecarService.rs")),
        ),
        (
            "/dapr.proto.runtime.v1.Dapr/",
            include_str!(concat!(env!("OUT_DIR"), "/dapr.proto.runtime.v1.Dapr.rs")),
        ),
    ];

    fn calls((service, code): (&str, &str)) -> Vec<String> {
        let quoted = format!("\"{service}");
        let found = code.split(&quoted).skip(1);
        let names = found.map(|rest| rest.split('"').next().unwrap().to_owned());
        names.map(|name| format!("{service}{name}")).collect()
    }

    #[test]
    fn every_call_has_a_row_that_says_who_may_and_every_row_a_call() {
        let bare = |call: &String| {
            let version = ["Alpha1", "Beta1"]
                .iter()
                .find_map(|it| call.strip_suffix(it));
            version.unwrap_or(call).to_owned()
        };
        let calls: Vec<_> = SERVICES.into_iter().flat_map(calls).collect();
        let calls: BTreeSet<_> = calls.iter().map(bare).collect();
        let rows = rights::rows().filter(|(method, _)| *method == "CALL");
        let rows: BTreeSet<_> = rows.map(|(_, path)| path).collect();
        assert_eq!(calls, rows);
    }

    #[test]
    fn a_time_has_a_number_and_a_unit() {
        assert_eq!(duration("1H"), Some(Duration::from_secs(3_600)));
        assert_eq!(duration("2M"), Some(Duration::from_secs(120)));
        assert_eq!(duration("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(duration("250m"), Some(Duration::from_millis(250)));
        assert_eq!(duration("7u"), Some(Duration::from_micros(7)));
        assert_eq!(duration("7n"), Some(Duration::from_nanos(7)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "123456789S", "1€"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
