//! `member`.

use clap::{Subcommand, ValueEnum};
use foedus_proto::api::v1;

use super::{Limit, collect, present, unconfirmed, wording};
use crate::connection::Session;
use crate::failure::Failure;
use crate::json;
use crate::page::Page;
use crate::printer::Printer;

/// `member`
#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    /// Add a member
    #[command(
        after_help = "Example:\n  foedus member add anna --name \"Anna Ahrens\" --role administrator"
    )]
    Add {
        /// The name before the @ of the address
        member: String,
        /// The name to show
        #[arg(long = "name", value_name = "NAME")]
        display_name: Option<String>,
        /// What kind of account
        #[arg(long, value_enum, value_name = "KIND", default_value = "member")]
        kind: KindArgument,
        /// What the member may do for the organisation; repeat it for more [default: member]
        #[arg(long = "role", value_enum, value_name = "ROLE")]
        roles: Vec<RoleArgument>,
    },
    /// Show the members
    #[command(after_help = "Example:\n  foedus member list")]
    List {
        /// Also those that are deactivated
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        limit: Limit,
    },
    /// End a member's tokens, streams and memberships, at once
    #[command(after_help = "Example:\n  foedus member deactivate anna --yes")]
    Deactivate {
        /// The name before the @ of the address
        member: String,
        /// Do it; without this, only what would end is said
        #[arg(long)]
        yes: bool,
    },
}

/// Kinds of accounts that can be added.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum KindArgument {
    /// A person of the organisation
    Member,
    /// A program; not in this release
    #[value(hide = true)]
    Bot,
}

/// Roles that can be given.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RoleArgument {
    /// Reads and writes in channels, and asks to share them
    Member,
    /// Decides requests, and manages partners, members and projects
    Administrator,
    /// Reads the audit log, and changes nothing; not in this release
    #[value(hide = true)]
    Auditor,
}

impl From<RoleArgument> for v1::Role {
    fn from(role: RoleArgument) -> Self {
        match role {
            RoleArgument::Member => Self::Member,
            RoleArgument::Administrator => Self::Administrator,
            RoleArgument::Auditor => Self::Auditor,
        }
    }
}

pub async fn run(
    command: MemberCommand,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    match command {
        MemberCommand::Add {
            member,
            display_name,
            kind,
            roles,
        } => {
            let kind = match kind {
                KindArgument::Member => v1::MemberKind::Member,
                KindArgument::Bot => v1::MemberKind::Bot,
            };
            let request = v1::AddMemberRequest {
                name: member,
                display_name: display_name.unwrap_or_default(),
                kind: kind.into(),
                roles: roles
                    .into_iter()
                    .map(|role| v1::Role::from(role).into())
                    .collect(),
                idempotency_key: session.idempotency_key(),
            };
            let response = session.call(session.members().add_member(request)).await?;
            let member = present(response.member)?;
            let page = Page::new().sentence(format!("{} is a member.", member.address));
            printer.answer(&json::of(&member), &page)
        }
        MemberCommand::List { all, limit } => list(all, limit, session, printer).await,
        MemberCommand::Deactivate { member, yes } => {
            let request = v1::DeactivateMemberRequest {
                member,
                preview: !yes,
            };
            let response = session
                .call(session.members().deactivate_member(request))
                .await?;
            let member = present(response.member)?;
            if !yes {
                return Err(unconfirmed(format_args!(
                    "{} would be deactivated for good: tokens, streams and memberships end at once, what they wrote \
                     stays, and nobody else gets the name",
                    member.address
                )));
            }
            let page = Page::new().sentence(format!("{} is deactivated.", member.address));
            printer.answer(&json::of(&member), &page)
        }
    }
}

async fn list(
    all: bool,
    limit: Limit,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut client = session.members();
    let (members, next_page_token) =
        collect(limit.limit, String::new(), async |page_size, page_token| {
            let request = v1::ListMembersRequest {
                include_deactivated: all,
                page_size,
                page_token,
            };
            let page = session.call(client.list_members(request)).await?;
            Ok((page.members, page.next_page_token))
        })
        .await?;
    let response = v1::ListMembersResponse {
        members,
        next_page_token,
    };
    let rows = response.members.iter().map(row).collect();
    let page = Page::new().table(
        &["ADDRESS", "NAME", "KIND", "ROLES", "STATE"],
        rows,
        "There are no members.",
    );
    printer.answer(&json::of(&response), &page)
}

fn row(member: &v1::Member) -> Vec<String> {
    let roles: Vec<String> = member
        .roles()
        .map(|role| wording::value(role.as_str_name(), "ROLE_"))
        .collect();
    vec![
        member.address.clone(),
        member.display_name.clone(),
        wording::value(member.kind().as_str_name(), "MEMBER_KIND_"),
        roles.join(", "),
        if member.active {
            "active"
        } else {
            "deactivated"
        }
        .to_owned(),
    ]
}
