//! `man`: the manual pages, one for each command.

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use serde_json::json;

use crate::arguments::Arguments;
use crate::failure::{EXIT_CODES, Failure};
use crate::page::Page;
use crate::printer::Printer;

/// `man`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  foedus man --to /usr/local/share/man/man1")]
pub struct ManArguments {
    /// The folder to write to; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

pub fn run(arguments: &ManArguments, printer: &mut Printer) -> Result<(), Failure> {
    let folder = &arguments.to;
    let cannot = |source| {
        let what = format_args!("cannot write manual pages to {}", folder.display());
        Failure::io(what, &source)
    };
    fs::create_dir_all(folder).map_err(cannot)?;
    let pages = pages();
    for (name, page) in &pages {
        fs::write(folder.join(name), page).map_err(cannot)?;
    }
    let (count, to) = (pages.len(), folder.display().to_string());
    let said = Page::new().sentence(format!("Wrote {count} manual pages to {to}."));
    printer.answer(&json!({ "folder": to, "pages": count }), &said)
}

/// Each page with the name of its file.
fn pages() -> Vec<(String, String)> {
    let mut command = Arguments::command();
    command.build();
    let mut pages = Vec::new();
    add(&command, "foedus", &mut pages);
    pages
}

fn add(command: &clap::Command, name: &str, pages: &mut Vec<(String, String)>) {
    pages.push((format!("{name}.1"), page(command, name)));
    for below in command.get_subcommands() {
        if !below.is_hide_set() && below.get_name() != "help" {
            add(below, &format!("{name}-{}", below.get_name()), pages);
        }
    }
}

fn page(command: &clap::Command, name: &str) -> String {
    // What is said after the help has sections of its own here.
    let man = Man::new(command.clone().display_name(name.to_owned())).section("1");
    let mut text = Vec::new();
    let render = |text: &mut Vec<u8>| -> std::io::Result<()> {
        man.render_title(text)?;
        man.render_name_section(text)?;
        man.render_synopsis_section(text)?;
        man.render_description_section(text)?;
        man.render_options_section(text)?;
        if command.has_subcommands() {
            man.render_subcommands_section(text)?;
        }
        let mut rest = Roff::new();
        examples(command, &mut rest);
        rest.control("SH", ["EXIT STATUS"]);
        lines(EXIT_CODES.lines().skip(1), &mut rest);
        see_also(name, &mut rest);
        rest.to_writer(text)
    };
    render(&mut text).expect("memory takes what is written to it");
    String::from_utf8(text).expect("our commands are described in UTF-8")
}

/// What stands after the help: examples, and then what there is to know.
fn examples(command: &clap::Command, page: &mut Roff) {
    let after = command.get_after_help().map(ToString::to_string);
    let after = after.unwrap_or_default();
    let (shown, notes): (Vec<&str>, Vec<&str>) = after
        .split("\n\n")
        .partition(|part| part.starts_with("Example"));
    page.control("SH", ["EXAMPLES"]);
    lines(shown.iter().flat_map(|part| part.lines().skip(1)), page);
    if !notes.is_empty() {
        page.control("SH", ["NOTES"]);
        for note in notes {
            page.text([roman(note)]);
        }
    }
}

/// Lines as they stand.
fn lines<'a>(lines: impl Iterator<Item = &'a str>, page: &mut Roff) {
    page.control("nf", []);
    for line in lines {
        page.text([roman(line)]);
    }
    page.control("fi", []);
}

fn see_also(name: &str, page: &mut Roff) {
    page.control("SH", ["SEE ALSO"]);
    let above = name.rsplit_once('-').map_or("foedusd", |(above, _)| above);
    let section = if above == "foedusd" { "(8)" } else { "(1)" };
    page.text([bold(above), roman(section)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command that help shows.
    fn commands(command: &clap::Command, name: &str, found: &mut Vec<String>) {
        found.push(format!("{name}.1"));
        let below = command
            .get_subcommands()
            .filter(|below| !below.is_hide_set());
        for below in below {
            commands(below, &format!("{name}-{}", below.get_name()), found);
        }
    }

    #[test]
    fn each_command_has_a_page_with_examples() {
        let pages = pages();
        let mut expected = Vec::new();
        commands(&Arguments::command(), "foedus", &mut expected);
        let names: Vec<&String> = pages.iter().map(|(name, _)| name).collect();
        assert_eq!(names, expected.iter().collect::<Vec<_>>());
        for (name, page) in &pages {
            let examples = page.split_once(".SH EXAMPLES\n").map(|(_, rest)| rest);
            let examples = examples.unwrap_or_else(|| panic!("{name} has no examples"));
            let (examples, _) = examples.split_once("\n.SH").expect("a section follows");
            assert!(
                examples.contains("foedus "),
                "{name} shows none: {examples}"
            );
            for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "SEE ALSO"] {
                let titled = page.contains(&format!(".SH {section}\n"))
                    || page.contains(&format!(".SH \"{section}\"\n"));
                assert!(titled, "{name} has no section {section}");
            }
        }
    }
}
