//! Locks that stay usable after a panic: what they guard is whole between any two statements.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, whoever panicked while holding it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
