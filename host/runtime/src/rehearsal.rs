//! What a replay showed that recorded nothing and caused nothing.
//!
//! Plain values; who replays is elsewhere.

use host_base::{Digest, Outcome};
use host_engine::LogLevel;
use host_store::records::Stall;

/// How a component does with an instance's history.
#[derive(Clone, Debug, PartialEq)]
pub struct Rehearsal {
    /// Which component.
    pub component: Digest,
    /// How many events the history has.
    pub events: u64,
    /// Whether they agree.
    pub verdict: Verdict,
    /// What the code would ask for next, in words and in its order: what history does not hold yet.
    pub next: Vec<String>,
    /// What the code waits for at the end of history, in words; empty where it ended or history differs.
    pub waits_for: Vec<String>,
    /// What the code would end with, where it would end.
    pub outcome: Option<Outcome>,
    /// What the code would log next.
    pub lines: Vec<(LogLevel, String)>,
}

/// Whether an instance can go on with a component.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Its code does what history says.
    Agrees,
    /// It does something else: here first.
    Differs(Box<Stall>),
    /// It could not be told, for example because the code ran for too long.
    Unsure(String),
}

impl Verdict {
    /// Whether its code does what history says.
    pub fn agrees(&self) -> bool {
        matches!(self, Verdict::Agrees)
    }
}
