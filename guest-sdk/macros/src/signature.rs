//! What a function takes and returns.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, GenericArgument, Lit, Meta, Path, PathArguments,
    Result, ReturnType, Signature, Type, parse_quote,
};

use crate::actor::named_self;

/// What a function takes besides `self`.
pub(crate) struct Parameters {
    /// Whether the context comes first.
    pub(crate) context: bool,
    /// The type of the input; `()` where there is none.
    pub(crate) input: Type,
    /// Whether there is an input at all.
    pub(crate) has_input: bool,
}

/// What a function returns.
pub(crate) struct Output {
    /// The type of its value.
    pub(crate) value: Type,
    /// Whether it returns a `Result` of it.
    pub(crate) fallible: bool,
}

impl Parameters {
    /// Reads them; `context` is the context's type and `kind` what the function is.
    pub(crate) fn read(signature: &Signature, context: &str, kind: &str) -> Result<Self> {
        let name = context.trim_start_matches('&');
        let mut types = signature.inputs.iter().filter_map(typed).peekable();
        let has_context = match types.next_if(|ty| names(ty, name)) {
            Some(ty) => check_context(ty, context).map(|()| true)?,
            None => false,
        };
        let input = types.next();
        if let Some(extra) = types.next() {
            let message = format!(
                "{kind} takes one input, after its context if it has one: put several values into a struct"
            );
            return Err(Error::new(extra.span(), message));
        }
        Ok(Self {
            context: has_context,
            has_input: input.is_some(),
            input: match input {
                Some(ty) => owned(ty, name, kind)?,
                None => parse_quote!(()),
            },
        })
    }

    /// The arguments of a call of the function, from variables that no author has code named like: where
    /// an activity is called `input`, no variable can be.
    pub(crate) fn arguments(&self) -> TokenStream {
        let context = self.context.then(|| quote!(__ctx,));
        let input = self.has_input.then(|| quote!(__input));
        quote!(#context #input)
    }
}

fn typed(argument: &FnArg) -> Option<&Type> {
    match argument {
        FnArg::Typed(argument) => Some(&argument.ty),
        FnArg::Receiver(_) => None,
    }
}

/// Whether the type is, or refers to, one of that name.
fn names(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Reference(reference) => names(&reference.elem, name),
        Type::Path(path) => last_segment_is(&path.path, name),
        _ => false,
    }
}

/// The context comes as the SDK has it, which a leading `&` in its name says.
fn check_context(ty: &Type, context: &str) -> Result<()> {
    let borrowed = matches!(ty, Type::Reference(reference) if reference.mutability.is_none());
    let owned = matches!(ty, Type::Path(_));
    let fits = if context.starts_with('&') {
        borrowed
    } else {
        owned
    };
    if fits {
        return Ok(());
    }
    let message = format!("the context is a `{context}`");
    Err(Error::new(ty.span(), message))
}

fn last_segment_is(path: &Path, name: &str) -> bool {
    path.segments.last().is_some_and(|last| last.ident == name)
}

fn owned(ty: &Type, context: &str, kind: &str) -> Result<Type> {
    if names(ty, context) {
        let message = format!("{kind} takes its context first");
        return Err(Error::new(ty.span(), message));
    }
    if let Type::Reference(_) = ty {
        let message = format!("{kind} owns its input: take it by value");
        return Err(Error::new(ty.span(), message));
    }
    Ok(ty.clone())
}

impl Output {
    /// Reads it. Only the name tells a `Result` from a value, because a macro sees no types.
    pub(crate) fn read(output: &ReturnType) -> Self {
        let ReturnType::Type(_, ty) = output else {
            let value = parse_quote!(());
            return Self {
                value,
                fallible: false,
            };
        };
        let (value, fallible) = match value_of_result(ty) {
            Some(value) => (value.clone(), true),
            None => ((**ty).clone(), false),
        };
        Self { value, fallible }
    }

    /// Fails to compile where the function returns a `Result` under another name: its failure would pass for
    /// a value. `actor` is what `Self` stands for.
    pub(crate) fn check(&self, kind: &str, actor: &Type) -> TokenStream {
        if self.fallible {
            return TokenStream::new();
        }
        let value = named_self(&self.value, actor);
        let message = format!(
            "{kind} that can fail returns a `Result<_, _>` by that name: a macro sees no type behind another one"
        );
        quote_spanned! {self.value.span()=>
            const _: () = {
                #[allow(unused_imports, reason = "it is the answer for all other types")]
                use ::guest_sdk::macros::NoResult as _;
                ::core::assert!(!::guest_sdk::macros::Returned::<#value>::IS_RESULT, #message);
            };
        }
    }

    /// The result of a call as a `Result` with a `Failure`.
    pub(crate) fn as_result(&self, call: &TokenStream) -> TokenStream {
        if self.fallible {
            quote!(::core::result::Result::map_err(#call, ::core::convert::Into::into))
        } else {
            quote!(::core::result::Result::Ok(#call))
        }
    }
}

fn value_of_result(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) if last.ident == "Result" => {
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
        }
        _ => None,
    }
}

/// Refuses what no function that the host calls may be.
pub(crate) fn refuse_odd(signature: &Signature, kind: &str) -> Result<()> {
    let generics = &signature.generics;
    if !generics.params.is_empty() || generics.where_clause.is_some() {
        let message = format!("{kind} has no generic parameters: the host calls it by name");
        return Err(Error::new(generics.span(), message));
    }
    if let Some(abi) = &signature.abi {
        let message = format!("{kind} is an ordinary Rust function");
        return Err(Error::new(abi.span(), message));
    }
    Ok(())
}

/// Refuses `self`.
pub(crate) fn refuse_receiver(signature: &Signature, kind: &str) -> Result<()> {
    match signature.receiver() {
        Some(receiver) => {
            let message = format!("{kind} is a function of its own, without `self`");
            Err(Error::new(receiver.span(), message))
        }
        None => Ok(()),
    }
}

/// Refuses `async`, because only workflows wait for several things at once.
pub(crate) fn refuse_async(signature: &Signature, kind: &str) -> Result<()> {
    match &signature.asyncness {
        Some(asyncness) => {
            let message = format!("{kind} is not `async`: it may wait like any other code");
            Err(Error::new(asyncness.span(), message))
        }
        None => Ok(()),
    }
}

/// The doc comment, as the manifest's description.
pub(crate) fn description(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes.iter().filter_map(doc_line).collect();
    lines.join("\n").trim().to_owned()
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match &pair.value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) if pair.path.is_ident("doc") => Some(text.value().trim().to_owned()),
        _ => None,
    }
}

/// The doc attributes among all.
pub(crate) fn docs(attributes: &[Attribute]) -> Vec<&Attribute> {
    let docs = attributes.iter().filter(|at| at.path().is_ident("doc"));
    docs.collect()
}
