//! What a server takes from the network: how much of it, from whom, and over what.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use serde_json::Value;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::host::{Host, plugin};
use crate::server::Server;

const HEALTH: &str = "GET /v1.0/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(60);
const TOKEN: &str = "0123456789abcdef0123";

fn serve(limits: &str) -> Server {
    let host = Host::new();
    host.limit(&format!("[server]\n{limits}"));
    // The directory is gone with the host's value; nothing here is asked of a plugin.
    Server::start(&host, &[])
}

/// A connection over which something was asked and answered.
fn used(server: &Server) -> TcpStream {
    let mut stream = server.connect().unwrap();
    stream.write_all(HEALTH.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 204");
    stream
}

/// Tries again until that is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "not yet {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn one_connection_too_many_is_told_to_come_back_and_may() {
    let server = serve("connections_max = 2");
    let first = used(&server);
    let _second = used(&server);
    let mut third = server.connect().unwrap();
    let mut told = String::new();
    third.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    assert!(told.contains("\r\nRetry-After: 1\r\n"), "{told}");
    drop(first);
    let answers = || {
        let mut stream = server.connect().unwrap();
        // It may be closed before all is sent.
        stream.write_all(HEALTH.as_bytes()).ok();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).is_ok() && &answer == b"HTTP/1.1 204"
    };
    until("served", answers);
}

#[test]
fn one_request_too_many_is_refused_before_anything_is_done_for_it() {
    let server = serve("requests_max = 1");
    let path = "/v1.0/actors/TaskActor/t/method/GetTask";
    let held = server.begin_post(path, 1);
    let refused = server.get(path).expect(503);
    assert_eq!(refused["errorCode"], "ERR_OVERLOADED");
    assert_eq!(refused["status"], 503);
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(server.say(&head).contains("\r\nretry-after: 1\r\n"));
    // It is busy, and not to be started again for that.
    assert_eq!(server.get("/v1.0/healthz").status, 204);
    drop(held);
    until("free", || server.get(path).status != 503);
}

/// Of HTTP/2: the kinds of frame that are looked for here, and the codes in them (RFC 9113).
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap();
    let head = [0, 0, length, kind, flags, 0, 0, 0, stream];
    [&head, body].concat()
}

/// A frame that came.
struct Frame {
    kind: u8,
    ends_stream: bool,
    body: Vec<u8>,
}

/// The next frame of this stream.
fn next_frame(stream: &mut TcpStream, of: u8) -> Frame {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        let mut body = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut body).unwrap();
        let (kind, flags) = (head[3], head[4]);
        let ends_stream = kind <= HEADERS && flags & END_STREAM != 0;
        if head[8] == of {
            return Frame {
                kind,
                ends_stream,
                body,
            };
        }
    }
}

#[test]
fn one_stream_too_many_of_a_connection_is_refused_and_the_others_are_not() {
    let server = serve("streams_max = 1");
    let mut stream = server.connect().unwrap();
    // GET or POST, scheme http, and a path, all as RFC 7541 writes them.
    let head = |method: u8, path: &str| {
        let length = u8::try_from(path.len()).unwrap();
        [&[method, 0x86, 0x04, length][..], path.as_bytes()].concat()
    };
    let get = head(0x82, "/v1.0/healthz");
    // Its body is waited for.
    let post = head(0x83, "/v1.0/actors/A/a/method/M");
    let open = frame(HEADERS, END_HEADERS, 1, &post);
    let settings = [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        &frame(4, 0, 0, &[]),
    ]
    .concat();
    let too_many = frame(HEADERS, END_HEADERS | END_STREAM, 3, &get);
    stream
        .write_all(&[settings, open, too_many].concat())
        .unwrap();
    let refused = next_frame(&mut stream, 3);
    let wanted = (RST_STREAM, REFUSED_STREAM.to_vec());
    assert_eq!((refused.kind, refused.body), wanted);
    // The first one is not: it is answered, and then there is place again.
    stream.write_all(&frame(0, END_STREAM, 1, &[])).unwrap();
    while !next_frame(&mut stream, 1).ends_stream {}
    let next = frame(HEADERS, END_HEADERS | END_STREAM, 5, &get);
    stream.write_all(&next).unwrap();
    assert_eq!(next_frame(&mut stream, 5).kind, HEADERS);
}

#[test]
fn a_connection_that_asks_nothing_is_closed() {
    let server = serve("connection_idle_max = \"50ms\"");
    for beginning in ["", "GET /v1.0/healthz HTT", "PRI * HTTP/2.0\r\n"] {
        let told = server.say(beginning);
        assert!(
            told.is_empty() || told.starts_with("HTTP/1.1 408"),
            "{told}"
        );
    }
    let mut idle = used(&server);
    let mut rest = String::new();
    idle.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("\r\n\r\n"), "{rest}");
}

#[test]
fn a_body_that_does_not_come_is_waited_for_no_longer_than_that() {
    let server = serve("request_body_time_max = \"50ms\"");
    let mut slow = server.begin_post("/v1.0/actors/TaskActor/t/method/GetTask", 3);
    slow.write_all(b"1").unwrap();
    let mut told = String::new();
    slow.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("HTTP/1.1 4"), "{told}");
    assert!(told.contains("the body did not come within 50ms"), "{told}");
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let server = serve("request_head_bytes_max = 8192");
    let head = format!(
        "GET /v1.0/healthz HTTP/1.1\r\nHost: localhost\r\nX: {}",
        "x".repeat(8_192)
    );
    assert!(server.say(&head).starts_with("HTTP/1.1 431 "));
}

#[test]
fn a_client_that_takes_nothing_of_what_it_asked_for_is_cut_off() {
    let host = Host::new();
    host.limit("[server]\nresponse_stall_max = \"50ms\"");
    let server = Server::start(&host, &[&plugin("approval.wasm")]);
    let what = "x".repeat(900_000);
    let input = format!(r#"{{"request_id":"r","what":"{what}","approver":"carol"}}"#);
    let start = "/v1.0/workflows/dapr/approve/start?instanceID=w";
    server.post(start, &input).expect(202);
    let mut stream = server.connect().unwrap();
    let ask = "GET /v1.0/workflows/dapr/w HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(ask.repeat(100).as_bytes()).unwrap();
    until("cut off", || match stream.write_all(b"\r\n") {
        Ok(()) => false,
        Err(error) => matches!(
            error.kind(),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
        ),
    });
    assert_eq!(server.get("/v1.0/healthz").status, 204);
}

#[test]
fn only_who_sends_a_token_is_served() {
    let host = Host::new();
    let file = host.file("tokens", &format!("# of the shop\n{TOKEN}\n"));
    let server = Server::start_with(&host, &["--http", "0.0.0.0:0", "--token-file", file]);
    assert_eq!(server.get("/v1.0/healthz").status, 204);
    let path = "/v1.0/actors/A/a/method/M";
    let bearer = format!("Bearer {TOKEN}");
    for headers in [
        ("authorization", bearer.as_str()),
        ("dapr-api-token", TOKEN),
    ] {
        let known = server.post_with(path, &[headers], "").expect(404);
        assert_eq!(known["errorCode"], "ERR_ACTOR_NO_ADDRESS");
    }
    for wrong in [
        ("authorization", "Bearer 0123456789abcdef"),
        ("dapr-api-token", ""),
    ] {
        let unknown = server.post_with(path, &[wrong], "").expect(401);
        assert_eq!(unknown["errorCode"], "ERR_UNAUTHORIZED");
        assert_eq!(unknown["who_must_act"], "caller");
    }
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    assert!(
        server
            .say(&format!("{head}\r\n"))
            .contains("\r\nwww-authenticate: Bearer\r\n")
    );
    let grpc = server.say(&format!("{head}Content-Type: application/grpc\r\n\r\n"));
    assert!(grpc.starts_with("HTTP/1.1 200") && grpc.contains("\r\ngrpc-status: 16\r\n"));
}

#[test]
fn who_can_be_reached_from_outside_must_ask_for_a_token() {
    let host = Host::new();
    let run = |arguments: &[&str]| host.run(&[&["serve"], arguments].concat()).expect(2);
    let file = host.file("tokens", "secret");
    run(&["--token-file", file]).says("the token in line 1 has fewer than 16 bytes");
    let file = host.file("tokens", "# none yet");
    run(&["--token-file", file]).says("it holds no token");
    run(&["--token-file", "nowhere"]).says("read the tokens in nowhere: No such file");
    run(&["--tls-cert", "cert.pem"]).says("--tls-key");
    run(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]).says("cert.pem");
    assert!(!host.dir().join(".host/db").exists());
    // Whether there are tokens is seen in the directory.
    run(&["--http", "0.0.0.0:0"]).says("--token-file");
}

/// Writes a certificate and its key; returns what a client must trust.
fn certify(host: &Host) -> Certificate<'static> {
    let names = ["127.0.0.1".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    write(host, &cert.pem(), &signing_key);
    Certificate::from_pem(cert.pem().as_bytes()).unwrap()
}

fn write(host: &Host, certificate: &str, key: &KeyPair) {
    host.file("key.pem", &key.serialize_pem());
    host.file("cert.pem", certificate);
}

/// The status of an answer over TLS; none where the server is not trusted.
fn status_over_tls(server: &Server, trusted: &Certificate<'static>) -> Option<u16> {
    let provider = rustls::crypto::ring::default_provider();
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(provider))
        .root_certs(RootCerts::new_with_certs(std::slice::from_ref(trusted)));
    let config = ureq::Agent::config_builder().tls_config(tls.build());
    let agent: ureq::Agent = config.build().into();
    let url = format!("https://127.0.0.1:{}/v1.0/healthz", server.port());
    Some(agent.get(url).call().ok()?.status().as_u16())
}

#[test]
fn a_certificate_that_has_changed_is_used_and_one_that_is_broken_is_not() {
    let host = Host::new();
    let first = certify(&host);
    let tls = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let server = Server::start_with(&host, &[&["--http", "127.0.0.1:0"], &tls[..]].concat());
    assert_eq!(status_over_tls(&server, &first), Some(204));
    fs::write(host.dir().join("key.pem"), "broken").unwrap();
    thread::sleep(Duration::from_millis(1_100));
    assert_eq!(status_over_tls(&server, &first), Some(204));
    let second = certify(&host);
    until("changed", || status_over_tls(&server, &second) == Some(204));
    assert_eq!(status_over_tls(&server, &first), None);
}

#[test]
fn how_it_is_served_stands_in_the_file_and_an_option_counts_more() {
    let host = Host::new();
    host.run(&["config", "init", "host.toml"])
        .expect(0)
        .says("Wrote host.toml");
    host.run(&["config", "init", "host.toml"])
        .expect(2)
        .says("write host.toml: File exists");
    host.run(&["config", "check", "host.toml"])
        .expect(0)
        .says("host.toml can be used");
    host.file(
        "host.toml",
        "[serve]\nhttp = \"203.0.113.1:80\"\ntoken_file = \"tokens\"",
    );
    host.file("tokens", TOKEN);
    let file = ["--config", "host.toml"];
    let refused = host.run(&[&["serve"], &file[..]].concat()).expect(1);
    refused.says("listen on 203.0.113.1:80");
    let server = Server::start_with(&host, &[&file[..], &["--http", "127.0.0.1:0"]].concat());
    let unknown: Value = server.get("/v1.0/actors/A/a/method/M").expect(401);
    assert_eq!(unknown["errorCode"], "ERR_UNAUTHORIZED");
    host.file("host.toml", "[serve]\nport = 80");
    host.run(&["config", "check", "host.toml"])
        .expect(2)
        .says("line 2: unknown field `port`");
}
