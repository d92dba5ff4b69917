//! `partner`.

mod rules;

use clap::Subcommand;
use foedus_proto::api::v1;

use super::words::Words;
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
    let page = accepted_page(&request, &partner, &response);
    printer.answer(&json::of(&response), &page)
}

/// An invitation that was accepted: just now, or before.
fn accepted_page(
    request: &v1::Request,
    partner: &v1::Partner,
    response: &v1::AcceptInvitationResponse,
) -> Page {
    let since = time::show(partner.peered_at.as_ref());
    match partner.state() {
        v1::PartnerState::Active => Page::new().sentence(format!(
            "The peering with {} exists already, since {since}, from this very invitation: nothing is to be done.",
            partner.handle
        )),
        v1::PartnerState::WaitingForThem => Page::new()
            .sentence(format!(
                "{} is approved here already, since {since}, from this very invitation.",
                partner.handle
            ))
            .then(delivery_page(&partner.handle, response))
            .sentence_if(next(&partner.next_step)),
        _ => delivery_page(&partner.handle, response)
            .blank()
            .then(request::page(request)),
    }
}

/// Whether the inviter has our reply, and what to do with it otherwise.
fn delivery_page(inviter: &str, response: &v1::AcceptInvitationResponse) -> Page {
    if response.delivered {
        return Page::new().sentence(
            "The inviter has our reply. Nothing else flows until both administrators have approved.",
        );
    }
    Page::new()
        .sentence(format!(
            "{inviter} does not have our reply yet: {}.",
            response.problem
        ))
        .sentence(format!(
            "First send it to {inviter}'s administrator, by any way, who types `foedus --as NAME partner confirm REPLY` and is shown the six words by it:"
        ))
        .blank()
        .sentence(&response.reply_text)
        .blank()
        .sentence("If the invitation names an address, accepting it again tries that once more.")
}

fn next(step: &str) -> String {
    match step {
        "" => String::new(),
        step => format!("Next: {step}"),
    }
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
    let page = confirmed_page(&partner, compared, &response);
    printer.answer(&json::of(&response), &page)
}

/// A partner that was confirmed, or of which only the reply was taken: `compared` says whether words were given.
fn confirmed_page(
    partner: &v1::Partner,
    compared: bool,
    response: &v1::ConfirmPartnerResponse,
) -> Page {
    let handle = &partner.handle;
    if partner.state() == v1::PartnerState::WaitingForUs {
        return Page::new()
            .sentence(format!(
                "The reply of {handle} is taken. Nothing is confirmed by it, and nothing flows."
            ))
            .then(words(partner).page());
    }
    let done = match compared {
        true => format!("{handle} is confirmed."),
        false => format!("{handle} was confirmed already; this reply changes nothing."),
    };
    let page = Page::new().sentence(done);
    let Some(request) = &response.request else {
        return page.sentence_if(next(&partner.next_step));
    };
    let step = match request.next_step.as_str() {
        "" => &partner.next_step,
        step => step,
    };
    page.then(request::about_page(request))
        .then(request::channel_page(request, &response.channel_members))
        .sentence_if(next(step))
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
    ]);
    match partner.words.is_empty() {
        true => page.sentence_if(next(&partner.next_step)),
        // What is to be done with them is the next step.
        false => page.then(words(partner).page()),
    }
}

fn words(partner: &v1::Partner) -> Words<'_> {
    Words {
        partner: &partner.handle,
        words: &partner.words,
        same: &partner.if_words_same,
        differ: &partner.if_words_differ,
    }
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

    const SAME: &str = "foedus --as NAME partner confirm globex.example --words \"...\"";
    const DIFFER: &str = "foedus --as NAME partner disconnect globex.example --yes";

    /// Invited without a request, so that there is no number to name.
    fn waiting() -> v1::Partner {
        v1::Partner {
            handle: "globex.example".to_owned(),
            state: v1::PartnerState::WaitingForUs.into(),
            words: vec!["oak".to_owned(), "river".to_owned()],
            if_words_same: SAME.to_owned(),
            if_words_differ: DIFFER.to_owned(),
            next_step: "an administrator compares the words".to_owned(),
            ..v1::Partner::default()
        }
    }

    #[test]
    fn a_partner_that_waits_shows_its_words_and_what_to_type() {
        let drawn = page(&waiting()).draw(Style::PLAIN);
        assert!(
            drawn.contains("waiting for us") && drawn.contains("Six words:  oak river\n"),
            "{drawn}"
        );
        for command in [SAME, DIFFER] {
            assert!(drawn.contains(&format!("\n  {command}\n")), "{drawn}");
        }
        assert!(!drawn.contains("request show"), "{drawn}");
        assert!(drawn.contains("last seen  unknown"), "{drawn}");
    }

    #[test]
    fn a_reply_alone_confirms_nothing() {
        let response = v1::ConfirmPartnerResponse::default();
        let drawn = confirmed_page(&waiting(), false, &response).draw(Style::PLAIN);
        assert!(drawn.contains("Nothing is confirmed"), "{drawn}");
        assert!(
            drawn.contains("oak river") && drawn.contains(SAME),
            "{drawn}"
        );
        assert!(
            !drawn.contains("approved") && !drawn.contains("REQ-"),
            "{drawn}"
        );
    }

    fn approved() -> v1::Partner {
        v1::Partner {
            state: v1::PartnerState::WaitingForThem.into(),
            words: Vec::new(),
            next_step: "the partner's step".to_owned(),
            ..waiting()
        }
    }

    #[test]
    fn who_was_confirmed_is_said_first_and_then_what_comes_next() {
        let mut response = v1::ConfirmPartnerResponse::default();
        let drawn = |response: &_, compared| {
            confirmed_page(&approved(), compared, response).draw(Style::PLAIN)
        };
        assert_eq!(
            drawn(&response, true),
            "globex.example is confirmed.\nNext: the partner's step\n"
        );
        response.request = Some(v1::Request {
            name: "REQ-0001".to_owned(),
            kind: v1::RequestKind::Share.into(),
            state: v1::RequestState::Approved.into(),
            next_step: "the request's step".to_owned(),
            ..v1::Request::default()
        });
        let shared = drawn(&response, true);
        let first = "globex.example is confirmed.\n";
        assert!(shared.starts_with(first), "{shared}");
        assert!(shared.contains("REQ-0001: share, approved"), "{shared}");
        assert!(shared.ends_with("Next: the request's step\n"), "{shared}");
        let again = drawn(&response, false);
        assert!(again.contains("was confirmed already"), "{again}");
    }

    #[test]
    fn a_reply_to_carry_is_shown_before_the_words() {
        let request = v1::Request {
            name: "REQ-0007".to_owned(),
            words: vec!["oak".to_owned()],
            next_step: "send the reply".to_owned(),
            ..v1::Request::default()
        };
        let response = v1::AcceptInvitationResponse {
            reply_text: "foedus-reply-v1.AbCd".to_owned(),
            problem: "the invitation names no address of the inviter".to_owned(),
            ..v1::AcceptInvitationResponse::default()
        };
        let drawn = accepted_page(&request, &waiting(), &response).draw(Style::PLAIN);
        let (reply, words) = (drawn.find("\nfoedus-reply-v1."), drawn.find("Six words"));
        assert!(reply.is_some() && reply < words, "{drawn}");
        let first = "globex.example does not have our reply yet: the invitation names";
        assert!(drawn.starts_with(first), "{drawn}");
        assert_eq!(drawn.matches("Six words").count(), 1, "{drawn}");
        assert!(!drawn.contains("Next:"), "{drawn}");
    }

    #[test]
    fn an_invitation_that_led_to_a_peering_says_so() {
        let active = v1::Partner {
            state: v1::PartnerState::Active.into(),
            peered_at: Some(prost_types::Timestamp::default()),
            ..approved()
        };
        let response = v1::AcceptInvitationResponse {
            delivered: true,
            ..v1::AcceptInvitationResponse::default()
        };
        let drawn = |partner: &v1::Partner| {
            accepted_page(&v1::Request::default(), partner, &response).draw(Style::PLAIN)
        };
        let again = drawn(&active);
        let first = "The peering with globex.example exists already, since 1 Jan 1970";
        assert!(again.starts_with(first), "{again}");
        assert!(again.contains("from this very invitation"), "{again}");
        assert!(!again.contains("Nothing else flows"), "{again}");
        // Approved here only: the inviter may need the reply once more.
        let again = drawn(&approved());
        assert!(again.contains("is approved here already"), "{again}");
        assert!(again.contains("has our reply"), "{again}");
        assert!(again.ends_with("Next: the partner's step\n"), "{again}");
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
