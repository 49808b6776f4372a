//! Components that are made to break or to occupy the compiler, and compiled code that somebody else has written: what
//! each is told, and that whoever comes beside it or after it is served.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use crate::host::{Host, TASKS, plugin};
use crate::server::Server;

/// What must happen happens within this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Writes a component that passes all checks and has so many functions that compute much.
fn computing<'a>(host: &Host, name: &'a str, functions: usize) -> &'a str {
    let step = "(local.set 0 (i64.add (i64.mul (local.get 0) (local.get 0)) (i64.rotl (local.get 0) (local.get 0))))";
    let function = format!(
        "(func (param i64) (result i64) {} local.get 0)",
        step.repeat(5_000)
    );
    let text = format!(
        r#"(component
            (core module $m (func (export "f")) {})
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $manifest (export "describe" (func $f)))
            (export "durable:plugin/manifest@0.1.0" (instance $manifest))
            (instance $activities (export "run" (func $f)))
            (export "durable:plugin/activities@0.1.0" (instance $activities)))"#,
        function.repeat(functions)
    );
    fs::write(host.dir().join(name), wat::parse_str(text).unwrap()).unwrap();
    name
}

#[test]
fn a_component_that_occupies_the_compiler_is_refused_while_others_are_compiled() {
    let host = Host::new();
    host.limit("compile_cpu_max = \"3s\"\n[serve]\nsandbox = \"require\"\n");
    let bomb = fs::read(host.dir().join(computing(&host, "bomb.wasm", 400))).unwrap();
    let good = fs::read(host.dir().join(computing(&host, "good.wasm", 1))).unwrap();
    let server = Server::start(&host, &[&plugin(TASKS)]);
    let deploy = |bytes: &[u8]| {
        server
            .post_with(
                "/api/v1/plugins",
                &[("content-type", "application/wasm")],
                bytes,
            )
            .expect(400)
    };
    thread::scope(|scope| {
        let bombs: Vec<_> = (0..3).map(|_| scope.spawn(|| deploy(&bomb))).collect();
        // It is compiled, and refused for what comes after.
        let told = deploy(&good)["detail"].to_string();
        assert!(told.contains("other types than the contract"), "{told}");
        for bomb in bombs {
            let told = bomb.join().unwrap()["detail"].to_string();
            assert!(
                told.contains("more CPU time than 3s, the limit `compile_cpu_max`"),
                "{told}"
            );
        }
    });
    let plugins = server.get("/api/v1/plugins").expect(200).to_string();
    assert!(plugins.contains("task_workflow"), "{plugins}");
}

#[test]
fn a_component_that_takes_the_compiler_much_memory_is_refused() {
    let host = Host::new();
    host.limit("compile_memory_bytes_max = 20000000");
    let bomb = computing(&host, "bomb.wasm", 40);
    let refused = host.run(&["plugin", "deploy", bomb]).expect(2);
    refused.says("more memory than 20000000 bytes, the limit `compile_memory_bytes_max`");
}

#[test]
fn a_component_that_is_not_compiled_in_time_is_refused() {
    let host = Host::new();
    host.limit("compile_time_max = \"1ms\"");
    let small = computing(&host, "small.wasm", 1);
    let refused = host.run(&["plugin", "deploy", small]).expect(2);
    refused.says("not compiled within 1ms, the limit `compile_time_max`");
}

#[test]
fn code_that_is_too_large_is_refused() {
    let host = Host::new();
    host.limit("compiled_bytes_max = 1000");
    let small = computing(&host, "small.wasm", 1);
    let refused = host.run(&["plugin", "deploy", small]).expect(2);
    refused.says("and the limit `compiled_bytes_max` is 1000");
}

/// The process that compiles for this one, once it has given up its rights.
fn compiler_of(host: &Child) -> PathBuf {
    let pid = host.id();
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < PATIENCE, "nobody compiles");
        let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
        let children =
            threads.filter_map(|one| fs::read_to_string(one.path().join("children")).ok());
        let children: String = children.collect();
        let mut children = children
            .split_whitespace()
            .map(|child| Path::new("/proc").join(child));
        if let Some(child) = children.find(|child| fact(child, "status", "Seccomp:") == "2") {
            return child;
        }
        thread::yield_now();
    }
}

/// What stands in a process's file after this word.
fn fact(process: &Path, file: &str, word: &str) -> String {
    let text = fs::read_to_string(process.join(file)).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(word));
    line.unwrap_or_default().trim().to_owned()
}

#[test]
fn the_compiler_has_no_rights_and_its_crash_is_the_components_fault() {
    let host = Host::new();
    let bomb = computing(&host, "bomb.wasm", 400);
    let deploying = host.command(&["plugin", "deploy", bomb]).spawn().unwrap();
    let compiler = compiler_of(&deploying);
    assert_eq!(fact(&compiler, "status", "NoNewPrivs:"), "1");
    let limit = |name| {
        fact(&compiler, "limits", name)
            .split_whitespace()
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(limit("Max core file size"), "0");
    assert_eq!(limit("Max open files"), "16");
    assert_eq!(limit("Max file size"), (256 << 20).to_string());
    assert_ne!(limit("Max address space"), "unlimited");
    assert_ne!(limit("Max cpu time"), "unlimited");
    // Only who may look into everything can read these.
    if let Ok(open) = fs::read_dir(compiler.join("fd")) {
        let open = open
            .flatten()
            .filter_map(|one| fs::read_link(one.path()).ok());
        let mut open = open.map(|one| one.display().to_string());
        // What whoever started the host left open may be open here, too.
        let of_the_host = open.find(|one| one.contains(".host/") || one.starts_with("socket:"));
        assert_eq!(of_the_host, None);
        let environment = fs::read_to_string(compiler.join("environ")).unwrap();
        assert_eq!(environment.matches('=').count(), 2, "{environment}");
    }
    let pid = compiler.file_name().unwrap();
    let killed = Command::new("kill").arg("-ABRT").arg(pid).status().unwrap();
    assert!(killed.success());
    let output = deploying.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("the compiler crashed on it (signal: 6 (SIGABRT))"),
        "{told}"
    );
}

#[test]
fn compiled_code_that_this_host_did_not_write_is_not_run() {
    let host = Host::with_tasks();
    let cache = host.dir().join(".host/cache");
    let files: Vec<_> = fs::read_dir(&cache)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert!(!files.is_empty());
    for file in &files {
        let mut code = fs::read(file).unwrap();
        let proof = code.len() - 1;
        code[proof] ^= 1;
        // The file itself belongs to other tests, too.
        fs::remove_file(file).unwrap();
        fs::write(file, code).unwrap();
    }
    let run = ["run", &plugin(TASKS), "--id", "again"];
    host.run(&run)
        .expect(0)
        .says("this host did not write it, or it is damaged");
    let again = host
        .run(&["run", &plugin(TASKS), "--id", "and-again"])
        .expect(0);
    assert!(!again.stderr.contains("did not write"), "{again:?}");
}
