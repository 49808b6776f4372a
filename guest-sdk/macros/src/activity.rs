//! `#[activity]`: a function gets a type of its own, which implements `Activity`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, ItemFn, Result, Signature, parse_quote};

use crate::options::{self, Options};
use crate::signature::{
    Output, Parameters, description, docs, refuse_async, refuse_odd, refuse_receiver,
};

const KIND: &str = "an activity";
const OPTIONS: [&str; 5] = [
    "name",
    "retry",
    "timeout",
    "schedule_to_close",
    "heartbeat_timeout",
];

pub(crate) fn expand(options: TokenStream, function: ItemFn) -> Result<TokenStream> {
    let options = options::parse(options, &OPTIONS)?;
    check(&function.sig)?;
    let marker = marker(&function);
    let implementation = implementation(&options, &function)?;
    Ok(quote!(#marker #implementation))
}

fn check(signature: &Signature) -> Result<()> {
    refuse_receiver(signature, KIND)?;
    refuse_async(signature, KIND)?;
    refuse_odd(signature, KIND)
}

/// What stands for the function: a type, and in its place a function that makes one. Not a unit struct,
/// because no variable could have the name of one.
pub(crate) fn marker(function: &ItemFn) -> TokenStream {
    let (vis, name) = (&function.vis, &function.sig.ident);
    let docs = docs(&function.attrs);
    let body = body(function);
    quote! {
        #(#docs)*
        #[allow(non_camel_case_types, reason = "it stands for the function of that name")]
        #vis struct #name {}

        #(#docs)*
        #vis fn #name() -> #name {
            #name {}
        }

        impl #name {
            #body
        }
    }
}

/// The function as it was written, under another name.
fn body(function: &ItemFn) -> ItemFn {
    let mut body = function.clone();
    body.sig.ident = Ident::new("call", function.sig.ident.span());
    body.attrs
        .retain(|attribute| !attribute.path().is_ident("doc"));
    let about = "The function itself, for tests and for other code of the plugin.";
    body.attrs.insert(0, parse_quote!(#[doc = #about]));
    body
}

fn implementation(options: &Options, function: &ItemFn) -> Result<TokenStream> {
    let name = &function.sig.ident;
    let parameters = Parameters::read(&function.sig, "&ActivityContext", KIND)?;
    let output = Output::read(&function.sig.output);
    let check = output.check(KIND, &parse_quote!(Self));
    let wire_name = options.wire_name(&name.to_string());
    let description = description(&function.attrs);
    let (retry, timeout) = (optional(&options.retry), optional(&options.timeout));
    let schedule_to_close = optional(&options.schedule_to_close);
    let heartbeat_timeout = optional(&options.heartbeat_timeout);
    let (input_type, output_type) = (&parameters.input, &output.value);
    let arguments = parameters.arguments();
    let run = output.as_result(&quote!(Self::call(#arguments)));
    Ok(quote! {
        #check

        impl ::guest_sdk::Activity for #name {
            const NAME: &'static str = #wire_name;
            const DESCRIPTION: &'static str = #description;
            const RETRY: ::core::option::Option<::guest_sdk::RetryPolicy> = #retry;
            const TIMEOUT: ::core::option::Option<::core::time::Duration> = #timeout;
            const SCHEDULE_TO_CLOSE: ::core::option::Option<::core::time::Duration> =
                #schedule_to_close;
            const HEARTBEAT_TIMEOUT: ::core::option::Option<::core::time::Duration> =
                #heartbeat_timeout;
            type Input = #input_type;
            type Output = #output_type;

            #[allow(unused_variables, reason = "the function may do without them")]
            fn run(
                __ctx: &::guest_sdk::ActivityContext,
                __input: Self::Input,
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
