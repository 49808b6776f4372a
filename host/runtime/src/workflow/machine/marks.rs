//! What code says of itself: which new ways it goes, where it stands, and by what it is found.
//!
//! The answer for a name is the same in the whole run: what history holds is true, what was met first where
//! history holds nothing is false for ever, and what is met first behind the end of the history is true.

use std::collections::HashMap;

use host_base::{AttributeValue, Payload};
use host_store::records::{Attribute, Patched};

/// What one run has said of itself.
#[derive(Debug, Default)]
pub(super) struct Marks {
    patches: HashMap<String, bool>,
    /// Where the code stands, unless that was taken.
    pub(super) status: Option<Payload>,
    /// Those with which the run began, as the code has changed them since, in the order of their names.
    pub(super) attributes: Vec<Attribute>,
}

impl Marks {
    /// How many attributes there would be if one of this name were set.
    pub(super) fn attributes_with(&self, name: &str) -> usize {
        self.attributes.len() + usize::from(self.place_of(name).is_err())
    }

    /// An attribute has another value, or is there no longer.
    pub(super) fn set_attribute(&mut self, name: String, value: Option<AttributeValue>) {
        match (self.place_of(&name), value) {
            (Ok(place), Some(value)) => self.attributes[place].value = Some(value.into()),
            (Ok(place), None) => drop(self.attributes.remove(place)),
            (Err(place), Some(value)) => {
                let value = Some(value.into());
                self.attributes.insert(place, Attribute { name, value });
            }
            (Err(_), None) => {}
        }
    }

    fn place_of(&self, name: &str) -> Result<usize, usize> {
        let attributes = &self.attributes;
        attributes.binary_search_by(|one| one.name.as_str().cmp(name))
    }

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
