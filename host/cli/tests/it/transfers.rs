//! `plugins/account_transfer`: ten thousand transfers among a hundred accounts, with kills, cancels, repeats and
//! retries, and a bookkeeper who looks at nothing but what was asked for and what the host tells afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use serde_json::{Value, json};

use crate::host::{Host, plugin};
use crate::scenario::Scenario;
use crate::sigkill::{random, run_and_kill};

const PLUGIN: &str = "account_transfer.wasm";
const ACCOUNTS: u64 = 100;
const TRANSFERS: usize = 10_000;
const OPENING_BALANCE: i64 = 100_000;
const KILLS: usize = 12;
/// A kill comes after at most so many lines of the trace, of which most transfers have one.
const LINES_MAX: u64 = 2_000;
/// Transfers that are asked to end after each kill.
const CANCELS: usize = 4;
/// Transfers that are asked for once more after each kill.
const REPEATS: usize = 2;

/// What somebody wants moved.
#[derive(Clone, Debug, PartialEq)]
struct Wish {
    id: String,
    from: String,
    to: String,
    amount: i64,
}

impl Wish {
    fn random(number: usize, random: &mut ChaCha8Rng) -> Wish {
        let mut below = |bound: u64| random.next_u64() % bound;
        let from = below(ACCOUNTS);
        let to = (from + 1 + below(ACCOUNTS - 1)) % ACCOUNTS;
        Wish {
            id: format!("t{number}"),
            from: format!("a{from}"),
            to: format!("a{to}"),
            amount: i64::try_from(1 + below(20_000)).unwrap(),
        }
    }

    fn line(&self) -> String {
        let Wish {
            id,
            from,
            to,
            amount,
        } = self;
        json!({"transfer_id": id, "from": from, "to": to, "amount": amount}).to_string()
    }
}

#[test]
fn money_is_never_made_or_lost() {
    let mut random = random();
    let wishes: Vec<_> = (0..TRANSFERS)
        .map(|number| Wish::random(number, &mut random))
        .collect();
    let host = Host::new();
    let lines: Vec<_> = wishes.iter().map(Wish::line).collect();
    let file = host.file("transfers.jsonl", &lines.join("\n"));
    let plugin = plugin(PLUGIN);
    let command = ["run", &plugin, "--each", file, "--verbose"];
    for _ in 0..KILLS {
        run_and_kill(&host, &command, &mut random, LINES_MAX, |_| {});
        cancel_some(&host, &mut random);
        repeat_some(&host, &wishes, &mut random);
    }
    // Some transfers fail, and are meant to.
    host.run(&command).expect(1);
    let books = Books::of(&host);
    books.check(&wishes);
}

/// Asks again for some transfers, under the ids that they have or had.
fn repeat_some(host: &Host, wishes: &[Wish], random: &mut ChaCha8Rng) {
    for _ in 0..REPEATS {
        let wish = &wishes[place(random, wishes.len())];
        let id = format!("transfer-{}", wish.id);
        let start = ["workflow", "start", "transfer", "--id", &id, "--input"];
        host.run(&[&start[..], &[&wish.line()]].concat()).expect(0);
    }
}

fn place(random: &mut ChaCha8Rng, len: usize) -> usize {
    usize::try_from(random.next_u64()).unwrap() % len
}

fn cancel_some(host: &Host, random: &mut ChaCha8Rng) {
    let list = ["workflow", "list", "--output=jsonl", "--status", "running"];
    let running = host.run(&list).expect(0);
    let running: Vec<_> = running.stdout.lines().map(parse).collect();
    for _ in 0..CANCELS.min(running.len()) {
        let one = &running[place(random, running.len())];
        let id = one["id"].as_str().unwrap();
        let cancelled = host.run(&["workflow", "cancel", id, "--reason", "changed my mind"]);
        // It may have ended while another one was cancelled.
        if cancelled.code != 0 {
            cancelled.expect(1).says("already");
        }
    }
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

/// What the host tells: how each transfer ended, and each account's balance and entries.
struct Books {
    endings: HashMap<String, String>,
    accounts: BTreeMap<String, (i64, Vec<(String, i64)>)>,
}

impl Books {
    fn of(host: &Host) -> Books {
        let list = ["workflow", "list", "--output=jsonl", "--limit", "1000000"];
        let endings = host.run(&list).expect(0);
        let endings = endings.stdout.lines().map(parse).map(|workflow| {
            let text = |field: &str| workflow[field].as_str().unwrap().to_owned();
            (text("id"), text("status"))
        });
        let accounts = (0..ACCOUNTS).map(|number| {
            let id = format!("a{number}");
            let statement = host.run(&["actor", "call", "Account", &id, "Statement"]);
            (id, statement_of(&parse(&statement.expect(0).stdout)))
        });
        Books {
            endings: endings.collect(),
            accounts: accounts.collect(),
        }
    }

    /// Every transfer was begun once and has ended; one that completed moved its amount once, any other moved
    /// nothing in the end; every balance is what its entries make it, and the sum is as it was.
    fn check(&self, wishes: &[Wish]) {
        assert_eq!(self.endings.len(), wishes.len(), "one workflow for each");
        let mut moved = self.entries_by_transfer();
        for wish in wishes {
            let ending = self.endings[&format!("transfer-{}", wish.id)].as_str();
            let entries = moved.remove(&wish.id).unwrap_or_default();
            let (there, back) = (
                (wish.from.as_str(), -wish.amount),
                (wish.from.as_str(), wish.amount),
            );
            let allowed: &[&[_]] = match ending {
                "completed" => &[&[there, (wish.to.as_str(), wish.amount)]],
                "failed" | "cancelled" => &[&[], &[there, back]],
                other => panic!("{wish:?} is {other}"),
            };
            let in_order = |allowed: &&[(&str, i64)]| sorted(allowed) == sorted(&entries);
            assert!(
                allowed.iter().any(in_order),
                "{wish:?} is {ending}: {entries:?}"
            );
        }
        assert_eq!(moved.keys().collect::<BTreeSet<_>>(), BTreeSet::new());
        self.check_balances();
    }

    fn check_balances(&self) {
        for (id, (balance, entries)) in &self.accounts {
            let mut running = OPENING_BALANCE;
            for (_, amount) in entries {
                running += amount;
                assert!(running >= 0, "{id} was overdrawn");
            }
            assert_eq!(*balance, running, "{id}");
        }
        let sum: i64 = self.accounts.values().map(|(balance, _)| balance).sum();
        assert_eq!(sum, OPENING_BALANCE * i64::try_from(ACCOUNTS).unwrap());
    }

    fn entries_by_transfer(&self) -> HashMap<String, Vec<(&str, i64)>> {
        let mut by_transfer: HashMap<_, Vec<_>> = HashMap::new();
        for (id, (_, entries)) in &self.accounts {
            for (transfer, amount) in entries {
                let entries = by_transfer.entry(transfer.clone()).or_default();
                entries.push((id.as_str(), *amount));
            }
        }
        by_transfer
    }
}

fn sorted<'a>(entries: &[(&'a str, i64)]) -> Vec<(&'a str, i64)> {
    let mut entries = entries.to_vec();
    entries.sort_unstable();
    entries
}

fn statement_of(statement: &Value) -> (i64, Vec<(String, i64)>) {
    let entries = statement["entries"].as_array().unwrap().iter();
    let entries = entries.map(|entry| {
        let transfer = entry["transfer_id"].as_str().unwrap().to_owned();
        (transfer, entry["amount"].as_i64().unwrap())
    });
    (statement["balance"].as_i64().unwrap(), entries.collect())
}

#[test]
fn a_transfer_is_made_whole_or_not_at_all_wherever_the_host_was_killed() {
    let wish = |id: &str, amount| Wish {
        id: id.to_owned(),
        from: "a".to_owned(),
        to: "b".to_owned(),
        amount,
    };
    let (done, refused) = (wish("done", 300), wish("refused", 1_300));
    let start = ["workflow", "start", "transfer", "--id"];
    let entry = |id, amount| json!({"transfer_id": id, "amount": amount});
    let of_a = [
        entry("done", -300),
        entry("refused", -1_300),
        entry("refused", 1_300),
    ];
    Scenario::new(&[PLUGIN])
        .repeat(&[&start[..], &["done", "--input", &done.line()]].concat())
        .resume()
        .repeat(&[&start[..], &["refused", "--input", &refused.line()]].concat())
        .resume()
        .ends("done", "completed", "100300")
        .ends("refused", "failed", r#""refused""#)
        .answers(
            &["actor", "call", "Account", "a", "Statement"],
            &json!({"balance": 99_700, "entries": of_a}).to_string(),
        )
        .check();
}
