//! `tail`: follows what is written.

use std::path::PathBuf;

use clap::Args;
use foedus_proto::api::v1;
use foedus_proto::api::v1::subscribe_item::Item;
use serde_json::{Value, json};
use tonic::Streaming;

use super::{history, wording};
use crate::bounds;
use crate::connection::Session;
use crate::failure::{Exit, Failure};
use crate::page::Page;
use crate::printer::Printer;
use crate::resume::{self, Position};
use crate::time;

/// `tail`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  foedus tail launch
  foedus tail launch --from start --count 10
  foedus tail launch --state launch.state --output json

With --state, a restarted tail continues where it was. One that is killed while it prints a list
prints that list again. Whoever must not see anything twice reads --output json: what stands after
the last line {\"item\":\"cursor\",...} is to be thrown away, and --from CURSOR gives it again. --count may stop before a cursor is printed: to go on after it,
use --state.")]
pub struct TailArguments {
    /// Name or identifier of the channel [default: all that you are a member of]
    channel: Option<String>,
    /// Where to begin: start, now, or a cursor
    #[arg(long, value_name = "WHERE", default_value = "now")]
    from: String,
    /// Keep in this file where the tail has come to, and continue there if the file exists
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Stop after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Stop when everything that was there has been printed
    #[arg(long)]
    no_follow: bool,
    /// Show each event's reference, which edit, retract and react ask for
    #[arg(long)]
    refs: bool,
}

/// A tail under way.
struct Tail {
    arguments: TailArguments,
    position: Position,
    from_start: bool,
    left: Option<u64>,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}

pub async fn run(
    arguments: TailArguments,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut tail = Tail::new(arguments)?;
    let mut wait = bounds::RECONNECT_WAIT_MIN;
    let mut connected_before = false;
    let mut lost = false;
    loop {
        let cursor = tail.position.cursor.clone();
        let result = match tail.subscribe(session).await {
            Ok(mut stream) => {
                if !connected_before {
                    if printer.is_human() {
                        printer.answer(&Value::Null, &Page::new().sentence(history::zone()))?;
                    }
                } else if std::mem::take(&mut lost) {
                    printer.note("-- the daemon is back");
                }
                connected_before = true;
                tail.follow(&mut stream, printer).await
            }
            Err(failure) => Err(failure),
        };
        match result {
            Ok(()) => return Ok(()),
            // A daemon that is restarted comes back; what it says no to stays refused.
            Err(failure) if connected_before && is_passing(&failure) => {
                if tail.position.cursor != cursor {
                    wait = bounds::RECONNECT_WAIT_MIN;
                }
                // Said once, however long it takes.
                if !std::mem::replace(&mut lost, true) {
                    printer.note(&format!(
                        "-- {}; trying again until it is back",
                        failure.what
                    ));
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(bounds::RECONNECT_WAIT_MAX);
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn is_passing(failure: &Failure) -> bool {
    matches!(failure.exit, Exit::Unavailable | Exit::Temporary)
        || (failure.exit == Exit::Software && failure.reason.is_empty())
}

impl Tail {
    fn new(arguments: TailArguments) -> Result<Self, Failure> {
        let channel = arguments.channel.clone().unwrap_or_default();
        let kept = match &arguments.state {
            Some(path) => resume::load(path, &channel)?,
            None => None,
        };
        if let Some(path) = &arguments.state {
            resume::check_folder(path)?;
        }
        let (position, from_start) = match (kept, arguments.from.as_str()) {
            (Some(position), from) => {
                let from_start = position.cursor.is_empty() && from == "start";
                (position, from_start)
            }
            (None, "start") => (
                Position {
                    channel,
                    ..Position::default()
                },
                true,
            ),
            (None, "now") => (
                Position {
                    channel,
                    ..Position::default()
                },
                false,
            ),
            (None, cursor) => (
                Position {
                    channel,
                    cursor: cursor.to_owned(),
                    printed: Vec::new(),
                },
                false,
            ),
        };
        Ok(Self {
            left: arguments.count,
            arguments,
            position,
            from_start,
        })
    }

    async fn subscribe(
        &self,
        session: &Session,
    ) -> Result<Streaming<v1::SubscribeResponse>, Failure> {
        let request = v1::SubscribeRequest {
            channel: self.position.channel.clone(),
            cursor: self.position.cursor.clone(),
            from_start: self.from_start,
        };
        let subscribed = session.call(session.messages().subscribe(request)).await;
        subscribed.map_err(|failure| self.explain(failure))
    }

    /// A cursor that is none was given here, or kept in the file.
    fn explain(&self, failure: Failure) -> Failure {
        let fix = match &self.arguments.state {
            _ if failure.reason != "CURSOR_INVALID" => return failure,
            Some(file) if self.arguments.from != self.position.cursor => {
                format!("remove {}, or give another file", file.display())
            }
            _ => "give --from start, now, or a cursor that `tail --output json` printed".to_owned(),
        };
        Failure { fix, ..failure }
    }

    async fn follow(
        &mut self,
        stream: &mut Streaming<v1::SubscribeResponse>,
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        while let Some(list) = stream.message().await? {
            if self.list(list, printer)? == Next::Stop {
                return Ok(());
            }
        }
        Err(Failure::new(
            Exit::Unavailable,
            "the daemon ended the stream",
            "try again",
        ))
    }

    /// Prints a list, then stores where that leads.
    fn list(
        &mut self,
        list: v1::SubscribeResponse,
        printer: &mut Printer,
    ) -> Result<Next, Failure> {
        let v1::SubscribeResponse { items, cursor } = list;
        let mut items = items.into_iter().filter_map(|item| item.item).peekable();
        let mut printed = Vec::new();
        let mut next = Next::GoOn;
        while let Some(item) = items.next() {
            if let Item::Event(event) = &item
                && self.position.printed.contains(&event.entry_ref)
            {
                continue;
            }
            next = self.item(&item, printer)?;
            if let Item::Event(event) = item {
                printed.push(event.entry_ref);
            }
            if next == Next::Stop && items.peek().is_some() {
                // The list is not printed to its end: what was printed of it is remembered, so
                // that the next tail does not print it again.
                self.position.printed.extend(printed);
                self.store()?;
                return Ok(Next::Stop);
            }
        }
        if !cursor.is_empty() && cursor != self.position.cursor {
            self.position.cursor = cursor;
            self.position.printed.clear();
            if !printer.is_human() {
                let line = json!({ "item": "cursor", "cursor": self.position.cursor });
                printer.item(&line, &Page::new())?;
            }
            self.store()?;
        }
        Ok(next)
    }

    fn store(&self) -> Result<(), Failure> {
        match &self.arguments.state {
            Some(path) => resume::store(path, &self.position),
            None => Ok(()),
        }
    }

    fn item(&mut self, item: &Item, printer: &mut Printer) -> Result<Next, Failure> {
        let all = self.position.channel.is_empty();
        match item {
            Item::Event(event) => {
                printer.item(
                    &item_json("event", crate::json::of(event)),
                    &event_page(event, all, self.arguments.refs),
                )?;
                self.left = self.left.map(|left| left - 1);
                Ok(if self.left == Some(0) {
                    Next::Stop
                } else {
                    Next::GoOn
                })
            }
            Item::CaughtUp(caught_up) => {
                printer.item(
                    &item_json("caught_up", crate::json::of(caught_up)),
                    &Page::new(),
                )?;
                Ok(if self.arguments.no_follow {
                    Next::Stop
                } else {
                    Next::GoOn
                })
            }
            Item::Held(held) => {
                let page = Page::new().sentence_if(history::held(
                    held.entries,
                    &held.origins,
                    held.until.as_ref(),
                ));
                printer.item(&item_json("held", crate::json::of(held)), &page)?;
                Ok(Next::GoOn)
            }
            Item::ParticipantLeft(left) => {
                let alone = match left.alone {
                    true => "; nobody else is in it any more, and what is written goes to nobody",
                    false => "",
                };
                let page = Page::new().sentence(format!(
                    "-- {} withdrew from {} at {}{alone}",
                    left.handle,
                    left.channel_name,
                    time::show(left.at.as_ref()),
                ));
                printer.item(&item_json("participant_left", crate::json::of(left)), &page)?;
                Ok(Next::GoOn)
            }
            Item::ChannelEnded(ended) => {
                let page = Page::new().sentence(format!(
                    "-- {} ended at {} ({})",
                    ended.channel_name,
                    time::show(ended.at.as_ref()),
                    ended.cause
                ));
                printer.item(&item_json("channel_ended", crate::json::of(ended)), &page)?;
                Ok(if all { Next::GoOn } else { Next::Stop })
            }
        }
    }
}

/// The object of an item, with its kind in front.
fn item_json(kind: &str, item: Value) -> Value {
    let mut named = serde_json::Map::new();
    named.insert("item".to_owned(), kind.into());
    if let Value::Object(fields) = item {
        named.extend(fields);
    }
    Value::Object(named)
}

fn event_page(event: &v1::Event, all: bool, refs: bool) -> Page {
    let mut head = format!(
        "{}  {}",
        wording::written(
            event.signed_at.as_ref(),
            event.arrived_at.as_ref(),
            event.time_in_doubt
        ),
        wording::author(event.author.as_ref())
    );
    let target = history::reference(&event.target, refs);
    match event.kind() {
        v1::EventKind::Posted if !event.reply_to.is_empty() => {
            head.push_str(&format!(
                " (answers {})",
                history::reference(&event.reply_to, refs)
            ));
        }
        v1::EventKind::Posted => {}
        v1::EventKind::Edited => head.push_str(&format!(" edited {target}")),
        v1::EventKind::Retracted => head.push_str(&format!(" took back {target}")),
        v1::EventKind::Reacted if event.removed => {
            head.push_str(&format!(" took {} back from {target}", event.emoji))
        }
        v1::EventKind::Reacted => head.push_str(&format!(" gave {} to {target}", event.emoji)),
        v1::EventKind::Joined => head.push_str(" joined"),
        v1::EventKind::Left => head.push_str(" left"),
        v1::EventKind::Custom => head.push_str(&format!(" ({})", event.custom_name)),
        v1::EventKind::Erased => head.push_str(&format!(" erased {target}")),
        v1::EventKind::Unspecified => head.push_str(" (of a kind that this version does not know)"),
    }
    if event.edited {
        head.push_str(" (edited since)");
    }
    if all {
        head.push_str(&format!("  in {}", event.channel_name));
    }
    let page = Page::new().heading(head);
    let page = if refs {
        page.sentence(format!("    {}", event.entry_ref))
    } else {
        page
    };
    history::body(
        page,
        event.kind(),
        event.retracted,
        event.absent,
        &event.text,
    )
}

#[cfg(test)]
mod tests;
