//! Hosts to measure, and load on them.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use host_base::{ActorKey, TenantId, WorkflowKey};
use host_runtime::{Runtime, RuntimeOptions};
use tempfile::TempDir;

/// A host in a directory of its own.
pub(crate) struct Bench {
    pub(crate) runtime: Arc<Runtime>,
    options: RuntimeOptions,
    dir: TempDir,
}

/// Where the directories lie: on the disk of the build, not in a memory file system.
pub(crate) fn scratch() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut RuntimeOptions)) -> Bench {
        let dir = tempfile::tempdir_in(scratch()).unwrap();
        let mut options = RuntimeOptions::new(dir.path());
        change(&mut options);
        let runtime = open(&options);
        for plugin in ["task_workflow.wasm", "fixtures/sdk_probe.wasm"] {
            deploy(&runtime, plugin);
        }
        Bench {
            runtime,
            options,
            dir,
        }
    }

    /// Closes the host and opens it again; says how long opening took.
    pub(crate) fn reopen(self) -> (Bench, Duration) {
        let Bench {
            runtime,
            options,
            dir,
        } = self;
        let runtime = Arc::into_inner(runtime).unwrap();
        wait_for(runtime.shutdown());
        let start = Instant::now();
        let runtime = open(&options);
        let took = start.elapsed();
        let bench = Bench {
            runtime,
            options,
            dir,
        };
        (bench, took)
    }

    /// Does `one` for each number below `count`, so many at once; returns how long each took, and all.
    pub(crate) fn drive<F>(
        &self,
        count: usize,
        at_once: usize,
        one: impl Fn(Arc<Runtime>, usize) -> F + Send + Sync + Clone + 'static,
    ) -> (Vec<Duration>, Duration)
    where
        F: Future<Output = ()> + Send,
    {
        let next = Arc::new(AtomicUsize::new(0));
        let start = Instant::now();
        let workers: Vec<_> = (0..at_once)
            .map(|_| {
                let (next, runtime) = (Arc::clone(&next), Arc::clone(&self.runtime));
                let one = one.clone();
                self.runtime.handle().spawn(async move {
                    let mut samples = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            return samples;
                        }
                        let start = Instant::now();
                        one(Arc::clone(&runtime), number).await;
                        samples.push(start.elapsed());
                    }
                })
            })
            .collect();
        let mut samples = Vec::new();
        for worker in workers {
            samples.extend(wait_for(worker).unwrap());
        }
        (samples, start.elapsed())
    }
}

fn open(options: &RuntimeOptions) -> Arc<Runtime> {
    let runtime = Runtime::open(options.clone()).unwrap();
    wait_for(runtime.resume()).unwrap();
    Arc::new(runtime)
}

fn deploy(runtime: &Runtime, plugin: &str) {
    deploy_for(runtime, &TenantId::default(), plugin);
}

pub(crate) fn deploy_for(runtime: &Runtime, tenant: &TenantId, plugin: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../plugins")
        .join(plugin);
    let bytes = std::fs::read(&file).expect("build the plugins first: cargo xtask plugins");
    wait_for(runtime.deploy(tenant, plugin, &bytes)).unwrap();
}

/// Waits on this thread, which runs nothing else.
pub(crate) fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let threads = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    threads.unwrap().block_on(future)
}

/// Starts a workflow and waits for its end.
pub(crate) async fn run_workflow(runtime: &Runtime, name: &str, id: String, input: String) {
    let key = start(runtime, name, id, input).await;
    let view = runtime.wait_for_workflow(&key).await.unwrap().unwrap();
    assert!(matches!(view.outcome, Some(Ok(_))), "{view:?}");
}

pub(crate) async fn start(runtime: &Runtime, name: &str, id: String, input: String) -> WorkflowKey {
    let tenant = TenantId::default();
    let started = runtime
        .start_workflow(&tenant, name, Some(&id), input.into_bytes())
        .await;
    started.unwrap().key
}

pub(crate) async fn call_counter(runtime: &Runtime, id: String, method: &str, input: &str) {
    let actor = ActorKey::new(TenantId::default(), "Counter", id).unwrap();
    let input = input.as_bytes().to_vec();
    runtime
        .call_actor(&actor, method, input, None)
        .await
        .unwrap();
}

/// The lesson's workflow for one task.
pub(crate) async fn run_lesson(runtime: &Runtime, id: &str) {
    let input =
        format!(r#"{{"task_id":"{id}","title":"Review PR","assignee":"alice@example.com"}}"#);
    let workflow = format!("task-processing-{id}");
    run_workflow(runtime, "task_processing_workflow", workflow, input).await;
}

/// Memory of this process that is in use, in bytes.
pub(crate) fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("RssAnon"))
        .unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

/// CPU time that this process has used, in all its threads; whole hundredths of a second. Unlike the time on
/// the wall, it hardly depends on what else the machine does.
pub(crate) fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name before may hold spaces; the times are the 14th and 15th of all fields.
    let (_, fields) = text.rsplit_once(')').unwrap();
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = times.map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}
