//! One harness for every construct: what was done is the same wherever the process was killed.
//!
//! A scenario is a few lines: the plugins, the commands, what must be known in the end.
//!
//! ```ignore
//! Scenario::new(&["sdk_probe.wasm"])
//!     .repeat(&["workflow", "start", "await_event", "--id", "w"])
//!     .once(&["workflow", "raise", "w", "go", "1"])
//!     .resume()
//!     .ends("w", "completed", "1")
//!     .check();
//! ```
//!
//! It is run once undisturbed. Then, for n = 1, 2, 3, … each command's process is stopped directly before
//! its n-th commit is written, and in another round directly after it is durable and before anybody is told
//! (`HOST_TEST_STOP`, see [`host_store::Stop`]); then the scenario goes on. This ends with the n to which no
//! command comes any more. In a last round every process is stopped after its first commit, as often as it
//! takes. Each round has a directory of its own, and what is known in its end must be the same.
//!
//! - [`Scenario::repeat`] is for commands that may be given again after a stop: `workflow start --id`,
//!   `actor call --idempotency-key`, `run --each`. Not for a plain `run`: where it was stopped at
//!   its very end, a second one is a run of its own.
//! - [`Scenario::once`] is for those that may not, such as `workflow raise`. They are given again only where
//!   they were stopped before their first commit, which must be what they are for.
//! - [`Scenario::insist`] is for those that must be done whole and find out by themselves that they are, such as
//!   `workflow purge`.
//!
//! Where a round fails, standard error says which it was and what its commands said.

use std::os::unix::process::ExitStatusExt;

use serde_json::Value;

use crate::host::{Host, Output, plugin};

/// A scenario that commits more often is too long for every n: give it a [`Scenario::stride`].
const COMMITS_MAX: u64 = 150;
/// Processes that one command may take in the round in which each is stopped.
const RESTARTS_MAX: usize = 1_000;
/// Nothing is large here, and a host that makes room for little starts sooner.
const SMALL: &str = "entities_live_max = 64\nactivities_running_max = 16\n";
/// Hosts that may have run before what is due to be deleted is deleted.
const HOSTS_MAX: usize = 100;

/// Commands, and what must be known when they were done.
pub(crate) struct Scenario {
    plugins: Vec<String>,
    steps: Vec<Step>,
    facts: Vec<Fact>,
    limits: &'static str,
    stride: u64,
}

struct Step {
    command: Vec<String>,
    /// How it may end.
    codes: &'static [i32],
    repeats: bool,
}

/// What must be known in the end.
enum Fact {
    /// A command's answer has these values at these places.
    Answer(Vec<String>, Vec<(&'static str, Value)>),
    /// The report of a workflow has the same at both places.
    Same(String, [&'static str; 2]),
    /// No workflow has the id, at the latest when some hosts have run.
    Gone(String),
}

/// Where a command's processes are stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stop {
    Nowhere,
    Before(u64),
    After(u64),
    AfterEvery,
}

impl Scenario {
    /// A scenario in a directory where these plugins are deployed.
    pub(crate) fn new(plugins: &[&str]) -> Scenario {
        Scenario {
            plugins: plugins.iter().map(|name| plugin(name)).collect(),
            steps: Vec::new(),
            facts: Vec::new(),
            limits: "",
            stride: 1,
        }
    }

    /// A command that ends well and may be given again.
    pub(crate) fn repeat(self, command: &[&str]) -> Scenario {
        self.step(command, &[0], true)
    }

    /// Goes on with what is unfinished until all of it has ended, well or not.
    pub(crate) fn resume(self) -> Scenario {
        self.step(&["resume"], &[0, 1], true)
    }

    /// A command that is refused, which changes nothing, and may be given again.
    pub(crate) fn refused(self, command: &[&str]) -> Scenario {
        self.step(command, &[1], true)
    }

    /// A command that ends well and must not be given again once its first commit is durable.
    pub(crate) fn once(self, command: &[&str]) -> Scenario {
        self.step(command, &[0], false)
    }

    /// A command that may be given again, and says with exit code 1 that it was done already.
    pub(crate) fn insist(self, command: &[&str]) -> Scenario {
        self.step(command, &[0, 1], true)
    }

    /// In the end this command answers with this JSON.
    pub(crate) fn answers(self, command: &[&str], answer: &str) -> Scenario {
        self.fact(Fact::Answer(owned(command), vec![("", parse(answer))]))
    }

    /// In the end this workflow stands there with this output; where it failed, with this failure code.
    pub(crate) fn ends(self, id: &str, status: &str, with: &str) -> Scenario {
        let place = match status {
            "completed" => "/output",
            _ => "/failure/code",
        };
        let values = vec![("/status", status.into()), (place, parse(with))];
        self.fact(Fact::Answer(report_of(id), values))
    }

    /// In the end the workflow's report has this value at this place.
    pub(crate) fn shows(self, id: &str, place: &'static str, value: &str) -> Scenario {
        self.fact(Fact::Answer(report_of(id), vec![(place, parse(value))]))
    }

    /// In the end the workflow's report has the same at both places.
    pub(crate) fn agrees(self, id: &str, places: [&'static str; 2]) -> Scenario {
        self.fact(Fact::Same(id.to_owned(), places))
    }

    /// In the end no workflow has the id.
    pub(crate) fn gone(self, id: &str) -> Scenario {
        self.fact(Fact::Gone(id.to_owned()))
    }

    /// All of it is done by hosts with these limits.
    pub(crate) fn limits(self, limits: &'static str) -> Scenario {
        Scenario { limits, ..self }
    }

    /// Takes only every so many n, for a scenario of many commits.
    pub(crate) fn stride(self, stride: u64) -> Scenario {
        Scenario { stride, ..self }
    }

    /// Runs all rounds.
    pub(crate) fn check(self) {
        let fresh = Host::new();
        fresh.limit(&format!("{SMALL}{}", self.limits));
        deploy(&fresh, &self.plugins);
        let mut stopped = self.round(&fresh, Stop::Nowhere);
        assert!(!stopped, "nobody has asked for a stop");
        let mut n = 1;
        loop {
            stopped = self.round(&fresh, Stop::Before(n)) && self.round(&fresh, Stop::After(n));
            if !stopped {
                break;
            }
            n += self.stride;
            assert!(n / self.stride <= COMMITS_MAX, "too many commits: {n}");
        }
        assert!(n > 1, "the scenario commits nothing");
        self.round(&fresh, Stop::AfterEvery);
    }

    fn step(mut self, command: &[&str], codes: &'static [i32], repeats: bool) -> Scenario {
        let command = owned(command);
        self.steps.push(Step {
            command,
            codes,
            repeats,
        });
        self
    }

    fn fact(mut self, fact: Fact) -> Scenario {
        self.facts.push(fact);
        self
    }

    /// All commands in a copy of a fresh directory, stopped there; tells whether one was.
    fn round(&self, fresh: &Host, stop: Stop) -> bool {
        eprintln!("scenario: stop {stop:?}");
        let host = fresh.copy();
        let mut stopped = false;
        for step in &self.steps {
            stopped |= step.run(&host, stop);
        }
        for fact in &self.facts {
            fact.check(&host);
        }
        stopped
    }
}

fn owned(command: &[&str]) -> Vec<String> {
    command.iter().map(|word| (*word).to_owned()).collect()
}

fn report_of(id: &str) -> Vec<String> {
    owned(&["workflow", "show", id, "--output=jsonl"])
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Remembers the plugins and runs nothing.
fn deploy(host: &Host, plugins: &[String]) {
    let plugins = plugins.iter().map(String::as_str);
    let command: Vec<_> = ["plugin", "deploy"].into_iter().chain(plugins).collect();
    host.run(&command).expect(0);
}

impl Step {
    /// Until it has ended by itself; tells whether it was stopped before.
    fn run(&self, host: &Host, stop: Stop) -> bool {
        for restarts in 0..RESTARTS_MAX {
            let stop = match stop {
                Stop::Nowhere | Stop::Before(_) | Stop::After(_) if restarts > 0 => Stop::Nowhere,
                stop => stop,
            };
            match invoke(host, &self.command, stop) {
                Some(output) => {
                    assert!(self.codes.contains(&output.code), "{output:#?}");
                    return restarts > 0;
                }
                None if !self.repeats && stop != Stop::Before(1) => return true,
                None => {}
            }
        }
        panic!("{:?} does not come to its end", self.command);
    }
}

/// What the command left; none where it was stopped.
fn invoke(host: &Host, command: &[String], stop: Stop) -> Option<Output> {
    let words: Vec<_> = command.iter().map(String::as_str).collect();
    let mut command = host.command(&words);
    match stop {
        Stop::Nowhere => &mut command,
        Stop::Before(n) => command.env("HOST_TEST_STOP", format!("before:{n}")),
        Stop::After(n) => command.env("HOST_TEST_STOP", format!("after:{n}")),
        Stop::AfterEvery => command.env("HOST_TEST_STOP", "after:1"),
    };
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    eprintln!(
        "scenario: {} ends with {}\n{stderr}",
        words.join(" "),
        output.status
    );
    if output.status.signal().is_some() && stderr.contains("as a test has asked for") {
        return None;
    }
    Some(Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr,
    })
}

impl Fact {
    fn check(&self, host: &Host) {
        match self {
            Fact::Answer(command, values) => {
                let answer = answer(host, command);
                for (place, value) in values {
                    let found = answer.pointer(place);
                    assert_eq!(found, Some(value), "{command:?} answers {answer}");
                }
            }
            Fact::Same(id, places) => {
                let report = answer(host, &report_of(id));
                let [one, other] = places.map(|place| report.pointer(place));
                assert!(one.is_some() && one == other, "{report}");
            }
            Fact::Gone(id) => {
                let is_gone = || host.run(&["workflow", "show", id]).code == 1;
                let is_gone_then = |_| {
                    host.run(&["resume"]).expect(0);
                    is_gone()
                };
                assert!(
                    is_gone() || (0..HOSTS_MAX).any(is_gone_then),
                    "{id} is there"
                );
            }
        }
    }
}

fn answer(host: &Host, command: &[String]) -> Value {
    let words: Vec<_> = command.iter().map(String::as_str).collect();
    parse(&host.run(&words).expect(0).stdout)
}
