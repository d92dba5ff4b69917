//! Going through an exported audit log: is it what its organisation signed, from the first act on?
//!
//! The newest checkpoint covers the newest incarnation; the first entry of each incarnation says
//! how the one before it ended. So one signature proves all of it.

use foedus_policy::id::{EntryRef, IncarnationId, OrgId};
use foedus_policy::time::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{AuditLine, AuditShown};
use crate::bounds::{EXPORT_FAULTS_MAX, EXPORT_LINE_BYTES_MAX};
use crate::checkpoint::VerifiedCheckpoint;
use crate::entry::{Entry, InvalidEntry, LogId};
use crate::export::fault::{Fault, Place, Wrong};
use crate::export::log::At;
use crate::export::{Export, InvalidLine, stated};
use crate::frame::RawEntry;
use crate::identity::IdentityChain;
use crate::key::VerifyingKey;
use crate::kind::{Body, ClosedLog, Kind};
use crate::note::Claimed;
use crate::org::NO_CHANNEL;
use crate::org_store::{StoredOutcome, read_audit};
use crate::tree::Frontier;

/// What an exported audit log comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditReport {
    /// Whose log it is.
    pub org: Option<OrgId>,
    /// What it calls itself. A claim.
    pub handle: String,
    /// When it was exported, by the exporter's clock.
    pub at: Option<Timestamp>,
    /// How many entries there are.
    pub entries: u64,
    /// Of how many it is shown what they say.
    pub shown: u64,
    /// How many are there by their headers only: they were left out.
    pub absent: u64,
    /// The runs of the daemon that wrote it.
    pub incarnations: u64,
    /// The time of the first act that is shown.
    pub first: Option<Timestamp>,
    /// Of the last.
    pub last: Option<Timestamp>,
    /// What is not genuine. The first of it.
    pub faults: Vec<Fault>,
    /// How much more is not.
    pub faults_more: u64,
}

impl AuditReport {
    /// Whether all that was found is what it says to be.
    pub fn is_genuine(&self) -> bool {
        self.faults.is_empty()
    }
}

/// The incarnation under way.
#[derive(Debug)]
struct Written {
    incarnation: IncarnationId,
    frontier: Frontier,
    key: Option<[u8; 32]>,
    at: At,
}

/// Takes the lines of an exported audit log in their order.
#[derive(Debug, Default)]
pub struct AuditVerifier {
    at: Option<At>,
    next_offset: u64,
    digest: Sha256,
    begun: bool,
    over: bool,
    damaged: bool,
    expected: u64,
    next: u64,
    identity: Option<IdentityChain>,
    checkpoint: Vec<u8>,
    written: Option<Written>,
    report: AuditReport,
}

impl AuditVerifier {
    /// Takes the next line: its bytes, newline included, and what was read of them.
    pub fn line(&mut self, bytes: &[u8], read: Option<AuditLine>, length: u64) {
        let line = self.at.map_or(1, |at| at.line + 1);
        let offset = self.next_offset;
        self.at = Some(At { line, offset });
        self.next_offset += length;
        if bytes.len() > EXPORT_LINE_BYTES_MAX || bytes.len() as u64 != length {
            self.fault(Wrong::TooLong);
            self.damaged = true;
        } else {
            // What is not written as it would be written says something else to somebody else.
            let plain = read.filter(|line| line.write().as_bytes() == bytes);
            match plain {
                Some(line) => self.take(line),
                None => {
                    self.fault(Wrong::Line(InvalidLine::Form));
                    self.damaged = true;
                }
            }
        }
        self.digest.update(bytes);
    }

    /// What the lines came to.
    pub fn finish(mut self) -> AuditReport {
        if !self.over {
            let line = self.at.map_or(1, |at| at.line + 1);
            let offset = self.next_offset;
            self.end();
            self.at = Some(At { line, offset });
            self.fault(Wrong::CutOff);
        }
        self.report
    }

    fn now(&self) -> At {
        self.at.unwrap_or(At { line: 0, offset: 0 })
    }

    fn fault(&mut self, wrong: Wrong) {
        self.fault_of(self.now(), Place::Line, wrong);
    }

    fn fault_of(&mut self, at: At, place: Place, wrong: Wrong) {
        if self.report.faults.len() >= EXPORT_FAULTS_MAX {
            self.report.faults_more += 1;
            return;
        }
        self.report.faults.push(Fault {
            line: at.line,
            offset: at.offset,
            place,
            wrong,
        });
    }

    fn take(&mut self, line: AuditLine) {
        match line {
            AuditLine::Head {
                org,
                identity,
                entries,
                checkpoint,
            } if !self.begun => {
                self.begun = true;
                self.expected = entries;
                self.checkpoint = checkpoint.into_bytes();
                self.report.org = Some(org);
                self.head(org, &identity);
            }
            AuditLine::Entry {
                sequence,
                shown,
                raw,
            } if self.begun && !self.over => self.entry(sequence, shown, raw),
            AuditLine::Statement(note) if self.begun && !self.over => {
                self.end();
                self.over = true;
                self.statement(note.as_bytes());
            }
            AuditLine::Head { .. } => self.fault(Wrong::Order { word: "format" }),
            AuditLine::Entry { .. } => self.fault(Wrong::Order { word: "sequence" }),
            AuditLine::Statement(_) => self.fault(Wrong::Order { word: "statement" }),
        }
    }

    fn head(&mut self, org: OrgId, identity: &[String]) {
        let place = Place::Identity(org);
        match IdentityChain::verify(identity.iter().map(String::as_bytes)) {
            Ok(chain) if chain.org() == org => {
                self.report.handle = chain.current().handle.as_str().to_owned();
                self.identity = Some(chain);
            }
            Ok(_) => self.fault_of(self.now(), place, Wrong::NoIdentity { org }),
            Err(invalid) => self.fault_of(self.now(), place, Wrong::Identity(invalid)),
        }
    }

    fn entry(&mut self, sequence: u64, shown: Option<AuditShown>, raw: RawEntry) {
        let expected = std::mem::replace(&mut self.next, sequence.saturating_add(1));
        if sequence != expected && !self.damaged {
            let found = sequence;
            self.fault(Wrong::Sequence { expected, found });
            self.damaged = true;
        }
        self.report.entries += 1;
        self.report.absent += u64::from(raw.body.is_none());
        let entry = match Entry::read(raw) {
            Ok(entry) => entry,
            Err(invalid) => {
                // A body that is not its own leaves the header, and so the tree, as it was.
                self.damaged |= matches!(invalid, InvalidEntry::Header(_));
                return self.fault(Wrong::Entry(invalid));
            }
        };
        if entry.header.sequence == 0 {
            self.open(&entry);
        }
        let reference = entry.header.reference();
        self.grow(&entry);
        self.check_shown(reference, shown, &entry);
    }

    /// A new incarnation says how the one before it ended.
    fn open(&mut self, entry: &Entry) {
        let place = Place::Entry(entry.header.reference());
        let before = self.written.take();
        self.report.incarnations += 1;
        let mut written = Written {
            incarnation: entry.header.log.incarnation,
            frontier: Frontier::EMPTY,
            key: None,
            at: self.now(),
        };
        match &entry.body {
            Some(Body::Opened(opened)) => {
                written.key = Some(opened.key);
                let ended = before.as_ref().map(|before| ClosedLog {
                    incarnation: before.incarnation,
                    size: before.frontier.size(),
                    root: before.frontier.root(),
                });
                let ended: Vec<ClosedLog> = ended.into_iter().collect();
                if opened.closes != ended && !self.damaged {
                    let at = before.map_or(self.now(), |before| before.at);
                    self.fault_of(at, place, Wrong::Closed);
                }
            }
            _ => self.fault_of(self.now(), place, Wrong::NotOpened),
        }
        self.written = Some(written);
    }

    fn grow(&mut self, entry: &Entry) {
        let place = Place::Entry(entry.header.reference());
        let org = self.report.org.unwrap_or(OrgId([0; 32]));
        let Some(written) = &mut self.written else {
            if !self.damaged {
                self.fault_of(self.now(), place, Wrong::NotOpened);
            }
            self.damaged = true;
            return;
        };
        let log = LogId {
            channel: NO_CHANNEL,
            origin: org,
            incarnation: written.incarnation,
        };
        let expected = written.frontier.size();
        written.frontier.append(entry.leaf);
        if entry.header.log != log {
            self.fault_of(self.now(), place, Wrong::OtherLog);
        } else if entry.header.sequence != expected && !self.damaged {
            let found = entry.header.sequence;
            self.fault_of(self.now(), place, Wrong::Sequence { expected, found });
        }
    }

    /// What the line says is what was signed: when, what, and how it ended. The names are the
    /// exporter's, which signs the whole.
    fn check_shown(&mut self, entry: EntryRef, shown: Option<AuditShown>, read: &Entry) {
        let said = match &read.body {
            Some(Body::Custom { bytes, .. }) => read_audit(bytes).ok(),
            _ => None,
        };
        let same = match (&shown, &said) {
            (None, None) => read.body.is_none() || read.header.known_kind() == Ok(Kind::Opened),
            (Some(shown), Some(said)) => {
                let rule = match &said.outcome {
                    StoredOutcome::Done => "",
                    StoredOutcome::Denied { reason } => reason,
                };
                (shown.at, shown.action.as_str(), shown.rule.as_str())
                    == (said.at, said.verb.as_str(), rule)
            }
            _ => false,
        };
        if !same {
            self.fault_of(self.now(), Place::Entry(entry), Wrong::Record);
        }
        if let Some(shown) = shown {
            self.report.shown += 1;
            self.report.first.get_or_insert(shown.at);
            self.report.last = Some(shown.at);
        }
    }

    /// All entries were read: are they what the checkpoint covers?
    fn end(&mut self) {
        if self.report.entries != self.expected && !self.damaged {
            let (expected, found) = (self.expected, self.report.entries);
            self.fault(Wrong::Entries { expected, found });
            self.damaged = true;
        }
        let Some(written) = self.written.take() else {
            // A log begins with the act that made the organisation: none is empty.
            if !self.damaged {
                self.fault(Wrong::NotOpened);
            }
            return;
        };
        let org = self.report.org.unwrap_or(OrgId([0; 32]));
        let place = Place::Log(org, written.incarnation);
        let keys = self.identity.as_ref().map(IdentityChain::sign_keys);
        let Some(keys) = keys else { return };
        let named = |key: &&VerifyingKey| Some(*key.as_bytes()) == written.key;
        let Some(key) = keys.iter().find(named) else {
            return self.fault_of(written.at, place, Wrong::Key);
        };
        let head = At { line: 1, offset: 0 };
        let checkpoint = match VerifiedCheckpoint::verify(&self.checkpoint, key) {
            Ok(checkpoint) => checkpoint,
            Err(invalid) => return self.fault_of(head, place, Wrong::Checkpoint(invalid)),
        };
        let log = checkpoint.log();
        let of_this =
            (log.channel, log.origin, log.incarnation) == (NO_CHANNEL, org, written.incarnation);
        if !of_this && !self.damaged {
            return self.fault_of(head, place, Wrong::CheckpointLog);
        }
        let (size, root) = (written.frontier.size(), written.frontier.root());
        if (size, root) != (checkpoint.size(), *checkpoint.root()) && !self.damaged {
            let wrong = Wrong::Root {
                entries: size,
                to_line: self.now().line - 1,
            };
            self.fault_of(written.at, place, wrong);
        }
    }

    fn statement(&mut self, bytes: &[u8]) {
        match self.check_statement(bytes) {
            Err(wrong) => self.fault(wrong),
            Ok(statement) => {
                self.report.at = Some(statement.at);
                let org = statement.org;
                if statement.channel.is_some() {
                    self.fault(Wrong::StatementChannel);
                }
                let digest: [u8; 32] = self.digest.clone().finalize().into();
                if statement.digest != digest {
                    self.fault(Wrong::Digest { org });
                }
            }
        }
    }

    fn check_statement(&self, bytes: &[u8]) -> Result<Export, Wrong> {
        let claimed = Claimed::<Export>::parse(bytes).map_err(Wrong::Statement)?;
        let org = claimed.claims().org;
        let chain = self.identity.as_ref().filter(|chain| chain.org() == org);
        let key = chain.ok_or(Wrong::NoIdentity { org })?.current().sign;
        stated(claimed, bytes, &key)
    }
}
