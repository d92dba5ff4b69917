//! Reading a channel for an export: lines that prove themselves, and at the end the exporter's word.
//!
//! Plan and answer, as all readers: a [`ChannelExport`] names reads, its host carries them out, and
//! there are lines. Entries are immutable once durable, so reads need not be of one moment: how far
//! the logs go is taken from the view that the reader began with. What an erasure took away since
//! is looked at again with each read.
//!
//! It must not know who asks, or where the lines go.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::sync::Arc;

use foedus_policy::id::{AuthorId, EntryRef, OrgId};
use foedus_policy::time::Timestamp;
use sha2::{Digest as _, Sha256};

use super::line::FIRST;
use super::{Export, Line};
use crate::batch::{Key, Reading};
use crate::bounds::{EXPORT_PIECE_BYTES, EXPORT_RUNS_MAX};
use crate::channel::{ChannelView, Log, Verdict};
use crate::damaged::Damaged;
use crate::entry::{Header, LogId};
use crate::keys::ChannelKeys;
use crate::kind::{Body, Kind};
use crate::note::NoteType as _;
use crate::snapshot::{OrgSnapshot, OurKeys};
use crate::steploop::Rows;
use crate::stored::{Annotation, Annotations, Record, Run, StoredEntry};

/// Whose bodies go into an export. What was erased never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bodies {
    /// Those that a reader is or was shown: not what was taken back, counts for nobody, is kept
    /// from having effect here, or waits.
    Shown,
    /// All that are held.
    Held,
}

/// The next lines; none once all but the statement were given.
type Lines = Option<Vec<u8>>;

/// Entries of one run that were read, and what has to be known of others before they are given.
#[derive(Debug)]
struct Opened {
    entry: StoredEntry,
    header: Header,
    /// On which entries annotations decide whether its body goes out.
    asks: Vec<EntryRef>,
}

#[derive(Debug)]
enum Stage {
    /// First lines, identities, notes; how many notes were given.
    Head(usize),
    /// Between two logs, or before the entry of this sequence.
    Logs,
    /// Runs were asked for.
    Runs,
    /// What was said of these entries was asked for.
    Annotations(Vec<Opened>, Vec<EntryRef>),
    Over,
}

/// Reads one channel.
#[derive(Debug)]
pub struct ChannelExport {
    view: Arc<ChannelView>,
    org: Arc<OrgSnapshot>,
    bodies: Bodies,
    keys: ChannelKeys,
    waiting: BTreeSet<EntryRef>,
    identities: VecDeque<OrgId>,
    logs: VecDeque<LogId>,
    /// The log under way, and its next entry.
    log: Option<(LogId, u64)>,
    stage: Stage,
    begun: bool,
    digest: Sha256,
}

impl ChannelExport {
    /// A reader of what the view has. A channel that is shared is exported from the time on at which
    /// it was: what its host wrote before was given to nobody.
    pub fn new(view: Arc<ChannelView>, org: Arc<OrgSnapshot>, bodies: Bodies) -> Self {
        let shared = view.governance.newest().is_some();
        let given = |log: &Log| log.signed > 0 && log.is_shared() == shared;
        let logs = view.logs.iter().filter(|(_, log)| given(log));
        let logs: VecDeque<LogId> = logs.map(|(id, _)| *id).collect();
        let mut orgs: BTreeSet<OrgId> = logs.iter().map(|log| log.origin).collect();
        orgs.insert(view.us);
        if shared {
            orgs.extend(view.governance.orgs());
        }
        Self {
            keys: ChannelKeys(view.channel),
            waiting: view.waiting.values().map(|waiting| waiting.entry).collect(),
            identities: orgs.into_iter().collect(),
            logs,
            log: None,
            stage: Stage::Head(0),
            begun: false,
            digest: Sha256::new(),
            view,
            org,
            bodies,
        }
    }

    /// How many entries are left out, because they were written before the channel was shared.
    pub fn left_out(&self) -> u64 {
        let shared = self.view.governance.newest().is_some();
        let logs = self.view.logs.values();
        let left_out = logs.filter(|log| shared && !log.is_shared());
        left_out.map(|log| log.frontier.size()).sum()
    }

    /// Goes on with what was read; the first call brings nothing. What it finds are the next lines; none once all but
    /// the statement were given.
    ///
    /// # Panics
    /// If there is not one answer for each read: a fault of the caller.
    pub fn advance(&mut self, rows: Vec<Rows>) -> Result<Reading<Lines>, Damaged> {
        match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Head(notes) => Ok(self.head(notes)),
            Stage::Logs => Ok(self.next_log(String::new())),
            Stage::Runs => self.runs(rows),
            Stage::Annotations(opened, asked) => self.annotated(opened, &asked, rows),
            Stage::Over => Ok(Reading::Ready(None)),
        }
    }

    /// The last line, once all others were given: the exporter's word that these are they.
    pub fn statement(&self, at: Timestamp, keys: &OurKeys) -> Vec<u8> {
        let export = Export {
            org: keys.org,
            channel: Some(self.view.channel),
            at,
            digest: self.digest.clone().finalize().into(),
        };
        let note = export.sign(&keys.sign);
        let note = note.expect("a statement has a few short lines");
        Line::Statement(note.bytes().to_vec()).write().into_bytes()
    }

    fn lines(&mut self, text: String) -> Reading<Lines> {
        self.digest.update(text.as_bytes());
        Reading::Ready(Some(text.into_bytes()))
    }

    fn head(&mut self, mut notes: usize) -> Reading<Lines> {
        let mut text = String::new();
        if !mem::replace(&mut self.begun, true) {
            text.push_str(FIRST);
            text.push('\n');
            text.push_str(&Line::Channel(self.view.channel).write());
        }
        while text.len() < EXPORT_PIECE_BYTES {
            let Some(org) = self.identities.pop_front() else {
                break;
            };
            for note in self.org.identity_bytes(org).into_iter().flatten() {
                text.push_str(&Line::Identity(note).write());
            }
        }
        // A proposal for a channel that is local yet governs nothing of what was written.
        let shared = self.view.governance.newest().is_some();
        let mut rest = self.view.governance.notes().skip(notes);
        while text.len() < EXPORT_PIECE_BYTES && shared {
            let Some((_, note)) = rest.next() else {
                drop(rest);
                return self.next_log(text);
            };
            notes += 1;
            text.push_str(&Line::Note(note.to_vec()).write());
        }
        drop(rest);
        if !shared && self.identities.is_empty() {
            return self.next_log(text);
        }
        self.stage = Stage::Head(notes);
        self.lines(text)
    }

    /// Begins the next log, behind what is to be given already, or asks for more of this one.
    fn next_log(&mut self, mut text: String) -> Reading<Lines> {
        let ended = self.log.filter(|(id, next)| *next >= self.signed(id));
        if let Some((id, _)) = ended {
            let fork = &self.view.logs[&id].fork;
            if !fork.is_empty() {
                text.push_str(&Line::Fork(fork.clone()).write());
            }
            self.log = None;
        }
        if self.log.is_none()
            && let Some(id) = self.logs.pop_front()
        {
            let log = &self.view.logs[&id];
            let begins = Line::Log {
                origin: id.origin,
                incarnation: id.incarnation,
                entries: log.signed,
            };
            text.push_str(&begins.write());
            text.push_str(&Line::Checkpoint(log.checkpoint.clone()).write());
            if log.checkpoint_size > log.signed {
                text.push_str(&Line::Proof(log.ahead.clone()).write());
            }
            self.log = Some((id, 0));
        }
        if !text.is_empty() {
            self.stage = match self.log {
                Some(_) => Stage::Logs,
                None => Stage::Over,
            };
            return self.lines(text);
        }
        let Some((id, next)) = self.log else {
            return Reading::Ready(None);
        };
        self.stage = Stage::Runs;
        Reading::Read(vec![self.keys.runs_from(id, next, EXPORT_RUNS_MAX)])
    }

    fn signed(&self, log: &LogId) -> u64 {
        self.view.logs[log].signed
    }

    fn runs(&mut self, rows: Vec<Rows>) -> Result<Reading<Lines>, Damaged> {
        let (id, next) = self.log.expect("runs are read of a log");
        let signed = self.signed(&id);
        let mut opened = Vec::new();
        let mut expected = next;
        for (key, value) in rows.into_iter().flatten() {
            let run = Run::from_value(&key, &value)?;
            for (sequence, entry) in (run.first..).zip(run.entries) {
                if sequence == expected && sequence < signed {
                    expected += 1;
                    opened.push(self.open(&key, entry)?);
                }
            }
        }
        if opened.is_empty() {
            let key = self.keys.run(id, next);
            return Err(Damaged::new(
                key,
                "the entries that the log's head promises",
            ));
        }
        let asks = opened.iter().flat_map(|opened| opened.asks.iter().copied());
        let asked: BTreeSet<EntryRef> = asks.collect();
        let asked: Vec<EntryRef> = asked.into_iter().collect();
        if asked.is_empty() {
            return self.annotated(opened, &asked, Vec::new());
        }
        let reads = asked.iter().map(|entry| self.keys.annotations(*entry));
        let reads = reads.collect();
        self.stage = Stage::Annotations(opened, asked);
        Ok(Reading::Read(reads))
    }

    fn open(&self, key: &Key, entry: StoredEntry) -> Result<Opened, Damaged> {
        let header = Header::decode(&entry.header).map_err(|wrong| {
            Damaged::new(key.clone(), "the header of an entry").caused_by(wrong)
        })?;
        let mut asks = Vec::new();
        let kind = header.known_kind().ok();
        let said = kind.zip(entry.body.as_ref());
        let said =
            said.and_then(|(kind, body)| Body::decode(kind, &header.class, &body.bytes).ok());
        if let Some(Body::Edit { target, .. }) = &said {
            asks.push(*target);
        }
        // What keeps logs together says nothing that anybody takes back.
        let kept = matches!(kind, Some(Kind::Opened | Kind::Heads | Kind::Note));
        if entry.body.is_some() && !kept {
            asks.push(header.reference());
        }
        Ok(Opened {
            entry,
            header,
            asks,
        })
    }

    fn annotated(
        &mut self,
        opened: Vec<Opened>,
        asked: &[EntryRef],
        rows: Vec<Rows>,
    ) -> Result<Reading<Lines>, Damaged> {
        assert_eq!(asked.len(), rows.len(), "each read has one answer");
        let mut said = BTreeMap::new();
        for (entry, rows) in asked.iter().zip(rows) {
            let all: &mut Vec<Annotation> = said.entry(*entry).or_default();
            for (key, value) in &rows {
                all.extend(Annotations::from_value(key, value)?.rows);
            }
        }
        let mut text = String::new();
        let (id, mut next) = self.log.expect("runs are read of a log");
        for opened in opened {
            // What is left of a large batch is read again: the piece has a size.
            if text.len() >= EXPORT_PIECE_BYTES {
                break;
            }
            let goes_out = self.goes_out(&opened, &said);
            let mut entry = opened.entry.into_raw();
            entry.body = entry.body.filter(|_| goes_out);
            text.push_str(&Line::Entry(entry).write());
            next += 1;
        }
        self.log = Some((id, next));
        self.stage = Stage::Logs;
        Ok(self.lines(text))
    }

    /// Whether the body of an entry goes out.
    fn goes_out(&self, opened: &Opened, said: &BTreeMap<EntryRef, Vec<Annotation>>) -> bool {
        let origin = opened.header.log.origin;
        let own = opened.header.reference();
        let rows = |entry: &EntryRef| said.get(entry).into_iter().flatten();
        // The text of a post that is gone is gone in its edits, too.
        let is_gone = |entry: &EntryRef, kind: u8, by: Option<AuthorId>| {
            rows(entry).any(|row| {
                row.kind == kind
                    && row.origin == origin.0
                    && by.is_none_or(|author| row.author == author.0)
            })
        };
        let about = || opened.asks.iter();
        if about().any(|entry| is_gone(entry, Annotation::ERASE, None)) {
            return false;
        }
        let author = Some(opened.header.author);
        self.bodies == Bodies::Held
            || (Verdict::counts(opened.entry.verdict)
                && !self.waiting.contains(&own)
                && !about().any(|entry| is_gone(entry, Annotation::RETRACT, author)))
    }
}
