//! The step loops of one daemon and what carries their effects: the organisation, each loaded channel.
//!
//! One task owns one loop. Replies go to whoever waits, views and snapshots to whoever watches, and the rest
//! to the other scopes and to links. Nothing here decides anything: that is the machines'.
//!
//! # Who waits for whom
//!
//! Queues are bounded, so whoever waits for room in one must not be waited for by its reader. The organisation
//! waits for nobody: what it says to a channel whose queue is full is dropped, and it says it again within ten
//! seconds. A channel waits for the organisation only. A link waits for both; what channels say to a link whose
//! queue is full closes that link, which begins anew from what is stored.

mod channels;
mod clock;
mod handle;
mod inspect;
mod links;
mod message;
mod org;
mod pairing;
mod renew;
mod scope;

use std::path::Path;
use std::sync::Arc;

use foedus_federation::damaged::Damaged;
use foedus_federation::identity::IdentityChain;
use foedus_federation::key::SigningKey;
use foedus_federation::org::{Org, OrgSnapshot, OurKeys, Setup};
use foedus_federation::steploop::Machine;
use foedus_federation::transport::tls::{InvalidLinkIdentity, Tls};
use foedus_federation::transport::{Pins, Reach};
use foedus_policy::id::RunId;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bounds::{ACCEPTING_MAX, ACCEPTING_PER_CALLER_MAX, ORG_QUEUE_INPUTS_MAX};
use crate::identity_files::{IdentityFiles, KeyFileError, KeyRole};
use crate::metrics::Metrics;
use crate::places::Places;
use crate::random;
use crate::store::{Engine, StoreError};

pub use clock::Clock;
pub use handle::{Initialise, InitialiseError, Runtime};
pub use inspect::{Inspected, inspect};
pub use links::{LinkState, LinkStatus, Links, ToLink, Trouble};
pub(crate) use message::Held;
pub use pairing::{
    AcceptInvitationError, Accepted, Delivery, PasteReplyError, Undelivered, invitation_text,
};
pub use renew::RenewError;
pub(crate) use scope::chain;

use channels::Channels;
use scope::Ground;

/// What a runtime is made of.
#[derive(Debug)]
pub struct Parts {
    /// The store, open.
    pub store: Engine,
    /// Where the key files are.
    pub keys: IdentityFiles,
    /// Where partners can reach us, `host:port`, by the configuration; if it says nothing, what was said at
    /// `init` holds.
    pub addresses: Vec<String>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where others may send us: partners, and whoever wrote an invitation.
    pub reach: Reach,
}

/// Why the runtime can't begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store can't be read.
    #[error("the store can't be read")]
    Store(#[source] StoreError),
    /// What is stored of the organisation can't be read.
    #[error("what is stored of the organisation can't be read")]
    Damaged(#[source] Damaged),
    /// A key can't be had.
    #[error("a key of the organisation can't be read")]
    Key(#[from] KeyFileError),
    /// The key in a file is not the one that the identity note names.
    #[error(
        "{role}.key is not the {role} key that the newest identity note names: put the right one back"
    )]
    OtherKey {
        /// Which.
        role: KeyRole,
    },
    /// The link key is no use for TLS.
    #[error("the link key can't be used")]
    Link(#[from] InvalidLinkIdentity),
}

/// The organisation's keys, ready for use.
#[derive(Debug)]
pub struct Ours {
    /// For notes and checkpoints.
    pub keys: Arc<OurKeys>,
    /// For links and pairing.
    pub tls: Arc<Tls>,
}

impl Ours {
    fn new(sign: SigningKey, identity: IdentityChain, tls: Tls) -> Self {
        let keys = OurKeys {
            org: identity.org(),
            sign,
            identity,
        };
        Self {
            keys: Arc::new(keys),
            tls: Arc::new(tls),
        }
    }
}

/// A runtime that has read what it needs and runs nothing yet.
#[derive(Debug)]
pub struct Built {
    runtime: Runtime,
    org_task: org::OrgTask,
}

/// Reads the organisation. Nothing runs before [`Built::spawn`].
pub async fn build(parts: Parts) -> Result<Built, StartError> {
    let Parts {
        store,
        keys: files,
        addresses,
        metrics,
        reach,
    } = parts;
    let (stop, failed) = (CancellationToken::new(), CancellationToken::new());
    let ground = Ground {
        store,
        clock: Clock::start(),
        metrics,
        failed: failed.clone(),
    };
    let run = RunId(random::bytes());
    let snapshot = stored_organisation(&ground, run).await?;
    let pins = Arc::<Pins>::default();
    let exists = snapshot.org().is_some();
    let ours = exists.then(|| our_keys(&files, &snapshot, &pins));
    let ours = ours.transpose()?.map(Arc::new);
    let setup = Setup {
        keys: ours.as_ref().map(|ours| ours.keys.clone()),
        renewed: None,
        run,
        seed: random::bytes(),
    };
    let (org_queue, inputs) = mpsc::channel(ORG_QUEUE_INPUTS_MAX);
    let (snapshots, org) = watch::channel(snapshot);
    let (writers_sender, writers) = watch::channel(ours.clone());
    let (ours_sender, ours) = watch::channel(ours);
    let tasks = TaskTracker::new();
    let links = Links::new(org.clone());
    let channels = Channels::new(channels::Hosting {
        ground: ground.clone(),
        run,
        org: org.clone(),
        ours: writers,
        org_queue: org_queue.clone(),
        links: links.clone(),
        tasks: tasks.clone(),
        stop: stop.clone(),
    });
    let org_task = org::OrgTask::new(
        setup,
        ground.clone(),
        inputs,
        snapshots,
        channels.clone(),
        stop.clone(),
    );
    let runtime = Runtime::new(handle::Inner {
        started: ground.clock.now().wall,
        ground,
        run,
        files,
        addresses,
        reach,
        pins,
        org,
        org_queue,
        ours,
        ours_sender,
        writers_sender,
        channels,
        links,
        tasks,
        stopping: CancellationToken::new(),
        stop,
        failed,
        next_reply: std::sync::atomic::AtomicU64::new(0),
        initialising: tokio::sync::Mutex::new(()),
        renewing: tokio::sync::Mutex::new(None),
        accepting: Places::new(ACCEPTING_PER_CALLER_MAX, ACCEPTING_MAX),
    });
    Ok(Built { runtime, org_task })
}

impl Built {
    /// The handle, which can be given out before anything runs: what is asked waits.
    #[must_use]
    pub fn runtime(&self) -> Runtime {
        self.runtime.clone()
    }

    /// Lets the organisation and all shared channels run.
    pub fn spawn(self) -> Runtime {
        let Self { runtime, org_task } = self;
        runtime.inner().tasks.spawn(org_task.run());
        runtime.begin();
        runtime
    }
}

/// The organisation as the store has it. The loop reads it again for itself; this is to find the keys that
/// belong to it.
async fn stored_organisation(ground: &Ground, run: RunId) -> Result<Arc<OrgSnapshot>, StartError> {
    let setup = Setup {
        keys: None,
        renewed: None,
        run,
        seed: [0; 32],
    };
    let reads = Org::load_reads(&setup);
    let rows = ground.rows(&reads).await.map_err(StartError::Store)?;
    let org = Org::load(&setup, 0, rows).map_err(StartError::Damaged)?;
    Ok(org.snapshot())
}

fn our_keys(
    files: &IdentityFiles,
    snapshot: &OrgSnapshot,
    pins: &Arc<Pins>,
) -> Result<Ours, StartError> {
    let identity = snapshot
        .org()
        .and_then(|org| snapshot.identity(org))
        .ok_or_else(|| StartError::Damaged(Damaged::new(Vec::new(), "our own identity notes")))?;
    let link = renew::named_key(files, KeyRole::Link, &identity.current().link)?;
    let sign = renew::named_key(files, KeyRole::Sign, &identity.current().sign)?.signing_key();
    let tls = Tls::new(link.expose(), Arc::clone(pins))?;
    Ok(Ours::new(sign, identity.as_ref().clone(), tls))
}

/// The data folder's key files.
#[must_use]
pub fn key_files(data: &Path) -> IdentityFiles {
    IdentityFiles::of(data)
}

#[cfg(test)]
mod tests;
