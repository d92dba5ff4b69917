//! The link machine: what passes between us and one partner, through all sessions with it.
//!
//! It checks the partner's hello, asks the common channels to subscribe, passes frames on to
//! where they are decided, and sends the partner what it subscribed to, as far as its credit
//! goes. It stores nothing: whatever must survive is in the channels' own positions.
//!
//! It must not know TLS, gRPC, or what is in a channel.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use foedus_policy::decide::carrier_allowed;
use foedus_policy::id::{ChannelId, OrgId, RunId};
use foedus_policy::state::Sharing;
use foedus_policy::time::Now;

use crate::bounds::HELLO_MILLIS_MAX;
use crate::channel::{self, ChannelView, FeedStart};
use crate::evidence::{CheckedFrame, CheckedHello, CheckedNotes, GovernanceNote};
use crate::feed::{Page, PageReader};
use crate::frame::{Ack, Frame, Goodbye, Hello, Subscribe};
use crate::message::OrgInput;
use crate::snapshot::OrgSnapshot;

mod feeds;

use feeds::Feed;

/// The version of the frames' protocol that this speaks.
pub const VERSION: u32 = 1;

/// What a link takes in.
#[derive(Debug, Clone)]
pub enum Input {
    /// A connection was made, and our hello is the first frame on it.
    Opened,
    /// The partner sent a frame, and what can be checked without any state was.
    Frame(Box<CheckedFrame>),
    /// A channel changed.
    View(Arc<ChannelView>),
    /// A channel says what the partner subscribed to.
    Feed(ChannelId, FeedStart),
    /// A channel says that the partner is to be sent nothing more of it.
    StopFeed(ChannelId),
    /// A channel wants to subscribe (again).
    Attach(ChannelId),
    /// A channel forgot its sessions. It is told of this one with the next tick, and not at once:
    /// what made it forget, a full disk for example, may last.
    Forgotten(ChannelId),
    /// A channel has something to send.
    Send(Frame),
    /// A page was read for this subscription.
    Page(ChannelId, u32, Page),
    /// A page could not be read.
    PageFailed(ChannelId, u32),
    /// The organisation changed.
    Org(Arc<OrgSnapshot>),
    /// Time passed.
    Tick,
    /// The connection is gone.
    Closed,
}

/// What a link wants done.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Send a frame to the partner.
    Send(Frame),
    /// Tell a channel.
    ToChannel(ChannelId, Box<channel::Input>),
    /// Tell the organisation.
    ToOrg(Box<OrgInput>),
    /// Read a page for this subscription.
    Read(ChannelId, u32, PageReader),
    /// Say goodbye, and close the connection.
    Close(Closing),
    /// The partner's clock is this many milliseconds ahead of ours.
    Skew(i64),
}

/// Why a link is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// Neither broke a rule: the partner leaves and says why, or no version is in common.
    Goodbye(Goodbye),
    /// There may be no link with this partner any more.
    KeptOut,
    /// The partner broke the protocol.
    Broken(Breach),
}

impl Closing {
    /// What the partner is told.
    pub fn goodbye(self) -> Goodbye {
        match self {
            Self::Goodbye(goodbye) => goodbye,
            Self::KeptOut => Goodbye::Refused,
            Self::Broken(_) => Goodbye::Protocol,
        }
    }
}

/// A rule that a partner broke with frames of which each by itself holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// The first frame is not a hello.
    #[error("expected a hello as the first frame")]
    NoHelloFirst,
    /// A further hello.
    #[error("expected no second hello")]
    SecondHello,
    /// No hello at all.
    #[error("expected a hello within {HELLO_MILLIS_MAX} ms")]
    NoHello,
    /// Entries of its own that it did not sign.
    #[error(
        "the checkpoint of its own entries is not signed under a key that its identity names for that log"
    )]
    OwnEntriesUnproven,
}

/// A frame of entries that is not acknowledged yet.
#[derive(Debug)]
struct Unacknowledged {
    channel: ChannelId,
    bytes: usize,
    entries: usize,
}

#[derive(Debug)]
struct Session {
    opened_steady_millis: u64,
    greeted: bool,
    subscriptions: BTreeMap<ChannelId, u32>,
    feeds: BTreeMap<ChannelId, Feed>,
    /// What the partner last asked for of each channel of ours.
    asked: BTreeMap<ChannelId, Subscribe>,
    /// Channels that forgot this session.
    forgotten: BTreeSet<ChannelId>,
    /// Channels whose turn it is, in order: no channel starves another.
    turns: VecDeque<ChannelId>,
    unacknowledged: BTreeMap<u64, Unacknowledged>,
    unacknowledged_bytes: usize,
    /// Bytes that were sent for subscriptions which the partner then gave up, since the last tick.
    given_up_bytes: usize,
    frames: u64,
}

/// The machine.
#[derive(Debug)]
pub struct Link {
    us: OrgId,
    partner: OrgId,
    run: RunId,
    org: Arc<OrgSnapshot>,
    views: BTreeMap<ChannelId, Arc<ChannelView>>,
    session: Option<Session>,
}

/// Our hello to a partner; `None` if we have not agreed to a peering with it.
pub fn hello(org: &OrgSnapshot, partner: OrgId, run: RunId, now: Now) -> Option<Hello> {
    let us = org.org()?;
    Some(Hello {
        version_min: VERSION,
        version_max: VERSION,
        run,
        wall: org.told_wall(now),
        identity: org.identity_bytes(us)?,
        endpoints: org
            .endpoints
            .get(&us)
            .map_or_else(Vec::new, |note| note.bytes().to_vec()),
        peering: org.peerings.get(&partner)?.bytes().to_vec(),
    })
}

impl Link {
    /// The link with one partner, without a session yet.
    pub fn new(us: OrgId, partner: OrgId, run: RunId, org: Arc<OrgSnapshot>) -> Self {
        Self {
            us,
            partner,
            run,
            org,
            views: BTreeMap::new(),
            session: None,
        }
    }

    /// Whether the partner said hello, and frames pass.
    pub fn is_up(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.greeted)
    }

    /// How many arrivals of all channels the partner has not acknowledged: those that it was not
    /// sent yet, and those under way.
    pub fn lag(&self) -> u64 {
        let Some(session) = &self.session else {
            return 0;
        };
        let unsent = session.feeds.iter().filter_map(|(channel, feed)| {
            Some(self.views.get(channel)?.arrival.saturating_sub(feed.after))
        });
        let under_way = session.unacknowledged.values();
        let under_way = under_way.map(|sent| u64::try_from(sent.entries).unwrap_or(u64::MAX));
        unsent.chain(under_way).fold(0, u64::saturating_add)
    }

    /// Handles one input.
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Opened => self.on_opened(now),
            Input::Frame(frame) => self.on_frame(now, *frame, out),
            Input::View(view) => self.on_view(now, view),
            Input::Feed(channel, start) => self.on_feed(channel, start),
            Input::StopFeed(channel) => {
                if let Some(session) = &mut self.session {
                    session.feeds.remove(&channel);
                }
            }
            Input::Attach(channel) => self.attach(channel, out),
            Input::Forgotten(channel) => {
                if let Some(session) = &mut self.session {
                    session.forgotten.insert(channel);
                }
            }
            Input::Send(frame) => {
                if self.is_up() {
                    out.push(Effect::Send(frame));
                }
            }
            Input::Page(channel, subscription, page) => {
                self.on_page(now, channel, subscription, page, out);
            }
            Input::PageFailed(channel, subscription) => self.on_page_failed(channel, subscription),
            Input::Org(org) => self.on_org(org, out),
            Input::Tick => self.on_tick(now, out),
            Input::Closed => self.on_closed(out),
        }
        self.pump(now, out);
    }

    /// The session is over with the decision to close: nothing more is taken or sent, however
    /// long the connection takes to go.
    fn close(&mut self, closing: Closing, out: &mut Vec<Effect>) {
        out.push(Effect::Close(closing));
        self.on_closed(out);
    }

    fn broken(&mut self, breach: Breach, out: &mut Vec<Effect>) {
        self.close(Closing::Broken(breach), out);
    }

    fn on_opened(&mut self, now: Now) {
        self.session = Some(Session {
            opened_steady_millis: now.steady_millis,
            greeted: false,
            subscriptions: BTreeMap::new(),
            feeds: BTreeMap::new(),
            asked: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            turns: VecDeque::new(),
            unacknowledged: BTreeMap::new(),
            unacknowledged_bytes: 0,
            given_up_bytes: 0,
            frames: 0,
        });
    }

    fn on_frame(&mut self, now: Now, frame: CheckedFrame, out: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else {
            return;
        };
        match (frame, session.greeted) {
            (CheckedFrame::Hello(hello), false) => self.on_hello(now, *hello, out),
            // The first frame, and only the first, is the hello.
            (CheckedFrame::Hello(_), true) => self.broken(Breach::SecondHello, out),
            // Why the partner leaves matters only where we are to stay away, too.
            (CheckedFrame::Goodbye(said @ (Goodbye::NothingShared | Goodbye::Refused)), _) => {
                self.close(Closing::Goodbye(said), out);
            }
            (CheckedFrame::Goodbye(_), _) => self.close(Closing::Goodbye(Goodbye::Restart), out),
            (_, false) => self.broken(Breach::NoHelloFirst, out),
            (CheckedFrame::Notes(notes), true) => self.on_notes(notes, out),
            (CheckedFrame::Subscribe(subscribe), true) => self.on_subscribe(*subscribe, out),
            (CheckedFrame::UnknownCursor(channel), true) => {
                let input = channel::Input::CursorUnknown(self.partner);
                self.to_channel(channel, input, out);
            }
            // What others signed it may know better than we do; what it signed itself, not.
            (CheckedFrame::Entries(entries), true)
                if entries.left_out().contains(&self.partner) =>
            {
                self.broken(Breach::OwnEntriesUnproven, out);
            }
            (CheckedFrame::Entries(entries), true) => {
                let channel = entries.channel();
                let input = channel::Input::Entries {
                    carrier: self.partner,
                    entries,
                };
                self.to_channel(channel, input, out);
            }
            (CheckedFrame::Ack(ack), true) => self.on_ack(&ack),
        }
    }

    fn on_hello(&mut self, now: Now, hello: CheckedHello, out: &mut Vec<Effect>) {
        if hello.partner() != self.partner
            || carrier_allowed(&self.org.state, self.partner).is_err()
        {
            self.close(Closing::KeptOut, out);
            return;
        }
        if !(hello.version_min()..=hello.version_max()).contains(&VERSION) {
            self.close(Closing::Goodbye(Goodbye::Version), out);
            return;
        }
        let session = self.session.as_mut().expect("a frame belongs to a session");
        session.greeted = true;
        let skew = i128::from(hello.wall().0) - i128::from(now.wall.0);
        out.push(Effect::Skew(i64::try_from(skew).unwrap_or(i64::MAX)));
        let wall = hello.wall();
        let (identity, endpoints, peering) = hello.into_parts();
        out.push(Effect::ToOrg(Box::new(OrgInput::PartnerSaid {
            partner: self.partner,
            identity: Box::new(identity),
            endpoints: endpoints.map(Box::new),
            peering: Some(Box::new(peering)),
        })));
        // After who it is: whoever is suspended for that has no say.
        out.push(Effect::ToOrg(Box::new(OrgInput::ClockHeard {
            partner: self.partner,
            wall,
            steady_millis: now.steady_millis,
        })));
        self.attach_common(out);
    }

    /// The channels that we know to have in common with the partner.
    fn common(&self) -> Vec<ChannelId> {
        let is_common = |sharing: &Sharing| match sharing {
            Sharing::Local => false,
            Sharing::Offering { partner, .. } => *partner == Some(self.partner),
            Sharing::Joining { host, .. } => *host == self.partner,
            Sharing::Shared { participants, .. } => participants.contains_key(&self.partner),
        };
        let channels = self.org.state.channels().iter();
        channels
            .filter(|(_, known)| is_common(&known.sharing))
            .map(|(id, _)| *id)
            .collect()
    }

    fn attach_common(&mut self, out: &mut Vec<Effect>) {
        for channel in self.common() {
            let attached = self.session.as_ref().map(|session| &session.subscriptions);
            if attached.is_some_and(|attached| attached.get(&channel).is_none_or(|n| *n == 0)) {
                self.attach(channel, out);
            }
        }
    }

    fn attach(&mut self, channel: ChannelId, out: &mut Vec<Effect>) {
        // Whoever is asked would send, and get no answer: what is about a channel that is not ours goes nowhere.
        if !self.org.state.channels().contains_key(&channel) {
            return;
        }
        let Some(session) = self.session.as_mut().filter(|session| session.greeted) else {
            return;
        };
        let subscription = session.subscriptions.entry(channel).or_default();
        *subscription += 1;
        let input = channel::Input::PartnerUp {
            partner: self.partner,
            subscription: *subscription,
        };
        out.push(Effect::ToChannel(channel, Box::new(input)));
    }

    /// Passes on what is about a channel of ours. About any other channel nothing is said, not
    /// even that there is none.
    fn to_channel(&self, channel: ChannelId, input: channel::Input, out: &mut Vec<Effect>) {
        if self.org.state.channels().contains_key(&channel) {
            out.push(Effect::ToChannel(channel, Box::new(input)));
        }
    }

    fn on_subscribe(&mut self, subscribe: Subscribe, out: &mut Vec<Effect>) {
        let channel = subscribe.channel;
        if !self.org.state.channels().contains_key(&channel) {
            return;
        }
        if let Some(session) = &mut self.session {
            // Remembered, so that the channel hears when the session is over.
            session.subscriptions.entry(channel).or_default();
            session.asked.insert(channel, subscribe.clone());
        }
        let input = channel::Input::Subscribed {
            partner: self.partner,
            subscribe,
        };
        self.to_channel(channel, input, out);
    }

    /// Channels that forgot this session hear of it again, and of what the partner asked for and
    /// is not being sent.
    fn remind_forgotten(&mut self, out: &mut Vec<Effect>) {
        let forgotten = self
            .session
            .as_mut()
            .map(|session| std::mem::take(&mut session.forgotten));
        for channel in forgotten.into_iter().flatten() {
            self.attach(channel, out);
            let Some(session) = &self.session else { return };
            let fed = session.feeds.get(&channel).map(|feed| feed.subscription);
            let asked = session.asked.get(&channel).cloned();
            if let Some(subscribe) = asked.filter(|asked| Some(asked.subscription) != fed) {
                let input = channel::Input::Subscribed {
                    partner: self.partner,
                    subscribe,
                };
                self.to_channel(channel, input, out);
            }
        }
    }

    fn on_notes(&mut self, notes: Arc<CheckedNotes>, out: &mut Vec<Effect>) {
        let channel = notes.channel();
        if self.org.state.channels().contains_key(&channel) {
            let input = channel::Input::Notes {
                carrier: self.partner,
                notes,
            };
            return self.to_channel(channel, input, out);
        }
        // A channel that we are not in: if its host offers it to us, that is for our
        // administrators to decide. Nobody else can.
        let offered = notes.notes().iter().rev().find_map(|note| match note {
            GovernanceNote::Charter(charter)
                if charter.note().host == self.partner
                    && charter.note().participants.contains_key(&self.us) =>
            {
                Some(charter.clone())
            }
            _ => None,
        });
        if let Some(charter) = offered {
            out.push(Effect::ToOrg(Box::new(OrgInput::CharterOffered {
                host: self.partner,
                charter: Box::new(charter),
            })));
        }
    }

    fn on_ack(&mut self, ack: &Ack) {
        let Some(session) = &mut self.session else {
            return;
        };
        let covered: Vec<u64> = session
            .unacknowledged
            .range(..=ack.number)
            .filter(|(_, sent)| sent.channel == ack.channel)
            .map(|(number, _)| *number)
            .collect();
        for number in covered {
            if let Some(sent) = session.unacknowledged.remove(&number) {
                session.unacknowledged_bytes -= sent.bytes;
            }
        }
    }

    fn on_org(&mut self, org: Arc<OrgSnapshot>, out: &mut Vec<Effect>) {
        self.org = org;
        if self.session.is_none() {
            return;
        }
        if carrier_allowed(&self.org.state, self.partner).is_err() {
            self.close(Closing::KeptOut, out);
        } else if self.asks_for_what_is_gone() {
            self.close(Closing::Goodbye(Goodbye::Restart), out);
        } else {
            self.attach_common(out);
        }
    }

    /// Whether the partner sends for a channel that we are in no more, and were never quite: we parted with its host before it
    /// was sealed. It would wait for acknowledgements until the session is over, so that is made to be soon.
    fn asks_for_what_is_gone(&self) -> bool {
        let ours = self.org.state.channels();
        let subscriptions = self
            .session
            .iter()
            .flat_map(|session| &session.subscriptions);
        let mut asked = subscriptions.filter(|(_, subscription)| **subscription > 0);
        asked.any(|(channel, _)| !ours.contains_key(channel))
    }

    fn on_tick(&mut self, now: Now, out: &mut Vec<Effect>) {
        let Some(session) = &mut self.session else {
            return;
        };
        let waited = now
            .steady_millis
            .saturating_sub(session.opened_steady_millis);
        if !session.greeted && waited > HELLO_MILLIS_MAX {
            self.broken(Breach::NoHello, out);
            return;
        }
        session.given_up_bytes = 0;
        self.retry_failed();
        self.remind_forgotten(out);
    }

    fn on_closed(&mut self, out: &mut Vec<Effect>) {
        let Some(session) = self.session.take() else {
            return;
        };
        for channel in session.subscriptions.into_keys() {
            let input = channel::Input::PartnerDown(self.partner);
            out.push(Effect::ToChannel(channel, Box::new(input)));
        }
    }
}

#[cfg(test)]
mod tests;
