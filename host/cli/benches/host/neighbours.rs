//! What one client of a server feels of its neighbours: very many connections over which nothing is asked, streams of
//! events of which none comes, and a client that reads a byte a second.
//!
//! The client is measured alone, in company, and alone again, in one run: what is compared has shared whatever else
//! the machine does.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use host_api::{ServeOptions, Server, Shared};
use tokio::sync::oneshot;

use crate::disk::Disk;
use crate::load::{Bench, start, wait_for};
use crate::report::{Report, Row, median, millis, p99};

const IDLE_MAX: usize = 10_000;
/// Streams of events that are open.
const STREAMS: usize = 1_000;
/// Files that are open besides.
const OTHER_FILES: usize = 500;
/// Large answers that the slow client has asked for: more than fit between it and the server.
const SLOW_ANSWERS: usize = 32;
/// A workflow that waits for an event, and its id.
const WAITS: &str = "await_event";
const WAITING: &str = "waiting";
/// How long the slow client takes for a byte.
const SLOW: Duration = Duration::from_secs(1);

pub(crate) fn run(report: &mut Report, _: &Disk, scale: usize) {
    let (calls, idle, streams) = (5_000 / scale, idle_max() / scale, STREAMS / scale);
    let served = Served::new();
    measure(served.address, calls / 10);
    let mut alone = measure(served.address, calls);
    let company = Company::gather(&served, idle, streams);
    let mut crowded = measure(served.address, 2 * calls);
    company.part();
    alone.extend(measure(served.address, calls));
    let middles = (median(&mut crowded), median(&mut alone));
    let (crowded, alone) = (p99(&crowded), p99(&alone));
    let text = format!(
        "p99 {:.2} ms, {:.2} times that alone; p50 {:.2} ms, {:.2} times",
        millis(crowded),
        crowded.as_secs_f64() / alone.as_secs_f64(),
        millis(middles.0),
        middles.0.as_secs_f64() / middles.1.as_secs_f64(),
    );
    let what = format!(
        "call over HTTP beside {idle} idle connections, {streams} streams of events and a slow reader"
    );
    report.add(what, Row::new(text, "p99 1.2 times that alone"));
}

/// As many as this process may have, each of which is a file at both of its ends.
fn idle_max() -> usize {
    let text = fs::read_to_string("/proc/self/limits").unwrap();
    let mut lines = text.lines();
    let files = lines.find_map(|line| line.strip_prefix("Max open files"));
    let files = files.unwrap().split_whitespace().next().unwrap();
    let files: usize = files.parse().unwrap_or(usize::MAX);
    IDLE_MAX.min((files.saturating_sub(OTHER_FILES) / 2).saturating_sub(STREAMS))
}

/// A host behind an address, until it is dropped.
struct Served {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<tokio::task::JoinHandle<()>>,
    bench: Bench,
}

impl Served {
    fn new() -> Served {
        let bench = Bench::new();
        let shared = Shared::new(Arc::clone(&bench.runtime));
        let (stop, stopped) = oneshot::channel();
        let any_port = [SocketAddr::from(([127, 0, 0, 1], 0))];
        let listening = Server::listen(&any_port, ServeOptions::default());
        let server = bench.runtime.handle().block_on(listening).unwrap();
        let address = server.addresses()[0];
        let serving = bench.runtime.handle().spawn(async move {
            let stopped = async { drop(stopped.await) };
            server.serve(shared, stopped).await;
        });
        Served {
            address,
            stop: Some(stop),
            serving: Some(serving),
            bench,
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(serving) = self.serving.take() {
            wait_for(serving).unwrap();
        }
    }
}

/// Calls an actor so often over one connection; returns how long each call took.
fn measure(address: SocketAddr, calls: usize) -> Vec<Duration> {
    let agent = ureq::agent();
    let url = format!("http://{address}/v1.0/actors/Counter/c/method/Add");
    let call = |_| {
        let begun = Instant::now();
        let mut answer = agent.post(&url).send("1").unwrap();
        answer.body_mut().read_to_vec().unwrap();
        begun.elapsed()
    };
    (0..calls).map(call).collect()
}

/// Those who are connected and want nothing, or want it slowly.
struct Company {
    idle: Vec<TcpStream>,
    streams: Vec<TcpStream>,
    leave: Sender<()>,
    slow: JoinHandle<()>,
}

impl Company {
    fn gather(served: &Served, idle: usize, streams: usize) -> Company {
        let address = served.address;
        let (leave, left) = mpsc::channel();
        let mut slow = ask_for_much(address);
        let slow = thread::spawn(move || {
            while left.recv_timeout(SLOW) == Err(RecvTimeoutError::Timeout) {
                slow.read_exact(&mut [0]).unwrap();
            }
        });
        let idle = (0..idle).map(|_| fall_idle(address)).collect();
        let waiting = start(
            &served.bench.runtime,
            WAITS,
            WAITING.to_owned(),
            "null".to_owned(),
        );
        wait_for(waiting);
        let streams = (0..streams).map(|_| watch(address)).collect();
        Company {
            idle,
            streams,
            leave,
            slow,
        }
    }

    fn part(self) {
        drop(self.leave);
        self.slow.join().unwrap();
        drop((self.idle, self.streams));
    }
}

fn ask_for_much(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = "POST /v1.0/actors/Walker/w/method/Speak HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n\r\n1000000";
    let requests = request.repeat(SLOW_ANSWERS);
    stream.write_all(requests.as_bytes()).unwrap();
    stream
}

/// A connection over which something was asked once, so that the server has it.
fn fall_idle(address: SocketAddr) -> TcpStream {
    ask(address, "/v1.0/healthz", "HTTP/1.1 204")
}

/// A stream of the events of a workflow that waits.
fn watch(address: SocketAddr) -> TcpStream {
    let path = format!("/api/v1/workflows/{WAITING}/events");
    ask(address, &path, "HTTP/1.1 200")
}

/// A connection over which this was asked, and the head of the answer has come.
fn ask(address: SocketAddr, path: &str, status: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    while !answer.contains("\r\n\r\n") {
        let mut part = [0; 512];
        let read = stream.read(&mut part).unwrap();
        assert_ne!(read, 0, "the server has closed the connection");
        answer.push_str(std::str::from_utf8(&part[..read]).unwrap());
    }
    assert!(answer.starts_with(status), "{answer}");
    stream
}
