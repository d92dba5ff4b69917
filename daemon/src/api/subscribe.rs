//! Live streams: what arrives in some channels, in lists, each with the cursor to go on from.
//!
//! A stream makes its next list when the connection asks for it: a reader that is slow costs one list and
//! nothing more, however much arrives meanwhile. Whether the caller may still read is asked before each list,
//! and twice a second while nothing arrives.
//!
//! A stream of many channels looks only at those in which something happened. Each of its lists has the cursor of
//! all, so where much arrives the next is not made at once: what comes meanwhile shares it.

mod lane;
mod wakes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use foedus_federation::frame::Cursor;
use foedus_federation::org::OrgSnapshot;
use foedus_federation::timeline::UnknownCursor;
use foedus_policy::action::Actor;
use foedus_policy::id::ChannelId;
use foedus_policy::state::State;
use foedus_proto::api::v1;
use foedus_proto::api::v1::subscribe_item::Item;
use futures_util::stream;
use tokio::sync::watch;
use tonic::{Code, Status};

use super::caller::{Caller, channel_reader};
use super::cursor::{self, Stand};
use super::message::Sent;
use super::refusal::Refusal;
use super::streams::OpenStream;
use super::{Api, Seen};
use crate::bounds::api::{
    SUBSCRIPTION_CHANNELS_MAX, SUBSCRIPTION_LIST_PAUSE, SUBSCRIPTION_SILENCE, SUBSCRIPTION_TICK,
};
use lane::{Lane, List};
use wakes::{Wake, Wakes};

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
    lanes_begun: u64,
    wakes: Wakes,
    /// When all lanes were looked at last: time alone changes what they have to tell, too.
    looked_at_all: Instant,
    /// The lane that was served last: the next is served first.
    turn: Option<ChannelId>,
    caught_up: bool,
    listed: Option<Instant>,
    /// How much the last list told.
    listed_items: usize,
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
        let mut follow = Follow {
            api: self,
            caller,
            single,
            org,
            version: seen.org.version(),
            lanes: BTreeMap::new(),
            lanes_begun: 0,
            wakes: Wakes::default(),
            looked_at_all: Instant::now(),
            turn: None,
            caught_up: false,
            listed: None,
            listed_items: 0,
            over: false,
            _counted: counted,
        };
        for channel in channels {
            let stand = stands.remove(&channel);
            if single && stand.is_none() && !request.cursor.is_empty() {
                return Err(Refusal::malformed(
                    "CURSOR_INVALID",
                    "the cursor is of another channel",
                    "begin without a cursor",
                ));
            }
            follow.begin(channel, stand, from_start).await?;
        }
        let lists = stream::unfold(follow, |mut follow| async move {
            let list = follow.next().await?;
            Some((list.map_err(Status::from), follow))
        });
        Ok(Box::pin(lists))
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
    let Some(member) = actor.member() else {
        return Vec::new();
    };
    let channels = state.channels().keys().copied();
    channels
        .filter(|channel| state.author(*channel, member).is_some())
        .collect()
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

    /// Follows one channel more.
    async fn begin(
        &mut self,
        channel: ChannelId,
        stand: Option<Stand>,
        from_start: bool,
    ) -> Result<(), Refusal> {
        let mut view = self.api.watch(channel).await?;
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
        self.lanes_begun += 1;
        let lane = Lane {
            number: self.lanes_begun,
            view: view.clone(),
            stand,
            target: now.arrival,
            held_told: (0, None),
            ended_told: false,
            left_told: BTreeSet::new(),
        };
        self.wakes.watch(channel, lane.number, view);
        self.lanes.insert(channel, lane);
        Ok(())
    }

    async fn list(&mut self) -> Result<v1::SubscribeResponse, Refusal> {
        // One thing at a time is told at once.
        let much = self.listed_items > 1 && self.lanes.len() > 1;
        let told_all = self.caught_up && self.wakes.woken.is_empty();
        if let (Some(listed), true) = (self.listed, much && told_all) {
            tokio::time::sleep_until((listed + SUBSCRIPTION_LIST_PAUSE).into()).await;
        }
        loop {
            let seen = self.decide_again().await?;
            while let Some(wake) = self.wakes.ready() {
                self.take(wake).await?;
            }
            if self.looked_at_all.elapsed() >= SUBSCRIPTION_TICK {
                self.look_at_all();
            }
            let list = self.fill(&seen).await?;
            let silent = self
                .listed
                .is_none_or(|listed| listed.elapsed() >= SUBSCRIPTION_SILENCE);
            if !list.items.is_empty() || silent {
                self.listed = Some(Instant::now());
                self.listed_items = list.items.len();
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

    fn look_at_all(&mut self) {
        self.looked_at_all = Instant::now();
        self.wakes.woken.extend(self.lanes.keys());
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
            self.look_at_all();
            self.lanes
                .retain(|channel, _| joined.binary_search(channel).is_ok());
            for channel in joined {
                if self.lanes.len() < SUBSCRIPTION_CHANNELS_MAX
                    && !self.lanes.contains_key(&channel)
                {
                    // Whoever joins follows from when the stream finds that out; the rest is history.
                    self.begin(channel, None, false).await?;
                }
            }
        }
        Ok(seen)
    }

    async fn fill(&mut self, seen: &Seen) -> Result<List, Refusal> {
        let mut list = List::default();
        let mut order: Vec<ChannelId> = self.wakes.woken.iter().copied().collect();
        if let Some(turn) = self.turn {
            let first = order.partition_point(|channel| *channel <= turn);
            order.rotate_left(first);
        }
        for channel in order {
            let Some(lane) = self.lanes.get_mut(&channel) else {
                self.wakes.woken.remove(&channel);
                continue;
            };
            let before = list.items.len();
            let all = lane.arrivals(&self.api, seen, &mut list).await?;
            if list.items.len() > before {
                self.turn = Some(channel);
            }
            let ended = lane.changes(seen, &mut list);
            self.over |= ended && self.single;
            if all {
                self.wakes.woken.remove(&channel);
            }
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
        let deadline = self.caller.deadline.map(tokio::time::Instant::from_std);
        let tick = tokio::time::Instant::now() + SUBSCRIPTION_TICK;
        let wake = tokio::select! {
            wake = self.wakes.next() => wake,
            _ = self.org.changed() => return Ok(()),
            () = stopping.cancelled() => return Ok(()),
            () = tokio::time::sleep_until(deadline.map_or(tick, |deadline| deadline.min(tick))) => return Ok(()),
        };
        self.take(wake).await
    }

    /// Wakes the channel of a view that changed.
    async fn take(&mut self, wake: Wake) -> Result<(), Refusal> {
        let Wake {
            channel,
            number,
            view,
        } = wake;
        let Some(lane) = self.lanes.get_mut(&channel) else {
            return Ok(());
        };
        if lane.number != number {
            return Ok(());
        }
        let view = match view {
            Some(view) => view,
            // The channel was let go of: it is loaded again.
            None => {
                lane.view = self.api.watch(channel).await?;
                lane.view.clone()
            }
        };
        self.wakes.watch(channel, number, view);
        Ok(())
    }
}
