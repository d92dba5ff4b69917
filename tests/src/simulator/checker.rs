//! The checkers: after each step they compare what clients and partners were told, and what the
//! disks hold, with what was promised. Of the machines they read nothing but which links are up, and
//! whom the rules of an organisation let speak: that says who is compared, not what is right.

use std::collections::{BTreeMap, BTreeSet};

use foedus_federation::channel::Verb;
use foedus_federation::charter::{Charter, Seal, Termination, Withdrawal};
use foedus_federation::damaged::Damaged;
use foedus_federation::entry::LogId;
use foedus_federation::note::{Claimed, NoteKind};
use foedus_federation::record::DisconnectRecord;
use foedus_policy::id::{ChannelId, EntryRef, NoteHash, OrgId};
use foedus_policy::state::Offer;
use foedus_policy::time::Timestamp;
use foedus_policy::vocabulary::Access;

use super::organisation::Organisation;

pub use rest::Unrest;
use stepwise::Outline;

mod consented;
mod converged;
mod durable;
mod ended;
mod forks;
mod genuine;
mod rest;
mod sovereign;
mod stepwise;

/// The promises that checkers look at, by the names under which they count and find.
pub const DURABLE: &str = "P1 durable";
/// See [`DURABLE`].
pub const GENUINE: &str = "P2 genuine";
/// See [`DURABLE`].
pub const CONVERGENT: &str = "P3 convergent";
/// See [`DURABLE`].
pub const SOVEREIGN: &str = "P4 sovereign";
/// See [`DURABLE`].
pub const CONSENTED: &str = "P5 consented";
/// See [`DURABLE`].
pub const ENDED: &str = "P6 ended";
/// See [`DURABLE`].
pub const FORKS: &str = "P7 forks";
/// A world that does not come to rest is found by the world itself, and not counted.
pub const BOUNDED: &str = "P9 bounded";

/// Every checker of a promise, by the name under which it counts: none of them may look at nothing.
pub const CHECKERS: &[&str] = &[
    DURABLE, GENUINE, CONVERGENT, SOVEREIGN, CONSENTED, ENDED, FORKS,
];

/// Something that was promised and did not hold.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Which checker found it.
    pub checker: &'static str,
    /// True time since the beginning of its world, in milliseconds.
    pub at_millis: u64,
    /// What it found.
    pub text: String,
}

/// What somebody said, before anybody answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    pub at: usize,
    pub address: String,
    pub verb: &'static str,
    pub target: Option<EntryRef>,
    pub text: String,
}

/// An entry whose author was told that it is durable.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    pub at: usize,
    pub channel: ChannelId,
    pub entry: EntryRef,
    pub since: u64,
}

/// What the checkers know.
pub struct Checker {
    findings: Vec<Finding>,
    handles: Vec<String>,
    ids: Vec<OrgId>,
    /// The channel that is, or will be, shared.
    pub shared: Option<ChannelId>,
    pub said: BTreeSet<Said>,
    pub acknowledged: Vec<Acknowledged>,
    /// Every entry that was ever durable on its own origin's disk.
    pub written: BTreeSet<EntryRef>,
    /// Which partners administrators said yes to.
    peerings: BTreeSet<(usize, OrgId)>,
    /// Which charters administrators said yes to, by their text.
    approved: BTreeSet<(usize, NoteHash)>,
    /// Which terms of whose channel administrators said yes to.
    offers: Vec<(usize, OrgId, Offer)>,
    /// Every charter that was on any disk.
    pub charters: BTreeMap<NoteHash, Charter>,
    /// The newest revision that each disk holds a seal for.
    pub in_force: Vec<Option<NoteHash>>,
    /// Since when each disk says that the channel ended, in true time.
    pub ended: Vec<Option<u64>>,
    /// What each disk holds of each channel, in outline.
    outlines: BTreeMap<(usize, ChannelId), Outline>,
    /// When two that held the same were last compared.
    compared: BTreeMap<(usize, usize), u64>,
    /// Logs that somebody made up to lie with.
    pub forged: BTreeSet<LogId>,
    /// Checks that were made, so that nobody is content with none.
    pub checks: BTreeMap<&'static str, u64>,
}

impl Checker {
    pub fn new(orgs: &[Organisation]) -> Self {
        Self {
            findings: Vec::new(),
            handles: orgs.iter().map(|org| org.handle.clone()).collect(),
            ids: orgs.iter().map(|org| org.id).collect(),
            shared: None,
            said: BTreeSet::new(),
            acknowledged: Vec::new(),
            written: BTreeSet::new(),
            peerings: BTreeSet::new(),
            approved: BTreeSet::new(),
            offers: Vec::new(),
            charters: BTreeMap::new(),
            in_force: vec![None; orgs.len()],
            ended: vec![None; orgs.len()],
            outlines: BTreeMap::new(),
            compared: BTreeMap::new(),
            forged: BTreeSet::new(),
            checks: BTreeMap::new(),
        }
    }

    /// Notes a finding.
    pub fn find(&mut self, checker: &'static str, at_millis: u64, text: String) {
        self.findings.push(Finding {
            checker,
            at_millis,
            text,
        });
    }

    pub fn count(&mut self, checker: &'static str) {
        *self.checks.entry(checker).or_default() += 1;
    }

    /// Whether anything was found: the rest of such a world says nothing.
    pub fn is_over(&self) -> bool {
        !self.findings.is_empty()
    }

    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    pub fn damaged(&mut self, at: usize, damaged: &Damaged) {
        let text = format!("the disk of {at} does not read back: {damaged}");
        self.find(DURABLE, 0, text);
    }

    /// Somebody is about to say something.
    pub fn says(&mut self, at: usize, name: &str, verb: &Verb) {
        let address = format!("{name}@{}", self.handles[at]);
        let said = |verb, target, text: &str| Said {
            at,
            address: address.clone(),
            verb,
            target,
            text: text.to_owned(),
        };
        match verb {
            Verb::Post(texts) => {
                for text in texts {
                    self.said.insert(said("post", text.reply_to, &text.text));
                }
            }
            Verb::Edit { target, text } => {
                self.said.insert(said("edit", Some(*target), text));
            }
            Verb::Retract { target } => {
                self.said.insert(said("retract", Some(*target), ""));
            }
            Verb::React { target, emoji, on } => {
                let text = format!("{emoji} {on}");
                self.said.insert(said("react", Some(*target), &text));
            }
        }
    }

    pub fn approved_peering(&mut self, at: usize, partner: OrgId) {
        self.peerings.insert((at, partner));
    }

    pub fn approved_charter(&mut self, at: usize, charter: NoteHash) {
        self.approved.insert((at, charter));
    }

    pub fn approved_offer(&mut self, at: usize, host: OrgId, offer: &Offer) {
        self.offers.push((at, host, offer.clone()));
    }

    /// Whether an administrator of an organisation said yes to a charter, or to an offer that
    /// says all that the charter says.
    fn has_approved(&self, at: usize, charter: &Charter, hash: NoteHash) -> bool {
        if self.approved.contains(&(at, hash)) {
            return true;
        }
        let us = self.ids[at];
        let plain = charter.participants.len() == 2
            && charter.participants.values().all(|a| *a == Access::Full);
        self.offers.iter().any(|(by, host, offer)| {
            *by == at
                && *host == charter.host
                && offer.channel == charter.channel
                // The host's own administrator draws it up.
                && (us == charter.host
                    || (plain
                        && offer.ends == charter.end
                        && offer.capabilities == charter.capabilities))
        })
    }

    pub fn index_of(&self, org: OrgId) -> Option<usize> {
        self.ids.iter().position(|id| *id == org)
    }

    /// Takes note of a note that is durable on a disk.
    pub fn noted(&mut self, at: usize, now: u64, bytes: &[u8]) {
        match NoteKind::of(bytes) {
            Some(NoteKind::Charter) => {
                if let Ok(note) = Claimed::<Charter>::parse(bytes) {
                    self.charters.insert(note.hash(), note.claims().clone());
                }
            }
            Some(NoteKind::Seal) => {
                if let Ok(note) = Claimed::<Seal>::parse(bytes) {
                    let number = |hash: &NoteHash| self.charters.get(hash).map(|c| c.number);
                    let newer = note.claims().charter;
                    if self.in_force[at].is_none_or(|old| number(&old) < number(&newer)) {
                        self.in_force[at] = Some(newer);
                    }
                }
            }
            Some(NoteKind::Termination) if Claimed::<Termination>::parse(bytes).is_ok() => {
                self.ended[at].get_or_insert(now);
            }
            Some(NoteKind::Withdrawal) => {
                let own = Claimed::<Withdrawal>::parse(bytes)
                    .is_ok_and(|note| note.claims().org == self.ids[at]);
                if own {
                    self.ended[at].get_or_insert(now);
                }
            }
            Some(NoteKind::DisconnectRecord) => {
                let own = Claimed::<DisconnectRecord>::parse(bytes)
                    .is_ok_and(|note| note.claims().org == self.ids[at]);
                if own {
                    self.ended[at].get_or_insert(now);
                }
            }
            _ => {}
        }
    }

    /// The charter in force by the disk of an organisation.
    pub fn charter_at(&self, at: usize) -> Option<&Charter> {
        self.charters.get(&self.in_force[at]?)
    }

    /// Whether more than a second has passed since the end, by what the disk of an organisation
    /// says or by its clock.
    pub fn is_past_end(&self, at: usize, now: u64, wall: Timestamp) -> bool {
        let by_note = self.ended[at].is_some_and(|since| now > since + 1_000);
        let end = self.charter_at(at).and_then(|charter| charter.end);
        by_note || end.is_some_and(|end| wall > end.plus_millis(1_000))
    }

    /// Whether a body written under a revision may be at an organisation.
    pub fn may_hold_body(&self, origin: OrgId, revision: NoteHash, at: usize) -> bool {
        let holder = self.ids[at];
        if origin == holder {
            return true;
        }
        let may_read = |charter: &Charter| {
            let access = charter.participants.get(&holder);
            access.is_some_and(|access| access.may_read())
        };
        self.charters.get(&revision).is_some_and(may_read)
    }
}
