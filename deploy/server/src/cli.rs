//! The command line, as the contract has it. Every command's help ends with an example.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Takes OpenTelemetry in, keeps all of it, answers in SQL.
#[derive(Parser, Debug)]
#[command(name = "stormglass", version, max_term_width = 100)]
#[command(
    after_help = "Example:\n  stormglass serve\n  stormglass sql \"SELECT service, count(*) FROM spans GROUP BY service\""
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Takes telemetry in and answers questions, until it is stopped.
    #[command(after_help = "Example:\n  stormglass serve --data-dir /var/lib/stormglass")]
    Serve(Serve),
    /// Serves, and runs a retail company that sends live telemetry.
    #[command(after_help = "Example:\n  stormglass demo --for 5m --fault connection_pool")]
    Demo(Demo),
    /// Asks a running server in SQL.
    #[command(
        after_help = "Example:\n  stormglass sql \"SELECT * FROM spans LIMIT 10\" --format csv --output spans.csv"
    )]
    Sql(Sql),
    /// Sends files of OTLP to a running server: protobuf, JSON or JSON lines, plain, .gz or .zst.
    #[command(after_help = "Example:\n  stormglass import traces.pb.gz logs/ --shift-to-now")]
    Import(Import),
    /// Writes to a running server, reads back and compares; for ever without --cycles.
    #[command(after_help = "Example:\n  stormglass verify --cycles 10")]
    Verify(Verify),
    /// All that is acknowledged is in Parquet when it returns.
    #[command(after_help = "Example:\n  stormglass flush && ls stormglass-data/parquet/default/spans/*/*.parquet")]
    Flush(Flush),
    /// Checks a data directory that no server is using: catalog, files, write-ahead log.
    #[command(after_help = "Example:\n  stormglass fsck --data-dir ./stormglass-data --deep")]
    Fsck(Fsck),
    /// Says whether a configuration file is right, and what would be.
    #[command(
        name = "check-config",
        after_help = "Example:\n  stormglass check-config stormglass.toml\n  stormglass check-config --list"
    )]
    CheckConfig(CheckConfig),
    /// Makes, lists and revokes access tokens.
    #[command(after_help = "Example:\n  stormglass token create --name shop --scope ingest --expires 90d")]
    Token(Token),
    /// Adds and lists the people who sign in, and changes their passwords.
    #[command(after_help = "Example:\n  stormglass user add alice --role admin")]
    User(User),
    /// Checks files of alert rules, runs the cases in them, plays them over the past.
    #[command(
        after_help = "Example:\n  stormglass rules check rules.yaml\n  stormglass rules backtest rules.yaml --from now-14d"
    )]
    Rules(Rules),
    /// Says whom an incident would be told.
    #[command(after_help = "Example:\n  stormglass routes test --severity critical --service payment-service")]
    Routes(Routes),
    /// Measures the server and prints a table of goals and figures.
    #[command(after_help = "Example:\n  stormglass bench ingest --scale 0.5 --json")]
    Bench(Bench),
    /// Runs queries for a server; started by it.
    #[command(hide = true)]
    Worker(Worker),
}

/// Which part of the work a process does.
#[derive(Clone, Copy, ValueEnum, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    All,
    Collector,
    Query,
    Alert,
    Worker,
}

/// Settings that flags can give.
#[derive(Args, Debug, Default)]
pub(crate) struct Local {
    /// Configuration file; ./stormglass.toml where there is one.
    #[arg(long, value_name = "FILE", env = "STORMGLASS_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Where everything is kept; ./stormglass-data by default.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) local: Local,
    /// Serve other addresses than loopback without TLS: TLS ends in front of this server.
    #[arg(long)]
    pub(crate) insecure_plaintext: bool,
    /// While there is no user and no token: closed, until the first user is made with a secret that is printed.
    #[arg(long)]
    pub(crate) setup: bool,
    /// Which part of the work this process does; this version does all of it in one.
    #[arg(long, value_enum, default_value = "all")]
    pub(crate) role: Role,
}

#[derive(Args, Debug)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) local: Local,
    /// How busy the company is; 1 is about 300 spans a second.
    #[arg(long, default_value_t = 1.0, value_name = "N")]
    pub(crate) speed: f64,
    /// Decides every customer, order and failure.
    #[arg(long, default_value_t = 7, value_name = "N")]
    pub(crate) seed: u64,
    /// How much past is sent first, so that there is something to compare with.
    #[arg(long, default_value = "5m", value_name = "DURATION")]
    pub(crate) history: String,
    /// Break something, such as connection_pool; may be given several times. A wrong name lists all.
    #[arg(long = "fault", value_name = "NAME")]
    pub(crate) faults: Vec<String>,
    /// How long all is well before it breaks.
    #[arg(long, default_value = "60s", value_name = "DURATION")]
    pub(crate) fault_after: String,
    /// How long it stays broken, such as 2m; till the end without it.
    #[arg(long, value_name = "DURATION")]
    pub(crate) fault_for: Option<String>,
    /// Stop after so long, such as 60s; until interrupted without it.
    #[arg(long = "for", value_name = "DURATION")]
    pub(crate) duration: Option<String>,
    /// Token with the scopes ingest and operator; without it the company has one of its own.
    #[arg(long, env = "STORMGLASS_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

/// A running server.
#[derive(Args, Clone, Debug)]
pub(crate) struct Remote {
    /// HTTP address of the server.
    #[arg(long, default_value = "http://127.0.0.1:8080", env = "STORMGLASS_URL", hide_env_values = true)]
    pub(crate) url: String,
    /// Access token, where the server asks for one.
    #[arg(long, env = "STORMGLASS_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Flush {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// Also merge the files, however few they are.
    #[arg(long)]
    pub(crate) compact: bool,
}

#[derive(Clone, Copy, ValueEnum, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    Table,
    Json,
    Csv,
    Parquet,
}

#[derive(Args, Debug)]
pub(crate) struct Sql {
    /// The query: SELECT, SHOW, DESCRIBE or EXPLAIN.
    pub(crate) sql: String,
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
    /// Write to a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Cut the result after so many rows.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Deadline of the query, such as 60s.
    #[arg(long, value_name = "DURATION")]
    pub(crate) timeout: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Import {
    /// Files, and folders that are searched for them.
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// Move all times by one common offset, so that the newest is now.
    #[arg(long)]
    pub(crate) shift_to_now: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// How many times; for ever without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) cycles: Option<u64>,
}

#[derive(Args, Debug)]
pub(crate) struct Fsck {
    #[command(flatten)]
    pub(crate) local: Local,
    /// Read every file and compare its checksum.
    #[arg(long)]
    pub(crate) deep: bool,
    /// Make the catalog anew from the footers of the Parquet files.
    #[arg(long)]
    pub(crate) rebuild: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CheckConfig {
    /// The file; ./stormglass.toml by default.
    pub(crate) file: Option<PathBuf>,
    /// List every setting with its default instead.
    #[arg(long)]
    pub(crate) list: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Token {
    #[command(subcommand)]
    pub(crate) action: TokenAction,
}

#[derive(Subcommand, Debug)]
pub(crate) enum TokenAction {
    /// Makes a token and prints it, this once.
    #[command(after_help = "Example:\n  stormglass token create --name grafana --scope viewer --expires 365d")]
    Create(TokenCreate),
    /// Lists all tokens, without their secrets.
    #[command(after_help = "Example:\n  stormglass token list")]
    List(Local),
    /// Revokes a token by its id (the 8 characters after sg_) or name.
    #[command(after_help = "Example:\n  stormglass token revoke 1a2b3c4d")]
    Revoke(TokenRevoke),
}

#[derive(Args, Debug)]
pub(crate) struct TokenCreate {
    #[command(flatten)]
    pub(crate) local: Local,
    /// What people call it; unique.
    #[arg(long)]
    pub(crate) name: String,
    /// What it grants, repeatable: ingest (all telemetry), ingest:traces, ingest:metrics, ingest:logs, ingest:alerts, viewer, support, operator, admin.
    #[arg(long = "scope", visible_alias = "role", required = true, value_name = "SCOPE", value_delimiter = ',')]
    pub(crate) scopes: Vec<String>,
    /// The workspace it belongs to.
    #[arg(long, default_value = "default")]
    pub(crate) workspace: String,
    /// When it ends, such as 90d; never without it.
    #[arg(long, value_name = "DURATION")]
    pub(crate) expires: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct TokenRevoke {
    #[command(flatten)]
    pub(crate) local: Local,
    /// Id or name.
    pub(crate) token: String,
}

#[derive(Args, Debug)]
pub(crate) struct User {
    #[command(subcommand)]
    pub(crate) action: UserAction,
}

#[derive(Subcommand, Debug)]
pub(crate) enum UserAction {
    /// Adds a user; the password is asked for, or read from standard input.
    #[command(
        after_help = "Example:\n  stormglass user add alice --role admin\n  stormglass user add bob --role viewer < password.txt"
    )]
    Add(UserAdd),
    /// Lists all users.
    #[command(after_help = "Example:\n  stormglass user list")]
    List(Local),
    /// Changes a password, asked for or read from standard input, and ends all sessions of the user.
    #[command(after_help = "Example:\n  stormglass user passwd alice")]
    Passwd(UserPasswd),
}

#[derive(Args, Debug)]
pub(crate) struct UserAdd {
    #[command(flatten)]
    pub(crate) local: Local,
    /// What the user signs in as: a-z, 0-9, '.', '_', '-', '@' and '+'.
    pub(crate) name: String,
    /// viewer, support, operator or admin.
    #[arg(long)]
    pub(crate) role: String,
    /// The workspace it belongs to.
    #[arg(long, default_value = "default")]
    pub(crate) workspace: String,
}

#[derive(Args, Debug)]
pub(crate) struct UserPasswd {
    #[command(flatten)]
    pub(crate) local: Local,
    pub(crate) name: String,
}

#[derive(Clone, Copy, ValueEnum, PartialEq, Eq, Debug)]
pub(crate) enum Subject {
    /// Cost of taking telemetry in.
    Ingest,
    /// Bytes on disk.
    Storage,
    /// Cost of look-ups and searches.
    Query,
    /// How often incidents name the true cause; needs --data with nezha/ and changes/.
    Rca,
    /// How alerts are grouped and explained, and what a storm costs; --data with alerts/.
    Storm,
    /// How often the verdict on a fault of the demo equals its answer key; up to 10 minutes each.
    Demo,
}

#[derive(Args, Debug)]
pub(crate) struct Bench {
    #[arg(value_enum)]
    pub(crate) subject: Subject,
    /// A workload file, or a folder with traces.otlp; generated without it.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Size of the generated workload; 1 is 200,000 spans, 200,000 log records, 2,000,000 points.
    #[arg(long, default_value_t = 1.0, value_name = "N")]
    pub(crate) scale: f64,
    /// Of the demo: play these faults only, `quiet` for ten minutes without one; of rca: cases whose name, system or fault contains one of these.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Of the demo: play every fault with each of these.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "7")]
    pub(crate) seeds: Vec<u64>,
    /// Of rca: only the half of the cases that is held back while rules are made.
    #[arg(long, conflicts_with = "tuned")]
    pub(crate) held_back: bool,
    /// Of rca: only the other half.
    #[arg(long)]
    pub(crate) tuned: bool,
    /// Of rca, storm and the demo: write the table into this file, between the marks that are its place.
    #[arg(long, value_name = "FILE")]
    pub(crate) readme: Option<PathBuf>,
    /// Of the demo and of rca: how many run at a time; each wants half a core.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) jobs: usize,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Rules {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

#[derive(Subcommand, Debug)]
pub(crate) enum RulesCommand {
    /// Says what is wrong, with line and column, and what would be right.
    #[command(after_help = "Example:\n  stormglass rules check rules.yaml")]
    Check { file: PathBuf },
    /// Runs the cases under `tests:` of a file on its rules.
    #[command(after_help = "Example:\n  stormglass rules test rules.yaml")]
    Test { file: PathBuf },
    /// Says when the rules would have told over the past of a running server.
    #[command(after_help = "Example:\n  stormglass rules backtest rules.yaml --from now-14d")]
    Backtest {
        file: PathBuf,
        /// RFC 3339, Unix nanoseconds or now-15m; 14 days before --to without it.
        #[arg(long)]
        from: Option<String>,
        /// Now without it.
        #[arg(long)]
        to: Option<String>,
        #[command(flatten)]
        remote: Remote,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Routes {
    #[command(subcommand)]
    pub(crate) command: RoutesCommand,
}

#[derive(Subcommand, Debug)]
pub(crate) enum RoutesCommand {
    /// Shows the way of an imagined incident through the tree.
    #[command(after_help = "Example:\n  stormglass routes test --severity critical --service payment-service")]
    Test {
        /// low, medium, high or critical.
        #[arg(long, default_value = "high")]
        severity: String,
        /// A service that is hurt; may be given several times.
        #[arg(long)]
        service: Vec<String>,
        #[arg(long)]
        owner: Option<String>,
        #[arg(long)]
        team: Option<String>,
        /// A label, as NAME=VALUE; may be given several times.
        #[arg(long, value_name = "NAME=VALUE")]
        label: Vec<String>,
        #[command(flatten)]
        remote: Remote,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Worker {
    /// The Unix socket of the server that started it.
    #[arg(long)]
    pub(crate) socket: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed_and_every_visible_command_has_an_example() {
        fn check(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let leaf = command.get_subcommands().next().is_none();
            assert!(
                !leaf || command.is_hide_set() || help.contains("Example:\n  stormglass "),
                "{}",
                command.get_name()
            );
            command.get_subcommands().filter(|c| c.get_name() != "help").for_each(check);
        }
        let command = Cli::command();
        command.clone().debug_assert();
        check(&command);
    }
}
