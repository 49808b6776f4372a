//! The limits that an operator sets: a TOML file that holds those that are not the usual ones.
//!
//! Owns how the file is read and shown. What the limits are is said where they are defined, and nowhere else.

use std::fs;
use std::path::Path;

use anyhow::{Context, Error, Result, anyhow, ensure};
use host_base::{Limits, Retention};
use schemars::{Schema, schema_for};
use toml::{Table, Value};

/// Limits that may be nought; with any other at nought, nothing would go on.
const MAY_BE_NOUGHT: [&str; 3] = [
    "activity_cancel_grace",
    "continued_runs_kept",
    "reply_retention",
];
/// No machine has more of anything.
const NUMBER_MAX: i64 = 1 << 48;
/// What the file says of all limits at its beginning.
const HEADING: &str = "\
# The limits of a host, for --config FILE. A limit that the file does not name has its default.
# Durations: 250ms, 90s, 1h30m, 30d or PT1H30M.";

/// The limits that the file sets, and the defaults of the others; all defaults without a file.
pub(crate) fn read(file: Option<&Path>) -> Result<Limits> {
    let Some(file) = file else {
        return Ok(Limits::default());
    };
    let text = fs::read_to_string(file);
    text.map_err(Error::new)
        .and_then(|text| parse(&text))
        .with_context(|| format!("read the limits in {}", file.display()))
}

fn parse(text: &str) -> Result<Limits> {
    let limits: Limits = toml::from_str(text).map_err(|error| problem(text, &error))?;
    for (name, value) in values(&limits)? {
        ensure!(
            !is_nought(&value) || MAY_BE_NOUGHT.contains(&name.as_str()),
            "`{name}` must be more than nought"
        );
        ensure!(
            value.as_integer().is_none_or(|number| number <= NUMBER_MAX),
            "`{name}` must not be more than {NUMBER_MAX}"
        );
    }
    limits.check()?;
    Ok(limits)
}

/// What is wrong, in a line. The library's own list of all names would hide the one that is wrong.
fn problem(text: &str, error: &toml::de::Error) -> Error {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.split('\n').count());
    let what = error.message();
    match what.split_once(", expected one of") {
        Some((unknown, _)) => {
            anyhow!("line {line}: {unknown}; \"host config\" shows those there are")
        }
        None => anyhow!("line {line}: {what}"),
    }
}

fn is_nought(value: &Value) -> bool {
    match value {
        Value::Integer(number) => *number == 0,
        Value::String(text) => host_base::duration::read(text).is_ok_and(|it| it.is_zero()),
        _ => false,
    }
}

fn values(limits: &Limits) -> Result<Table> {
    Table::try_from(limits).context("write the limits as TOML")
}

/// All limits as such a file, each with what it bounds, its unit and its default.
pub(crate) fn shown(limits: &Limits) -> Result<String> {
    let values = values(limits)?;
    let mut lines = vec![HEADING.to_owned()];
    // In TOML, what belongs to no table stands before all tables.
    lines.extend(section(&values, &schema_for!(Limits)));
    for (name, value) in &values {
        if let Value::Table(table) = value {
            let said = said_of(&schema_for!(Limits), name);
            lines.push(format!("\n{said}[{name}]"));
            lines.extend(section(table, &schema_for!(Retention)));
        }
    }
    Ok(lines.join("\n"))
}

fn section(values: &Table, schema: &Schema) -> Vec<String> {
    let values = values.iter().filter(|(_, value)| !value.is_table());
    values
        .map(|(name, value)| format!("\n{}{name} = {value}", said_of(schema, name)))
        .collect()
}

/// What the code says of a limit, as comments.
fn said_of(schema: &Schema, name: &str) -> String {
    let property = schema.pointer(&format!("/properties/{name}/description"));
    let said = property.and_then(|said| said.as_str()).unwrap_or_default();
    said.lines().map(|line| format!("# {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn wrong(text: &str) -> String {
        format!("{:#}", parse(text).unwrap_err())
    }

    #[test]
    fn a_file_sets_some_limits_and_leaves_the_others() {
        let text =
            "activities_running_max = 8\nquery_time_max = \"2s\"\n[retention]\nfailed = \"30d\"";
        let set = parse(text).unwrap();
        assert_eq!(set.activities_running_max, 8);
        assert_eq!(set.query_time_max, Duration::from_secs(2));
        assert_eq!(set.retention.failed, Some(Duration::from_hours(720)));
        assert_eq!(set.retention.completed, None);
        assert_eq!(set.payload_bytes_max, Limits::default().payload_bytes_max);
        assert_eq!(parse("").unwrap(), Limits::default());
    }

    #[test]
    fn what_is_shown_is_a_file_of_all_limits_each_with_its_default() {
        let set = parse("[retention]\nfailed = \"30d\"").unwrap();
        let shown = shown(&set).unwrap();
        assert_eq!(parse(&shown).unwrap(), set);
        let expected = "\n# CPU time of one turn of a workflow or actor between two waits. Default 1 s.\n\
                        turn_cpu_max = \"1s\"\n";
        assert!(shown.contains(expected), "{shown}");
        assert!(shown.contains("\ncompleted = \"forever\"\n"), "{shown}");
        let (top, _) = shown.split_once("[retention]").unwrap();
        let limits = top.matches(" = ").count();
        assert!(limits > 30, "{shown}");
        assert_eq!(top.matches("Default").count(), limits + 1, "{shown}");
    }

    #[test]
    fn what_cannot_be_a_limit_is_named_with_its_line() {
        let unknown = "line 2: unknown field `actvities`; \"host config\" shows those there are";
        assert_eq!(wrong("schedules_max = 1\nactvities = 3"), unknown);
        let kept = "line 2: unknown field `done`; \"host config\" shows those there are";
        assert_eq!(wrong("[retention]\ndone = \"1d\""), kept);
        assert!(wrong("schedules_max = \"many\"").starts_with("line 1: invalid type"));
        assert!(wrong("query_time_max = \"soon\"").starts_with("line 1: `soon` is not a duration"));
        assert!(wrong("[retention]\nfailed = \"never\"").ends_with("nor \"forever\""));
        assert!(wrong("x = = 1").starts_with("line 1: "));
    }

    #[test]
    fn a_limit_with_which_nothing_would_go_on_is_refused() {
        assert_eq!(
            wrong("inbox_messages_max = 0"),
            "`inbox_messages_max` must be more than nought"
        );
        assert!(wrong("turn_cpu_max = \"0s\"").contains("`turn_cpu_max`"));
        assert!(wrong("inbox_messages_max = 9223372036854775807").contains("more than"));
        assert!(wrong("turn_bytes_max = 1").contains("topic_subscribers_max"));
        assert!(parse("continued_runs_kept = 0\nreply_retention = \"0s\"").is_ok());
    }
}
