//! What clients mean who ask for something of an actor.
//!
//! Knows neither HTTP nor gRPC.

use serde::de::IgnoredAny;

/// Dapr's JavaScript client sends a list of what a method is called with, whose methods may take several
/// arguments. Methods of plugins take one input: this is the only one in such a list, if there is only one.
pub(crate) fn sole_argument(list: &[u8]) -> Option<&[u8]> {
    serde_json::from_slice::<[IgnoredAny; 1]>(list).ok()?;
    let inside = list.trim_ascii().strip_prefix(b"[")?.strip_suffix(b"]")?;
    Some(inside.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_argument_is_taken_out_of_its_list_as_it_is() {
        let sole = |list: &str| sole_argument(list.as_bytes()).map(<[u8]>::to_vec);
        assert_eq!(sole(r#" [ {"a": 1.0} ] "#), Some(br#"{"a": 1.0}"#.to_vec()));
        assert_eq!(sole("[[1,2]]"), Some(b"[1,2]".to_vec()));
        for other in ["", "[]", "[1,2]", "1", "[1", "[1,]", "{}"] {
            assert_eq!(sole(other), None, "{other}");
        }
    }
}
