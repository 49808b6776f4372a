//! A running server that is driven over its API: requests, what is tried again, and what it refuses.
//!
//! Knows HTTP and nothing of what is asked for. What changes something is sent with an idempotency key, so that it is
//! done once however often it is sent.

mod choice;
mod context;
mod events;
mod lists;
mod trouble;

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::crypto::ring;
use serde::de::DeserializeOwned;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use ureq::http::{Method, Request, Response, StatusCode, Uri, request};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, AsSendBody};
use uuid::Uuid;

pub(crate) use choice::{Sources, chosen, never, said};
pub(crate) use context::Login;
pub(crate) use events::Event;
pub(crate) use trouble::{ALREADY_EXISTS, NOT_ENDED, NOT_FOUND, Trouble};

/// Where the API is.
const PREFIX: &str = "/api/v1";
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const LAST_EVENT_ID: &str = "Last-Event-ID";
const TENANT: &str = "host-tenant";
const JSON: &str = "application/json";
const COMPONENT: &str = "application/wasm";
/// How long it may take to reach the server.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// How often a request is sent that a server has no room for.
const ATTEMPTS_MAX: u32 = 5;
/// How long is waited before the next one at most, however long the server asks for.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Largest answer: a page of a list and a payload of any size that makes sense.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// A server.
pub(crate) struct Remote {
    agent: Agent,
    login: Login,
}

/// A request.
struct Asked<'a> {
    method: Method,
    path: &'a str,
    body: Option<(&'static str, &'a [u8])>,
    key: Option<&'a str>,
    /// The last event of a stream that was seen.
    last_event: Option<&'a str>,
    /// For how long nothing may come.
    silence_max: Option<Duration>,
}

impl<'a> Asked<'a> {
    fn new(method: Method, path: &'a str) -> Asked<'a> {
        Asked {
            method,
            path,
            body: None,
            key: None,
            last_event: None,
            silence_max: None,
        }
    }

    fn with_body(self, media_type: &'static str, body: &'a [u8]) -> Asked<'a> {
        let body = Some((media_type, body));
        Asked { body, ..self }
    }
}

impl Remote {
    /// The server of a login, which is not spoken to yet.
    pub(crate) fn new(login: Login) -> Result<Remote> {
        let url: Uri = login.server.parse().context("read the server's URL")?;
        let scheme = url.scheme_str().unwrap_or_default();
        ensure!(
            ["http", "https"].contains(&scheme) && url.path() == "/" && url.query().is_none(),
            "{} is no server's URL, such as https://host.example.org:3500",
            login.server
        );
        let roots = login.ca.as_deref().map(read_roots).transpose()?;
        let tls = TlsConfig::builder()
            .root_certs(roots.unwrap_or(RootCerts::PlatformVerifier))
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()));
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // A token is for the server that was named and for no other.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT_TIME_MAX))
            .user_agent(concat!("host/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls.build());
        let agent = config.build().into();
        Ok(Remote { agent, login })
    }

    /// Where it is, as the user has named it.
    pub(crate) fn name(&self) -> &str {
        &self.login.server
    }

    /// What it is reached by.
    pub(crate) fn login(&self) -> &Login {
        &self.login
    }

    /// Whether a token on its way to the server can be read by others.
    pub(crate) fn tells_token(&self) -> bool {
        let url: Option<Uri> = self.login.server.parse().ok();
        let host = url.as_ref().and_then(Uri::host).unwrap_or_default();
        let is_here = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        self.login.token.is_some() && self.login.server.starts_with("http://") && !is_here
    }

    /// Reads something.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        self.json(&Asked::new(Method::GET, path))
    }

    /// Asks a plugin or has something done, once.
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, Trouble> {
        self.post_once(path, body, &Uuid::new_v4().to_string())
    }

    /// The same, once for this key.
    pub(crate) fn post_once<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &[u8],
        key: &str,
    ) -> Result<T, Trouble> {
        let asked = Asked::new(Method::POST, path).with_body(JSON, body);
        let key = Some(key);
        self.json(&Asked { key, ..asked })
    }

    /// Sends a component, which changes nothing a second time.
    pub(crate) fn upload<T: DeserializeOwned>(
        &self,
        path: &str,
        component: &[u8],
    ) -> Result<T, Trouble> {
        self.json(&Asked::new(Method::POST, path).with_body(COMPONENT, component))
    }

    /// Sets something, which stays the same however often it is set.
    pub(crate) fn put<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, Trouble> {
        self.json(&Asked::new(Method::PUT, path).with_body(JSON, body))
    }

    /// Deletes something.
    pub(crate) fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        self.json(&Asked::new(Method::DELETE, path))
    }

    fn json<T: DeserializeOwned>(&self, asked: &Asked<'_>) -> Result<T, Trouble> {
        let body = self.answer(asked)?;
        // An answer without a body stands for nothing.
        let body = if body.is_empty() { b"null" } else { &body[..] };
        self.parse(asked.path, body)
    }

    /// What was answered there.
    pub(crate) fn parse<T: DeserializeOwned>(&self, path: &str, json: &[u8]) -> Result<T, Trouble> {
        let read = serde_json::from_slice(json);
        read.map_err(|error| self.unreadable(path, &error.to_string()))
    }

    fn answer(&self, asked: &Asked<'_>) -> Result<Vec<u8>, Trouble> {
        let response = self.respond(asked)?;
        self.read(asked, response)
    }

    /// The whole answer, if it is one.
    fn read(
        &self,
        asked: &Asked<'_>,
        mut response: Response<ureq::Body>,
    ) -> Result<Vec<u8>, Trouble> {
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        let body = body.read_to_vec().map_err(|error| self.unreached(&error))?;
        self.judged(asked, response.status(), body)
    }

    /// What is answered, once there is room for the request.
    fn respond(&self, asked: &Asked<'_>) -> Result<Response<ureq::Body>, Trouble> {
        let mut attempt = 1;
        loop {
            let response = self.send(asked)?;
            let wait = wait_before_next(&response);
            match wait.filter(|_| attempt < ATTEMPTS_MAX) {
                Some(wait) => thread::sleep(wait),
                None => return Ok(response),
            }
            attempt += 1;
        }
    }

    fn send(&self, asked: &Asked<'_>) -> Result<Response<ureq::Body>, Trouble> {
        let base = self.login.server.trim_end_matches('/');
        let mut request = Request::builder()
            .method(asked.method.clone())
            .uri(format!("{base}{PREFIX}{}", asked.path));
        if let Some(token) = &self.login.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(tenant) = &self.login.tenant {
            // Its name may be in any language.
            request = request.header(TENANT, tenant.as_bytes());
        }
        let headers = [
            (IDEMPOTENCY_KEY, asked.key),
            (LAST_EVENT_ID, asked.last_event),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let response = match asked.body {
            Some((media_type, body)) => {
                self.run(asked, request.header(CONTENT_TYPE, media_type), body)
            }
            None => self.run(asked, request, ()),
        };
        response.map_err(|error| self.unreached(&error))
    }

    fn run(
        &self,
        asked: &Asked<'_>,
        request: request::Builder,
        body: impl AsSendBody,
    ) -> Result<Response<ureq::Body>, ureq::Error> {
        let request = self.agent.configure_request(request.body(body)?);
        let request = request.timeout_per_read(asked.silence_max).build();
        self.agent.run(request)
    }

    fn judged(
        &self,
        asked: &Asked<'_>,
        status: StatusCode,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, Trouble> {
        if status.is_success() {
            return Ok(body);
        }
        let told: Option<trouble::Told> = serde_json::from_slice(&body).ok();
        if status == StatusCode::UNAUTHORIZED || (status == StatusCode::FORBIDDEN && told.is_none())
        {
            return Err(self.unauthorized());
        }
        match told.filter(|told| told.kind() != trouble::NO_SUCH_ROUTE) {
            Some(told) => Err(Trouble::Told(Box::new(told))),
            None => Err(self.unreadable(asked.path, &format!("it answers {status}"))),
        }
    }

    fn unreached(&self, error: &ureq::Error) -> Trouble {
        let server = self.name();
        let advice = if is_of_tls(error) {
            "--ca FILE trusts an authority of your own"
        } else {
            "\"host serve\" starts one, --server URL names another, --data DIR a directory"
        };
        Trouble::Unreached(anyhow!("ask the server {server}: {error}; {advice}"))
    }

    fn unauthorized(&self) -> Trouble {
        let server = self.name();
        let error = match self.login.token {
            Some(_) => anyhow!(
                "{server} does not know the token, or it does not count any more; \"host login {server} --token @FILE\" keeps another"
            ),
            None => anyhow!(
                "{server} asks for a token: --token @FILE, HOST_TOKEN, or \"host login {server} --token @FILE\""
            ),
        };
        Trouble::Server(error)
    }

    fn unreadable(&self, path: &str, why: &str) -> Trouble {
        let server = self.name();
        Trouble::Server(anyhow!(
            "{server} does not answer at {PREFIX}{path} as a host does: {why}; is it one, and as new as this program?"
        ))
    }
}

/// A path of these names, whatever they hold.
pub(crate) fn path(names: &[&str]) -> String {
    let encoded = names
        .iter()
        .map(|name| format!("/{}", utf8_percent_encode(name, NON_ALPHANUMERIC)));
    encoded.collect()
}

/// The same with options behind it.
pub(crate) fn with_options(path: &str, options: &[(&str, Option<&str>)]) -> String {
    let given = options.iter().filter_map(|(name, value)| {
        let value = utf8_percent_encode((*value)?, NON_ALPHANUMERIC);
        Some(format!("{name}={value}"))
    });
    let given: Vec<_> = given.collect();
    match given.as_slice() {
        [] => path.to_owned(),
        given => format!("{path}?{}", given.join("&")),
    }
}

/// Whether the server is there and not trusted.
fn is_of_tls(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => true,
        ureq::Error::Io(error) => error
            .get_ref()
            .is_some_and(|error| error.is::<rustls::Error>()),
        _ => false,
    }
}

/// How long a server that has too much to do asks to wait; nothing where it has answered.
fn wait_before_next<T>(response: &Response<T>) -> Option<Duration> {
    if response.status() != StatusCode::SERVICE_UNAVAILABLE {
        return None;
    }
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let wait = Duration::from_secs(seconds.parse().ok()?);
    Some(wait.min(WAIT_MAX))
}

fn read_roots(file: &Path) -> Result<RootCerts> {
    let name = file.display();
    let pem = std::fs::read(file).with_context(|| format!("read {name}"))?;
    let items = parse_pem(&pem).map(|item| item.with_context(|| format!("read {name} as PEM")));
    let certificates = items.filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    });
    let certificates: Vec<Certificate<'static>> = certificates.collect::<Result<_>>()?;
    ensure!(
        !certificates.is_empty(),
        "{name} holds no certificate in PEM"
    );
    Ok(RootCerts::new_with_certs(&certificates))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(server: &str, token: Option<&str>) -> Result<Remote> {
        Remote::new(Login {
            server: server.to_owned(),
            token: token.map(str::to_owned),
            ca: None,
            tenant: None,
        })
    }

    #[test]
    fn whatever_a_name_holds_is_one_part_of_the_path() {
        assert_eq!(path(&["workflows", "a/b?c d"]), "/workflows/a%2Fb%3Fc%20d");
        let options = [("reason", Some("a&b")), ("run", None), ("limit", Some("3"))];
        assert_eq!(with_options("/x", &options), "/x?reason=a%26b&limit=3");
        assert_eq!(with_options("/x", &[("run", None)]), "/x");
    }

    #[test]
    fn a_server_is_named_by_a_url_without_a_path() {
        assert!(remote("http://127.0.0.1:3500", None).is_ok());
        assert!(remote("https://host.example.org/", None).is_ok());
        for wrong in [
            "host.example.org",
            "ftp://x",
            "http://x/api/v1",
            "http://x?y",
            "",
        ] {
            assert!(remote(wrong, None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_read_on_its_way_to_another_machine_without_tls() {
        let tells = |server, token| remote(server, token).unwrap().tells_token();
        assert!(tells("http://host.example.org", Some("t")));
        assert!(!tells("https://host.example.org", Some("t")));
        assert!(!tells("http://127.0.0.1:1", Some("t")) && !tells("http://[::1]:1", Some("t")));
        assert!(!tells("http://host.example.org", None));
    }

    #[test]
    fn a_server_that_has_too_much_to_do_is_asked_again_when_it_says_and_soon() {
        let wait = |status: u16, after: &str| {
            let response = Response::builder()
                .status(status)
                .header(RETRY_AFTER, after);
            wait_before_next(&response.body(()).unwrap())
        };
        assert_eq!(wait(503, "1"), Some(Duration::from_secs(1)));
        assert_eq!(wait(503, "3600"), Some(WAIT_MAX));
        assert_eq!((wait(503, "soon"), wait(500, "1")), (None, None));
    }
}
