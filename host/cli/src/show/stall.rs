//! A stalled workflow, in words: where its code and its history differ, and what to do.
//!
//! Pure.

use host_api::json::StallReport;

use super::text;

/// What to do about a stall.
pub(crate) const ADVICE: &str = "Run or deploy a component whose code does what the history says: it goes on \
     from where it is";

/// Digits of a component's digest that tell it from others.
const DIGEST_DIGITS: usize = 12;

/// Where code and history differ, a fact a line.
pub(crate) fn lines(stall: &StallReport<'_>) -> Vec<String> {
    let component = stall.component.as_deref().map_or("unknown", beginning);
    let mut lines = vec![
        format!("event    {}", stall.event),
        format!("history  {}", text::printable(&stall.history)),
        format!("code     {}", text::printable(&stall.code)),
        format!("of       component {component}"),
    ];
    let frames = stall.backtrace.lines().map(text::printable).enumerate();
    lines.extend(
        frames.map(|(index, frame)| format!("{:<9}{frame}", if index == 0 { "at" } else { "" })),
    );
    lines
}

/// The beginning of a component's digest.
pub(crate) fn beginning(digest: &str) -> &str {
    digest.get(..DIGEST_DIGITS).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use host_store::records::Stall;

    use super::*;

    #[test]
    fn a_stall_names_the_event_both_sides_and_the_place() {
        let stall = Stall {
            event: 4,
            history: "activity a".to_owned(),
            asked: "activity b".to_owned(),
            backtrace: "inner\nouter".to_owned(),
            component: vec![0xab; 32],
            ..Stall::default()
        };
        let expected = [
            "event    4",
            "history  activity a",
            "code     activity b",
            "of       component abababababab",
            "at       inner",
            "         outer",
        ];
        assert_eq!(lines(&StallReport::new(&stall)), expected);
    }
}
