//! `completion`.

use clap::{Args, CommandFactory as _, ValueEnum};
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::printer::Printer;

/// `completion`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  foedus completion bash > ~/.local/share/bash-completion/completions/foedus"
)]
pub struct CompletionArguments {
    /// The shell
    #[arg(value_enum)]
    shell: ShellArgument,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ShellArgument {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

pub fn run(arguments: &CompletionArguments, printer: &mut Printer) -> Result<(), Failure> {
    let shell = match arguments.shell {
        ShellArgument::Bash => Shell::Bash,
        ShellArgument::Elvish => Shell::Elvish,
        ShellArgument::Fish => Shell::Fish,
        ShellArgument::Powershell => Shell::PowerShell,
        ShellArgument::Zsh => Shell::Zsh,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "foedus", &mut script);
    printer.script(&String::from_utf8(script).expect("our commands are described in UTF-8"))
}
