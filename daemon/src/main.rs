//! `foedusd`: reads what it is told, lets the daemon live, and says with a status how it ended.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use foedus_daemon::config::{Config, DEFAULT_FILE, Overrides, Paths};
use foedus_daemon::lifecycle::{self, Ended, ExitStatus, Signals};
use foedus_daemon::logging;

/// The daemon of one organisation.
#[derive(Debug, Parser)]
#[command(name = "foedusd", version, after_help = EXIT_STATUSES)]
struct Arguments {
    /// The configuration file [default: $XDG_CONFIG_HOME/foedus/foedusd.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder for keys and data, whatever the configuration says
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Print a configuration file that says what holds if nothing is said, and end
    #[arg(long)]
    print_default_config: bool,
    /// Say what is wrong with the configuration, and end
    #[arg(long)]
    check_config: bool,
}

const EXIT_STATUSES: &str = "\
Exit statuses:
   0  it was asked to end, and did (also after --check-config without a fault)
  64  the command line is wrong
  65  what is in the data folder can't be read, or does not belong together
  69  another daemon has the data folder, or an address is taken
  70  a fault of the program, or damage that it found in its store while it ran
  71  the operating system refused
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
    if arguments.print_default_config {
        let _unread = std::io::stdout()
            .write_all(DEFAULT_FILE.as_bytes())
            .is_err();
        return ExitStatus::Ok.into();
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
        Ok(config) => live(config).into(),
    }
}

/// Looks at the files that the configuration names, too; binds and opens nothing.
fn check(config: &Config) -> ExitStatus {
    if let Err(error) = config.api.check() {
        complain(&error);
        return ExitStatus::Config;
    }
    let _unread = writeln!(std::io::stdout(), "the configuration has no fault").is_err();
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
