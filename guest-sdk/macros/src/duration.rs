//! Durations as text: a whole number and a unit, such as `500ms` or `10m`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Lit, Result};

const UNITS_MS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// An expression for the duration that the text says.
pub(crate) fn expression(literal: &Lit) -> Result<TokenStream> {
    let milliseconds = read(literal)?;
    Ok(quote!(::core::time::Duration::from_millis(#milliseconds)))
}

/// The same, for one that is longer than nothing.
pub(crate) fn positive(literal: &Lit) -> Result<TokenStream> {
    if read(literal)? == 0 {
        let message = "nothing is done within no time: write at least \"1ms\"";
        return Err(Error::new(literal.span(), message));
    }
    expression(literal)
}

fn read(literal: &Lit) -> Result<u64> {
    let read = match literal {
        Lit::Str(text) => milliseconds(&text.value()),
        _ => None,
    };
    let message = "not a duration: write a whole number and one of ms, s, m, h, d, such as \"10s\"";
    read.ok_or_else(|| Error::new(literal.span(), message))
}

fn milliseconds(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, unit_ms) = UNITS_MS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*unit_ms)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        assert_eq!(milliseconds("500ms"), Some(500));
        assert_eq!(milliseconds("10m"), Some(600_000));
        assert_eq!(milliseconds("2d"), Some(172_800_000));
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "1.5s",
            "-1s",
            "5w",
            "99999999999999999d",
        ] {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }
}
