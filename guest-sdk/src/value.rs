//! Values that cross between plugin and host: which types they may have and how they are written.
//!
//! Must not know what a value is for; whoever reads or writes one says so in a few words.

use std::fmt::Display;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Failure;

/// A type that crosses between plugin and host, as JSON: every input, every result, every state.
///
/// It is there for each type that derives `Serialize`, `Deserialize` and `JsonSchema`.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` cannot cross between plugin and host",
    label = "needs `Serialize`, `Deserialize` and `JsonSchema`",
    note = "add `#[derive(Serialize, Deserialize, JsonSchema)]` to the type"
)]
pub trait Value: Serialize + DeserializeOwned + JsonSchema {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + JsonSchema> Value for T {}

/// The value as JSON text; nothing at all stands for `null`.
pub(crate) fn encode(value: &impl Serialize, what: impl Display) -> Result<Vec<u8>, Failure> {
    let mut bytes = serde_json::to_vec(value).map_err(|error| {
        let message = format!("{what} cannot be written as JSON: {error}");
        Failure::new("bad-output", message)
    })?;
    if bytes == b"null" {
        bytes.clear();
    }
    Ok(bytes)
}

/// What [`encode`] has written. `code` is what kind of failure it is when the text does not fit.
pub(crate) fn decode<T: DeserializeOwned>(
    bytes: &[u8],
    code: &str,
    what: impl Display,
) -> Result<T, Failure> {
    let text = if bytes.is_empty() { b"null" } else { bytes };
    let mut text = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut text).map_err(misfit);
    let value = value.and_then(|value| match text.end() {
        Ok(()) => Ok(value),
        Err(error) => Err(error.to_string()),
    });
    value.map_err(|why| Failure::new(code, format!("{what} does not fit: {why}")))
}

/// What does not fit, and where.
fn misfit(error: serde_path_to_error::Error<serde_json::Error>) -> String {
    match error.path().to_string().as_str() {
        "." => error.inner().to_string(),
        path => format!("`{path}`: {}", error.inner()),
    }
}

/// The schema of what is read as a `T`.
pub(crate) fn input_schema<T: JsonSchema>() -> String {
    schema::<T>(SchemaSettings::default().for_deserialize())
}

/// The schema of what is written as a `T`.
pub(crate) fn output_schema<T: JsonSchema>() -> String {
    schema::<T>(SchemaSettings::default().for_serialize())
}

/// A type that is always `null` says nothing, which the contract writes as no schema at all.
fn schema<T: JsonSchema>(settings: SchemaSettings) -> String {
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let nothing = schema.get("type").is_some_and(|of| of == "null");
    if nothing {
        String::new()
    } else {
        schema.to_value().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stands_for_null() {
        assert_eq!(encode(&(), "it").unwrap(), b"");
        assert_eq!(encode(&None::<u8>, "it").unwrap(), b"");
        assert_eq!(decode::<Option<u8>>(b"", "bad-input", "it").unwrap(), None);
    }

    #[test]
    fn a_value_that_does_not_fit_is_named() {
        let failure = decode::<u8>(b"\"x\"", "bad-input", "the input of `f`").unwrap_err();
        assert_eq!(failure.code, "bad-input");
        let start = "the input of `f` does not fit: invalid type: string";
        assert!(failure.message.starts_with(start), "{failure}");
    }

    #[test]
    fn the_field_that_does_not_fit_is_named() {
        type Orders = std::collections::BTreeMap<String, Vec<u32>>;
        let failure = decode::<Orders>(br#"{"may":[1,"x"]}"#, "bad-input", "it").unwrap_err();
        let start = "it does not fit: `may[1]`: invalid type: string \"x\", expected u32";
        assert!(failure.message.starts_with(start), "{failure}");
        let failure = decode::<u32>(b"1 2", "bad-input", "it").unwrap_err();
        let start = "it does not fit: trailing characters";
        assert!(failure.message.starts_with(start), "{failure}");
    }

    #[test]
    fn a_unit_has_no_schema() {
        assert_eq!(input_schema::<()>(), "");
        assert!(output_schema::<u8>().contains("\"maximum\":255"));
    }
}
