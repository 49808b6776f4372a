//! Driving a running server: what a data directory shows is shown of a server, too, and a server that cannot be
//! driven is told with what to do.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::thread;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::Value;

use crate::host::{Host, Output, plugin};
use crate::server::Server;

const PROBE: &str = "sdk_probe.wasm";
const TASK: &str = "task-processing-task-123";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const LIST: [&str; 2] = ["workflow", "list"];

/// A data directory with a task that is done, one with attributes that was ended, and a tally that waits.
fn directory() -> Host {
    let host = Host::with_tasks();
    host.run(&["plugin", "deploy", &plugin(PROBE)]).expect(0);
    host.run(&words("workflow start tally --id w --input 5"))
        .expect(0);
    host.run(&words(
        "workflow start labelled --id l --attribute total=10 --attribute due=2030-01-31T12:00:00Z",
    ))
    .expect(0);
    host.run(&words("workflow terminate l")).expect(0);
    // From here on it waits, which it has not come to where it was only started.
    host.run(&words("workflow update w add 0")).expect(0);
    host
}

pub(crate) fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

/// Runs a command against the server, from a directory that has nothing to do with it.
pub(crate) fn drive(from: &Host, server: &Server, command: &str) -> Output {
    let server = ["--server", server.url()];
    from.run(&[&words(command)[..], &server].concat())
}

/// The text with points in time left out: nothing is done twice at the same one.
fn timeless(text: &str) -> String {
    let is_part = |char: char| char.is_ascii_digit() || "-:.TZ".contains(char);
    let parts = text.split_inclusive(|char| !is_part(char));
    let parts = parts.map(|part| {
        let time = part.trim_end_matches(|char| !is_part(char));
        let is_time = time.len() == "2026-01-01T00:00:00.000Z".len() && time.ends_with('Z');
        match is_time {
            true => part.replace(time, "TIME"),
            false => part.to_owned(),
        }
    });
    parts.collect()
}

/// What reads and what changes a directory or a server, in this order.
const COMMANDS: [&str; 65] = [
    "workflow list",
    "workflow list --output jsonl",
    "workflow list --status failed",
    "workflow list --name tally --output jsonl",
    "workflow list --limit 1",
    "workflow list --limit 0",
    "workflow show task-processing-task-123",
    "workflow show task-processing-task-123 --output jsonl",
    "workflow history task-processing-task-123",
    "workflow history task-processing-task-123 --output jsonl",
    "workflow history task-processing-task-123 --follow",
    "workflow history task-processing-task-123 --run 7",
    "workflow result task-processing-task-123",
    "workflow result task-processing-task-123 --output jsonl",
    "workflow result task-processing-task-123 --wait 1s",
    "workflow result task-processing-task-123 --wait soon",
    "workflow terminate task-processing-task-123",
    "workflow cancel task-processing-task-123",
    "workflow suspend task-processing-task-123",
    "workflow resume task-processing-task-123",
    "workflow raise task-processing-task-123 e",
    "workflow query task-processing-task-123 no",
    "workflow start task_processing_workflow --id task-processing-task-123",
    "workflow start task_processing_workflow --id task-processing-task-123 --output jsonl",
    "workflow list --where total=10 --output jsonl",
    "workflow list --where total>10",
    "workflow list --where total",
    "workflow show l",
    "workflow start no_such_workflow",
    "workflow start tally --input {a}",
    "workflow show x",
    "workflow history x",
    "workflow history x --follow",
    "workflow result x",
    "workflow query x total",
    "workflow update x add 1",
    "workflow raise x e",
    "workflow cancel x",
    "workflow terminate x",
    "workflow suspend x",
    "workflow resume x",
    "workflow purge x",
    "workflow rerun x --from 0",
    "workflow query w total",
    "workflow query w total --output jsonl",
    "workflow query w size",
    "workflow query w misbehave \"panic\"",
    "workflow update w add 2 --id a",
    "workflow update w add 2 --id a",
    "workflow update w add -2",
    "workflow rerun w --from 0",
    "workflow purge w",
    "workflow suspend w --reason holiday",
    "workflow result w",
    "workflow resume w",
    "workflow raise w CLOSE",
    "workflow result w --wait 30s",
    "workflow update w add 2",
    "workflow rerun w --from 999",
    "workflow rerun w --from 0 --id w",
    "workflow purge w --force --output jsonl",
    "workflow purge --all",
    "workflow terminate --all --dry-run",
    "batch show x",
    "batch abort x",
];

#[test]
fn what_a_command_shows_of_a_directory_it_shows_of_a_server() {
    check_alike(&directory(), &COMMANDS);
}

/// Runs each command on the directory and on a server of a copy of it: the same is shown, with the same exit code.
pub(crate) fn check_alike(host: &Host, commands: &[&str]) {
    let served = host.copy();
    let from = Host::new();
    let server = Server::start(&served, &[]);
    for command in commands {
        let here = host.run(&words(command));
        let there = drive(&from, &server, command);
        assert_eq!(there.code, here.code, "{command}: {there:#?} {here:#?}");
        let shown = [&there, &here].map(|output| timeless(&output.stdout));
        assert_eq!(shown[0], shown[1], "{command}: {there:#?} {here:#?}");
        let is_told = there.stderr.starts_with("error: ");
        assert_eq!(
            is_told,
            here.stderr.contains("error: "),
            "{command}: {there:#?} {here:#?}"
        );
        let of_http = ["/api/v1", "force=true"].map(|words| there.stderr.contains(words));
        assert_eq!(of_http, [false; 2], "{command}: {there:#?}");
    }
    assert!(
        !from.dir().join(".host/db").exists(),
        "no directory is opened"
    );
}

/// What is done with actors, in this order.
const OF_ACTORS: [&str; 19] = [
    "actor list",
    "actor list TaskActor --output jsonl",
    "actor list NoSuchActor",
    "actor list --limit 0",
    "actor call TaskActor task-123 GetTask",
    "actor call TaskActor task-123 GetTask --output jsonl",
    "actor call TaskActor task-123 NoSuchMethod",
    "actor call NoSuchActor a GetTask",
    "actor call TaskActor task-123 GetTask {a}",
    "actor remind TaskActor task-123 later GetTask --due 1h --every R5/PT10S",
    "actor remind TaskActor task-123 later GetTask --due 1h --keep-existing",
    "actor remind TaskActor task-123 never GetTask --due soon",
    "actor remind TaskActor task-123 all GetTask --due 1h --every 1h --catch-up all",
    "actor call TaskActor task-123 GetTask --wait",
    "actor reminders TaskActor task-123",
    "actor cancel-reminder TaskActor task-123 later",
    "actor cancel-reminder TaskActor task-123 later",
    "actor reminders TaskActor task-123 --output jsonl",
    "actor delete TaskActor task-123",
];

#[test]
fn an_actor_is_driven_on_a_server_as_in_a_directory() {
    check_alike(&Host::with_tasks(), &OF_ACTORS);
}

#[test]
fn a_history_is_followed_until_its_workflow_has_ended() {
    let host = directory();
    let server = Server::start(&host, &[]);
    let from = Host::new();
    let follow = [
        "workflow",
        "history",
        "w",
        "--follow",
        "--server",
        server.url(),
    ];
    let mut following = from.command(&follow).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("started tally with 5"), "{first}");
    drive(&from, &server, "workflow update w add 2").expect(0);
    drive(&from, &server, "workflow raise w CLOSE").expect(0);
    let last = lines.map(Result::unwrap).last().unwrap();
    assert!(last.ends_with("completed"), "{last}");
    assert!(following.wait().unwrap().success());
}

#[test]
fn a_history_in_a_directory_is_followed_by_going_on_with_it() {
    let host = directory();
    host.run(&words("workflow raise w CLOSE")).expect(0);
    let followed = host.run(&words("workflow history w --follow")).expect(0);
    let last = followed.stdout.trim_end();
    assert!(last.ends_with("completed"), "{followed:#?}");
    host.run(&words("workflow start tally --id held --input 1"))
        .expect(0);
    host.run(&words("workflow suspend held")).expect(0);
    host.run(&words("workflow history held --follow"))
        .expect(1)
        .says("Workflow held is suspended");
}

#[test]
fn a_server_that_is_not_there_is_told_with_what_to_do() {
    let host = Host::new();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    host.run(&[&LIST[..], &["--server", &url]].concat())
        .expect(3)
        .says(&format!("error: ask the server {url}: "))
        .says("\"host serve\" starts one");
    host.run(&[&LIST[..], &["--server", "example.org"]].concat())
        .expect(2)
        .says("example.org is no server's URL");
}

#[test]
fn a_token_is_asked_for_and_sent_and_a_login_keeps_it_for_its_server_alone() {
    let host = directory();
    host.file("tokens", TOKEN);
    let server = Server::start_with(&host, &["--http", "127.0.0.1:0", "--token-file", "tokens"]);
    let from = Host::new();
    from.file("token", &format!("{TOKEN}\n"));
    from.file("other", "another-that-is-not-known");
    drive(&from, &server, "workflow list")
        .expect(3)
        .says("asks for a token");
    drive(&from, &server, "workflow list --token @other")
        .expect(3)
        .says("does not know the token");
    drive(&from, &server, "workflow list --token @token").expect(0);
    let login = |token| from.run(&["login", server.url(), "--token", token]);
    login("@other").expect(3).says("does not know the token");
    assert!(!from.dir().join("config").exists(), "it is not kept");
    login("@token")
        .expect(0)
        .says("Commands drive http://127.0.0.1");
    let kept = fs::metadata(from.dir().join("config/host/server.toml")).unwrap();
    assert_eq!(kept.permissions().mode() & 0o777, 0o600);
    let listed = from.run(&LIST).expect(0).stdout;
    assert!(listed.contains(TASK), "{listed}");
    let elsewhere = server.url().replace("127.0.0.1", "localhost");
    from.run(&[&LIST[..], &["--server", &elsewhere]].concat())
        .expect(3)
        .says("asks for a token");
    from.run(&["workflow", "list", "--data", ".host"])
        .expect(0)
        .answers("");
    from.run(&["logout"])
        .expect(0)
        .says("a data directory again");
    from.run(&LIST).expect(0).answers("");
    from.run(&["logout"]).expect(0).says("There was no login");
}

#[test]
fn an_option_counts_before_the_environment_and_that_before_the_login() {
    let host = directory();
    let server = Server::start(&host, &[]);
    let from = Host::new();
    let listed = |variable: &str, value: &str, options: &[&str]| {
        let mut command = from.command(&[&LIST[..], options].concat());
        let output = command.env(variable, value).output().unwrap();
        let (code, shown) = (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        );
        (code, shown.contains(TASK))
    };
    assert_eq!(listed("HOST_SERVER", server.url(), &[]), (Some(0), true));
    assert_eq!(
        listed("HOST_SERVER", server.url(), &["--data", ".host"]),
        (Some(0), false)
    );
    assert_eq!(
        listed(
            "HOST_SERVER",
            "http://127.0.0.1:1",
            &["--server", server.url()]
        )
        .0,
        Some(0)
    );
    from.run(&["login", server.url()]).expect(0);
    assert_eq!(listed("HOST_DATA", ".host", &[]), (Some(0), false));
    assert_eq!(listed("HOST_LOG", "warn", &[]), (Some(0), true));
    from.run(&[
        "workflow",
        "list",
        "--data",
        ".host",
        "--server",
        server.url(),
    ])
    .expect(2)
    .says("say --data or --server, and not both");
}

#[test]
fn what_cannot_be_done_on_a_server_says_so() {
    let host = Host::new();
    let server = ["--server", "http://127.0.0.1:1"];
    let told = |command: &str| host.run(&[&words(command)[..], &server].concat()).expect(2);
    told("run p.wasm").says("leave out --server");
    told("resume").says("works on a data directory");
}

#[test]
fn a_certificate_of_an_authority_of_ones_own_is_trusted_where_it_is_named() {
    let host = directory();
    let names = ["127.0.0.1".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    host.file("key.pem", &signing_key.serialize_pem());
    host.file("cert.pem", &cert.pem());
    let tls = [
        "--http",
        "127.0.0.1:0",
        "--tls-cert",
        "cert.pem",
        "--tls-key",
        "key.pem",
    ];
    let server = Server::start_with(&host, &tls);
    assert!(server.url().starts_with("https://"));
    let from = Host::new();
    from.file("ca.pem", &cert.pem());
    from.file("none.pem", "");
    drive(&from, &server, "workflow list")
        .expect(3)
        .says("--ca FILE");
    drive(&from, &server, "workflow list --ca none.pem")
        .expect(2)
        .says("none.pem holds no certificate");
    let listed = drive(&from, &server, "workflow list --ca ca.pem").expect(0);
    assert!(listed.stdout.contains(TASK), "{listed:#?}");
}

/// Reads a request; returns its first line, its idempotency key and its body.
fn request(stream: &TcpStream) -> (String, String, Value) {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let (mut key, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "idempotency-key" => key = value.to_owned(),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = serde_json::from_slice(&body).unwrap();
    (first.trim_end().to_owned(), key, body)
}

#[test]
fn a_request_for_which_there_is_no_room_is_sent_again_with_its_key() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", busy.local_addr().unwrap());
    let served = thread::spawn(move || {
        let report = r#"{"id":"w","name":"n","plugin":"p","run":1,"status":"pending","created":"2026-01-01T00:00:00.000Z","updated":"2026-01-01T00:00:00.000Z","already_done":true}"#;
        let answers = ["503 Service Unavailable\r\nRetry-After: 0", "200 OK"];
        answers.map(|answer| {
            let (mut stream, _) = busy.accept().unwrap();
            let asked = request(&stream);
            let length = report.len();
            let answer = format!(
                "HTTP/1.1 {answer}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{report}"
            );
            stream.write_all(answer.as_bytes()).unwrap();
            asked
        })
    });
    let host = Host::new();
    host.run(&[
        "workflow", "start", "n", "--input", "1.10", "--server", &url,
    ])
    .expect(0)
    .answers("w");
    let [first, second] = served.join().unwrap();
    assert_eq!(first, second);
    assert_eq!(first.0, "POST /api/v1/workflows HTTP/1.1");
    assert!(!first.1.is_empty(), "it has a key");
}
