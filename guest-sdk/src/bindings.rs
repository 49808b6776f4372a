//! The glue to the host, as the contract's macros write it. Nothing else may touch memory by hand.

#![allow(
    unsafe_code,
    missing_docs,
    reason = "the contract's macros write the glue to the host"
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "plugin",
    pub_export_macro: true,
    export_macro_name: "export_plugin",
    default_bindings_module: "::guest_sdk::bindings",
});
