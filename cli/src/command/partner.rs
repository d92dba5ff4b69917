//! `partner`.

mod page;
mod rules;

use clap::Subcommand;
use foedus_proto::api::v1;

use super::{Limit, collect, invitation, present, request};
use crate::connection::Session;
use crate::failure::Failure;
use crate::json;
use crate::page::Page;
use crate::printer::Printer;

/// `partner`
#[derive(Debug, Subcommand)]
pub enum PartnerCommand {
    /// Invite an organisation without a channel; prints the invitation to send
    #[command(
        after_help = "Examples:\n  foedus partner invite globex.example --as alice\n  foedus partner invite --as alice"
    )]
    Invite {
        /// The handle of the organisation that has to accept it; without one, any on the allow-list may
        handle: Option<String>,
    },
    /// Accept an invitation; it then waits for approval on both sides
    #[command(after_help = "Example:\n  foedus partner accept foedus-invitation-v1.AbCd")]
    Accept {
        /// The invitation, as it was sent to you
        invitation: String,
    },
    /// As the inviter: say that it was them, by the six words; or hand in a reply that was carried by hand,
    /// which alone confirms nothing
    #[command(
        after_help = "Examples:\n  foedus partner confirm globex.example --words \"oak river cat lamp moon stone\" --as alice\n  foedus partner confirm foedus-reply-v1.AbCd --as alice"
    )]
    Confirm {
        /// The partner, or the reply that begins with `foedus-reply-v1.`
        partner_or_reply: String,
        /// The six words, as the partner's administrator reads them out
        #[arg(long, value_name = "WORDS", value_parser = request::parse_words)]
        words: Option<String>,
    },
    /// Show the partners, their links and how far behind they are
    #[command(after_help = "Example:\n  foedus partner list")]
    List {
        /// Also those that are disconnected
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show one partner
    #[command(after_help = "Example:\n  foedus partner show globex.example")]
    Show {
        /// Its handle or identifier
        partner: String,
    },
    /// Put a handle, pattern or organisation on the allow-list
    #[command(after_help = "Example:\n  foedus partner allow globex.example")]
    Allow {
        /// A handle, a pattern such as *.example, or an organisation (org_...)
        pattern: String,
        /// Take it off the list
        #[arg(long)]
        remove: bool,
    },
    /// Put a handle, pattern or organisation on the deny-list, which beats the allow-list
    #[command(
        after_help = "A partner that is denied has no link, and nothing of it is taken, until it is off the list again. The peering and\nits channels stay: `partner disconnect` ends them.\n\nExample:\n  foedus partner deny \"*.rival.example\""
    )]
    Deny {
        /// A handle, a pattern such as *.example, or an organisation (org_...)
        pattern: String,
        /// Take it off the list
        #[arg(long)]
        remove: bool,
    },
    /// Say whom this organisation would have as a partner at all; each still needs an approval
    #[command(
        after_help = "nobody: no one new; listed: who is on the allow-list, which is the default;\nanyone-after-approval: whoever is invited. The deny-list beats each of them.\n\nExample:\n  foedus partner mode nobody"
    )]
    Mode {
        /// Whom; without it, what holds now is shown
        #[arg(value_enum)]
        mode: Option<rules::Mode>,
    },
    /// Say that a partner's root key was compared with what the partner says, by telephone for example
    #[command(
        after_help = "Have the partner read out the root key of its `foedus identity show`, by a way that you trust.\n\nExample:\n  foedus partner verify globex.example --root-key key_... --as alice"
    )]
    Verify {
        /// Its handle or identifier
        partner: String,
        /// The key, as the partner says it; without it, the one that is known here is shown
        #[arg(long, value_name = "KEY")]
        root_key: Option<String>,
    },
    /// Stop all traffic with a partner, at once; `resume` undoes it
    #[command(after_help = "Example:\n  foedus partner suspend globex.example --preview")]
    Suspend {
        /// Its handle or identifier
        partner: String,
        /// Why, for the audit log; not in this release
        #[arg(long, value_name = "TEXT", hide = true)]
        reason: Option<String>,
        /// Go on writing in channels that others are in too; not in this release
        #[arg(long, hide = true)]
        go_on: bool,
        /// Only show what it would touch
        #[arg(long)]
        preview: bool,
    },
    /// Take a suspension back
    #[command(after_help = "Example:\n  foedus partner resume globex.example")]
    Resume {
        /// Its handle or identifier
        partner: String,
    },
    /// End the peering and its share in all channels, for good
    #[command(after_help = "Example:\n  foedus partner disconnect globex.example --yes")]
    Disconnect {
        /// Its handle or identifier
        partner: String,
        /// Why, for the audit log; not in this release
        #[arg(long, value_name = "TEXT", hide = true)]
        reason: Option<String>,
        /// Do it; without this, only what it would touch is shown
        #[arg(long)]
        yes: bool,
    },
}

pub async fn run(
    command: PartnerCommand,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    match command {
        PartnerCommand::Invite { handle } => invite(handle, session, printer).await,
        PartnerCommand::Accept { invitation } => accept(invitation, session, printer).await,
        PartnerCommand::Confirm {
            partner_or_reply,
            words,
        } => confirm(partner_or_reply, words, session, printer).await,
        PartnerCommand::List { all, limit } => list(all, limit, session, printer).await,
        PartnerCommand::Show { partner } => show(partner, session, printer).await,
        PartnerCommand::Allow { pattern, remove } => {
            rules::allow(pattern, remove, session, printer).await
        }
        PartnerCommand::Deny { pattern, remove } => {
            rules::deny(pattern, remove, session, printer).await
        }
        PartnerCommand::Mode { mode: Some(mode) } => rules::set_mode(mode, session, printer).await,
        PartnerCommand::Mode { mode: None } => rules::show_mode(session, printer).await,
        PartnerCommand::Verify { partner, root_key } => {
            verify(partner, root_key, session, printer).await
        }
        PartnerCommand::Suspend {
            partner,
            reason,
            go_on,
            preview,
        } => {
            let reason = reason.unwrap_or_default();
            suspend(
                v1::SuspendPartnerRequest {
                    partner,
                    reason,
                    go_on,
                    preview,
                },
                session,
                printer,
            )
            .await
        }
        PartnerCommand::Resume { partner } => {
            let request = v1::ResumePartnerRequest { partner };
            let response = session
                .call(session.partners().resume_partner(request))
                .await?;
            let partner = present(response.partner)?;
            let page = page::now(&partner);
            printer.answer(&json::of(&partner), &page)
        }
        PartnerCommand::Disconnect {
            partner,
            reason,
            yes,
        } => disconnect(partner, reason, yes, session, printer).await,
    }
}

async fn invite(
    handle: Option<String>,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let request = v1::InvitePartnerRequest {
        handle: handle.unwrap_or_default(),
        idempotency_key: session.idempotency_key(),
    };
    let response = session
        .call(session.partners().invite_partner(request))
        .await?;
    let made = present(response.invitation.clone())?;
    let page = invitation::made_page(&made, &response.invitation_text);
    printer.answer(&json::of(&response), &page)
}

async fn accept(
    invitation_text: String,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let request = v1::AcceptInvitationRequest {
        invitation_text: invitation_text.trim().to_owned(),
        idempotency_key: session.idempotency_key(),
    };
    let response = session
        .call(session.partners().accept_invitation(request))
        .await?;
    let request = present(response.request.clone())?;
    let partner = present(response.partner.clone())?;
    let page = page::accepted(&request, &partner, &response);
    printer.answer(&json::of(&response), &page)
}

async fn confirm(
    partner_or_reply: String,
    words: Option<String>,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let partner_or_reply = partner_or_reply.trim().to_owned();
    let is_reply = partner_or_reply.starts_with("foedus-reply-");
    let (reply_text, partner) = if is_reply {
        (partner_or_reply, String::new())
    } else {
        (String::new(), partner_or_reply)
    };
    let call = v1::ConfirmPartnerRequest {
        reply_text,
        partner,
        words: words.unwrap_or_default(),
        idempotency_key: session.idempotency_key(),
    };
    let compared = !call.words.is_empty();
    let response = session
        .call(session.partners().confirm_partner(call))
        .await?;
    let partner = present(response.partner.clone())?;
    let page = page::confirmed(&partner, compared, &response);
    printer.answer(&json::of(&response), &page)
}

async fn list(
    all: bool,
    limit: Limit,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut client = session.partners();
    let (mut rules, mut mode) = (Vec::new(), v1::PartnerMode::Unspecified);
    let (partners, next_page_token) =
        collect(limit.limit, String::new(), async |page_size, page_token| {
            let request = v1::ListPartnersRequest {
                include_disconnected: all,
                page_size,
                page_token,
            };
            let page = session.call(client.list_partners(request)).await?;
            if page.mode() != v1::PartnerMode::Unspecified {
                mode = page.mode();
            }
            rules.extend(page.rules);
            Ok((page.partners, page.next_page_token))
        })
        .await?;
    let response = v1::ListPartnersResponse {
        partners,
        next_page_token,
        rules,
        mode: mode.into(),
    };
    let page = page::list(&response.partners);
    let page = if response.rules.is_empty() && mode == v1::PartnerMode::Unspecified {
        page
    } else {
        page.blank()
            .then(rules::mode_page(mode))
            .then(rules::page(&response.rules))
    };
    printer.answer(&json::of(&response), &page)
}

async fn show(partner: String, session: &Session, printer: &mut Printer) -> Result<(), Failure> {
    let response = session
        .call(
            session
                .partners()
                .get_partner(v1::GetPartnerRequest { partner }),
        )
        .await?;
    let partner = present(response.partner)?;
    printer.answer(&json::of(&partner), &page::of(&partner))
}

async fn verify(
    partner: String,
    root_key: Option<String>,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut client = session.partners();
    let Some(root_key) = root_key else {
        let request = v1::GetPartnerRequest {
            partner: partner.clone(),
        };
        let known = present(session.call(client.get_partner(request)).await?.partner)?;
        return Err(Failure::usage(
            format!(
                "nothing was done: the root key that is known of {} here is {}",
                known.handle, known.root_key
            ),
            format!(
                "have the partner read out its own, by a way that you trust, and repeat this with `foedus partner verify {partner} --root-key KEY`"
            ),
        ));
    };
    let request = v1::VerifyPartnerRequest { partner, root_key };
    let response = session.call(client.verify_partner(request)).await?;
    let partner = present(response.partner)?;
    let page = Page::new().sentence(format!("{} is {}.", partner.handle, page::trust(&partner)));
    printer.answer(&json::of(&partner), &page)
}

async fn suspend(
    request: v1::SuspendPartnerRequest,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut client = session.partners();
    // What it touches is shown before it happens.
    let preview = v1::SuspendPartnerRequest {
        preview: true,
        ..request.clone()
    };
    let touched = session.call(client.suspend_partner(preview)).await?;
    let page = page::suspended(&request.partner, &touched.affected_channels);
    if request.preview {
        return printer.answer(&json::of(&touched), &page);
    }
    if printer.is_human() {
        printer.answer(&serde_json::Value::Null, &page)?;
    }
    let response = session.call(client.suspend_partner(request)).await?;
    let partner = present(response.partner.clone())?;
    let page = page::now(&partner).sentence(format!(
        "To undo it:  foedus partner resume {}",
        partner.handle
    ));
    printer.answer(&json::of(&response), &page)
}

async fn disconnect(
    partner: String,
    reason: Option<String>,
    yes: bool,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut client = session.partners();
    let request = v1::DisconnectPartnerRequest {
        partner: partner.clone(),
        reason: reason.unwrap_or_default(),
        preview: true,
        idempotency_key: String::new(),
    };
    let touched = session
        .call(client.disconnect_partner(request.clone()))
        .await?;
    if printer.is_human() {
        printer.answer(
            &serde_json::Value::Null,
            &page::disconnected(&request.partner, &touched.affected_channels),
        )?;
    }
    if !yes {
        let handle = present(touched.partner)?.handle;
        return Err(Failure::usage(
            format!(
                "nothing was done: the peering with {handle} would end, and every channel that needs it, for good"
            ),
            format!(
                "repeat it with --yes, or stop the traffic for now with `foedus partner suspend {handle}`"
            ),
        ));
    }
    let request = v1::DisconnectPartnerRequest {
        preview: false,
        idempotency_key: session.idempotency_key(),
        ..request
    };
    let response = session.call(client.disconnect_partner(request)).await?;
    let partner = present(response.partner.clone())?;
    let page = page::now(&partner);
    printer.answer(&json::of(&response), &page)
}
