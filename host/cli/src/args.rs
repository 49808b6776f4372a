//! The arguments, as they are typed. Pure: reads no file and opens nothing.
//!
//! Knows nothing of what is done with them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{RangedU64ValueParser, TypedValueParser};
use clap::{
    ArgGroup, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
};
use clap_complete::Shell;
use host_api::json;
use host_base::attribute::read_attribute;
use host_base::{AttributeValue, Attributes, InvalidId, Role, Search, TenantId, duration};

use crate::remote::Sources;
use crate::sandbox::Sandbox;

/// Lines in flight with `host run --each` where nothing else is said.
const CONCURRENCY_DEFAULT: &str = "256";
/// Workflows that `host workflow list` shows where nothing else is said.
const LIST_DEFAULT: &str = "100";

/// What stands over the options that every command has.
const EVERYWHERE: &str = "Options of every command";

/// How often a reminder's method that fails is run again where nothing else is said.
const RETRIES_DEFAULT: &str = "3";

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    a workflow failed, stalled or was ended, an actor call failed, an id is unknown, or what is
       asked cannot be done to that workflow as it stands
  2    wrong usage or bad input
  3    the data directory cannot be used: in use, damaged, or written by a newer host; or the server
       cannot: not there, not a host, or it asks for a token that it knows
  130  stopped by Ctrl-C
  143  stopped by SIGTERM";

const ENVIRONMENT: &str = r#"Environment:
  HOST_SERVER  like --server
  HOST_TOKEN   like --token
  HOST_CA      like --ca
  HOST_TENANT  like --tenant
  HOST_DATA    like --data
  HOST_CONFIG  like --config
  HOST_LOG     what the host's own log tells on standard error: error, warn, info, debug, trace
               [default: warn]

An option counts before the environment, and that before what "host login" keeps. So without any of
them, commands drive the server of the last "host login", or else the data directory."#;

/// Reads the arguments; where they are wrong or ask for help, says so and ends the process.
pub(crate) fn parse() -> Cli {
    read(&command().get_matches()).unwrap_or_else(|error| error.exit())
}

fn read(matches: &ArgMatches) -> Result<Cli, clap::Error> {
    let mut cli = Cli::from_arg_matches(matches)?;
    cli.common.sources = Sources {
        data: matches.value_source("data"),
        server: matches.value_source("server"),
    };
    Ok(cli)
}

/// All that can be typed, with its help.
pub(crate) fn command() -> clap::Command {
    let command = with_exit_codes(Cli::command());
    command.after_help(format!("{ENVIRONMENT}\n\n{EXIT_CODES}"))
}

/// Each command's help ends with them.
fn with_exit_codes(command: clap::Command) -> clap::Command {
    let command = command.after_help(EXIT_CODES);
    command.mut_subcommands(with_exit_codes)
}

/// Runs WebAssembly plugins whose actors and workflows are durable.
#[derive(Debug, Parser)]
#[command(name = "host", version)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Debug)]
pub(crate) struct Common {
    /// Where state is kept.
    #[arg(
        long,
        global = true,
        help_heading = EVERYWHERE,
        env = "HOST_DATA",
        hide_env_values = true,
        default_value = ".host",
        value_name = "DIR"
    )]
    pub(crate) data: PathBuf,
    /// The running server to drive instead of a directory, such as https://host.example.org:3500.
    #[arg(
        long,
        global = true,
        help_heading = EVERYWHERE,
        env = "HOST_SERVER",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) server: Option<String>,
    /// The token that the server asks for: the token itself, @FILE, or - for standard input.
    #[arg(
        long,
        global = true,
        help_heading = EVERYWHERE,
        env = "HOST_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    pub(crate) token: Option<String>,
    /// Certificates in PEM of the authorities to trust with the server's, instead of the system's.
    #[arg(
        long,
        global = true,
        help_heading = EVERYWHERE,
        env = "HOST_CA",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub(crate) ca: Option<PathBuf>,
    /// Whose things are meant. On a server, a token of a tenant means that one whatever is said here. [default: default]
    #[arg(
        long,
        global = true,
        help_heading = EVERYWHERE,
        env = "HOST_TENANT",
        hide_env_values = true,
        value_name = "NAME",
        value_parser = tenant
    )]
    pub(crate) tenant: Option<TenantId>,
    #[arg(skip)]
    pub(crate) sources: Sources,
    /// A TOML file of settings that are not the usual ones; "host config" shows all.
    #[arg(
        long,
        global = true,
        help_heading = EVERYWHERE,
        env = "HOST_CONFIG",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub(crate) config: Option<PathBuf>,
    /// How results are written to standard output. With json and jsonl, all that is said beside them is JSON lines on
    /// standard error.
    #[arg(
        long,
        short,
        global = true,
        help_heading = EVERYWHERE,
        value_name = "FORMAT",
        default_value = "table"
    )]
    pub(crate) output: Output,
    /// Tells more: debug lines, and with --each every workflow's trace.
    #[arg(long, short, global = true, help_heading = EVERYWHERE)]
    pub(crate) verbose: bool,
}

/// For whom results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people: a table of a list, a fact a line of a single thing.
    #[default]
    Table,
    /// One JSON document: an array of a list, which is whole when the command has ended.
    Json,
    /// JSON lines: one for each entry of a list, as soon as it is known.
    Jsonl,
}

impl Output {
    /// Whether programs read along.
    pub(crate) fn is_for_programs(self) -> bool {
        self != Output::Table
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Deploys plugins, goes on with what is unfinished, and runs a workflow to its end.
    Run(RunArgs),
    /// Goes on with what is unfinished, until all of it has ended.
    Resume(ResumeArgs),
    /// Serves actors and workflows over HTTP and gRPC, as Dapr's clients call them, until it is stopped.
    Serve(ServeArgs),
    /// Has workflows started and actors called again and again, by a cron expression or an interval.
    #[command(subcommand)]
    Schedule(ScheduleCommand),
    /// Reads and drives actors.
    #[command(subcommand)]
    Actor(ActorCommand),
    /// Reads activities.
    #[command(subcommand)]
    Activity(ActivityCommand),
    /// Reads and drives workflows.
    #[command(subcommand)]
    Workflow(WorkflowCommand),
    /// Looks after what is done to many workflows at once.
    #[command(subcommand)]
    Batch(BatchCommand),
    /// Publishes to topics, and reads who has subscribed.
    #[command(subcommand)]
    Topic(TopicCommand),
    /// Deploys plugins, and reads which are deployed.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Makes tokens by which callers of a server are known, lists them, and revokes them.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Shows who has asked a server for what that changes how things are run, the latest first.
    Audit(AuditArgs),
    /// Keeps a server, with what it is reached by, as the one that commands drive.
    Login {
        /// The server, such as https://host.example.org:3500.
        url: String,
    },
    /// Keeps none any more: commands drive a data directory again.
    Logout,
    /// Shows all settings as a file for --config, with units and defaults: retention, sizes, times, numbers, and
    /// how the host is served.
    Config {
        #[command(subcommand)]
        command: Option<ConfigCommand>,
    },
    /// Writes what completes this program's commands in a shell, to standard output.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Writes manual pages, one for each command.
    Man {
        /// The folder for them.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Shows the settings that a host would run with.
    Show,
    /// Writes a file of all settings with their defaults, to be changed.
    Init {
        /// The file; there must be none of the name yet.
        #[arg(value_name = "FILE", default_value = "host.toml")]
        file: PathBuf,
    },
    /// Says whether a file of settings can be used, and what is wrong with it.
    Check {
        /// The file; without it, that of --config.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// The components to deploy; the first one's example is run where nothing else is said.
    #[arg(required = true, value_name = "PLUGIN")]
    pub(crate) plugins: Vec<PathBuf>,
    /// The workflow to run, of any of the plugins.
    #[arg(long, value_name = "NAME")]
    pub(crate) workflow: Option<String>,
    /// The workflow's input: JSON, @FILE, or - for standard input.
    #[arg(long, value_name = "JSON", allow_negative_numbers = true)]
    pub(crate) input: Option<String>,
    /// The workflow's id; {field} stands for the input's field of that name. Without it, the plugin's
    /// example says, or else the id is made from the workflow's name and the input or line number.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Runs one workflow for every line of a file of JSON lines; - is standard input. A line whose id
    /// exists already is not started again.
    #[arg(long, value_name = "FILE", conflicts_with = "input")]
    pub(crate) each: Option<PathBuf>,
    /// Lines in flight at once, with --each.
    #[arg(
        long,
        value_name = "N",
        default_value = CONCURRENCY_DEFAULT,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    pub(crate) concurrency: u32,
    /// Leaves unfinished workflows on the component that they were started on. Without it, those go on with
    /// the new one whose history agrees with it.
    #[arg(long)]
    pub(crate) pin: bool,
    #[command(flatten)]
    pub(crate) labels: Labels,
}

/// By what a workflow is found.
#[derive(Args, Clone, Debug)]
pub(crate) struct Labels {
    /// By what the workflow is found, also again for more: "host workflow list --where" compares it. A value is what
    /// it looks like: a number, true or false, a time such as 2030-01-31T12:00:00Z, or else a text; in double quotes
    /// it is always a text.
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = read_attribute)]
    attributes: Vec<(String, AttributeValue)>,
}

impl Labels {
    /// The attributes; of those that were said twice, the last one counts.
    pub(crate) fn attributes(&self) -> Attributes {
        self.attributes.iter().cloned().collect()
    }
}

#[derive(Args, Debug)]
pub(crate) struct ResumeArgs {
    /// Goes on until it is stopped: schedules and reminders are met while it does.
    #[arg(long)]
    pub(crate) forever: bool,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ServeArgs {
    /// Components to deploy first; those that the data directory remembers are served, too.
    #[arg(value_name = "PLUGIN")]
    pub(crate) plugins: Vec<PathBuf>,
    /// Where HTTP is served; without any tokens, an address of this machine's own. Port 0 stands for any that
    /// is free. [default: 127.0.0.1:3500]
    #[arg(
        long,
        env = "HOST_HTTP",
        hide_env_values = true,
        value_name = "ADDRESS:PORT"
    )]
    pub(crate) http: Option<SocketAddr>,
    /// Where gRPC is served, too, as the other. Either serves HTTP/1.1, HTTP/2 and gRPC; where both are the same,
    /// there is one. [default: 127.0.0.1:50001]
    #[arg(
        long,
        env = "HOST_GRPC",
        hide_env_values = true,
        value_name = "ADDRESS:PORT"
    )]
    pub(crate) grpc: Option<SocketAddr>,
    /// A chain of certificates for TLS, in PEM; read again when it has changed.
    #[arg(
        long,
        env = "HOST_TLS_CERT",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's key, in PEM.
    #[arg(
        long,
        env = "HOST_TLS_KEY",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub(crate) tls_key: Option<PathBuf>,
    /// Tokens of whoever runs the host, each in a line; they reach all tenants. Callers send theirs, or one of "host
    /// token create", as "Authorization: Bearer TOKEN" or "dapr-api-token: TOKEN".
    #[arg(
        long,
        env = "HOST_TOKEN_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub(crate) token_file: Option<PathBuf>,
    /// Whether the server gives up files, system calls and core dumps that it does not need. [default: try]
    #[arg(
        long,
        env = "HOST_SANDBOX",
        hide_env_values = true,
        value_name = "MODE"
    )]
    pub(crate) sandbox: Option<Sandbox>,
    /// Leaves unfinished workflows on the component that they were started on. Without it, those go on with
    /// the new one whose history agrees with it.
    #[arg(long)]
    pub(crate) pin: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// Creates a schedule. It is met while a host runs on the directory: "host resume --forever".
    Create(Box<CreateScheduleArgs>),
    /// Lists the schedules in the order of their names.
    List,
    /// Shows all that is known of one schedule.
    Show {
        /// The schedule's name.
        name: String,
    },
    /// Has nothing done at its times until it is resumed.
    Pause {
        /// The schedule's name.
        name: String,
    },
    /// Goes on with it from now; times at which it was paused are not made up for.
    Resume {
        /// The schedule's name.
        name: String,
    },
    /// Does now what it does at its times.
    Trigger {
        /// The schedule's name.
        name: String,
    },
    /// Makes up for its times in a range, one after the other unless they may overlap. What is due meanwhile
    /// goes first. A time that was met already is left out: one whose workflow has an id of its own, and one
    /// for which an actor was called in the last 24 hours.
    Backfill {
        /// The schedule's name.
        name: String,
        /// The first time that counts: 2030-01-31T12:00:00Z.
        #[arg(long, value_name = "TIME")]
        from: String,
        /// The last time that counts.
        #[arg(long, value_name = "TIME")]
        to: String,
    },
    /// Deletes it. What it has started goes on.
    Delete {
        /// The schedule's name.
        name: String,
    },
}

/// What a schedule does, and when.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("when").args(["cron", "every"]).required(true))]
#[command(group = ArgGroup::new("what").args(["workflow", "actor"]).required(true))]
pub(crate) struct CreateScheduleArgs {
    /// Its name. One of the same name and definition is left as it is.
    pub(crate) name: String,
    /// When: minute, hour, day of the month, month, day of the week, with seconds before them if you like;
    /// or @hourly, @daily, @weekly.
    #[arg(long, value_name = "EXPRESSION")]
    pub(crate) cron: Option<String>,
    /// The time zone in which the expression is read. Where clocks are set forward, a time of a single hour
    /// and minute is met right behind the gap; where they are set back, the first time only. Of all other
    /// expressions, what the clock leaves out is left out, and what it shows twice is met twice.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(crate) zone: String,
    /// After how long again, counted from --from, or else from now: 90s, 1h30m, 1d or PT1H30M.
    #[arg(long, value_name = "PERIOD", conflicts_with = "zone")]
    pub(crate) every: Option<String>,
    /// Earlier than this it is not due: 2030-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Later than this it is not due any more.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// The workflow that it starts.
    #[arg(long, value_name = "NAME")]
    pub(crate) workflow: Option<String>,
    /// The workflow's id; {schedule} and {time} stand for the schedule's name and the time that is met.
    /// [default: {schedule}-{time}]
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// The actor that it calls, and the method.
    #[arg(
        long,
        num_args = 3,
        value_names = ["TYPE", "ID", "METHOD"],
        conflicts_with_all = ["id", "overlap", "queue"]
    )]
    pub(crate) actor: Vec<String>,
    /// What the workflow or the method takes: JSON, @FILE, or - for standard input.
    #[arg(long, value_name = "JSON", allow_negative_numbers = true)]
    pub(crate) input: Option<String>,
    /// What becomes of a time at which the workflow that it started last still goes on.
    #[arg(long, value_name = "POLICY", default_value = "skip")]
    pub(crate) overlap: Overlap,
    /// How many times may wait, with --overlap queue.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) queue: u32,
    /// Times are made up for that passed no longer ago while no host ran, such as 1h30m.
    #[arg(long, value_name = "PERIOD", default_value = "1h")]
    pub(crate) catch_up: String,
    /// Puts each time off by up to so much, such as 30s, so that not all schedules are met at once.
    #[arg(long, value_name = "PERIOD", default_value = "0s")]
    pub(crate) jitter: String,
    /// Replaces one of the same name, which keeps its past: what it has counted, when it was created, whether
    /// it is paused, and which of its times wait. This is how a schedule is changed.
    #[arg(long)]
    pub(crate) replace: bool,
}

/// What becomes of a time at which the workflow that a schedule started last still goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Overlap {
    /// Nothing is started.
    Skip,
    /// It waits until that one has ended.
    Queue,
    /// Another one is started beside it.
    Allow,
    /// That one is asked to end, and another one is started when it has.
    Cancel,
    /// That one is ended at once, and another one is started.
    Terminate,
}

impl From<Overlap> for json::OverlapPolicy {
    fn from(overlap: Overlap) -> json::OverlapPolicy {
        match overlap {
            Overlap::Skip => json::OverlapPolicy::Skip,
            Overlap::Queue => json::OverlapPolicy::Queue,
            Overlap::Allow => json::OverlapPolicy::Allow,
            Overlap::Cancel => json::OverlapPolicy::Cancel,
            Overlap::Terminate => json::OverlapPolicy::Terminate,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ActivityCommand {
    /// Lists activities that have not ended: those that run, wait for their turn, or wait to be tried again.
    List {
        /// How many at most.
        #[arg(long, value_name = "N", default_value = LIST_DEFAULT, value_parser = one_or_more())]
        limit: usize,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ActorCommand {
    /// Lists actors that have state: by type, then by id.
    List {
        /// Only those of this type.
        #[arg(value_name = "TYPE")]
        actor_type: Option<String>,
        /// How many at most.
        #[arg(long, value_name = "N", default_value = LIST_DEFAULT, value_parser = one_or_more())]
        limit: usize,
    },
    /// Calls a method, and writes its answer to standard output.
    Call(CallArgs),
    /// Sets a reminder: has a method run when it is due, also when it is due again.
    Remind(RemindArgs),
    /// Lists an actor's reminders in the order of their names.
    Reminders(ActorArgs),
    /// Cancels a reminder.
    CancelReminder {
        #[command(flatten)]
        actor: ActorArgs,
        /// The reminder's name.
        name: String,
    },
    /// Deletes an actor with all that it owns: state, reminders, and messages to it that are not due yet.
    Delete(ActorArgs),
}

/// Which actor is meant.
#[derive(Args, Debug)]
pub(crate) struct ActorArgs {
    /// The actor's type.
    #[arg(value_name = "TYPE")]
    pub(crate) actor_type: String,
    /// The actor's id.
    pub(crate) id: String,
}

#[derive(Args, Debug)]
pub(crate) struct RemindArgs {
    #[command(flatten)]
    pub(crate) actor: ActorArgs,
    /// The reminder's name; one that the actor has already is replaced.
    pub(crate) name: String,
    /// The method.
    pub(crate) method: String,
    /// What the method takes: JSON, @FILE, or - for standard input.
    #[arg(value_name = "JSON", allow_negative_numbers = true)]
    pub(crate) input: Option<String>,
    /// When it is due first: PT1H30M, 1h30m or 2030-01-31T12:00:00Z. At once where nothing is said.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "0s",
        hide_default_value = true
    )]
    pub(crate) due: String,
    /// After how long it is due again: PT10S or 10s; R5/PT10S for five times in all.
    #[arg(long, value_name = "PERIOD")]
    pub(crate) every: Option<String>,
    /// Later than this it is not due any more.
    #[arg(long, value_name = "TIME")]
    pub(crate) ttl: Option<String>,
    /// What becomes of times at which it was due while the host was away.
    #[arg(long, value_name = "RULE", default_value = "once")]
    pub(crate) catch_up: CatchUp,
    /// How often a method that fails is run again, a second later each time.
    #[arg(long, value_name = "N", default_value = RETRIES_DEFAULT)]
    pub(crate) retries: u32,
    /// Refuses where the actor has a reminder of the name already.
    #[arg(long)]
    pub(crate) keep_existing: bool,
}

/// What becomes of times at which a reminder was due and did not fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CatchUp {
    /// It fires once for all of them.
    Once,
    /// It does not fire for them.
    Skip,
    /// It fires for each of them, for a hundred at most.
    All,
}

impl From<CatchUp> for json::CatchUpPolicy {
    fn from(catch_up: CatchUp) -> json::CatchUpPolicy {
        match catch_up {
            CatchUp::Once => json::CatchUpPolicy::Once,
            CatchUp::Skip => json::CatchUpPolicy::Skip,
            CatchUp::All => json::CatchUpPolicy::All,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct CallArgs {
    #[command(flatten)]
    pub(crate) actor: ActorArgs,
    /// The method.
    pub(crate) method: String,
    /// What the method takes: JSON, @FILE, or - for standard input.
    #[arg(value_name = "JSON", allow_negative_numbers = true)]
    pub(crate) input: Option<String>,
    /// Names this call: a repeat with the same key gets the same answer and has no second effect.
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// Goes on with what is unfinished, and waits until all of it has ended. A server goes on by itself: there, all
    /// that runs is waited for.
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkflowCommand {
    /// Starts a workflow of a deployed plugin, and does not wait for it: "host resume" goes on with it.
    Start(StartArgs),
    /// Lists workflows in the order of their ids.
    List(ListArgs),
    /// Shows all that is known of one workflow.
    Show {
        /// The workflow's id.
        id: String,
    },
    /// Tells what happened in one workflow, event by event.
    History {
        /// The workflow's id.
        id: String,
        /// Which use of the id; the latest where nothing is said.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        run: Option<u32>,
        /// Goes on with what happens, until the workflow has ended, stalls or is suspended; what comes of it is the
        /// exit code. On a data directory, what is unfinished there is gone on with.
        #[arg(long, conflicts_with = "run")]
        follow: bool,
    },
    /// Writes what came of a workflow to standard output: its output, or a failure to standard error.
    Result {
        /// The workflow's id.
        id: String,
        /// How long to wait for its end, such as 30s or 1h30m. On a data directory, what is unfinished there is gone
        /// on with meanwhile. Not at all where nothing is said.
        #[arg(long, value_name = "PERIOD")]
        wait: Option<String>,
    },
    /// Asks a workflow a question, and writes its answer to standard output. Nothing is recorded; a workflow
    /// that has ended answers, too. Waits for 10 s at most (`query_time_max`).
    Query {
        /// The workflow's id.
        id: String,
        /// The query's name.
        name: String,
        /// What the query takes: JSON, @FILE, or - for standard input.
        #[arg(value_name = "JSON", allow_negative_numbers = true)]
        input: Option<String>,
    },
    /// Has a workflow apply an update, and writes its answer to standard output. Goes on with what is
    /// unfinished meanwhile.
    Update(UpdateArgs),
    /// Moves an unfinished workflow to the component that is deployed, if its history agrees with it.
    Move {
        /// The workflow's id.
        id: String,
        /// Moves it although its history differs: it stalls there, until a component comes that agrees.
        #[arg(long)]
        force: bool,
    },
    /// Begins a workflow that has ended again, from one of its events and under another id.
    Rerun(RerunArgs),
    /// Replays a workflow without recording anything or causing anything, and says what it would do next.
    Fork {
        /// The workflow's id.
        id: String,
        /// A component to replay it on, instead of its own.
        #[arg(long, value_name = "PLUGIN")]
        plugin: Option<PathBuf>,
    },
    /// Asks a workflow, or all that fit, to end: it may clean up first, and so may the children that it waits for.
    Cancel(ControlArgs),
    /// Ends a workflow, or all that fit, at once, without running its code again.
    Terminate(ControlArgs),
    /// Holds a workflow, or all that fit: what reaches it is kept, and nothing moves until it is resumed.
    Suspend(ControlArgs),
    /// Lets a workflow, or all that fit, go on that is suspended.
    Resume(Which),
    /// Deletes workflows that have ended, with their histories and with their children that have ended.
    Purge(PurgeArgs),
    /// Raises an event for a workflow.
    Raise {
        /// The workflow's id.
        id: String,
        /// The event's name.
        name: String,
        /// The event's value: JSON, @FILE, or - for standard input.
        #[arg(value_name = "JSON", allow_negative_numbers = true)]
        value: Option<String>,
    },
}

/// What says that not one workflow is meant.
const MANY: [&str; 6] = [
    "status",
    "name",
    "created_from",
    "created_until",
    "search",
    "all",
];

/// One workflow, or all that fit.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("meant").args(["id"]).args(MANY).multiple(true).required(true))]
pub(crate) struct Which {
    /// The workflow's id.
    #[arg(conflicts_with_all = MANY)]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) many: Many,
}

impl Which {
    /// The one that is meant.
    pub(crate) fn one(&self) -> &str {
        let id = self.id.as_deref();
        id.expect("where no id is said many are meant, and that is a batch")
    }
}

/// All workflows that fit everything that is said, instead of one. It is a batch: shown with how far it is, and gone
/// on with where it is broken off.
#[derive(Args, Debug)]
#[command(next_help_heading = "Many workflows instead of one")]
pub(crate) struct Many {
    /// All that stand there.
    #[arg(long)]
    pub(crate) status: Option<Status>,
    /// All of this name.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// All that were started then or later, such as 2030-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub(crate) created_from: Option<String>,
    /// All that were started earlier.
    #[arg(long, value_name = "TIME")]
    pub(crate) created_until: Option<String>,
    /// All whose attributes fit all these conditions, as "host workflow list" takes them.
    #[arg(long = "where", value_name = "CONDITIONS")]
    pub(crate) search: Option<Search>,
    /// All there are.
    #[arg(long, conflicts_with_all = ["status", "name", "created_from", "created_until", "search"])]
    pub(crate) all: bool,
    /// Does nothing, and tells how many fit.
    #[arg(long, conflicts_with = "id")]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BatchCommand {
    /// Lists batches, the latest first.
    List,
    /// Shows one batch and how far it is.
    Show {
        /// The batch's id.
        id: String,
        /// Waits for its end. On a data directory, what is unfinished there is gone on with meanwhile.
        #[arg(long)]
        wait: bool,
    },
    /// Gives a batch up: what it has done stays done.
    Abort {
        /// The batch's id.
        id: String,
    },
}

/// Which workflow, and why.
#[derive(Args, Debug)]
pub(crate) struct ControlArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Why, for whoever looks at the workflow later.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
}

#[derive(Args, Debug)]
pub(crate) struct StartArgs {
    /// The workflow's name.
    pub(crate) name: String,
    /// The workflow's input: JSON, @FILE, or - for standard input.
    #[arg(long, value_name = "JSON", allow_negative_numbers = true)]
    pub(crate) input: Option<String>,
    /// The workflow's id; without it, the host makes one. What has the id already, ended or not, is left as
    /// it is, so that the command can be repeated.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) labels: Labels,
    /// When it begins: 2030-01-31T12:00:00Z. It is there until then, and pending. At once where nothing is said, or
    /// where that is over.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<String>,
    /// After how long it begins: 90s, 1h30m or PT1H30M.
    #[arg(long = "in", value_name = "PERIOD", value_parser = period, conflicts_with = "at")]
    after: Option<String>,
}

impl StartArgs {
    /// When it begins, as it was written.
    pub(crate) fn begins(&self) -> Option<&str> {
        self.at.as_deref().or(self.after.as_deref())
    }
}

/// A time, which is handed on as it is written.
fn time(text: &str) -> Result<String, jiff::Error> {
    text.parse::<jiff::Timestamp>().map(|_| text.to_owned())
}

/// A length of time, which is handed on as it is written.
fn period(text: &str) -> Result<String, duration::InvalidDuration> {
    duration::read(text).map(|_| text.to_owned())
}

/// Which workflows are deleted.
#[derive(Args, Debug)]
pub(crate) struct PurgeArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Terminates first what has not ended, its children included.
    #[arg(long)]
    pub(crate) force: bool,
}

fn one_or_more() -> impl TypedValueParser<Value = usize> {
    RangedU64ValueParser::<usize>::new().range(1..)
}

#[derive(Args, Debug)]
pub(crate) struct UpdateArgs {
    /// The workflow's id.
    pub(crate) workflow: String,
    /// The update's name.
    pub(crate) name: String,
    /// What the update takes: JSON, @FILE, or - for standard input.
    #[arg(value_name = "JSON", allow_negative_numbers = true)]
    pub(crate) input: Option<String>,
    /// Names this update: a repeat with the same key gets the same answer and is not applied again.
    #[arg(long, value_name = "KEY")]
    pub(crate) id: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Only workflows that stand there.
    #[arg(long)]
    pub(crate) status: Option<Status>,
    /// Only workflows of this name.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Only workflows whose attributes fit all these conditions, such as "customer = ada and total >= 10". A
    /// condition is a name, one of = != < <= > >= ^= (begins with), and a value as --attribute takes it; a text with
    /// spaces stands in double quotes. What has no such attribute, or has it as another type, does not fit.
    #[arg(long = "where", value_name = "CONDITIONS")]
    pub(crate) search: Option<Search>,
    /// How many at most.
    #[arg(long, value_name = "N", default_value = LIST_DEFAULT, value_parser = one_or_more())]
    pub(crate) limit: usize,
}

#[derive(Args, Debug)]
pub(crate) struct RerunArgs {
    /// The id of the workflow that has ended.
    #[arg(value_name = "WORKFLOW")]
    pub(crate) source: String,
    /// The event to begin from, which is the last one that is kept: the start (0), a result, or an event
    /// that was raised. "host workflow history" shows them.
    #[arg(long, value_name = "EVENT")]
    pub(crate) from: u64,
    /// Another input than the one that it had: JSON, @FILE, or - for standard input.
    #[arg(long, value_name = "JSON", allow_negative_numbers = true)]
    pub(crate) input: Option<String>,
    /// Another result than the one that the event holds, or another value of an event that was raised.
    #[arg(
        long,
        value_name = "JSON",
        allow_negative_numbers = true,
        conflicts_with = "input"
    )]
    pub(crate) result: Option<String>,
    /// The new workflow's id; made by the host where nothing is said.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Which use of the id; the latest where nothing is said.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) run: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TopicCommand {
    /// Lists who has subscribed to what.
    List {
        /// Only this topic.
        topic: Option<String>,
    },
    /// Publishes a value to all who have subscribed.
    Publish {
        /// The topic's name.
        topic: String,
        /// The value: JSON, @FILE, or - for standard input.
        #[arg(value_name = "JSON", allow_negative_numbers = true)]
        value: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Deploys plugins, and says of each unfinished workflow of theirs whether its history agrees with the
    /// new component. New workflows are started on that one; unfinished ones stay on the one they were
    /// started on.
    Deploy(DeployArgs),
    /// Lists the deployed plugins, and older components that unfinished workflows run on.
    List,
    /// Shows all that is known of one plugin.
    Show {
        /// The plugin's name.
        name: String,
    },
    /// Removes a plugin that nothing needs any more, with its components.
    Remove {
        /// The plugin's name.
        name: String,
        /// Its actors may have state, which stays for whichever plugin brings their type next.
        #[arg(long)]
        keep_state: bool,
    },
    /// Has an older component of a plugin stand for it again, which is kept because workflows run on it.
    Activate {
        /// The plugin's name.
        name: String,
        /// The component's digest, or its beginning; "host plugin show" tells them.
        component: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct DeployArgs {
    /// The components.
    #[arg(required = true, value_name = "PLUGIN")]
    pub(crate) plugins: Vec<PathBuf>,
    /// Leaves unfinished workflows on their component, except those that stall and can go on with the new
    /// one. This is what happens where nothing is said.
    #[arg(long, conflicts_with = "moves")]
    pub(crate) pin: bool,
    /// Moves those unfinished workflows to the new component whose history agrees with it.
    #[arg(long = "move")]
    pub(crate) moves: bool,
    /// Changes nothing and only says what would agree; ends with exit code 1 where something does not.
    #[arg(long, conflicts_with_all = ["moves", "pin"])]
    pub(crate) check: bool,
}

impl DeployArgs {
    /// What becomes of unfinished workflows.
    pub(crate) fn rollout(&self) -> json::RolloutPolicy {
        match (self.check, self.moves) {
            (true, _) => json::RolloutPolicy::Check,
            (false, true) => json::RolloutPolicy::Move,
            (false, false) => json::RolloutPolicy::Pin,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Makes a token and shows it, once. A server of the directory asks for tokens from its next start on.
    Create(CreateTokenArgs),
    /// Lists the tenant's tokens, without the tokens themselves.
    List,
    /// Gives a token another secret and shows it, once. The one before counts no longer.
    Rotate {
        /// The token's id.
        id: String,
    },
    /// Has a token count no longer, at once.
    Revoke {
        /// The token's id.
        id: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct AuditArgs {
    /// How many entries at most.
    #[arg(long, value_name = "N", default_value = LIST_DEFAULT, value_parser = one_or_more())]
    pub(crate) limit: usize,
}

#[derive(Args, Debug)]
pub(crate) struct CreateTokenArgs {
    /// What it may do at most: reader, invoker, operator, deployer or administrator, each all that those before it may.
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Role,
    /// Limits it to instances of the workflow of this name; also again, for more.
    #[arg(long = "workflow", value_name = "NAME")]
    pub(crate) workflows: Vec<String>,
    /// Limits it to actors of this type; also again, for more.
    #[arg(long = "actor-type", value_name = "TYPE")]
    pub(crate) actor_types: Vec<String>,
    /// How long it counts: 30d, 12h or PT1H. As long as may be (`token_lifetime_max`) where nothing is said.
    #[arg(long, value_name = "PERIOD", value_parser = period)]
    pub(crate) lifetime: Option<String>,
    /// What it is for, for whoever looks at the list later.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) description: String,
}

/// A tenant of this name.
fn tenant(name: &str) -> Result<TenantId, InvalidId> {
    TenantId::new(name)
}

/// Where a workflow stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Status {
    Pending,
    Running,
    Completed,
    Failed,
    Stalled,
    Cancelled,
    Terminated,
    Suspended,
}

impl From<Status> for json::Status {
    fn from(status: Status) -> json::Status {
        match status {
            Status::Pending => json::Status::Pending,
            Status::Running => json::Status::Running,
            Status::Completed => json::Status::Completed,
            Status::Failed => json::Status::Failed,
            Status::Stalled => json::Status::Stalled,
            Status::Cancelled => json::Status::Cancelled,
            Status::Terminated => json::Status::Terminated,
            Status::Suspended => json::Status::Suspended,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(arguments: &str) -> Result<Cli, ErrorKind> {
        let arguments = arguments.split(' ').filter(|word| !word.is_empty());
        let matches = Cli::command().try_get_matches_from(["host"].into_iter().chain(arguments));
        let cli = matches.and_then(|matches| read(&matches));
        cli.map_err(|error| error.kind())
    }

    fn run(arguments: &str) -> RunArgs {
        match parse(arguments).unwrap().command {
            Command::Run(run) => run,
            other => panic!("not a run: {other:?}"),
        }
    }

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn one_workflow_is_meant_or_many_and_all_only_where_that_is_said() {
        let refused = |arguments| parse(arguments).unwrap_err();
        for silent in ["workflow purge", "workflow purge --dry-run"] {
            assert_eq!(refused(silent), ErrorKind::MissingRequiredArgument);
        }
        for both in [
            "workflow cancel w --all",
            "workflow suspend w --name x",
            "workflow resume w --dry-run",
            "workflow purge --all --status failed",
        ] {
            assert_eq!(refused(both), ErrorKind::ArgumentConflict, "{both}");
        }
        assert!(parse("workflow purge --status failed --name x --dry-run").is_ok());
        assert!(parse("workflow terminate --all --reason enough").is_ok());
    }

    #[test]
    fn a_run_needs_a_plugin_and_takes_several() {
        let missing = ErrorKind::MissingRequiredArgument;
        assert_eq!(parse("run").unwrap_err(), missing);
        let both = run("run a.wasm b.wasm --id x-{n}");
        assert_eq!(both.plugins, [PathBuf::from("a.wasm"), "b.wasm".into()]);
        assert_eq!(both.id.as_deref(), Some("x-{n}"));
        assert_eq!(both.concurrency, 256);
    }

    #[test]
    fn a_run_takes_one_input_or_many() {
        let both = parse("run a.wasm --input 1 --each lines");
        assert_eq!(both.unwrap_err(), ErrorKind::ArgumentConflict);
        assert_eq!(run("run a.wasm --input -").input.as_deref(), Some("-"));
        assert_eq!(run("run a.wasm --input -7").input.as_deref(), Some("-7"));
        assert_eq!(run("run a.wasm --each -").each, Some(PathBuf::from("-")));
    }

    #[test]
    fn what_every_command_takes_may_stand_anywhere() {
        let before = parse("--data d --output json workflow show x")
            .unwrap()
            .common;
        let behind = parse("workflow show x --data d -o json").unwrap().common;
        for common in [before, behind] {
            assert_eq!(
                (common.data, common.output),
                (PathBuf::from("d"), Output::Json)
            );
        }
    }

    #[test]
    fn it_is_known_what_was_said() {
        use clap::parser::ValueSource::{CommandLine, DefaultValue};
        let sources = |arguments| parse(arguments).unwrap().common.sources;
        let behind = sources("workflow show x --server http://h");
        assert_eq!(behind.server, Some(CommandLine));
        let before = sources("--data d workflow show x");
        assert_eq!((before.data, before.server), (Some(CommandLine), None));
        assert_eq!(sources("workflow list").data, Some(DefaultValue));
    }

    #[test]
    fn nothing_in_flight_would_be_no_run() {
        let none = parse("run a.wasm --each f --concurrency 0");
        assert_eq!(none.unwrap_err(), ErrorKind::ValueValidation);
    }

    #[test]
    fn an_unknown_status_is_refused() {
        let unknown = parse("workflow list --status done");
        assert_eq!(unknown.unwrap_err(), ErrorKind::InvalidValue);
    }
}
