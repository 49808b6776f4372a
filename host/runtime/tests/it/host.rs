//! A host in a directory of its own, and what tests ask of it.
//!
//! Owns how long a test waits for something that must happen. Components are compiled once for all tests.

use std::future::Future;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use host_base::time::ManualClock;
use host_base::{Clock, Digest, Limits, Payload, SystemClock};
use host_runtime::{
    Deployed, Observer, Rollout, Runtime, RuntimeOptions, StartError, Trial, WorkflowView,
};
use host_store::records::{EventKind, Stall};
use host_store::{Store, StoreOptions};
use serde::Serialize;
use tempfile::TempDir;
use tokio::sync::{Notify, OnceCell};

use super::*;

/// What must happen happens within this time, on a machine with much else to do.
const DEADLINE: Duration = Duration::from_secs(30);
/// How often something is looked for that nobody tells.
const LOOK: Duration = Duration::from_millis(2);
/// Events of a history that are read at once: all of them.
const ALL: usize = 1_000_000;
/// Where a runtime keeps compiled components, and what proves that they are its own.
const CACHE: &str = "cache";
const CACHE_KEY: &str = "cache.key";

/// All that has happened, and a bell that rings when something does.
#[derive(Default)]
struct Diary {
    happenings: Mutex<Vec<Happening>>,
    rung: Notify,
}

impl Observer for Diary {
    fn observe(&self, happening: Happening) {
        self.happenings.lock().unwrap().push(happening);
        self.rung.notify_waiters();
    }
}

/// A running host.
pub(crate) struct Host {
    runtime: Runtime,
    diary: Arc<Diary>,
}

impl Deref for Host {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        &self.runtime
    }
}

/// A running host in a directory that goes with it.
pub(crate) struct Scratch {
    host: Host,
    dir: TempDir,
    limits: Limits,
}

impl Deref for Scratch {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl Scratch {
    pub(crate) async fn new() -> Scratch {
        Scratch::with(|_| {}).await
    }

    /// A host with other limits than the usual ones.
    pub(crate) async fn with(change: impl FnOnce(&mut Limits)) -> Scratch {
        let dir = prepared_dir().await;
        let mut limits = Limits::default();
        change(&mut limits);
        let host = Host::open(dir.path(), &limits);
        host.deploy_fixture("sdk_probe").await;
        host.resume().await.unwrap();
        Scratch { host, dir, limits }
    }

    /// A host whose time is what the clock shows.
    pub(crate) async fn at(clock: ManualClock) -> Scratch {
        Scratch::at_with(clock, |_| {}).await
    }

    /// The same with other limits than the usual ones.
    pub(crate) async fn at_with(clock: ManualClock, change: impl FnOnce(&mut Limits)) -> Scratch {
        let dir = prepared_dir().await;
        let mut limits = Limits::default();
        change(&mut limits);
        let host = Host::open_at(dir.path(), &limits, Arc::new(clock));
        host.deploy_fixture("sdk_probe").await;
        host.resume().await.unwrap();
        Scratch { host, dir, limits }
    }

    /// The host goes on in a directory where another one was ended.
    pub(crate) async fn resumed(dir: TempDir, limits: Limits) -> Scratch {
        let host = Host::open(dir.path(), &limits);
        host.resume().await.unwrap();
        Scratch { host, dir, limits }
    }

    /// Whether code is kept that a component was compiled to.
    pub(crate) fn has_compiled(&self, digest: &Digest) -> bool {
        let kept = std::fs::read_dir(self.dir.path().join(CACHE)).unwrap();
        let mut names = kept.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.any(|name| name.contains(&digest.to_string()))
    }

    /// Ends the host and lets another one go on.
    pub(crate) async fn reopen(self) -> Scratch {
        let Scratch { host, dir, limits } = self;
        host.runtime.shutdown().await;
        Scratch::resumed(dir, limits).await
    }

    /// The same, and its time is what the clock shows.
    pub(crate) async fn reopen_at(self, clock: ManualClock) -> Scratch {
        let Scratch { host, dir, limits } = self;
        host.runtime.shutdown().await;
        let host = Host::open_at(dir.path(), &limits, Arc::new(clock));
        host.resume().await.unwrap();
        Scratch { host, dir, limits }
    }

    /// Ends the host and looks at what is left.
    pub(crate) async fn close(self) -> (Store, TempDir) {
        let Scratch { host, dir, .. } = self;
        host.runtime.shutdown().await;
        (
            Store::open(dir.path(), &StoreOptions::default()).unwrap(),
            dir,
        )
    }

    /// Ends the host; nothing is left of what it was busy with.
    pub(crate) async fn close_and_find_nothing_left(self) {
        let (store, _dir) = self.close().await;
        let reader = &store.reader;
        let forever = host_base::Timestamp(u64::MAX);
        assert_eq!(reader.timers(None, forever, ALL).unwrap(), []);
        assert_eq!(reader.tasks(None, ALL).unwrap(), []);
        assert_eq!(reader.entities_with_mail(None, ALL).unwrap(), []);
    }
}

impl Host {
    /// Opens the directory; nothing goes on by itself yet.
    pub(crate) fn open(dir: &Path, limits: &Limits) -> Host {
        Host::open_at(dir, limits, Arc::new(SystemClock))
    }

    fn open_at(dir: &Path, limits: &Limits, clock: Arc<dyn Clock>) -> Host {
        let diary = Arc::new(Diary::default());
        let runtime = Runtime::open(RuntimeOptions {
            limits: limits.clone(),
            clock,
            observer: Arc::clone(&diary) as Arc<dyn Observer>,
            instances_max: Some(16),
            ..RuntimeOptions::new(dir)
        });
        Host {
            runtime: runtime.unwrap(),
            diary,
        }
    }

    pub(crate) async fn deploy_fixture(&self, name: &str) -> Deployed {
        self.deploy(&tenant(), name, &fixture(name)).await.unwrap()
    }

    /// Rolls a fixture out; returns what became of each instance.
    pub(crate) async fn roll_out_fixture(&self, name: &str, rollout: Rollout) -> Vec<Trial> {
        let (told, trials) = mpsc::channel();
        let tell = move |trial| told.send(trial).unwrap();
        let (tenant, bytes) = (tenant(), fixture(name));
        let rolled_out = self.roll_out(&tenant, name, &bytes, rollout, tell);
        rolled_out.await.unwrap();
        trials.iter().collect()
    }

    pub(crate) async fn start(
        &self,
        name: &str,
        id: &str,
        input: impl Serialize,
    ) -> Result<WorkflowView, StartError> {
        self.start_workflow(&tenant(), name, Some(id), payload(input))
            .await
    }

    /// What the workflow ends with.
    pub(crate) async fn wait(&self, id: &str) -> Result<Value, Failure> {
        let key = workflow(id);
        let view = self.wait_for_workflow(&key);
        let view = in_time(&format!("the end of {id}"), view).await;
        let view = view.unwrap().unwrap();
        assert_eq!(view.stall, None, "{id} stalls");
        view.outcome.unwrap().map(|output| value(&output))
    }

    /// What the workflow ends with, though it may have stalled before.
    pub(crate) async fn until_ended(&self, id: &str) -> Result<Value, Failure> {
        let what = format!("the end of {id}");
        let outcome = until(&what, async || self.view(id)?.outcome).await;
        outcome.map(|output| value(&output))
    }

    /// Why the workflow stalls, once it does.
    pub(crate) async fn until_stalled(&self, id: &str) -> Stall {
        let what = format!("the stall of {id}");
        until(&what, async || self.view(id)?.stall).await
    }

    /// Starts a workflow and waits for its end.
    pub(crate) async fn run(
        &self,
        name: &str,
        id: &str,
        input: impl Serialize,
    ) -> Result<Value, Failure> {
        self.start(name, id, input).await.unwrap();
        self.wait(id).await
    }

    pub(crate) async fn call(
        &self,
        actor: &ActorKey,
        method: &str,
        input: impl Serialize,
    ) -> Result<Value, Failure> {
        self.call_once(actor, method, input, None).await
    }

    /// A call that bears an idempotency key, or none.
    pub(crate) async fn call_once(
        &self,
        actor: &ActorKey,
        method: &str,
        input: impl Serialize,
        key: Option<&str>,
    ) -> Result<Value, Failure> {
        let answer = self.call_actor(actor, method, payload(input), key);
        let answer = in_time(&format!("{actor}.{method}"), answer).await;
        answer.map(|output| value(&output))
    }

    /// The value of a counter.
    pub(crate) async fn count(&self, id: &str) -> i64 {
        let value = self.call(&counter(id), "Get", ()).await;
        value.unwrap().as_i64().unwrap()
    }

    pub(crate) async fn raise(
        &self,
        id: &str,
        name: &str,
        value: impl Serialize,
    ) -> Result<(), Failure> {
        let key = workflow(id);
        let raised = self.raise_event(&key, name, payload(value));
        in_time("an event to be durable", raised).await
    }

    /// The answer to a query.
    pub(crate) async fn query(
        &self,
        id: &str,
        name: &str,
        input: impl Serialize,
    ) -> Result<Value, Failure> {
        let key = workflow(id);
        let answer = self.query_workflow(&key, name, payload(input));
        let answer = in_time(&format!("the answer to {name}"), answer).await;
        answer.map(|output| value(&output))
    }

    /// The answer to an update that bears this id.
    pub(crate) async fn update(
        &self,
        id: &str,
        name: &str,
        input: impl Serialize,
        update: &str,
    ) -> Result<Value, Failure> {
        let key = workflow(id);
        let answer = self.update_workflow(&key, name, payload(input), Some(update));
        let answer = in_time(&format!("the answer to {name}"), answer).await;
        answer.map(|output| value(&output))
    }

    pub(crate) fn view(&self, id: &str) -> Option<WorkflowView> {
        self.workflow(&workflow(id)).unwrap()
    }

    /// The events of a workflow's present run, each with its time.
    pub(crate) fn events(&self, id: &str) -> Vec<(u64, EventKind)> {
        let Some(view) = self.view(id) else {
            return Vec::new();
        };
        let history = self.history(&workflow(id), view.run, 0, ALL).unwrap();
        let events = history.into_iter();
        events
            .map(|(_, event)| (event.at_ms, event.kind.unwrap()))
            .collect()
    }

    /// Waits until the workflow has recorded at least so many events.
    pub(crate) async fn until_events(&self, id: &str, count: usize) {
        let what = format!("{count} events of {id}");
        until(&what, async || {
            (self.events(id).len() >= count).then_some(())
        })
        .await;
    }

    /// Waits until a counter has reached a value.
    pub(crate) async fn until_count(&self, id: &str, least: i64) {
        let what = format!("counter {id} at {least}");
        until(&what, async || {
            (self.count(id).await >= least).then_some(())
        })
        .await;
    }

    /// All of what happened so far that `pick` picks.
    pub(crate) fn all_told<T>(&self, pick: impl Fn(&Happening) -> Option<T>) -> Vec<T> {
        let happenings = self.diary.happenings.lock().unwrap();
        happenings.iter().filter_map(pick).collect()
    }

    /// Waits until no entity is in memory any more.
    pub(crate) async fn until_all_left(&self) {
        let look = async || (self.entities_live() == 0).then_some(());
        until("all entities to leave the memory", look).await;
    }

    /// What of all that happened `pick` picks first, now or later.
    pub(crate) async fn told<T>(&self, what: &str, pick: impl Fn(&Happening) -> Option<T>) -> T {
        let search = async {
            loop {
                let rung = self.diary.rung.notified();
                tokio::pin!(rung);
                rung.as_mut().enable();
                let found = self.diary.happenings.lock().unwrap().iter().find_map(&pick);
                match found {
                    Some(found) => return found,
                    None => rung.await,
                }
            }
        };
        in_time(what, search).await
    }
}

/// Waits for what must happen.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(DEADLINE, future).await;
    result.unwrap_or_else(|_| panic!("{what} did not happen within {DEADLINE:?}"))
}

/// Looks again and again for what must come and nobody tells.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let search = async {
        loop {
            match look().await {
                Some(found) => return found,
                None => tokio::time::sleep(LOOK).await,
            }
        }
    };
    in_time(what, search).await
}

pub(crate) fn payload(value: impl Serialize) -> Payload {
    serde_json::to_vec(&value).unwrap()
}

fn value(payload: &[u8]) -> Value {
    if payload.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(payload).unwrap()
}

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/fixtures");
    let file = fixtures.join(format!("{name}.wasm"));
    std::fs::read(file).expect("build the plugins first: cargo xtask plugins")
}

/// A directory where the fixtures are compiled already.
pub(crate) async fn prepared_dir() -> TempDir {
    static COMPILED: OnceCell<TempDir> = OnceCell::const_new();
    let compiled = COMPILED.get_or_init(compile).await;
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join(CACHE);
    std::fs::create_dir(&cache).unwrap();
    for file in std::fs::read_dir(compiled.path().join(CACHE)).unwrap() {
        let file = file.unwrap();
        std::fs::hard_link(file.path(), cache.join(file.file_name())).unwrap();
    }
    std::fs::copy(compiled.path().join(CACHE_KEY), dir.path().join(CACHE_KEY)).unwrap();
    dir
}

async fn compile() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::open(dir.path(), &Limits::default());
    host.deploy_fixture("sdk_probe").await;
    host.deploy_fixture("sdk_probe_changed").await;
    host.runtime.shutdown().await;
    dir
}
