//! Actors, workflows and activities: turns, replay, and what follows from them.
//!
//! Knows `base`, `store` and `engine`; sees neither RocksDB nor wasmtime.

pub mod workflow;
