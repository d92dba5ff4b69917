//! Appending to our own log, and what ends a step: runs, checkpoints and heads are written once
//! for all inputs of the step.

use std::mem;

use foedus_policy::id::{AuthorId, EntryRef, IncarnationId, NoteHash};
use foedus_policy::time::Now;
use sha2::{Digest, Sha256};

use super::{Channel, Effect, Log, Verdict, Void};
use crate::bounds::{
    HEADS_ENTRIES_MAX, HEADS_MILLIS_MAX, HEADS_ROWS_MAX, HEADS_STATED_BYTES_MAX, OWN_CLOSES_MAX,
    RUN_BYTES_MAX, RUN_ENTRIES_MAX, RUNS_REMEMBERED_MAX,
};
use crate::checkpoint::Checkpoint;
use crate::entry::{Entry, LogId, ORG_AUTHOR, Place, compose};
use crate::frame::RawEntry;
use crate::hlc::Hlc;
use crate::kind::{Body, ClosedLog, Head, InvalidBody, Kind, Opened};
use crate::steploop::Step;
use crate::stored::{self, Record, StoredEntry};

/// Entries of our own that the present step has not written yet.
#[derive(Debug, Default)]
pub struct Pending {
    log: Option<LogId>,
    first: u64,
    entries: Vec<StoredEntry>,
    bytes: usize,
}

/// Why nothing of ours was appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAppended {
    /// The body can't be made.
    #[error(transparent)]
    Body(#[from] InvalidBody),
    /// It would be void, everywhere.
    #[error("the entry would be void: {0:?}")]
    Void(Void),
}

/// Where an entry of ours comes to stand.
pub(super) struct NextPlace {
    pub log: LogId,
    pub sequence: u64,
    pub hlc: Hlc,
}

/// What is written, by whom.
pub(super) struct Draft {
    pub author: AuthorId,
    pub body: Body,
    /// 32 random bytes, never used before.
    pub salt: [u8; 32],
}

impl Channel {
    /// Appends an entry to our own log, and opens an incarnation first if none is open.
    ///
    /// Nothing is durable before the step is, and nobody is told before that. What is refused
    /// changes nothing.
    pub(super) fn append(
        &mut self,
        now: Now,
        draft: Draft,
        step: &mut Step<'_, Effect>,
    ) -> Result<(EntryRef, Hlc), NotAppended> {
        let revision = self.writing_revision();
        let next = self.next_place(now, 1);
        let place = Place {
            log: next.log,
            sequence: next.sequence,
            hlc: next.hlc,
            revision: revision.0,
            author: draft.author,
        };
        let entry = compose(&place, &draft.body, draft.salt)?;
        // The first of an incarnation comes before it, says less, and counts wherever this does.
        self.judge_own(&entry).map_err(NotAppended::Void)?;
        if self.own.is_none() {
            self.open_incarnation(now, revision, step);
        }
        Ok(self.push(now, entry, revision.1, step))
    }

    /// Where the last of so many entries would stand that are appended now; the first of an
    /// incarnation comes before them.
    pub(super) fn next_place(&self, now: Now, count: u64) -> NextPlace {
        let opens = u64::from(self.own.is_none());
        let incarnation = self.own.unwrap_or_else(|| self.draw_incarnation());
        let log = self.own_log(incarnation);
        let later = opens + count - 1;
        let first = Hlc::tick(Hlc(self.head.hlc), now.wall);
        NextPlace {
            log,
            sequence: self.logs.get(&log).map_or(0, Log::size) + later,
            hlc: Hlc(first.0.saturating_add(later)),
        }
    }

    /// Ends our present incarnation: the next entry opens another.
    pub(super) fn close_incarnation(&mut self, step: &mut Step<'_, Effect>) {
        self.flush_pending(step);
        self.own = None;
        self.head.incarnation = None;
        self.head.run = None;
        self.changed.head = true;
    }

    fn open_incarnation(
        &mut self,
        now: Now,
        revision: (NoteHash, u64),
        step: &mut Step<'_, Effect>,
    ) {
        let incarnation = self.draw_incarnation();
        let shared = revision.1 > 0;
        // A local time of the log stays unknown to participants, even that it existed.
        let closes: Vec<ClosedLog> = self
            .logs
            .iter()
            .filter(|(id, log)| {
                id.origin == self.ours.org && log.is_shared() == shared && log.closed_at.is_none()
            })
            // What is left over is closed by the next.
            .take(OWN_CLOSES_MAX)
            .map(|(id, log)| ClosedLog {
                incarnation: id.incarnation,
                size: log.size(),
                root: log.frontier.root(),
            })
            .collect();
        for closed in &closes {
            let id = self.own_log(closed.incarnation);
            self.change_log(id, step, |log| log.closed_at = Some(closed.size));
        }
        self.own = Some(incarnation);
        self.head.incarnation = Some(incarnation.0);
        self.head.run = Some(self.run.0);
        self.head.tainted = self.tainted;
        self.changed.head = true;
        let key = *self.ours.sign.verifying_key().as_bytes();
        let salt = self.derived_salt(&incarnation.0);
        let body = Body::Opened(Opened { key, closes });
        let place = Place {
            log: self.own_log(incarnation),
            sequence: 0,
            hlc: Hlc::tick(Hlc(self.head.hlc), now.wall),
            revision: revision.0,
            author: ORG_AUTHOR,
        };
        let opened = compose(&place, &body, salt).expect("it closes no more than fits");
        self.push(now, opened, revision.1, step);
    }

    /// Drawn from random bytes that are new in each run; one more with each incarnation, and with
    /// each commit whose outcome nobody knows.
    fn draw_incarnation(&self) -> IncarnationId {
        let hash = Sha256::new()
            .chain_update(b"foedus/incarnation/v1\n")
            .chain_update(self.seed)
            .chain_update(self.tainted.to_be_bytes())
            .chain_update((self.logs.len() as u64).to_be_bytes())
            .finalize();
        IncarnationId(hash[..16].try_into().expect("a hash has 32 bytes"))
    }

    /// A salt for an entry that nobody's request brought one for.
    pub(super) fn derived_salt(&self, of: &[u8]) -> [u8; 32] {
        let own_size = self
            .own
            .and_then(|own| self.logs.get(&self.own_log(own)))
            .map_or(0, Log::size);
        Sha256::new()
            .chain_update(b"foedus/salt/v1\n")
            .chain_update(self.seed)
            .chain_update(self.tainted.to_be_bytes())
            .chain_update(own_size.to_be_bytes())
            // An author may be spoken of at the same place of two incarnations of one run.
            .chain_update(self.own.map_or([0; 16], |own| own.0))
            .chain_update(of)
            .finalize()
            .into()
    }

    /// Appends an entry that was made for the next place of our log.
    fn push(
        &mut self,
        now: Now,
        entry: Entry,
        number: u64,
        step: &mut Step<'_, Effect>,
    ) -> (EntryRef, Hlc) {
        let (header, body) = (&entry.header, &entry.body);
        let body = body.as_ref().expect("what is made here has its body");
        let (id, hlc) = (header.log, header.hlc);
        let mut log = self.logs.get(&id).cloned().unwrap_or_else(Log::empty);
        assert_eq!(header.sequence, log.size(), "it was made for this place");
        log.key = *self.ours.sign.verifying_key().as_bytes();
        if let Some(tile) = log.frontier.append(entry.leaf) {
            step.put(self.keys.tile(id, tile.index), tile.hash.to_vec());
        }
        log.hlc = hlc;
        log.revision = number;
        self.logs.insert(id, log);
        self.head.hlc = hlc.0;
        self.changed.appended.insert(id);
        self.touch(id, step);
        self.changed.head = true;
        if body.kind() != Kind::Heads {
            self.count_unstated(now);
        }
        self.note_author(header, body, step);
        self.annotate(header, body, &[], step);
        let reference = header.reference();
        self.hold_pending(id, reference.sequence, entry.raw, step);
        (reference, hlc)
    }

    fn hold_pending(
        &mut self,
        log: LogId,
        sequence: u64,
        entry: RawEntry,
        step: &mut Step<'_, Effect>,
    ) {
        let entry = StoredEntry::of(entry, Verdict::Accepted.code());
        let bytes = entry.bytes();
        let full = self.pending.entries.len() >= RUN_ENTRIES_MAX
            || self.pending.bytes + bytes > RUN_BYTES_MAX;
        if full || self.pending.log != Some(log) {
            self.flush_pending(step);
        }
        if self.pending.entries.is_empty() {
            self.pending.log = Some(log);
            self.pending.first = sequence;
        }
        step.weigh(bytes);
        self.pending.bytes += bytes;
        self.pending.entries.push(entry);
    }

    /// Writes what is pending as one run.
    fn flush_pending(&mut self, step: &mut Step<'_, Effect>) {
        let Pending {
            log,
            first,
            entries,
            ..
        } = mem::take(&mut self.pending);
        if let Some(log) = log {
            self.write_run(log, first, entries, Vec::new(), step);
        }
    }

    /// Writes one run and its arrival; at most [`RUN_ENTRIES_MAX`] entries, of which those
    /// `held_back` are not shown yet.
    pub(super) fn write_run(
        &mut self,
        log: LogId,
        first: u64,
        entries: Vec<StoredEntry>,
        held_back: Vec<u64>,
        step: &mut Step<'_, Effect>,
    ) {
        assert!(
            !entries.is_empty() && entries.len() <= RUN_ENTRIES_MAX,
            "a run is 1 to 16 entries"
        );
        let last = first + entries.len() as u64 - 1;
        let arrival = self.next_arrival();
        let run = stored::Run {
            arrival,
            arrived: self.step_wall.0,
            first,
            entries,
        };
        step.put(self.keys.run(log, last), run.to_value());
        let arrived = stored::Arrival {
            origin: log.origin.0,
            incarnation: log.incarnation.0,
            first,
            last,
            shown_late: 0,
            held_back,
        };
        step.put(self.keys.arrival(arrival), arrived.to_value());
        self.changed.view = true;
    }

    /// The number of the next arrival.
    pub(super) fn next_arrival(&mut self) -> u64 {
        if self.head.last_run != Some(self.run.0) {
            // Cursors that the run before gave stay good up to where it ended.
            if let Some(run) = self.head.last_run {
                let end = stored::RunEnd {
                    run,
                    arrival: self.head.arrival,
                };
                self.head.runs.push(end);
                let surplus = self.head.runs.len().saturating_sub(RUNS_REMEMBERED_MAX);
                self.head.runs.drain(..surplus);
            }
            self.head.last_run = Some(self.run.0);
        }
        self.head.arrival += 1;
        self.changed.head = true;
        self.head.arrival
    }

    pub(super) fn own_log(&self, incarnation: IncarnationId) -> LogId {
        self.keys.log_id(self.ours.org, incarnation)
    }

    pub(super) fn change_log(
        &mut self,
        id: LogId,
        step: &mut Step<'_, Effect>,
        change: impl FnOnce(&mut Log),
    ) {
        if let Some(log) = self.logs.get_mut(&id) {
            change(log);
            self.touch(id, step);
            self.changed.view = true;
        }
    }

    /// Has the head of a log written when the step ends, and counts it now.
    pub(super) fn touch(&mut self, id: LogId, step: &mut Step<'_, Effect>) {
        if self.changed.logs.insert(id) {
            let log = self.logs.get(&id).expect("what changed is held");
            // Its checkpoint may become another within the step.
            step.weigh(log.head_bytes_max());
        }
    }

    pub(super) fn count_unstated(&mut self, now: Now) {
        if self.head.unstated == 0 {
            self.head.unstated_since = now.wall.0;
        }
        self.head.unstated += 1;
        self.changed.head = true;
    }

    /// States what we hold of the others' logs, once enough is new or it is long since.
    pub(super) fn state_heads(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        let since = now.wall.0.abs_diff(self.head.unstated_since);
        let due = self.head.unstated >= HEADS_ENTRIES_MAX
            || (self.head.unstated > 0 && since >= HEADS_MILLIS_MAX);
        if !due || !self.may_write_control(now) {
            return;
        }
        let mut bytes = 0;
        let mut fits = |log: &Log| {
            bytes += log.head_bytes();
            bytes <= HEADS_STATED_BYTES_MAX
        };
        let mut all = true;
        let grown: Vec<(LogId, Head)> = self
            .logs
            .iter()
            .filter(|(id, log)| {
                id.origin != self.ours.org && log.is_shared() && log.size() > log.stated
            })
            .take_while(|(_, log)| {
                all = fits(log);
                all
            })
            .take(HEADS_ROWS_MAX)
            .map(|(id, log)| {
                let head = Head {
                    origin: id.origin,
                    incarnation: id.incarnation,
                    size: log.size(),
                    root: log.frontier.root(),
                };
                (*id, head)
            })
            .collect();
        // What is left over is stated with the next step.
        let rest = !all || grown.len() == HEADS_ROWS_MAX;
        self.head.unstated = if rest { HEADS_ENTRIES_MAX } else { 0 };
        self.changed.head = true;
        if grown.is_empty() {
            return;
        }
        for (id, head) in &grown {
            self.change_log(*id, step, |log| log.stated = head.size);
        }
        let body = Body::Heads(grown.into_iter().map(|(_, head)| head).collect());
        let salt = self.derived_salt(b"heads");
        self.append(
            now,
            Draft {
                author: ORG_AUTHOR,
                body,
                salt,
            },
            step,
        )
        .expect("rows are bounded, so that heads fit into a body, and control entries count now");
    }

    /// Ends a step: everything that changed is written once, and one signature covers all that
    /// was appended to our log.
    pub(super) fn finish_step(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        self.tell_members(now, step);
        self.state_heads(now, step);
        self.queue_review(step);
        self.flush_pending(step);
        let appended = mem::take(&mut self.changed.appended);
        for id in mem::take(&mut self.changed.logs) {
            let mut log = self.logs.get(&id).cloned().expect("a changed log is held");
            if appended.contains(&id) {
                let checkpoint = Checkpoint {
                    log: id,
                    size: log.size(),
                    root: log.frontier.root(),
                };
                // A crash after the commit loses nothing: the checkpoint is in the same commit as
                // the entries that it covers.
                log.checkpoint = checkpoint.sign(&self.ours.sign).bytes().to_vec();
                log.checkpoint_size = log.size();
                log.signed = log.size();
                log.ahead = Vec::new();
                self.logs.insert(id, log.clone());
            }
            step.put(self.keys.log(id), log.to_record().to_value());
            self.changed.view = true;
        }
        if mem::take(&mut self.changed.head) {
            step.put(self.keys.head(), self.head.to_value());
        }
        if mem::take(&mut self.changed.view) {
            step.publish(Effect::View(self.view()));
        }
    }
}
