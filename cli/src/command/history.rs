//! `history`, and how a message is shown.

use clap::Args;
use foedus_proto::api::v1;

use super::{collect, wording};
use crate::bounds;
use crate::connection::Session;
use crate::failure::Failure;
use crate::page::Page;
use crate::printer::Printer;
use crate::{json, time};

/// `history`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  foedus history launch\n  foedus history launch --oldest --limit 100\n  foedus history launch --refs"
)]
pub struct HistoryArguments {
    /// Name or identifier of the channel
    channel: String,
    /// Begin with the oldest; otherwise the newest are shown. The order on the screen is always that of the timeline
    #[arg(long)]
    oldest: bool,
    /// Show at most so many
    #[arg(long, value_name = "N", default_value_t = bounds::HISTORY_ITEMS_DEFAULT, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Go on where an earlier `history` stopped
    #[arg(long, value_name = "TOKEN")]
    page_token: Option<String>,
    /// Only this message and its answers
    #[arg(long, value_name = "REF")]
    thread: Option<String>,
    /// Show each message's reference, which edit, retract and react ask for
    #[arg(long)]
    refs: bool,
}

pub async fn run(
    arguments: HistoryArguments,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let HistoryArguments {
        channel,
        oldest,
        limit,
        page_token,
        thread,
        refs,
    } = arguments;
    let order = if oldest {
        v1::HistoryOrder::OldestFirst
    } else {
        v1::HistoryOrder::NewestFirst
    };
    let repeated = repeated(&channel, oldest, limit, thread.as_deref(), refs);
    let thread = thread.unwrap_or_default();
    let mut client = session.messages();
    let (mut held_entries, mut held_until) = (0, None);
    let fetch = async |page_size, page_token| {
        let request = v1::ListHistoryRequest {
            channel: channel.clone(),
            order: order.into(),
            page_size,
            page_token,
            thread: thread.clone(),
        };
        let page = session.call(client.list_history(request)).await?;
        held_entries = page.held_entries;
        held_until = page.held_until;
        Ok((page.messages, page.next_page_token))
    };
    let (mut messages, next_page_token) =
        collect(limit, page_token.unwrap_or_default(), fetch).await?;
    if !oldest {
        messages.reverse();
    }
    let response = v1::ListHistoryResponse {
        messages,
        next_page_token,
        held_entries,
        held_until,
    };
    printer.answer(
        &json::of(&response),
        &page(&response, &repeated, oldest, refs),
    )
}

/// The command as it was asked, for its next page.
fn repeated(channel: &str, oldest: bool, limit: u32, thread: Option<&str>, refs: bool) -> String {
    let mut command = format!("foedus history {channel}");
    if oldest {
        command.push_str(" --oldest");
    }
    if limit != bounds::HISTORY_ITEMS_DEFAULT {
        command.push_str(&format!(" --limit {limit}"));
    }
    if let Some(thread) = thread {
        command.push_str(&format!(" --thread {thread}"));
    }
    if refs {
        command.push_str(" --refs");
    }
    command
}

fn page(response: &v1::ListHistoryResponse, repeated: &str, oldest: bool, refs: bool) -> Page {
    let more = if response.next_page_token.is_empty() {
        Page::new()
    } else {
        Page::new().sentence(format!(
            "-- there is more:  {repeated} --page-token {}",
            response.next_page_token
        ))
    };
    let messages = if response.messages.is_empty() {
        Page::new().sentence("Nothing is written here.")
    } else {
        let page = Page::new().sentence(zone());
        response
            .messages
            .iter()
            .fold(page, |page, message| page.then(message_page(message, refs)))
    };
    // What is older stands above.
    let page = if oldest {
        messages.then(more)
    } else {
        more.then(messages)
    };
    page.sentence_if(held(
        response.held_entries,
        &[],
        response.held_until.as_ref(),
    ))
}

/// Says once in which zone the times are that are listed.
pub fn zone() -> String {
    format!("-- times in {}", time::zone())
}

/// Says what waits for its time. Empty when nothing does.
pub fn held(entries: u64, origins: &[String], until: Option<&prost_types::Timestamp>) -> String {
    if entries == 0 {
        return String::new();
    }
    let whose = if origins.is_empty() {
        String::new()
    } else {
        format!(" of {}", origins.join(", "))
    };
    format!(
        "-- held, because their time has not come: {entries}{whose}, the first until {}",
        time::show_or(until, "an unknown time")
    )
}

fn message_page(message: &v1::Message, refs: bool) -> Page {
    let mut head = format!(
        "{}  {}",
        wording::written(
            message.signed_at.as_ref(),
            message.arrived_at.as_ref(),
            message.time_in_doubt
        ),
        wording::author(message.author.as_ref())
    );
    match message.kind() {
        v1::EventKind::Joined => head.push_str(" joined"),
        v1::EventKind::Left => head.push_str(" left"),
        v1::EventKind::Custom => head.push_str(&format!(" ({})", message.custom_name)),
        _ => {}
    }
    if message.edited {
        head.push_str(&format!(
            " (edited {})",
            time::listed(message.edited_at.as_ref())
        ));
    }
    if !message.reply_to.is_empty() {
        head.push_str(&format!(
            " (answers {})",
            reference(&message.reply_to, refs)
        ));
    }
    let page = Page::new().heading(head);
    let page = if refs {
        page.sentence(format!("    {}", message.entry_ref))
    } else {
        page
    };
    body(
        page,
        message.kind(),
        message.retracted,
        message.absent,
        &message.text,
    )
    .sentence_if(reactions(&message.reactions))
}

/// A reference, as long as it has to be.
pub fn reference(reference: &str, whole: bool) -> String {
    if whole {
        reference.to_owned()
    } else {
        wording::short_reference(reference)
    }
}

/// What a message says, or why it says nothing.
pub fn body(page: Page, kind: v1::EventKind, retracted: bool, absent: bool, text: &str) -> Page {
    if retracted {
        page.sentence("    (taken back)")
    } else if absent {
        page.sentence("    (not held here)")
    } else if matches!(kind, v1::EventKind::Posted | v1::EventKind::Edited) {
        page.text(text)
    } else {
        page
    }
}

fn reactions(reactions: &[v1::Reaction]) -> String {
    let shown: Vec<String> = reactions
        .iter()
        .map(|reaction| {
            let names: Vec<&str> = reaction
                .authors
                .iter()
                .map(|author| {
                    if author.address.is_empty() {
                        author.organisation_handle.as_str()
                    } else {
                        author.address.as_str()
                    }
                })
                .collect();
            format!("{} {}", reaction.emoji, names.join(", "))
        })
        .collect();
    if shown.is_empty() {
        String::new()
    } else {
        format!("    {}", shown.join("  "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Style;

    fn message() -> v1::Message {
        v1::Message {
            entry_ref: "org_abcdefghij/inc_klmnopqrst/3".to_owned(),
            kind: v1::EventKind::Posted.into(),
            author: Some(v1::Author {
                author_id: "auth_x".to_owned(),
                address: "ben@globex.example".to_owned(),
                organisation_handle: "globex.example".to_owned(),
                external: true,
                verified: true,
                ..v1::Author::default()
            }),
            text: "Hello\n[acme.example] boss: do it".to_owned(),
            ..v1::Message::default()
        }
    }

    fn draw(message: &v1::Message) -> String {
        message_page(message, false).draw(Style::PLAIN)
    }

    #[test]
    fn a_text_cannot_pass_for_somebody_elses_message() {
        let drawn = draw(&message());
        let lines: Vec<&str> = drawn.lines().collect();
        assert!(
            lines[0].ends_with("[globex.example, external] ben@globex.example"),
            "{drawn}"
        );
        assert_eq!(lines[1..], ["    Hello", "    [acme.example] boss: do it"]);
    }

    #[test]
    fn what_is_not_there_is_said() {
        assert!(
            draw(&v1::Message {
                retracted: true,
                ..message()
            })
            .contains("(taken back)")
        );
        assert!(
            draw(&v1::Message {
                absent: true,
                ..message()
            })
            .contains("(not held here)")
        );
        assert!(
            !draw(&v1::Message {
                retracted: true,
                ..message()
            })
            .contains("Hello")
        );
    }

    #[test]
    fn reactions_are_shown() {
        let anna = v1::Author {
            address: "anna@acme.example".to_owned(),
            ..v1::Author::default()
        };
        let drawn = draw(&v1::Message {
            reactions: vec![v1::Reaction {
                emoji: "👍".to_owned(),
                authors: vec![anna],
            }],
            ..message()
        });
        assert!(drawn.contains("    👍 anna@acme.example\n"), "{drawn}");
    }

    #[test]
    fn a_page_says_how_to_go_on_and_what_is_held() {
        let response = v1::ListHistoryResponse {
            messages: vec![message()],
            next_page_token: "abc".to_owned(),
            held_entries: 2,
            held_until: None,
        };
        let asked = repeated("launch", false, 3, Some("org_a/inc_b/3"), true);
        let drawn = page(&response, &asked, false, true).draw(Style::PLAIN);
        let more = "-- there is more:  foedus history launch --limit 3 --thread org_a/inc_b/3 --refs --page-token abc\n-- times in ";
        assert!(drawn.starts_with(more), "{drawn}");
        assert!(drawn.contains("org_abcdefghij/inc_klmnopqrst/3"), "{drawn}");
        let plain = repeated("launch", true, bounds::HISTORY_ITEMS_DEFAULT, None, false);
        assert_eq!(plain, "foedus history launch --oldest");
        assert!(
            drawn.ends_with(
                "held, because their time has not come: 2, the first until an unknown time\n"
            ),
            "{drawn}"
        );
    }
}
