//! History by pages, and how entries become messages and events.

use std::sync::Arc;

use foedus_federation::channel::ChannelView;
use foedus_federation::hlc::Hlc;
use foedus_federation::timeline::{
    Event, Happening, HistoryReader, Item, Order, Page, Position, What,
};
use foedus_policy::id::{ChannelId, EntryRef, OrgId};
use foedus_policy::time::Timestamp;
use foedus_proto::api::v1;

use super::caller::{Caller, channel_reader};
use super::refusal::Refusal;
use super::show::{held, maybe_time, time};
use super::{Api, Seen, page, parse};
use crate::bounds::api::TIME_IN_DOUBT_MILLIS;

impl Api {
    pub(super) async fn list_history(
        &self,
        caller: &Caller,
        request: v1::ListHistoryRequest,
    ) -> Result<v1::ListHistoryResponse, Refusal> {
        let seen = self.seen();
        let channel = seen.channel(&caller.actor, &request.channel)?;
        channel_reader(seen.state(), &caller.actor, channel, seen.now)?;
        let (order, kind) = match request.order() {
            v1::HistoryOrder::Unspecified | v1::HistoryOrder::NewestFirst => {
                (Order::NewestFirst, "history back")
            }
            v1::HistoryOrder::OldestFirst => (Order::OldestFirst, "history on"),
        };
        let from = token_of(channel, kind, &request.page_token)?;
        let thread = parse::entry_or_none(&request.thread)?;
        let size = page::size(request.page_size);
        let view = self.view(channel).await?;
        let Page { items, next } = self.history_page(&view, order, from, thread, size).await?;
        let (held_entries, _, held_until) = held(&view);
        Ok(v1::ListHistoryResponse {
            messages: items
                .into_iter()
                .map(|item| seen.item_message(&view, item))
                .collect(),
            next_page_token: next.map_or_else(String::new, |next| {
                let place = [channel.as_bytes().as_slice(), &next.to_bytes()].concat();
                page::seal(kind, &place)
            }),
            held_entries,
            held_until: maybe_time(held_until),
        })
    }

    async fn history_page(
        &self,
        view: &Arc<ChannelView>,
        order: Order,
        from: Option<Position>,
        thread: Option<EntryRef>,
        size: usize,
    ) -> Result<Page, Refusal> {
        let mut reader = HistoryReader::new(view.clone(), order, from, thread, size);
        self.found(|rows| reader.advance(rows)).await
    }
}

/// The position that a page token stands for; of another channel or direction it stands for none.
fn token_of(channel: ChannelId, kind: &str, token: &str) -> Result<Option<Position>, Refusal> {
    let Some(place) = page::after(kind, token)? else {
        return Ok(None);
    };
    let position = place
        .strip_prefix(channel.as_bytes().as_slice())
        .and_then(Position::from_bytes);
    position.map(Some).ok_or_else(|| {
        Refusal::malformed(
            "PAGE_TOKEN_INVALID",
            "the page token is of another channel",
            "begin again without a token",
        )
    })
}

/// Whether the signed time is to be shown beside that of the arrival: they differ by more than a link that is up
/// explains.
fn in_doubt(hlc: Hlc, arrived: Timestamp) -> bool {
    hlc.wall().0.abs_diff(arrived.0) > TIME_IN_DOUBT_MILLIS
}

impl Seen {
    fn item_message(&self, view: &ChannelView, item: Item) -> v1::Message {
        let Item {
            entry,
            hlc,
            arrived,
            author,
            what,
            reactions,
        } = item;
        let mut message = v1::Message {
            entry_ref: parse::entry_text(entry),
            author: Some(self.author(view, entry.origin, author)),
            reactions: reactions
                .into_iter()
                .map(|reaction| v1::Reaction {
                    emoji: reaction.emoji,
                    authors: reaction
                        .authors
                        .into_iter()
                        .map(|(origin, author)| self.author(view, origin, author))
                        .collect(),
                })
                .collect(),
            signed_at: time(hlc.wall()),
            arrived_at: time(arrived),
            time_in_doubt: in_doubt(hlc, arrived),
            ..v1::Message::default()
        };
        match what {
            What::Message(said) => {
                message.kind = v1::EventKind::Posted.into();
                message.text = said.text.unwrap_or_default();
                message.edited = said.edited.is_some();
                message.edited_at = maybe_time(said.edited.map(Hlc::wall));
                message.retracted = said.retracted;
                message.reply_to = said.reply_to.map_or_else(String::new, parse::entry_text);
                message.absent = said.absent;
            }
            What::Joined => message.kind = v1::EventKind::Joined.into(),
            What::Left => message.kind = v1::EventKind::Left.into(),
            What::Custom { name, bytes } => {
                message.kind = v1::EventKind::Custom.into();
                message.custom_name = name.to_string();
                message.absent = bytes.is_none();
                message.custom_body = bytes.unwrap_or_default();
            }
        }
        message
    }

    pub(super) fn event_message(&self, view: &ChannelView, event: Event) -> v1::Event {
        let Event {
            entry,
            hlc,
            arrived,
            author,
            place: _,
            what,
        } = event;
        let channel = self.state().channels().get(&view.channel);
        let mut message = v1::Event {
            entry_ref: parse::entry_text(entry),
            author: Some(self.author(view, entry.origin, author)),
            channel_id: view.channel.to_string(),
            channel_name: channel.map_or_else(String::new, |channel| channel.name.to_string()),
            signed_at: time(hlc.wall()),
            arrived_at: time(arrived),
            time_in_doubt: in_doubt(hlc, arrived),
            ..v1::Event::default()
        };
        let kind = match what {
            Happening::Posted(said) => {
                message.text = said.text.unwrap_or_default();
                message.edited = said.edited.is_some();
                message.retracted = said.retracted;
                message.absent = said.absent;
                message.reply_to = said.reply_to.map_or_else(String::new, parse::entry_text);
                v1::EventKind::Posted
            }
            Happening::Edited {
                target,
                message: said,
            } => {
                message.target = parse::entry_text(target);
                message.text = said.text.unwrap_or_default();
                message.retracted = said.retracted;
                message.absent = said.absent;
                v1::EventKind::Edited
            }
            Happening::Retracted(target) => {
                message.target = parse::entry_text(target);
                v1::EventKind::Retracted
            }
            Happening::Reacted { target, emoji, on } => {
                message.target = parse::entry_text(target);
                message.emoji = emoji;
                message.removed = !on;
                v1::EventKind::Reacted
            }
            Happening::Erased(target) => {
                message.target = parse::entry_text(target);
                v1::EventKind::Erased
            }
            Happening::Joined => v1::EventKind::Joined,
            Happening::Left => v1::EventKind::Left,
            Happening::Custom { name, bytes } => {
                message.custom_name = name.to_string();
                message.absent = bytes.is_none();
                message.custom_body = bytes.unwrap_or_default();
                v1::EventKind::Custom
            }
        };
        message.kind = kind.into();
        message
    }

    /// Handles, sorted, for what is told of several organisations.
    pub(super) fn handles(&self, orgs: &[OrgId]) -> Vec<String> {
        let mut handles: Vec<String> = orgs.iter().map(|org| self.handle(*org)).collect();
        handles.sort_unstable();
        handles
    }
}
