//! One connection with one partner, from its hello to its end: frames and views into the link machine, its effects
//! out of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use foedus_federation::batch::Reading;
use foedus_federation::bounds::CREDIT_FRAMES_MAX;
use foedus_federation::channel::{self, ChannelView};
use foedus_federation::damaged::Damaged;
use foedus_federation::evidence::{CheckedEntries, CheckedFrame, CheckedNotes};
use foedus_federation::feed::{Page, PageReader};
use foedus_federation::frame::{Frame, Goodbye};
use foedus_federation::link::{Closing, Effect, Input, Link};
use foedus_federation::org::OrgSnapshot;
use foedus_federation::transport::{Kept, LinkFailure, LinkHandle, kept};
use foedus_policy::id::{ChannelId, OrgId};
use foedus_policy::time::{Now, Timestamp};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::delivery::{Delivery, Message};
use super::doorway::{Doorway, Established};
use super::ending::Ending;
use super::frames::{Frames, Inbound};
use crate::bounds::{
    HELLO_READ_BYTES_MAX, LINK_FRESH, LINK_OUTBOX_FRAMES_MAX, LINK_QUEUE_MESSAGES_MAX, LINK_TICK,
    WARNINGS_PER_MINUTE_MAX,
};
use crate::per_minute::PerMinute;
use crate::runtime::{Held, LinkState, Runtime, ToLink, chain};
use crate::store::StoreError;

const TOO_SLOW: &str = "frames or channels came faster than the link could take them";

type View = watch::Receiver<Arc<ChannelView>>;
type NextView = Pin<Box<dyn Future<Output = Option<(ChannelId, View)>> + Send>>;

/// A session that goes on.
pub(super) struct Session {
    runtime: Runtime,
    partner: OrgId,
    number: u64,
    machine: Link,
    handle: LinkHandle,
    sender: mpsc::Sender<Frame>,
    frames: Frames,
    outbox: VecDeque<Frame>,
    delivery: Delivery,
    from_channels: mpsc::Receiver<ToLink>,
    overflown: CancellationToken,
    org: watch::Receiver<Arc<OrgSnapshot>>,
    views: FuturesUnordered<NextView>,
    watched: BTreeSet<ChannelId>,
    ticks: Interval,
    reads: VecDeque<(ChannelId, u32, PageReader)>,
    received: BTreeMap<u64, (ChannelId, u64)>,
    closing: JoinSet<()>,
    warnings: PerMinute,
    dialled: bool,
    up_since: Option<Instant>,
    /// Channels of which a page could not be read when it was last tried.
    unreadable: BTreeSet<ChannelId>,
    seen: Timestamp,
    skew_millis: Option<i64>,
    /// Whether anything of the partner's was held back since that was last shown.
    held_back: bool,
    ending: Option<Ending>,
}

impl Session {
    pub(super) fn begin(
        runtime: &Runtime,
        machine: Link,
        established: Established,
        room: Arc<Semaphore>,
    ) -> Self {
        let Established { session, remote } = established;
        let (messages, from_channels) = mpsc::channel(LINK_QUEUE_MESSAGES_MAX);
        let overflown = CancellationToken::new();
        let links = runtime.link_registry();
        let number = links.attach(session.partner, messages, overflown.clone());
        links.update(session.partner, |status| {
            status.remote_address = Some(remote);
            status.dialled = session.dialled;
        });
        let mut org = runtime.org();
        let newest = org.borrow_and_update().clone();
        let mut ticks = tokio::time::interval(LINK_TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut session = Self {
            runtime: runtime.clone(),
            partner: session.partner,
            number,
            machine,
            handle: session.handle,
            sender: session.sender,
            frames: Frames::new(session.receiver, session.received, runtime.org(), room),
            outbox: VecDeque::new(),
            delivery: Delivery::new(runtime.clone()),
            from_channels,
            overflown,
            org,
            views: FuturesUnordered::new(),
            watched: BTreeSet::new(),
            ticks,
            reads: VecDeque::new(),
            received: BTreeMap::new(),
            closing: JoinSet::new(),
            warnings: PerMinute::new(WARNINGS_PER_MINUTE_MAX),
            dialled: session.dialled,
            up_since: None,
            unreadable: BTreeSet::new(),
            seen: Timestamp::ZERO,
            skew_millis: None,
            held_back: false,
            ending: None,
        };
        let mut effects = Vec::new();
        let now = runtime.now();
        session
            .machine
            .handle(now, Input::Org(newest), &mut effects);
        session.machine.handle(now, Input::Opened, &mut effects);
        session.carry(effects, None);
        session
    }

    /// Goes on until the end, and says why it is. `doorway` brings other connections of the same partner;
    /// one that is to be kept in the place of this one comes back.
    pub(super) async fn run(
        &mut self,
        us: OrgId,
        doorway: &mut Doorway,
        stop: &CancellationToken,
    ) -> (Ending, Option<Established>) {
        let (began, sender) = (Instant::now(), self.sender.clone());
        // Whatever came before the session took the organisation.
        doorway.look(&self.runtime.snapshot());
        loop {
            if let Some(ending) = self.ending.take() {
                return (ending, None);
            }
            // Before anything else is chosen: whoever is told to stop sends nothing more.
            if stop.is_cancelled() {
                return (Ending::Stopped, None);
            }
            if self.org.has_changed().unwrap_or(false) {
                self.take_org(doorway);
            }
            // Whatever it is that came: also what is no frame, or none yet.
            doorway.spend(self.frames.take_bytes());
            // Neither read nor acknowledged meanwhile: the partner's credit runs out, and it waits.
            // But for the hello, without which the link would be taken for broken.
            let held_back = doorway.holds_back().filter(|_| {
                self.machine.is_up() || self.frames.received_bytes() > HELLO_READ_BYTES_MAX
            });
            if let Some(time) = held_back {
                self.held_back = true;
                self.frames.hold(time);
            }
            tokio::select! {
                () = stop.cancelled() => return (Ending::Stopped, None),
                Ok(()) = self.org.changed() => self.take_org(doorway),
                other = doorway.next(false) => {
                    if takes_over(us, self.partner, self.dialled, began.elapsed(), &other) {
                        return (Ending::Replaced, Some(other));
                    }
                    self.closing.spawn(other.session.handle.close(Goodbye::Duplicate));
                }
                Some(_) = self.closing.join_next() => {}
                inbound = self.frames.next(), if self.delivery.is_empty() && held_back.is_none() => {
                    self.take_frame(inbound);
                }
                () = tokio::time::sleep(held_back.unwrap_or_default()), if held_back.is_some() => {}
                Some(message) = self.from_channels.recv() => self.take_message(message),
                Some(next) = self.views.next() => self.take_view(next),
                () = self.delivery.say_next(), if !self.delivery.is_empty() => {}
                Ok(room) = sender.reserve(), if !self.outbox.is_empty() => {
                    if let Some(frame) = self.outbox.pop_front() {
                        room.send(frame);
                    }
                }
                () = self.overflown.cancelled() => self.end_with(TOO_SLOW),
                () = std::future::ready(()), if !self.reads.is_empty() => self.read_next().await,
                _ = self.ticks.tick() => {
                    self.handle(Input::Tick);
                    if self.machine.is_up() {
                        doorway.alive();
                    }
                    if self.up_since.is_some_and(|since| doorway.is_due(since)) {
                        self.ending.get_or_insert(Ending::NothingShared);
                    }
                    self.publish();
                }
            }
        }
    }

    fn take_org(&mut self, doorway: &mut Doorway) {
        let org = self.org.borrow_and_update().clone();
        doorway.look(&org);
        self.handle(Input::Org(org));
    }

    fn take_frame(&mut self, inbound: Option<Inbound>) {
        match inbound {
            Some(Inbound::Frame(frame, held)) => {
                let now = self.runtime.now();
                if let CheckedFrame::Entries(entries) = &*frame {
                    self.expect_ack(entries);
                }
                if let CheckedFrame::Notes(notes) = &*frame {
                    self.warn_of_refused(notes);
                }
                self.seen = now.wall;
                self.handle_holding(Input::Frame(frame), Some(held));
                self.note_up(now);
            }
            Some(Inbound::Refused(refused)) => {
                tracing::warn!(error = %chain(&refused), "a partner sent what is no evidence");
                self.runtime.metrics().reject_counted("frame");
                self.ending = Some(Ending::Refused(refused));
            }
            Some(Inbound::Failed(failure)) => self.ending = Some(Ending::Failed(failure)),
            None => self.ending = Some(Ending::Failed(LinkFailure::Lost(None))),
        }
    }

    /// Says that the link is up, once the machine has accepted the partner's hello.
    fn note_up(&mut self, now: Now) {
        if self.up_since.is_some() || !self.machine.is_up() || self.ending.is_some() {
            return;
        }
        self.up_since = Some(Instant::now());
        self.runtime.metrics().link_resting(self.partner, false);
        self.runtime.link_registry().update(self.partner, |status| {
            status.turn(LinkState::Up, now);
            status.last_seen = Some(now.wall);
            status.last_problem = None;
            status.trouble = None;
        });
        tracing::info!(dialled = self.dialled, "a link is up");
    }

    /// Notes that hold are taken although others in their frame do not, which somebody here may want to know.
    fn warn_of_refused(&mut self, notes: &CheckedNotes) {
        let Some(first) = notes.refused().first() else {
            return;
        };
        self.runtime.metrics().reject_counted("note");
        if self.warnings.admits(self.runtime.now().steady_millis) {
            let (channel, left_out) = (notes.channel(), notes.refused().len());
            tracing::warn!(%channel, left_out, error = %first, "notes of a partner were left out");
        }
    }

    fn take_message(&mut self, message: ToLink) {
        match message {
            ToLink::Send(_, frame) => {
                self.count(&frame);
                self.handle(Input::Send(frame));
            }
            ToLink::Feed(channel, start) => self.handle(Input::Feed(channel, start)),
            ToLink::StopFeed(channel) => self.handle(Input::StopFeed(channel)),
            ToLink::Attach(channel) => self.handle(Input::Attach(channel)),
            ToLink::Forgotten(channel) => self.handle(Input::Forgotten(channel)),
        }
    }

    /// Counts the entries of a frame once the partner is told that they are durable.
    fn count(&mut self, frame: &Frame) {
        let Frame::Ack(ack) = frame else { return };
        let covered = self.received.range(..=ack.number);
        let of_channel = covered.filter(|(_, (channel, _))| *channel == ack.channel);
        let numbers: Vec<u64> = of_channel.map(|(number, _)| *number).collect();
        let counts = numbers
            .iter()
            .filter_map(|number| self.received.remove(number));
        let all: u64 = counts.map(|(_, count)| count).sum();
        let (void, withheld) = (u64::from(ack.void), u64::from(ack.withheld));
        let accepted = all.saturating_sub(void).saturating_sub(withheld);
        self.runtime
            .metrics()
            .taken(self.partner, accepted, void, withheld);
    }

    fn expect_ack(&mut self, entries: &CheckedEntries) {
        let counts = entries
            .parts()
            .iter()
            .map(|part| part.checked().new_entries(0).len() as u64);
        let place = (entries.channel(), counts.sum());
        self.received.insert(entries.number(), place);
        // A frame that is never acknowledged is not counted.
        while self.received.len() > CREDIT_FRAMES_MAX * 2 {
            self.received.pop_first();
        }
    }

    fn take_view(&mut self, next: Option<(ChannelId, View)>) {
        let Some((channel, mut view)) = next else {
            return;
        };
        let newest = view.borrow_and_update().clone();
        self.views.push(Box::pin(async move {
            view.changed().await.ok()?;
            Some((channel, view))
        }));
        self.handle(Input::View(newest));
    }

    fn handle(&mut self, input: Input) {
        self.handle_holding(input, None);
    }

    /// What comes of a frame holds what the frame does.
    fn handle_holding(&mut self, input: Input, held: Held) {
        let mut effects = Vec::new();
        self.machine.handle(self.runtime.now(), input, &mut effects);
        self.carry(effects, held);
    }

    fn carry(&mut self, effects: Vec<Effect>, held: Held) {
        for effect in effects {
            match effect {
                Effect::Send(frame) => {
                    self.outbox.push_back(frame);
                    if self.outbox.len() > LINK_OUTBOX_FRAMES_MAX {
                        self.end_with(TOO_SLOW);
                    }
                }
                Effect::ToChannel(channel, input) => {
                    if let channel::Input::PartnerUp { .. } = *input {
                        self.watch(channel);
                    }
                    self.delivery
                        .say(Message::Channel(channel, input), held.clone());
                }
                Effect::ToOrg(input) => self.delivery.say(Message::Org(input), held.clone()),
                Effect::Read(channel, subscription, reader) => {
                    self.reads.push_back((channel, subscription, reader));
                }
                Effect::Close(closing) => {
                    self.ending.get_or_insert(match closing {
                        Closing::Goodbye(goodbye) => Ending::Closed(goodbye),
                        Closing::KeptOut => Ending::KeptOut,
                        Closing::Broken(breach) => Ending::Broken(breach),
                    });
                }
                Effect::Skew(millis) => {
                    self.skew_millis = Some(millis);
                    self.runtime.link_registry().update(self.partner, |status| {
                        status.clock_skew_millis = Some(millis);
                    });
                }
            }
        }
    }

    fn end_with(&mut self, reason: &'static str) {
        self.ending.get_or_insert(Ending::Restart(reason));
    }

    /// From now on the machine sees the channel as it is.
    fn watch(&mut self, channel: ChannelId) {
        if !self.watched.insert(channel) {
            return;
        }
        let runtime = self.runtime.clone();
        self.views.push(Box::pin(async move {
            let view = runtime.view(channel).await?;
            Some((channel, view))
        }));
    }

    /// Reads one of the pages that the machine asked for. Here and not beside: an engine answers on the task that
    /// asks, and the machine asks for no more than credit allows. One at a time, so that a stop, a frame or a change
    /// of the organisation does not wait for all of them.
    async fn read_next(&mut self) {
        let Some((channel, subscription, reader)) = self.reads.pop_front() else {
            return;
        };
        match read_page(&self.runtime, reader).await {
            Ok(page) => {
                self.unreadable.remove(&channel);
                self.handle(Input::Page(channel, subscription, page));
            }
            Err(error) => {
                // It is tried again with each tick; a human is told once.
                if self.unreadable.insert(channel) {
                    tracing::error!(%channel, error = %chain(&error), "a page could not be read");
                }
                self.handle(Input::PageFailed(channel, subscription));
            }
        }
        // Others run on this thread, too.
        tokio::task::yield_now().await;
    }

    fn publish(&mut self) {
        let (up, lag) = (self.machine.is_up(), self.machine.lag());
        let held_back = std::mem::take(&mut self.held_back);
        let now = self.runtime.now();
        self.runtime
            .metrics()
            .link(self.partner, up, lag, self.skew_millis);
        self.runtime.link_registry().update(self.partner, |status| {
            if up {
                (status.lag_entries, status.lag_known_at) = (lag, Some(now.wall));
            }
            if held_back {
                status.held_back_steady_millis = Some(now.steady_millis);
            }
            if self.seen > Timestamp::ZERO {
                status.last_seen = Some(self.seen);
            }
        });
    }

    /// Says goodbye, lets the channels know, and gives the machine back.
    pub(super) async fn end(mut self, ending: &Ending) -> Link {
        // How far the partner was when the link ended is what is known of it from then on.
        self.publish();
        let Self {
            runtime,
            partner,
            number,
            mut machine,
            handle,
            mut delivery,
            ..
        } = self;
        runtime.link_registry().detach(partner, number);
        let mut effects = Vec::new();
        machine.handle(runtime.now(), Input::Closed, &mut effects);
        delivery.forget();
        for effect in effects {
            if let Effect::ToChannel(channel, input) = effect {
                delivery.say(Message::Channel(channel, input), None);
            }
        }
        tokio::join!(delivery.flush(), handle.close(ending.goodbye()));
        machine
    }
}

/// Why a page could not be read.
#[derive(Debug, thiserror::Error)]
enum PageError {
    #[error("the store can't be read")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

async fn read_page(runtime: &Runtime, mut reader: PageReader) -> Result<Page, PageError> {
    let mut rows = Vec::new();
    loop {
        match reader.advance(rows)? {
            Reading::Ready(page) => return Ok(page),
            Reading::Read(reads) => rows = runtime.rows(&reads).await?,
        }
    }
}

/// Whether another connection is kept in the place of the present one. Both sides come to the same answer: of two
/// that were dialled from both sides at one time, the one of the smaller id; and where the present one has been there
/// for longer than any dialling takes, the partner dials only because it has lost it.
fn takes_over(
    us: OrgId,
    partner: OrgId,
    dialled: bool,
    age: Duration,
    other: &Established,
) -> bool {
    let same_side = other.session.dialled == dialled;
    let other_is_kept = match kept(us, partner) {
        Kept::Dialled => other.session.dialled,
        Kept::Accepted => !other.session.dialled,
    };
    same_side || other_is_kept || (!other.session.dialled && age >= LINK_FRESH)
}
