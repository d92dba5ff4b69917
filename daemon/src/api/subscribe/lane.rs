//! One channel of a stream, and the list that it fills with others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foedus_federation::channel::ChannelView;
use foedus_federation::frame::Cursor;
use foedus_federation::timeline::{ArrivalReader, Arrivals};
use foedus_policy::id::OrgId;
use foedus_policy::time::Timestamp;
use foedus_proto::api::v1;
use foedus_proto::api::v1::subscribe_item::Item;
use prost::Message as _;

use super::super::cursor::Stand;
use super::super::refusal::Refusal;
use super::super::show::{held, maybe_time, time};
use super::super::{Api, Seen};
use super::wakes::View;
use crate::bounds::api::{PAGE_BYTES_MAX, SUBSCRIPTION_ITEMS_MAX};

/// One channel of a stream.
pub(super) struct Lane {
    /// Which of the lanes of its stream it is.
    pub(super) number: u64,
    pub(super) view: View,
    pub(super) stand: Stand,
    /// What had arrived when the stream began.
    pub(super) target: u64,
    pub(super) held_told: (u64, Option<Timestamp>),
    pub(super) ended_told: bool,
    /// Who has left, as far as it was told.
    pub(super) left_told: BTreeSet<OrgId>,
}

/// A list that is being filled.
#[derive(Default)]
pub(super) struct List {
    pub(super) items: Vec<v1::SubscribeItem>,
    bytes: usize,
}

impl List {
    pub(super) fn push(&mut self, item: Item) {
        let item = v1::SubscribeItem { item: Some(item) };
        self.bytes += item.encoded_len();
        self.items.push(item);
    }

    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.items.is_empty()
            || (self.items.len() < SUBSCRIPTION_ITEMS_MAX && self.bytes + bytes <= PAGE_BYTES_MAX)
    }
}

impl Lane {
    /// Puts what arrived into the list, as far as there is room. Returns whether that is all.
    pub(super) async fn arrivals(
        &mut self,
        api: &Api,
        seen: &Seen,
        list: &mut List,
    ) -> Result<bool, Refusal> {
        let view = self.view.borrow().clone();
        while self.stand.cursor.arrival < view.arrival && list.has_room(0) {
            let Arrivals {
                list: arrived,
                after,
                more: _,
            } = self.read(api, &view).await?;
            let at = |arrival| Cursor {
                run: view.run,
                arrival,
            };
            for arrived in arrived {
                for event in arrived.events {
                    let place = event.place;
                    let item = Item::Event(seen.event_message(&view, event));
                    let bytes = v1::SubscribeItem {
                        item: Some(item.clone()),
                    };
                    if !list.has_room(bytes.encoded_len()) {
                        self.stand = Stand {
                            cursor: at(arrived.number - 1),
                            skip: place,
                        };
                        return Ok(false);
                    }
                    list.push(item);
                }
                self.stand = Stand {
                    cursor: at(arrived.number),
                    skip: 0,
                };
            }
            self.stand = Stand {
                cursor: at(after),
                skip: 0,
            };
        }
        Ok(self.stand.cursor.arrival >= view.arrival)
    }

    async fn read(&self, api: &Api, view: &Arc<ChannelView>) -> Result<Arrivals, Refusal> {
        let limit = foedus_federation::bounds::TIMELINE_ARRIVALS_MAX;
        let mut reader =
            ArrivalReader::new(view.clone(), self.stand.cursor, self.stand.skip, limit)?;
        api.found(|rows| reader.advance(rows)).await
    }

    /// Tells what changed beside what arrived. Returns whether the channel has ended, and that was told.
    pub(super) fn changes(&mut self, seen: &Seen, list: &mut List) -> bool {
        let view = self.view.borrow().clone();
        let (entries, origins, until) = held(&view);
        if (entries, until) != self.held_told {
            self.held_told = (entries, until);
            list.push(Item::Held(v1::Held {
                channel_id: view.channel.to_string(),
                entries,
                origins: seen.handles(&origins),
                until: maybe_time(until),
            }));
        }
        let Some(ended) = view.governance.ended(seen.now) else {
            self.departures(seen, &view, list);
            return false;
        };
        if self.stand.cursor.arrival < view.arrival || self.ended_told {
            return self.ended_told;
        }
        self.ended_told = true;
        list.push(Item::ChannelEnded(v1::ChannelEnded {
            channel_id: view.channel.to_string(),
            channel_name: name(seen, &view),
            cause: ended.cause.to_string(),
            at: time(ended.at),
        }));
        true
    }

    /// Tells who has left, after what they wrote before.
    fn departures(&mut self, seen: &Seen, view: &ChannelView, list: &mut List) {
        let left: BTreeMap<OrgId, Timestamp> = view.governance.left().collect();
        // Who came back may leave again.
        self.left_told.retain(|org| left.contains_key(org));
        if self.stand.cursor.arrival < view.arrival {
            return;
        }
        for (org, at) in left {
            if self.left_told.insert(org) {
                list.push(Item::ParticipantLeft(v1::ParticipantLeft {
                    channel_id: view.channel.to_string(),
                    channel_name: name(seen, view),
                    handle: seen.handle(org),
                    at: time(at),
                    alone: view.governance.is_alone(seen.now),
                }));
            }
        }
    }
}

/// What the channel is called here.
fn name(seen: &Seen, view: &ChannelView) -> String {
    let channel = seen.state().channels().get(&view.channel);
    channel.map_or_else(String::new, |channel| channel.name.to_string())
}
