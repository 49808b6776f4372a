//! Why something did not work, as a value that is recorded and sent on.
//!
//! Owns [`Failure`] and how other errors become one; must not know who fails or who is told.

use std::error::Error;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bindings::durable::plugin::types;

/// Why something did not work: what a workflow, a method or an activity returns instead of a result.
///
/// Trying again does not help unless the failure says so with [`Failure::retryable`]: an activity that
/// fails otherwise is not repeated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// What kind of failure, for programs: lower case words joined by dashes, such as `sold-out`.
    pub code: String,
    /// What happened, for people.
    pub message: String,
    /// Whether trying again can help.
    pub retryable: bool,
    /// More for programs, in a shape of your own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// What led to it, the nearest first. The host keeps 16 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
}

/// A failure that led to another one; see [`Failure::caused_by`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// What kind of failure, for programs.
    pub code: String,
    /// What happened, for people.
    pub message: String,
}

impl Failure {
    /// A failure of this kind that trying again does not help.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            retryable: false,
            details: None,
            causes: Vec::new(),
        }
    }

    /// The same failure, but trying again can help.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// The same failure with more for programs.
    #[must_use]
    pub fn details(mut self, details: impl Into<Value>) -> Self {
        self.details = Some(details.into());
        self
    }

    /// The same failure, with what led to it: it is told beside it, with its own causes behind.
    ///
    /// ```
    /// use guest_sdk::prelude::*;
    ///
    /// fn ship(carrier: Result<(), Failure>) -> Result<(), Failure> {
    ///     carrier.map_err(|cause| failure!("not-shipped", "the parcel stays here").caused_by(cause))
    /// }
    ///
    /// let failure = ship(Err(failure!("strike", "nobody drives"))).unwrap_err();
    /// assert_eq!((&*failure.code, &*failure.causes[0].code), ("not-shipped", "strike"));
    /// ```
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Failure>) -> Self {
        let Failure {
            code,
            message,
            causes,
            ..
        } = cause.into();
        self.causes.push(Cause { code, message });
        self.causes.extend(causes);
        self
    }
}

/// Makes a [`Failure`] from its code and a message as in [`format!`].
///
/// ```
/// use guest_sdk::prelude::*;
///
/// let left = 0;
/// let failure = failure!("sold-out", "only {left} are left");
/// assert_eq!(failure.message, "only 0 are left");
/// ```
#[macro_export]
macro_rules! failure {
    ($code:expr, $($message:tt)+) => {
        $crate::Failure::new($code, ::std::format!($($message)+))
    };
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)?;
        let mut causes = self.causes.iter();
        causes.try_for_each(|cause| write!(f, ", caused by: {} ({})", cause.message, cause.code))
    }
}

impl Error for Failure {}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::new("failed", message)
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

/// A failure is an error itself, so the errors that become one are listed one by one.
macro_rules! from_errors {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                error.to_string().into()
            }
        })*
    };
}

from_errors![
    Box<dyn Error>,
    Box<dyn Error + Send + Sync>,
    fmt::Error,
    serde_json::Error,
    std::io::Error,
    std::num::ParseFloatError,
    std::num::ParseIntError,
    std::num::TryFromIntError,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
    std::time::SystemTimeError,
];

impl From<types::Failure> for Failure {
    fn from(failure: types::Failure) -> Self {
        let details = failure.details.as_deref();
        let causes = failure.causes.into_iter();
        let causes = causes.map(|types::Cause { code, message }| Cause { code, message });
        Self {
            code: failure.code,
            message: failure.message,
            retryable: failure.retryable,
            details: details.and_then(|details| serde_json::from_slice(details).ok()),
            causes: causes.collect(),
        }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        let causes = failure.causes.into_iter();
        let causes = causes.map(|Cause { code, message }| types::Cause { code, message });
        Self {
            code: failure.code,
            message: failure.message,
            retryable: failure.retryable,
            details: failure.details.map(|details| details.to_string().into()),
            causes: causes.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_the_way_to_the_host_and_back() {
        let failure = Failure::new("sold-out", "none left").retryable().details(3);
        let failure = failure.caused_by("the shelf is empty");
        let there = types::Failure::from(failure.clone());
        assert_eq!(Failure::from(there), failure);
    }

    #[test]
    fn the_errors_of_the_standard_library_become_failures() {
        fn parse(text: &str) -> Result<i32, Failure> {
            Ok(text.parse::<i32>()?)
        }
        let failure = parse("x").unwrap_err();
        assert_eq!(
            failure.to_string(),
            "invalid digit found in string (failed)"
        );
    }
}
