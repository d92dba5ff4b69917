//! Going through an export line by line: what is genuine, what is not, what is missing.
//!
//! The charters are learnt and entries judged by the rules that the channel's own machine goes by.
//! Nothing is asked of anybody: the identities of the organisations come with the export, and each
//! proves itself by the hash that is its id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foedus_policy::id::{ChannelId, NoteHash, OrgId};
use sha2::{Digest as _, Sha256};

use super::claims::{Claims, LogName};
use super::fault::{Place, Wrong};
use super::line::{FIRST, Line};
use super::log::{At, OpenLog};
use super::report::Report;
use super::{Export, stated};
use crate::bounds::{
    EXPORT_LINE_BYTES_MAX, EXPORT_LOGS_MAX, EXPORT_ORGS_MAX, IDENTITY_CHAIN_NOTES_MAX,
};
use crate::channel::{Breach, Governance, Learned, Void, judged};
use crate::entry::Entry;
use crate::evidence::{CountingKeys, GovernanceNote, RefusedGovernanceNote};
use crate::frame::RawEntry;
use crate::identity::{Identity, IdentityChain, InvalidChain};
use crate::note::Claimed;
use crate::tree::leaf_hash;

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    First,
    Channel,
    Identities,
    Notes,
    Logs,
    Over,
}

/// Takes the lines of an export in their order.
#[derive(Debug)]
pub struct Verifier {
    claims: Claims,
    stage: Stage,
    at: At,
    next_offset: u64,
    digest: Sha256,
    channel: ChannelId,
    chain: Vec<Vec<u8>>,
    chain_of: Option<(OrgId, At)>,
    identities: BTreeMap<OrgId, Arc<IdentityChain>>,
    governance: Governance,
    log: Option<OpenLog>,
    last_log: Option<LogName>,
    held: BTreeMap<LogName, u64>,
    seen_notes: BTreeSet<NoteHash>,
    report: Report,
}

/// Nobody: the rules are applied in no organisation's name.
const NOBODY: OrgId = OrgId([0; 32]);

impl Verifier {
    /// A verifier that knows what the export's organisations state of each other's logs.
    pub fn new(claims: Claims) -> Self {
        Self {
            claims,
            stage: Stage::First,
            at: At { line: 0, offset: 0 },
            next_offset: 0,
            digest: Sha256::new(),
            channel: ChannelId([0; 32]),
            chain: Vec::new(),
            chain_of: None,
            identities: BTreeMap::new(),
            governance: Governance::local(NOBODY),
            log: None,
            last_log: None,
            held: BTreeMap::new(),
            seen_notes: BTreeSet::new(),
            report: Report::default(),
        }
    }

    /// Takes the next line, its newline included. A caller may cut off a line that is longer than
    /// [`EXPORT_LINE_BYTES_MAX`], and says how long it is.
    pub fn line(&mut self, bytes: &[u8], length: u64) {
        self.at = At {
            line: self.at.line + 1,
            offset: self.next_offset,
        };
        self.next_offset += length;
        if bytes.len() > EXPORT_LINE_BYTES_MAX || bytes.len() as u64 != length {
            self.fault(Place::Line, Wrong::TooLong);
            self.lose_line();
        } else if self.stage == Stage::First {
            self.first(bytes);
        } else {
            let (line, damaged) = Line::read(bytes);
            if let Some(damaged) = damaged {
                self.fault(Place::Line, Wrong::Line(damaged));
            }
            match line {
                Ok(line) => self.take(line),
                Err(invalid) => {
                    if damaged.is_none() {
                        self.fault(Place::Line, Wrong::Line(invalid));
                    }
                    self.lose_line();
                }
            }
        }
        self.digest.update(bytes);
    }

    /// What the lines came to.
    pub fn finish(mut self) -> Report {
        if self.stage != Stage::Over {
            self.end_of_logs();
            self.at = At {
                line: self.at.line + 1,
                offset: self.next_offset,
            };
            self.fault(Place::Line, Wrong::CutOff);
        }
        self.count_missing();
        for (org, chain) in &self.identities {
            let contents = self.report.organisations.entry(*org).or_default();
            contents.handle = chain.current().handle.as_str().to_owned();
        }
        self.report
    }

    fn fault(&mut self, place: Place, wrong: Wrong) {
        self.report.add((self.at, place, wrong));
    }

    fn out_of_order(&mut self, word: &'static str) {
        self.fault(Place::Line, Wrong::Order { word });
    }

    fn lose_line(&mut self) {
        if let Some(log) = &mut self.log {
            log.lose_line();
        }
    }

    fn first(&mut self, bytes: &[u8]) {
        if bytes.strip_suffix(b"\n") != Some(FIRST.as_bytes()) {
            self.fault(Place::Line, Wrong::First);
        }
        self.stage = Stage::Channel;
    }

    fn take(&mut self, line: Line) {
        let word = line.word();
        match line {
            Line::Channel(channel) if self.stage == Stage::Channel => {
                self.channel = channel;
                self.report.channel = Some(channel);
                self.stage = Stage::Identities;
            }
            Line::Identity(note) if self.stage == Stage::Identities => self.identity(note),
            Line::Note(note) if matches!(self.stage, Stage::Identities | Stage::Notes) => {
                self.end_of_chain();
                self.stage = Stage::Notes;
                self.note(&note);
            }
            Line::Log {
                origin,
                incarnation,
                entries,
            } if (Stage::Identities..=Stage::Logs).contains(&self.stage) => {
                self.log((origin, incarnation), entries);
            }
            Line::Statement(note) if (Stage::Identities..=Stage::Logs).contains(&self.stage) => {
                self.end_of_logs();
                self.stage = Stage::Over;
                self.statement(&note);
            }
            line => match &mut self.log {
                Some(log) if fits(&line, log) => self.in_log(line),
                _ => self.out_of_order(word),
            },
        }
    }

    fn in_log(&mut self, line: Line) {
        let at = self.at;
        let log = self.log.as_mut().expect("a line of a log that is open");
        match line {
            Line::Checkpoint(note) => log.checkpoint = Some((at, note)),
            Line::Proof(hashes) => log.proof = Some(hashes),
            Line::Fork(bytes) => log.fork = Some((at, bytes)),
            Line::Entry(raw) => self.entry(raw),
            line => unreachable!("{} is no line of a log", line.word()),
        }
    }

    /// Takes a note of the chain of one organisation; the chains are sorted by organisation.
    fn identity(&mut self, note: Vec<u8>) {
        let org = match Claimed::<Identity>::parse(&note) {
            Ok(claimed) => claimed.claims().org,
            Err(refused) => {
                let wrong = Wrong::Identity(InvalidChain::Note(refused));
                return self.fault(Place::Line, wrong);
            }
        };
        let current = self.chain_of.map(|(org, _)| org);
        if current != Some(org) {
            self.end_of_chain();
            let last = self.identities.last_key_value().map(|(org, _)| *org);
            if last.max(current).is_some_and(|last| last >= org) {
                return self.out_of_order("identity");
            }
            if self.identities.len() >= EXPORT_ORGS_MAX {
                return self.fault(Place::Line, Wrong::Organisations);
            }
            self.chain_of = Some((org, self.at));
        }
        // One more than a chain has is enough to see that it is too long.
        if self.chain.len() <= IDENTITY_CHAIN_NOTES_MAX {
            self.chain.push(note);
        }
    }

    fn end_of_chain(&mut self) {
        let chain = std::mem::take(&mut self.chain);
        let Some((org, at)) = self.chain_of.take() else {
            return;
        };
        match IdentityChain::verify(chain.iter().map(Vec::as_slice)) {
            Ok(chain) => {
                self.identities.insert(org, Arc::new(chain));
            }
            Err(invalid) => {
                let wrong = Wrong::Identity(invalid);
                self.report.add((at, Place::Identity(org), wrong));
            }
        }
    }

    /// Learns a note that governs the channel, by the rules by which its daemons did.
    fn note(&mut self, bytes: &[u8]) {
        let identities = &self.identities;
        let known = |org: OrgId| identities.get(&org).cloned();
        // Which of its keys counted was decided when it was taken; here any that it ever named.
        let note = match GovernanceNote::check(bytes, &known, CountingKeys::Ever) {
            Ok(note) => note,
            Err(refused) => return self.fault(Place::Line, Wrong::Note(refused)),
        };
        if note.channel() != self.channel {
            let refused = RefusedGovernanceNote::OtherChannel;
            return self.fault(Place::Line, Wrong::Note(refused));
        }
        let teller = match &note {
            GovernanceNote::Charter(charter) => charter.note().host,
            _ => NOBODY,
        };
        if !self.seen_notes.insert(note.hash()) {
            return self.fault(Place::Line, Wrong::Needless);
        }
        self.report.notes += 1;
        match self.governance.learn(&note, teller) {
            Ok(Learned::Kept | Learned::InForce) => {}
            Ok(Learned::Nothing) => self.fault(Place::Line, Wrong::Needless),
            // It is evidence, and stands in the export as such.
            Err(Breach::TwoSeals) => self.report.two_seals = true,
            Err(breach) => self.fault(Place::Line, Wrong::Breach(breach)),
        }
        self.report.revisions = self
            .governance
            .newest()
            .map_or(0, |newest| newest.charter().number);
    }

    fn log(&mut self, log: LogName, entries: u64) {
        self.end_of_logs();
        self.stage = Stage::Logs;
        let sorted = self.last_log.is_none_or(|last| last < log);
        if !sorted || entries == 0 {
            self.out_of_order("log");
        }
        if self.held.len() >= EXPORT_LOGS_MAX {
            return self.fault(Place::Line, Wrong::Logs);
        }
        self.last_log = self.last_log.max(Some(log));
        self.log = Some(OpenLog::new(self.channel, log, entries, self.at));
        let contents = self.report.organisations.entry(log.0).or_default();
        contents.logs += 1;
    }

    fn end_of_logs(&mut self) {
        self.end_of_chain();
        let Some(log) = self.log.take() else { return };
        let id = log.id;
        let read = log.read;
        let identity = self.identities.get(&id.origin).cloned();
        let closed = log.close(identity.as_deref());
        for found in closed.faults {
            self.report.add(found);
        }
        if closed.forked {
            self.report.forks.push(id);
        }
        let name = (id.origin, id.incarnation);
        self.held.insert(name, read);
        if closed.signed > read {
            self.report.miss(name, read, closed.signed, id.origin);
        }
    }

    fn entry(&mut self, raw: RawEntry) {
        let (at, leaf) = (self.at, leaf_hash(&raw.header));
        let has_body = raw.body.is_some();
        let log = self.log.as_mut().expect("an entry of a log that is open");
        let place = Place::Entry(log.id.entry(log.next));
        let origin = log.id.origin;
        let read = Entry::read(raw);
        let mut wrongs = Vec::new();
        let judgement = match read {
            Err(invalid) => {
                log.next += 1;
                wrongs.push(Wrong::Entry(invalid));
                None
            }
            Ok(mut entry) => {
                wrongs.extend(log.check_place(&entry).err());
                if let Some(before) = log.hlc {
                    entry.check_time(before);
                }
                log.hlc = Some(entry.header.hlc);
                if entry.header.sequence == 0 {
                    let identity = self.identities.get(&origin);
                    wrongs.extend(log.check_opening(&entry, identity.map(AsRef::as_ref)).err());
                }
                let verdict = judge(&self.governance, &entry, log);
                if verdict.is_none() {
                    wrongs.push(Wrong::Revision);
                }
                Some((entry, verdict))
            }
        };
        log.grow(leaf, at, &self.claims);
        for wrong in wrongs {
            self.fault(place, wrong);
        }
        let contents = self.report.organisations.entry(origin).or_default();
        contents.entries += 1;
        contents.absent += u64::from(!has_body);
        if let Some((entry, verdict)) = judgement {
            contents.count(&entry, verdict);
        }
    }

    fn statement(&mut self, bytes: &[u8]) {
        match self.check_statement(bytes) {
            Ok(statement) => {
                self.report.exporter = Some(statement.org);
                self.report.at = Some(statement.at);
                let org = statement.org;
                if statement.channel != Some(self.channel) {
                    self.fault(Place::Line, Wrong::StatementChannel);
                }
                let digest: [u8; 32] = self.digest.clone().finalize().into();
                if statement.digest != digest {
                    self.fault(Place::Line, Wrong::Digest { org });
                }
            }
            Err(wrong) => self.fault(Place::Line, wrong),
        }
    }

    fn check_statement(&self, bytes: &[u8]) -> Result<Export, Wrong> {
        let claimed = Claimed::<Export>::parse(bytes).map_err(Wrong::Statement)?;
        let org = claimed.claims().org;
        let chain = self.identities.get(&org);
        let key = chain.ok_or(Wrong::NoIdentity { org })?.current().sign;
        stated(claimed, bytes, &key)
    }

    fn count_missing(&mut self) {
        let stated: Vec<_> = self.claims.greatest().collect();
        for (log, size, by) in stated {
            let held = self.held.get(&log).copied().unwrap_or(0);
            let known = self
                .report
                .missing
                .iter()
                .any(|known| (known.origin, known.incarnation) == log && known.to >= size);
            if size > held && !known {
                self.report.miss(log, held, size, by);
            }
        }
    }
}

/// Whether a line of a log may stand where the log is: checkpoint, proof, entries, evidence.
fn fits(line: &Line, log: &OpenLog) -> bool {
    let begun = log.read > 0 || log.damaged;
    match line {
        Line::Checkpoint(_) => !begun && log.checkpoint.is_none(),
        Line::Proof(_) => !begun && log.checkpoint.is_some() && log.proof.is_none(),
        Line::Entry(_) => log.read < log.entries && log.fork.is_none(),
        Line::Fork(_) => log.fork.is_none() && (log.read == log.entries || log.damaged),
        _ => false,
    }
}

/// What the rules of the charter make of an entry; `None` if its charter is not there. What was
/// written while nothing was shared names none, and counts.
fn judge(governance: &Governance, entry: &Entry, log: &mut OpenLog) -> Option<Result<(), Void>> {
    if governance.newest().is_none() {
        return (entry.header.revision == NoteHash::LOCAL).then_some(Ok(()));
    }
    let judged = judged(governance, entry, log.revision)?;
    let revision = governance.revision(entry.header.revision);
    let number = revision.map_or(0, |revision| revision.charter().number);
    log.revision = log.revision.max(number);
    Some(judged)
}
