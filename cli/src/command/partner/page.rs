//! What people are shown of partners.

use foedus_proto::api::v1;

use super::super::words::Words;
use super::super::{request, wording};
use crate::page::Page;
use crate::time;

/// An invitation that was accepted: just now, or before.
pub fn accepted(
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
            .then(delivery(&partner.handle, response))
            .sentence_if(next(&partner.next_step)),
        _ => delivery(&partner.handle, response)
            .blank()
            .then(request::page(request)),
    }
}

/// Whether the inviter has our reply, and what to do with it otherwise.
fn delivery(inviter: &str, response: &v1::AcceptInvitationResponse) -> Page {
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

/// A partner that was confirmed, or of which only the reply was taken: `compared` says whether words were given.
pub fn confirmed(
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

/// Several, one a row.
pub fn list(partners: &[v1::Partner]) -> Page {
    Page::new().table(
        &[
            "PARTNER",
            "STATE",
            "TRUST",
            "LINK",
            &time::head("LAST SEEN"),
            "LAG",
            "CHANNELS",
        ],
        partners.iter().map(row).collect(),
        "There are no partners.",
    )
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

pub fn trust(partner: &v1::Partner) -> String {
    wording::value(partner.trust().as_str_name(), "TRUST_")
}

/// What a partner is after an act.
pub fn now(partner: &v1::Partner) -> Page {
    Page::new().sentence(format!("{} is {}.", partner.handle, state(partner)))
}

/// One partner.
pub fn of(partner: &v1::Partner) -> Page {
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

/// What a suspension touches.
pub fn suspended(partner: &str, channels: &[v1::AffectedChannel]) -> Page {
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
pub fn disconnected(partner: &str, channels: &[v1::AffectedChannel]) -> Page {
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
mod tests;
