//! A small world for tests: some organisations, each with its machines under step loops over a map,
//! and links that are queues in memory.
//!
//! Everything runs at once and in order; nothing is lost, and each commit is durable unless a test
//! says how the next one ends. It must not know what any test is about.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use foedus_policy::action::{AcceptedInvitation, Action, Actor, Ends, Outcome};
use foedus_policy::id::{AuthorId, ChannelId, MemberId, OrgId, RunId};
use foedus_policy::reason::Reason;
use foedus_policy::state::Scopes;
use foedus_policy::time::{DAY_MILLIS, Now, Timestamp};
use foedus_policy::vocabulary::{Capabilities, Capability};

use crate::batch::{Batch, CommitOutcome, Key, Read, Reading, Value};
use crate::channel::{self, Channel, ChannelView, Posted, Reject, Request, Text, Verb};
use crate::charter::Charter;
use crate::damaged::Damaged;
use crate::evidence::CheckedFrame;
use crate::examples::{ACME, AT, GLOBEX, INITECH, chain, key, sign_seed};
use crate::feed::PageReader;
use crate::frame::{Frame, Goodbye};
use crate::link::{self, Link};
use crate::message::{Govern, OrgInput, ReplyTo};
use crate::note::NoteType;
use crate::org::{self, Org};
use crate::pairing::{InvitationReply, InvitationSecret, PairingReply, reply_proof, six_words};
use crate::snapshot::{OrgSnapshot, OurKeys};
use crate::steploop::{Answer, Ask, Rows, StepLoop};

mod acts;
mod forge;
mod run;
mod table;

pub(crate) use forge::Forger;
pub(crate) use table::{newest, remove, revise};

/// Who asks as administrator.
pub(crate) const OPERATOR: Actor = Actor::Operator {
    uid: 1000,
    as_member: None,
};

/// More pieces of work than any test needs: whoever does not come to rest has a loop.
const WORK_MAX: usize = 100_000;

/// What waits to be done, in order.
enum Work {
    Org(usize, OrgInput),
    Channel(usize, ChannelId, channel::Input),
    Link(usize, OrgId, link::Input),
    Page(usize, OrgId, ChannelId, u32, Box<PageReader>),
    Frame(usize, usize, Frame),
}

/// One organisation.
pub(crate) struct Side {
    pub root: u8,
    pub handle: &'static str,
    pub id: OrgId,
    pub keys: Arc<OurKeys>,
    pub run: u8,
    /// What the world's steady clock said when the run began.
    pub started_steady_millis: u64,
    /// How far the wall clock is ahead of the world's.
    pub clock_off_millis: i64,
    pub store: BTreeMap<Key, Value>,
    pub org: StepLoop<Org>,
    pub channels: BTreeMap<ChannelId, StepLoop<Channel>>,
    pub links: BTreeMap<OrgId, Link>,
    pub snapshot: Arc<OrgSnapshot>,
    pub views: BTreeMap<ChannelId, Arc<ChannelView>>,
    pub done: BTreeMap<u64, Result<Outcome, org::Refused>>,
    pub posted: BTreeMap<u64, Result<Posted, channel::Refused>>,
    /// What partners did wrong.
    pub rejects: Vec<(OrgId, Reject)>,
    /// What partners asked for and were refused.
    pub refused: Vec<(OrgId, Reason)>,
    /// Links that were closed from this side.
    pub closed: Vec<(OrgId, Goodbye)>,
    /// Every batch that was committed.
    pub batches: Vec<Batch>,
    /// How the next commits end, if not well.
    pub outcomes: VecDeque<CommitOutcome>,
    /// Every frame that was sent, and to whom.
    pub sent: Vec<(OrgId, Frame)>,
    /// Its channels have no room for what the organisation tells them beside its state.
    pub channels_full: bool,
    /// What its channels and links could not read, where a test damages the store; elsewhere all must be
    /// readable.
    pub damage: Option<Vec<Damaged>>,
}

/// The world.
pub(crate) struct World {
    pub now: Now,
    pub sides: Vec<Side>,
    work: VecDeque<Work>,
    connected: BTreeSet<(usize, usize)>,
    drawn: u64,
    /// Changes each first charter that is proposed.
    pub plan: Option<fn(&mut Charter)>,
    /// Frames are not delivered from the first to the second, but kept.
    pub held: BTreeMap<(usize, usize), Vec<Frame>>,
}

impl Side {
    fn new(root: u8, handle: &'static str) -> Self {
        let identity = chain(root, handle);
        let id = identity.org();
        let keys = Arc::new(OurKeys {
            org: id,
            sign: key(sign_seed(root)),
            identity,
        });
        let run = root;
        Self {
            root,
            handle,
            id,
            run,
            started_steady_millis: 0,
            clock_off_millis: 0,
            store: BTreeMap::new(),
            org: StepLoop::new(org_setup(&None, run)),
            keys,
            channels: BTreeMap::new(),
            links: BTreeMap::new(),
            snapshot: Arc::default(),
            views: BTreeMap::new(),
            done: BTreeMap::new(),
            posted: BTreeMap::new(),
            rejects: Vec::new(),
            refused: Vec::new(),
            closed: Vec::new(),
            batches: Vec::new(),
            outcomes: VecDeque::new(),
            sent: Vec::new(),
            channels_full: false,
            damage: None,
        }
    }

    pub(crate) fn view(&self, channel: ChannelId) -> &ChannelView {
        self.views.get(&channel).expect("the channel was loaded")
    }

    /// Something can't be read.
    fn found(&mut self, damage: Damaged) {
        match &mut self.damage {
            Some(found) => found.push(damage),
            None => panic!("{damage}"),
        }
    }

    pub(crate) fn read(&self, read: &Read) -> Rows {
        match read {
            Read::Get(key) => {
                let value = self.store.get(key);
                value
                    .map(|value| (key.clone(), value.clone()))
                    .into_iter()
                    .collect()
            }
            Read::Scan {
                start,
                end,
                limit,
                reverse,
            } => {
                let pairs = self.store.range(start.clone()..end.clone());
                let pairs = pairs.map(|(key, value)| (key.clone(), value.clone()));
                match reverse {
                    true => pairs.rev().take(*limit).collect(),
                    false => pairs.take(*limit).collect(),
                }
            }
        }
    }

    fn commit(&mut self, batch: Batch) -> CommitOutcome {
        let outcome = self.outcomes.pop_front().unwrap_or(CommitOutcome::Durable);
        let holds = batch
            .expect
            .iter()
            .all(|expect| self.store.get(&expect.key) == expect.value.as_ref());
        if !holds {
            return CommitOutcome::Conflict;
        }
        if outcome == CommitOutcome::Durable {
            for key in &batch.deletes {
                self.store.remove(key);
            }
            for (key, value) in &batch.puts {
                self.store.insert(key.clone(), value.clone());
            }
            self.batches.push(batch);
        }
        outcome
    }
}

fn org_setup(keys: &Option<Arc<OurKeys>>, run: u8) -> org::Setup {
    org::Setup {
        keys: keys.clone(),
        renewed: None,
        run: RunId([run; 16]),
        seed: [run; 32],
    }
}

pub(crate) const HANDLES: [(u8, &str); 4] = [
    (ACME, "acme.example"),
    (GLOBEX, "globex.example"),
    (INITECH, "initech.example"),
    (40, "hooli.example"),
];

impl World {
    /// So many organisations that exist and do not know each other.
    pub(crate) fn of(count: usize) -> Self {
        let mut world = Self {
            now: Now {
                wall: AT,
                steady_millis: 1_000_000,
            },
            sides: Vec::new(),
            work: VecDeque::new(),
            connected: BTreeSet::new(),
            drawn: 0,
            plan: None,
            held: BTreeMap::new(),
        };
        for (root, handle) in &HANDLES[..count] {
            world.sides.push(Side::new(*root, handle));
        }
        for at in 0..count {
            world.initialise(at);
        }
        world
    }

    /// So many organisations, each pair of them partners and connected.
    pub(crate) fn peered(count: usize) -> Self {
        let mut world = Self::of(count);
        for one in 0..count {
            for other in one + 1..count {
                world.peer(one, other);
                world.connect(one, other);
            }
        }
        world
    }

    /// As `agreed`, with one member of each in the channel.
    pub(crate) fn shared(count: usize) -> (Self, ChannelId) {
        let (mut world, channel) = Self::agreed(count);
        for at in 0..count {
            world.join(at, channel);
        }
        (world, channel)
    }

    /// As `peered`, with a channel under a charter of all, hosted by the first.
    pub(crate) fn agreed(count: usize) -> (Self, ChannelId) {
        let mut world = Self::peered(count);
        world.plan = Some(match count {
            2 => |_| {},
            3 => |charter| add_participants(charter, &HANDLES[2..3]),
            _ => |charter| add_participants(charter, &HANDLES[2..4]),
        });
        let channel = world.share(0, 1, "launch");
        for at in 2..count {
            world.approve_all(at, "launch");
        }
        world.plan = None;
        for at in 0..count {
            assert!(
                world.sides[at]
                    .view(channel)
                    .governance
                    .is_open(world.now.wall),
                "{} has the charter in force",
                world.sides[at].handle
            );
        }
        (world, channel)
    }

    pub(crate) fn draw<const N: usize>(&mut self) -> [u8; N] {
        use sha2::{Digest, Sha256};
        self.drawn += 1;
        let mut drawn = [0; N];
        for (index, chunk) in drawn.chunks_mut(32).enumerate() {
            let hash = Sha256::new()
                .chain_update(self.drawn.to_be_bytes())
                .chain_update([index as u8])
                .finalize();
            chunk.copy_from_slice(&hash[..chunk.len()]);
        }
        drawn
    }

    pub(crate) fn index(&self, org: OrgId) -> usize {
        self.sides
            .iter()
            .position(|side| side.id == org)
            .expect("everybody is in the world")
    }

    /// What the clocks of an organisation say.
    pub(crate) fn clocks(&self, at: usize) -> Now {
        let side = &self.sides[at];
        let wall = self.now.wall.0;
        Now {
            wall: Timestamp(wall.saturating_add_signed(side.clock_off_millis)),
            steady_millis: self.now.steady_millis - side.started_steady_millis,
        }
    }

    pub(crate) fn id(&self, at: usize) -> OrgId {
        self.sides[at].id
    }

    fn initialise(&mut self, at: usize) {
        let entropy = self.draw();
        let side = &self.sides[at];
        let action = Action::Init {
            org: side.id,
            root: *side.keys.identity.current().root.as_bytes(),
            handle: side.handle.to_owned(),
            display_name: side.handle.to_owned(),
            administrator: "anna".to_owned(),
        };
        let input = OrgInput::Initialise {
            reply: ReplyTo(0),
            actor: OPERATOR,
            action: Box::new(action),
            keys: side.keys.clone(),
            entropy,
        };
        let addresses = vec![format!("{}:7447", side.handle)];
        self.push_org(at, input);
        self.push_org(at, OrgInput::Reachable { addresses });
        self.settle();
    }
}

fn add_participants(charter: &mut Charter, others: &[(u8, &str)]) {
    use foedus_policy::vocabulary::Access;
    for (root, _) in others {
        charter
            .participants
            .insert(crate::examples::org(*root), Access::Full);
    }
}

pub(crate) fn capabilities() -> Capabilities {
    [
        Capability::Post,
        Capability::Thread,
        Capability::Edit,
        Capability::Retract,
        Capability::React,
    ]
    .into_iter()
    .collect()
}

pub(crate) fn post(text: &str) -> Verb {
    Verb::Post(vec![Text {
        text: text.to_owned(),
        reply_to: None,
    }])
}

/// When the channels of these tests end.
pub(crate) const END: Timestamp = Timestamp(AT.0 + 30 * DAY_MILLIS);
