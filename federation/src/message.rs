//! What the machines, and those who host them, say to each other.
//!
//! The org machine governs channels, channels report to the org machine; neither needs to know
//! how the other works.

use std::collections::BTreeMap;
use std::sync::Arc;

use foedus_policy::action::{Action, Actor};
use foedus_policy::id::{ChannelId, OrgId};
use foedus_policy::time::Timestamp;
use foedus_policy::vocabulary::{Access, EndCause};

use crate::charter::Charter;
use crate::entry::LogId;
use crate::identity::IdentityChain;
use crate::note::Verified;
use crate::pairing::ProvedReply;
use crate::record::{Endpoints, Peering};
use crate::snapshot::OurKeys;

/// Names one waiting caller. Given by the host, returned in the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyTo(pub u64);

/// That the channel ended for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub cause: EndCause,
    /// When: the end that the charter names, or when its host or we said so.
    pub at: Timestamp,
}

/// An act of our own organisation on the charter, decided by the org machine.
#[derive(Debug, Clone)]
pub enum Govern {
    /// As host, propose this text: the next revision, or the first.
    Propose(Arc<Charter>),
    /// Keep the offered charter and say yes to it.
    Consent {
        /// The host's charter.
        charter: Arc<Verified<Charter>>,
        /// Until when the yes may be sealed.
        good_until: Timestamp,
    },
    /// As host, propose that the channel ends at this later time, and nothing else new.
    Extend {
        /// When.
        until: Timestamp,
    },
    /// End the channel for us: as host, terminate it; otherwise withdraw from it.
    Leave,
    /// The peering with this organisation is over. If nobody else is left, so is the channel.
    Disconnect(OrgId),
}

/// What the organisation takes in.
#[derive(Debug, Clone)]
pub enum OrgInput {
    /// The organisation comes into being: keys were made and are on disk.
    Initialise {
        /// Whom to answer.
        reply: ReplyTo,
        /// Who asks.
        actor: Actor,
        /// `Init`, with what the identity note says.
        action: Box<Action>,
        /// The keys.
        keys: Arc<OurKeys>,
        /// Random bytes for this act alone.
        entropy: [u8; 64],
    },
    /// Operational keys are made anew: they are on disk beside those in use.
    Renew {
        /// Whom to answer.
        reply: ReplyTo,
        /// Who asks.
        actor: Actor,
        /// `RenewKeys`, with what the identity note says.
        action: Box<Action>,
        /// The keys, and our identity with the note that names them.
        keys: Arc<OurKeys>,
        /// The keys that are in use.
        before: Arc<OurKeys>,
    },
    /// Somebody asks for something.
    Act {
        /// Whom to answer.
        reply: ReplyTo,
        /// Who asks.
        actor: Actor,
        /// What for.
        action: Box<Action>,
        /// Random bytes for this act alone.
        entropy: [u8; 64],
        /// Where we can be reached.
        addresses: Vec<String>,
    },
    /// One of ours takes up an invitation, and its inviter showed who it is.
    Accept {
        /// Whom to answer.
        reply: ReplyTo,
        /// Who takes it up.
        actor: Actor,
        /// `AcceptInvitation`, with what was checked.
        action: Box<Action>,
        /// Who the inviter is.
        inviter: Box<IdentityChain>,
        /// Where the invitation says that it can be reached.
        addresses: Vec<String>,
        /// Random bytes for this act alone.
        entropy: [u8; 64],
    },
    /// Somebody answers an invitation of ours.
    Replied {
        /// Whom to answer.
        reply: ReplyTo,
        /// Who brings it: the partner itself, or whoever of us pasted its text.
        actor: Actor,
        /// The answer, proven.
        proved: Box<ProvedReply>,
        /// Random bytes for this act alone.
        entropy: [u8; 64],
    },
    /// A partner said who and where it is, and that it agreed to the peering.
    PartnerSaid {
        /// Who.
        partner: OrgId,
        /// Its identity notes.
        identity: Box<IdentityChain>,
        /// Where it can be reached.
        endpoints: Option<Box<Verified<Endpoints>>>,
        /// Its side of the peering.
        peering: Option<Box<Verified<Peering>>>,
    },
    /// A partner's hello said what its clock says.
    ClockHeard {
        /// Who.
        partner: OrgId,
        /// By its wall clock.
        wall: Timestamp,
        /// What our steady clock said when it came.
        steady_millis: u64,
    },
    /// A carrier told us who the others in a common channel are.
    Introduced {
        /// The carrier.
        by: OrgId,
        /// Who they are.
        chains: Vec<IdentityChain>,
    },
    /// A host puts a charter before us.
    CharterOffered {
        /// Who.
        host: OrgId,
        /// The charter.
        charter: Box<Verified<Charter>>,
    },
    /// A charter came into force, or another revision of it.
    CharterInForce {
        /// Which channel.
        channel: ChannelId,
        /// Who sealed it.
        host: OrgId,
        /// Everybody in it.
        participants: BTreeMap<OrgId, Access>,
        /// When it ends.
        ends: Option<Timestamp>,
    },
    /// A channel ended for us.
    ChannelEnded {
        /// Which.
        channel: ChannelId,
        /// How.
        ended: Ended,
    },
    /// A log with two histories was found; its channel keeps the evidence.
    ForkFound {
        /// In which channel.
        channel: ChannelId,
        /// Which log.
        log: LogId,
    },
    /// Where we can be reached changed.
    Reachable {
        /// `host:port`, at most eight.
        addresses: Vec<String>,
    },
    /// Organisations that are nobody to us were turned away.
    StrangersRefused {
        /// How often since this was said last.
        count: u64,
    },
    /// Time passed.
    Tick {
        /// Random bytes for this tick alone.
        entropy: [u8; 64],
    },
}
