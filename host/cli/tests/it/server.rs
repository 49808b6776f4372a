//! The binary as a server: started, asked over HTTP, stopped or killed.
//!
//! Knows the address that it tells and nothing of what is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::host::Host;

/// After so long, what is waited for will not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server on any free port of this machine. It is killed with the value.
pub(crate) struct Server {
    child: Child,
    address: String,
    /// The port of its other address.
    grpc_port: Option<u16>,
    told: Option<JoinHandle<String>>,
}

/// An answer: its status, what kind of body it has, and its body.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) media_type: String,
    pub(crate) body: String,
}

impl Answer {
    /// Checks the status; returns the body as JSON.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Server {
    /// Serves what is in the host's directory, and these plugins.
    pub(crate) fn start(host: &Host, plugins: &[&str]) -> Server {
        Server::start_with(host, &[&["--http", "127.0.0.1:0"], plugins].concat())
    }

    /// `host serve` with these arguments.
    pub(crate) fn start_with(host: &Host, arguments: &[&str]) -> Server {
        Server::started(host.command(&[&["serve"], arguments].concat()))
    }

    /// Waits until the server says where it is.
    pub(crate) fn started(mut command: Command) -> Server {
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let (mut told, mut grpc_port) = (String::new(), None);
        let address = loop {
            let from = told.len();
            assert_ne!(stderr.read_line(&mut told).unwrap(), 0, "{told}");
            let line = told[from..].trim_end();
            if let Some(address) = line.strip_prefix("Serving gRPC on ") {
                grpc_port = Some(port_of(address));
            }
            if let Some(address) = line.strip_prefix("Serving on ") {
                break address.to_owned();
            }
        };
        let rest = thread::spawn(move || {
            stderr.read_to_string(&mut told).unwrap();
            told
        });
        Server {
            child,
            address,
            grpc_port,
            told: Some(rest),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        answer(agent().get(self.at(path)).call())
    }

    pub(crate) fn put(&self, path: &str, body: &str) -> Answer {
        self.put_with(path, &[], body)
    }

    pub(crate) fn put_with(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let request = agent().put(self.at(path));
        answer(with(request, headers).send(body))
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        answer(agent().delete(self.at(path)).call())
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.post_with(path, &[], body)
    }

    pub(crate) fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl ureq::AsSendBody,
    ) -> Answer {
        let request = agent().post(self.at(path));
        answer(with(request, headers).send(body))
    }

    /// Asks with any method, of which some have no body.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(self.at(path));
        let headers = headers.iter();
        let request = headers.fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        answer(match method {
            "GET" | "DELETE" => agent().run(request.body(()).unwrap()),
            _ => agent().run(request.body(body.as_bytes()).unwrap()),
        })
    }

    /// Opens a stream that is read as it comes.
    pub(crate) fn stream(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> BufReader<ureq::BodyReader<'static>> {
        let request = agent().get(self.at(path));
        let headers = headers.iter();
        let request = headers.fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let response = request.call().unwrap();
        assert_eq!(response.status(), 200);
        BufReader::new(response.into_body().into_reader())
    }

    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = agent().get(self.at(path));
        let headers = headers.iter();
        let request = headers.fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        answer(request.call())
    }

    /// Asks until the answer says so.
    pub(crate) fn until(&self, path: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let value = self.get(path).expect(200);
            if is_it(&value) {
                return value;
            }
            assert!(begun.elapsed() < PATIENCE, "still {value}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends all of a request but its body, and waits until somebody asks for that.
    pub(crate) fn begin_post(&self, path: &str, body_bytes: usize) -> TcpStream {
        let mut stream = self.connect().unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {body_bytes}\r\nExpect: 100-continue\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut go_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut go_on).unwrap();
        stream
    }

    /// Waits until it takes no more connections.
    pub(crate) fn until_closed(&self) {
        let begun = Instant::now();
        while self.connect().is_ok() {
            assert!(begun.elapsed() < PATIENCE, "it takes connections still");
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(("127.0.0.1", self.port()))
    }

    /// Sends this over a connection of its own, and reads until that is closed.
    pub(crate) fn say(&self, text: &str) -> String {
        let mut stream = self.connect().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The port that it listens to.
    pub(crate) fn port(&self) -> u16 {
        port_of(&self.address)
    }

    /// The port at which it serves gRPC, too.
    pub(crate) fn grpc_port(&self) -> u16 {
        self.grpc_port.unwrap()
    }

    /// The most memory that the process has had so far, in bytes.
    pub(crate) fn memory_bytes_max(&self) -> u64 {
        let file = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(file).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
        kibibytes.parse::<u64>().unwrap() << 10
    }

    /// Sends a signal, as a supervisor does.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let kill = Command::new("kill").args([name, &id]).status();
        assert!(kill.unwrap().success());
    }

    /// Waits for its end: how it ended and all that it told.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        let told = self.told.take().unwrap().join().unwrap();
        (status, told)
    }

    /// Ends it as a power failure would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its URL.
    pub(crate) fn url(&self) -> &str {
        &self.address
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn port_of(address: &str) -> u16 {
    let (_, port) = address.rsplit_once(':').unwrap();
    port.parse().unwrap()
}

/// A client that takes every status for an answer.
pub(crate) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE));
    config.build().into()
}

type Request = ureq::RequestBuilder<ureq::typestate::WithBody>;

fn with(request: Request, headers: &[(&str, &str)]) -> Request {
    let headers = headers.iter();
    headers.fold(request, |request, (name, value)| {
        request.header(*name, *value)
    })
}

type Response = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

/// The whole answer, if it came.
pub(crate) fn whole(response: Response) -> Result<Answer, ureq::Error> {
    let mut response = response?;
    let media_type = response.headers().get("content-type");
    let media_type = media_type.map_or("", |kind| kind.to_str().unwrap());
    Ok(Answer {
        status: response.status().as_u16(),
        media_type: media_type.to_owned(),
        body: response.body_mut().read_to_string()?,
    })
}

fn answer(response: Response) -> Answer {
    whole(response).unwrap()
}
