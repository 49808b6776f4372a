//! The promise over HTTP: a server is killed again and again while many ask it. What it has answered with success is
//! there, and so is what it has not, once that is asked for again; each exactly once.
//!
//! The seed is printed, and `KILL_SEED` repeats what is asked for and how many answers come before each kill.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Condvar, Mutex};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::host::{Host, plugin};
use crate::server::{Answer, Server, agent, whole};
use crate::sigkill::random;

const CLIENTS: u64 = 6;
const ACCOUNTS: u64 = 20;
const OPENING_BALANCE: i64 = 100_000;
/// Kills, if there is time for so many.
const KILLS: usize = 20;
const TIME_MAX: Duration = Duration::from_secs(8);
/// A kill comes after at most so many answers.
const ANSWERS_MAX: u64 = 300;
/// So long, no server is without an answer.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn what_a_killed_server_has_answered_is_there_once_and_what_it_has_not_once_it_is_asked_again() {
    let mut random = random();
    let host = Host::new();
    host.run(&["plugin", "deploy", &plugin("account_transfer.wasm")])
        .expect(0);
    let (answered, answers) = mpsc::channel();
    let storm = Storm::default();
    let (server, deeds) = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (answered, random) = (answered.clone(), fork(&mut random));
                let storm = &storm;
                scope.spawn(move || storm.ask_on(number, random, &answered))
            })
            .collect();
        kill_again_and_again(&host, &storm, &answers, &mut random);
        let server = Server::start(&host, &[]);
        storm.rise(&server);
        (server, deeds_of(clients))
    });
    let unanswered = storm.unanswered.into_inner();
    eprintln!(
        "{} requests, {unanswered} of them without an answer",
        deeds.len()
    );
    assert!(unanswered > 0, "no kill has met a request");
    check(&server, &deeds);
}

fn fork(random: &mut ChaCha8Rng) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(random.next_u64())
}

fn deeds_of(clients: Vec<ScopedJoinHandle<'_, Vec<Deed>>>) -> Vec<Deed> {
    let deeds = clients.into_iter().map(|client| client.join().unwrap());
    deeds.flatten().collect()
}

/// Serves until a random number of answers has come, and a random moment after that.
fn kill_again_and_again(
    host: &Host,
    storm: &Storm,
    answers: &Receiver<()>,
    random: &mut ChaCha8Rng,
) {
    let (begun, mut kills) = (Instant::now(), 0);
    while kills < KILLS && begun.elapsed() < TIME_MAX {
        let server = Server::start(host, &[]);
        while answers.try_recv().is_ok() {}
        storm.rise(&server);
        for _ in 0..1 + random.next_u64() % ANSWERS_MAX {
            answers.recv_timeout(PATIENCE).unwrap();
        }
        for spin in 0..random.next_u64() % 1_000_000 {
            std::hint::black_box(spin);
        }
        server.kill();
        kills += 1;
    }
    eprintln!("{kills} kills in {:?}", begun.elapsed());
    storm.over.store(true, Ordering::Relaxed);
}

/// Where the clients find the server that there is now.
#[derive(Default)]
struct Storm {
    /// How many servers there have been, and where the last one is.
    place: Mutex<(usize, String)>,
    risen: Condvar,
    /// Requests that were not answered.
    unanswered: AtomicUsize,
    over: AtomicBool,
}

impl Storm {
    /// There is another server.
    fn rise(&self, server: &Server) {
        let mut place = self.place.lock().unwrap();
        *place = (place.0 + 1, server.address().to_owned());
        self.risen.notify_all();
    }

    /// A server that came after so many.
    fn server_after(&self, number: usize) -> (usize, String) {
        let place = self.place.lock().unwrap();
        let waits = |place: &mut (usize, String)| place.0 <= number;
        let risen = self.risen.wait_timeout_while(place, PATIENCE, waits);
        let (place, time) = risen.unwrap();
        assert!(!time.timed_out(), "no server comes after {number}");
        place.clone()
    }

    /// One client: asks for one thing after the other, each until it is answered, and tells what it asked for.
    fn ask_on(&self, client: u64, mut random: ChaCha8Rng, answered: &Sender<()>) -> Vec<Deed> {
        let mut deeds = Vec::new();
        while !self.over.load(Ordering::Relaxed) {
            let deed = Deed::random(format!("c{client}-{}", deeds.len()), &mut random);
            self.insist(&deed);
            deeds.push(deed);
            answered.send(()).unwrap();
        }
        deeds
    }

    fn insist(&self, deed: &Deed) {
        let (mut number, mut address) = self.server_after(0);
        let mut client = Client::of(&address);
        let mut done = deed.ask(&client);
        while done.is_none() {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
            (number, address) = self.server_after(number);
            client = Client::of(&address);
            done = deed.ask_again(&client);
        }
    }
}

/// Something that a client asks for; its id makes it unlike all others, and its effects are known by that.
enum Deed {
    /// An actor is called, with the id as the key of the call.
    Post {
        account: String,
        id: String,
        cents: i64,
    },
    /// A workflow is started, with the id as its own or else as the key of the start.
    Transfer {
        from: String,
        to: String,
        id: String,
        cents: i64,
        by_key: bool,
    },
}

impl Deed {
    fn random(id: String, random: &mut ChaCha8Rng) -> Deed {
        let mut below = |bound: u64| random.next_u64() % bound;
        let (account, other) = (below(ACCOUNTS), below(ACCOUNTS - 1));
        // The clearing house refuses none of these.
        let cents = i64::try_from(1 + below(12)).unwrap();
        let from = format!("a{account}");
        match below(6) {
            kind @ (0 | 1) => Deed::Transfer {
                from,
                to: format!("a{}", (account + 1 + other) % ACCOUNTS),
                id,
                cents,
                by_key: kind == 1,
            },
            _ => Deed::Post {
                account: from,
                id,
                cents,
            },
        }
    }

    /// Asks for it. None where no answer came.
    fn ask(&self, client: &Client) -> Option<()> {
        match self {
            Deed::Post { account, id, cents } => {
                let path = format!("/v1.0/actors/Account/{account}/method/Post");
                let entry = json!({"transfer_id": id, "amount": cents});
                client.post(&path, Some(id), &entry)?.expect(200);
            }
            Deed::Transfer {
                from,
                to,
                id,
                cents,
                by_key,
            } => {
                let input = json!({"transfer_id": id, "from": from, "to": to, "amount": cents});
                start(client, id, *by_key, input)?;
            }
        }
        Some(())
    }

    /// The same, where it may have been done. A workflow of an id that has ended could be started once more, so
    /// whoever does not know looks whether it is there.
    fn ask_again(&self, client: &Client) -> Option<()> {
        if let Deed::Transfer {
            id, by_key: false, ..
        } = self
        {
            let found = client.get(&state_of(id))?;
            if found.status != 404 {
                found.expect(200);
                return Some(());
            }
        }
        self.ask(client)
    }

    /// What is in the books once it is done: account, id and amount.
    fn entries(&self) -> Vec<Entry> {
        match self {
            Deed::Post { account, id, cents } => vec![(account.clone(), id.clone(), *cents)],
            Deed::Transfer {
                from,
                to,
                id,
                cents,
                ..
            } => vec![
                (from.clone(), id.clone(), -cents),
                (to.clone(), id.clone(), *cents),
            ],
        }
    }
}

/// Starts a transfer of this id, or one to which the host gives its id and of which this is the key.
fn start(client: &Client, id: &str, by_key: bool, input: Value) -> Option<()> {
    if by_key {
        let start = json!({"workflow": "transfer", "input": input});
        let started = client.post("/api/v1/workflows", Some(id), &start)?;
        assert!(matches!(started.status, 200 | 201), "{started:?}");
    } else {
        let path = format!("/v1.0/workflows/dapr/transfer/start?instanceID={id}");
        client.post(&path, None, &input)?.expect(202);
    }
    Some(())
}

type Entry = (String, String, i64);

fn state_of(id: &str) -> String {
    format!("/v1.0/workflows/dapr/{id}")
}

/// A connection to one server, until that is killed.
struct Client {
    agent: ureq::Agent,
    address: String,
}

impl Client {
    fn of(address: &str) -> Client {
        let address = address.to_owned();
        Client {
            agent: agent(),
            address,
        }
    }

    fn get(&self, path: &str) -> Option<Answer> {
        let path = format!("{}{path}", self.address);
        whole(self.agent.get(path).call()).ok()
    }

    fn post(&self, path: &str, key: Option<&str>, body: &Value) -> Option<Answer> {
        let request = self.agent.post(format!("{}{path}", self.address));
        let mut request = request.content_type("application/json");
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        whole(request.send(body.to_string())).ok()
    }
}

/// Every workflow comes to its end, and the books say what was asked for, and nothing else or twice.
fn check(server: &Server, deeds: &[Deed]) {
    let is_start = |deed: &&Deed| matches!(deed, Deed::Transfer { .. });
    let starts = deeds.iter().filter(is_start).count();
    let ended = "/api/v1/workflows?status=completed&limit=1000";
    server.until("/api/v1/workflows?limit=1000", |_| {
        count(server, ended) == starts
    });
    assert_eq!(count(server, "/api/v1/workflows?limit=1000"), starts);
    let mut wanted: Vec<_> = deeds.iter().flat_map(Deed::entries).collect();
    let mut found: Vec<_> = (0..ACCOUNTS)
        .flat_map(|number| entries_of(server, &format!("a{number}")))
        .collect();
    wanted.sort();
    found.sort();
    let differ = wanted.iter().zip(&found).find(|(one, other)| one != other);
    assert_eq!((differ, found.len()), (None, wanted.len()));
}

/// How many workflows there are, over all pages.
fn count(server: &Server, list: &str) -> usize {
    let (mut count, mut path) = (0, list.to_owned());
    loop {
        let page = server.get(&path).expect(200);
        count += page["workflows"].as_array().unwrap().len();
        let Some(cursor) = page["next_cursor"].as_str() else {
            return count;
        };
        path = format!("{list}&cursor={cursor}");
    }
}

fn entries_of(server: &Server, account: &str) -> Vec<Entry> {
    let path = format!("/v1.0/actors/Account/{account}/method/Statement");
    let statement = server.get(&path).expect(200);
    let entries = statement["entries"].as_array().unwrap().iter();
    let entries: Vec<_> = entries
        .map(|one| {
            let (id, amount) = (&one["transfer_id"], &one["amount"]);
            let id = id.as_str().unwrap().to_owned();
            (account.to_owned(), id, amount.as_i64().unwrap())
        })
        .collect();
    let sum: i64 = entries.iter().map(|(.., amount)| amount).sum();
    assert_eq!(statement["balance"], OPENING_BALANCE + sum);
    entries
}
