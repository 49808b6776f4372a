//! Tokens by which callers are known: read from a file, kept as digests.
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

/// The tokens that are taken; without any, everybody is let in.
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

    /// Whether nobody is asked for a token.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether who brings this is let in.
    pub(super) fn allow(&self, token: Option<&str>) -> bool {
        // Digests are compared in constant time: how long it takes tells nothing.
        let known = |token: &str| self.0.contains(&blake3::hash(token.as_bytes()));
        self.is_empty() || token.is_some_and(known)
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
    fn only_who_brings_one_of_the_tokens_is_let_in() {
        let tokens = parse("# of the shop\n0123456789abcdef\n\n  fedcba9876543210 \n").unwrap();
        assert!(tokens.allow(Some("0123456789abcdef")) && tokens.allow(Some("fedcba9876543210")));
        assert!(!tokens.allow(Some("0123456789abcdeF")) && !tokens.allow(None));
        assert!(!tokens.allow(Some("# of the shop")));
        assert!(Tokens::default().allow(None));
    }

    #[test]
    fn a_file_without_a_token_or_with_one_that_can_be_guessed_is_refused() {
        assert!(matches!(parse("# none\n"), Err(TokensError::None)));
        let short = parse("0123456789abcdef\nsecret\n").unwrap_err();
        assert!(short.to_string().contains("line 2"), "{short}");
    }
}
