//! Durations as people write them: `90s`, `1h30m`, `30d`, `PT1H30M`.
//!
//! Pure. A day has 24 hours and a week seven days; months and years are refused, for they differ.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration such as 90s, 1h30m, 30d or PT1H30M")]
pub struct InvalidDuration(String);

/// The duration that the text says.
///
/// # Errors
/// It says none, or one that goes backwards.
pub fn read(text: &str) -> Result<Duration, InvalidDuration> {
    let span = span(text);
    let duration = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    let duration = duration.and_then(|duration| Duration::try_from(duration).ok());
    duration.ok_or_else(|| InvalidDuration(text.to_owned()))
}

/// The span of time that the text says, by the clock and the calendar; none where it says none.
pub fn span(text: &str) -> Option<Span> {
    // The Greek letter stands for the sign of what is micro, as programs write it.
    text.trim().replace('\u{3bc}', "\u{b5}").parse().ok()
}

/// The duration as [`read`] reads it.
pub fn show(duration: Duration) -> String {
    let longest = SignedDuration::MAX;
    format!(
        "{:#}",
        SignedDuration::try_from(duration).unwrap_or(longest)
    )
}

/// A field of a file that holds a duration.
pub(crate) mod field {
    use std::time::Duration;

    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::show(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        super::read(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// A field of a file that holds a duration, or says that there is no end.
pub(crate) mod field_or_forever {
    use std::time::Duration;

    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    const FOREVER: &str = "forever";

    pub(crate) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::field::serialize(duration, to),
            None => to.serialize_str(FOREVER),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        match String::deserialize(from)?.as_str() {
            FOREVER => Ok(None),
            text => {
                let wrong = |error| D::Error::custom(format!("{error}, nor \"{FOREVER}\""));
                super::read(text).map(Some).map_err(wrong)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read_and_what_is_shown_is_read_back() {
        let cases = [
            ("90s", 90),
            ("1h30m", 5_400),
            ("PT1H30M", 5_400),
            (" 30d ", 2_592_000),
            ("2w", 1_209_600),
            ("0s", 0),
        ];
        for (text, seconds) in cases {
            let duration = Duration::from_secs(seconds);
            assert_eq!(read(text), Ok(duration), "{text}");
            assert_eq!(read(&show(duration)), Ok(duration), "{text}");
        }
        assert_eq!(read("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(show(Duration::from_secs(5_400)), "1h 30m");
    }

    #[test]
    fn what_is_no_length_of_time_is_named() {
        for text in ["", "soon", "5", "-1h", "1mo", "P1Y", "2030-01-31"] {
            let message = read(text).unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("`{text}` is not a duration")),
                "{message}"
            );
        }
    }
}
