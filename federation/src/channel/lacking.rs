//! What others say to hold of a log beyond what we hold.
//!
//! Usually it is under way to us. If it does not come, it is asked for from whoever stated it: its
//! origin may have lost it, or may be telling us another history, in which it never comes. What was
//! stated is compared with ours once we hold as much.
//!
//! It must not know how entries are taken.

use foedus_policy::id::{IncarnationId, OrgId};
use foedus_policy::time::{Now, Timestamp};

use super::{Channel, Effect, Examine};
use crate::bounds::{LACKING_AGAIN_MILLIS, LACKING_MAX, LACKING_MILLIS};
use crate::entry::LogId;
use crate::kind::Head;
use crate::steploop::Step;

/// A stated head that could not be compared yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lacking {
    head: Head,
    /// When it is asked for, if it has not come by then.
    ask_at: Timestamp,
}

impl Channel {
    /// Remembers those rows that state more than we hold: of each log the newest.
    pub(super) fn note_lacking(&mut self, stated_by: OrgId, rows: &[Head]) {
        for head in rows.iter().filter(|head| head.origin != stated_by) {
            let id = self.keys.log_id(head.origin, head.incarnation);
            let log = self.logs.get(&id);
            if log.is_none_or(|log| head.size > log.size() && !log.is_frozen()) {
                self.keep_stated(stated_by, *head);
            }
        }
    }

    /// Remembers a row until it is compared. Each organisation has room of its own, and none for
    /// logs of whoever has nothing to say here.
    pub(super) fn keep_stated(&mut self, stated_by: OrgId, head: Head) {
        let id = self.keys.log_id(head.origin, head.incarnation);
        let key = (stated_by, id);
        let first = IncarnationId([0; 16]);
        let stated = (stated_by, self.keys.log_id(OrgId([0; 32]), first))..;
        let stated = self.lacking.range(stated);
        let full = stated.take_while(|((by, _), _)| *by == stated_by).count() >= LACKING_MAX;
        if !self.governance.names(head.origin) || (full && !self.lacking.contains_key(&key)) {
            return;
        }
        let soon = self.step_wall.plus_millis(LACKING_MILLIS);
        let lacking = Lacking {
            head,
            ask_at: self.lacking.get(&key).map_or(soon, |known| known.ask_at),
        };
        self.lacking.insert(key, lacking);
    }

    /// Compares what has come, and asks for what has not.
    pub(super) fn look_for_lacking(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        let mut compared = Vec::new();
        let mut wanted = Vec::new();
        for ((stated_by, id), lacking) in &self.lacking {
            let held = self.logs.get(id).map_or(0, |log| log.size());
            let late = lacking.ask_at <= now.wall;
            if held >= lacking.head.size {
                compared.push((*stated_by, *id));
            } else if late && self.sessions.contains_key(stated_by) {
                wanted.push((*stated_by, *id));
            }
        }
        for key in compared {
            if self.is_examining_full() {
                break;
            }
            let Some(lacking) = self.lacking.remove(&key) else {
                continue;
            };
            let (stated_by, rows) = (key.0, vec![lacking.head]);
            self.examine(Examine::Heads { stated_by, rows }, step);
        }
        for (stated_by, id) in wanted {
            if let Some(lacking) = self.lacking.get_mut(&(stated_by, id)) {
                lacking.ask_at = now.wall.plus_millis(LACKING_AGAIN_MILLIS);
            }
            self.ask_for_lacking(now, stated_by, id, step);
        }
    }

    fn ask_for_lacking(
        &mut self,
        now: Now,
        stated_by: OrgId,
        id: LogId,
        step: &mut Step<'_, Effect>,
    ) {
        if id.origin == self.ours.org {
            return self.recover_from(now, stated_by, step);
        }
        self.doubted.insert((stated_by, id));
        if let Some(session) = self.sessions.get_mut(&stated_by) {
            session.retry = true;
        }
    }
}
