//! `#[workflow]`: an `async fn` gets a type of its own, which implements `Workflow`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Error, ItemFn, Result, Signature, parse_quote};

use crate::activity::marker;
use crate::options::{self, Options};
use crate::signature::{Output, Parameters, description, refuse_odd, refuse_receiver};

const KIND: &str = "a workflow";

pub(crate) fn expand(options: TokenStream, function: ItemFn) -> Result<TokenStream> {
    let options = options::parse(options, &["name", "queries", "updates"])?;
    check(&function.sig)?;
    let marker = marker(&function);
    let implementation = implementation(&options, &function)?;
    Ok(quote!(#marker #implementation))
}

fn check(signature: &Signature) -> Result<()> {
    refuse_receiver(signature, KIND)?;
    refuse_odd(signature, KIND)?;
    if signature.asyncness.is_none() {
        let message = "a workflow is an `async fn`: it awaits what its context does for it";
        return Err(Error::new(signature.fn_token.span(), message));
    }
    Ok(())
}

fn implementation(options: &Options, function: &ItemFn) -> Result<TokenStream> {
    let name = &function.sig.ident;
    let parameters = Parameters::read(&function.sig, "WorkflowContext", KIND)?;
    let output = Output::read(&function.sig.output);
    let check = output.check(KIND, &parse_quote!(Self));
    let wire_name = options.wire_name(&name.to_string());
    let description = description(&function.attrs);
    let (input_type, output_type) = (&parameters.input, &output.value);
    let arguments = parameters.arguments();
    let (queries, updates) = (&options.queries, &options.updates);
    let run = output.as_result(&quote!(Self::call(#arguments).await));
    Ok(quote! {
        #check

        impl ::guest_sdk::Workflow for #name {
            const NAME: &'static str = #wire_name;
            const DESCRIPTION: &'static str = #description;
            type Input = #input_type;
            type Output = #output_type;

            fn queries() -> ::std::vec::Vec<::guest_sdk::macros::AskDefinition> {
                ::std::vec![#(#queries.definition()),*]
            }

            fn updates() -> ::std::vec::Vec<::guest_sdk::macros::AskDefinition> {
                ::std::vec![#(#updates.definition()),*]
            }

            #[allow(unused_variables, reason = "the function may do without them")]
            async fn run(
                __ctx: ::guest_sdk::WorkflowContext,
                __input: Self::Input,
            ) -> ::core::result::Result<Self::Output, ::guest_sdk::Failure> {
                #run
            }
        }
    })
}
