//! State values as a turn writes them, whoever asks for it.

use std::time::Duration;

use host_base::{Limits, Payload};
use host_engine::Interrupt;
use host_store::StateValue;

use crate::actor::turn::Turn;
use crate::limits;

/// Writes a value, or deletes the one that is there. It expires after `ttl`, counted from the turn's time.
pub(crate) fn write(
    limits: &Limits,
    turn: &mut Turn,
    key: &str,
    value: Option<Payload>,
    ttl: Option<Duration>,
) -> Result<(), Interrupt> {
    let max = limits.turn_writes_max;
    limits::check_state_key(key)?;
    if let Some(value) = &value {
        limits::check_payload(limits, "a state value", value)?;
    }
    let expires = ttl.map(|ttl| turn.now.after(ttl));
    let writes = turn.writes();
    let state = &mut writes.state;
    if state.len() >= max && !state.contains_key(key) {
        let text = format!("a turn may write {max} keys (`turn_writes_max`)");
        return Err(Interrupt(text));
    }
    let before = state.get(key).and_then(Option::as_ref);
    // What was written before under the key is replaced, and counts no more.
    writes.bytes -= before.map_or(0, |value| value.bytes.len());
    let bytes = value.as_ref().map_or(0, Vec::len);
    limits::take_bytes(limits, &mut writes.bytes, bytes)?;
    let value = value.map(|bytes| StateValue { bytes, expires });
    state.insert(key.to_owned(), value);
    Ok(())
}
