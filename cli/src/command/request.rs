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
mod tests;
