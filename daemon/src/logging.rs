//! Log lines: for people, or as JSON; to standard error.
//!
//! Messages are constant; what varies is in fields. No text of messages, no secret, no token.

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::config::{LogConfig, LogFormat, LogLevel};

/// Sends everything that is traced to standard error from now on.
pub fn start(config: LogConfig) -> Result<(), TryInitError> {
    let level = match config.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // What libraries trace below an error is theirs: a warning of h2 is one line for each frame that somebody sends,
    // whoever it is, and a log must not grow as strangers like. What h2 calls an error, its caller is told, too.
    let targets = tracing_subscriber::filter::Targets::new()
        .with_default(LevelFilter::ERROR)
        .with_target("h2", LevelFilter::OFF)
        .with_target("foedus_daemon", level)
        .with_target("foedusd", level);
    let registry = tracing_subscriber::registry().with(targets);
    match config.format {
        LogFormat::Human => registry
            .with(
                fmt::layer()
                    .with_writer(std::io::stderr)
                    .with_ansi(false)
                    .with_target(false),
            )
            .try_init(),
        LogFormat::Json => registry
            .with(
                fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_writer(std::io::stderr),
            )
            .try_init(),
    }
}
