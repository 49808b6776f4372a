//! What one tenant feels of another that attacks: its actors' calls alone, during each attack, and alone again.
//!
//! All of it in one run and one process, so that what is compared has shared whatever else the machine does. The
//! attacks are what a tenant can do through its plugins and its calls; they go on for as long as is measured.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use host_base::{ActorKey, TenantId};
use host_runtime::Runtime;

use crate::disk::Disk;
use crate::load::{Bench, call_counter, deploy_for, wait_for};
use crate::report::{Report, Row, median, millis, p99};

/// How many do the same at once.
const AT_ONCE: usize = 64;
/// How long an attack goes on before it is measured what others feel of it.
const LEAD: Duration = Duration::from_millis(500);

type Doing = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Attack {
    name: &'static str,
    /// One deed of one of many attackers; it is done again and again.
    deed: fn(Arc<Runtime>, String) -> Doing,
}

const ATTACKS: [Attack; 8] = [
    Attack {
        name: "actors that compute for ever",
        deed: |runtime, id| {
            Box::pin(call(
                runtime,
                "Counter",
                id,
                "Misbehave",
                r#""spin""#.into(),
            ))
        },
    },
    Attack {
        name: "activities that compute for ever",
        deed: |runtime, id| {
            let input = r#"{"name":"misbehave","input":"spin"}"#;
            Box::pin(start(runtime, "run_activity", id, input))
        },
    },
    Attack {
        name: "workflows that compute for ever",
        deed: |runtime, id| Box::pin(start(runtime, "misbehave", id, r#""spin""#)),
    },
    Attack {
        name: "a flood of short calls",
        deed: |runtime, id| Box::pin(call(runtime, "Counter", id, "Add", "1".into())),
    },
    Attack {
        name: "a thousand activities for each workflow",
        deed: |runtime, id| Box::pin(start(runtime, "fan_out", id, "1000")),
    },
    Attack {
        name: "actors that ask for memory without end",
        deed: |runtime, id| {
            Box::pin(call(
                runtime,
                "Counter",
                id,
                "Misbehave",
                r#""memory""#.into(),
            ))
        },
    },
    Attack {
        name: "actors that write a thousand keys a turn",
        deed: |runtime, id| Box::pin(call(runtime, "Walker", id, "WriteMany", "1000".into())),
    },
    Attack {
        name: "actors that send a thousand messages a turn",
        deed: |runtime, id| Box::pin(call(runtime, "Walker", id, "SendMany", "1000".into())),
    },
];

pub(crate) fn run(report: &mut Report, _: &Disk, scale: usize) {
    let calls = 3_000 / scale;
    for attack in ATTACKS {
        let bench = Bench::new();
        deploy_for(&bench.runtime, &attacker(), "fixtures/sdk_probe.wasm");
        measure(&bench, calls / 4);
        let mut alone = measure(&bench, calls);
        let raid = Raid::begin(&bench.runtime, attack.deed);
        std::thread::sleep(LEAD);
        let mut attacked = measure(&bench, calls);
        raid.end();
        std::thread::sleep(LEAD);
        alone.extend(measure(&bench, calls));
        report.add(
            format!("one tenant's call beside {}", attack.name),
            row(&mut alone, &mut attacked),
        );
    }
}

fn row(alone: &mut [Duration], attacked: &mut [Duration]) -> Row {
    let middles = (median(attacked), median(alone));
    let ends = (p99(attacked), p99(alone));
    let text = format!(
        "p99 {:.2} ms, {:.2} times that alone; p50 {:.2} ms, {:.2} times",
        millis(ends.0),
        ends.0.as_secs_f64() / ends.1.as_secs_f64(),
        millis(middles.0),
        middles.0.as_secs_f64() / middles.1.as_secs_f64(),
    );
    Row::new(text, "p99 1.2 times that alone")
}

fn attacker() -> TenantId {
    TenantId::new("attacker").unwrap()
}

/// Calls an actor so often, one call after the other; returns how long each took.
fn measure(bench: &Bench, calls: usize) -> Vec<Duration> {
    let call = |number: usize| {
        let begun = Instant::now();
        let id = format!("c-{}", number % 16);
        wait_for(call_counter(&bench.runtime, id, "Add", "1"));
        begun.elapsed()
    };
    (0..calls).map(call).collect()
}

/// An attack that goes on.
struct Raid {
    over: Arc<AtomicBool>,
    attackers: Vec<tokio::task::JoinHandle<()>>,
}

impl Raid {
    fn begin(runtime: &Arc<Runtime>, deed: fn(Arc<Runtime>, String) -> Doing) -> Raid {
        let over = Arc::new(AtomicBool::new(false));
        let attackers = (0..AT_ONCE).map(|number| {
            let (over, of_attacker) = (Arc::clone(&over), Arc::clone(runtime));
            runtime.handle().spawn(async move {
                let mut round = 0;
                while !over.load(Ordering::Relaxed) {
                    round += 1;
                    deed(Arc::clone(&of_attacker), format!("{number}-{round}")).await;
                }
            })
        });
        Raid {
            attackers: attackers.collect(),
            over,
        }
    }

    fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        for attacker in self.attackers {
            attacker.abort();
        }
    }
}

/// What comes of it is the attacker's business.
async fn call(runtime: Arc<Runtime>, of: &str, id: String, method: &str, input: String) {
    // A few actors each, so that they have something to write to.
    let id = id.split('-').next().unwrap_or_default().to_owned();
    let actor = ActorKey::new(attacker(), of, id).unwrap();
    drop(
        runtime
            .call_actor(&actor, method, input.into_bytes(), None)
            .await,
    );
}

async fn start(runtime: Arc<Runtime>, name: &str, id: String, input: &str) {
    let input = input.as_bytes().to_vec();
    let started = runtime
        .start_workflow(&attacker(), name, Some(&id), input)
        .await;
    if let Ok(view) = started {
        drop(runtime.wait_for_workflow(&view.key).await);
    }
}
