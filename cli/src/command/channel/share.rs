//! `channel share`.

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, ValueEnum};
use foedus_proto::api::v1;

use crate::command::{present, request};
use crate::connection::Session;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::time::{self, Moment};

/// `channel share`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  foedus channel share launch --with globex.example --project Launch --ends 2026-12-31T18:00:00Z\n  foedus channel share launch --with globex.example --project Launch --ends 30d --capability post --capability react"
)]
pub struct ShareArguments {
    /// Its name or identifier
    channel: String,
    /// A partner, or the handle of an organisation to invite
    #[arg(long, value_name = "PARTNER")]
    with: String,
    /// The project that it is for, which is made if it is new; to be said always
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    #[command(flatten)]
    end: EndArguments,
    /// A right to grant; repeat it for more [default: all of these]
    #[arg(long = "capability", value_name = "NAME", value_parser = capability_parser())]
    capabilities: Vec<String>,
    /// What the partner may do; only `full` in this release
    #[arg(long, value_enum, value_name = "ACCESS", default_value = "full")]
    access: AccessArgument,
    /// What it is for, in one line: for your own administrators, it is not sent
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
    /// What becomes of the history at the end; only `keep` in this release
    #[arg(long, value_enum, value_name = "WHAT", default_value = "keep")]
    at_end: AtEndArgument,
    /// What organisations that join later may read; only `from-join` in this release
    #[arg(long, value_enum, value_name = "WHAT", default_value = "from-join")]
    newcomers: NewcomersArgument,
    /// Share what was written before, too; not in this release
    #[arg(long)]
    with_history: bool,
}

/// When it ends: one of these is to be said.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct EndArguments {
    /// When it ends, and its project with it: 2026-12-31T18:00:00Z, +2h, 30d
    #[arg(long, value_name = "TIME", value_parser = time::parse_moment, allow_hyphen_values = true)]
    ends: Option<Moment>,
    /// It ends when its project does, which exists
    #[arg(long)]
    ends_with_project: bool,
    /// It has no end, until somebody ends it
    #[arg(long)]
    no_end: bool,
}

/// The rights that there are, and those that a later release will do something with: these the daemon refuses.
fn capability_parser() -> PossibleValuesParser {
    let now = ["post", "thread", "react", "edit", "retract"];
    let later = ["custom", "direct", "file", "mention", "moderate", "pin"];
    let now = now.into_iter().map(PossibleValue::new);
    let later = later
        .into_iter()
        .map(|word| PossibleValue::new(word).hide(true));
    now.chain(later).collect::<Vec<_>>().into()
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AccessArgument {
    /// Read and write
    Full,
    /// Write
    #[value(hide = true)]
    PostOnly,
    /// Read
    #[value(hide = true)]
    ReadOnly,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AtEndArgument {
    /// It stays readable
    Keep,
    /// It is erased
    #[value(hide = true)]
    Erase,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum NewcomersArgument {
    /// All
    #[value(hide = true)]
    All,
    /// What is written after they join
    FromJoin,
}

/// Asks to share.
pub async fn run(
    arguments: ShareArguments,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let request = v1::ShareChannelRequest {
        idempotency_key: session.idempotency_key(),
        ..to_request(arguments)
    };
    let what = format!(
        "The request to share {} with {}",
        request.channel, request.partner
    );
    let response = session
        .call(session.channels().share_channel(request))
        .await?;
    request::made(&present(response.request)?, &what, printer)
}

fn to_request(arguments: ShareArguments) -> v1::ShareChannelRequest {
    let ShareArguments {
        channel,
        with,
        project,
        end,
        capabilities,
        access,
        purpose,
        at_end,
        newcomers,
        with_history,
    } = arguments;
    let EndArguments {
        ends,
        ends_with_project: _,
        no_end,
    } = end;
    let access = match access {
        AccessArgument::Full => v1::Access::Full,
        AccessArgument::PostOnly => v1::Access::PostOnly,
        AccessArgument::ReadOnly => v1::Access::ReadOnly,
    };
    let at_end = match at_end {
        AtEndArgument::Keep => v1::AtEnd::Keep,
        AtEndArgument::Erase => v1::AtEnd::Erase,
    };
    let newcomers = match newcomers {
        NewcomersArgument::All => v1::Newcomers::All,
        NewcomersArgument::FromJoin => v1::Newcomers::FromJoin,
    };
    v1::ShareChannelRequest {
        channel,
        partner: with,
        project: project.unwrap_or_default(),
        ends_at: ends.map(Moment::resolve_now),
        capabilities,
        access: access.into(),
        purpose: purpose.unwrap_or_default(),
        at_end: at_end.into(),
        newcomers: newcomers.into(),
        with_history,
        idempotency_key: String::new(),
        no_end,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::Arguments;
    use crate::command::Command;
    use crate::command::channel::ChannelCommand;

    #[test]
    fn sharing_names_everything_that_is_asked_for() {
        let line = [
            "foedus",
            "channel",
            "share",
            "launch",
            "--with",
            "globex.example",
            "--project",
            "Launch",
            "--ends",
            "2026-12-31T18:00:00Z",
            "--access",
            "read-only",
            "--at-end",
            "erase",
            "--newcomers",
            "all",
            "--capability",
            "post",
            "--capability",
            "react",
        ];
        let arguments = Arguments::try_parse_from(line).expect("a command line");
        let Command::Channel(ChannelCommand::Share(share)) = arguments.command else {
            panic!("another command: {:?}", arguments.command);
        };
        let request = to_request(share);
        assert_eq!(request.partner, "globex.example");
        assert_eq!(request.project, "Launch");
        assert_eq!(request.ends_at.map(|at| at.seconds), Some(1_798_740_000));
        assert_eq!(request.access(), v1::Access::ReadOnly);
        assert_eq!(request.at_end(), v1::AtEnd::Erase);
        assert_eq!(request.newcomers(), v1::Newcomers::All);
        assert_eq!(request.capabilities, ["post", "react"]);
    }
}
