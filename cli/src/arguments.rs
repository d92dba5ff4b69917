//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::error::{ContextKind, ContextValue};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser};

use crate::bounds;
use crate::command::Command;
use crate::connection::{Server, Settings};
use crate::context::{self, Context, Contexts};
use crate::failure::{EXIT_CODES, Failure};
use crate::printer::Output;
use crate::time;

/// Talks to the Foedus daemon of your organisation.
#[derive(Debug, Parser)]
#[command(
    name = "foedus",
    version,
    after_help = "Example:\n  foedus status\n\nSee `foedus help COMMAND` for an example of each command.",
    after_long_help = after_long_help(),
    disable_help_subcommand = false,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Arguments {
    /// For all commands.
    #[command(flatten)]
    pub globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Arguments {
    /// Reads a command line. How a command is used is always told as its help tells it: without what the environment
    /// sets, and with the options that may follow.
    pub fn from_command_line(
        words: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        command.build();
        with_whole_usage(&mut command);
        command.get_subcommands_mut().for_each(without_globals);
        let matches = command.try_get_matches_from_mut(words);
        let mut matches = matches.map_err(with_the_daemons_own)?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }
}

/// Whoever types a command of `foedusd` here is told where it is, and not what sounds like it.
fn with_the_daemons_own(mut error: clap::Error) -> clap::Error {
    let typed = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(typed)) => typed.as_str(),
        _ => return error,
    };
    if typed != "store" {
        return error;
    }
    let hint = "the store is looked after with `foedusd store`, while the daemon is stopped";
    error.remove(ContextKind::SuggestedSubcommand);
    let hint = ContextValue::StyledStrs(vec![hint.into()]);
    error.insert(ContextKind::Suggested, hint);
    error
}

fn with_whole_usage(command: &mut clap::Command) {
    let usage = command.render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage).to_owned();
    *command = std::mem::take(command).override_usage(usage);
    command.get_subcommands_mut().for_each(with_whole_usage);
}

/// What every command takes is told with the program's own help, and with each command only that it is there.
fn without_globals(command: &mut clap::Command) {
    let hidden = std::mem::take(command).mut_args(|argument| {
        let global = argument.is_global_set();
        argument.hide(global)
    });
    let after = hidden.get_after_help().map(ToString::to_string);
    let after = after.unwrap_or_default();
    *command = hidden.after_help(format!(
        "{after}\n\nOptions for all commands: foedus --help"
    ));
    command.get_subcommands_mut().for_each(without_globals);
}

fn after_long_help() -> String {
    format!(
        "Example:\n  foedus status\n\nSee `foedus help COMMAND` for an example of each command.\n\n{EXIT_CODES}"
    )
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options for all commands")]
pub struct Globals {
    /// The daemon: unix:/path, https://host:port, or http://localhost:port [default: its socket]
    #[arg(
        long,
        global = true,
        value_name = "SERVER",
        env = "FOEDUS_SERVER",
        hide_env_values = true
    )]
    pub server: Option<String>,
    /// The token to act by; better given as FOEDUS_TOKEN, which others do not see
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "FOEDUS_TOKEN",
        hide_env_values = true
    )]
    pub token: Option<String>,
    /// The member to act as, over the daemon's socket
    // An empty one is a variable that was not set, and would be the administrator.
    #[arg(long = "as", global = true, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub act_as: Option<String>,
    /// The context to use instead of the current one
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "FOEDUS_CONTEXT",
        hide_env_values = true
    )]
    pub context: Option<String>,
    /// File with the certificates to trust instead of the system's (PEM)
    #[arg(long = "ca", global = true, value_name = "FILE")]
    pub certificates: Option<PathBuf>,
    /// For people or for programs
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "human"
    )]
    pub output: Output,
    /// How long a call may take
    #[arg(long, global = true, value_name = "TIME", value_parser = time::parse_length, default_value = bounds::CALL_SECONDS_DEFAULT)]
    pub timeout: Duration,
    /// A text of your choice: repeated with it within 24 hours, a command is not done twice (posts over a restart of
    /// the daemon too; other commands are then refused if they would do it twice, but for `token create`)
    #[arg(long, global = true, value_name = "KEY", value_parser = parse_idempotency_key)]
    pub idempotency_key: Option<String>,
}

fn parse_idempotency_key(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > bounds::IDEMPOTENCY_KEY_BYTES_MAX {
        return Err(format!(
            "expected 1 to {} bytes",
            bounds::IDEMPOTENCY_KEY_BYTES_MAX
        ));
    }
    Ok(text.to_owned())
}

/// Whether the words of a command line ask for JSON, as far as can be told when they make no sense as a whole.
pub fn asks_for_json(words: impl Iterator<Item = OsString>) -> bool {
    let mut words = words.take_while(|word| word != "--");
    let mut json = false;
    while let Some(word) = words.next() {
        if word == "--output" {
            json = words.next().is_some_and(|format| format == "json");
        } else if word == "--output=json" {
            json = true;
        }
    }
    json
}

impl Globals {
    /// An option or variable that is set to nothing is as good as not set.
    pub fn without_empty(mut self) -> Self {
        for option in [
            &mut self.server,
            &mut self.token,
            &mut self.act_as,
            &mut self.context,
        ] {
            if option.as_deref() == Some("") {
                *option = None;
            }
        }
        self
    }

    /// Whom to ask and as whom: by what was given here, else by the context, else by default.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let chosen = self.chosen_context()?;
        self.settings_with(chosen)
    }

    fn chosen_context(&self) -> Result<Option<Context>, Failure> {
        if let Some(name) = &self.context {
            return Contexts::load(&context::file()?)?
                .get(name)
                .cloned()
                .map(Some);
        }
        if self.server.is_some() {
            return Ok(None);
        }
        // Without a home there are no contexts, and so none is in use.
        let Ok(file) = context::file() else {
            return Ok(None);
        };
        let contexts = Contexts::load(&file)?;
        contexts
            .current
            .as_ref()
            .map(|name| contexts.get(name).cloned())
            .transpose()
    }

    fn settings_with(&self, context: Option<Context>) -> Result<Settings, Failure> {
        // A token is for one daemon: one that a context holds never goes to another server.
        let context = match (&self.server, context) {
            (Some(server), Some(context)) if *server != context.server => Context {
                server: server.clone(),
                ..Context::default()
            },
            (Some(server), None) => Context {
                server: server.clone(),
                ..Context::default()
            },
            (_, context) => context.unwrap_or_default(),
        };
        let server = if context.server.is_empty() {
            Server::default_socket()?
        } else {
            Server::parse(&context.server)?
        };
        Ok(Settings {
            server,
            token: self.token.clone().unwrap_or(context.token),
            act_as: self.act_as.clone().unwrap_or(context.act_as),
            certificates: self.certificates.clone().or(context.ca),
            timeout: self.timeout,
            idempotency_key: self.idempotency_key.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
