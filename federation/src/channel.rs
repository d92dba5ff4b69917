//! The channel machine: one channel's charter, logs and waiting entries.
//!
//! It appends what our members say to our own log, judges what partners bring, keeps the notes
//! that govern the channel, and publishes a [`ChannelView`] after each durable step, from which
//! links and readers work. Channels are independent of each other.
//!
//! It must not know what a channel is called here, how a link is carried, who is connected where,
//! or any other channel.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foedus_policy::action::Actor;
use foedus_policy::id::{AuthorId, ChannelId, IncarnationId, NoteHash, OrgId, RunId};
use foedus_policy::reason::Reason;
use foedus_policy::time::{Now, Timestamp};

use crate::batch::{Key, Read};
use crate::bounds::POST_BYTES_MAX;
use crate::clock::Reading;
use crate::damaged::Damaged;
use crate::entry::LogId;
use crate::evidence::{CheckedEntries, CheckedNotes, SignedPart};
use crate::frame::{Frame, Subscribe};
use crate::identity::IdentityChain;
use crate::keys::ChannelKeys;
use crate::kind::Head;
use crate::message::OrgInput;
use crate::snapshot::{OrgSnapshot, OurKeys};
use crate::steploop::{Failure, Machine, Rows, Step};
use crate::stored;
use crate::tree::Frontier;

mod accept;
mod annotations;
mod append;
mod bodies;
mod ending;
mod forks;
mod governance;
mod judge;
mod lacking;
mod load;
mod log;
mod members;
mod notes;
mod read;
mod relays;
mod renew;
mod request;
mod review;
mod sessions;
mod view;

pub use crate::message::{Ended, Govern, ReplyTo};
pub use governance::{Breach, Governance, Learned, Proposal, Revision};
pub(crate) use judge::judged;
pub use judge::{Verdict, Void, Withheld};
pub use log::Log;
pub use members::{Author, Said};
pub use request::{Posted, Request, Text, Verb};
pub use view::{ChannelView, Unknown, Waiting};

/// What a channel takes in.
#[derive(Debug, Clone)]
pub enum Input {
    /// A request of one of our own.
    Request {
        /// Whom to answer.
        reply: ReplyTo,
        /// Who asks.
        actor: Actor,
        /// What for.
        request: Request,
    },
    /// The organisation changed.
    Org(Arc<OrgSnapshot>),
    /// We agreed to a charter that a host offered, or offer one ourselves.
    Govern(Govern),
    /// There is a session with a partner; what is asked of it is asked under this number.
    PartnerUp {
        /// Who.
        partner: OrgId,
        /// Grows with each time that this is said in one session.
        subscription: u32,
    },
    /// It ended.
    PartnerDown(OrgId),
    /// A partner asks for what arrives here.
    Subscribed {
        /// Who.
        partner: OrgId,
        /// From where on.
        subscribe: Subscribe,
    },
    /// A partner does not know the position that we subscribed from.
    CursorUnknown(OrgId),
    /// A partner brought notes whose signatures were checked.
    Notes {
        /// Who.
        carrier: OrgId,
        /// The notes.
        notes: Arc<CheckedNotes>,
    },
    /// A partner brought entries whose signatures and hashes were checked.
    Entries {
        /// Who.
        carrier: OrgId,
        /// The entries.
        entries: Arc<CheckedEntries>,
    },
    /// Our keys are others from now on.
    Renewed(Arc<OurKeys>),
    /// A difference between what we hold and what others hold is to be looked into.
    Examine(Examine),
    /// What was judged before is to be looked at again.
    Review,
    /// Time passed.
    Tick,
}

/// A difference that may show two histories of one log.
#[derive(Debug, Clone)]
pub enum Examine {
    /// A part has another entry than we hold.
    Entry {
        /// Who brought it.
        carrier: OrgId,
        /// The part.
        part: Box<SignedPart>,
        /// The first entry that differs.
        index: u64,
    },
    /// Somebody states what it holds.
    Heads {
        /// Who.
        stated_by: OrgId,
        /// What.
        rows: Vec<Head>,
    },
}

/// What a channel wants done, once the step that says so is durable.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Answer a caller.
    Reply(ReplyTo, Result<Posted, Refused>),
    /// What is now true of the channel.
    View(Arc<ChannelView>),
    /// Send a frame to a partner, if there is a session with it.
    Send(OrgId, Frame),
    /// Send a partner what it subscribed to.
    Feed(OrgId, FeedStart),
    /// Send a partner nothing more of this channel.
    StopFeed(OrgId),
    /// Say [`Input::PartnerUp`] again, under the next number, if there is a session.
    Attach(OrgId),
    /// Everything that was known of sessions is forgotten: say it again for each.
    Forgotten,
    /// Tell the organisation.
    Org(Box<OrgInput>),
    /// A partner broke a rule.
    Reject(OrgId, Reject),
    /// Queue this input for this channel.
    Again(Box<Input>),
}

/// Where the feed of one subscription begins, and what goes into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedStart {
    /// Number of the subscription.
    pub subscription: u32,
    /// Whose logs.
    pub origins: Vec<OrgId>,
    /// What is sent first: of each log the entries from the first number to before the second.
    pub missing: Vec<(LogId, u64, u64)>,
    /// What arrived after this number follows.
    pub after: u64,
}

/// Why a caller got no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The rules say no.
    #[error("{0}")]
    Denied(Reason),
    /// It could not be carried through.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The idempotency key was used for another request.
    #[error("this idempotency key was used for another request; use a new one")]
    KeyReused,
    /// The entry that the request is about is not in this channel.
    #[error("there is no such entry in this channel")]
    NoSuchEntry,
    /// The entry is not one that can be edited, retracted or reacted to.
    #[error("only messages can be edited, retracted or reacted to")]
    NotAMessage,
    /// The entry is somebody else's.
    #[error("only its author can edit or retract a message")]
    NotTheAuthor,
    /// The message was taken back by its author.
    #[error("the message was taken back")]
    Retracted,
    /// The member has not given this reaction, or took it back.
    #[error("you have not given this reaction")]
    NoSuchReaction,
    /// The channel is over.
    #[error("the channel ended; what was written before stays readable")]
    Ended(Ended),
    /// The member is not in the channel.
    #[error("the member is not in this channel; join it first")]
    NotInChannel,
    /// The charter allows shorter texts only.
    #[error("the charter of this channel allows {limit} bytes of text, found {found}")]
    TextTooLong {
        /// Bytes allowed.
        limit: u32,
        /// Bytes found.
        found: usize,
    },
    /// More at once than one commit takes.
    #[error("one request takes {POST_BYTES_MAX} bytes of messages, found {found}")]
    TooMuch {
        /// Bytes found.
        found: usize,
    },
    /// It would count for nobody: by the rules for verdicts, what we write now is void.
    #[error(
        "what this organisation writes here counts for nobody until it agrees to the newest charter"
    )]
    NotCounted(judge::Void),
    /// The body can't be made.
    #[error(transparent)]
    Body(#[from] crate::kind::InvalidBody),
}

/// What a partner did wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reject {
    /// It may not carry this channel; nothing was stored.
    NotACarrier,
    /// It sent entries of an organisation that it was not asked for.
    NotAsked(OrgId),
    /// A part does not fit the log that we hold; nothing of it was stored.
    NotReconciled(LogId),
    /// One log has two histories; it is frozen.
    Fork(LogId),
    /// An organisation has begun as many logs as we keep; nothing of this one was stored.
    TooManyLogs(OrgId),
    /// A host's seal rests on a yes of ours that had run out when the seal came here. It says to have
    /// been made in time, and so counts, for us as for everybody: nobody else's clock can tell.
    LateSeal(NoteHash),
    /// A note breaks the rules of charters; it was not kept.
    Note(NoteHash, governance::Breach),
}

/// What a channel is loaded with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The channel.
    pub channel: ChannelId,
    /// Our keys.
    pub keys: Arc<OurKeys>,
    /// This run of our daemon.
    pub run: RunId,
    /// Random bytes, new for each run and channel: incarnations are drawn from them.
    pub seed: [u8; 32],
    /// The organisation as of now.
    pub org: Arc<OrgSnapshot>,
}

/// The machine.
#[derive(Debug)]
pub struct Channel {
    keys: ChannelKeys,
    ours: Arc<OurKeys>,
    run: RunId,
    seed: [u8; 32],
    tainted: u32,
    org: Arc<OrgSnapshot>,
    head: stored::ChannelHead,
    logs: imbl::OrdMap<LogId, Log>,
    own: Option<IncarnationId>,
    governance: Arc<Governance>,
    /// The place of each note in the order in which they were learnt.
    note_orders: BTreeMap<NoteHash, u32>,
    announced: BTreeMap<AuthorId, stored::Announced>,
    authors: members::Authors,
    /// Who left, and of whom it is not known that they joined.
    strangers_left: BTreeMap<(OrgId, AuthorId), Said>,
    /// Who those are whom only the charter names.
    introduced: BTreeMap<OrgId, Arc<IdentityChain>>,
    taken: BTreeMap<OrgId, stored::Taken>,
    waiting: imbl::OrdMap<(u64, u16), Waiting>,
    /// How many entries of each organisation wait.
    waiting_counts: BTreeMap<OrgId, usize>,
    /// How many authors of each organisation are known.
    author_counts: BTreeMap<OrgId, usize>,
    /// Differences that wait to be looked into.
    examining: usize,
    /// Logs with entries whose bodies we may read and lack.
    bodiless: BTreeMap<LogId, bodies::Bodiless>,
    /// Who is asked for them now.
    filling: BTreeMap<LogId, bodies::Filling>,
    /// How far that got in a part that takes several steps.
    filled: Option<bodies::Filled>,
    /// What others stated to hold of a log beyond what we hold.
    lacking: BTreeMap<(OrgId, LogId), lacking::Lacking>,
    /// Our tree of the size that an organisation stated last of a log, where it said the same.
    examined: BTreeMap<(OrgId, LogId), Frontier>,
    sessions: BTreeMap<OrgId, sessions::Session>,
    /// Partners that were found to hold words of ours which we lost, in their present sessions.
    recovering: BTreeSet<OrgId>,
    /// Those of them, present or not, that have not given all of it back.
    lost: BTreeSet<OrgId>,
    /// Partners that may hold another history of a log than we do.
    doubted: BTreeSet<(OrgId, LogId)>,
    /// The organisation's version up to which the log says of our members what is true.
    told_version: Option<u64>,
    step_wall: Timestamp,
    /// What our clock is good for in the present step.
    clock: Reading,
    reminded_steady_millis: u64,
    /// Notes changed something that has not been followed up yet.
    news: bool,
    review: review::Review,
    pending: append::Pending,
    changed: log::Changed,
}

impl Machine for Channel {
    type Input = Input;
    type Effect = Effect;
    type Setup = Setup;

    fn version_key(setup: &Setup) -> Key {
        ChannelKeys(setup.channel).version()
    }

    fn load_reads(setup: &Setup) -> Vec<Read> {
        vec![ChannelKeys(setup.channel).state()]
    }

    fn load(setup: &Setup, tainted: u32, rows: Vec<Rows>) -> Result<Self, Damaged> {
        load::load(setup, tainted, rows)
    }

    fn prepare(setup: &mut Setup, input: &Input) {
        match input {
            Input::Org(org) => setup.org = org.clone(),
            Input::Renewed(keys) => setup.keys = keys.clone(),
            _ => {}
        }
    }

    fn reads(&self, _now: Now, input: &Input, done: u32) -> Vec<Read> {
        match input {
            Input::Request { actor, request, .. } => self.reads_of_request(actor, request),
            Input::Entries { carrier, entries } => self.reads_of_entries(*carrier, entries, done),
            Input::Examine(examine) => self.reads_of_examine(examine),
            Input::Review => self.reads_of_review(),
            Input::Tick => self.reads_of_tick(),
            _ => Vec::new(),
        }
    }

    fn handle(&mut self, now: Now, input: &Input, step: &mut Step<'_, Effect>) {
        let clock = match input {
            Input::Org(org) => org.clock(now),
            _ => self.org.clock(now),
        };
        let before = std::mem::replace(&mut self.clock, clock);
        let now = cautious(now, clock);
        self.step_wall = now.wall;
        match input {
            Input::Request {
                reply,
                actor,
                request,
            } => {
                let result = self.on_request(now, actor, request, step);
                step.effect(Effect::Reply(*reply, result));
            }
            Input::Org(org) => self.on_org(now, org, step),
            Input::Renewed(keys) => self.on_renewed(keys, step),
            Input::Govern(govern) => self.on_govern(now, govern, step),
            Input::PartnerUp {
                partner,
                subscription,
            } => {
                self.on_partner_up(*partner, *subscription, step);
            }
            Input::PartnerDown(partner) => self.on_partner_down(*partner, step),
            Input::Subscribed { partner, subscribe } => {
                self.on_subscribed(now, *partner, subscribe, step);
            }
            Input::CursorUnknown(partner) => self.on_cursor_unknown(*partner, step),
            Input::Notes { carrier, notes } => self.on_notes(now, *carrier, notes, step),
            Input::Entries { carrier, entries } => self.on_entries(now, *carrier, entries, step),
            Input::Examine(examine) => self.on_examine(examine, step),
            Input::Review => self.on_review(now, step),
            Input::Tick => self.on_tick(now, step),
        }
        if before.is_paused && !clock.is_paused {
            self.go_on(now, step);
        }
    }

    fn finish(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        self.clock = self.org.clock(now);
        let now = cautious(now, self.clock);
        self.step_wall = now.wall;
        self.finish_step(now, step);
    }

    fn unloaded(_setup: &Setup, out: &mut Vec<Effect>) {
        out.push(Effect::Forgotten);
    }

    fn abandon(input: Input, failure: Failure, out: &mut Vec<Effect>) {
        // A partner was told nothing, so it still holds what it sent; the session is forgotten
        // with the machine's state and begins anew. What the organisation said, it says again.
        if let Input::Request { reply, .. } = input {
            out.push(Effect::Reply(reply, Err(Refused::Failed(failure))));
        }
    }
}

/// What is decided by, and written down: a clock that leapt ahead makes no time that stays.
fn cautious(now: Now, clock: Reading) -> Now {
    Now {
        wall: clock.surely,
        ..now
    }
}

#[cfg(test)]
mod tests;
