//! The audit log: a log like any other, with header, body, tree and checkpoint, that nobody else
//! is ever given.

use std::collections::BTreeMap;

use foedus_policy::action::{Action, Actor};
use foedus_policy::audit::{AuditEvent, AuditOutcome, audit_event};
use foedus_policy::id::{ChannelId, IncarnationId, NoteHash};
use foedus_policy::reason::Reason;
use foedus_policy::time::{Now, Timestamp};
use sha2::{Digest, Sha256};

use super::{Effect, Org};
use crate::batch::Read;
use crate::bounds::{DENIAL_SOURCES_MAX, DENIALS_PER_MINUTE_MAX};
use crate::checkpoint::Checkpoint;
use crate::damaged::Damaged;
use crate::entry::{Header, LogId, ORG_AUTHOR, Place, compose};
use crate::frame::RawEntry;
use crate::hlc::Hlc;
use crate::keys;
use crate::kind::{Body, ClosedLog, CustomName, Opened};
use crate::org_store::{actor_text, audit_value};
use crate::steploop::{Rows, Step};
use crate::stored::{AuditHead, Record, Run, StoredEntry};
use crate::tree::Frontier;

/// The audit log's place of a channel: none.
pub(crate) const NO_CHANNEL: ChannelId = ChannelId([0; 32]);

/// The head of the audit log.
#[derive(Debug, Clone)]
pub(super) struct AuditLog {
    /// Number of the last entry over all incarnations; the first has number 1.
    pub number: u64,
    pub incarnation: Option<IncarnationId>,
    pub run: Option<[u8; 16]>,
    pub tainted: u32,
    pub frontier: Frontier,
    pub checkpoint: Vec<u8>,
    pub hlc: Hlc,
    /// Entries of the present step.
    pub pending: Vec<StoredEntry>,
}

impl Default for AuditLog {
    fn default() -> Self {
        Self {
            number: 0,
            incarnation: None,
            run: None,
            tainted: 0,
            frontier: Frontier::EMPTY,
            checkpoint: Vec::new(),
            hlc: Hlc::ZERO,
            pending: Vec::new(),
        }
    }
}

/// Denials of the present minute: the first of a kind are written, the rest counted.
#[derive(Debug, Default)]
pub(super) struct Denials {
    minute: u64,
    /// By who asked, as the log names them, and the rule.
    counts: BTreeMap<(String, Reason), u32>,
    beyond: u64,
}

/// How often strangers were turned away in the present hour. They write nothing down one by one: whoever wants to
/// can be as many strangers as there are keys.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    hour: u64,
    count: u64,
}

impl Org {
    pub(super) fn audit(&mut self, now: Now, event: &AuditEvent, step: &mut Step<'_, Effect>) {
        let bytes = audit_value(event, now.wall);
        let name: CustomName = "audit".parse().expect("a valid name");
        self.append_audit(now, Body::Custom { name, bytes }, step);
    }

    fn append_audit(&mut self, now: Now, body: Body, step: &mut Step<'_, Effect>) {
        let Some(keys) = self.ours.clone() else {
            return;
        };
        let continued = self.audit.run == Some(self.run.0) && self.audit.tainted == self.tainted;
        if !continued {
            let closes = self.audit.incarnation.map(|incarnation| ClosedLog {
                incarnation,
                size: self.audit.frontier.size(),
                root: self.audit.frontier.root(),
            });
            self.audit.incarnation = Some(self.draw(b"foedus/audit-incarnation/v1\n"));
            self.audit.run = Some(self.run.0);
            self.audit.tainted = self.tainted;
            self.audit.frontier = Frontier::EMPTY;
            let key = *keys.sign.verifying_key().as_bytes();
            let opened = Body::Opened(Opened {
                key,
                closes: closes.into_iter().collect(),
            });
            self.push_audit(now, &opened, step);
        }
        self.push_audit(now, &body, step);
    }

    fn push_audit(&mut self, now: Now, body: &Body, step: &mut Step<'_, Effect>) {
        let Some(log) = self.audit_log() else { return };
        let hlc = Hlc::tick(self.audit.hlc, now.wall);
        let place = Place {
            log,
            sequence: self.audit.frontier.size(),
            hlc,
            revision: NoteHash::LOCAL,
            author: ORG_AUTHOR,
        };
        let salt = self.salt();
        let entry = compose(&place, body, salt).expect("events are cut to what a body may hold");
        self.audit.frontier.append(entry.leaf);
        self.audit.hlc = hlc;
        self.audit.number += 1;
        step.weigh(entry.raw.header.len() + 64);
        self.audit.pending.push(StoredEntry::of(entry.raw, 0));
    }

    fn audit_log(&self) -> Option<LogId> {
        Some(LogId {
            channel: NO_CHANNEL,
            origin: self.ours.as_ref()?.org,
            incarnation: self.audit.incarnation?,
        })
    }

    /// Writes the entries of the step, each with the number by which it is listed, and one
    /// checkpoint over all.
    pub(super) fn finish_audit(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        let pending = std::mem::take(&mut self.audit.pending);
        let (Some(log), Some(keys)) = (self.audit_log(), self.ours.clone()) else {
            return;
        };
        if pending.is_empty() {
            return;
        }
        let first = self.audit.number + 1 - pending.len() as u64;
        for (number, entry) in (first..).zip(pending) {
            let run = Run {
                arrival: number,
                arrived: now.wall.0,
                first: number,
                entries: vec![entry],
            };
            step.put(keys::audit_run(number), run.to_value());
        }
        let checkpoint = Checkpoint {
            log,
            size: self.audit.frontier.size(),
            root: self.audit.frontier.root(),
        };
        self.audit.checkpoint = checkpoint.sign(&keys.sign).bytes().to_vec();
        let head = AuditHead {
            number: self.audit.number,
            incarnation: self.audit.incarnation.map(|incarnation| incarnation.0),
            run: self.audit.run,
            tainted: self.audit.tainted,
            frontier: self.audit.frontier.encode(),
            checkpoint: self.audit.checkpoint.clone(),
            hlc: self.audit.hlc.0,
        };
        step.put(
            super::store::note_key(super::store::AUDIT, &[]),
            head.to_value(),
        );
    }

    /// Writes a denial down, or counts it if the same source ran into the same rule too often
    /// within this minute: nobody fills our disk by being refused.
    pub(super) fn audit_denial(
        &mut self,
        now: Now,
        actor: &Actor,
        action: &Action,
        reason: Reason,
        step: &mut Step<'_, Effect>,
    ) {
        let event = || audit_event(actor, action, Err(reason));
        self.audit_refusal(now, actor, reason, event, step);
    }

    /// As [`Org::audit_denial`], of what is no act.
    pub(super) fn audit_refusal(
        &mut self,
        now: Now,
        actor: &Actor,
        reason: Reason,
        event: impl FnOnce() -> AuditEvent,
        step: &mut Step<'_, Effect>,
    ) {
        self.flush_denials(now, step);
        let source = actor_text(actor);
        if self.denials.counts.len() >= DENIAL_SOURCES_MAX
            && !self.denials.counts.contains_key(&(source.clone(), reason))
        {
            self.denials.beyond += 1;
            return;
        }
        let count = self.denials.counts.entry((source, reason)).or_default();
        *count += 1;
        if *count <= DENIALS_PER_MINUTE_MAX {
            self.audit(now, &event(), step);
        }
    }

    /// When the minute is over, says how many denials were not written down.
    pub(super) fn flush_denials(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        let minute = now.wall.0 / 60_000;
        if self.denials.minute == minute {
            return;
        }
        let over = std::mem::take(&mut self.denials);
        self.denials.minute = minute;
        for ((source, reason), count) in over.counts {
            let left_out = count.saturating_sub(DENIALS_PER_MINUTE_MAX);
            if left_out > 0 {
                self.audit_count(now, source, Some(reason), u64::from(left_out), step);
            }
        }
        if over.beyond > 0 {
            self.audit_count(now, "many".to_owned(), None, over.beyond, step);
        }
    }

    /// They came before the tick that tells of them: they count for the hour that it may end.
    pub(super) fn count_strangers(&mut self, count: u64) {
        self.strangers.count = self.strangers.count.saturating_add(count);
    }

    /// When the hour is over, says how often strangers were turned away in it, if they were. A stop before that
    /// forgets them, here and in the metrics.
    pub(super) fn flush_strangers(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        let hour = now.wall.0 / 3_600_000;
        if self.strangers.hour == hour {
            return;
        }
        let over = std::mem::replace(&mut self.strangers, Strangers { hour, count: 0 });
        if over.count > 0 {
            self.audit_count(now, "strangers".to_owned(), None, over.count, step);
        }
    }

    fn audit_count(
        &mut self,
        now: Now,
        source: String,
        reason: Option<Reason>,
        count: u64,
        step: &mut Step<'_, Effect>,
    ) {
        let event = AuditEvent {
            actor: Actor::System,
            verb: "audit.denials",
            object: source,
            outcome: reason.map_or(AuditOutcome::Done, AuditOutcome::Denied),
            details: vec![("count", count.to_string())],
        };
        self.audit(now, &event, step);
    }

    fn draw(&self, what: &[u8]) -> IncarnationId {
        let hash = self.drawn(what);
        IncarnationId(hash[..16].try_into().expect("a hash has 32 bytes"))
    }

    fn salt(&self) -> [u8; 32] {
        self.drawn(b"foedus/audit-salt/v1\n")
    }

    fn drawn(&self, what: &[u8]) -> [u8; 32] {
        Sha256::new()
            .chain_update(what)
            .chain_update(self.seed)
            .chain_update(self.tainted.to_be_bytes())
            .chain_update(self.audit.number.to_be_bytes())
            .finalize()
            .into()
    }
}

/// Where the audit log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditStand {
    /// How many entries it has, over all incarnations.
    pub entries: u64,
    /// The checkpoint of its newest incarnation, a signed note. Each incarnation closes the one
    /// before it, so that this proves them all.
    pub checkpoint: Vec<u8>,
}

/// What has to be read to know where the audit log stands.
pub fn audit_stand_read() -> Read {
    Read::Get(super::store::note_key(super::store::AUDIT, &[]))
}

/// Where the audit log stands, if it has begun.
pub fn read_audit_stand(rows: &Rows) -> Result<Option<AuditStand>, Damaged> {
    let Some((key, value)) = rows.first() else {
        return Ok(None);
    };
    let head = AuditHead::from_value(key, value)?;
    Ok(Some(AuditStand {
        entries: head.number,
        checkpoint: head.checkpoint,
    }))
}

/// The number of a stored line of the audit log, and the entry itself.
pub fn read_audit_raw(key: &[u8], value: &[u8]) -> Result<(u64, RawEntry), Damaged> {
    let run = Run::from_value(key, value)?;
    let entry = run.entries.into_iter().next();
    let entry = entry.ok_or_else(|| Damaged::new(key.to_vec(), "an entry of the audit log"))?;
    Ok((run.first, entry.into_raw()))
}

/// One line of the audit log, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// The encoded event; `None` for an entry that is about the log itself.
    pub event: Option<Vec<u8>>,
}

/// Reads one stored line of the audit log.
pub fn read_audit_entry(key: &[u8], value: &[u8]) -> Result<AuditRecord, Damaged> {
    let run = Run::from_value(key, value)?;
    let damaged = || Damaged::new(key.to_vec(), "an entry of the audit log");
    let entry = run.entries.into_iter().next().ok_or_else(damaged)?;
    let header = Header::decode(&entry.header).map_err(|_| damaged())?;
    let body = entry.body.ok_or_else(damaged)?;
    let kind = header.known_kind().map_err(|_| damaged())?;
    let event = match Body::decode(kind, &header.class, &body.bytes).map_err(|_| damaged())? {
        Body::Custom { bytes, .. } => Some(bytes),
        _ => None,
    };
    Ok(AuditRecord {
        number: run.first,
        at: Timestamp(run.arrived),
        event,
    })
}
