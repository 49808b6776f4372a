//! Guests as the runtime meets them: real components, run in each role, answered by scripted imports.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use host_base::{AttributeValue, CurrentLimits, Failure, Limits, Outcome, Payload, Timestamp};
use host_engine::{
    ActivityImports, ActivityInfo, ActorCall, ActorImports, Alarm, BoxFuture, CallOptions, Command,
    Completion, Engine, EngineOptions, GuestError, HistorySize, Interrupt, LoadError, LogLevel,
    MethodCall, Moment, NewReminder, Plugin, Query, Reason, ReminderInfo, StartError, StatePage,
    Wakeup, WorkflowImports, WorkflowInfo, WorkflowInstance,
};

type Lines = Arc<Mutex<Vec<(LogLevel, String)>>>;

fn limits() -> Arc<CurrentLimits> {
    Arc::new(CurrentLimits::new(Limits {
        turn_cpu_max: Duration::from_millis(300),
        ..Limits::default()
    }))
}

fn engine() -> Engine {
    let options = EngineOptions {
        instances_max: Some(8),
        ..EngineOptions::default()
    };
    Engine::new(options).unwrap()
}

async fn probe(engine: &Engine) -> Plugin {
    probe_held_to(engine, limits()).await
}

async fn probe_held_to(engine: &Engine, limits: Arc<CurrentLimits>) -> Plugin {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/fixtures/engine_probe.wasm");
    let bytes = std::fs::read(&file).expect("build the plugins first: cargo xtask plugins");
    let loaded = engine.load("engine_probe.wasm", &bytes, limits).await;
    loaded.unwrap()
}

/// Completes every command at once, with its handle as the value.
struct Workflow {
    next: u32,
    lines: Lines,
}

impl WorkflowImports for Workflow {
    fn instance(&self) -> WorkflowInstance {
        WorkflowInstance {
            id: "w-1".to_owned(),
            name: "probe".to_owned(),
            run: 1,
        }
    }

    fn command(&mut self, command: Command) -> Result<u32, Interrupt> {
        if matches!(command, Command::Cancel { .. } | Command::SendActor { .. }) {
            return Ok(0);
        }
        self.next += 1;
        Ok(self.next)
    }

    fn poll_wait_any(
        &mut self,
        handles: &[u32],
        _: &mut Context<'_>,
    ) -> Poll<Result<Wakeup, Interrupt>> {
        let handle = handles[0];
        let outcome = Ok(handle.to_string().into_bytes());
        let completion = Completion { handle, outcome };
        Poll::Ready(Ok(Wakeup::Completion(completion)))
    }

    fn send_later(
        &mut self,
        call: MethodCall,
        _: Moment,
    ) -> Result<Result<String, Failure>, Interrupt> {
        Ok(Ok(call.method))
    }

    fn cancel_message(&mut self, _: String) -> Result<Result<(), Failure>, Interrupt> {
        Ok(Ok(()))
    }

    fn poll_wait_more(
        &mut self,
        more: &[u32],
        cx: &mut Context<'_>,
    ) -> Poll<Result<Wakeup, Interrupt>> {
        self.poll_wait_any(more, cx)
    }

    fn poll_wait(&mut self, handle: u32, _: &mut Context<'_>) -> Poll<Result<Outcome, Interrupt>> {
        Poll::Ready(Ok(Ok(handle.to_string().into_bytes())))
    }

    fn accept_update(&mut self) -> Result<(), Interrupt> {
        Ok(())
    }

    fn refuse_update(&mut self, _: Failure) -> Result<(), Interrupt> {
        Ok(())
    }

    fn answer_query(&mut self, _: Outcome) -> Result<(), Interrupt> {
        Ok(())
    }

    fn set_status(&mut self, _: Payload) -> Result<(), Interrupt> {
        Ok(())
    }

    fn set_attribute(&mut self, _: String, _: Option<AttributeValue>) -> Result<(), Interrupt> {
        Ok(())
    }

    fn patched(&mut self, _: &str) -> Result<bool, Interrupt> {
        Ok(true)
    }

    fn recorded_value(&mut self) -> Result<Option<Payload>, Interrupt> {
        Ok(None)
    }

    fn next_query(&mut self) -> Result<Option<Query>, Interrupt> {
        Ok(None)
    }

    fn history_size(&self) -> HistorySize {
        HistorySize {
            events: 1,
            continue_as_new_suggested: false,
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }

    fn take_seed(&mut self) -> Option<[u8; 32]> {
        None
    }

    fn random_u64(&mut self) -> u64 {
        4
    }

    fn new_id(&mut self) -> String {
        "id".to_owned()
    }

    fn log(&mut self, level: LogLevel, message: String) {
        self.lines.lock().unwrap().push((level, message));
    }
}

struct Actor {
    count: Option<Payload>,
    lines: Lines,
}

impl ActorImports for Actor {
    fn publish(&mut self, _: String, _: Payload) -> Result<(), Interrupt> {
        Ok(())
    }

    fn subscribe(&mut self, _: String, _: Option<String>) -> Result<(), Interrupt> {
        Ok(())
    }

    fn identity(&self) -> (String, String) {
        ("Probe".to_owned(), "1".to_owned())
    }

    fn get_state(&mut self, _: &str) -> Result<Option<Payload>, Interrupt> {
        Ok(self.count.clone())
    }

    fn set_state(
        &mut self,
        key: &str,
        value: Option<Payload>,
        _: Option<Duration>,
    ) -> Result<(), Interrupt> {
        if key == "count" {
            self.count = value;
        }
        Ok(())
    }

    fn list_state(&mut self, _: &str, _: Option<&str>, _: u32) -> Result<StatePage, Interrupt> {
        Ok(StatePage::default())
    }

    fn set_reminder(&mut self, _: NewReminder) -> Result<Result<(), Failure>, Interrupt> {
        Ok(Ok(()))
    }

    fn cancel_reminder(&mut self, _: &str) -> Result<bool, Interrupt> {
        Ok(true)
    }

    fn reminder(&mut self, _: &str) -> Result<Option<ReminderInfo>, Interrupt> {
        Ok(None)
    }

    fn reminders(&mut self, _: Option<&str>, _: u32) -> Result<Vec<ReminderInfo>, Interrupt> {
        Ok(Vec::new())
    }

    fn set_timer(&mut self, _: Alarm) -> Result<Result<(), Failure>, Interrupt> {
        Ok(Ok(()))
    }

    fn cancel_timer(&mut self, _: &str) -> Result<bool, Interrupt> {
        Ok(true)
    }

    fn call(&mut self, call: MethodCall, _: CallOptions) -> BoxFuture<Outcome> {
        Box::pin(async move { Ok(call.input) })
    }

    fn send(&mut self, _: MethodCall) -> Result<(), Interrupt> {
        Err(Interrupt("no messages today".to_owned()))
    }

    fn send_later(
        &mut self,
        _: MethodCall,
        _: Moment,
    ) -> Result<Result<String, Failure>, Interrupt> {
        Ok(Ok("id".to_owned()))
    }

    fn cancel_message(&mut self, _: &str) -> Result<Result<(), Failure>, Interrupt> {
        Ok(Ok(()))
    }

    fn deactivate(&mut self) -> Result<(), Interrupt> {
        Ok(())
    }

    fn delete(&mut self) -> Result<(), Interrupt> {
        Ok(())
    }

    fn start_workflow(
        &mut self,
        _: String,
        id: Option<String>,
        _: Payload,
    ) -> BoxFuture<Result<String, StartError>> {
        Box::pin(async move { Ok(id.unwrap_or_default()) })
    }

    fn get_workflow(&mut self, _: String) -> BoxFuture<Option<WorkflowInfo>> {
        Box::pin(async { None })
    }

    fn raise_event(&mut self, _: String, _: String, _: Payload) -> BoxFuture<Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }

    fn log(&mut self, level: LogLevel, message: String) {
        self.lines.lock().unwrap().push((level, message));
    }
}

struct Activity;

impl ActivityImports for Activity {
    fn publish(&mut self, _: String, _: Payload) -> BoxFuture<Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    fn info(&self) -> ActivityInfo {
        ActivityInfo {
            name: "probe".to_owned(),
            workflow_id: "w-1".to_owned(),
            attempt: 2,
            idempotency_key: "key".to_owned(),
        }
    }

    fn heartbeat(&mut self, _: Option<Payload>) -> Result<bool, Interrupt> {
        Ok(false)
    }

    fn last_heartbeat(&self) -> Option<Payload> {
        None
    }

    fn send(&mut self, _: MethodCall) -> BoxFuture<Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    fn send_later(&mut self, call: MethodCall, _: Moment) -> BoxFuture<Result<String, Failure>> {
        Box::pin(async { Ok(call.method) })
    }

    fn cancel_message(&mut self, _: String) -> BoxFuture<Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    fn call_actor(&mut self, call: MethodCall, _: CallOptions) -> BoxFuture<Outcome> {
        Box::pin(async move { Ok(call.input) })
    }

    fn raise_event(&mut self, _: String, _: String, _: Payload) -> BoxFuture<Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    fn log(&mut self, _: LogLevel, _: String) {}
}

#[derive(Clone, Copy, Debug)]
enum Role {
    Workflow,
    Actor,
    Activity,
}

const ROLES: [Role; 3] = [Role::Workflow, Role::Actor, Role::Activity];

async fn run_with(
    plugin: &Plugin,
    role: Role,
    what: &str,
    input: &str,
    seed: u8,
) -> Result<Outcome, GuestError> {
    let (lines, input) = (Lines::default(), Payload::from(input));
    match role {
        Role::Workflow => {
            let imports = Box::new(Workflow { next: 0, lines });
            plugin.run_workflow(what, input, [seed; 32], imports).await
        }
        Role::Actor => {
            let imports = Box::new(Actor { count: None, lines });
            plugin.invoke_actor(actor_call(what, input), imports).await
        }
        Role::Activity => plugin.run_activity(what, input, Box::new(Activity)).await,
    }
}

fn actor_call(method: &str, input: Payload) -> ActorCall {
    ActorCall {
        actor_type: "Probe".to_owned(),
        actor_id: "1".to_owned(),
        activate: false,
        method: method.to_owned(),
        input,
    }
}

async fn run(plugin: &Plugin, role: Role, what: &str) -> Result<Outcome, GuestError> {
    run_with(plugin, role, what, "1", 7).await
}

async fn value(plugin: &Plugin, role: Role, what: &str) -> String {
    String::from_utf8(run(plugin, role, what).await.unwrap().unwrap()).unwrap()
}

async fn error(plugin: &Plugin, role: Role, what: &str) -> GuestError {
    let error = run(plugin, role, what)
        .await
        .expect_err("the guest broke a rule");
    assert_eq!(error.plugin, "engine_probe");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_runs_its_code_and_hands_on_what_it_returns() {
    let plugin = probe(&engine()).await;
    for role in ROLES {
        assert_eq!(value(&plugin, role, "echo").await, "1");
        let failure = run(&plugin, role, "fail").await.unwrap().unwrap_err();
        assert_eq!(failure.code, "probe");
    }
    let answers = value(&plugin, Role::Workflow, "answers").await;
    assert_eq!(answers, "w-1 probe 1 1700000000000 4 id");
    assert_eq!(
        value(&plugin, Role::Activity, "info").await,
        "probe w-1 2 key"
    );
    assert_eq!(value(&plugin, Role::Actor, "increment").await, "1");
    let sum = run_with(&plugin, Role::Workflow, "sequence", "1000", 7).await;
    assert_eq!(sum.unwrap().unwrap(), b"2893");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_a_loop_and_a_memory_bomb_are_named_and_hurt_no_neighbour() {
    let plugin = probe(&engine()).await;
    for role in ROLES {
        let panic = error(&plugin, role, "panic").await;
        assert!(
            matches!(&panic.reason, Reason::Trap(why) if why.contains("boom at panic")),
            "{panic}"
        );
        assert!(panic.backtrace.contains("deeds"), "{}", panic.backtrace);
        let memory = error(&plugin, role, "devour").await;
        assert!(matches!(memory.reason, Reason::Memory { .. }), "{memory}");
        let deep = error(&plugin, role, "recurse").await;
        assert!(matches!(deep.reason, Reason::Trap(_)), "{deep}");
        assert_eq!(value(&plugin, role, "echo").await, "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_ends_with_the_budget_or_with_the_caller_s_patience() {
    let plugin = probe(&engine()).await;
    for role in [Role::Workflow, Role::Actor] {
        let limit = Duration::from_millis(300);
        let reason = error(&plugin, role, "spin").await.reason;
        assert_eq!(reason, Reason::Overran { limit });
    }
    let activity = run(&plugin, Role::Activity, "spin");
    let patience = Duration::from_millis(100);
    assert!(tokio::time::timeout(patience, activity).await.is_err());
    assert_eq!(value(&plugin, Role::Activity, "echo").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_sees_the_same_time_and_the_same_order_in_every_run() {
    let plugin = probe(&engine()).await;
    assert!(
        value(&plugin, Role::Workflow, "clocks")
            .await
            .starts_with("1700000000000 ")
    );
    let mut orders = Vec::new();
    for seed in [7, 7, 8] {
        let order = run_with(&plugin, Role::Workflow, "hash-order", "", seed).await;
        orders.push(order.unwrap().unwrap());
    }
    assert_eq!(orders[0], orders[1]);
    assert_ne!(orders[0], orders[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_role_may_not_use_is_refused_with_what_to_do_instead() {
    let plugin = probe(&engine()).await;
    for what in ["open", "connect"] {
        let refused = error(&plugin, Role::Workflow, what).await;
        assert!(
            matches!(&refused.reason, Reason::Refused { advice, .. } if advice.contains("activity")),
            "{refused}"
        );
    }
    let wrong = [
        (Role::Workflow, "actor-call"),
        (Role::Workflow, "activity-info"),
        (Role::Actor, "workflow-call-activity"),
        (Role::Actor, "activity-call-actor"),
        (Role::Activity, "actor-set-state"),
        (Role::Activity, "workflow-schedule-timer"),
    ];
    for (role, what) in wrong {
        let refused = error(&plugin, role, what).await;
        assert!(
            matches!(&refused.reason, Reason::Refused { .. }),
            "{refused}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_the_guest_with_its_words() {
    let plugin = probe(&engine()).await;
    let stopped = error(&plugin, Role::Actor, "effects").await;
    let words = Interrupt("no messages today".to_owned());
    assert_eq!(stopped.reason, Reason::Interrupted(words));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guest_prints_and_logs_comes_in_order() {
    let plugin = probe(&engine()).await;
    let lines = Lines::default();
    let imports = Workflow {
        next: 0,
        lines: Arc::clone(&lines),
    };
    let done = plugin.run_workflow("log", Payload::new(), [0; 32], Box::new(imports));
    done.await.unwrap().unwrap();
    let lines: Vec<String> = lines
        .lock()
        .unwrap()
        .iter()
        .map(|(_, line)| line.clone())
        .collect();
    // The third is still in the guest's own buffer: it was printed without an end of line.
    assert_eq!(lines, ["printed first", "logged second"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_workflow_that_is_dropped_frees_its_instance() {
    let plugin = probe(&engine()).await;
    for _ in 0..100 {
        let imports = Workflow {
            next: 0,
            lines: Lines::default(),
        };
        let run = plugin.run_workflow("spin", Payload::new(), [0; 32], Box::new(imports));
        assert!(
            tokio::time::timeout(Duration::from_millis(1), run)
                .await
                .is_err()
        );
    }
    assert_eq!(value(&plugin, Role::Workflow, "echo").await, "1");
}

async fn refusal(bytes: &[u8]) -> String {
    let refused: LoadError = engine()
        .load("file.wasm", bytes, limits())
        .await
        .err()
        .unwrap();
    let text = refused.to_string();
    assert!(text.starts_with("load file.wasm: "), "{text}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_plugin_is_refused_with_what_to_do() {
    assert!(refusal(b"hello").await.contains("WebAssembly"));
    let core = wat::parse_str("(module)").unwrap();
    assert!(refusal(&core).await.contains("core WebAssembly module"));
    let empty = wat::parse_str("(component)").unwrap();
    assert!(
        refusal(&empty)
            .await
            .contains("exports nothing of durable:plugin")
    );
    let unknown = wat::parse_str(r#"(component (import "acme:door/open" (func)))"#).unwrap();
    assert!(refusal(&unknown).await.contains("acme:door/open"));
}

/// All that a component needs to be instantiated, with a start function of these instructions.
fn starting_with(instructions: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            (core module $m (func $start {instructions}) (start $start) (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $manifest (export "describe" (func $f)))
            (export "durable:plugin/manifest@0.1.0" (instance $manifest))
            (instance $activities (export "run" (func $f)))
            (export "durable:plugin/activities@0.1.0" (instance $activities)))"#
    );
    wat::parse_str(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_function_is_held_to_what_every_call_is() {
    let endless = refusal(&starting_with("(loop br 0)")).await;
    assert!(endless.contains("used up the CPU time"), "{endless}");
    let trap = refusal(&starting_with("unreachable")).await;
    assert!(trap.contains("unreachable code was reached"), "{trap}");
    let deep = refusal(&starting_with("call $start")).await;
    assert!(deep.contains("its stack is full"), "{deep}");
    // The host goes on to what comes after the start function.
    let fine = refusal(&starting_with("nop")).await;
    assert!(fine.contains("other types than the contract"), "{fine}");
}

#[tokio::test(flavor = "multi_thread")]
async fn machine_code_is_refused_also_where_this_very_host_has_compiled_it() {
    let cache = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        cache_dir: Some(cache.path().join("aot")),
        instances_max: Some(8),
        ..EngineOptions::default()
    };
    probe(&Engine::new(options).unwrap()).await;
    for file in cache.path().join("aot").read_dir().unwrap().flatten() {
        let text = refusal(&std::fs::read(file.path()).unwrap()).await;
        assert!(text.contains("it is machine code"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compiled_component_is_found_in_the_cache_again() {
    let cache = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let options = EngineOptions {
            cache_dir: Some(cache.path().join("aot")),
            instances_max: Some(8),
            ..EngineOptions::default()
        };
        let plugin = probe(&Engine::new(options).unwrap()).await;
        assert_eq!(value(&plugin, Role::Actor, "echo").await, "1");
        let files = cache.path().join("aot").read_dir().unwrap();
        assert_eq!(files.count(), 2, "one for each of the two engines");
    }
}
