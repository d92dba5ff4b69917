//! `foedus`: a client of the gRPC API of one organisation's daemon.
//!
//! Knows nothing of how the daemon works; what it shows is what the API said, or what an export proves.

mod arguments;
mod bounds;
mod command;
mod connection;
mod context;
mod export_file;
mod failure;
mod json;
mod page;
mod printer;
mod resume;
mod sanitize;
mod time;

use std::process::ExitCode;

use crate::arguments::Arguments;
use crate::failure::{Exit, Failure};
use crate::printer::{Output, Printer};

fn main() -> ExitCode {
    let arguments = match Arguments::from_command_line(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return misunderstood(&error),
    };
    let mut printer = Printer::new(arguments.globals.output);
    match run(arguments, &mut printer) {
        Ok(()) => Exit::Done.into(),
        // Whoever read our output has enough of it, as `head` does.
        Err(failure) if failure.broken_pipe => Exit::Done.into(),
        Err(failure) => {
            if !failure.told {
                printer.failure(&failure);
            }
            failure.exit.into()
        }
    }
}

/// Help and version are printed as they are; what makes no sense is told as every other failure is.
fn misunderstood(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && arguments::asks_for_json(std::env::args_os().skip(1)) {
        Printer::new(Output::Json).failure(&Failure::from(error));
        return Exit::Usage.into();
    }
    let exit = if error.use_stderr() {
        Exit::Usage
    } else {
        Exit::Done
    };
    match error.print() {
        Ok(()) => exit.into(),
        Err(_) => Exit::InputOutput.into(),
    }
}

fn run(arguments: Arguments, printer: &mut Printer) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::io("cannot start", &source))?;
    let result = runtime.block_on(command::run(arguments, printer));
    // A read of standard input cannot be interrupted; it is not waited for.
    runtime.shutdown_background();
    result
}
