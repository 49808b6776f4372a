//! The key by which a request that is repeated is known as such, as its header bears it.
//!
//! Knows nothing of what is asked for.

use axum::http::HeaderMap;

/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 255;
const HEADER: &str = "idempotency-key";

/// The header is there and bears no key.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the header Idempotency-Key must be 1 to {KEY_BYTES_MAX} visible ASCII characters")]
pub(crate) struct NoKey;

/// The key that a request bears, if it bears one.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<&str>, NoKey> {
    let key = headers.get(HEADER).map(|key| {
        let text = key.to_str().ok();
        let text = text.filter(|text| !text.is_empty() && text.len() <= KEY_BYTES_MAX);
        let text = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
        text.ok_or(NoKey)
    });
    key.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_and_not_too_long() {
        let key = |text: &str| {
            let headers = HeaderMap::from_iter([(HEADER.parse().unwrap(), text.parse().unwrap())]);
            key(&headers).map(|key| key.map(str::to_owned))
        };
        assert_eq!(super::key(&HeaderMap::new()), Ok(None));
        let longest = "k".repeat(KEY_BYTES_MAX);
        assert_eq!(key(&longest), Ok(Some(longest.clone())));
        for none in ["", "a b", "é", &format!("{longest}k")] {
            assert_eq!(key(none), Err(NoKey), "{none}");
        }
    }
}
