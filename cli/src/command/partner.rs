//! `partner`.

mod rules;

use clap::Subcommand;
use foedus_proto::api::v1;

use super::{Limit, collect, invitation, present, request, wording};
use crate::connection::Session;
use crate::failure::Failure;
use crate::page::Page;
use crate::printer::Printer;
use crate::{json, time};

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
    /// As the inviter: say that it was them, by the six words; or hand in a reply carried by hand
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
    #[command(after_help = "Example:\n  foedus partner deny \"*.rival.example\"")]
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
        /// Whom
        #[arg(value_enum)]
        mode: rules::Mode,
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
        PartnerCommand::Mode { mode } => rules::set_mode(mode, session, printer).await,
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
            let page = Page::new().sentence(format!("{} is {}.", partner.handle, state(&partner)));
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
    let page = invitation::text_page(
        &made.expected_handle,
        made.expires_at.as_ref(),
        &response.invitation_text,
    )
    .sentence(format!(
        "To see it again:  foedus invitation show {}",
        made.invitation_id
    ));
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
    let waiting = present(response.request.clone())?;
    let delivery = if response.delivered {
        "The inviter has our reply. Nothing else flows until both administrators have approved."
    } else {
        "The reply could not be delivered from here."
    };
    let page = Page::new()
        .sentence(delivery)
        .sentence_if(&response.problem)
        .sentence_if(if response.delivered {
            ""
        } else {
            "Accept the same invitation again once the inviter can be reached, or send it the reply."
        })
        .then(reply_page(&waiting, &response))
        .blank()
        .then(request::page(&waiting));
    printer.answer(&json::of(&response), &page)
}

/// The reply, where the request does not show it itself.
fn reply_page(waiting: &v1::Request, response: &v1::AcceptInvitationResponse) -> Page {
    if response.reply_text.is_empty() || waiting.reply_text == response.reply_text {
        return Page::new();
    }
    Page::new()
        .sentence("Send its administrator this reply, for `foedus partner confirm`:")
        .sentence(&response.reply_text)
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
    let response = session
        .call(session.partners().confirm_partner(call))
        .await?;
    let confirmed = present(response.request)?;
    printer.answer(&json::of(&confirmed), &request::page(&confirmed))
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
    let rows = response.partners.iter().map(row).collect();
    let page = Page::new().table(
        &[
            "PARTNER",
            "STATE",
            "TRUST",
            "LINK",
            &time::head("LAST SEEN"),
            "LAG",
            "CHANNELS",
        ],
        rows,
        "There are no partners.",
    );
    let page = if response.rules.is_empty() && mode == v1::PartnerMode::Unspecified {
        page
    } else {
        page.blank()
            .then(rules::mode_page(mode))
            .then(rules::page(&response.rules))
    };
    printer.answer(&json::of(&response), &page)
}

fn row(partner: &v1::Partner) -> Vec<String> {
    vec![
        partner.handle.clone(),
        state(partner),
        trust(partner),
        wording::link(partner.link_state()),
        time::listed_or(partner.last_seen_at.as_ref(), "unknown"),
        wording::lag(partner.lag.as_ref()),
        partner.channels.join(", "),
    ]
}

fn state(partner: &v1::Partner) -> String {
    wording::value(partner.state().as_str_name(), "PARTNER_STATE_")
}

fn trust(partner: &v1::Partner) -> String {
    wording::value(partner.trust().as_str_name(), "TRUST_")
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
    printer.answer(&json::of(&partner), &page(&partner))
}

fn page(partner: &v1::Partner) -> Page {
    let page = Page::new().heading(&partner.handle).details([
        ("organisation", partner.organisation_id.clone()),
        ("state", state(partner)),
        ("trust", trust(partner)),
        ("link", wording::link(partner.link_state())),
        ("link problem", partner.link_problem.clone()),
        (
            "endpoints",
            if partner.endpoints.is_empty() {
                "none: it dials us".to_owned()
            } else {
                partner.endpoints.join(", ")
            },
        ),
        (
            "last seen",
            time::show_or(partner.last_seen_at.as_ref(), "unknown"),
        ),
        ("lag", wording::lag(partner.lag.as_ref())),
        ("clock", wording::skew(partner.clock_skew_ms)),
        ("protocol", partner.protocol_version.clone()),
        ("channels", partner.channels.join(", ")),
        ("peered", time::show(partner.peered_at.as_ref())),
        ("root key", partner.root_key.clone()),
        ("identity", format!("serial {}", partner.identity_serial)),
        ("request", partner.request.clone()),
        ("six words", partner.words.join(" ")),
    ]);
    if partner.words.is_empty() {
        return page;
    }
    page.blank().sentence(format!(
        "Compare the words by telephone with its administrator; see: foedus request show {}",
        partner.request
    ))
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
    let page = Page::new().sentence(format!("{} is {}.", partner.handle, trust(&partner)));
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
    let page = suspended_page(&request.partner, &touched.affected_channels);
    if request.preview {
        return printer.answer(&json::of(&touched), &page);
    }
    if printer.is_human() {
        printer.answer(&serde_json::Value::Null, &page)?;
    }
    let response = session.call(client.suspend_partner(request)).await?;
    let partner = present(response.partner.clone())?;
    let page = Page::new()
        .sentence(format!("{} is {}.", partner.handle, state(&partner)))
        .sentence(format!(
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
            &disconnected_page(&request.partner, &touched.affected_channels),
        )?;
    }
    if !yes {
        return Err(Failure::usage(
            "nothing was done: a disconnection is for good",
            format!(
                "repeat it with --yes, or stop the traffic for now with `foedus partner suspend {partner}`"
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
    let page = Page::new().sentence(format!("{} is {}.", partner.handle, state(&partner)));
    printer.answer(&json::of(&response), &page)
}

/// What a suspension touches.
fn suspended_page(partner: &str, channels: &[v1::AffectedChannel]) -> Page {
    let page = if channels.is_empty() {
        Page::new()
    } else {
        Page::new().sentence(format!(
            "While {partner} is suspended, nothing of it is taken in these channels, also where others carry it:"
        ))
    };
    let rows = channels.iter().map(|channel| {
        let ours = if channel.held_back {
            "refused"
        } else {
            "go on"
        };
        vec![
            channel.channel_name.clone(),
            channel.carriers.join(", "),
            ours.to_owned(),
        ]
    });
    page.table(
        &["CHANNEL", "OTHER CARRIERS", "OUR NEW ENTRIES"],
        rows.collect(),
        "No channel is shared with it.",
    )
}

/// What a disconnection ends.
fn disconnected_page(partner: &str, channels: &[v1::AffectedChannel]) -> Page {
    let page = if channels.is_empty() {
        Page::new()
    } else {
        Page::new().sentence(format!(
            "With the peering {partner}'s share in these channels ends, for good:"
        ))
    };
    let rows = channels
        .iter()
        .map(|channel| vec![channel.channel_name.clone(), channel.carriers.join(", ")]);
    page.table(
        &["CHANNEL", "OTHER CARRIERS"],
        rows.collect(),
        "No channel is shared with it.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Style;

    #[test]
    fn a_partner_that_waits_shows_its_words() {
        let partner = v1::Partner {
            handle: "globex.example".to_owned(),
            state: v1::PartnerState::WaitingForUs.into(),
            words: vec!["oak".to_owned(), "river".to_owned()],
            request: "REQ-0001".to_owned(),
            ..v1::Partner::default()
        };
        let drawn = page(&partner).draw(Style::PLAIN);
        assert!(
            drawn.contains("waiting for us") && drawn.contains("oak river"),
            "{drawn}"
        );
        assert!(drawn.contains("foedus request show REQ-0001"), "{drawn}");
        assert!(drawn.contains("last seen  unknown"), "{drawn}");
    }

    #[test]
    fn what_a_suspension_touches_is_explained() {
        let launch = v1::AffectedChannel {
            channel_name: "launch".to_owned(),
            held_back: true,
            ..v1::AffectedChannel::default()
        };
        let drawn = suspended_page("globex.example", std::slice::from_ref(&launch));
        let drawn = drawn.draw(Style::PLAIN);
        assert!(
            drawn.starts_with("While globex.example is suspended, "),
            "{drawn}"
        );
        assert!(drawn.contains("refused"), "{drawn}");
        let ended = disconnected_page("globex.example", &[launch]).draw(Style::PLAIN);
        assert!(
            ended.contains("for good:") && !ended.contains("OUR NEW"),
            "{ended}"
        );
        let none = suspended_page("globex.example", &[]).draw(Style::PLAIN);
        assert_eq!(none, "No channel is shared with it.\n");
    }

    #[test]
    fn a_partners_own_words_do_no_harm() {
        let partner = v1::Partner {
            handle: "glo\u{202e}bex\u{1b}[2J".to_owned(),
            ..v1::Partner::default()
        };
        let drawn = page(&partner).draw(Style::PLAIN);
        assert!(
            !drawn.contains('\u{202e}') && !drawn.contains('\u{1b}'),
            "{drawn:?}"
        );
    }
}
