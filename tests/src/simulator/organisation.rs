//! One simulated organisation: its keys, its disk, its clock, and the present run of its daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foedus_daemon::store::memory::{DiskImage, VirtualDisk};
use foedus_federation::channel::{Channel, ChannelView};
use foedus_federation::identity::{Identity, IdentityChain, org_id};
use foedus_federation::key::SigningKey;
use foedus_federation::link::Link;
use foedus_federation::note::NoteType;
use foedus_federation::org::{Org, OrgSnapshot, OurKeys};
use foedus_federation::steploop::{Ask, Machine, StepLoop};
use foedus_policy::id::{ChannelId, OrgId, RunId};

use super::random::Random;

/// Which scope of one organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScopeId {
    Org,
    Channel(ChannelId),
}

/// Whose doing an input is: what a commit may change depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// One of our own people.
    Local,
    /// Another scope of the same organisation, which may pass on what people did.
    Inside,
    /// What a partner sent.
    Partner(OrgId),
    /// A session began or ended.
    Session,
    /// Time passed.
    Clock,
}

/// One scope under its step loop.
pub struct Scope<M: Machine> {
    pub steps: StepLoop<M>,
    pub asked: Option<Ask>,
    /// Causes of the inputs that the next commit may rest on.
    pub causes: BTreeSet<Cause>,
    /// Causes of the inputs that the commit under way may rest on.
    pub committing: BTreeSet<Cause>,
}

impl<M: Machine> Scope<M> {
    pub fn new(setup: M::Setup) -> Self {
        Self {
            steps: StepLoop::new(setup),
            asked: None,
            causes: BTreeSet::new(),
            committing: BTreeSet::new(),
        }
    }
}

/// A moment between two things that a daemon does, at which the power may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Boundary {
    /// Something was decided, and the store was not asked yet to keep it.
    Decided,
    /// The store keeps it, and nothing that waits for that has gone out.
    Durable,
    /// Before an answer to somebody who asked.
    Reply,
    /// Before a frame to a partner.
    Send,
    /// Before readers and links are shown what is new.
    Deliver,
    /// Before one scope tells another what concerns it.
    Tell,
    /// Before something is read.
    Read,
}

impl Boundary {
    pub const ALL: [Self; 7] = [
        Self::Decided,
        Self::Durable,
        Self::Reply,
        Self::Send,
        Self::Deliver,
        Self::Tell,
        Self::Read,
    ];

    /// By which a crash there is counted.
    pub fn crash(self) -> &'static str {
        match self {
            Self::Decided => "crash before a commit",
            Self::Durable => "crash after a commit",
            Self::Reply => "crash before a reply",
            Self::Send => "crash before a send",
            Self::Deliver => "crash before a delivery",
            Self::Tell => "crash between scopes",
            Self::Read => "crash before a read",
        }
    }
}

/// The link with one partner, and the connection that carries it.
pub struct Wire {
    pub link: Link,
    pub connection: Option<u64>,
}

/// One run of a daemon. A crash forgets all of it.
pub struct Run {
    pub number: u64,
    pub id: RunId,
    pub seed: [u8; 32],
    pub started: u64,
    pub org: Scope<Org>,
    pub channels: BTreeMap<ChannelId, Scope<Channel>>,
    pub links: BTreeMap<OrgId, Wire>,
    pub snapshot: Arc<OrgSnapshot>,
    pub views: BTreeMap<ChannelId, Arc<ChannelView>>,
    pub ready: BTreeSet<ScopeId>,
}

/// An old copy of a data folder.
pub struct Backup {
    pub image: DiskImage,
    pub taken: u64,
    pub run: RunId,
    pub seed: [u8; 32],
}

/// One organisation.
pub struct Organisation {
    pub handle: String,
    pub id: OrgId,
    pub keys: Arc<OurKeys>,
    pub disk: VirtualDisk,
    /// What its wall clock is ahead of true time, in milliseconds.
    pub clock_offset: i64,
    pub run: Option<Run>,
    pub runs: u64,
    pub backups: Vec<Backup>,
    /// It crashes at a boundary of this kind, when so many of them have passed.
    pub crash_at: Option<(Boundary, u64)>,
    /// When old data was last put back.
    pub restored: Option<u64>,
    /// An act of its administrator was not answered yet.
    pub act_pending: bool,
    /// At its next crash an old data folder is put back.
    pub restore_next: bool,
    /// As which run it goes on, if it lies about that.
    pub resume_as: Option<(RunId, [u8; 32])>,
    /// It wrote two histories on purpose: nothing is promised about its own words.
    pub dishonest: bool,
}

impl Organisation {
    pub fn new(handle: &str, random: &mut Random) -> Self {
        let root = SigningKey::from_seed(&random.bytes());
        let link = SigningKey::from_seed(&random.bytes());
        let sign = SigningKey::from_seed(&random.bytes());
        let id = org_id(root.verifying_key());
        let identity = Identity {
            org: id,
            handle: handle.parse().expect("handles of the simulator are valid"),
            serial: 1,
            root: *root.verifying_key(),
            link: *link.verifying_key(),
            sign: *sign.verifying_key(),
        };
        let note = identity.sign(&root).expect("the identity is valid");
        let identity = IdentityChain::verify([note.bytes()]).expect("it was signed by its root");
        Self {
            handle: handle.to_owned(),
            id,
            keys: Arc::new(OurKeys {
                org: id,
                sign,
                identity,
            }),
            disk: VirtualDisk::new(),
            clock_offset: 0,
            run: None,
            runs: 0,
            backups: Vec::new(),
            crash_at: None,
            restored: None,
            act_pending: false,
            restore_next: false,
            resume_as: None,
            dishonest: false,
        }
    }

    /// Whether the organisation exists, by its disk.
    pub fn exists(&self) -> bool {
        let identity = foedus_federation::keys::org_record(1, &[]);
        matches!(self.disk.get(&identity), Ok(Some(_)))
    }

    pub fn snapshot(&self) -> Option<&Arc<OrgSnapshot>> {
        self.run.as_ref().map(|run| &run.snapshot)
    }
}
