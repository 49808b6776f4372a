//! `export!`: the names in a plugin lead to their code.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, LitStr, Path, Result, Token, bracketed};

/// What a plugin brings.
#[derive(Default)]
pub(crate) struct Export {
    name: Option<LitStr>,
    version: Option<LitStr>,
    workflows: Vec<Path>,
    actors: Vec<Path>,
    activities: Vec<Path>,
    example: Option<Example>,
}

struct Example {
    workflow: Path,
    id: LitStr,
    input: Expr,
}

impl Parse for Export {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut export = Self::default();
        let mut seen = Vec::new();
        while !input.is_empty() {
            let entry: Ident = input.parse()?;
            if seen.contains(&entry) {
                return Err(Error::new(entry.span(), "this entry was given already"));
            }
            input.parse::<Token![:]>()?;
            export.read(&entry, input)?;
            seen.push(entry);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(export)
    }
}

impl Export {
    fn read(&mut self, entry: &Ident, input: ParseStream<'_>) -> Result<()> {
        match entry.to_string().as_str() {
            "name" => self.name = Some(input.parse()?),
            "version" => self.version = Some(input.parse()?),
            "workflows" => self.workflows = paths(input)?,
            "actors" => self.actors = paths(input)?,
            "activities" => self.activities = paths(input)?,
            "example" => self.example = Some(input.parse()?),
            _ => {
                let message = "unknown entry: it can be workflows, actors, activities, example, name, version";
                return Err(Error::new(entry.span(), message));
            }
        }
        Ok(())
    }
}

fn paths(input: ParseStream<'_>) -> Result<Vec<Path>> {
    let list;
    bracketed!(list in input);
    let paths = Punctuated::<Path, Token![,]>::parse_terminated(&list)?;
    Ok(paths.into_iter().collect())
}

impl Parse for Example {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let workflow = input.parse()?;
        input.parse::<Token![,]>()?;
        let id = input.parse()?;
        input.parse::<Token![,]>()?;
        let input = input.parse()?;
        Ok(Self {
            workflow,
            id,
            input,
        })
    }
}

pub(crate) fn expand(export: &Export) -> TokenStream {
    let Export {
        workflows,
        actors,
        activities,
        ..
    } = export;
    let workflows = distinct(&names(workflows, "Workflow", "NAME"), "workflows");
    let actors = distinct(&names(actors, "Actor", "TYPE"), "actor types");
    let activities = distinct(&names(activities, "Activity", "NAME"), "activities");
    let plugin = plugin(export);
    quote! {
        const _: () = {
            struct Plugin;
            #plugin
            #workflows
            #actors
            #activities
            ::guest_sdk::macros::export_plugin!(Plugin);
        };
    }
}

/// The names that the host knows, as constants.
fn names(paths: &[Path], role: &str, constant: &str) -> Vec<TokenStream> {
    let (role, constant) = (format_ident!("{role}"), format_ident!("{constant}"));
    let name = |path| quote!(<#path as ::guest_sdk::#role>::#constant);
    paths.iter().map(name).collect()
}

/// Fails to compile where two names are the same.
fn distinct(names: &[TokenStream], what: &str) -> TokenStream {
    let message = format!("two {what} have the same name");
    quote!(::core::assert!(::guest_sdk::macros::are_distinct(&[#(#names),*]), #message);)
}

fn plugin(export: &Export) -> TokenStream {
    let describe = describe(export);
    let run_workflow = arms(
        &export.workflows,
        ["Workflow", "NAME"],
        "run_workflow",
        quote!(input),
    );
    let run_activity = arms(
        &export.activities,
        ["Activity", "NAME"],
        "run_activity",
        quote!(input),
    );
    let activate = arms(&export.actors, ["Actor", "TYPE"], "activate", quote!(id));
    let deactivate = arms(&export.actors, ["Actor", "TYPE"], "deactivate", quote!(id));
    let invoke = arms(
        &export.actors,
        ["Actor", "TYPE"],
        "invoke",
        quote!(id, method, input),
    );
    quote! {
        #[allow(unused_variables, reason = "a plugin need not bring every kind of code")]
        impl ::guest_sdk::macros::Plugin for Plugin {
            fn describe() -> ::guest_sdk::macros::Manifest {
                #describe
            }

            fn run_workflow(
                name: &str,
                input: &[u8],
            ) -> ::guest_sdk::macros::Found<::std::vec::Vec<u8>> {
                match name { #run_workflow }
            }

            fn run_activity(
                name: &str,
                input: &[u8],
            ) -> ::guest_sdk::macros::Found<::std::vec::Vec<u8>> {
                match name { #run_activity }
            }

            fn activate(
                actor_type: &str,
                id: ::std::string::String,
            ) -> ::guest_sdk::macros::Found<()> {
                match actor_type { #activate }
            }

            fn deactivate(
                actor_type: &str,
                id: ::std::string::String,
            ) -> ::guest_sdk::macros::Found<()> {
                match actor_type { #deactivate }
            }

            fn invoke(
                actor_type: &str,
                id: ::std::string::String,
                method: &str,
                input: &[u8],
            ) -> ::guest_sdk::macros::Found<::std::vec::Vec<u8>> {
                match actor_type { #invoke }
            }
        }
    }
}

/// Leads each name to one of the SDK's functions, for the type of that name.
fn arms(
    paths: &[Path],
    [role, constant]: [&str; 2],
    function: &str,
    arguments: TokenStream,
) -> TokenStream {
    let names = names(paths, role, constant);
    let function = format_ident!("{function}");
    quote! {
        #(#names => ::core::option::Option::Some(
            ::guest_sdk::macros::#function::<#paths>(#arguments)
        ),)*
        _ => ::core::option::Option::None,
    }
}

/// The name and the version are those of the package in which `export!` stands.
fn describe(export: &Export) -> TokenStream {
    let Export {
        workflows,
        actors,
        activities,
        ..
    } = export;
    let name = or_else(&export.name, quote!(::core::env!("CARGO_PKG_NAME")));
    let version = or_else(&export.version, quote!(::core::env!("CARGO_PKG_VERSION")));
    let example = export.example.as_ref().map(|example| {
        let Example {
            workflow,
            id,
            input,
        } = example;
        quote!(.example(#workflow, #id, #input))
    });
    quote! {
        ::guest_sdk::macros::Manifest::new(#name, #version)
            #(.workflow(#workflows))*
            #(.actor::<#actors>())*
            #(.activity(#activities))*
            #example
    }
}

fn or_else(text: &Option<LitStr>, default: TokenStream) -> TokenStream {
    match text {
        Some(text) => quote!(#text),
        None => default,
    }
}
