//! What an operator sets in a TOML file: limits that are not the usual ones, and how the host is served.
//!
//! Owns how the file is read and shown. What the limits are is said where they are defined, and nowhere else.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow, ensure};
use host_base::{Limits, Retention, ServerLimits};
use schemars::{JsonSchema, Schema, schema_for};
use serde::de::IntoDeserializer;
use serde::{Deserialize, Serialize};
use toml::de::{DeTable, Deserializer};
use toml::{Table, Value};

use crate::sandbox::Sandbox;

/// Limits that may be nought; with any other at nought, nothing would go on.
const MAY_BE_NOUGHT: [&str; 7] = [
    "activity_cancel_grace",
    "cancelled",
    "completed",
    "continued_runs_kept",
    "failed",
    "reply_retention",
    "terminated",
];
/// No machine has more of anything.
const NUMBER_MAX: i64 = 1 << 48;
/// What the file says at its beginning.
const HEADING: &str = "\
# What a host is held to, for --config FILE. What the file does not name has its default.
# Durations: 250ms, 90s, 1h30m, 30d or PT1H30M.";

/// How \"host serve\" serves. An option or a variable counts more than the file.
const SERVE: &str = "serve";

/// What an operator sets.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) serve: ServeSettings,
}

/// How a host is served. Files are looked for from where the host is started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServeSettings {
    /// Components to deploy first; those that the data directory remembers are served, too. Default: none.
    #[schemars(example = ["plugins/task_workflow.wasm"])]
    pub(crate) plugins: Option<Vec<PathBuf>>,
    /// Where HTTP is served. Default 127.0.0.1:3500.
    #[schemars(with = "String", example = "127.0.0.1:3500")]
    pub(crate) http: Option<SocketAddr>,
    /// Where gRPC is served, too; each address serves both. Default 127.0.0.1:50001.
    #[schemars(with = "String", example = "127.0.0.1:50001")]
    pub(crate) grpc: Option<SocketAddr>,
    /// A chain of certificates for TLS, in PEM; read again when it has changed. Default: none, and no TLS.
    #[schemars(example = "/etc/host/cert.pem")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's key, in PEM.
    #[schemars(example = "/etc/host/key.pem")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Tokens of which callers must send one, each in a line. Default: none, and only this machine is served.
    #[schemars(example = "/etc/host/tokens")]
    pub(crate) token_file: Option<PathBuf>,
    /// Whether the server gives up files, system calls and core dumps that it does not need: "off", "try", or "require",
    /// with which it does not start where the kernel cannot take them. Default "try".
    #[schemars(with = "String", example = &"require")]
    pub(crate) sandbox: Option<Sandbox>,
}

/// What the file sets, and the defaults of the rest; all defaults without a file.
pub(crate) fn read(file: Option<&Path>) -> Result<Settings> {
    let Some(file) = file else {
        return Ok(Settings::default());
    };
    let text = fs::read_to_string(file);
    text.map_err(Error::new)
        .and_then(|text| parse(&text))
        .with_context(|| format!("read the limits in {}", file.display()))
}

fn parse(text: &str) -> Result<Settings> {
    let in_text = |error| problem(text, &error);
    let mut table = DeTable::parse(text).map_err(in_text)?;
    let serve = table.get_mut().remove(SERVE);
    let serve = serve.map(|serve| ServeSettings::deserialize(serve.into_deserializer()));
    let limits = Limits::deserialize(Deserializer::from(table)).map_err(in_text)?;
    check(&values(&limits)?)?;
    limits.check()?;
    Ok(Settings {
        limits,
        serve: serve.transpose().map_err(in_text)?.unwrap_or_default(),
    })
}

fn check(values: &Table) -> Result<()> {
    for (name, value) in values {
        ensure!(
            !is_nought(value) || MAY_BE_NOUGHT.contains(&name.as_str()),
            "`{name}` must be more than nought"
        );
        ensure!(
            value.as_integer().is_none_or(|number| number <= NUMBER_MAX),
            "`{name}` must not be more than {NUMBER_MAX}"
        );
        value.as_table().map_or(Ok(()), check)?;
    }
    Ok(())
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

/// All settings as such a file, each with what it is, its unit and its default.
pub(crate) fn shown(settings: &Settings) -> Result<String> {
    let schema = schema_for!(Limits);
    let values = values(&settings.limits)?;
    let mut lines = vec![HEADING.to_owned()];
    // In TOML, what belongs to no table stands before all tables.
    lines.extend(section(&values, &schema));
    for (name, value) in &values {
        if let Value::Table(table) = value {
            let said = said_of(&schema, name);
            lines.push(format!("\n{said}[{name}]"));
            lines.extend(section(table, &schema_of(name)));
        }
    }
    lines.extend(served(&settings.serve)?);
    Ok(lines.join("\n"))
}

/// The schema of a table of limits.
fn schema_of(table: &str) -> Schema {
    match table {
        "retention" => schema_for!(Retention),
        _ => schema_for!(ServerLimits),
    }
}

/// How it is served; what is not set stands there as a comment.
fn served(serve: &ServeSettings) -> Result<Vec<String>> {
    let schema = schema_for!(ServeSettings);
    let values = Table::try_from(serve).context("write the settings as TOML")?;
    let said = schema.get("description").and_then(|said| said.as_str());
    let mut lines = vec![format!("\n# {}\n[{SERVE}]", said.unwrap_or_default())];
    let fields = schema.pointer("/properties").and_then(|it| it.as_object());
    for name in fields.into_iter().flat_map(|fields| fields.keys()) {
        let said = said_of(&schema, name);
        lines.push(match values.get(name) {
            Some(value) => format!("\n{said}{name} = {value}"),
            None => format!("\n{said}# {name} = {}", example_of(&schema, name)),
        });
    }
    Ok(lines)
}

fn example_of(schema: &Schema, name: &str) -> String {
    let example = schema.pointer(&format!("/properties/{name}/examples/0"));
    // What JSON writes here, TOML reads.
    example.map(ToString::to_string).unwrap_or_default()
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
        let set = parse(text).unwrap().limits;
        assert_eq!(set.activities_running_max, 8);
        assert_eq!(set.query_time_max, Duration::from_secs(2));
        assert_eq!(set.retention.failed, Some(Duration::from_hours(720)));
        assert_eq!(set.retention.completed, None);
        assert_eq!(set.payload_bytes_max, Limits::default().payload_bytes_max);
        assert_eq!(parse("").unwrap(), Settings::default());
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
        assert!(
            shown.contains("\nconnection_idle_max = \"1m 15s\"\n"),
            "{shown}"
        );
        assert!(
            shown.contains("\n# tls_cert = \"/etc/host/cert.pem\"\n"),
            "{shown}"
        );
        let (top, _) = shown.split_once("[retention]").unwrap();
        let limits = top.matches(" = ").count();
        assert!(limits > 30, "{shown}");
        assert_eq!(top.matches("Default").count(), limits + 1, "{shown}");
    }

    #[test]
    fn how_the_host_is_served_stands_in_a_table_of_its_own() {
        let set =
            parse("schedules_max = 3\n[serve]\nhttp = \"[::1]:80\"\ntls_key = \"k\"").unwrap();
        assert_eq!(set.limits.schedules_max, 3);
        assert_eq!(set.serve.http, "[::1]:80".parse().ok());
        assert_eq!(set.serve.tls_key.as_deref(), Some(Path::new("k")));
        assert_eq!(parse(&shown(&set).unwrap()).unwrap(), set);
        let unknown = wrong("schedules_max = 3\n[serve]\nport = 80");
        assert!(
            unknown.starts_with("line 3: unknown field `port`"),
            "{unknown}"
        );
        assert!(wrong("[serve]\nhttp = \"here\"").starts_with("line 2: invalid socket address"));
        assert!(wrong("[server]\nrequests_max = 0").contains("`requests_max`"));
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
