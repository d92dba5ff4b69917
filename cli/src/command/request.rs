//! `request`.

use clap::Subcommand;
use foedus_proto::api::v1;
use serde_json::json;

use super::words::Words;
use super::{Limit, collect, invitation, present, wording};
use crate::connection::Session;
use crate::failure::Failure;
use crate::page::Page;
use crate::printer::Printer;
use crate::time;

/// `request`
#[derive(Debug, Subcommand)]
pub enum RequestCommand {
    /// Show the requests that wait
    #[command(after_help = "Example:\n  foedus request list --all")]
    List {
        /// Also those that are decided
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show one request, and what it needs
    #[command(after_help = "Example:\n  foedus request show REQ-0042")]
    Show {
        /// Its number
        #[arg(value_parser = parse_number)]
        request: u32,
    },
    /// Say yes
    #[command(
        after_help = "Example:\n  foedus request approve REQ-0042 --words \"oak river cat lamp moon stone\" --channel acme-launch --as alice"
    )]
    Approve {
        /// Its number
        #[arg(value_parser = parse_number)]
        request: u32,
        /// For a peer request: the six words, as the partner's administrator reads them out
        #[arg(long, value_name = "WORDS", value_parser = parse_words)]
        words: Option<String>,
        /// What to call the channel here, when the request brings one [default: by the partner and the project]
        #[arg(long, value_name = "NAME")]
        channel: Option<String>,
    },
    /// Say no
    #[command(
        after_help = "Example:\n  foedus request decline REQ-0042 --reason \"ask again in January\" --as alice"
    )]
    Decline {
        /// Its number
        #[arg(value_parser = parse_number)]
        request: u32,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

/// Reads `REQ-0042` or `42`.
fn parse_number(text: &str) -> Result<u32, String> {
    let digits = match text.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("REQ-") => &text[4..],
        _ => text,
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse() {
        Ok(number) if is_number && number > 0 => Ok(number),
        _ => Err("expected the number of a request, such as REQ-0042".to_owned()),
    }
}

/// Reads six words, however they are separated and capitalised.
pub fn parse_words(text: &str) -> Result<String, String> {
    let words: Vec<String> = text
        .split(|character: char| !character.is_alphabetic())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    if words.len() == 6 {
        Ok(words.join(" "))
    } else {
        Err(format!("expected six words, found {}", words.len()))
    }
}

pub async fn run(
    command: RequestCommand,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    match command {
        RequestCommand::List { all, limit } => list(all, limit, session, printer).await,
        RequestCommand::Show { request } => show(request, session, printer).await,
        RequestCommand::Approve {
            request,
            words,
            channel,
        } => approve(request, words, channel, session, printer).await,
        RequestCommand::Decline { request, reason } => {
            decline(request, reason, session, printer).await
        }
    }
}

async fn list(
    all: bool,
    limit: Limit,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let state = if all {
        v1::RequestState::Unspecified
    } else {
        v1::RequestState::Waiting
    };
    let mut client = session.requests();
    let (requests, next_page_token) =
        collect(limit.limit, String::new(), async |page_size, page_token| {
            let request = v1::ListRequestsRequest {
                state: state.into(),
                page_size,
                page_token,
            };
            let page = session.call(client.list_requests(request)).await?;
            Ok((page.requests, page.next_page_token))
        })
        .await?;
    let response = v1::ListRequestsResponse {
        requests,
        next_page_token,
    };
    let rows = response.requests.iter().map(row).collect();
    let page = Page::new().table(
        &[
            "REQUEST",
            "KIND",
            "STATE",
            "PARTNER",
            "CHANNEL",
            "PROJECT",
            &time::head("ENDS"),
            "ASKED BY",
        ],
        rows,
        if all {
            "There are no requests."
        } else {
            "No request waits."
        },
    );
    printer.answer(&crate::json::of(&response), &page)
}

fn row(request: &v1::Request) -> Vec<String> {
    vec![
        request.name.clone(),
        kind(request),
        state(request),
        request.partner_handle.clone(),
        request.channel_name.clone(),
        request.project.clone(),
        time::listed_or(request.ends_at.as_ref(), ends_never(request)),
        request.requester.clone(),
    ]
}

fn kind(request: &v1::Request) -> String {
    wording::value(request.kind().as_str_name(), "REQUEST_KIND_")
}

fn state(request: &v1::Request) -> String {
    wording::value(request.state().as_str_name(), "REQUEST_STATE_")
}

/// A request that brings a channel and names no end asks for one without end: whoever approves has to see that.
fn ends_never(request: &v1::Request) -> &'static str {
    match request.channel_name.is_empty() && request.project.is_empty() {
        true => "",
        false => "never",
    }
}

async fn show(number: u32, session: &Session, printer: &mut Printer) -> Result<(), Failure> {
    let response = session
        .call(
            session
                .requests()
                .get_request(v1::GetRequestRequest { number }),
        )
        .await?;
    let request = present(response.request)?;
    printer.answer(&crate::json::of(&request), &page(&request))
}

/// A request with all that is known of it, and what to do.
pub fn page(request: &v1::Request) -> Page {
    let revises = !ends_now(request).is_empty();
    let page = Page::new()
        .heading(format!("{}: {}", request.name, kind(request)))
        .details([
            ("state", state(request)),
            ("partner", request.partner_handle.clone()),
            ("organisation", request.partner_organisation_id.clone()),
            ("channel", request.channel_name.clone()),
            ("project", request.project.clone()),
            ("ends now", ends_now(request)),
            (
                if revises { "would end" } else { "ends" },
                time::show_or(request.ends_at.as_ref(), ends_never(request)),
            ),
            ("capabilities", request.capabilities.join(", ")),
            ("access", wording::access(request.access())),
            ("purpose", request.purpose.clone()),
            ("asked by", request.requester.clone()),
            ("asked", time::show(request.created_at.as_ref())),
            ("expires", time::show(request.expires_at.as_ref())),
            ("decided by", request.decided_by.clone()),
            ("decided", time::show(request.decided_at.as_ref())),
            ("declined because", request.decline_reason.clone()),
            ("invitation", request.invitation_id.clone()),
        ]);
    match request.words.is_empty() {
        true => page.sentence_if(next_step(request)),
        // What is to be done with them is the next step.
        false => page.then(words(request).page()),
    }
}

/// For a revision that waits, the end that holds without it.
fn ends_now(request: &v1::Request) -> String {
    match (request.kind(), request.state()) {
        (v1::RequestKind::Revise, v1::RequestState::Waiting) => {
            time::show_or(request.agreed_ends_at.as_ref(), "never")
        }
        _ => String::new(),
    }
}

fn words(request: &v1::Request) -> Words<'_> {
    Words {
        partner: &request.partner_handle,
        words: &request.words,
        same: &request.if_words_same,
        differ: &request.if_words_differ,
    }
}

/// What is to be done next, as the daemon says it.
pub fn next_step(request: &v1::Request) -> String {
    if request.next_step.is_empty() {
        String::new()
    } else {
        format!("Next: {}", request.next_step)
    }
}

async fn approve(
    number: u32,
    words: Option<String>,
    channel: Option<String>,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let call = v1::ApproveRequestRequest {
        number,
        words: words.unwrap_or_default(),
        channel_name: channel.unwrap_or_default(),
        idempotency_key: session.idempotency_key(),
    };
    let response = session
        .call(session.requests().approve_request(call))
        .await?;
    let request = present(response.request.clone())?;
    let page = Page::new()
        .sentence(format!("{} is {}.", request.name, state(&request)))
        .details([
            ("kind", kind(&request)),
            ("partner", request.partner_handle.clone()),
            ("channel", request.channel_name.clone()),
            ("project", request.project.clone()),
            (
                "ends",
                time::show_or(request.ends_at.as_ref(), ends_never(&request)),
            ),
        ])
        .then(channel_page(&request, &response.channel_members))
        .then(invitation_page(&request, &response));
    printer.answer(&crate::json::of(&response), &page)
}

/// In a few lines, what a request is about.
pub fn about_page(request: &v1::Request) -> Page {
    Page::new().details([
        (
            "request",
            format!("{}: {}, {}", request.name, kind(request), state(request)),
        ),
        ("channel", request.channel_name.clone()),
        ("project", request.project.clone()),
    ])
}

/// The channel that came with what was approved, if one did: what it is called here, and who of ours is in it.
pub fn channel_page(request: &v1::Request, members: &[String]) -> Page {
    if members.is_empty() {
        return Page::new();
    }
    let name = &request.channel_name;
    Page::new()
        .sentence(format!(
            "The channel is called {name} here, and nobody outside learns that; another name:  foedus --as NAME channel rename {name} NEW-NAME"
        ))
        .sentence(format!(
            "Of this organisation {} in it; somebody else:  foedus --as NAME channel add {name} MEMBER",
            match members {
                [one] => format!("{one} is"),
                more => format!("{} are", more.join(", ")),
            }
        ))
}

/// What there is to do now: to send an invitation, or what the daemon says.
fn invitation_page(request: &v1::Request, response: &v1::ApproveRequestResponse) -> Page {
    match &response.invitation {
        // The next step is to send it, which this says.
        Some(made) if !response.invitation_text.is_empty() => {
            invitation::made_page(made, &response.invitation_text)
        }
        _ => Page::new().sentence_if(next_step(request)),
    }
}

async fn decline(
    number: u32,
    reason: Option<String>,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let call = v1::DeclineRequestRequest {
        number,
        reason: reason.unwrap_or_default(),
        idempotency_key: session.idempotency_key(),
    };
    let response = session
        .call(session.requests().decline_request(call))
        .await?;
    let request = present(response.request)?;
    let page = Page::new()
        .sentence(format!("{} is {}.", request.name, state(&request)))
        .sentence_if(next_step(&request));
    printer.answer(&crate::json::of(&request), &page)
}

/// A request that was just made.
pub fn made(request: &v1::Request, what: &str, printer: &mut Printer) -> Result<(), Failure> {
    let step = if request.next_step.is_empty() {
        format!(
            "An administrator says yes with:  foedus --as NAME request approve {}",
            request.name
        )
    } else {
        next_step(request)
    };
    let page = Page::new()
        .sentence(format!("{what} is {}, {}.", request.name, state(request)))
        .sentence(step);
    printer.answer(&json!({ "request": crate::json::of(request) }), &page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Style;

    #[test]
    fn a_request_is_named_by_its_number() {
        for text in ["42", "REQ-0042", "req-42"] {
            assert_eq!(parse_number(text), Ok(42));
        }
        for text in ["", "0", "REQ-", "REQ-x", "+1", "-1", "99999999999", "ÄÖÜ-1"] {
            assert!(parse_number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn six_words_are_read_as_people_write_them() {
        let expected = Ok("oak river cat lamp moon stone".to_owned());
        assert_eq!(parse_words("oak river cat lamp moon stone"), expected);
        assert_eq!(
            parse_words(" Oak, RIVER,\ncat - lamp\tmoon stone. "),
            expected
        );
        assert_eq!(
            parse_words("oak river"),
            Err("expected six words, found 2".to_owned())
        );
        assert!(parse_words("").is_err());
    }

    fn peer_request() -> v1::Request {
        v1::Request {
            number: 7,
            name: "REQ-0007".to_owned(),
            kind: v1::RequestKind::Peer.into(),
            state: v1::RequestState::Waiting.into(),
            partner_handle: "acme.example".to_owned(),
            channel_id: "chan_x".to_owned(),
            pairing_side: v1::PairingSide::Invitee.into(),
            if_words_same: "foedus --as NAME request approve REQ-0007 --words \"...\"".to_owned(),
            if_words_differ: "foedus --as NAME request decline REQ-0007".to_owned(),
            next_step: "an administrator compares the words".to_owned(),
            words: ["oak", "river", "cat", "lamp", "moon", "stone"]
                .map(str::to_owned)
                .to_vec(),
            ..v1::Request::default()
        }
    }

    #[test]
    fn a_waiting_peer_request_asks_for_the_words_to_be_compared() {
        let drawn = page(&peer_request()).draw(Style::PLAIN);
        assert!(drawn.contains("oak river cat lamp moon stone"), "{drawn}");
        assert!(
            drawn.contains("Telephone the administrator of acme.example"),
            "{drawn}"
        );
        let request = peer_request();
        for command in [request.if_words_same, request.if_words_differ] {
            assert!(drawn.contains(&format!("\n  {command}\n")), "{drawn}");
        }
        // What to do stands there once.
        assert!(!drawn.contains("Next:"), "{drawn}");
    }

    #[test]
    fn a_revision_shows_the_end_that_holds_beside_the_one_asked_for() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let revision = v1::Request {
            name: "REQ-0008".to_owned(),
            kind: v1::RequestKind::Revise.into(),
            state: v1::RequestState::Waiting.into(),
            project: "Launch".to_owned(),
            ends_at: at(2_000_000_000),
            agreed_ends_at: at(1_900_000_000),
            ..v1::Request::default()
        };
        let lines = |request: &v1::Request| page(request).draw(Style::PLAIN);
        let drawn = lines(&revision);
        let now = time::show(revision.agreed_ends_at.as_ref());
        let then = time::show(revision.ends_at.as_ref());
        let has = |name: &str, value: &str| {
            let mut lines = drawn.lines();
            lines.any(|line| line.starts_with(name) && line.ends_with(value))
        };
        assert!(
            has("ends now ", &now) && has("would end ", &then),
            "{drawn}"
        );
        let decided = v1::Request {
            state: v1::RequestState::Done.into(),
            agreed_ends_at: None,
            ..revision
        };
        let drawn = lines(&decided);
        assert!(
            !drawn.contains("ends now") && drawn.contains("\nends "),
            "{drawn}"
        );
    }

    #[test]
    fn an_approval_says_what_the_channel_is_called_and_who_is_in_it() {
        let request = v1::Request {
            channel_name: "acme-launch".to_owned(),
            ..peer_request()
        };
        let drawn = channel_page(&request, &["gina@globex.example".to_owned()]);
        let drawn = drawn.draw(Style::PLAIN);
        for said in [
            "is called acme-launch here",
            "channel rename acme-launch NEW-NAME",
            "gina@globex.example is in it",
        ] {
            assert!(drawn.contains(said), "{drawn}");
        }
        assert_eq!(channel_page(&request, &[]).draw(Style::PLAIN), "");
    }

    #[test]
    fn an_invitation_is_asked_to_be_sent_once() {
        let request = v1::Request {
            next_step: "send the invitation".to_owned(),
            invitation_id: "inv_x".to_owned(),
            ..peer_request()
        };
        let mut response = v1::ApproveRequestResponse {
            invitation_text: "foedus-invitation-v1.AbCd".to_owned(),
            invitation: Some(v1::Invitation {
                invitation_id: "inv_x".to_owned(),
                addresses: vec!["acme.example:7433".to_owned()],
                ..v1::Invitation::default()
            }),
            ..v1::ApproveRequestResponse::default()
        };
        let drawn = invitation_page(&request, &response).draw(Style::PLAIN);
        assert_eq!(drawn.to_lowercase().matches("send ").count(), 1, "{drawn}");
        assert!(drawn.ends_with("foedus invitation show inv_x\n"), "{drawn}");
        response.invitation_text = String::new();
        let drawn = invitation_page(&request, &response).draw(Style::PLAIN);
        assert_eq!(drawn, "Next: send the invitation\n");
    }

    #[test]
    fn a_decided_request_does_not() {
        let decided = v1::Request {
            state: v1::RequestState::Approved.into(),
            words: Vec::new(),
            ..peer_request()
        };
        let drawn = page(&decided).draw(Style::PLAIN);
        assert!(
            !drawn.contains("Six words") && !drawn.contains("--words"),
            "{drawn}"
        );
        let next = "Next: an administrator compares the words\n";
        assert!(drawn.ends_with(next), "{drawn}");
    }
}
