//! The options in the parentheses of an attribute.

use std::ops::RangeInclusive;

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::{ParseNestedMeta, parser};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::token::{Bracket, Paren};
use syn::{Lit, LitStr, Path, Result, Token, bracketed, parenthesized};

use crate::duration;

/// How often one chain of calls may be in an actor that says `reentrant` and no more.
const DEPTH_DEFAULT: u32 = 32;

/// What `#[activity]`, `#[workflow]`, `#[actor]` and `#[method]` may say.
#[derive(Default)]
pub(crate) struct Options {
    /// Instead of the item's own name.
    pub(crate) name: Option<LitStr>,
    /// An expression for a `Duration`.
    pub(crate) timeout: Option<TokenStream>,
    /// An expression for a `Duration`.
    pub(crate) schedule_to_close: Option<TokenStream>,
    /// An expression for a `Duration`.
    pub(crate) heartbeat_timeout: Option<TokenStream>,
    /// An expression for a `Duration`.
    pub(crate) idle: Option<TokenStream>,
    /// An expression for a `RetryPolicy`.
    pub(crate) retry: Option<TokenStream>,
    /// Constants of type `Query`.
    pub(crate) queries: Vec<Path>,
    /// Constants of type `Update`.
    pub(crate) updates: Vec<Path>,
    /// An expression for how deep.
    pub(crate) reentrant: Option<TokenStream>,
    /// Whether the method only reads.
    pub(crate) read_only: bool,
}

/// Reads options, of which `allowed` may occur, each once.
pub(crate) fn parse(tokens: TokenStream, allowed: &[&str]) -> Result<Options> {
    let mut options = Options::default();
    let mut seen = Vec::new();
    parser(|meta| {
        let name = known_name(&meta, allowed, &mut seen)?;
        options.read(&name, &meta)
    })
    .parse2(tokens)?;
    Ok(options)
}

impl Options {
    /// The name that the host knows, for an item of that name.
    pub(crate) fn wire_name(&self, item: &str) -> String {
        let name = self.name.as_ref().map(LitStr::value);
        name.unwrap_or_else(|| item.trim_start_matches("r#").to_owned())
    }

    fn read(&mut self, name: &str, meta: &ParseNestedMeta<'_>) -> Result<()> {
        match name {
            "name" => self.name = Some(text(meta)?),
            "timeout" => self.timeout = Some(limit(meta)?),
            "schedule_to_close" => self.schedule_to_close = Some(limit(meta)?),
            "heartbeat_timeout" => self.heartbeat_timeout = Some(limit(meta)?),
            "idle" => self.idle = Some(duration(meta)?),
            "queries" => self.queries = paths(meta)?,
            "updates" => self.updates = paths(meta)?,
            "retry" => self.retry = Some(retry(meta)?),
            "read_only" => {
                refuse_value(meta, "it stands alone: `read_only`")?;
                self.read_only = true;
            }
            "reentrant" => self.reentrant = Some(reentrant(meta)?),
            other => unreachable!("`{other}` is not among the allowed names"),
        }
        Ok(())
    }
}

/// The option's name, unless it is not allowed or comes again.
fn known_name(
    meta: &ParseNestedMeta<'_>,
    allowed: &[&str],
    seen: &mut Vec<String>,
) -> Result<String> {
    let name = meta.path.get_ident().map(ToString::to_string);
    let name = name.filter(|name| allowed.contains(&name.as_str()));
    let name = name.ok_or_else(|| meta.error(unknown(allowed)))?;
    if seen.contains(&name) {
        return Err(meta.error("this option was given already"));
    }
    seen.push(name.clone());
    Ok(name)
}

fn unknown(allowed: &[&str]) -> String {
    format!("unknown option: it can be {}", allowed.join(", "))
}

fn text(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    let text: LitStr = meta.value()?.parse()?;
    if text.value().is_empty() {
        return Err(syn::Error::new(text.span(), "a name is not empty"));
    }
    Ok(text)
}

fn paths(meta: &ParseNestedMeta<'_>) -> Result<Vec<Path>> {
    let list;
    parenthesized!(list in meta.input);
    let paths = Punctuated::<Path, Token![,]>::parse_terminated(&list)?;
    Ok(paths.into_iter().collect())
}

fn duration(meta: &ParseNestedMeta<'_>) -> Result<TokenStream> {
    duration::expression(&meta.value()?.parse()?)
}

/// A time in which something can be done.
fn limit(meta: &ParseNestedMeta<'_>) -> Result<TokenStream> {
    duration::positive(&meta.value()?.parse()?)
}

/// `reentrant` alone is as deep as most need; `reentrant(depth = 4)` says how deep.
fn reentrant(meta: &ParseNestedMeta<'_>) -> Result<TokenStream> {
    let mut depth = DEPTH_DEFAULT;
    refuse_value(
        meta,
        "how deep stands in parentheses: `reentrant(depth = 4)`",
    )?;
    if meta.input.peek(Paren) {
        meta.parse_nested_meta(|meta| {
            known_name(&meta, &["depth"], &mut Vec::new())?;
            let message = "a call is in the actor at least once: write 1 or more";
            depth = count(&meta.value()?.parse()?, message)?;
            Ok(())
        })?;
    }
    Ok(quote!(#depth))
}

/// Refuses `name = ...` where that says nothing.
fn refuse_value(meta: &ParseNestedMeta<'_>, message: &str) -> Result<()> {
    match meta.input.peek(Token![=]) {
        true => Err(meta.error(message)),
        false => Ok(()),
    }
}

/// A number that is not 0.
fn count(literal: &Lit, message: &str) -> Result<u32> {
    let number = match literal {
        Lit::Int(number) => number.base10_parse().ok(),
        _ => None,
    };
    let number = number.filter(|number| *number > 0);
    number.ok_or_else(|| syn::Error::new(literal.span(), message))
}

/// What is not said comes from the default policy.
fn retry(meta: &ParseNestedMeta<'_>) -> Result<TokenStream> {
    let allowed = [
        "max_attempts",
        "first_interval",
        "coefficient",
        "max_interval",
        "jitter",
        "non_retryable",
    ];
    refuse_value(
        meta,
        "what is said of it stands in parentheses: `retry(max_attempts = 3)`",
    )?;
    let (mut seen, mut fields) = (Vec::new(), TokenStream::new());
    meta.parse_nested_meta(|meta| {
        fields.extend(match known_name(&meta, &allowed, &mut seen)?.as_str() {
            "max_attempts" => max_attempts(&meta)?,
            "coefficient" => coefficient(&meta)?,
            "jitter" => jitter(&meta)?,
            "non_retryable" => codes(&meta)?,
            "first_interval" => field(quote!(first_interval), duration(&meta)?),
            _ => field(quote!(max_interval), duration(&meta)?),
        });
        Ok(())
    })?;
    Ok(quote!(::guest_sdk::RetryPolicy { #fields ..::guest_sdk::RetryPolicy::DEFAULT }))
}

fn field(name: TokenStream, value: TokenStream) -> TokenStream {
    quote!(#name: #value,)
}

/// Until one works, or until `schedule_to_close` is over, where they are unlimited.
fn max_attempts(meta: &ParseNestedMeta<'_>) -> Result<TokenStream> {
    let literal: Lit = meta.value()?.parse()?;
    let message = "write a number of attempts, 1 or more, or \"unlimited\"";
    let attempts = match &literal {
        Lit::Str(word) if word.value() == "unlimited" => u32::MAX,
        literal => count(literal, message)?,
    };
    Ok(field(quote!(max_attempts), quote!(#attempts)))
}

fn coefficient(meta: &ParseNestedMeta<'_>) -> Result<TokenStream> {
    let message = "each wait is at least as long as the one before: write 1.0 or more";
    let number = number(meta, 1.0..=f64::MAX, message)?;
    Ok(field(quote!(coefficient), number))
}

fn jitter(meta: &ParseNestedMeta<'_>) -> Result<TokenStream> {
    let message = "it is a part of the wait: write a number from 0.0 to 1.0";
    let number = number(meta, 0.0..=1.0, message)?;
    Ok(field(quote!(jitter), number))
}

/// A number, with or without a point, within a range.
fn number(
    meta: &ParseNestedMeta<'_>,
    range: RangeInclusive<f64>,
    message: &str,
) -> Result<TokenStream> {
    let literal: Lit = meta.value()?.parse()?;
    let number = match &literal {
        Lit::Float(number) => number.base10_parse().ok(),
        Lit::Int(number) => number.base10_parse().ok(),
        _ => None,
    };
    match number.filter(|number| range.contains(number)) {
        Some(number) => Ok(quote!(#number)),
        None => Err(syn::Error::new(literal.span(), message)),
    }
}

fn codes(meta: &ParseNestedMeta<'_>) -> Result<TokenStream> {
    let stream = meta.value()?;
    if !stream.peek(Bracket) {
        return Err(stream.error("the codes are a list: `non_retryable = [\"sold-out\"]`"));
    }
    let listed;
    bracketed!(listed in stream);
    let codes = Punctuated::<LitStr, Token![,]>::parse_terminated(&listed)?;
    Ok(field(quote!(non_retryable), quote!(&[#codes])))
}
