//! Clients that keep a connection, send without end or take nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::attacked::Attacked;

/// After so long, what is waited for will not come.
const PATIENCE: Duration = Duration::from_secs(60);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Kinds of frames, and their flags (RFC 9113).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `GET /v1.0/healthz` and `POST` of the same, over HTTP, as RFC 7541 writes them.
const GET: &[u8] = b"\x82\x86\x04\x0d/v1.0/healthz";
const POST: &[u8] = b"\x83\x86\x04\x0d/v1.0/healthz";

fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, body].concat()
}

/// A connection over HTTP/2 that has greeted, and takes all that comes without looking at it.
fn greeted(attacked: &Attacked) -> TcpStream {
    let mut stream = attacked.server.connect().unwrap();
    stream.write_all(PREFACE).unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).unwrap();
    let mut other = stream.try_clone().unwrap();
    thread::spawn(move || std::io::copy(&mut other, &mut std::io::sink()));
    stream
}

/// Whether a connection is closed before so much is sent.
fn is_closed(mut stream: TcpStream, frames: impl Iterator<Item = Vec<u8>>) -> bool {
    let mut frames = frames;
    frames.any(|frame| stream.write_all(&frame).is_err())
}

#[test]
fn a_client_that_sends_its_head_byte_by_byte_is_cut_off() {
    let attacked = Attacked::within("[server]\nconnection_idle_max = \"200ms\"");
    for beginning in ["GET / HTTP/1.1\r\nX: ", "PRI * HTTP/2.0\r\n"] {
        let mut stream = attacked.server.connect().unwrap();
        stream.write_all(beginning.as_bytes()).unwrap();
        let begun = Instant::now();
        while stream.write_all(b"x").is_ok() {
            assert!(begun.elapsed() < PATIENCE, "{beginning} goes on");
            thread::sleep(Duration::from_millis(10));
        }
    }
    attacked.still_serves();
}

#[test]
fn a_client_that_sends_its_body_byte_by_byte_is_cut_off() {
    let attacked = Attacked::within("[server]\nrequest_body_time_max = \"200ms\"");
    let mut stream = attacked
        .server
        .begin_post("/v1.0/actors/Echo/a/method/Echo", 1_000_000);
    let begun = Instant::now();
    while stream.write_all(b" ").is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it goes on");
        thread::sleep(Duration::from_millis(10));
    }
    attacked.still_serves();
}

#[test]
fn connections_that_are_kept_are_bounded() {
    let attacked =
        Attacked::within("[server]\nconnections_max = 20\nconnection_idle_max = \"500ms\"");
    let held: Vec<_> = (0..100)
        .map(|_| attacked.server.connect().unwrap())
        .collect();
    let told = held.into_iter().map(|mut stream| {
        let mut told = String::new();
        stream.read_to_string(&mut told).ok();
        told
    });
    let refused = told.filter(|told| told.starts_with("HTTP/1.1 503 "));
    assert!(refused.count() >= 70);
    attacked.still_serves();
}

#[test]
fn requests_that_are_taken_back_at_once_end_the_connection() {
    let attacked = Attacked::start();
    let streams = (1_u32..).step_by(2).take(200_000);
    let reset = streams.map(|stream| {
        let open = frame(HEADERS, END_HEADERS | END_STREAM, stream, GET);
        [open, frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
    });
    assert!(is_closed(greeted(&attacked), reset));
    attacked.still_serves();
}

#[test]
fn headers_that_never_end_end_the_connection() {
    let attacked = Attacked::start();
    let stream = greeted(&attacked);
    // A header of its own in each frame, and none that says that it is the last.
    let more = frame(CONTINUATION, 0, 1, b"\x00\x01x\x01y");
    let open = std::iter::once(frame(HEADERS, 0, 1, GET));
    let frames = open.chain(std::iter::repeat_n(more, 2_000_000));
    assert!(is_closed(stream, frames));
    attacked.still_serves();
}

#[test]
fn frames_that_say_nothing_hold_nobody_up() {
    let attacked = Attacked::start();
    for filler in [
        frame(SETTINGS, 0, 0, &[]),
        frame(PING, 0, 0, &[0; 8]),
        frame(DATA, 0, 1, &[]),
    ] {
        let mut stream = greeted(&attacked);
        stream
            .write_all(&frame(HEADERS, END_HEADERS, 1, POST))
            .unwrap();
        // It may be closed meanwhile.
        is_closed(stream, std::iter::repeat_n(filler.repeat(100), 500));
    }
    attacked.still_serves();
}
