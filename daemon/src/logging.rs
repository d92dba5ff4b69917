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
    // What libraries trace below an error is theirs. h2 warns of frames of any stranger, one line each.
    let targets = tracing_subscriber::filter::Targets::new()
        .with_default(level.min(LevelFilter::ERROR))
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
