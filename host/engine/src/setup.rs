//! The two configurations of wasmtime: one that computes the same everywhere, one that is faster.
//!
//! Owns every knob of wasmtime that is set once per process.

use std::time::Duration;

use wasmparser::WasmFeatures;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

/// What a component may use of WebAssembly; the checks before compiling and the compiler agree on it.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::WASM3
    .difference(WasmFeatures::EXCEPTIONS)
    .difference(WasmFeatures::GC)
    .difference(WasmFeatures::GC_TYPES)
    .difference(WasmFeatures::THREADS)
    .union(WasmFeatures::COMPONENT_MODEL);

/// How long a guest runs before it lets others run, and the grain of its budget.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Components made from other languages consist of dozens of core modules.
const CORE_INSTANCES_PER_INSTANCE: u32 = 40;
const TABLES_PER_INSTANCE: u32 = 4;
/// Slots that were used and are free, of other components than the one that is wanted, before one of
/// them is taken over instead of a fresh one. Bounds what unused slots keep resident.
const WARM_SLOTS: u32 = 256;
const KIB: usize = 1 << 10;

/// What an engine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// Workflows: canonical NaNs and deterministic relaxed SIMD.
    Deterministic,
    /// Actors and activities: canonical NaNs would cost dense float loops 4.5 times.
    Plain,
}

/// An engine with a pool of that many instances.
pub(crate) fn engine(flavour: Flavour, instances: u32) -> wasmtime::Result<Engine> {
    let mut config = config(flavour);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances)));
    Engine::new(&config)
}

/// An engine that only compiles; the other one of its flavour runs what it gives.
pub(crate) fn compiler(flavour: Flavour) -> wasmtime::Result<Engine> {
    Engine::new(&config(flavour))
}

fn config(flavour: Flavour) -> Config {
    let deterministic = flavour == Flavour::Deterministic;
    let mut config = Config::new();
    config
        // Plain imports cost a half to a third without it, and the contract has no other.
        .concurrency_support(false)
        .epoch_interruption(true)
        .async_stack_size(512 * KIB)
        .max_wasm_stack(256 * KIB)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable)
        .wasm_features(FEATURES, true)
        .wasm_features(FEATURES.complement(), false)
        .cranelift_nan_canonicalization(deterministic)
        .relaxed_simd_deterministic(deterministic);
    config
}

fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(instances)
        .total_core_instances(instances * CORE_INSTANCES_PER_INSTANCE)
        .total_memories(instances)
        .total_tables(instances * TABLES_PER_INSTANCE)
        .total_stacks(instances)
        .max_tables_per_module(TABLES_PER_INSTANCE)
        .table_elements(50_000)
        .max_unused_warm_slots(WARM_SLOTS)
        // With the page map, resetting a slot touches only what the guest wrote; without it, every reset
        // would take the process's map lock and stop the other cores.
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(512 * KIB)
        .table_keep_resident(64 * KIB);
    pool
}
