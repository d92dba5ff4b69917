//! `invitation`.

use clap::Subcommand;
use foedus_proto::api::v1;

use super::{Limit, collect, present, wording};
use crate::connection::Session;
use crate::failure::Failure;
use crate::page::Page;
use crate::printer::Printer;
use crate::{json, time};

/// `invitation`
#[derive(Debug, Subcommand)]
pub enum InvitationCommand {
    /// Show the invitations that may still be accepted
    #[command(after_help = "Example:\n  foedus invitation list --all")]
    List {
        /// Also those that were accepted, were revoked or expired
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show one invitation, with its text to pass on while it is open
    #[command(after_help = "Example:\n  foedus invitation show inv_mfrggzdfmztwq2lk")]
    Show {
        /// The invitation's identifier, from `invitation list`
        invitation: String,
    },
    /// Make an invitation worthless, at once
    #[command(after_help = "Example:\n  foedus invitation revoke inv_mfrggzdfmztwq2lk")]
    Revoke {
        /// The invitation's identifier, from `invitation list`
        invitation: String,
    },
}

pub async fn run(
    command: InvitationCommand,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    match command {
        InvitationCommand::List { all, limit } => list(all, limit, session, printer).await,
        InvitationCommand::Show { invitation } => show(invitation, session, printer).await,
        InvitationCommand::Revoke { invitation } => revoke(invitation, session, printer).await,
    }
}

async fn list(
    all: bool,
    limit: Limit,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut client = session.invitations();
    let (invitations, next_page_token) =
        collect(limit.limit, String::new(), async |page_size, page_token| {
            let request = v1::ListInvitationsRequest {
                include_closed: all,
                page_size,
                page_token,
            };
            let page = session.call(client.list_invitations(request)).await?;
            Ok((page.invitations, page.next_page_token))
        })
        .await?;
    let response = v1::ListInvitationsResponse {
        invitations,
        next_page_token,
    };
    let rows = response.invitations.iter().map(row).collect();
    let page = Page::new().table(
        &[
            "INVITATION",
            "STATE",
            "FOR",
            "CHANNEL",
            "REQUEST",
            &time::head("EXPIRES"),
            "ACCEPTED BY",
        ],
        rows,
        "There are no invitations.",
    );
    printer.answer(&json::of(&response), &page)
}

fn row(invitation: &v1::Invitation) -> Vec<String> {
    vec![
        invitation.invitation_id.clone(),
        state(invitation),
        if invitation.expected_handle.is_empty() {
            "anybody".to_owned()
        } else {
            invitation.expected_handle.clone()
        },
        invitation.channel_name.clone(),
        invitation.request.clone(),
        time::listed(invitation.expires_at.as_ref()),
        invitation.accepted_by_handle.clone(),
    ]
}

fn state(invitation: &v1::Invitation) -> String {
    wording::value(invitation.state().as_str_name(), "INVITATION_STATE_")
}

async fn show(
    invitation_id: String,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let request = v1::GetInvitationRequest { invitation_id };
    let response = session
        .call(session.invitations().get_invitation(request))
        .await?;
    let invitation = present(response.invitation.clone())?;
    let page = if response.invitation_text.is_empty() {
        Page::new().sentence(format!(
            "The invitation {} is {}: its text is worth nothing.",
            invitation.invitation_id,
            state(&invitation)
        ))
    } else {
        text_page(&invitation, &response.invitation_text)
    };
    printer.answer(&json::of(&response), &page)
}

/// An invitation that was just made.
pub fn made_page(invitation: &v1::Invitation, text: &str) -> Page {
    text_page(invitation, text).sentence(format!(
        "To see it again:  foedus invitation show {}",
        invitation.invitation_id
    ))
}

/// The text that is passed on.
fn text_page(invitation: &v1::Invitation, text: &str) -> Page {
    let partner = if invitation.expected_handle.is_empty() {
        "the partner"
    } else {
        &invitation.expected_handle
    };
    let expires_at = invitation.expires_at.as_ref();
    let page = Page::new()
        .sentence(format!(
            "Send this invitation to the administrator of {partner}, by a way that you trust. It can be used once, until {}:",
            time::show(expires_at)
        ))
        .blank()
        .sentence(text)
        .blank()
        .sentence("They type:  foedus --as NAME partner accept INVITATION");
    if !invitation.addresses.is_empty() {
        return page;
    }
    page.sentence(
        "It names no address of this organisation, so their daemon can't hand in the reply: it prints it, they send it to you, and you type:",
    )
    .sentence("  foedus --as NAME partner confirm REPLY")
    .sentence(NO_ADDRESS)
}

/// What to do if an organisation that told nobody where it is can be reached after all.
pub const NO_ADDRESS: &str = "If partners can reach this daemon (`foedus status` says where it listens), name the address as link.advertise in its configuration, and start it again: invitations made from then on name it.";

async fn revoke(
    invitation_id: String,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let request = v1::RevokeInvitationRequest { invitation_id };
    let response = session
        .call(session.invitations().revoke_invitation(request))
        .await?;
    let invitation = present(response.invitation)?;
    let page = Page::new().sentence(format!(
        "The invitation {} is {}.",
        invitation.invitation_id,
        state(&invitation)
    ));
    printer.answer(&json::of(&invitation), &page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Style;

    #[test]
    fn an_invitation_without_an_address_says_what_that_means() {
        let mut invitation = v1::Invitation::default();
        let drawn =
            |invitation: &_| text_page(invitation, "foedus-invitation-v1.AbCd").draw(Style::PLAIN);
        let without = drawn(&invitation);
        assert!(without.contains("names no address"), "{without}");
        assert!(without.contains("partner confirm REPLY"), "{without}");
        assert!(without.contains("link.advertise"), "{without}");
        invitation.addresses = vec!["acme.example:7433".to_owned()];
        let with = drawn(&invitation);
        assert!(!with.contains("address"), "{with}");
    }
}
