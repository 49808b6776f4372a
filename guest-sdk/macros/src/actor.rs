//! `#[actor]`: the state's type implements `Actor`, and gets a client with a function per method.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Ident, ImplItem, ImplItemFn, ItemImpl, Meta, PathArguments, ReceiverKind,
    Result, Signature, Type,
};

use crate::activity::optional;
use crate::options::{self, Options};
use crate::signature::{Output, Parameters, description, docs, refuse_async, refuse_odd};

const CONTEXT: &str = "&ActorContext";
const KIND: &str = "a method";

pub(crate) fn expand(options: TokenStream, mut block: ItemImpl) -> Result<TokenStream> {
    let options = options::parse(options, &["name", "idle", "reentrant"])?;
    let name = state_name(&block)?;
    let marked = take_marked(&mut block)?;
    refuse_duplicates(&marked.methods)?;
    let client_name = format_ident!("{name}Client");
    let client = client(&block.self_ty, &client_name, &marked.methods);
    let implementation = implementation(&options, &block, &name, &client_name, &marked);
    let outputs = marked.methods.iter();
    let checks = outputs.map(|method| method.output.check(KIND, &block.self_ty));
    Ok(quote!(#block #client #implementation #(#checks)*))
}

/// The name of the state's type, in an inherent `impl` without generics.
fn state_name(block: &ItemImpl) -> Result<Ident> {
    if let Some((path, _)) = &block.trait_ {
        let message = "`#[actor]` stands on the type's own `impl` block, not on one of a trait";
        return Err(Error::new(path.span(), message));
    }
    let last = match &*block.self_ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    };
    let plain = last.filter(|last| matches!(last.arguments, PathArguments::None));
    match plain {
        Some(last) if block.generics.params.is_empty() => Ok(last.ident.clone()),
        _ => {
            let message = "an actor is a struct or an enum without generic parameters";
            Err(Error::new(block.self_ty.span(), message))
        }
    }
}

/// What is marked in the block.
struct Marked {
    methods: Vec<Method>,
    activate: Option<Hook>,
    deactivate: Option<Hook>,
}

/// What can be called.
struct Method {
    name: Ident,
    wire_name: String,
    description: String,
    docs: Vec<Attribute>,
    changes: bool,
    read_only: bool,
    parameters: Parameters,
    output: Output,
}

/// What runs when the actor becomes active.
struct Hook {
    name: Ident,
    parameters: Parameters,
    output: Output,
}

/// Finds the marks and takes them off.
fn take_marked(block: &mut ItemImpl) -> Result<Marked> {
    let (mut methods, mut activate, mut deactivate) = (Vec::new(), None, None);
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else {
            continue;
        };
        if let Some(mark) = take_mark(function, "method") {
            methods.push(method(function, &mark)?);
        } else if let Some(mark) = take_mark(function, "activate") {
            put_hook(&mut activate, function, &mark, "activate")?;
        } else if let Some(mark) = take_mark(function, "deactivate") {
            put_hook(&mut deactivate, function, &mark, "deactivate")?;
        }
    }
    Ok(Marked {
        methods,
        activate,
        deactivate,
    })
}

fn put_hook(
    place: &mut Option<Hook>,
    function: &ImplItemFn,
    mark: &Attribute,
    name: &str,
) -> Result<()> {
    if place.is_some() {
        let message = format!("an actor has one `#[{name}]` at most");
        return Err(Error::new(mark.span(), message));
    }
    *place = Some(hook(function)?);
    Ok(())
}

fn take_mark(function: &mut ImplItemFn, name: &str) -> Option<Attribute> {
    let is_mark = |attribute: &Attribute| attribute.path().is_ident(name);
    let index = function.attrs.iter().position(is_mark)?;
    Some(function.attrs.remove(index))
}

fn method(function: &ImplItemFn, mark: &Attribute) -> Result<Method> {
    let options = options::parse(mark_options(mark)?, &["name", "read_only"])?;
    let signature = &function.sig;
    let changes = check(signature, KIND)?;
    if changes && options.read_only {
        let message = "a method that only reads borrows the actor's state as `&self`";
        return Err(Error::new(signature.ident.span(), message));
    }
    refuse_reserved(signature)?;
    Ok(Method {
        name: signature.ident.clone(),
        wire_name: options.wire_name(&pascal_case(&signature.ident.to_string())),
        description: description(&function.attrs),
        docs: docs(&function.attrs).into_iter().cloned().collect(),
        changes,
        read_only: options.read_only,
        parameters: Parameters::read(signature, CONTEXT, KIND)?,
        output: Output::read(&signature.output),
    })
}

fn refuse_reserved(signature: &Signature) -> Result<()> {
    let reserved = ["one_way", "timeout", "later"];
    match reserved.iter().find(|name| signature.ident == name) {
        Some(name) => {
            let message =
                format!("`{name}` is a function of every client: call the method otherwise");
            Err(Error::new(signature.ident.span(), message))
        }
        None => Ok(()),
    }
}

fn mark_options(mark: &Attribute) -> Result<TokenStream> {
    match &mark.meta {
        Meta::List(list) => Ok(list.tokens.clone()),
        Meta::Path(_) => Ok(TokenStream::new()),
        Meta::NameValue(pair) => {
            let message = "options stand in parentheses: `#[method(name = \"...\")]`";
            Err(Error::new(pair.span(), message))
        }
    }
}

fn hook(function: &ImplItemFn) -> Result<Hook> {
    const KIND: &str = "a hook";
    let signature = &function.sig;
    check(signature, KIND)?;
    let parameters = Parameters::read(signature, CONTEXT, KIND)?;
    if parameters.has_input {
        let message = "a hook takes nothing but its context";
        return Err(Error::new(parameters.input.span(), message));
    }
    Ok(Hook {
        name: signature.ident.clone(),
        parameters,
        output: Output::read(&signature.output),
    })
}

/// Checks the function and says whether it may change the state.
fn check(signature: &Signature, kind: &str) -> Result<bool> {
    refuse_async(signature, kind)?;
    refuse_odd(signature, kind)?;
    let Some(receiver) = signature.receiver() else {
        let message = format!("{kind} takes the actor's state first: `&self` or `&mut self`");
        return Err(Error::new(signature.ident.span(), message));
    };
    match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => Ok(mutability.is_some()),
        _ => {
            let message = format!("{kind} borrows the actor's state: `&self` or `&mut self`");
            Err(Error::new(receiver.span(), message))
        }
    }
}

fn pascal_case(name: &str) -> String {
    name.split('_').map(capitalised).collect()
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn refuse_duplicates(methods: &[Method]) -> Result<()> {
    for (index, method) in methods.iter().enumerate() {
        let earlier = &methods[..index];
        if earlier
            .iter()
            .any(|other| other.wire_name == method.wire_name)
        {
            let message = format!("there is another method of the name `{}`", method.wire_name);
            return Err(Error::new(method.name.span(), message));
        }
    }
    Ok(())
}

fn client(actor: &Type, name: &Ident, methods: &[Method]) -> TokenStream {
    let about = format!("Calls the methods of a [`{}`].", actor.to_token_stream());
    let calls = methods.iter().map(|method| call(method, actor));
    quote! {
        #[doc = #about]
        #[allow(dead_code, unreachable_pub, reason = "not every plugin calls its own actors")]
        #[derive(Clone)]
        pub struct #name<C>(::guest_sdk::client::ActorRef<C>);

        #[allow(
            dead_code,
            private_interfaces,
            unreachable_pub,
            reason = "a method may have types that only this plugin can name"
        )]
        impl<C: ::guest_sdk::client::Caller> #name<C> {
            #(#calls)*
        }

        #[allow(dead_code, unreachable_pub, reason = "not every plugin sends messages")]
        impl<C: ::guest_sdk::client::Sender> #name<C> {
            /// The same actor, to be sent messages without waiting for an answer.
            pub fn one_way(&self) -> #name<::guest_sdk::client::OneWay<C>> {
                #name(self.0.one_way())
            }
        }

        #[allow(dead_code, unreachable_pub, reason = "not every plugin bounds its waits")]
        impl<C: ::guest_sdk::client::TimedCaller> #name<C> {
            /// The same actor, whose answers are waited for no longer than `limit`.
            pub fn timeout(
                &self,
                limit: ::core::time::Duration,
            ) -> #name<::guest_sdk::client::Within<C>> {
                #name(self.0.timeout(limit))
            }
        }

        #[allow(dead_code, unreachable_pub, reason = "not every plugin sends messages")]
        impl<C: ::guest_sdk::client::LaterSender> #name<C> {
            /// The same actor, to be sent messages that are delivered when they are due.
            pub fn later(
                &self,
                due: impl ::core::convert::Into<::guest_sdk::Moment>,
            ) -> #name<::guest_sdk::client::Later<C>> {
                #name(self.0.later(due))
            }
        }
    }
}

fn call(method: &Method, actor: &Type) -> TokenStream {
    let (name, wire_name, docs) = (&method.name, &method.wire_name, &method.docs);
    let about = format!("Calls the method `{wire_name}`.");
    let about = docs.is_empty().then(|| quote!(#[doc = #about]));
    let input = named_self(&method.parameters.input, actor);
    let output = named_self(&method.output.value, actor);
    let parameter = method.parameters.has_input.then(|| quote!(input: #input));
    let argument = if method.parameters.has_input {
        quote!(&input)
    } else {
        quote!(&())
    };
    quote! {
        #about
        #(#docs)*
        pub fn #name(&self, #parameter) -> C::Answer<#output> {
            self.0.call(#wire_name, #argument)
        }
    }
}

/// The type with the actor's own in place of `Self`, which in a client is the client.
pub(crate) fn named_self(ty: &Type, actor: &Type) -> TokenStream {
    replace_self(ty.to_token_stream(), &actor.to_token_stream())
}

fn replace_self(tokens: TokenStream, actor: &TokenStream) -> TokenStream {
    let replaced = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(ident) if ident == "Self" => actor.clone(),
        TokenTree::Group(group) => {
            let inner = replace_self(group.stream(), actor);
            TokenTree::Group(Group::new(group.delimiter(), inner)).into()
        }
        other => other.into(),
    });
    replaced.collect()
}

fn implementation(
    options: &Options,
    block: &ItemImpl,
    name: &Ident,
    client_name: &Ident,
    marked: &Marked,
) -> TokenStream {
    let state = &block.self_ty;
    let wire_name = options.wire_name(&name.to_string());
    let description = description(&block.attrs);
    let idle = optional(&options.idle);
    let reentrancy = optional(&options.reentrant);
    let activate = optional(&marked.activate.as_ref().map(hook_call));
    let deactivate = optional(&marked.deactivate.as_ref().map(hook_call));
    let arms = marked.methods.iter().map(arm);
    let definitions = marked.methods.iter().map(definition);
    // With the type's span, a bound that the type misses is reported once, and at the type.
    quote_spanned! {state.span()=>
        impl ::guest_sdk::Actor for #state {
            const TYPE: &'static str = #wire_name;
            const DESCRIPTION: &'static str = #description;
            const IDLE: ::core::option::Option<::core::time::Duration> = #idle;
            const REENTRANCY: ::core::option::Option<u32> = #reentrancy;
            const ACTIVATE: ::core::option::Option<::guest_sdk::Hook<Self>> = #activate;
            const DEACTIVATE: ::core::option::Option<::guest_sdk::Hook<Self>> = #deactivate;
            type Client<C: ::guest_sdk::client::Caller> = #client_name<C>;

            fn client<C: ::guest_sdk::client::Caller>(
                caller: C,
                id: ::std::string::String,
            ) -> Self::Client<C> {
                #client_name(::guest_sdk::client::ActorRef::new(
                    caller,
                    <Self as ::guest_sdk::Actor>::TYPE,
                    id,
                ))
            }

            fn invoke(
                turn: ::guest_sdk::macros::Turn<'_, Self>,
            ) -> ::core::result::Result<::std::vec::Vec<u8>, ::guest_sdk::Failure> {
                match turn.method() {
                    #(#arms)*
                    _ => turn.unknown(),
                }
            }

            fn methods() -> ::std::vec::Vec<::guest_sdk::macros::MethodDefinition> {
                ::std::vec![#(#definitions),*]
            }
        }
    }
}

fn hook_call(hook: &Hook) -> TokenStream {
    let (name, arguments) = (&hook.name, hook.parameters.arguments());
    let call = hook
        .output
        .as_result(&quote!(Self::#name(__actor, #arguments)));
    quote! {
        #[allow(unused_variables, reason = "the hook may do without its context")]
        |__actor, __ctx| #call
    }
}

fn arm(method: &Method) -> TokenStream {
    let (name, wire_name) = (&method.name, &method.wire_name);
    let (input, arguments) = (&method.parameters.input, method.parameters.arguments());
    let run = method
        .output
        .as_result(&quote!(Self::#name(__actor, #arguments)));
    let kind = if method.changes {
        quote!(change)
    } else {
        quote!(read)
    };
    quote! {
        #wire_name => turn.#kind(
            #[allow(unused_variables, reason = "the method may do without them")]
            |__actor, __ctx, __input: #input| #run
        ),
    }
}

fn definition(method: &Method) -> TokenStream {
    let (wire_name, description) = (&method.wire_name, &method.description);
    let (input, output) = (&method.parameters.input, &method.output.value);
    let read_only = method.read_only;
    quote!(::guest_sdk::macros::method::<#input, #output>(#wire_name, #description, #read_only))
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::{named_self, pascal_case};

    #[test]
    fn a_method_is_called_by_its_name_in_pascal_case() {
        assert_eq!(pascal_case("update_status"), "UpdateStatus");
        assert_eq!(pascal_case("get"), "Get");
        assert_eq!(pascal_case("add_2_more"), "Add2More");
    }

    #[test]
    fn what_a_method_calls_self_a_client_calls_by_its_name() {
        let (ty, actor) = (parse_quote!(Option<(Self, u8)>), parse_quote!(Cart));
        assert_eq!(
            named_self(&ty, &actor).to_string(),
            "Option < (Cart , u8) >"
        );
    }
}
