//! What code says of itself: which new ways it goes, and where it stands.
//!
//! The answer for a name is the same in the whole run: what history holds is true, what was met first where
//! history holds nothing is false for ever, and what is met first behind the end of the history is true.

use std::collections::HashMap;

use host_base::Payload;
use host_store::records::Patched;

/// What one run has said of itself.
#[derive(Debug, Default)]
pub(super) struct Marks {
    patches: HashMap<String, bool>,
    /// Where the code stands, unless that was taken.
    pub(super) status: Option<Payload>,
}

impl Marks {
    /// History holds a new way.
    pub(super) fn follow(&mut self, patched: &Patched) {
        self.patches.insert(patched.name.clone(), true);
    }

    /// What was answered for the name, or what history holds.
    pub(super) fn patched(&self, name: &str) -> Option<bool> {
        self.patches.get(name).copied()
    }

    /// What is answered for the name from now on.
    pub(super) fn decide(&mut self, name: &str, goes_new_way: bool) {
        self.patches.insert(name.to_owned(), goes_new_way);
    }
}
