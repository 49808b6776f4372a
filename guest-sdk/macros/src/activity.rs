//! `#[activity]`: a function becomes a value of a type of its own, which implements `Activity`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, ItemFn, Result, Signature, Type, Visibility};

use crate::options::{self, Options};
use crate::signature::{
    Output, Parameters, description, docs, refuse_async, refuse_odd, refuse_receiver,
};

const KIND: &str = "an activity";

pub(crate) fn expand(options: TokenStream, function: ItemFn) -> Result<TokenStream> {
    let options = options::parse(options, &["name", "retry", "timeout"])?;
    check(&function.sig)?;
    let marker = marker(&function);
    let callable = callable(&function);
    let implementation = implementation(&options, &function)?;
    Ok(quote!(#marker #callable #implementation))
}

fn check(signature: &Signature) -> Result<()> {
    refuse_receiver(signature, KIND)?;
    refuse_async(signature, KIND)?;
    refuse_odd(signature, KIND)
}

/// The type that stands for the function.
pub(crate) fn marker(function: &ItemFn) -> TokenStream {
    let (vis, name, docs) = (&function.vis, &function.sig.ident, docs(&function.attrs));
    quote! {
        #(#docs)*
        #[allow(non_camel_case_types, reason = "it stands for the function of that name")]
        #[derive(Clone, Copy)]
        #vis struct #name;
    }
}

/// The function itself, to be put where nobody else sees it.
pub(crate) fn body(function: &ItemFn) -> ItemFn {
    let mut body = function.clone();
    body.vis = Visibility::Inherited;
    body.attrs
        .retain(|attribute| !attribute.path().is_ident("doc"));
    body
}

/// Lets the author go on calling it as a function, in tests above all.
fn callable(function: &ItemFn) -> TokenStream {
    let (name, output) = (&function.sig.ident, &function.sig.output);
    let types = function.sig.inputs.iter().map(type_of);
    let pointer = quote!(fn(#(#types),*) #output);
    let body = body(function);
    quote! {
        impl ::core::ops::Deref for #name {
            type Target = #pointer;

            fn deref(&self) -> &Self::Target {
                #body
                const BODY: #pointer = #name;
                &BODY
            }
        }
    }
}

fn type_of(argument: &FnArg) -> &Type {
    match argument {
        FnArg::Typed(argument) => &argument.ty,
        FnArg::Receiver(receiver) => unreachable!("{:?} was refused", receiver.self_token.span),
    }
}

fn implementation(options: &Options, function: &ItemFn) -> Result<TokenStream> {
    let name = &function.sig.ident;
    let parameters = Parameters::read(&function.sig, "&ActivityContext", KIND)?;
    let output = Output::read(&function.sig.output);
    let wire_name = options.wire_name(&name.to_string());
    let description = description(&function.attrs);
    let (retry, timeout) = (optional(&options.retry), optional(&options.timeout));
    let (input_type, output_type) = (&parameters.input, &output.value);
    let arguments = parameters.arguments();
    let run = output.as_result(&quote!((*#name)(#arguments)));
    Ok(quote! {
        impl ::guest_sdk::Activity for #name {
            const NAME: &'static str = #wire_name;
            const DESCRIPTION: &'static str = #description;
            const RETRY: ::core::option::Option<::guest_sdk::RetryPolicy> = #retry;
            const TIMEOUT: ::core::option::Option<::core::time::Duration> = #timeout;
            type Input = #input_type;
            type Output = #output_type;

            #[allow(unused_variables, reason = "the function may do without them")]
            fn run(
                ctx: &::guest_sdk::ActivityContext,
                input: Self::Input,
            ) -> ::core::result::Result<Self::Output, ::guest_sdk::Failure> {
                #run
            }
        }
    })
}

/// The expression of an `Option`.
pub(crate) fn optional(expression: &Option<TokenStream>) -> TokenStream {
    match expression {
        Some(expression) => quote!(::core::option::Option::Some(#expression)),
        None => quote!(::core::option::Option::None),
    }
}
