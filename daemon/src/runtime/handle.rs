//! What the rest of the daemon asks of the runtime.
//!
//! A [`Runtime`] is cheap to clone and may be used from any task. It decides nothing: permission is asked in
//! the machines. Reads go to the store; whoever reads for somebody asks the policy first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foedus_federation::batch::Read;
use foedus_federation::channel::{self, ChannelView, Posted, ReplyTo};
use foedus_federation::identity::{Identity, IdentityChain, org_id};
use foedus_federation::note::NoteType as _;
use foedus_federation::org::{self, OrgSnapshot};
use foedus_federation::steploop::{Failure, Rows};
use foedus_federation::transport::tls::{InvalidLinkIdentity, Tls};
use foedus_federation::transport::{Pins, Reach};
use foedus_policy::action::{Action, Actor, Outcome};
use foedus_policy::decide::{Decision, carrier_allowed, decide};
use foedus_policy::id::{ChannelId, MemberId, OrgId, RunId};
use foedus_policy::reason::Reason;
use foedus_policy::time::{Now, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::channels::{Channels, NoChannel};
use super::links::{LinkStatus, Links};
use super::message::{ChannelMessage, Held, OrgMessage};
use super::renew::Renewing;
use super::scope::Ground;
use super::{Clock, Ours};
use crate::bounds::{ENDPOINTS_STORED_MAX, ORG_QUEUE_INPUTS_MAX};
use crate::identity_files::{IdentityFiles, KeyFileError};
use crate::metrics::Metrics;
use crate::places::Places;
use crate::random;
use crate::store::{Engine, StoreError};

/// The runtime, from outside. Clones share it.
#[derive(Debug, Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) started: Timestamp,
    pub(super) ground: Ground,
    pub(super) run: RunId,
    pub(super) files: IdentityFiles,
    pub(super) addresses: Vec<String>,
    pub(super) reach: Reach,
    pub(super) pins: Arc<Pins>,
    pub(super) org: watch::Receiver<Arc<OrgSnapshot>>,
    pub(super) org_queue: mpsc::Sender<OrgMessage>,
    pub(super) ours: watch::Receiver<Option<Arc<Ours>>>,
    pub(super) ours_sender: watch::Sender<Option<Arc<Ours>>>,
    /// The keys that channels write under. They change after those that links show: who takes what is written has to
    /// know them.
    pub(super) writers_sender: watch::Sender<Option<Arc<Ours>>>,
    pub(super) channels: Channels,
    pub(super) links: Links,
    pub(super) tasks: TaskTracker,
    pub(super) stopping: CancellationToken,
    pub(super) stop: CancellationToken,
    pub(super) failed: CancellationToken,
    pub(super) next_reply: AtomicU64,
    pub(super) initialising: tokio::sync::Mutex<()>,
    /// A renewal of which it is not known whether it is durable.
    pub(super) renewing: tokio::sync::Mutex<Option<Renewing>>,
    /// Invitations that are being taken up, by the member in whose name; nobody's: the operator's.
    pub(super) accepting: Places<Option<MemberId>>,
}

/// What `init` is told.
#[derive(Debug, Clone)]
pub struct Initialise {
    /// Who asks: somebody on the administration socket.
    pub actor: Actor,
    /// The handle to claim.
    pub handle: String,
    /// What is shown to people.
    pub display_name: String,
    /// The name of the first administrator.
    pub administrator: String,
    /// Where partners can reach us, `host:port`; the configuration, if it says anything, goes before it.
    pub addresses: Vec<String>,
}

/// Why the organisation did not come into being.
#[derive(Debug, thiserror::Error)]
pub enum InitialiseError {
    /// The rules say no, or it could not be stored.
    #[error(transparent)]
    Refused(#[from] org::Refused),
    /// A key file could not be made.
    #[error("a key file could not be made")]
    Keys(#[from] KeyFileError),
    /// The link key is no use for TLS.
    #[error("the link key can't be used")]
    Link(#[from] InvalidLinkIdentity),
}

impl Runtime {
    pub(super) fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// The organisation as it is and as it changes. A change is seen here before whoever made it is answered.
    #[must_use]
    pub fn org(&self) -> watch::Receiver<Arc<OrgSnapshot>> {
        self.inner.org.clone()
    }

    /// The organisation as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<OrgSnapshot> {
        self.inner.org.borrow().clone()
    }

    /// What both clocks say.
    #[must_use]
    pub fn now(&self) -> Now {
        self.inner.ground.clock.now()
    }

    /// The clocks.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.inner.ground.clock
    }

    /// When this run began, by the wall clock.
    #[must_use]
    pub fn started(&self) -> Timestamp {
        self.inner.started
    }

    /// This run of the daemon. Arrival numbers in cursors are relative to it.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.inner.run
    }

    /// The store, to read from. Only step loops write to it.
    #[must_use]
    pub fn store(&self) -> Engine {
        self.inner.ground.store.clone()
    }

    /// What is counted.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        self.inner.ground.metrics.clone()
    }

    /// How the link of every active partner is.
    #[must_use]
    pub fn links(&self) -> BTreeMap<OrgId, LinkStatus> {
        self.inner.links.status()
    }

    /// Where others may send us.
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.inner.reach
    }

    /// Where partners can reach us: by the configuration, or else as was said at `init`.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        if !self.inner.addresses.is_empty() {
            return self.inner.addresses.clone();
        }
        let snapshot = self.snapshot();
        let note = snapshot.org().and_then(|us| snapshot.endpoints.get(&us));
        note.map_or_else(Vec::new, |note| {
            let addresses = note.note().addresses.iter();
            addresses
                .map(|address| address.as_str().to_owned())
                .collect()
        })
    }

    /// Cancelled when the daemon begins to stop: streams end, nothing new is taken.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.inner.stopping.clone()
    }

    /// Cancelled when the store has failed for good: the daemon has to end.
    #[must_use]
    pub fn failed(&self) -> CancellationToken {
        self.inner.failed.clone()
    }

    /// Does an administrative act, if the rules permit it, and answers once it is durable.
    ///
    /// Not for `Init`, `AcceptInvitation` and `RecordReply`, which have functions of their own here, nor for
    /// `Write`, which channels decide ([`Runtime::request`]).
    pub async fn act(&self, actor: Actor, action: Action) -> Result<Outcome, org::Refused> {
        let addresses = self.addresses();
        self.ask_org(|reply| org::Input::Act {
            reply,
            actor,
            action: Box::new(action),
            entropy: random::bytes(),
            addresses,
        })
        .await
    }

    /// Asks a channel for an entry, and answers once it is durable. `request.entropy` is drawn here, whatever
    /// it says.
    pub async fn request(
        &self,
        channel: ChannelId,
        actor: Actor,
        request: channel::Request,
    ) -> Result<Posted, channel::Refused> {
        let request = channel::Request {
            entropy: random::bytes(),
            ..request
        };
        let reply = self.next_reply();
        let (sender, answer) = oneshot::channel();
        let message = ChannelMessage {
            input: channel::Input::Request {
                reply,
                actor,
                request,
            },
            reply: Some((reply, sender)),
            held: None,
        };
        self.inner
            .channels
            .send(channel, message)
            .await
            .map_err(|_| channel::Refused::Denied(Reason::ChannelUnknown))?;
        // Without an answer the task is gone, and with it the knowledge of what became of the request.
        answer.await.unwrap_or(Err(Failure::Unknown.into()))
    }

    /// What is true of a channel now and from now on; loads it if need be. `None` if there is no such channel, if
    /// it can't be read, or if the daemon stops.
    pub async fn view(&self, channel: ChannelId) -> Option<watch::Receiver<Arc<ChannelView>>> {
        self.inner.channels.view(channel).await
    }

    /// Brings the organisation into being: makes the keys, signs the identity and stores both.
    ///
    /// The key files are durable before anything is stored; a crash in between leaves them, and the next call
    /// takes them. Nothing is made if the rules say no.
    pub async fn initialise(&self, initialise: Initialise) -> Result<Outcome, InitialiseError> {
        let _one_at_a_time = self.inner.initialising.lock().await;
        let Initialise {
            actor,
            handle,
            display_name,
            administrator,
            addresses,
        } = initialise;
        let init = |org, root| Action::Init {
            org,
            root,
            handle: handle.clone(),
            display_name: display_name.clone(),
            administrator: administrator.clone(),
        };
        // The rules don't look at the keys. Asked here first, so that a refusal leaves no files.
        let unkeyed = init(OrgId([0; 32]), [0; 32]);
        let now = self.now().wall;
        if let Decision::Deny(_) = decide(&self.snapshot().state, &actor, &unkeyed, now) {
            return Ok(self.act(actor, unkeyed).await?);
        }
        let files = self.inner.files.clone();
        let made = tokio::task::spawn_blocking(move || files.load_or_create(random::bytes));
        // Without an answer everything stops; the files, if they were made, are taken by the next call.
        let [root, link, sign] = made
            .await
            .map_err(|_| org::Refused::Failed(Failure::Unknown))??;
        let (root, sign) = (root.signing_key(), sign.signing_key());
        let tls = Tls::new(link.expose(), Arc::clone(&self.inner.pins))?;
        let org = org_id(root.verifying_key());
        let identity = Identity {
            org,
            handle: handle
                .parse()
                .map_err(|_| org::Refused::Denied(Reason::HandleInvalid))?,
            serial: 1,
            root: *root.verifying_key(),
            link: tls.key(),
            sign: *sign.verifying_key(),
        };
        let note = identity
            .sign(&root)
            .expect("an identity of checked parts is a valid note");
        let identity = IdentityChain::verify([note.bytes()]).expect("we have just signed it");
        let ours = Arc::new(Ours::new(sign, identity, tls));
        let action = init(org, *root.verifying_key().as_bytes());
        let outcome = self
            .ask_org(|reply| org::Input::Initialise {
                reply,
                actor,
                action: Box::new(action),
                keys: ours.keys.clone(),
                entropy: random::bytes(),
            })
            .await?;
        self.inner.writers_sender.send_replace(Some(ours.clone()));
        self.inner.ours_sender.send_replace(Some(ours));
        let configured = &self.inner.addresses;
        let addresses = if configured.is_empty() {
            addresses
        } else {
            configured.clone()
        };
        self.tell_org(org::Input::Reachable { addresses }).await;
        // Whoever asks next where we can be reached is told. If it can't be stored now, the next start sees to it.
        let mut snapshots = self.org();
        let stored = snapshots.wait_for(|snapshot| snapshot.endpoints.contains_key(&org));
        tokio::time::timeout(ENDPOINTS_STORED_MAX, stored)
            .await
            .ok();
        Ok(outcome)
    }

    /// What is done once, when everything runs.
    pub(super) fn begin(&self) {
        let runtime = self.clone();
        self.inner.tasks.spawn(async move {
            let snapshot = runtime.snapshot();
            let Some(us) = snapshot.org() else { return };
            let addresses = runtime.inner.addresses.clone();
            if !addresses.is_empty() || !snapshot.endpoints.contains_key(&us) {
                runtime.tell_org(org::Input::Reachable { addresses }).await;
            }
            runtime.inner.channels.load_shared(&snapshot);
        });
    }

    pub(super) async fn ask_org(
        &self,
        input: impl FnOnce(ReplyTo) -> org::Input,
    ) -> Result<Outcome, org::Refused> {
        let reply = self.next_reply();
        let (sender, answer) = oneshot::channel();
        let message = OrgMessage {
            input: input(reply),
            reply: Some((reply, sender)),
            held: None,
        };
        // Not even queued, or queued and without an answer: the daemon stops.
        let queued = self.inner.org_queue.send(message).await;
        queued.map_err(|_| org::Refused::Failed(Failure::Unknown))?;
        answer.await.unwrap_or(Err(Failure::Unknown.into()))
    }

    /// Says something to the organisation to which there is no answer.
    pub(super) async fn tell_org(&self, input: org::Input) {
        // If the daemon stops: whoever said it says it again.
        let _stopping = self.inner.org_queue.send(input.into()).await.is_err();
    }

    pub(crate) fn link_registry(&self) -> &Links {
        &self.inner.links
    }

    pub(crate) fn ours_watch(&self) -> watch::Receiver<Option<Arc<Ours>>> {
        self.inner.ours.clone()
    }

    /// Says something to a channel if there is room for it, and otherwise gives it back. A channel that is not here
    /// hears nothing.
    pub(crate) fn try_tell_channel(
        &self,
        channel: ChannelId,
        input: channel::Input,
        held: Held,
    ) -> Option<channel::Input> {
        let message = ChannelMessage::holding(input, held);
        match self.inner.channels.try_send(channel, message) {
            Ok(Err(unsaid)) => Some(unsaid.input),
            Ok(Ok(())) | Err(NoChannel) => None,
        }
    }

    /// As [`Runtime::try_tell_channel`], to the organisation.
    pub(crate) fn try_tell_org(&self, input: org::Input, held: Held) -> Option<org::Input> {
        let message = OrgMessage::holding(input, held);
        match self.inner.org_queue.try_send(message) {
            Err(mpsc::error::TrySendError::Full(unsaid)) => Some(unsaid.input),
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => None,
        }
    }

    /// A partner's identity came by another way than its link: what is newer of it is kept. From anybody else it is
    /// nothing to us. If there is no room for it now it comes again.
    pub(crate) fn hear_of(&self, identity: IdentityChain) {
        let partner = identity.org();
        let snapshot = self.snapshot();
        if carrier_allowed(&snapshot.state, partner).is_err() {
            return;
        }
        let said = org::Input::PartnerSaid {
            partner,
            identity: Box::new(identity),
            endpoints: None,
            peering: None,
        };
        let _comes_again = self.try_tell_org(said, None).is_some();
    }

    /// Waits for room in a channel's queue; `None` if there is no such channel.
    pub(crate) async fn channel_room(&self, channel: ChannelId) -> Option<ChannelRoom> {
        self.inner.channels.room(channel).await.map(ChannelRoom)
    }

    /// Waits for room in the organisation's queue; `None` when the daemon stops.
    pub(crate) async fn org_room(&self) -> Option<OrgRoom> {
        let room = self.inner.org_queue.clone().reserve_owned().await;
        room.ok().map(OrgRoom)
    }

    /// Counts what waits in queues.
    pub(crate) fn publish_queues(&self) {
        let metrics = &self.inner.ground.metrics;
        let org = ORG_QUEUE_INPUTS_MAX - self.inner.org_queue.capacity();
        metrics.queue_depth("organisation", org);
        metrics.queue_depth("channels", self.inner.channels.waiting());
    }

    /// Reads what a page is made of.
    pub(crate) async fn rows(&self, reads: &[Read]) -> Result<Vec<Rows>, StoreError> {
        self.inner.ground.rows(reads).await
    }

    fn next_reply(&self) -> ReplyTo {
        ReplyTo(self.inner.next_reply.fetch_add(1, Ordering::Relaxed))
    }

    /// Stops the step loops: waits until everything that was asked is answered and all of them have ended.
    /// Nothing is taken from now on. Whoever asks things has been stopped before.
    pub async fn drain(&self) {
        self.inner.stopping.cancel();
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

/// Room for one message to a channel.
pub(crate) struct ChannelRoom(mpsc::OwnedPermit<ChannelMessage>);

impl ChannelRoom {
    pub(crate) fn say(self, input: channel::Input, held: Held) {
        drop(self.0.send(ChannelMessage::holding(input, held)));
    }
}

/// Room for one message to the organisation.
pub(crate) struct OrgRoom(mpsc::OwnedPermit<OrgMessage>);

impl OrgRoom {
    pub(crate) fn say(self, input: org::Input, held: Held) {
        drop(self.0.send(OrgMessage::holding(input, held)));
    }
}
