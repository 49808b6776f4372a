//! Locks over small pieces of state.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes the lock. Whoever panicked while it held the lock left each field right by itself.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
