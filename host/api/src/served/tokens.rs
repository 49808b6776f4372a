//! Tokens by which whoever runs the host is known: read from a file, kept as digests.
//!
//! Knows nothing of requests.

use std::path::Path;

/// Shortest token, in bytes; a shorter one can be guessed.
pub const TOKEN_BYTES_MIN: usize = 16;

/// A file of tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// It cannot be read.
    #[error("{0}")]
    Read(#[from] std::io::Error),
    /// It holds none.
    #[error(
        "it holds no token; write one in a line, for example what \"openssl rand -hex 32\" prints"
    )]
    None,
    /// One can be guessed.
    #[error("the token in line {0} has fewer than {TOKEN_BYTES_MIN} bytes and can be guessed")]
    Short(usize),
}

/// The tokens of whoever runs the host.
#[derive(Clone, Debug, Default)]
pub struct Tokens(Vec<blake3::Hash>);

impl Tokens {
    /// Those in a file: one in each line; lines that are empty or begin with # do not count.
    ///
    /// # Errors
    /// See [`TokensError`]; the operator must mend the file.
    pub fn read(file: &Path) -> Result<Tokens, TokensError> {
        parse(&std::fs::read_to_string(file)?)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is one of them.
    pub(super) fn hold(&self, token: &str) -> bool {
        let digest = blake3::hash(token.as_bytes());
        // Each digest is compared in constant time, and all are: how long it takes tells nothing.
        self.0
            .iter()
            .fold(false, |found, one| found | (*one == digest))
    }
}

fn parse(text: &str) -> Result<Tokens, TokensError> {
    let lines = text.lines().map(str::trim).enumerate();
    let tokens = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let digest = |(index, token): (usize, &str)| match token.len() < TOKEN_BYTES_MIN {
        true => Err(TokensError::Short(index + 1)),
        false => Ok(blake3::hash(token.as_bytes())),
    };
    let digests: Vec<_> = tokens.map(digest).collect::<Result<_, _>>()?;
    match digests.is_empty() {
        true => Err(TokensError::None),
        false => Ok(Tokens(digests)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_in_a_line_of_its_own_is_a_token() {
        let tokens = parse("# of the shop\n0123456789abcdef\n\n  fedcba9876543210 \n").unwrap();
        assert!(tokens.hold("0123456789abcdef") && tokens.hold("fedcba9876543210"));
        assert!(!tokens.hold("0123456789abcdeF") && !tokens.hold("# of the shop"));
        assert!(!Tokens::default().hold(""));
    }

    #[test]
    fn a_file_without_a_token_or_with_one_that_can_be_guessed_is_refused() {
        assert!(matches!(parse("# none\n"), Err(TokensError::None)));
        let short = parse("0123456789abcdef\nsecret\n").unwrap_err();
        assert!(short.to_string().contains("line 2"), "{short}");
    }
}
