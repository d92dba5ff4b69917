//! `foedusd man`: the manual pages, one for each command. It knows of the commands what `--help` knows.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use thiserror::Error;

/// A page could not be written.
#[derive(Debug, Error)]
#[error("cannot write manual pages to {}", folder.display())]
pub struct ManError {
    folder: PathBuf,
    #[source]
    source: io::Error,
}

/// Writes a page for `command` and for each below it, and says how many there are.
pub fn write(mut command: clap::Command, statuses: &str, folder: &Path) -> Result<usize, ManError> {
    let cannot = |source| ManError {
        folder: folder.to_owned(),
        source,
    };
    command.build();
    let mut pages = Vec::new();
    add(&command, "foedusd", statuses, &mut pages).map_err(cannot)?;
    fs::create_dir_all(folder).map_err(cannot)?;
    for (name, page) in &pages {
        fs::write(folder.join(name), page).map_err(cannot)?;
    }
    Ok(pages.len())
}

fn add(
    command: &clap::Command,
    name: &str,
    statuses: &str,
    pages: &mut Vec<(String, Vec<u8>)>,
) -> io::Result<()> {
    pages.push((format!("{name}.8"), page(command, name, statuses)?));
    for below in command.get_subcommands() {
        if below.get_name() != "help" {
            add(
                below,
                &format!("{name}-{}", below.get_name()),
                statuses,
                pages,
            )?;
        }
    }
    Ok(())
}

fn page(command: &clap::Command, name: &str, statuses: &str) -> io::Result<Vec<u8>> {
    // What is said after the help has sections of its own here.
    let man = Man::new(command.clone().display_name(name.to_owned())).section("8");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    let mut rest = Roff::new();
    let after = command.get_after_help().map(ToString::to_string);
    if let Some(after) = after.filter(|after| after.starts_with("Example")) {
        let examples = after.split("\n\nExit statuses").next().unwrap_or_default();
        rest.control("SH", ["EXAMPLES"]);
        lines(examples, &mut rest);
    }
    rest.control("SH", ["EXIT STATUS"]);
    lines(statuses, &mut rest);
    rest.control("SH", ["SEE ALSO"]);
    let (above, section) = match name.rsplit_once('-') {
        Some((above, _)) => (above, "(8)"),
        None => ("foedus", "(1)"),
    };
    rest.text([bold(above), roman(section)]);
    rest.to_writer(&mut text)?;
    Ok(text)
}

/// Lines as they stand, without the first, which is a title.
fn lines(text: &str, page: &mut Roff) {
    page.control("nf", []);
    for line in text.lines().skip(1) {
        page.text([roman(line)]);
    }
    page.control("fi", []);
}
