//! Live streams: what arrives in some channels, in lists, each with the cursor to go on from.
//!
//! A stream makes its next list when the connection asks for it: a reader that is slow costs one list and
//! nothing more, however much arrives meanwhile. Whether the caller may still read is asked before each list,
//! and twice a second while nothing arrives.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use foedus_federation::channel::ChannelView;
use foedus_federation::frame::Cursor;
use foedus_federation::org::OrgSnapshot;
use foedus_federation::timeline::{ArrivalReader, ArrivalStep, Arrivals, UnknownCursor};
use foedus_policy::action::Actor;
use foedus_policy::id::ChannelId;
use foedus_policy::state::State;
use foedus_policy::time::Timestamp;
use foedus_proto::api::v1;
use foedus_proto::api::v1::subscribe_item::Item;
use futures_util::future::select_all;
use futures_util::stream;
use prost::Message as _;
use tokio::sync::watch;
use tonic::{Code, Status};

use super::caller::{Caller, channel_reader, member_of};
use super::cursor::{self, Stand};
use super::message::Sent;
use super::refusal::Refusal;
use super::show::{cause, held, maybe_time, time};
use super::streams::OpenStream;
use super::{Api, Seen};
use crate::bounds::api::{
    PAGE_BYTES_MAX, SUBSCRIPTION_CHANNELS_MAX, SUBSCRIPTION_ITEMS_MAX, SUBSCRIPTION_SILENCE,
    SUBSCRIPTION_TICK,
};

/// One channel of a stream.
struct Lane {
    view: watch::Receiver<Arc<ChannelView>>,
    stand: Stand,
    /// What had arrived when the stream began.
    target: u64,
    held_told: (u64, Option<Timestamp>),
    ended_told: bool,
}

/// A stream.
struct Follow {
    api: Api,
    caller: Caller,
    /// One channel was asked for; otherwise all that the caller is a member of.
    single: bool,
    org: watch::Receiver<Arc<OrgSnapshot>>,
    /// The organisation's version by which the lanes were chosen.
    version: u64,
    lanes: BTreeMap<ChannelId, Lane>,
    /// The lane that was served last: the next is served first.
    turn: Option<ChannelId>,
    caught_up: bool,
    listed: Option<Instant>,
    over: bool,
    _counted: OpenStream,
}

impl From<UnknownCursor> for Refusal {
    fn from(_: UnknownCursor) -> Self {
        Self::new(
            Code::FailedPrecondition,
            "CURSOR_UNKNOWN",
            "the cursor means nothing here any more: it is too old, or an old copy of the store was put back",
            "read the history, then follow without a cursor",
        )
    }
}

impl Api {
    pub(super) async fn follow(
        self,
        caller: Caller,
        request: v1::SubscribeRequest,
    ) -> Result<Sent<v1::SubscribeResponse>, Refusal> {
        let counted = self.inner.streams.open(&caller.actor)?;
        let org = self.runtime().org();
        let seen = self.seen();
        let mut stands = match request.cursor.is_empty() {
            true => BTreeMap::new(),
            false => cursor::read(&request.cursor)?,
        };
        let single = !request.channel.is_empty();
        let channels = match single {
            true => vec![readable(&seen, &caller.actor, &request.channel)?],
            false => joined(&seen, &caller)?,
        };
        let from_start = request.from_start && request.cursor.is_empty();
        let mut lanes = BTreeMap::new();
        for channel in channels {
            let stand = stands.remove(&channel);
            if single && stand.is_none() && !request.cursor.is_empty() {
                return Err(Refusal::malformed(
                    "CURSOR_INVALID",
                    "the cursor is of another channel",
                    "begin without a cursor",
                ));
            }
            lanes.insert(channel, self.lane(channel, stand, from_start).await?);
        }
        let follow = Follow {
            api: self,
            caller,
            single,
            org,
            version: seen.org.version(),
            lanes,
            turn: None,
            caught_up: false,
            listed: None,
            over: false,
            _counted: counted,
        };
        let lists = stream::unfold(follow, |mut follow| async move {
            let list = follow.next().await?;
            Some((list.map_err(Status::from), follow))
        });
        Ok(Box::pin(lists))
    }

    async fn lane(
        &self,
        channel: ChannelId,
        stand: Option<Stand>,
        from_start: bool,
    ) -> Result<Lane, Refusal> {
        let mut view = self.watch(channel).await?;
        let now = view.borrow_and_update().clone();
        let at = |cursor| Stand { cursor, skip: 0 };
        let stand = match stand {
            Some(stand) if !now.knows(stand.cursor) => return Err(UnknownCursor.into()),
            Some(stand) => stand,
            None if from_start => at(Cursor {
                arrival: 0,
                ..now.cursor()
            }),
            None => at(now.cursor()),
        };
        Ok(Lane {
            view,
            stand,
            target: now.arrival,
            held_told: (0, None),
            ended_told: false,
        })
    }
}

fn readable(seen: &Seen, actor: &Actor, channel: &str) -> Result<ChannelId, Refusal> {
    let channel = seen.channel(actor, channel)?;
    channel_reader(seen.state(), actor, channel, seen.now)?;
    Ok(channel)
}

/// The channels that the caller is a member of.
fn joined(seen: &Seen, caller: &Caller) -> Result<Vec<ChannelId>, Refusal> {
    caller.member()?;
    super::caller::reader(&caller.actor)?;
    let channels = memberships(seen.state(), &caller.actor);
    if channels.len() > SUBSCRIPTION_CHANNELS_MAX {
        return Err(Refusal::new(
            Code::ResourceExhausted,
            "CHANNELS_TOO_MANY",
            format!("one stream follows at most {SUBSCRIPTION_CHANNELS_MAX} channels"),
            "name the channel to follow",
        ));
    }
    Ok(channels)
}

fn memberships(state: &State, actor: &Actor) -> Vec<ChannelId> {
    let Some(member) = member_of(actor) else {
        return Vec::new();
    };
    let channels = state.channels().keys().copied();
    channels
        .filter(|channel| state.author(*channel, member).is_some())
        .collect()
}

/// A list that is being filled.
#[derive(Default)]
struct List {
    items: Vec<v1::SubscribeItem>,
    bytes: usize,
}

impl List {
    fn push(&mut self, item: Item) {
        let item = v1::SubscribeItem { item: Some(item) };
        self.bytes += item.encoded_len();
        self.items.push(item);
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.items.is_empty()
            || (self.items.len() < SUBSCRIPTION_ITEMS_MAX && self.bytes + bytes <= PAGE_BYTES_MAX)
    }
}

impl Follow {
    /// The next list, when there is one; the first comes at once.
    async fn next(&mut self) -> Option<Result<v1::SubscribeResponse, Refusal>> {
        if self.over {
            return None;
        }
        let list = self.list().await;
        self.over |= list.is_err();
        Some(list)
    }

    async fn list(&mut self) -> Result<v1::SubscribeResponse, Refusal> {
        loop {
            let seen = self.decide_again().await?;
            let list = self.fill(&seen).await?;
            let silent = self
                .listed
                .is_none_or(|listed| listed.elapsed() >= SUBSCRIPTION_SILENCE);
            if !list.items.is_empty() || silent {
                self.listed = Some(Instant::now());
                let stands = self
                    .lanes
                    .iter()
                    .map(|(channel, lane)| (*channel, lane.stand));
                return Ok(v1::SubscribeResponse {
                    items: list.items,
                    cursor: cursor::write(&stands.collect()),
                });
            }
            self.wait().await?;
        }
    }

    /// Whether the caller may go on, by the organisation as it is now.
    async fn decide_again(&mut self) -> Result<Seen, Refusal> {
        // Before it is looked: what changes meanwhile wakes the stream again.
        self.org.mark_unchanged();
        let seen = self.api.again(&mut self.caller)?;
        let version = seen.org.version();
        let changed = std::mem::replace(&mut self.version, version) != version;
        let actor = &self.caller.actor;
        let may = |channel: ChannelId| channel_reader(seen.state(), actor, channel, seen.now);
        if self.single {
            for channel in self.lanes.keys() {
                may(*channel)?;
            }
            return Ok(seen);
        }
        super::caller::reader(actor)?;
        if changed {
            let joined = memberships(seen.state(), actor);
            self.lanes
                .retain(|channel, _| joined.binary_search(channel).is_ok());
            for channel in joined {
                if self.lanes.len() < SUBSCRIPTION_CHANNELS_MAX
                    && !self.lanes.contains_key(&channel)
                {
                    // Whoever joins follows from when the stream finds that out; the rest is history.
                    let lane = self.api.lane(channel, None, false).await?;
                    self.lanes.insert(channel, lane);
                }
            }
        }
        Ok(seen)
    }

    async fn fill(&mut self, seen: &Seen) -> Result<List, Refusal> {
        let mut list = List::default();
        let mut order: Vec<ChannelId> = self.lanes.keys().copied().collect();
        if let Some(turn) = self.turn {
            let first = order.partition_point(|channel| *channel <= turn);
            order.rotate_left(first);
        }
        for channel in order {
            let lane = self
                .lanes
                .get_mut(&channel)
                .expect("the order is of the lanes");
            let before = list.items.len();
            lane.arrivals(&self.api, seen, &mut list).await?;
            if list.items.len() > before {
                self.turn = Some(channel);
            }
            let ended = lane.changes(seen, &mut list);
            self.over |= ended && self.single;
            if !list.has_room(0) {
                break;
            }
        }
        let reached = |lane: &Lane| lane.stand.cursor.arrival >= lane.target;
        if !self.caught_up && self.lanes.values().all(reached) {
            self.caught_up = true;
            list.push(Item::CaughtUp(v1::CaughtUp {}));
        }
        Ok(list)
    }

    /// Waits until there may be something to tell.
    async fn wait(&mut self) -> Result<(), Refusal> {
        let stopping = self.api.runtime().stopping();
        let channels: Vec<ChannelId> = self.lanes.keys().copied().collect();
        let views: Vec<_> = self
            .lanes
            .values_mut()
            .map(|lane| Box::pin(lane.view.changed()))
            .collect();
        let any_view = async {
            match views.is_empty() {
                true => std::future::pending().await,
                false => {
                    let (changed, index, _) = select_all(views).await;
                    changed.err().map(|_| index)
                }
            }
        };
        let deadline = self.caller.deadline.map(tokio::time::Instant::from_std);
        let tick = tokio::time::Instant::now() + SUBSCRIPTION_TICK;
        let lost = tokio::select! {
            lost = any_view => lost,
            _ = self.org.changed() => None,
            () = stopping.cancelled() => None,
            () = tokio::time::sleep_until(deadline.map_or(tick, |deadline| deadline.min(tick))) => None,
        };
        if let Some(channel) = lost.and_then(|index| channels.get(index)) {
            // The channel was let go of: it is loaded again.
            let view = self.api.watch(*channel).await?;
            if let Some(lane) = self.lanes.get_mut(channel) {
                lane.view = view;
            }
        }
        Ok(())
    }
}

impl Lane {
    /// Puts what arrived into the list, as far as there is room.
    async fn arrivals(&mut self, api: &Api, seen: &Seen, list: &mut List) -> Result<(), Refusal> {
        let view = self.view.borrow_and_update().clone();
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
                        return Ok(());
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
        Ok(())
    }

    async fn read(&self, api: &Api, view: &Arc<ChannelView>) -> Result<Arrivals, Refusal> {
        let limit = foedus_federation::bounds::TIMELINE_ARRIVALS_MAX;
        let mut reader =
            ArrivalReader::new(view.clone(), self.stand.cursor, self.stand.skip, limit)?;
        let mut rows = Vec::new();
        loop {
            match reader.advance(rows)? {
                ArrivalStep::List(arrivals) => return Ok(arrivals),
                ArrivalStep::Read(reads) => rows = api.read(&reads).await?,
            }
        }
    }

    /// Tells what changed beside what arrived. Returns whether the channel has ended, and that was told.
    fn changes(&mut self, seen: &Seen, list: &mut List) -> bool {
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
            return false;
        };
        if self.stand.cursor.arrival < view.arrival || self.ended_told {
            return self.ended_told;
        }
        self.ended_told = true;
        let channel = seen.state().channels().get(&view.channel);
        list.push(Item::ChannelEnded(v1::ChannelEnded {
            channel_id: view.channel.to_string(),
            channel_name: channel.map_or_else(String::new, |channel| channel.name.to_string()),
            cause: cause(ended.cause).to_owned(),
            at: time(ended.at),
        }));
        true
    }
}
