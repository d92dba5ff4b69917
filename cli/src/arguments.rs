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
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn each_command_shows_an_example() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(help.contains("Example"), "{path} shows no example");
            for line in help
                .lines()
                .filter(|line| line.trim_start().starts_with("foedus "))
            {
                check_example(line.trim());
            }
            for below in command.get_subcommands() {
                check(below, &path);
            }
        }
        check(&Arguments::command(), "");
    }

    /// An example must be a command line that we understand.
    fn check_example(line: &str) {
        if let Err(error) = parsed(line) {
            assert!(!error.use_stderr(), "{line}: {error}");
        }
    }

    fn parsed(line: &str) -> Result<Arguments, clap::Error> {
        let line = line
            .split(['|', '>', '<'])
            .next()
            .expect("a split gives a first part");
        let mut words = Vec::new();
        for (position, part) in line.split('"').enumerate() {
            if position % 2 == 1 {
                words.push(part.to_owned());
            } else {
                words.extend(part.split_whitespace().map(str::to_owned));
            }
        }
        Arguments::try_parse_from(&words)
    }

    /// What the papers tell people to type is understood; in the middle of a sentence they may leave out what a command is
    /// given.
    #[test]
    fn the_commands_of_the_papers_are_command_lines() {
        use clap::error::ErrorKind::{
            DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, MissingRequiredArgument,
        };
        let papers = [
            include_str!("../../README.md"),
            include_str!("../../docs/OPERATING.md"),
            include_str!("../../docs/INTEGRATING.md"),
        ];
        let mut count = 0;
        for paper in papers {
            for (number, part) in paper.split("```").enumerate() {
                let in_a_block = number % 2 == 1;
                let lines: Vec<&str> = match in_a_block {
                    true => part.lines().collect(),
                    false => part.split('`').skip(1).step_by(2).collect(),
                };
                for line in lines.into_iter().filter(|line| line.starts_with("foedus ")) {
                    if line.contains(" COMMAND") {
                        continue;
                    }
                    count += 1;
                    let (line, _) = line.split_once(" #").unwrap_or((line, ""));
                    let line = line.replace("...", "one two three four five six");
                    let Err(error) = parsed(&line) else { continue };
                    let part_of_one = matches!(
                        error.kind(),
                        MissingRequiredArgument | DisplayHelpOnMissingArgumentOrSubcommand
                    );
                    let fine = error.kind() == DisplayHelp || (!in_a_block && part_of_one);
                    assert!(fine, "{line}: {error}");
                }
            }
        }
        assert!(count > 60, "{count}");
    }

    #[test]
    fn the_usage_that_is_told_with_an_error_is_that_of_the_help() {
        let told = |line: &str| {
            let words = line.split_whitespace().map(OsString::from);
            let told = Arguments::from_command_line(words);
            told.expect_err("it is no command line").to_string()
        };
        let post = "Usage: foedus post [OPTIONS] <CHANNEL> [TEXT]";
        assert!(
            told("foedus post").contains(post),
            "{}",
            told("foedus post")
        );
        let given = told("foedus --server unix:/s post");
        assert!(given.contains(post), "{given}");
        assert!(!given.contains("--server"), "{given}");
        let help = told("foedus help post");
        assert!(help.contains(post) && help.contains("Example"), "{help}");
        assert!(!help.contains("--server"), "{help}");
        assert!(help.contains("--reply-to"), "{help}");
        let last = help.trim_end().lines().last();
        assert_eq!(last, Some("Options for all commands: foedus --help"));
        let whole = told("foedus --help");
        assert!(whole.contains("--server"), "{whole}");
        assert!(whole.contains("\n  man  "), "{whole}");
        let partner = told("foedus partner show");
        let show = "Usage: foedus partner show [OPTIONS] <PARTNER>";
        assert!(partner.contains(show), "{partner}");
        let words = ["foedus", "status"].map(OsString::from);
        assert!(Arguments::from_command_line(words).is_ok());
    }

    #[test]
    fn a_line_that_cannot_be_meant_names_what_is() {
        let told = |words: &[&str]| {
            let words = words.iter().map(OsString::from);
            let told = Arguments::from_command_line(words);
            told.expect_err("it is no command line").to_string()
        };
        for line in [&["foedus", "store"][..], &["foedus", "store", "check"]] {
            let store = told(line);
            assert!(store.contains("`foedusd store`"), "{store}");
            assert!(!store.contains("history"), "{store}");
        }
        assert!(told(&["foedus", "histry"]).contains("history"));
        let nobody = told(&["foedus", "--as", "", "status"]);
        assert!(nobody.contains("--as"), "{nobody}");
    }

    #[test]
    fn json_is_asked_for_also_on_a_line_that_makes_no_sense() {
        let check = |line: &str, expected| {
            let words = line.split_whitespace().map(OsString::from);
            assert_eq!(asks_for_json(words), expected, "{line}");
        };
        check("bogus --output json", true);
        check("--output=json bogus", true);
        check("post --output json --output human", false);
        check("post launch -- --output json", false);
        check("--output", false);
        check("json", false);
    }

    fn globals(words: &[&str]) -> Globals {
        let line = ["foedus"]
            .into_iter()
            .chain(words.iter().copied())
            .chain(["status"]);
        Arguments::try_parse_from(line)
            .expect("a command line")
            .globals
    }

    fn stored() -> Context {
        Context {
            server: "https://acme.example:7443".to_owned(),
            token: "stored".to_owned(),
            ..Context::default()
        }
    }

    #[test]
    fn what_is_given_comes_before_the_context() {
        let settings = globals(&["--token", "given"])
            .settings_with(Some(stored()))
            .expect("fine");
        assert_eq!(settings.token, "given");
        assert_eq!(settings.server, Server::Tls("acme.example:7443".to_owned()));
    }

    #[test]
    fn a_contexts_token_never_goes_to_another_server() {
        let settings = globals(&["--server", "https://other.example:1"])
            .settings_with(Some(stored()))
            .expect("fine");
        assert_eq!(settings.token, "");
        let settings = globals(&["--server", "https://acme.example:7443"])
            .settings_with(Some(stored()))
            .expect("fine");
        assert_eq!(settings.token, "stored");
    }

    #[test]
    fn a_server_that_makes_no_sense_is_a_usage_error() {
        let failure = globals(&["--server", "acme"])
            .settings_with(None)
            .expect_err("refused");
        assert_eq!(failure.exit, Exit::Usage);
    }

    #[test]
    fn an_empty_variable_is_as_good_as_none() {
        let settings = globals(&["--server", "", "--token", ""])
            .without_empty()
            .settings_with(Some(stored()))
            .expect("fine");
        assert_eq!(settings.token, "stored");
    }

    #[test]
    fn an_idempotency_key_leaves_room_for_numbers() {
        assert!(parse_idempotency_key("").is_err());
        assert!(parse_idempotency_key(&"k".repeat(49)).is_err());
        assert!(parse_idempotency_key(&"k".repeat(48)).is_ok());
    }
}
