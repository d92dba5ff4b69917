//! The audit log: numbered through over all its incarnations, each a tree of its own that the next one closes.

use super::{Fault, Faults};
use crate::checkpoint::VerifiedCheckpoint;
use crate::entry::Entry;
use crate::key::VerifyingKey;
use crate::keys;
use crate::kind::Body;
use crate::org::{AUDIT_HEAD, CLOCK, VERSION};
use crate::stored::{AuditHead, ClockKept, Record, Run, StateVersion, StoredNote};
use crate::tree::Frontier;

#[derive(Debug, Default)]
pub(super) struct AuditInspection {
    /// The number of the last entry.
    last: u64,
    frontier: Option<Frontier>,
    /// The key that the present incarnation names.
    key: Option<[u8; 32]>,
    head: Option<AuditHead>,
    /// Something was told already: what follows from it is not told again.
    broken: bool,
}

impl AuditInspection {
    pub(super) fn take_entry(&mut self, key: &[u8], value: &[u8], faults: &mut Faults) {
        let Some(run) = faults.check(Run::from_value(key, value)) else {
            self.broken = true;
            self.last += 1;
            return;
        };
        let number = run.first;
        if number != self.last + 1 || key != keys::audit_run(number) {
            self.tell(
                Fault::AuditMissing {
                    number: self.last + 1,
                },
                faults,
            );
        }
        self.last = number;
        let entry = run.entries.into_iter().next();
        let Some(Ok(entry)) = entry.map(|stored| Entry::read(stored.into_raw())) else {
            return self.tell(Fault::AuditEntry { number }, faults);
        };
        if let Some(Body::Opened(opened)) = &entry.body {
            let before = self.frontier.take().unwrap_or(Frontier::EMPTY);
            let closed = opened.closes.first();
            let fits = closed.map_or(before.size() == 0, |closed| {
                closed.size == before.size() && closed.root == before.root()
            });
            if !fits {
                self.tell(Fault::AuditTree, faults);
            }
            self.key = Some(opened.key);
        }
        let frontier = self.frontier.get_or_insert(Frontier::EMPTY);
        if entry.header.sequence != frontier.size() {
            return self.tell(Fault::AuditEntry { number }, faults);
        }
        frontier.append(entry.leaf);
    }

    /// Notes of the organisation, of which the audit log's head is looked into.
    pub(super) fn take_note(&mut self, key: &[u8], value: &[u8], faults: &mut Faults) {
        match key.get(2) {
            Some(&AUDIT_HEAD) => {
                self.head = faults.check(AuditHead::from_value(key, value));
                self.broken |= self.head.is_none();
            }
            Some(&CLOCK) => {
                faults.check(ClockKept::from_value(key, value));
            }
            Some(&VERSION) => {
                faults.check(StateVersion::from_value(key, value));
            }
            _ => {
                faults.check(StoredNote::from_value(key, value));
            }
        }
    }

    pub(super) fn end(mut self, faults: &mut Faults) {
        let head = self.head.take();
        let Some(head) = head else {
            if self.last > 0 {
                self.tell(Fault::AuditTree, faults);
            }
            return;
        };
        if head.number != self.last {
            self.tell(
                Fault::AuditMissing {
                    number: self.last + 1,
                },
                faults,
            );
        }
        if !self.is_proven(&head) {
            self.tell(Fault::AuditTree, faults);
        }
    }

    fn is_proven(&self, head: &AuditHead) -> bool {
        let Some((frontier, key)) = self.frontier.as_ref().zip(self.key) else {
            return head.checkpoint.is_empty();
        };
        let checkpoint = VerifyingKey::from_bytes(&key)
            .ok()
            .and_then(|key| VerifiedCheckpoint::verify(&head.checkpoint, &key).ok());
        checkpoint.is_some_and(|checkpoint| {
            head.frontier == frontier.encode()
                && checkpoint.size() == frontier.size()
                && *checkpoint.root() == frontier.root()
        })
    }

    fn tell(&mut self, fault: Fault, faults: &mut Faults) {
        if !std::mem::replace(&mut self.broken, true) {
            faults.add(fault);
        }
    }
}
