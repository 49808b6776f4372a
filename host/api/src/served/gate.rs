//! Whom a request comes from, what that one may do, and whether there is room for it: decided before anything is done
//! for it.
//!
//! Knows no route but those by which it is seen whether the host is alive; which role others need is said elsewhere.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use host_base::{Failure, ServerLimits, TenantId};
use host_runtime::{Runtime, Unfit};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::json;
use tokio::sync::Semaphore;

use super::Peer;
use super::audit::{Asked, answered};
use super::body::InTime;
use super::guesses::Guesses;
use super::tokens::Tokens;
use crate::caller::{Caller, Noted};
use crate::{PROBLEM_MEDIA_TYPE, RETRY_AFTER_SECONDS, rights};

/// What is answered without a token and however much there is to do: whoever watches over the host asks it, and is
/// not to start a host again that is busy.
const OPEN: [&str; 2] = ["/v1.0/healthz", "/v1.0/healthz/outbound"];
/// The header in which Dapr's clients send their token.
const DAPR_TOKEN: &str = "dapr-api-token";
/// The header in which whoever runs the host says which tenant is meant.
const TENANT: &str = "host-tenant";
/// In which a browser says whether a page of elsewhere asks, and how.
const FETCH_SITE: &str = "sec-fetch-site";
const CROSS_SITE: &str = "cross-site";
/// What gRPC calls a caller whom it does not know, one who may not, one who asks too often, a call that cannot be read,
/// and a server that has no room.
const GRPC_UNAUTHENTICATED: &str = "16";
const GRPC_PERMISSION_DENIED: &str = "7";
const GRPC_RESOURCE_EXHAUSTED: &str = "8";
const GRPC_INVALID_ARGUMENT: &str = "3";
const GRPC_UNAVAILABLE: &str = "14";
/// What gRPC's messages cannot hold as it is, besides what is not ASCII.
const IN_MESSAGES: &AsciiSet = &CONTROLS.add(b'%');

/// Stands before all routes.
#[derive(Clone)]
pub(super) struct Gate {
    places: Arc<Semaphore>,
    access: Arc<Access>,
    body_time_max: Duration,
}

/// Who is let in.
struct Access {
    runtime: Arc<Runtime>,
    /// Those of whoever runs the host.
    tokens: Tokens,
    /// Whether a token is asked for.
    asks: bool,
    guesses: Guesses,
}

impl Gate {
    pub(super) fn new(limits: &ServerLimits, tokens: Tokens, runtime: Arc<Runtime>) -> Gate {
        let access = Access {
            asks: !tokens.is_empty() || runtime.has_tokens(),
            guesses: Guesses::new(limits),
            runtime,
            tokens,
        };
        Gate {
            places: Arc::new(Semaphore::new(limits.requests_max)),
            access: Arc::new(access),
            body_time_max: limits.request_body_time_max,
        }
    }

    /// The routes behind the gate.
    pub(super) fn before(self, router: Router) -> Router {
        router.layer(from_fn_with_state(self, pass))
    }
}

async fn pass(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    if OPEN.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let admitted = match gate.access.admit(&request) {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal.told(request.headers()),
    };
    let Ok(_place) = gate.places.try_acquire() else {
        return overloaded().told(request.headers());
    };
    request.extensions_mut().insert(admitted.caller.clone());
    let in_time = |body| Body::new(InTime::new(body, gate.body_time_max));
    let request = request.map(in_time);
    match admitted.is_noted {
        true => gate.access.noting(admitted.caller, request, next).await,
        false => next.run(request).await,
    }
}

/// Who is let in.
struct Admitted {
    caller: Caller,
    /// Whether it is noted that this is asked for.
    is_noted: bool,
}

impl Access {
    /// Who it is, if that one may do what the request asks for.
    fn admit(&self, request: &Request) -> Result<Admitted, Refusal> {
        let named = tenant_of(request.headers())?;
        let caller = match token_of(request.headers()) {
            Some(token) => self.known(token, address_of(request), &named)?,
            None if self.asks => return Err(unauthorized(NO_TOKEN)),
            None => None,
        };
        let caller = match caller {
            Some(caller) => caller,
            None => {
                check_local(request)?;
                Caller::Operator(named.unwrap_or_default())
            }
        };
        let is_noted = match request.extensions().get::<MatchedPath>() {
            Some(route) => may(&caller, request, route.as_str())?,
            // Nothing is at any other path, which may be told to whoever is let in.
            None => false,
        };
        Ok(Admitted { caller, is_noted })
    }

    /// Answers, and notes before and behind it what was asked for.
    async fn noting(&self, caller: Caller, mut request: Request, next: Next) -> Response {
        let noted = Noted::default();
        request.extensions_mut().insert(noted.clone());
        let route = request.extensions().get::<MatchedPath>().cloned();
        let route = route.as_ref().map_or("", MatchedPath::as_str);
        let asked = Asked {
            caller: &caller,
            address: address_of(&request),
            method: request.method().as_str(),
            path: request.uri().path(),
            is_call: rights::is_of_calls(route),
            route,
        };
        let mut entry = asked.entry();
        let (runtime, tenant) = (&self.runtime, caller.tenant());
        let number = match runtime.note(tenant, &mut entry).await {
            Ok(number) => number,
            Err(failure) => return unnoted(&failure).told(request.headers()),
        };
        let response = next.run(request).await;
        let entry = answered(entry, &noted, &response);
        if let Err(error) = runtime.note_outcome(tenant, number, &entry).await {
            // It is done, and stands in the log without its outcome.
            tracing::error!(%error, "the audit log does not have how a request was answered");
        }
        response
    }

    /// Who brings this token; none where it is not known and nobody is asked for one.
    fn known(
        &self,
        token: &str,
        address: IpAddr,
        named: &Option<TenantId>,
    ) -> Result<Option<Caller>, Refusal> {
        let now = Instant::now();
        let guesses = &self.guesses;
        if self.asks {
            let may_try = guesses.may_try(address, token, now);
            may_try.map_err(too_many_wrong)?;
        }
        if self.tokens.hold(token) {
            guesses.right(address, token);
            return Ok(Some(Caller::Operator(named.clone().unwrap_or_default())));
        }
        match self.runtime.check_token(token) {
            Ok(grant) => {
                guesses.right(address, token);
                match named {
                    Some(named) if *named != grant.tenant => Err(forbidden(format!(
                        "the token is of another tenant than the one that the header {TENANT} names: leave it out"
                    ))),
                    _ => Ok(Some(Caller::Holder(grant))),
                }
            }
            Err(Unfit::Unknown) if !self.asks => Ok(None),
            Err(unfit) => {
                if unfit == Unfit::Unknown {
                    guesses.wrong(address, now);
                }
                let text = format!("the token does not count: {unfit}; ask for another one");
                Err(unauthorized(text))
            }
        }
    }
}

/// Whether it is noted that the caller asks for this, which it may.
fn may(caller: &Caller, request: &Request, route: &str) -> Result<bool, Refusal> {
    let (method, path) = (request.method().as_str(), request.uri().path());
    let right = rights::needed(method, route, path);
    rights::judge(caller, right).map_err(|denied| forbidden(denied.to_string()))?;
    Ok(right.is_noted(method))
}

/// Where nobody is asked for a token, only this machine is served. A web page that somebody looks at here is not of
/// this machine, and its browser says so: by the page's origin, and by the name under which it has found the host.
fn check_local(request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let named = headers.get(HOST).map(HeaderValue::as_bytes);
    let named = match request.uri().authority() {
        Some(authority) => Some(is_local(authority)),
        None => named.map(|name| Authority::try_from(name).is_ok_and(|name| is_local(&name))),
    };
    if named == Some(false) {
        return Err(forbidden(
            "the host is asked for no token and serves only this machine, and the request's Host is no name of this \
             machine: say localhost or 127.0.0.1, or serve with --token-file FILE",
        ));
    }
    let origin = headers.get(ORIGIN).map(|origin| {
        let origin = Uri::try_from(origin.as_bytes()).ok();
        origin.is_some_and(|origin| origin.authority().is_some_and(is_local))
    });
    // An image of a page has no origin, and the call of a method may look like one.
    let is_elsewhere = headers
        .get(FETCH_SITE)
        .is_some_and(|site| site == CROSS_SITE);
    if is_elsewhere || origin == Some(false) {
        return Err(forbidden(
            "the host is asked for no token and serves no web page of elsewhere (the request's Origin or Sec-Fetch-Site): serve \
             with --token-file FILE",
        ));
    }
    Ok(())
}

fn is_local(authority: &Authority) -> bool {
    let host = authority.host().trim_end_matches('.');
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<IpAddr> = bare.parse().ok();
    let is_name = || {
        let host = host.to_ascii_lowercase();
        host == "localhost" || host.ends_with(".localhost")
    };
    address.map_or_else(is_name, |address| address.to_canonical().is_loopback())
}

/// The address of whoever has connected.
fn address_of(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<Peer>();
    let peer = peer.expect("every connection has a peer, which is put beside each of its requests");
    peer.0.ip()
}

fn token_of(headers: &HeaderMap) -> Option<&str> {
    let bearer = || {
        let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    };
    let dapr = || headers.get(DAPR_TOKEN)?.to_str().ok();
    bearer().or_else(dapr)
}

/// The tenant that a request names.
fn tenant_of(headers: &HeaderMap) -> Result<Option<TenantId>, Refusal> {
    let Some(name) = headers.get(TENANT) else {
        return Ok(None);
    };
    let name = String::from_utf8_lossy(name.as_bytes()).into_owned();
    let tenant = TenantId::new(name);
    let wrong = |error| bad_input(format!("the header {TENANT}: {error}"));
    tenant.map(Some).map_err(wrong)
}

/// Why nobody is let in.
struct Refusal {
    kind: &'static Kind,
    text: Cow<'static, str>,
    /// What the answer's head says besides.
    header: Option<(HeaderName, HeaderValue)>,
}

/// As what it is told.
struct Kind {
    status: StatusCode,
    grpc_status: &'static str,
    dapr_code: &'static str,
    name: &'static str,
    who_must_act: &'static str,
}

const UNAUTHORIZED: Kind = Kind {
    status: StatusCode::UNAUTHORIZED,
    grpc_status: GRPC_UNAUTHENTICATED,
    dapr_code: "ERR_UNAUTHORIZED",
    name: "urn:host:problem:unauthorized",
    who_must_act: "caller",
};
const FORBIDDEN: Kind = Kind {
    status: StatusCode::FORBIDDEN,
    grpc_status: GRPC_PERMISSION_DENIED,
    dapr_code: "ERR_FORBIDDEN",
    name: "urn:host:problem:forbidden",
    who_must_act: "caller",
};
const BAD_INPUT: Kind = Kind {
    status: StatusCode::BAD_REQUEST,
    grpc_status: GRPC_INVALID_ARGUMENT,
    dapr_code: "ERR_BAD_REQUEST",
    name: "urn:host:problem:bad-input",
    who_must_act: "caller",
};
const TOO_MANY_WRONG: Kind = Kind {
    status: StatusCode::TOO_MANY_REQUESTS,
    grpc_status: GRPC_RESOURCE_EXHAUSTED,
    dapr_code: "ERR_TOO_MANY_WRONG_TOKENS",
    name: "urn:host:problem:too-many-wrong-tokens",
    who_must_act: "caller",
};
const OVERLOADED: Kind = Kind {
    status: StatusCode::SERVICE_UNAVAILABLE,
    grpc_status: GRPC_UNAVAILABLE,
    dapr_code: "ERR_OVERLOADED",
    name: "urn:host:problem:busy",
    who_must_act: "nobody",
};

const NO_TOKEN: &str =
    "a token is needed: send it as \"Authorization: Bearer TOKEN\" or \"dapr-api-token: TOKEN\"";

fn unauthorized(text: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal {
        kind: &UNAUTHORIZED,
        text: text.into(),
        header: Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
    }
}

fn forbidden(text: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal {
        kind: &FORBIDDEN,
        text: text.into(),
        header: None,
    }
}

fn bad_input(text: String) -> Refusal {
    Refusal {
        kind: &BAD_INPUT,
        text: text.into(),
        header: None,
    }
}

/// After so long, it is looked at again what that address sends.
fn too_many_wrong(wait: Duration) -> Refusal {
    let seconds = wait.as_secs() + 1;
    let text = format!(
        "too many wrong tokens came from this address (`wrong_tokens_max`), and this one was not looked at; try again \
         in {seconds} s"
    );
    Refusal {
        kind: &TOO_MANY_WRONG,
        text: text.into(),
        header: Some((RETRY_AFTER, HeaderValue::from(seconds))),
    }
}

fn overloaded() -> Refusal {
    Refusal {
        kind: &OVERLOADED,
        text: "the host answers as many requests as it may at once (`requests_max`); nothing was done, try again soon"
            .into(),
        header: Some((RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS))),
    }
}

/// What cannot be noted is not done.
fn unnoted(failure: &Failure) -> Refusal {
    Refusal {
        text: format!("the audit log cannot be written, and nothing was done: {failure}").into(),
        ..overloaded()
    }
}

impl Refusal {
    /// In the words of whoever asks: a status of gRPC, or a problem document (RFC 9457) that is also an error of
    /// Dapr's.
    fn told(self, asked: &HeaderMap) -> Response {
        let media_type = asked.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        if media_type.is_some_and(|it| it.starts_with(b"application/grpc")) {
            let message = utf8_percent_encode(&self.text, IN_MESSAGES).to_string();
            let headers = [
                ("content-type", "application/grpc"),
                ("grpc-status", self.kind.grpc_status),
                ("grpc-message", &message),
            ];
            return headers.into_response();
        }
        let body = json!({
            "type": self.kind.name,
            "title": self.kind.status.canonical_reason(),
            "status": self.kind.status.as_u16(),
            "detail": self.text,
            "who_must_act": self.kind.who_must_act,
            "errorCode": self.kind.dapr_code,
            "message": self.text,
        });
        let media_type = [(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA_TYPE))];
        let mut response = (self.kind.status, media_type, body.to_string()).into_response();
        response.headers_mut().extend(self.header);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_local(text: &str) -> bool {
        super::is_local(&text.parse().unwrap())
    }

    fn checked(uri: &str, headers: &[(HeaderName, &str)]) -> bool {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        check_local(&request.body(Body::empty()).unwrap()).is_ok()
    }

    #[test]
    fn names_of_this_machine_are_told_from_all_others() {
        for here in [
            "localhost",
            "LOCALHOST:3500",
            "127.0.0.1:1",
            "[::1]:80",
            "a.localhost",
            "localhost.",
        ] {
            assert!(is_local(here), "{here}");
        }
        for there in [
            "example.org",
            "localhost.example.org",
            "10.0.0.1",
            "[2001:db8::1]",
            "127.0.0.1.nip.io",
        ] {
            assert!(!is_local(there), "{there}");
        }
    }

    #[test]
    fn a_web_page_of_elsewhere_is_refused_under_whatever_name_it_has_found_the_host() {
        assert!(checked("/", &[]));
        assert!(checked("/", &[(HOST, "127.0.0.1:3500")]));
        assert!(checked(
            "http://localhost:1/",
            &[(HOST, "ignored.example.org")]
        ));
        assert!(!checked("/", &[(HOST, "rebound.example.org")]));
        assert!(!checked("http://rebound.example.org/", &[]));
        let here = (HOST, "localhost");
        assert!(checked(
            "/",
            &[here.clone(), (ORIGIN, "http://localhost:5173")]
        ));
        assert!(!checked(
            "/",
            &[here.clone(), (ORIGIN, "https://example.org")]
        ));
        assert!(!checked("/", &[here.clone(), (ORIGIN, "null")]));
        let site = HeaderName::from_static(FETCH_SITE);
        assert!(checked("/", &[here.clone(), (site.clone(), "none")]));
        assert!(!checked("/", &[here, (site, CROSS_SITE)]));
    }
}
