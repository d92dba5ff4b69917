//! The tasks of the channels' step loops: loaded on demand, let go of when idle.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foedus_federation::channel::{
    Channel, ChannelView, Effect, Govern, Input, Posted, Refused, ReplyTo, Setup,
};
use foedus_federation::org::OrgSnapshot;
use foedus_policy::id::{ChannelId, OrgId, RunId};
use foedus_policy::state::Sharing;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::links::{Links, ToLink};
use super::message::{ChannelMessage, OrgMessage, Replies};
use super::scope::{Ground, Scope};
use super::{Ours, chain};
use crate::bounds::{
    CHANNEL_IDLE, CHANNEL_QUEUE_INPUTS_MAX, CHANNEL_TICK, CHANNEL_TICK_IDLE,
    WARNINGS_PER_MINUTE_MAX,
};
use crate::per_minute::PerMinute;
use crate::random;

/// What every channel is hosted with.
#[derive(Debug, Clone)]
pub(super) struct Hosting {
    pub(super) ground: Ground,
    pub(super) run: RunId,
    pub(super) org: watch::Receiver<Arc<OrgSnapshot>>,
    pub(super) ours: watch::Receiver<Option<Arc<Ours>>>,
    pub(super) org_queue: mpsc::Sender<OrgMessage>,
    pub(super) links: Links,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// A channel's view, as it is and as it changes.
pub(super) type View = watch::Receiver<Arc<ChannelView>>;

/// There is no such channel here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoChannel;

/// All loaded channels. Clones are cheap.
#[derive(Debug, Clone)]
pub(super) struct Channels {
    hosting: Arc<Hosting>,
    loaded: Arc<Mutex<BTreeMap<ChannelId, Loaded>>>,
}

#[derive(Debug, Clone)]
struct Loaded {
    inputs: mpsc::Sender<ChannelMessage>,
    /// `None` until the channel was read.
    view: watch::Receiver<Option<View>>,
    /// Cancelled when it could not be read.
    unreadable: CancellationToken,
    /// Cancelled when the task let go of the channel: another may load it.
    gone: CancellationToken,
}

impl Channels {
    pub(super) fn new(hosting: Hosting) -> Self {
        Self {
            hosting: Arc::new(hosting),
            loaded: Arc::default(),
        }
    }

    /// The state stays consistent at every point at which a panic could leave it.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ChannelId, Loaded>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The channel, loaded if the organisation has it.
    fn ensure(&self, channel: ChannelId) -> Result<Loaded, NoChannel> {
        let mut loaded = self.lock();
        if let Some(known) = loaded.get(&channel) {
            return Ok(known.clone());
        }
        let hosting = &self.hosting;
        let org = hosting.org.borrow().clone();
        let ours = hosting.ours.borrow().clone();
        let (true, Some(ours)) = (org.state.channels().contains_key(&channel), ours) else {
            return Err(NoChannel);
        };
        if hosting.stop.is_cancelled() {
            return Err(NoChannel);
        }
        let setup = Setup {
            channel,
            keys: ours.keys.clone(),
            run: hosting.run,
            seed: random::bytes(),
            org,
        };
        let (inputs, receiver) = mpsc::channel(CHANNEL_QUEUE_INPUTS_MAX);
        let (first_view, view) = watch::channel(None);
        let known = Loaded {
            inputs,
            view,
            unreadable: CancellationToken::new(),
            gone: CancellationToken::new(),
        };
        loaded.insert(channel, known.clone());
        hosting.ground.metrics.channels_loaded(loaded.len());
        let task = ChannelTask {
            channel,
            scope: Scope::new(setup, hosting.ground.clone()),
            hosting: hosting.clone(),
            inputs: receiver,
            org: hosting.org.clone(),
            ours: hosting.ours.clone(),
            views: None,
            first_view,
            unreadable: known.unreadable.clone(),
            replies: BTreeMap::new(),
            gone: known.gone.clone(),
            all: self.clone(),
            asked_last: Instant::now(),
            again: false,
            warnings: PerMinute::new(WARNINGS_PER_MINUTE_MAX),
        };
        let span = tracing::info_span!("channel", %channel);
        hosting.tasks.spawn(task.run().instrument(span));
        Ok(known)
    }

    /// Loads a channel, unless there is none.
    pub(super) fn load(&self, channel: ChannelId) {
        let _unknown = self.ensure(channel).is_err();
    }

    /// Loads all channels on which a clock or a partner may act.
    pub(super) fn load_shared(&self, org: &OrgSnapshot) {
        for (channel, known) in org.state.channels() {
            let acts = match &known.sharing {
                Sharing::Local => false,
                Sharing::Offering { .. } | Sharing::Joining { .. } => true,
                Sharing::Shared { ended, .. } => ended.is_none(),
            };
            if acts {
                self.load(*channel);
            }
        }
    }

    /// Puts a message into a channel's queue, and waits for room in it.
    pub(super) async fn send(
        &self,
        channel: ChannelId,
        message: ChannelMessage,
    ) -> Result<(), NoChannel> {
        let mut message = message;
        loop {
            let known = self.ensure(channel)?;
            match known.inputs.send(message).await {
                Ok(()) => return Ok(()),
                // It was let go of at this very moment.
                Err(mpsc::error::SendError(unsent)) => {
                    message = unsent;
                    known.gone.cancelled().await;
                }
            }
        }
    }

    /// As [`Channels::send`], without waiting: returns the message if there is no room, or the channel is just
    /// being let go of.
    pub(super) fn try_send(
        &self,
        channel: ChannelId,
        message: ChannelMessage,
    ) -> Result<Result<(), ChannelMessage>, NoChannel> {
        let known = self.ensure(channel)?;
        Ok(known.inputs.try_send(message).map_err(|error| match error {
            mpsc::error::TrySendError::Full(message)
            | mpsc::error::TrySendError::Closed(message) => message,
        }))
    }

    /// Waits for room in a channel's queue.
    pub(super) async fn room(
        &self,
        channel: ChannelId,
    ) -> Option<mpsc::OwnedPermit<ChannelMessage>> {
        loop {
            let known = self.ensure(channel).ok()?;
            match known.inputs.reserve_owned().await {
                Ok(room) => return Some(room),
                Err(_) => known.gone.cancelled().await,
            }
        }
    }

    /// Inputs that wait, of all channels together.
    pub(super) fn waiting(&self) -> usize {
        let loaded = self.lock();
        let waiting = |known: &Loaded| CHANNEL_QUEUE_INPUTS_MAX - known.inputs.capacity();
        loaded.values().map(waiting).sum()
    }

    /// What the organisation says to a channel. Dropped if there is no room: it says it again.
    pub(super) fn govern(&self, channel: ChannelId, govern: Govern) {
        if !matches!(
            self.try_send(channel, Input::Govern(govern).into()),
            Ok(Ok(()))
        ) {
            tracing::debug!(%channel, "a channel did not take what the organisation said; it is said again");
        }
    }

    /// What is true of a channel now and from now on; `None` if there is none, or it can't be read.
    pub(super) async fn view(&self, channel: ChannelId) -> Option<View> {
        loop {
            let known = self.ensure(channel).ok()?;
            let mut first = known.view.clone();
            let found = tokio::select! {
                biased;
                first = first.wait_for(Option::is_some) => first.ok().and_then(|view| view.clone()),
                () = known.unreadable.cancelled() => return None,
            };
            if found.is_some() || self.hosting.stop.is_cancelled() {
                return found;
            }
            // It was let go of at this very moment.
            known.gone.cancelled().await;
        }
    }
}

struct ChannelTask {
    channel: ChannelId,
    scope: Scope<Channel>,
    hosting: Arc<Hosting>,
    inputs: mpsc::Receiver<ChannelMessage>,
    org: watch::Receiver<Arc<OrgSnapshot>>,
    ours: watch::Receiver<Option<Arc<Ours>>>,
    views: Option<watch::Sender<Arc<ChannelView>>>,
    first_view: watch::Sender<Option<View>>,
    unreadable: CancellationToken,
    replies: Replies<Posted, Refused>,
    gone: CancellationToken,
    all: Channels,
    asked_last: Instant,
    /// The channel gave itself more to do. Whatever waits comes first, and so does the stop: a partner
    /// may have caused a lot of it.
    again: bool,
    /// Partners must not fill our log; what is not logged is counted.
    warnings: PerMinute,
}

impl ChannelTask {
    /// Runs until the stop, or until nobody needs the channel, and then until everything that was asked before
    /// is answered.
    async fn run(mut self) {
        let mut ticks = tokio::time::interval(CHANNEL_TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ticked_last: Option<Instant> = None;
        loop {
            tokio::select! {
                biased;
                () = self.hosting.stop.cancelled() => break,
                // Before what waits: a queue that somebody keeps from being empty must not stop the time.
                _ = ticks.tick() => {
                    let pause = if self.needs_ticks() { CHANNEL_TICK } else { CHANNEL_TICK_IDLE };
                    let due = ticked_last.is_none_or(|last| last.elapsed() >= pause / 2);
                    if self.is_idle() && self.inputs.is_empty() {
                        break;
                    }
                    if !due {
                        continue;
                    }
                    ticked_last = Some(Instant::now());
                    self.scope.push(Input::Tick);
                }
                message = self.inputs.recv() => match message {
                    Some(message) => self.take(message),
                    None => break,
                },
                Ok(()) = self.org.changed() => self.take_org(),
                Ok(()) = self.ours.changed() => self.take_keys(),
                () = std::future::ready(()), if self.again => {}
            }
            self.settle().await;
        }
        self.inputs.close();
        while let Some(message) = self.inputs.recv().await {
            self.take(message);
            self.settle().await;
        }
        let left = {
            let mut loaded = self.all.lock();
            loaded.remove(&self.channel);
            loaded.len()
        };
        self.hosting.ground.metrics.channels_loaded(left);
        self.gone.cancel();
    }

    /// Whether time alone can change something here soon.
    fn needs_ticks(&self) -> bool {
        // What can't be read now can't be read a moment later either.
        !self.scope.is_damaged()
            && self.views.as_ref().is_none_or(|views| {
                let view = views.borrow();
                view.may_show_more()
                    || (view.governance.orgs().next().is_some()
                        && view.governance.record(view.us).is_none())
            })
    }

    /// Whether nobody would miss the channel.
    fn is_idle(&self) -> bool {
        // One receiver is the registry's own.
        let watched = self
            .views
            .as_ref()
            .is_some_and(|views| views.receiver_count() > 1);
        !watched
            && !self.needs_ticks()
            && !self.scope.is_uncertain()
            && self.asked_last.elapsed() >= CHANNEL_IDLE
            && self.inputs.is_empty()
            && !self.again
    }

    /// Queues one message and whatever else waits: they share a step, and so a commit.
    fn take(&mut self, message: ChannelMessage) {
        // What the organisation says is said about its newest version.
        if self.org.has_changed().unwrap_or(false) {
            self.take_org();
        }
        self.asked_last = Instant::now();
        self.scope
            .take(message, &mut self.inputs, &mut self.replies);
    }

    fn take_org(&mut self) {
        let org = self.org.borrow_and_update().clone();
        self.scope.push(Input::Org(org));
    }

    fn take_keys(&mut self) {
        let ours = self.ours.borrow_and_update().clone();
        if let Some(ours) = ours {
            self.scope.push(Input::Renewed(ours.keys.clone()));
        }
    }

    async fn settle(&mut self) {
        let mut effects = Vec::new();
        self.again = false;
        loop {
            let goes_on = self.scope.advance(&mut effects).await;
            for effect in effects.drain(..) {
                self.carry(effect).await;
            }
            if !goes_on {
                break;
            }
        }
        // The first step gives a view, unless the channel can't be read.
        if self.views.is_none() {
            self.unreadable.cancel();
        }
    }

    fn publish(&mut self, view: Arc<ChannelView>) {
        match &self.views {
            Some(views) => drop(views.send_replace(view)),
            None => {
                let (views, receiver) = watch::channel(view);
                self.views = Some(views);
                self.first_view.send_replace(Some(receiver));
            }
        }
    }

    async fn carry(&mut self, effect: Effect) {
        let (channel, links) = (self.channel, self.hosting.links.clone());
        match effect {
            Effect::View(view) => self.publish(view),
            Effect::Reply(reply, result) => self.reply(reply, result),
            Effect::Send(partner, frame) => links.tell(partner, ToLink::Send(channel, frame)),
            Effect::Feed(partner, start) => links.tell(partner, ToLink::Feed(channel, start)),
            Effect::StopFeed(partner) => links.tell(partner, ToLink::StopFeed(channel)),
            Effect::Attach(partner) => links.tell(partner, ToLink::Attach(channel)),
            Effect::Forgotten => links.tell_all(&ToLink::Forgotten(channel)),
            Effect::Reject(partner, reject) => self.reject(partner, &reject),
            Effect::Again(input) => {
                self.scope.push(*input);
                self.again = true;
            }
            Effect::Org(input) => {
                // The organisation is gone only while everything stops; the channel says it again at the next start.
                let said = self.hosting.org_queue.send((*input).into());
                let _stopping = said.await.is_err();
            }
        }
    }

    fn reply(&mut self, reply: ReplyTo, result: Result<Posted, Refused>) {
        match &result {
            Ok(posted) if !posted.repeated => {
                self.hosting.ground.metrics.posted(u64::from(posted.count));
            }
            Ok(_) => {}
            Err(Refused::Denied(reason)) => self.hosting.ground.metrics.refused(reason.id()),
            Err(Refused::Failed(failure)) => {
                tracing::warn!(error = %chain(failure), "a request could not be carried through");
            }
            Err(_) => {}
        }
        if let Some(waiting) = self.replies.remove(&reply) {
            // Whoever asked may have gone.
            let _gone = waiting.send(result).is_err();
        }
    }

    fn reject(&mut self, partner: OrgId, reject: &foedus_federation::channel::Reject) {
        self.hosting.ground.metrics.rejected(reject);
        let steady_millis = self.hosting.ground.clock.now().steady_millis;
        if self.warnings.admits(steady_millis) {
            tracing::warn!(%partner, ?reject, "a partner broke a rule");
        }
    }
}
