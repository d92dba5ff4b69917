//! One log of an export while its entries are gone through.
//!
//! Knows keys and trees; what an entry means for the channel is told by the verifier.

use foedus_policy::id::{ChannelId, IncarnationId, OrgId};

use super::claims::{Claim, Claims};
use super::fault::{Place, Wrong};
use crate::checkpoint::{Fork, VerifiedCheckpoint};
use crate::entry::{Entry, LogId};
use crate::hlc::Hlc;
use crate::identity::IdentityChain;
use crate::key::VerifyingKey;
use crate::kind::{Body, Kind};
use crate::tree::{Frontier, Hash, verify_consistency};

/// A line of the export, for faults that are found later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    pub line: u64,
    pub offset: u64,
}

/// A log whose entries come line by line.
#[derive(Debug)]
pub(super) struct OpenLog {
    pub id: LogId,
    pub at: At,
    /// How many entries its line says.
    pub entries: u64,
    /// How many came.
    pub read: u64,
    /// The sequence that comes next.
    pub next: u64,
    /// Something of it could not be read: its tree can't be computed.
    pub damaged: bool,
    /// What could not be read may have been the entry before the next.
    lost: bool,
    pub checkpoint: Option<(At, Vec<u8>)>,
    pub proof: Option<Vec<Hash>>,
    pub fork: Option<(At, Vec<u8>)>,
    pub frontier: Frontier,
    pub hlc: Option<Hlc>,
    /// Number of the newest revision that an entry named.
    pub revision: u64,
    first_entry: Option<At>,
    last_entry: Option<At>,
    key: Option<[u8; 32]>,
    contradictions: Vec<(At, u64, Claim)>,
}

/// A fault, and where.
pub(super) type Found = (At, Place, Wrong);

/// What a log came to.
#[derive(Debug)]
pub(super) struct Closed {
    pub faults: Vec<Found>,
    pub forked: bool,
    /// Up to which size the origin signed; more than the export has, if that was not handed out.
    pub signed: u64,
}

impl OpenLog {
    pub fn new(channel: ChannelId, log: (OrgId, IncarnationId), entries: u64, at: At) -> Self {
        Self {
            id: LogId {
                channel,
                origin: log.0,
                incarnation: log.1,
            },
            at,
            entries,
            read: 0,
            next: 0,
            damaged: false,
            lost: false,
            checkpoint: None,
            proof: None,
            fork: None,
            frontier: Frontier::EMPTY,
            hlc: None,
            revision: 0,
            first_entry: None,
            last_entry: None,
            key: None,
            contradictions: Vec::new(),
        }
    }

    fn place(&self) -> Place {
        Place::Log(self.id.origin, self.id.incarnation)
    }

    /// Puts the header of the next entry into the tree, and compares the tree with what others
    /// stated of it.
    pub fn grow(&mut self, leaf: Hash, at: At, claims: &Claims) {
        self.first_entry.get_or_insert(at);
        self.last_entry = Some(at);
        self.read += 1;
        self.frontier.append(leaf);
        if self.damaged {
            return;
        }
        let log = (self.id.origin, self.id.incarnation);
        let stated = claims.at(log, self.frontier.size());
        if stated.is_empty() {
            return;
        }
        let root = self.frontier.root();
        let others = stated.iter().filter(|claim| claim.root != root);
        let size = self.frontier.size();
        self.contradictions
            .extend(others.map(|claim| (at, size, *claim)));
    }

    /// A line that can't be read may have been an entry.
    pub fn lose_line(&mut self) {
        self.damaged = true;
        self.lost = true;
    }

    /// Whether the entry stands in its place.
    pub fn check_place(&mut self, entry: &Entry) -> Result<(), Wrong> {
        let expected = self.next;
        self.next = entry.header.sequence.saturating_add(1);
        if entry.header.log != self.id {
            self.next = expected + 1;
            return Err(Wrong::OtherLog);
        }
        let lost = std::mem::take(&mut self.lost);
        if entry.header.sequence != expected && !lost {
            // What follows is told of by its own sequence; of the tree nothing can be said.
            self.damaged = true;
            let found = entry.header.sequence;
            return Err(Wrong::Sequence { expected, found });
        }
        Ok(())
    }

    /// The key that the first entry names has to be the origin's.
    pub fn check_opening(
        &mut self,
        entry: &Entry,
        identity: Option<&IdentityChain>,
    ) -> Result<(), Wrong> {
        if entry.fault.is_some() || entry.header.known_kind() != Ok(Kind::Opened) {
            return Err(Wrong::NotOpened);
        }
        let Some(Body::Opened(opened)) = &entry.body else {
            return Ok(());
        };
        self.key = Some(opened.key);
        let Some(identity) = identity else {
            // Said once, where the checkpoint is.
            return Ok(());
        };
        let named = |key: &VerifyingKey| *key.as_bytes() == opened.key;
        match identity.sign_keys().iter().any(named) {
            true => Ok(()),
            false => Err(Wrong::Key),
        }
    }

    /// What the log comes to once all its lines were read.
    pub fn close(mut self, identity: Option<&IdentityChain>) -> Closed {
        let mut closed = Closed {
            faults: Vec::new(),
            forked: false,
            signed: self.read,
        };
        if self.read != self.entries && !self.damaged {
            let (expected, found) = (self.entries, self.read);
            let wrong = Wrong::Entries { expected, found };
            closed.faults.push((self.at, self.place(), wrong));
            self.damaged = true;
        }
        let Some(identity) = identity else {
            let org = self.id.origin;
            let wrong = Wrong::NoIdentity { org };
            closed.faults.push((self.at, self.place(), wrong));
            return closed;
        };
        let keys = self.keys(identity);
        match self.verified_checkpoint(&keys) {
            Err(found) => closed.faults.push(*found),
            Ok(checkpoint) => {
                closed.signed = checkpoint.size().max(self.read);
                if !self.damaged {
                    closed
                        .faults
                        .extend(self.check_tree(&checkpoint).err().map(|found| *found));
                }
            }
        }
        match self.check_fork(&keys, identity) {
            Some(Err(found)) => closed.faults.push(*found),
            Some(Ok(())) => closed.forked = true,
            // That there are two histories is no news where one of them was shown.
            None => {
                let place = self.place();
                let found = self.contradictions.drain(..).map(|(at, size, claim)| {
                    let by = claim.by;
                    (at, place, Wrong::Contradicted { by, size })
                });
                closed.faults.extend(found);
            }
        }
        closed
    }

    /// The key that the first entry names; without its body, any that the origin ever named.
    fn keys(&self, identity: &IdentityChain) -> Vec<VerifyingKey> {
        let mut keys = identity.sign_keys();
        if let Some(named) = self.key {
            keys.retain(|key| *key.as_bytes() == named);
        }
        keys
    }

    fn verified_checkpoint(&self, keys: &[VerifyingKey]) -> Result<VerifiedCheckpoint, Box<Found>> {
        let Some((at, bytes)) = &self.checkpoint else {
            return Err(Box::new((self.at, self.place(), Wrong::NoCheckpoint)));
        };
        let found = |wrong| Box::new((*at, self.place(), wrong));
        let mut refused = Wrong::Key;
        for key in keys {
            match VerifiedCheckpoint::verify(bytes, key) {
                Ok(checkpoint) if *checkpoint.log() != self.id => {
                    return Err(found(Wrong::CheckpointLog));
                }
                Ok(checkpoint) if checkpoint.size() < self.read => {
                    return Err(found(Wrong::CheckpointSize {
                        expected_min: self.read,
                        found: checkpoint.size(),
                    }));
                }
                Ok(checkpoint) => return Ok(checkpoint),
                Err(invalid) => refused = Wrong::Checkpoint(invalid),
            }
        }
        Err(found(refused))
    }

    /// Whether the headers are those that the checkpoint covers, or the first of them.
    fn check_tree(&self, checkpoint: &VerifiedCheckpoint) -> Result<(), Box<Found>> {
        let first = self.first_entry.unwrap_or(self.at);
        let (entries, root) = (self.frontier.size(), self.frontier.root());
        let to_line = self.last_entry.unwrap_or(self.at).line;
        if entries == checkpoint.size() && self.proof.is_none() {
            return match root == *checkpoint.root() {
                true => Ok(()),
                false => Err(Box::new((
                    first,
                    self.place(),
                    Wrong::Root { entries, to_line },
                ))),
            };
        }
        let proof = self.proof.as_deref().unwrap_or_default();
        verify_consistency(entries, &root, checkpoint.size(), checkpoint.root(), proof).map_err(
            |source| {
                let wrong = Wrong::Proof {
                    entries,
                    to_line,
                    source,
                };
                Box::new((first, self.place(), wrong))
            },
        )
    }

    fn check_fork(
        &self,
        keys: &[VerifyingKey],
        identity: &IdentityChain,
    ) -> Option<Result<(), Box<Found>>> {
        let (at, bytes) = self.fork.as_ref()?;
        let found = |wrong| Err(Box::new((*at, self.place(), wrong)));
        let fork = match Fork::decode(bytes) {
            Ok(fork) => fork,
            Err(invalid) => return Some(found(Wrong::ForkBytes(invalid))),
        };
        let named = |other: &[u8; 32]| {
            let keys = identity.sign_keys();
            keys.iter().any(|key| key.as_bytes() == other)
        };
        // The log may have been begun under a key that is not the newest.
        let mut verified = keys.iter().map(|key| fork.clone().verify(key));
        let Some(first) = verified.next() else {
            return Some(found(Wrong::Key));
        };
        let verified = match first {
            Err(wrong) => verified.find(Result::is_ok).unwrap_or(Err(wrong)),
            good => good,
        };
        Some(match verified {
            Err(invalid) => found(Wrong::Fork(invalid)),
            Ok(fork) if *fork.log() != self.id => found(Wrong::CheckpointLog),
            Ok(fork) if !fork.other_key().is_none_or(named) => found(Wrong::Key),
            Ok(_) => Ok(()),
        })
    }
}
