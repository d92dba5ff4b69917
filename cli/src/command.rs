//! The commands: one file for each group.

mod audit;
mod channel;
mod clock;
mod completion;
mod contexts;
mod doctor;
mod history;
mod invitation;
mod log;
mod man;
mod member;
mod organisation;
mod partner;
mod post;
mod project;
mod request;
mod tail;
mod token;
mod wording;
mod words;

use clap::{Args, Subcommand};

use crate::arguments::Arguments;
use crate::bounds;
use crate::connection::Session;
use crate::failure::{Exit, Failure};
use crate::printer::Printer;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Give the daemon its identity; once only
    Init(organisation::InitArguments),
    /// How the daemon is, and what needs attention
    #[command(after_help = "Example:\n  foedus status")]
    Status,
    /// What is wrong with the running daemon, and what to do; exits with 0 when nothing is
    #[command(after_help = "Example:\n  foedus doctor")]
    Doctor,
    /// Who this organisation is
    #[command(subcommand, after_help = "Example:\n  foedus identity show")]
    Identity(organisation::IdentityCommand),
    /// Invitations to peer, which come out of approved requests
    #[command(subcommand, after_help = "Example:\n  foedus invitation list")]
    Invitation(invitation::InvitationCommand),
    /// Organisations that we have a peering with
    #[command(subcommand, after_help = "Example:\n  foedus partner list")]
    Partner(partner::PartnerCommand),
    /// What needs a yes
    #[command(subcommand, after_help = "Example:\n  foedus request list")]
    Request(request::RequestCommand),
    /// Conversations, local or shared
    #[command(subcommand, after_help = "Example:\n  foedus channel list")]
    Channel(channel::ChannelCommand),
    /// Undertakings with an end, on which channels hang
    #[command(subcommand, after_help = "Example:\n  foedus project list")]
    Project(project::ProjectCommand),
    /// People and programs of this organisation
    #[command(subcommand, after_help = "Example:\n  foedus member list")]
    Member(member::MemberCommand),
    /// Write a message
    Post(post::PostArguments),
    /// Replace the text of a message of yours
    Edit(post::EditArguments),
    /// Take back a message of yours
    Retract(post::RetractArguments),
    /// React to a message, or take a reaction back
    React(post::ReactArguments),
    /// Follow what is written, as it arrives
    Tail(tail::TailArguments),
    /// Show a channel as it is now
    History(history::HistoryArguments),
    /// Channels with all that proves them, to take away and to check
    #[command(subcommand, after_help = "Example:\n  foedus log verify launch.foedus")]
    Log(log::LogCommand),
    /// Every administrative act, done or denied
    #[command(subcommand, after_help = "Example:\n  foedus audit list --denied")]
    Audit(audit::AuditCommand),
    /// The daemon's clock, and saying that it is right
    #[command(subcommand, after_help = "Example:\n  foedus clock show")]
    Clock(clock::ClockCommand),
    /// Tokens, by which members and programs use the API
    #[command(subcommand, after_help = "Example:\n  foedus token list")]
    Token(token::TokenCommand),
    /// Named daemons, and who you are there
    #[command(subcommand, after_help = "Example:\n  foedus context list")]
    Context(contexts::ContextCommand),
    /// Print a script that completes commands in your shell
    Completion(completion::CompletionArguments),
    /// Write the manual pages
    Man(man::ManArguments),
}

/// How much of a list to show.
#[derive(Debug, Clone, Copy, Args)]
pub struct Limit {
    /// Show at most so many
    #[arg(long, value_name = "N", default_value_t = bounds::LIST_ITEMS_DEFAULT, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
}

/// Runs the command.
pub async fn run(arguments: Arguments, printer: &mut Printer) -> Result<(), Failure> {
    let Arguments { globals, command } = arguments;
    let globals = globals.without_empty();
    match command {
        Command::Context(command) => contexts::run(command, &globals, printer),
        Command::Completion(arguments) => completion::run(&arguments, printer),
        Command::Man(arguments) => man::run(&arguments, printer),
        Command::Log(log::LogCommand::Verify(arguments)) => log::verify(&arguments, printer),
        Command::Audit(audit::AuditCommand::Verify(audit::VerifyArguments {
            file: Some(file),
        })) => audit::verify_file(&file, printer),
        command => {
            let session = Session::open(&globals.settings()?).await?;
            let result = run_connected(command, &session, printer).await;
            result.map_err(|failure| session.explain(failure))
        }
    }
}

async fn run_connected(
    command: Command,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    match command {
        Command::Init(arguments) => organisation::init(arguments, session, printer).await,
        Command::Status => organisation::status(session, printer).await,
        Command::Doctor => doctor::run(session, printer).await,
        Command::Identity(command) => organisation::identity(command, session, printer).await,
        Command::Invitation(command) => invitation::run(command, session, printer).await,
        Command::Partner(command) => partner::run(command, session, printer).await,
        Command::Request(command) => request::run(command, session, printer).await,
        Command::Channel(command) => channel::run(command, session, printer).await,
        Command::Project(command) => project::run(command, session, printer).await,
        Command::Member(command) => member::run(command, session, printer).await,
        Command::Post(arguments) => post::post(arguments, session, printer).await,
        Command::Edit(arguments) => post::edit(arguments, session, printer).await,
        Command::Retract(arguments) => post::retract(arguments, session, printer).await,
        Command::React(arguments) => post::react(arguments, session, printer).await,
        Command::Tail(arguments) => tail::run(arguments, session, printer).await,
        Command::History(arguments) => history::run(arguments, session, printer).await,
        Command::Log(command) => log::run(command, session, printer).await,
        Command::Audit(command) => audit::run(command, session, printer).await,
        Command::Clock(command) => clock::run(command, session, printer).await,
        Command::Token(command) => token::run(command, session, printer).await,
        Command::Context(_) | Command::Completion(_) | Command::Man(_) => {
            unreachable!("these need no connection")
        }
    }
}

/// Reads a list page by page until it ends or `limit` is reached. Gives the token of the page that
/// would come next, empty at the end.
async fn collect<T>(
    limit: u32,
    mut token: String,
    mut fetch: impl AsyncFnMut(u32, String) -> Result<(Vec<T>, String), Failure>,
) -> Result<(Vec<T>, String), Failure> {
    let mut items = Vec::new();
    loop {
        let wanted = limit - u32::try_from(items.len()).unwrap_or(limit).min(limit);
        if wanted == 0 {
            return Ok((items, token));
        }
        let asked = token.clone();
        let (page, next) = fetch(wanted.min(bounds::PAGE_ITEMS_MAX), token).await?;
        items.extend(page);
        if next.is_empty() {
            items.truncate(limit as usize);
            return Ok((items, next));
        }
        if next == asked {
            return Err(Failure::new(
                Exit::Software,
                "the daemon gives the same page again and again",
                "",
            ));
        }
        token = next;
    }
}

/// What can't be undone is done when it is asked for twice. `what` says what would happen, and to whom.
fn unconfirmed(what: impl std::fmt::Display) -> Failure {
    Failure::usage(format!("nothing was done: {what}"), "repeat it with --yes")
}

/// What the API promises to fill in; without it, nothing can be shown.
fn present<T>(field: Option<T>) -> Result<T, Failure> {
    field.ok_or_else(|| {
        Failure::new(
            Exit::Protocol,
            "the daemon's answer is incomplete",
            "use versions of foedus and foedusd that belong together",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(future)
    }

    /// Pages of `size` numbers below `end`.
    async fn page(size: u32, token: String, end: u32) -> Result<(Vec<u32>, String), Failure> {
        let from: u32 = if token.is_empty() {
            0
        } else {
            token.parse().expect("a number")
        };
        let to = (from + size.min(3)).min(end);
        let next = if to == end {
            String::new()
        } else {
            to.to_string()
        };
        Ok(((from..to).collect(), next))
    }

    #[test]
    fn a_list_is_read_to_its_end() {
        let (items, next) = run(collect(100, String::new(), async |size, token| {
            page(size, token, 8).await
        }))
        .expect("read");
        assert_eq!(items, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(next, "");
    }

    #[test]
    fn a_limit_ends_it_and_says_where_to_go_on() {
        let (items, next) = run(collect(4, String::new(), async |size, token| {
            page(size, token, 8).await
        }))
        .expect("read");
        assert_eq!(items, [0, 1, 2, 3]);
        assert_eq!(next, "4");
    }

    #[test]
    fn a_list_that_never_moves_on_is_an_error() {
        let stuck = run(collect(10, "x".to_owned(), async |_, token| {
            Ok((vec![1], token))
        }));
        assert_eq!(stuck.expect_err("stuck").exit, Exit::Software);
    }
}
