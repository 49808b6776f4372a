//! Points in time and durations, as text for people.
//!
//! Pure: the current time is nobody's business here.

use std::time::Duration;

/// How long after a beginning: "+0.250 s", "+2:03:04.005".
pub(crate) fn offset(duration: Duration) -> String {
    let (seconds, millis) = (duration.as_secs(), duration.subsec_millis());
    if seconds < 60 {
        return format!("+{seconds}.{millis:03} s");
    }
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("+{hours}:{minutes:02}:{seconds:02}.{millis:03}")
}

/// How long: "250 ms", "1.5 s", "2 min 5 s", "3 d 4 h". The two largest units, rounded down.
pub(crate) fn length(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{} s", duration.as_millis() as f64 / 1000.0),
        60..3600 => two_units(seconds, 60, "min", 1, "s"),
        3600..86_400 => two_units(seconds, 3600, "h", 60, "min"),
        86_400.. => two_units(seconds, 86_400, "d", 3600, "h"),
    }
}

fn two_units(seconds: u64, large: u64, large_name: &str, small: u64, small_name: &str) -> String {
    let (larges, smalls) = (seconds / large, seconds % large / small);
    if smalls == 0 {
        return format!("{larges} {large_name}");
    }
    format!("{larges} {large_name} {smalls} {small_name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_milliseconds() {
        let of = |millis| offset(Duration::from_millis(millis));
        assert_eq!(of(7), "+0.007 s");
        assert_eq!(of(59_999), "+59.999 s");
        assert_eq!(of(7_384_005), "+2:03:04.005");
    }

    #[test]
    fn lengths_are_short() {
        let of = |millis| length(Duration::from_millis(millis));
        let cases = [
            (0, "0 ms"),
            (250, "250 ms"),
            (1000, "1 s"),
            (1500, "1.5 s"),
            (125_000, "2 min 5 s"),
            (7_200_000, "2 h"),
            (273_600_000, "3 d 4 h"),
        ];
        for (millis, text) in cases {
            assert_eq!(of(millis), text);
        }
    }
}
