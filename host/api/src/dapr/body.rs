//! A request's body, whole; where it cannot be had, that is told as any other error.
//!
//! Knows nothing of what it says.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use super::error::{Error, MALFORMED};
use crate::Shared;

/// What was sent.
pub(super) struct Body(pub(super) Bytes);

impl Body {
    /// What it says in JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let value = serde_json::from_slice(&self.0);
        value.map_err(|error| Error::bad_request(MALFORMED, format!("read the body: {error}")))
    }
}

impl FromRequest<Shared> for Body {
    type Rejection = Error;

    async fn from_request(request: Request, api: &Shared) -> Result<Body, Error> {
        let bytes = Bytes::from_request(request, api).await;
        bytes.map(Body).map_err(|rejection| {
            let text = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    let max = api.runtime.limits().payload_bytes_max;
                    format!("the body is longer than the limit `payload_bytes_max` of {max} bytes")
                }
                _ => rejection.body_text(),
            };
            Error::new(rejection.status(), "ERR_BODY_READ", text)
        })
    }
}
