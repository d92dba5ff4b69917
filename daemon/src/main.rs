//! `foedusd`: reads what it is told, lets the daemon live, and says with a status how it ended.

mod man;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use foedus_daemon::config::{Config, DEFAULT_FILE, Overrides, Paths};
use foedus_daemon::lifecycle::{self, Ended, ExitStatus, Signals};
use foedus_daemon::logging;
use foedus_daemon::offline::{self, OfflineError, Progress};
use foedus_daemon::store::EngineKind;

/// The C library's allocator keeps what a load has taken, and takes a third of the time of a load for itself.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The daemon of one organisation.
#[derive(Debug, Parser)]
#[command(name = "foedusd", version, after_help = format!("{EXAMPLES}\n\n{EXIT_STATUSES}"))]
struct Arguments {
    /// The configuration file [default: $XDG_CONFIG_HOME/foedus/foedusd.toml, if there is one]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The folder for keys and data, whatever the configuration says
    #[arg(long, value_name = "FOLDER", global = true)]
    data: Option<PathBuf>,
    /// Print a configuration file that says what holds if nothing is said, and end
    #[arg(long)]
    print_default_config: bool,
    /// Say what is wrong with the configuration, and end
    #[arg(long)]
    check_config: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What is done instead of running.
#[derive(Debug, Subcommand)]
enum Command {
    /// Check, copy or compact the store, while no daemon runs on it
    #[command(after_help = STORE_EXAMPLES)]
    Store {
        #[command(subcommand)]
        what: StoreCommand,
        /// How the result is printed
        #[arg(long, value_enum, default_value_t, global = true)]
        output: Output,
    },
    /// Write the manual pages
    #[command(after_help = "Example:\n  foedusd man --to /usr/local/share/man/man8")]
    Man {
        /// The folder to write to; it is made if it is not there
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Read everything that is stored, and say whether it fits together
    #[command(after_help = "Example:\n  foedusd --config /etc/foedus/foedusd.toml store check")]
    Check,
    /// Make another data folder with the same keys and the same store
    #[command(after_help = "\
Example:
  foedusd --data /var/lib/foedus store copy --to /srv/foedus --engine fjall")]
    Copy {
        /// Where: a folder that is empty or does not exist
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
        /// The engine of the copy: sled or fjall [default: the same]
        #[arg(long)]
        engine: Option<EngineKind>,
    },
    /// Write the store anew, so that what was overwritten and erased leaves the disk
    #[command(
        after_help = "Example:\n  foedusd --data /var/lib/foedus store compact --output json"
    )]
    Compact,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Output {
    /// For people
    #[default]
    Human,
    /// One JSON object
    Json,
}

const STORE_EXAMPLES: &str = "\
Examples:
  foedusd --config /etc/foedus/foedusd.toml store check
  foedusd --data /var/lib/foedus store copy --to /srv/foedus --engine fjall
  foedusd --data /var/lib/foedus store compact --output json

Stop the daemon first: a store that is in use is refused (69).";

const EXAMPLES: &str = "\
Examples:
  foedusd --print-default-config
  foedusd --config /etc/foedus/foedusd.toml --check-config
  foedusd --config /etc/foedus/foedusd.toml";

const EXIT_STATUSES: &str = "\
Exit statuses:
   0  it was asked to end, and did (also after --check-config without a fault)
  64  the command line is wrong
  65  what is in the data folder can't be read, or does not belong together
  66  there is no store in the data folder (`foedusd store` only)
  69  another daemon has the data folder, or an address is taken
  70  a fault of the program, or damage that it found in its store while it ran
  71  the operating system refused
  73  a copy can't go where something is (`foedusd store copy` only)
  74  reading or writing failed
  77  a file may not be used, or a key can be read by others
  78  the configuration is wrong";

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let status = if error.use_stderr() {
                ExitStatus::Usage
            } else {
                ExitStatus::Ok
            };
            // If nobody reads what is printed, nobody misses it.
            let _unread = error.print().is_err();
            return status.into();
        }
    };
    if arguments.command.is_some() && (arguments.print_default_config || arguments.check_config) {
        let said = "--check-config and --print-default-config do their own work: leave the command away, or give it alone";
        let error = Arguments::command().error(ErrorKind::ArgumentConflict, said);
        let _unread = error.print().is_err();
        return ExitStatus::Usage.into();
    }
    if arguments.print_default_config {
        let _unread = std::io::stdout()
            .write_all(DEFAULT_FILE.as_bytes())
            .is_err();
        return ExitStatus::Ok.into();
    }
    // Before the configuration is read: a page needs none.
    if let Some(Command::Man { to }) = &arguments.command {
        return write_pages(to).into();
    }
    let overrides = Overrides {
        file: arguments.config,
        data: arguments.data,
    };
    match Config::load(&overrides, &Paths::of_environment()) {
        Err(error) => {
            complain(&error);
            advise(lifecycle::remedy_of_config(&error));
            ExitStatus::from(&error).into()
        }
        Ok(config) if arguments.check_config => check(&config).into(),
        Ok(config) if let Some(Command::Store { what, output }) = arguments.command => {
            work(&config, what, output).into()
        }
        Ok(config) => live(config).into(),
    }
}

/// Writes the manual pages, and says where they are.
fn write_pages(to: &Path) -> ExitStatus {
    match man::write(Arguments::command(), EXIT_STATUSES, to) {
        Ok(count) => {
            let said = format!("Wrote {count} manual pages to {}.", to.display());
            let _unread = writeln!(std::io::stdout(), "{said}").is_err();
            ExitStatus::Ok
        }
        Err(error) => {
            complain(&error);
            ExitStatus::Io
        }
    }
}

/// Looks at the files that the configuration names, too; binds and opens nothing.
fn check(config: &Config) -> ExitStatus {
    if let Err(error) = config.api.check() {
        complain(&error);
        return ExitStatus::Config;
    }
    let said = match &config.file {
        Some(file) => format!("{} has no fault", file.display()),
        None => "there is no configuration file, and the defaults have no fault".to_owned(),
    };
    let _unread = writeln!(std::io::stdout(), "{said}").is_err();
    ExitStatus::Ok
}

fn live(config: Config) -> ExitStatus {
    end_on_panic();
    if let Err(error) = logging::start(config.log) {
        complain(&error);
        return ExitStatus::Software;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error);
            return ExitStatus::System;
        }
    };
    let status = runtime.block_on(serve(config));
    // Tasks that did not end in time are cut off here.
    runtime.shutdown_background();
    status
}

/// Works on the store while no daemon runs.
fn work(config: &Config, what: StoreCommand, output: Output) -> ExitStatus {
    end_on_panic();
    let runtime = match tokio::runtime::Builder::new_current_thread().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error);
            return ExitStatus::System;
        }
    };
    let mut progress = Progress::new(|text| {
        let _unread = writeln!(std::io::stderr(), "{text}").is_err();
    });
    match runtime.block_on(worked(config, what, &mut progress)) {
        Ok((status, text, json)) => {
            let printed = match output {
                Output::Human => text,
                Output::Json => format!("{json}\n"),
            };
            let _unread = std::io::stdout().write_all(printed.as_bytes()).is_err();
            status
        }
        Err(error) => {
            complain(&error);
            advise(error.remedy());
            ExitStatus::from(&error)
        }
    }
}

/// What to print of it, for people and for programs.
async fn worked(
    config: &Config,
    what: StoreCommand,
    progress: &mut Progress,
) -> Result<(ExitStatus, String, serde_json::Value), OfflineError> {
    let (data, options) = (&config.data, &config.store);
    Ok(match what {
        StoreCommand::Check => {
            let checked = offline::check(data, options, progress).await?;
            let status = match checked.is_sound() {
                true => ExitStatus::Ok,
                false => ExitStatus::Data,
            };
            (status, checked.text(), checked.json())
        }
        StoreCommand::Copy { to, engine } => {
            let copied = offline::copy(data, &to, engine, options, progress).await?;
            (ExitStatus::Ok, copied.text(), copied.json())
        }
        StoreCommand::Compact => {
            let compacted = offline::compact(data, options, progress).await?;
            (ExitStatus::Ok, compacted.text(), compacted.json())
        }
    })
}

async fn serve(config: Config) -> ExitStatus {
    // From here on a signal is not lost, and does not end the process half way through the start.
    let mut signals = match Signals::take() {
        Ok(signals) => signals,
        Err(error) => {
            complain(&error);
            return ExitStatus::System;
        }
    };
    let data = config.data.display().to_string();
    let socket = config.api.socket.display().to_string();
    let daemon = match lifecycle::build(config).await {
        Ok(daemon) => daemon,
        Err(error) => {
            complain(&error);
            advise(lifecycle::remedy(&error));
            return (&error).into();
        }
    };
    // As bound: the configuration may leave ports to the system.
    let listeners = daemon.listeners();
    let links = listeners.link_address().map(|address| address.to_string());
    let api = listeners
        .api
        .tcp_address()
        .map(|address| address.to_string());
    let metrics = listeners
        .metrics_address()
        .map(|address| address.to_string());
    let running = daemon.spawn();
    tell_manager(&[sd_notify::NotifyState::Ready]);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        data,
        links,
        socket,
        api,
        metrics,
        "foedusd is ready"
    );
    let asked = async {
        signals.next().await;
        tell_manager(&[sd_notify::NotifyState::Stopping]);
        tracing::info!("foedusd is stopping");
    };
    let ended = running.run(asked).await;
    match ended {
        Ended::Drained => tracing::info!("foedusd has stopped"),
        Ended::CutOff => {
            tracing::warn!(
                "foedusd has stopped; what was not finished within the grace was cut off"
            );
        }
        Ended::StoreFailed => tracing::error!("foedusd has stopped, as its store failed"),
    }
    ended.into()
}

/// Without a service manager there is nobody to tell.
fn tell_manager(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager could not be told");
    }
}

/// Says what went wrong, with all its causes, where a person looks.
fn complain(error: &dyn std::error::Error) {
    let mut text = format!("foedusd: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str("\n  because: ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    let _unread = writeln!(std::io::stderr(), "{text}").is_err();
}

/// Says what to do about it, if that is known.
fn advise(remedy: Option<&'static str>) {
    if let Some(remedy) = remedy {
        let _unread = writeln!(std::io::stderr(), "  to do:  {remedy}").is_err();
    }
}

/// A panic is a fault of the program, or damage that the engine found in its files: whatever follows from it is
/// worse than an end. What is durable stays; the next start begins from there.
fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let text = format!(
            "foedusd: a fault of the program, or damage in the store: the daemon ends. What was acknowledged is on \
             disk.\n  {panic}\n  If it happens again at the same place, keep this text and the data folder."
        );
        let _unread = writeln!(std::io::stderr(), "{text}").is_err();
        // Not an abort: the status is one that the table names, and nothing is left to be told by a signal.
        std::process::exit(ExitStatus::Software as i32);
    }));
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// The examples of a command and of those below it; how many.
    fn check(command: &clap::Command) -> usize {
        let help = command.get_after_help();
        let help = help.map(ToString::to_string).unwrap_or_default();
        let examples = help.lines().map(str::trim);
        let mut count = 0;
        for line in examples.filter(|line| line.starts_with("foedusd ")) {
            let parsed = Arguments::try_parse_from(line.split_whitespace());
            if let Err(error) = parsed {
                panic!("{line}: {error}");
            }
            count += 1;
        }
        count + command.get_subcommands().map(check).sum::<usize>()
    }

    #[test]
    fn each_example_is_a_command_line() {
        let count = check(&Arguments::command());
        assert!(count >= 10, "{count}");
    }
}
