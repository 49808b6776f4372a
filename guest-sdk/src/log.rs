//! Log lines: the same four methods for each kind of code.

/// How important a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Only of use to who looks for a mistake.
    Debug,
    /// What a user wants to see.
    Info,
    /// Something is odd, and work goes on.
    Warn,
    /// Something did not work.
    Error,
}

impl From<LogLevel> for crate::bindings::durable::plugin::types::LogLevel {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Debug => Self::Debug,
            LogLevel::Info => Self::Info,
            LogLevel::Warn => Self::Warn,
            LogLevel::Error => Self::Error,
        }
    }
}

/// Gives a context its log methods; `$when` says when a line appears.
macro_rules! log_methods {
    ($context:ty, $host:path, $when:literal) => {
        impl $context {
            /// Logs a line that a user wants to see.
            #[doc = $when]
            pub fn log(&self, line: impl AsRef<str>) {
                self.log_at($crate::LogLevel::Info, line);
            }

            /// Logs that something is odd, and work goes on.
            #[doc = $when]
            pub fn warn(&self, line: impl AsRef<str>) {
                self.log_at($crate::LogLevel::Warn, line);
            }

            /// Logs that something did not work.
            #[doc = $when]
            pub fn error(&self, line: impl AsRef<str>) {
                self.log_at($crate::LogLevel::Error, line);
            }

            /// Logs a line of this importance.
            #[doc = $when]
            pub fn log_at(&self, level: $crate::LogLevel, line: impl AsRef<str>) {
                $host(level.into(), line.as_ref());
            }
        }
    };
}

pub(crate) use log_methods;
