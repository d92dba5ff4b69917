//! `channel`.

mod share;

use clap::Subcommand;
use foedus_proto::api::v1;

use super::organisation::problem_page;
use super::{Limit, collect, present, unconfirmed, wording};
use crate::connection::Session;
use crate::failure::Failure;
use crate::page::Page;
use crate::printer::Printer;
use crate::{json, time};

/// `channel`
#[derive(Debug, Subcommand)]
pub enum ChannelCommand {
    /// Open a local channel
    #[command(
        after_help = "Example:\n  foedus channel create launch --topic \"What we launch in May\""
    )]
    Create {
        /// What to call it
        name: String,
        /// What it is about
        #[arg(long, value_name = "TEXT")]
        topic: Option<String>,
        /// Only who is in it, and administrators, may find it and add others
        #[arg(long)]
        private: bool,
    },
    /// Ask to share a channel with another organisation
    Share(share::ShareArguments),
    /// Show the channels
    #[command(after_help = "Example:\n  foedus channel list --with globex.example")]
    List {
        /// Also those that have ended or were archived
        #[arg(long)]
        all: bool,
        /// Only those shared with this partner
        #[arg(long, value_name = "PARTNER")]
        with: Option<String>,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show one channel, its organisations and how far behind they are
    #[command(after_help = "Example:\n  foedus channel show launch")]
    Show {
        /// Its name or identifier
        channel: String,
    },
    /// Give a channel another name; nobody outside learns it
    #[command(after_help = "Example:\n  foedus channel rename launch acme-launch")]
    Rename {
        /// Its name or identifier
        channel: String,
        /// What to call it from now on
        name: String,
    },
    /// Put a local channel away: it can be read, and nothing is added
    #[command(after_help = "Example:\n  foedus channel archive old-launch")]
    Archive {
        /// Its name or identifier
        channel: String,
    },
    /// Take an archived channel up again
    #[command(after_help = "Example:\n  foedus channel unarchive old-launch")]
    Unarchive {
        /// Its name or identifier
        channel: String,
    },
    /// Show who is in a channel, of all organisations
    #[command(after_help = "Example:\n  foedus channel members launch")]
    Members {
        /// Its name or identifier
        channel: String,
        #[command(flatten)]
        limit: Limit,
    },
    /// Become a member of a public channel
    #[command(after_help = "Example:\n  foedus channel join launch")]
    Join {
        /// Its name or identifier
        channel: String,
    },
    /// Stop being a member of a channel
    #[command(after_help = "Example:\n  foedus channel leave launch")]
    Leave {
        /// Its name or identifier
        channel: String,
    },
    /// Have this organisation leave a channel that another one hosts, at once, for good
    #[command(after_help = "Example:\n  foedus channel withdraw acme-launch --yes --as gina")]
    Withdraw {
        /// Its name or identifier
        channel: String,
        /// Do it; without this, only what would end is said
        #[arg(long)]
        yes: bool,
    },
    /// End a channel that this organisation hosts, for all, at once, for good
    #[command(after_help = "Example:\n  foedus channel terminate launch --yes --as alice")]
    Terminate {
        /// Its name or identifier
        channel: String,
        /// Do it; without this, only what would end is said
        #[arg(long)]
        yes: bool,
    },
    /// Make somebody of this organisation a member of a channel
    #[command(after_help = "Example:\n  foedus channel add launch anna")]
    Add {
        /// Its name or identifier
        channel: String,
        /// The name before the @ of the member's address
        member: String,
    },
}

pub async fn run(
    command: ChannelCommand,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut client = session.channels();
    match command {
        ChannelCommand::Create {
            name,
            topic,
            private,
        } => {
            let visibility = if private {
                v1::Visibility::Private
            } else {
                v1::Visibility::Public
            };
            let request = v1::CreateChannelRequest {
                name,
                topic: topic.unwrap_or_default(),
                visibility: visibility.into(),
                idempotency_key: session.idempotency_key(),
            };
            let response = session.call(client.create_channel(request)).await?;
            done("is open", response.channel, printer)
        }
        ChannelCommand::Share(arguments) => share::run(arguments, session, printer).await,
        ChannelCommand::List { all, with, limit } => list(all, with, limit, session, printer).await,
        ChannelCommand::Show { channel } => {
            let response = session
                .call(client.get_channel(v1::GetChannelRequest { channel }))
                .await?;
            let channel = present(response.channel)?;
            printer.answer(&json::of(&channel), &page(&channel))
        }
        ChannelCommand::Rename { channel, name } => {
            let request = v1::RenameChannelRequest { channel, name };
            let response = session.call(client.rename_channel(request)).await?;
            done("is its name from now on, here", response.channel, printer)
        }
        ChannelCommand::Archive { channel } => {
            let request = v1::ArchiveChannelRequest { channel };
            let response = session.call(client.archive_channel(request)).await?;
            done(
                "can be read, and nothing is added",
                response.channel,
                printer,
            )
        }
        ChannelCommand::Unarchive { channel } => {
            let request = v1::UnarchiveChannelRequest { channel };
            let response = session.call(client.unarchive_channel(request)).await?;
            done("is open again", response.channel, printer)
        }
        ChannelCommand::Members { channel, limit } => {
            members(channel, limit, session, printer).await
        }
        ChannelCommand::Join { channel } => {
            let request = v1::JoinChannelRequest {
                channel,
                idempotency_key: session.idempotency_key(),
            };
            let response = session.call(client.join_channel(request)).await?;
            done("has you as a member", response.channel, printer)
        }
        ChannelCommand::Leave { channel } => {
            let request = v1::LeaveChannelRequest {
                channel,
                idempotency_key: session.idempotency_key(),
            };
            let response = session.call(client.leave_channel(request)).await?;
            done("no longer has you as a member", response.channel, printer)
        }
        ChannelCommand::Withdraw { channel, yes } => {
            let request = v1::WithdrawFromChannelRequest {
                channel,
                idempotency_key: session.idempotency_key(),
                preview: !yes,
            };
            let response = session.call(client.withdraw_from_channel(request)).await?;
            if !yes {
                return Err(unconfirmed_end(response.channel, false)?);
            }
            ended("we have withdrawn from it", response.channel, printer)
        }
        ChannelCommand::Terminate { channel, yes } => {
            let request = v1::TerminateChannelRequest {
                channel,
                idempotency_key: session.idempotency_key(),
                preview: !yes,
            };
            let response = session.call(client.terminate_channel(request)).await?;
            if !yes {
                return Err(unconfirmed_end(response.channel, true)?);
            }
            ended("it is terminated for all", response.channel, printer)
        }
        ChannelCommand::Add { channel, member } => {
            let what = format!("has {member} as a member");
            let request = v1::AddChannelMemberRequest {
                channel,
                member,
                idempotency_key: session.idempotency_key(),
            };
            let response = session.call(client.add_channel_member(request)).await?;
            done(&what, response.channel, printer)
        }
    }
}

fn done(what: &str, channel: Option<v1::Channel>, printer: &mut Printer) -> Result<(), Failure> {
    let channel = present(channel)?;
    let page = Page::new().sentence(format!("{} {what}.", channel.name));
    printer.answer(&json::of(&channel), &page)
}

/// What would end, of a channel of which it could.
fn unconfirmed_end(channel: Option<v1::Channel>, for_all: bool) -> Result<Failure, Failure> {
    let channel = present(channel)?;
    let (name, others) = (&channel.name, others(&channel).join(", "));
    let what = match (channel.state(), for_all) {
        (v1::ChannelState::Ended, _) => {
            let told = format!("nothing was done: {name} has ended already");
            return Ok(Failure::usage(told, "nothing is to be done"));
        }
        _ if !channel.shared => {
            format!("{name} is offered and not shared yet, and the offer would be taken back")
        }
        _ if others.is_empty() => {
            format!("nobody else is in {name} any more, and it would end here, for good")
        }
        (_, true) => format!("{name} would end for all, here and at {others}, for good"),
        (_, false) => {
            format!("this organisation would leave {name}, which goes on with {others}, for good")
        }
    };
    Ok(unconfirmed(what))
}

/// A channel that was just ended. It may have been offered only: then it is local again.
fn ended(what: &str, channel: Option<v1::Channel>, printer: &mut Printer) -> Result<(), Failure> {
    let channel = present(channel)?;
    let page = match channel.state() {
        v1::ChannelState::Ended => Page::new()
            .sentence(format!("{}: {what}.", channel.name))
            .sentence("Nothing more goes out or comes in; what was written stays readable."),
        _ => Page::new().sentence(format!(
            "{}: the offer is taken back. It was not shared yet, and is local again.",
            channel.name
        )),
    };
    printer.answer(&json::of(&channel), &page)
}

async fn list(
    all: bool,
    with: Option<String>,
    limit: Limit,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let partner = with.unwrap_or_default();
    let mut client = session.channels();
    let (channels, next_page_token) =
        collect(limit.limit, String::new(), async |page_size, page_token| {
            let request = v1::ListChannelsRequest {
                include_ended: all,
                partner: partner.clone(),
                page_size,
                page_token,
            };
            let page = session.call(client.list_channels(request)).await?;
            Ok((page.channels, page.next_page_token))
        })
        .await?;
    let response = v1::ListChannelsResponse {
        channels,
        next_page_token,
    };
    let page = list_page(&response.channels, session.is_of_a_member());
    printer.answer(&json::of(&response), &page)
}

/// Which channels somebody has joined can be told to a member only.
fn list_page(channels: &[v1::Channel], to_a_member: bool) -> Page {
    let ends = time::head("ENDS");
    let columns = [
        "CHANNEL",
        "STATE",
        "SHARED WITH",
        "PROJECT",
        &ends,
        "MEMBERS HERE",
        "JOINED",
    ];
    let shown = match to_a_member {
        true => columns.len(),
        false => columns.len() - 1,
    };
    let rows = channels.iter().map(|channel| {
        let mut cells = row(channel);
        cells.truncate(shown);
        cells
    });
    Page::new().table(&columns[..shown], rows.collect(), "There are no channels.")
}

/// The other organisations that take part.
fn others(channel: &v1::Channel) -> Vec<&str> {
    let others = channel.participants.iter();
    others
        .filter(|one| !one.ours && one.withdrew_at.is_none())
        .map(|one| one.handle.as_str())
        .collect()
}

/// The same, and who has left.
fn shared_with(channel: &v1::Channel) -> String {
    let others = channel.participants.iter().filter(|one| !one.ours);
    let others = others.map(|one| match one.withdrew_at {
        Some(_) => format!("{} (withdrew)", one.handle),
        None => one.handle.clone(),
    });
    others.collect::<Vec<_>>().join(", ")
}

fn row(channel: &v1::Channel) -> Vec<String> {
    vec![
        channel.name.clone(),
        state(channel),
        shared_with(channel),
        channel.project.clone(),
        time::listed(channel.ended_at.as_ref().or(channel.ends_at.as_ref())),
        channel.member_count.to_string(),
        wording::yes(channel.joined),
    ]
}

fn state(channel: &v1::Channel) -> String {
    wording::value(channel.state().as_str_name(), "CHANNEL_STATE_")
}

fn page(channel: &v1::Channel) -> Page {
    let held = match channel.held_entries {
        0 => String::new(),
        held => format!(
            "{held}, the first until {}",
            time::show(channel.held_until.as_ref())
        ),
    };
    let ended = match time::show(channel.ended_at.as_ref()) {
        at if at.is_empty() => at,
        at => format!("{at} ({})", channel.end_cause),
    };
    let page = Page::new().heading(&channel.name).details([
        ("channel", channel.channel_id.clone()),
        ("topic", channel.topic.clone()),
        ("state", state(channel)),
        (
            "visibility",
            wording::value(channel.visibility().as_str_name(), "VISIBILITY_"),
        ),
        ("project", channel.project.clone()),
        ("ends", time::show(channel.ends_at.as_ref())),
        ("ended", ended),
        (
            "at the end",
            wording::value(channel.at_end().as_str_name(), "AT_END_"),
        ),
        ("revision", wording::some(channel.revision.into())),
        ("charter", channel.charter.clone()),
        ("capabilities", channel.capabilities.join(", ")),
        (
            "newcomers read",
            wording::value(channel.newcomers().as_str_name(), "NEWCOMERS_"),
        ),
        ("held entries", held),
        ("members here", channel.member_count.to_string()),
        ("joined", wording::yes(channel.joined)),
        ("requests waiting", channel.requests_waiting.join(", ")),
    ]);
    let page = if channel.participants.is_empty() {
        page
    } else {
        page.blank().then(participants_page(&channel.participants))
    };
    if channel.problems.is_empty() {
        return page;
    }
    let page = page.blank().heading("Needs attention:");
    channel
        .problems
        .iter()
        .fold(page, |page, problem| page.then(problem_page(problem)))
}

fn participants_page(participants: &[v1::Participant]) -> Page {
    let rows = participants
        .iter()
        .map(|participant| {
            vec![
                participant.handle.clone(),
                role(participant),
                wording::access(participant.access()),
                agreed(participant),
                wording::link(participant.link_state()),
                if participant.ours {
                    String::new()
                } else {
                    time::listed_or(participant.last_seen_at.as_ref(), "unknown")
                },
                if participant.ours {
                    String::new()
                } else {
                    wording::lag(participant.lag.as_ref())
                },
            ]
        })
        .collect();
    Page::new().table(
        &[
            "ORGANISATION",
            "",
            "ACCESS",
            "AGREED",
            "LINK",
            &time::head("LAST SEEN"),
            "LAG",
        ],
        rows,
        "",
    )
}

fn agreed(participant: &v1::Participant) -> String {
    match (
        time::listed(participant.withdrew_at.as_ref()),
        participant.consented,
    ) {
        (at, _) if !at.is_empty() => format!("withdrew {at}"),
        (_, true) => "yes".to_owned(),
        (_, false) => "not yet".to_owned(),
    }
}

fn role(participant: &v1::Participant) -> String {
    let mut marks = Vec::new();
    if participant.ours {
        marks.push("us".to_owned());
    }
    if participant.host {
        marks.push("host".to_owned());
    }
    if !participant.introduced_by.is_empty() {
        marks.push(format!("introduced by {}", participant.introduced_by));
    } else if !participant.ours && !participant.verified {
        marks.push("unverified".to_owned());
    }
    marks.join(", ")
}

async fn members(
    channel: String,
    limit: Limit,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut client = session.channels();
    let (members, next_page_token) =
        collect(limit.limit, String::new(), async |page_size, page_token| {
            let request = v1::ListChannelMembersRequest {
                channel: channel.clone(),
                page_size,
                page_token,
            };
            let page = session.call(client.list_channel_members(request)).await?;
            Ok((page.members, page.next_page_token))
        })
        .await?;
    let response = v1::ListChannelMembersResponse {
        members,
        next_page_token,
    };
    let rows = response
        .members
        .iter()
        .map(|member| {
            vec![
                wording::author(member.author.as_ref()),
                time::listed(member.joined_at.as_ref()),
            ]
        })
        .collect();
    let page = Page::new().table(
        &["MEMBER", &time::head("SINCE")],
        rows,
        "Nobody is in this channel.",
    );
    printer.answer(&json::of(&response), &page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Style;

    #[test]
    fn who_is_no_member_is_shown_no_column_of_what_it_joined() {
        let channel = v1::Channel {
            name: "launch".to_owned(),
            member_count: 2,
            joined: true,
            ..v1::Channel::default()
        };
        let head = |to_a_member| {
            let drawn = list_page(std::slice::from_ref(&channel), to_a_member);
            let drawn = drawn.draw(Style::PLAIN);
            drawn.lines().next().unwrap_or_default().to_owned()
        };
        let (member, nobody) = (head(true), head(false));
        assert!(member.ends_with("MEMBERS HERE  JOINED"), "{member}");
        assert!(nobody.ends_with("MEMBERS HERE"), "{nobody}");
    }

    #[test]
    fn a_shared_channel_shows_who_is_behind() {
        let globex = v1::Participant {
            handle: "globex.example".to_owned(),
            access: v1::Access::Full.into(),
            consented: true,
            verified: true,
            link_state: v1::LinkState::Down.into(),
            lag: Some(v1::Lag {
                unacknowledged_entries: 4,
                known_at: None,
            }),
            ..v1::Participant::default()
        };
        let channel = v1::Channel {
            name: "launch".to_owned(),
            state: v1::ChannelState::Open.into(),
            participants: vec![
                v1::Participant {
                    handle: "acme.example".to_owned(),
                    ours: true,
                    host: true,
                    consented: true,
                    ..Default::default()
                },
                globex,
            ],
            ..v1::Channel::default()
        };
        let drawn = page(&channel).draw(Style::PLAIN);
        let line = drawn
            .lines()
            .find(|line| line.contains("globex.example"))
            .expect("a line");
        assert!(
            line.contains("down")
                && line.contains("4 not acknowledged")
                && line.contains("unknown"),
            "{line}"
        );
        let line = drawn
            .lines()
            .find(|line| line.contains("acme.example"))
            .expect("a line");
        assert!(line.contains("us, host"), "{line}");
    }
}
