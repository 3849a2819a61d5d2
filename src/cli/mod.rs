//! The command line: one file per command, results on stdout, messages on stderr, exit codes in `exit`.

mod actor;
mod alarm;
mod approve;
mod audit;
mod calc;
mod check;
mod coverage;
mod daemon;
mod demo;
mod event;
mod exit;
mod explain;
mod hold;
mod init;
mod names;
mod notify;
mod orphans;
mod output;
mod pause;
mod phrase;
mod plan;
mod policy;
mod progress;
mod registered;
mod run;
pub mod session;
mod status;
mod store;
mod table;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Parser, Subcommand};

pub use exit::{Exit, Failure};
pub use output::Format;

use crate::time::{Clock, SystemClock};
use output::Output;

/// Where the configuration stands unless somebody says otherwise.
const CONFIG: &str = "/etc/forfall/forfall.toml";

/// Enforces written retention rules over data stores, and proves each deletion.
#[derive(Debug, Parser)]
#[command(name = "forfall", version, about, disable_help_subcommand = true, max_term_width = 80)]
#[command(after_help = "New here? `forfall demo` shows everything on sample data, in a fresh directory.\n\n\
    Exit codes: 0 done, 2 usage, 10 configuration or policy invalid, 11 stopped by a\n\
    safety gate, 12 incomplete, 13 the audit log does not verify, 70 internal error.")]
struct Cli {
    /// The configuration
    #[arg(long, global = true, value_name = "FILE", env = "FORFALL_CONFIG", default_value = CONFIG, hide_env_values = true)]
    config: PathBuf,

    /// How results are written: table or json
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true
    )]
    format: Format,

    /// Say more on stderr
    #[arg(long, short, global = true)]
    verbose: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a commented configuration and a first policy
    Init(init::Args),
    /// Look at the registered stores, without changing anything
    #[command(subcommand)]
    Store(store::Command),
    /// Show everything on sample data, in a fresh directory
    Demo(demo::Args),
    /// Check configuration, policies and stores; read each policy back
    Check(check::Args),
    /// Show what would happen now: a dry run
    Plan(plan::Args),
    /// Approve what `plan` shows, so that runs may act
    Approve(approve::Args),
    /// Carry out now what is due and approved
    Run(run::Args),
    /// Run by schedule until told to stop
    Daemon,
    /// Show how things stand, what is overdue first
    Status(status::Args),
    /// Show what of the stores no policy covers
    Coverage(coverage::Args),
    /// Say why a record is kept, when it will go, or when it went
    Explain(explain::Args),
    /// Compute due dates
    Calc(calc::Args),
    /// List, show and test policies
    #[command(subcommand)]
    Policy(policy::Command),
    /// Keep records whatever the policies say
    #[command(subcommand)]
    Hold(hold::Command),
    /// Record what starts a clock or decides a class
    #[command(subcommand)]
    Event(event::Command),
    /// See what people are told, and try whether it arrives
    #[command(subcommand)]
    Notify(notify::Command),
    /// See what is wrong and was told, and acknowledge test alarms
    #[command(subcommand)]
    Alarm(alarm::Command),
    /// Stop before the next batch
    Pause(pause::Args),
    /// Go on after a pause
    Resume(pause::Args),
    /// Read and verify the audit log
    #[command(subcommand)]
    Audit(audit::Command),
}

/// What every command is given.
#[derive(Clone)]
struct Context {
    output: Output,
    config: PathBuf,
    clock: Arc<dyn Clock>,
}

/// Carries out the command line that the process was started with, and gives the code to exit with.
pub fn main() -> u8 {
    let cli = Cli::parse();
    let output = Output::new(cli.format);
    if !matches!(cli.command, Command::Daemon) {
        log_to_stderr(cli.verbose);
    }
    let context = Context { output, config: cli.config, clock: Arc::new(SystemClock::new()) };
    let exit = dispatch(&cli.command, &context).unwrap_or_else(|failure| {
        output::report(&failure);
        failure.exit
    });
    exit.code()
}

fn dispatch(command: &Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Init(args) => init::run(args, context),
        Command::Store(command) => store::run(command, context),
        Command::Demo(args) => demo::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::Plan(args) => plan::run(args, context),
        Command::Approve(args) => approve::run(args, context),
        Command::Run(args) => run::run(args, context),
        Command::Daemon => daemon::run(context),
        Command::Status(args) => status::run(args, context),
        Command::Coverage(args) => coverage::run(args, context),
        Command::Explain(args) => explain::run(args, context),
        Command::Calc(args) => calc::run(args, context),
        Command::Policy(command) => policy::run(command, context),
        Command::Hold(command) => hold::run(command, context),
        Command::Event(command) => event::run(command, context),
        Command::Notify(command) => notify::run(command, context),
        Command::Alarm(command) => alarm::run(command, context),
        Command::Pause(args) => pause::pause(args, context),
        Command::Resume(args) => pause::resume(args, context),
        Command::Audit(command) => audit::run(command, context),
    }
}

/// Commands log what goes wrong beside their results; the daemon sets up its own log.
fn log_to_stderr(verbose: bool) {
    let level = if verbose { tracing::Level::INFO } else { tracing::Level::WARN };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(output::stderr_colours())
        .without_time()
        .with_target(false)
        .finish();
    // Somebody else's subscriber stands only in tests.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
