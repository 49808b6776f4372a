//! Tables by handle. The host counts handles itself, so that nobody can choose them to collide: they are hashed
//! without a key, which a replay feels.
//!
//! Knows nothing of what a handle stands for.

use std::collections::{HashMap, HashSet};

use rustc_hash::FxBuildHasher;

/// Things by handle.
pub(crate) type HandleMap<T> = HashMap<u32, T, FxBuildHasher>;
/// Handles.
pub(crate) type HandleSet = HashSet<u32, FxBuildHasher>;
