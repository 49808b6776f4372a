//! What a request holds: names in its path, options, a body, an idempotency key. What cannot be read is
//! answered with a problem.
//!
//! Knows nothing of what is asked for.

use axum::body::Bytes;
use axum::extract::{self, FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use host_base::{Payload, Timestamp, duration};
use serde::de::DeserializeOwned;
use std::time::Duration;
use utoipa::IntoParams;

use super::problem::{Kind, Problem};
use crate::{idempotency, json};

/// The names in the path.
pub(super) struct Path<T>(pub(super) T);

/// The options behind the question mark.
pub(super) struct Query<T>(pub(super) T);

/// A body of fields; where there is none, all have their defaults.
pub(super) struct Json<T>(pub(super) T);

/// A body that is handed to a plugin as it is: JSON, or nothing, which stands for `null`.
pub(super) struct Input(pub(super) Payload);

/// What makes a repeated request known.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct IdempotencyKey {
    /// Whoever repeats a request with the same key and the same content gets the first one's answer, and
    /// nothing is done a second time, for as long as answers are kept (`reply_retention`). Visible ASCII,
    /// 255 characters at most.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$"
    )]
    key: Option<String>,
}

impl IdempotencyKey {
    pub(super) fn get(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, Problem> {
        let path = extract::Path::<T>::from_request_parts(parts, state).await;
        let extract::Path(names) = path.map_err(|error| Problem::bad_input(error.body_text()))?;
        Ok(Path(names))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Query<T>, Problem> {
        let query = extract::Query::<T>::from_request_parts(parts, state).await;
        let extract::Query(options) =
            query.map_err(|error| Problem::bad_input(error.body_text()))?;
        Ok(Query(options))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IdempotencyKey, Problem> {
        let key = idempotency::key(&parts.headers);
        let key = key.map_err(|error| Problem::bad_input(error.to_string()))?;
        let key = key.map(str::to_owned);
        Ok(IdempotencyKey { key })
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Json<T>, Problem> {
        let Input(body) = Input::from_request(request, state).await?;
        let body = if body.is_empty() { b"{}" } else { &body[..] };
        let fields = serde_json::from_slice(body);
        let fields = fields.map_err(|error| Problem::bad_input(format!("the body: {error}")))?;
        Ok(Json(fields))
    }
}

impl<S: Send + Sync> FromRequest<S> for Input {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Input, Problem> {
        let says_json = says_json(request.headers());
        let Body(body) = Body::from_request(request, state).await?;
        if body.is_empty() {
            return Ok(Input(Payload::new()));
        }
        if !says_json {
            // A page in a browser can send any other type to this machine without asking first.
            let text = "a body must say that it is JSON: Content-Type: application/json";
            return Err(Problem::new(Kind::NotJson, text));
        }
        let checked = json::check(&body);
        checked.map_err(|error| Problem::bad_input(format!("the body is no JSON: {error}")))?;
        Ok(Input(body.into()))
    }
}

/// A body of any kind.
pub(super) struct Body(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Body, Problem> {
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|error| {
            let kind = match error.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
                _ => Kind::BadInput,
            };
            Problem::new(kind, error.body_text())
        })?;
        Ok(Body(bytes))
    }
}

/// `application/json`, or another type that is JSON.
fn says_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    let kind = kind.unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// A point in time that an option or a field names.
pub(super) fn moment(name: &str, text: &str) -> Result<Timestamp, Problem> {
    let time: Result<jiff::Timestamp, _> = text.parse();
    let millis = time.map(|time| time.as_millisecond());
    // Nothing of the host happened before 1970.
    let time = millis.map(|millis| Timestamp(millis.try_into().unwrap_or(0)));
    time.map_err(|_| {
        Problem::bad_input(format!(
            "{name} is `{text}`, and must be a time such as 2030-01-31T12:00:00Z"
        ))
    })
}

/// A length of time that an option or a field names.
pub(super) fn length(name: &str, text: &str) -> Result<Duration, Problem> {
    duration::read(text).map_err(|error| Problem::bad_input(format!("{name}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_json_where_its_media_type_says_so() {
        let says = |kind: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, axum::http::HeaderValue::from_static(kind));
            says_json(&headers)
        };
        assert!(says("application/json") && says("Application/JSON; charset=utf-8"));
        assert!(says("application/cloudevents+json"));
        assert!(!says("text/plain") && !says("application/x-www-form-urlencoded"));
        assert!(!says_json(&HeaderMap::new()));
    }
}
