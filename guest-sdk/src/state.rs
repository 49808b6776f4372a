//! An actor's values under keys of their own, besides its typed state.
//!
//! Owns which key is kept for the typed state.

use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::time::Duration;
use std::vec;

use crate::bindings::durable::plugin::actor as host;
use crate::policy::milliseconds;
use crate::value::{decode, encode};
use crate::{ActorContext, Failure, Value};

/// Under which key the typed state is kept.
pub(crate) const STATE_KEY: &str = "$state";

/// Values that one question to the host brings while a list is walked through.
const PAGE: u32 = 100;

impl ActorContext {
    /// The value under a key of the actor's own, besides its typed state.
    pub fn get<T: Value>(&self, key: &str) -> Result<Option<T>, Failure> {
        refuse_reserved(key)?;
        let bytes = host::get_state(key);
        bytes.map(|bytes| read(key, &bytes)).transpose()
    }

    /// Writes the value under a key of the actor's own.
    pub fn set<T: Value>(&self, key: &str, value: &T) -> Result<(), Failure> {
        refuse_reserved(key)?;
        let bytes = encode(value, format_args!("the value under `{key}`"))?;
        host::set_state(key, &bytes);
        Ok(())
    }

    /// Writes a value that is there for so long and then gone.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// #[derive(Default, Serialize, Deserialize, JsonSchema)]
    /// struct Sessions {}
    ///
    /// #[actor]
    /// impl Sessions {
    ///     #[method]
    ///     fn open(&self, ctx: &ActorContext, token: String) -> Result<(), Failure> {
    ///         ctx.set_expiring(&token, &true, Duration::from_mins(30))
    ///     }
    ///
    ///     #[method]
    ///     fn is_open(&self, ctx: &ActorContext, token: String) -> Result<bool, Failure> {
    ///         Ok(ctx.get::<bool>(&token)?.is_some())
    ///     }
    /// }
    /// ```
    pub fn set_expiring<T: Value>(
        &self,
        key: &str,
        value: &T,
        ttl: Duration,
    ) -> Result<(), Failure> {
        refuse_reserved(key)?;
        let bytes = encode(value, format_args!("the value under `{key}`"))?;
        host::set_state_expiring(key, &bytes, milliseconds(ttl));
        Ok(())
    }

    /// Deletes the value under a key of the actor's own, where there is one.
    pub fn delete(&self, key: &str) -> Result<(), Failure> {
        refuse_reserved(key)?;
        host::delete_state(key);
        Ok(())
    }

    /// The values whose keys begin with `prefix`, in the order of the keys: to be walked through, or taken
    /// page by page.
    ///
    /// ```
    /// # use guest_sdk::prelude::*;
    /// #[derive(Default, Serialize, Deserialize, JsonSchema)]
    /// struct Ledger {}
    ///
    /// #[actor]
    /// impl Ledger {
    ///     #[method]
    ///     fn sum(&self, ctx: &ActorContext, year: String) -> Result<i64, Failure> {
    ///         let mut sum = 0;
    ///         for entry in ctx.list::<i64>(&format!("{year}/")) {
    ///             let (_key, amount) = entry?;
    ///             sum += amount;
    ///         }
    ///         Ok(sum)
    ///     }
    ///
    ///     #[method]
    ///     fn first_ten(&self, ctx: &ActorContext) -> Result<Vec<(String, i64)>, Failure> {
    ///         Ok(ctx.list("").page(10)?.entries)
    ///     }
    /// }
    /// ```
    pub fn list<T: Value>(&self, prefix: &str) -> List<T> {
        List {
            prefix: prefix.to_owned(),
            next: Some(None),
            page: Vec::new().into_iter(),
            value: PhantomData,
        }
    }
}

fn read<T: Value>(key: &str, bytes: &[u8]) -> Result<T, Failure> {
    decode(bytes, "bad-state", format_args!("the value under `{key}`"))
}

fn refuse_reserved(key: &str) -> Result<(), Failure> {
    if key == STATE_KEY {
        let message = format!("the key `{STATE_KEY}` is kept for the actor's typed state");
        return Err(Failure::new("bad-input", message));
    }
    Ok(())
}

/// Some of an actor's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Keys and values, in the order of the keys.
    pub entries: Vec<(String, T)>,
    /// What to pass to [`List::after`] for the next page; none: this was the last.
    pub next: Option<String>,
}

/// An actor's values under the keys that begin alike.
#[derive(Clone, Debug)]
pub struct List<T> {
    prefix: String,
    /// Behind which key the next page begins; none: there is no more.
    next: Option<Option<String>>,
    page: vec::IntoIter<host::StateEntry>,
    value: PhantomData<fn() -> T>,
}

impl<T: Value> List<T> {
    /// Only what lies behind that key.
    #[must_use]
    pub fn after(mut self, key: impl Into<String>) -> Self {
        self.next = Some(Some(key.into()));
        self
    }

    /// The next values: `limit` of them at most. There may be fewer, because the host gives no more than
    /// 1,000 values and about as many bytes at once as one value may have.
    pub fn page(mut self, limit: u32) -> Result<Page<T>, Failure> {
        let page = self.fetch(limit);
        let next = self.next.flatten();
        let entries = page.filter_map(entry).collect::<Result<_, _>>()?;
        Ok(Page { entries, next })
    }

    fn fetch(&mut self, limit: u32) -> vec::IntoIter<host::StateEntry> {
        let Some(after) = self.next.take() else {
            return Vec::new().into_iter();
        };
        let page = host::list_state(&self.prefix, after.as_deref(), limit);
        self.next = page.next.map(Some);
        page.entries.into_iter()
    }
}

impl<T: Value> Iterator for List<T> {
    type Item = Result<(String, T), Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.page.by_ref().find_map(entry) {
                return Some(found);
            }
            self.next.as_ref()?;
            self.page = self.fetch(PAGE);
        }
    }
}

impl<T: Value> FusedIterator for List<T> {}

/// An entry with its value; none for the typed state, which has its own way.
fn entry<T: Value>(entry: host::StateEntry) -> Option<Result<(String, T), Failure>> {
    if entry.key == STATE_KEY {
        return None;
    }
    let value = read(&entry.key, &entry.value);
    Some(value.map(|value| (entry.key, value)))
}
