//! One value of an actor's state as it lies on disk: its bytes, and until when they are there.
//!
//! A value is JSON, which is text, and no text begins with the bytes that mark another form:
//!
//! | first byte | what follows |
//! |---|---|
//! | `ff` | when it expires u64, big-endian, then the value |
//! | `fe` | the value, which begins with `fe` or `ff` though it is no text |
//! | any other | the value begins here |

use host_base::{Payload, Timestamp};

const EXPIRES: u8 = 0xff;
const PLAIN: u8 = 0xfe;
const TIME_BYTES: usize = size_of::<u64>();

/// One value of an actor's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateValue {
    /// What it is.
    pub bytes: Payload,
    /// From when on it is not there any more; none: it stays.
    pub expires: Option<Timestamp>,
}

impl StateValue {
    /// Whether it is still there at that time.
    pub fn is_there(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    pub(crate) fn encode(self) -> Vec<u8> {
        match (self.expires, self.bytes.first()) {
            (Some(Timestamp(expires)), _) => {
                [&[EXPIRES], &expires.to_be_bytes()[..], &self.bytes].concat()
            }
            (None, Some(&(EXPIRES | PLAIN))) => [&[PLAIN], &self.bytes[..]].concat(),
            (None, _) => self.bytes,
        }
    }

    /// None where it has no such form.
    pub(crate) fn decode(stored: &[u8]) -> Option<StateValue> {
        let (bytes, expires) = match stored.split_first() {
            Some((&EXPIRES, rest)) => {
                let (expires, bytes) = rest.split_first_chunk::<TIME_BYTES>()?;
                (bytes, Some(Timestamp(u64::from_be_bytes(*expires))))
            }
            Some((&PLAIN, bytes)) => (bytes, None),
            _ => (stored, None),
        };
        let bytes = bytes.to_vec();
        Some(StateValue { bytes, expires })
    }
}

impl From<Payload> for StateValue {
    fn from(bytes: Payload) -> StateValue {
        let expires = None;
        StateValue { bytes, expires }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_written_is_read_again(
            first in proptest::option::of(prop_oneof![Just(0xff), Just(0xfe), any::<u8>()]),
            rest: Vec<u8>,
            expires: Option<u64>,
        ) {
            let bytes = first.into_iter().chain(rest).collect();
            let value = StateValue { bytes, expires: expires.map(Timestamp) };
            prop_assert_eq!(StateValue::decode(&value.clone().encode()), Some(value));
        }
    }

    #[test]
    fn json_is_stored_as_it_is_and_a_time_that_is_cut_off_is_refused() {
        let json = StateValue::from(b"{}".to_vec());
        assert_eq!(json.encode(), b"{}");
        assert_eq!(StateValue::decode(b"\xff1234567"), None);
    }

    #[test]
    fn a_value_is_gone_from_the_time_on_that_was_set() {
        let value = StateValue {
            expires: Some(Timestamp(5)),
            ..StateValue::default()
        };
        assert!(value.is_there(Timestamp(4)) && !value.is_there(Timestamp(5)));
    }
}
