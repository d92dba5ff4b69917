//! Command lines, as they are read and as the documents and helps show them.

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
        include_str!("../../../README.md"),
        include_str!("../../../docs/OPERATING.md"),
        include_str!("../../../docs/INTEGRATING.md"),
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
